"""Identify visitors and networks by ids that cannot be traced back to an IP address, which is not stored."""

from __future__ import annotations

import secrets
from datetime import datetime

from chalicelib.aws.dynamodb import salt_store
from chalicelib.core.circuit_breaker import CircuitBreaker
from chalicelib.core.visits import visitor_id
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import StoreUnavailable

_salts = CircuitBreaker()
_own_salt = secrets.token_bytes(32)


def id_of_today(visitor: Visitor, now: datetime) -> str | None:
    """Return the id of ``visitor`` for this day, or None if the salt of the day is unavailable."""
    salt = _salt_of_today(now)
    return None if salt is None else visitor_id.derive(visitor.address, visitor.agent, salt)


def id_for_shares(visitor: Visitor, now: datetime) -> str:
    """Return the id that decides the share of ``visitor``: the same all day, and neither stored nor sent.

    If the salt of the day is unavailable, it is the same only within this container.
    """
    return visitor_id.derive(visitor.address, visitor.agent, _salt_of_today(now) or _own_salt)


def network_of_today(address: str, now: datetime) -> str:
    """Return the id of the network of ``address`` for this day.

    Raises:
        StoreUnavailable: the salt of the day is unavailable.
    """
    return visitor_id.derive(address, "", salt_store.daily_salt(now))


def network(address: str) -> str:
    """Return the permanent id of the network of ``address`` in this installation.

    Raises:
        StoreUnavailable: the secret is unavailable.
    """
    return visitor_id.derive(address, "", salt_store.secret("networks"))


def reset() -> None:
    """Discard all cached state, as in a new container."""
    _salts.reset()
    salt_store.reset()


def _salt_of_today(now: datetime) -> bytes | None:
    if _salts.is_open(now):
        return None
    try:
        return salt_store.daily_salt(now)
    except StoreUnavailable:
        _salts.trip(now)
        return None
