"""Presigned requests to S3, valid for a while: download one object, or upload one (Signature Version 4)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.aws.clients.sigv4 import ALGORITHM, signature, string_to_sign, timestamp
from chalicelib.settings import Credentials


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests to S3 in ``region``, at ``now`` (aware, UTC)."""

    credentials: Credentials
    region: str
    now: datetime

    def download(self, url: str, query: Mapping[str, str], valid_for: timedelta) -> str:
        """Return a presigned URL to GET ``url``, that of an object without a query."""
        parameters = {
            **query,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.credentials.access_key}/{self._scope}",
            "X-Amz-Date": timestamp(self.now),
            "X-Amz-Expires": str(int(valid_for.total_seconds())),
            "X-Amz-SignedHeaders": "host",
        }
        if self.credentials.session_token:
            parameters["X-Amz-Security-Token"] = self.credentials.session_token
        text = "&".join(f"{_percent_encode(name)}={_percent_encode(parameters[name])}" for name in sorted(parameters))
        parts = urlsplit(url)
        request = f"GET\n{parts.path}\n{text}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        return (
            f"{url}?{text}&X-Amz-Signature={self._signature(string_to_sign(request, timestamp(self.now), self._scope))}"
        )

    def upload(self, fields: Mapping[str, str], conditions: Sequence[Any], valid_for: timedelta) -> dict[str, str]:
        """Return the fields of a presigned form to POST to a bucket, with the file as an additional last field.

        The form contains ``fields``, and S3 accepts no other values; ``conditions`` are further conditions of its POST
        policy.
        """
        signed_fields = {
            **fields,
            "x-amz-algorithm": ALGORITHM,
            "x-amz-credential": f"{self.credentials.access_key}/{self._scope}",
            "x-amz-date": timestamp(self.now),
        }
        if self.credentials.session_token:
            signed_fields["x-amz-security-token"] = self.credentials.session_token
        policy = {
            "expiration": f"{self.now + valid_for:%Y-%m-%dT%H:%M:%SZ}",
            "conditions": [*({name: value} for name, value in signed_fields.items()), *conditions],
        }
        text = base64.b64encode(json.dumps(policy).encode()).decode()
        return {**signed_fields, "policy": text, "x-amz-signature": self._signature(text)}

    @property
    def _scope(self) -> str:
        return f"{self.now:%Y%m%d}/{self.region}/s3/aws4_request"

    def _signature(self, text: str) -> str:
        return signature(text, self.credentials, self._scope)


def _percent_encode(text: str) -> str:
    return quote(text, safe="-_.~")
