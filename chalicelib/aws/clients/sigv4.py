"""AWS Signature Version 4; and by it the requests that a redirect makes: POST of JSON to the root of a service."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from chalicelib.settings import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"


def signed(
    headers: Mapping[str, str], body: bytes, service: str, region: str, credentials: Credentials, now: datetime
) -> dict[str, str]:
    """Return ``headers`` (lower-case names, ``host`` among them) with those that sign them at ``now`` (aware, UTC)."""
    moment = moment_of(now)
    sent = {**headers, "x-amz-date": moment}
    if credentials.session_token:
        sent["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(sent))
    canonical = "\n".join(f"{name}:{' '.join(sent[name].split())}" for name in sorted(sent))
    request = f"POST\n/\n\n{canonical}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    proof = signature(to_sign(request, moment, scope), credentials, scope)
    sent["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={proof}"
    )
    return sent


def moment_of(now: datetime) -> str:
    """Write ``now`` (aware, UTC) as signatures have it."""
    return f"{now:%Y%m%dT%H%M%SZ}"


def to_sign(request: str, moment: str, scope: str) -> str:
    """Return what is signed for a request in its canonical form."""
    return f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"


def signature(text: str, credentials: Credentials, scope: str) -> str:
    """Return the signature of ``text``; ``scope`` is day, region, service and ``aws4_request``."""
    day, region, service, _ = scope.split("/")
    return hmac.new(_key(credentials.secret_key, day, region, service), text.encode(), "sha256").hexdigest()


@functools.lru_cache(maxsize=8)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the key of a day, region and service; it is the same all day long."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
