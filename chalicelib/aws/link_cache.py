"""The container's memory of links, in front of the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.aws import link_table
from chalicelib.core.link import Link
from chalicelib.core.memory import Memory
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

UNKNOWN_LASTS = 5  # seconds that a code is believed to be unknown: short, for somebody may be about to make it
STALE_LASTS = 600  # seconds that memory stands in for a table that does not answer
_TABLE_RESTS = timedelta(seconds=2)  # after a failure; without it each visitor would wait for the time limits in turn
_UNKNOWN_AT_MOST = 1000  # codes, apart from the links: whoever tries all codes would push the links out

_links: Memory[Link] = Memory(settings.link_cache_size)
_unknown: Memory[None] = Memory(min(_UNKNOWN_AT_MOST, settings.link_cache_size))
_table_failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A link, or None, and where it was found: in memory, in the table, or in memory past its time."""

    link: Link | None
    source: Literal["hit", "miss", "stale"]


def find(code: str, now: datetime) -> Found:
    """Return the link of ``code``, from memory while that is fresh, from the table otherwise.

    When the table does not answer, what memory holds of the last ten minutes is served.

    Raises:
        StoreUnavailable: the table does not answer, or did not a moment ago, and memory does not know either.
    """
    remembered = _links.recall(code)
    if remembered is not None and remembered.age(now) < settings.link_cache_seconds:
        return Found(remembered.thing, "hit")
    if _is_known_as_unknown(code, now):
        return Found(None, "hit")
    try:
        link = _find_in_table(code, now)
    except StoreUnavailable:
        if remembered is not None and remembered.age(now) < STALE_LASTS:
            return Found(remembered.thing, "stale")
        raise
    if link is None:
        forget(code, now)
    else:
        learn(link, now)
    return Found(link, "miss")


def knows(code: str, now: datetime) -> bool:
    """Tell whether a link is in memory, and fresh."""
    remembered = _links.recall(code)
    return remembered is not None and remembered.age(now) < settings.link_cache_seconds


def learn(link: Link, now: datetime) -> None:
    """Know at once what the table has; remember it, unless the link is limited or protected."""
    _unknown.forget(link.code)
    if link.is_remembered:
        _links.learn(link.code, link, now)
    else:
        _links.forget(link.code)


def forget(code: str, now: datetime) -> None:
    """Know at once that a link is gone."""
    _links.forget(code)
    _unknown.learn(code, None, now)


def forget_all() -> None:
    """Start afresh, as a new container would."""
    global _table_failed_at  # noqa: PLW0603  # one container, one table, one state
    _links.forget_all()
    _unknown.forget_all()
    _table_failed_at = None


def _is_known_as_unknown(code: str, now: datetime) -> bool:
    missed = _unknown.recall(code)
    return missed is not None and missed.age(now) < UNKNOWN_LASTS


def _find_in_table(code: str, now: datetime) -> Link | None:
    global _table_failed_at  # noqa: PLW0603  # see forget_all
    # A clock that was set back ends the rest, rather than make it an hour longer.
    if _table_failed_at is not None and timedelta(0) <= now - _table_failed_at < _TABLE_RESTS:
        raise StoreUnavailable
    try:
        return link_table.find(code)
    except StoreUnavailable:
        _table_failed_at = now
        raise
