"""What others may do in S3 for a while, signed beforehand: fetch one object, or put one there (Signature Version 4)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.aws.signing import ALGORITHM, moment_of, signature, to_sign
from chalicelib.settings import Credentials


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, for S3 in ``region``, at ``now`` (aware, UTC)."""

    credentials: Credentials
    region: str
    now: datetime

    def download(self, url: str, query: Mapping[str, str], lasts: timedelta) -> str:
        """Return ``url``, an object's without a query, with what lets whoever has it GET it for so long."""
        wanted = {
            **query,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.credentials.access_key}/{self._scope}",
            "X-Amz-Date": moment_of(self.now),
            "X-Amz-Expires": str(int(lasts.total_seconds())),
            "X-Amz-SignedHeaders": "host",
        }
        if self.credentials.session_token:
            wanted["X-Amz-Security-Token"] = self.credentials.session_token
        text = "&".join(f"{_escaped(name)}={_escaped(wanted[name])}" for name in sorted(wanted))
        parts = urlsplit(url)
        request = f"GET\n{parts.path}\n{text}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        return f"{url}?{text}&X-Amz-Signature={self._signature(to_sign(request, moment_of(self.now), self._scope))}"

    def upload(self, fields: Mapping[str, str], conditions: Sequence[Any], lasts: timedelta) -> dict[str, str]:
        """Return the fields of a form: whoever has it may POST it to a bucket for so long, a file as its last field.

        ``fields`` are in it and can be no others; ``conditions`` are further ones, in the words of S3's POST policies.
        """
        sent = {
            **fields,
            "x-amz-algorithm": ALGORITHM,
            "x-amz-credential": f"{self.credentials.access_key}/{self._scope}",
            "x-amz-date": moment_of(self.now),
        }
        if self.credentials.session_token:
            sent["x-amz-security-token"] = self.credentials.session_token
        policy = {
            "expiration": f"{self.now + lasts:%Y-%m-%dT%H:%M:%SZ}",
            "conditions": [*({name: value} for name, value in sent.items()), *conditions],
        }
        text = base64.b64encode(json.dumps(policy).encode()).decode()
        return {**sent, "policy": text, "x-amz-signature": self._signature(text)}

    @property
    def _scope(self) -> str:
        return f"{self.now:%Y%m%d}/{self.region}/s3/aws4_request"

    def _signature(self, text: str) -> str:
        return signature(text, self.credentials, self._scope)


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")
