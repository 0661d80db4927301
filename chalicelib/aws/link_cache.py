"""The container's cache of links, in front of the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib.aws.dynamodb import link_store
from chalicelib.core.circuit_breaker import CircuitBreaker
from chalicelib.core.links.link import Link
from chalicelib.core.ttl_cache import TtlCache
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

UNKNOWN_LASTS = 5  # seconds that a code is cached as unknown: short, because it may be created at any moment
STALE_LASTS = 600  # seconds that the cache replaces a table that does not respond
_UNKNOWN_AT_MOST = 1000  # codes, in a cache of their own: guessing codes must not evict links

_links: TtlCache[Link] = TtlCache(settings.link_cache_size)
_unknown: TtlCache[None] = TtlCache(min(_UNKNOWN_AT_MOST, settings.link_cache_size))
_table = CircuitBreaker()


@dataclass(frozen=True, slots=True)
class Found:
    """A link or None, and its source: the cache, the table, or the cache past its normal lifetime."""

    link: Link | None
    source: Literal["hit", "miss", "stale"]


def get(link_id: str, now: datetime) -> Found:
    """Return the link of ``link_id``, from the cache if it is fresh, from the table otherwise.

    When the table does not respond, links that the cache read within the last ten minutes are returned.

    Raises:
        StoreUnavailable: the table does not respond, or failed recently, and the link is not in the cache.
    """
    if (fresh := _links.get(link_id, now, settings.link_cache_seconds)) is not None:
        return Found(fresh.value, "hit")
    if _unknown.get(link_id, now, UNKNOWN_LASTS) is not None:
        return Found(None, "hit")
    try:
        link = _find_in_table(link_id, now)
    except StoreUnavailable:
        if (stale := _links.get(link_id, now, STALE_LASTS)) is not None:
            return Found(stale.value, "stale")
        raise
    if link is None:
        evict(link_id, now)
    else:
        put(link, now)
    return Found(link, "miss")


def has_fresh(link_id: str, now: datetime) -> bool:
    """Tell whether the link of ``link_id`` is in the cache and fresh."""
    return _links.get(link_id, now, settings.link_cache_seconds) is not None


def put(link: Link, now: datetime) -> None:
    """Store the current version of a link; if it is not cacheable, evict the old one."""
    _unknown.evict(link.id)
    if link.is_cacheable:
        _links.put(link.id, link, now)
    else:
        _links.evict(link.id)


def evict(link_id: str, now: datetime) -> None:
    """Evict the link of ``link_id``, and cache the code as unknown."""
    _links.evict(link_id)
    _unknown.put(link_id, None, now)


def reset() -> None:
    """Empty the cache, as in a new container."""
    _links.clear()
    _unknown.clear()
    _table.reset()


def _find_in_table(link_id: str, now: datetime) -> Link | None:
    if _table.is_open(now):
        raise StoreUnavailable
    try:
        return link_store.find(link_id)
    except StoreUnavailable:
        _table.trip(now)
        raise
