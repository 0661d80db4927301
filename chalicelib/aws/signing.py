"""AWS Signature Version 4, for the one kind of request that a redirect makes: POST of JSON to the root of a service."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from chalicelib.settings import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


def signed(
    headers: Mapping[str, str], body: bytes, service: str, region: str, credentials: Credentials, now: datetime
) -> dict[str, str]:
    """Return ``headers`` (lower-case names, ``host`` among them) with those that sign them at ``now`` (aware, UTC)."""
    moment = f"{now:%Y%m%dT%H%M%SZ}"
    day = moment[:8]
    sent = {**headers, "x-amz-date": moment}
    if credentials.session_token:
        sent["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(sent))
    canonical = "\n".join(f"{name}:{' '.join(sent[name].split())}" for name in sorted(sent))
    request = f"POST\n/\n\n{canonical}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(_key(credentials.secret_key, day, region, service), text.encode(), "sha256").hexdigest()
    sent["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


@functools.lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the key of a day, region and service; it is the same all day long."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
