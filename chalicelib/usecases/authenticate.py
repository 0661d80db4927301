"""Deed: the headers of a request become who calls, and how often they still may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.aws import key_table, rates, salts
from chalicelib.core import caller as callers
from chalicelib.core import click, key, limits
from chalicelib.core.caller import Caller
from chalicelib.core.key import Key
from chalicelib.core.limits import Window
from chalicelib.core.memory import Memory
from chalicelib.errors import KeyRefused, StoreUnavailable, TooManyRequests
from chalicelib.settings import settings

_KEY_REMEMBERED = 30  # seconds a container trusts its memory of a key: a revoked one is dead within a minute
_USE_NOTED = timedelta(minutes=1)  # at most one write a minute

_keys: Memory[Key] = Memory(1000)
_per_key = Window("key-minute", 60, settings.key_per_minute)
_anonymous = (
    Window("anonymous-hour", 3600, settings.anonymous_per_hour),
    Window("anonymous-day", 86400, settings.anonymous_per_day),
)


def authorize(headers: Mapping[str, str], now: datetime) -> Caller:
    """Return who calls: ``Authorization: Bearer`` is asked first, then ``X-Api-Key`` (``headers``: lower-case names).

    Raises:
        KeyRefused: there is a key, and it is not good.
        StoreUnavailable
    """
    text = _text_in(headers)
    if text is None:
        return Caller(principal="", name="anonymous")
    if key.is_manage_key(text):
        return callers.with_manage_key(text)
    key_id, secret = key.parts_of(text) or ("", "")
    found = _find(key_id, now) if key_id else None
    if found is None or not found.is_good(secret, now):
        raise KeyRefused
    _note_use(found, now)
    return callers.with_key(found)


def may_create(caller: Caller) -> None:
    """Let pass who may make links.

    Raises:
        KeyMissing: nobody may without a key, here.
        ScopeMissing
    """
    if not (caller.is_anonymous and settings.open_create):
        caller.require("create")


def known_by_network(caller: Caller, address: str) -> Caller:
    """Return ``caller``, who has no key, known by their network; it is kept as a keyed hash, for two days at the most.

    Raises:
        StoreUnavailable: there is no secret, so nobody can be told from anybody.
    """
    return replace(caller, principal=f"network#{click.visitor_of(address, '', salts.secret('networks'))}")


def are_counted() -> bool:
    """Tell whether there are limits for who has no key."""
    return any(window.most for window in _anonymous)


def spend(caller: Caller, cost: int, now: datetime) -> dict[str, str]:
    """Count what ``caller`` does, and return the headers that say what they still may.

    While nobody can count, who has a key goes on, and who has none does not.

    Raises:
        TooManyRequests
        StoreUnavailable
    """
    spent: dict[Window, int] = {}
    for window in _anonymous if caller.is_anonymous else (_per_key,):
        if not window.most:
            continue
        try:
            counted = rates.spend(caller.principal, window, cost if caller.is_anonymous else 1, now)
        except StoreUnavailable:
            if caller.is_anonymous:
                raise
            return {}
        if counted is None:
            raise TooManyRequests(window.seconds_left(now), limits.headers({**spent, window: window.most}, now))
        spent[window] = counted
    return limits.headers(spent, now)


def forget(key_id: str) -> None:
    """Ask the table for a key the next time: it was just revoked."""
    _keys.forget(key_id)


def forget_all() -> None:
    """Start afresh, as a new container would."""
    _keys.forget_all()


def _text_in(headers: Mapping[str, str]) -> str | None:
    scheme, _, text = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return headers["x-api-key"].strip() if "x-api-key" in headers else None


def _find(key_id: str, now: datetime) -> Key | None:
    remembered = _keys.recall(key_id)
    if remembered is not None and remembered.age(now) < _KEY_REMEMBERED:
        return remembered.thing
    found = key_table.find(key_id)
    if found is not None:
        _keys.learn(key_id, found, now)
    return found


def _note_use(found: Key, now: datetime) -> None:
    if found.last_used_at is None or now - found.last_used_at >= _USE_NOTED:
        key_table.note_use(found.id, now, now - _USE_NOTED)
        _keys.learn(found.id, replace(found, last_used_at=now), now)
