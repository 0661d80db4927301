"""AWS Signature Version 4, and its use for the requests of ``http_client``: POST of JSON to the root of a service."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from chalicelib.settings import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"


def sign(
    headers: Mapping[str, str], body: bytes, service: str, region: str, credentials: Credentials, now: datetime
) -> dict[str, str]:
    """Return ``headers`` (lower-case names, including ``host``) with a signature made at ``now`` (aware, UTC)."""
    time = timestamp(now)
    sent = {**headers, "x-amz-date": time}
    if credentials.session_token:
        sent["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(sent))
    canonical = "\n".join(f"{name}:{' '.join(sent[name].split())}" for name in sorted(sent))
    request = f"POST\n/\n\n{canonical}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    proof = signature(string_to_sign(request, time, scope), credentials, scope)
    sent["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={proof}"
    )
    return sent


def timestamp(now: datetime) -> str:
    """Return ``now`` (aware, UTC) in the format of signatures."""
    return f"{now:%Y%m%dT%H%M%SZ}"


def string_to_sign(request: str, time: str, scope: str) -> str:
    """Return the string to sign for a canonical request."""
    return f"{ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"


def signature(text: str, credentials: Credentials, scope: str) -> str:
    """Return the signature of ``text``; ``scope`` is day, region, service and ``aws4_request``."""
    day, region, service, _ = scope.split("/")
    return hmac.new(_key(credentials.secret_key, day, region, service), text.encode(), "sha256").hexdigest()


@functools.lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the signing key of a day, region and service, which is the same all day."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
