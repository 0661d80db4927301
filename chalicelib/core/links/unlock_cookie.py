"""The unlock cookie: signed proof that a browser has given the password of a link before, valid for that link only.

It does not replace the password, which is still required: it only exempts a browser from waiting while others guess.
A new password invalidates it. ``<until>.<id>.<signature>``: seconds since 1970, hexadecimal digits.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import datetime, timedelta
from hashlib import blake2b

NAME = "opened"
LASTS = timedelta(days=90)
_COOKIE = re.compile(rf"(?:^|; *){NAME}=(\d{{1,12}})\.([0-9a-f]{{32}})\.([0-9a-f]{{32}})(?:$|;)")


def new(link_id: str, digest: str, secret: bytes, now: datetime) -> str:
    """Return a new cookie for a browser that has just unlocked a link; ``digest`` is of its password."""
    until, browser = int((now + LASTS).timestamp()), secrets.token_hex(16)
    return f"{until}.{browser}.{_signature(link_id, digest, until, browser, secret)}"


def browser_in(cookies: str, link_id: str, digest: str, secret: bytes, now: datetime) -> str | None:
    """Return the id of a browser that has unlocked the link before, from its Cookie header, or None."""
    found = _COOKIE.search(cookies)
    if found is None or int(found[1]) <= now.timestamp():
        return None
    expected = _signature(link_id, digest, int(found[1]), found[2], secret)
    return found[2] if hmac.compare_digest(found[3], expected) else None


def _signature(link_id: str, digest: str, until: int, browser: str, secret: bytes) -> str:
    return blake2b(f"{link_id} {digest} {until} {browser}".encode(), key=secret, digest_size=16).hexdigest()
