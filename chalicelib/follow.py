"""Deed: a code and a moment become a destination, or the reason there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib import logs
from chalicelib.aws import link_cache
from chalicelib.core import codes
from chalicelib.errors import LinkUnknown

CACHED_AT_MOST = (
    3600  # seconds a browser may keep a permanent redirect: longer, and an edited link would never reach it
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a visitor goes. ``url`` is pure ASCII; ``cache_seconds`` is 0 where every visit should come here first."""

    url: str
    permanent: bool
    cache_seconds: int
    owner: str | None = None
    """Whose link led here."""


def follow(code: str, now: datetime) -> Destination:
    """Find and judge the link of ``code`` for a visitor who arrives at ``now`` (aware, UTC).

    Raises:
        LinkUnknown, LinkExpired
        StoreUnavailable: neither table nor memory could tell.
    """
    if not codes.is_code(code):
        raise LinkUnknown(code)
    found = link_cache.find(code, now)
    logs.note(cache=found.source, CacheHit=int(found.source == "hit"))
    link = found.link
    if link is None:
        raise LinkUnknown(code)
    url = link.target_at(now)
    if not link.permanent:
        return Destination(url, permanent=False, cache_seconds=0, owner=link.owner)
    left = link.seconds_left(now)
    cache_seconds = int(min(CACHED_AT_MOST, CACHED_AT_MOST if left is None else left))
    return Destination(url, permanent=True, cache_seconds=cache_seconds, owner=link.owner)
