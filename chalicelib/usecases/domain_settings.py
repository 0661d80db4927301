"""Read the settings of domains as they were within the last minute. A redirect that follows a link does not."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws.dynamodb import domain_store
from chalicelib.core.access.domain_settings import DomainSettings
from chalicelib.core.circuit_breaker import CircuitBreaker
from chalicelib.core.ttl_cache import TtlCache
from chalicelib.errors import StoreUnavailable

_LASTS = 60  # seconds that settings and files are cached in a container, as links are
_STALE_LASTS = 600  # seconds that the cache replaces a table that does not respond

_settings: TtlCache[DomainSettings] = TtlCache(200)
_files: TtlCache[str | None] = TtlCache(20)
_table = CircuitBreaker()


def find(space: str, now: datetime) -> DomainSettings:
    """Return the settings of a space; without a record, the defaults.

    Raises:
        StoreUnavailable
    """
    return _settings.get_or_read(space, now, lambda: _in_table(space, now), lasts=_LASTS, stale_lasts=_STALE_LASTS)


def find_file(space: str, name: str, now: datetime) -> str | None:
    """Return a file for apps of a space, a JSON text, or None.

    Raises:
        StoreUnavailable
    """
    key = f"{space}#{name}"
    if (fresh := _files.get(key, now, _LASTS)) is not None:
        return fresh.value
    text = domain_store.find_file(space, name)
    _files.put(key, text, now)
    return text


def reset() -> None:
    """Empty the cache, as in a new container."""
    _settings.clear()
    _files.clear()
    _table.reset()


def _in_table(space: str, now: datetime) -> DomainSettings:
    if _table.is_open(now):
        raise StoreUnavailable
    try:
        return domain_store.find(space)
    except StoreUnavailable:
        _table.trip(now)
        raise
