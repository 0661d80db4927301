"""Authenticate a request: determine its caller from its headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.aws.dynamodb import key_store, rate_counters
from chalicelib.core import limits
from chalicelib.core.access import api_key
from chalicelib.core.access import caller as callers
from chalicelib.core.access.api_key import Key
from chalicelib.core.access.caller import Caller
from chalicelib.core.ttl_cache import Entry, TtlCache
from chalicelib.errors import KeyRefused, StoreUnavailable, TooManyRequests
from chalicelib.usecases import identify_visitor

_KEY_LASTS = 30  # seconds that a key is cached in a container: a revoked key is refused within a minute
_USE_NOTED = timedelta(minutes=1)  # at most one write a minute

_keys: TtlCache[Key] = TtlCache(1000)


def authenticate(headers: Mapping[str, str], address: str, now: datetime) -> Caller:
    """Return the caller: ``Authorization: Bearer`` is read first, then ``X-Api-Key`` (``headers``: lower-case names).

    Unknown keys are counted for the network of ``address``: API keys here, manage keys when the link is read.

    Raises:
        KeyRefused: the key is not valid.
        TooManyRequests: too many keys from this network were refused.
        StoreUnavailable
    """
    text = _text_in(headers)
    if text is None:
        return callers.without_key()
    if api_key.is_manage_key(text):
        return with_manage_key(text, address, now)
    key_id, secret = api_key.parse(text) or ("", "")
    entry = _find(key_id, now) if key_id else None
    if entry is None or not entry.value.is_valid(secret, now):
        raise KeyRefused(_count_unknown_key(address, now) if key_id else None)
    _note_use(entry, now)
    return callers.with_key(entry.value)


def with_manage_key(text: str, address: str, now: datetime) -> Caller:
    """Return the caller with the key to one link; if it opens none, that is counted for the network of ``address``."""
    return replace(callers.with_manage_key(text), count_refusal=lambda: _count_unknown_key(address, now))


def known_by_network(caller: Caller, address: str) -> Caller:
    """Return ``caller`` with its network as the principal, which is stored as a keyed hash, for two days at most.

    Raises:
        StoreUnavailable: the secret for ids of networks is unavailable.
    """
    return replace(caller, principal=_network_of(address))


def _count_unknown_key(address: str, now: datetime) -> dict[str, str]:
    """Count a key that opens nothing; return the rate limit headers."""
    window = limits.UNKNOWN_KEYS
    try:
        counted = rate_counters.spend(_network_of(address), window, 1, now)
    except StoreUnavailable:
        return {}  # the key is refused either way
    if counted is None:
        raise TooManyRequests(window.seconds_left(now), limits.headers({window: window.most}, now))
    return limits.headers({window: counted}, now)


def _network_of(address: str) -> str:
    return f"network#{identify_visitor.network(address)}"


def evict_key(key_id: str) -> None:
    """Remove a key from the cache, because it was just revoked."""
    _keys.evict(key_id)


def reset() -> None:
    """Empty the cache, as in a new container."""
    _keys.clear()


def _text_in(headers: Mapping[str, str]) -> str | None:
    scheme, _, text = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return headers["x-api-key"].strip() if "x-api-key" in headers else None


def _find(key_id: str, now: datetime) -> Entry[Key] | None:
    if (entry := _keys.get(key_id, now, _KEY_LASTS)) is not None:
        return entry
    found = key_store.find_key(key_id)
    if found is None:
        return None
    _keys.put(key_id, found, now)
    return Entry(found, now)


def _note_use(entry: Entry[Key], now: datetime) -> None:
    """Record that a key was used. Its cache entry keeps its age, because the key was not read again."""
    found = entry.value
    if found.last_used_at is None or now - found.last_used_at >= _USE_NOTED:
        key_store.record_use(found.id, now, now - _USE_NOTED)
        _keys.put(found.id, replace(found, last_used_at=now), entry.stored_at)
