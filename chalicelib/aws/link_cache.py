"""The container's memory of links, in front of the table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.aws import link_table
from chalicelib.core.link import Link
from chalicelib.core.memory import Memory, Remembered
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

UNKNOWN_LASTS = 5  # seconds that a code is believed to be unknown: short, for somebody may be about to make it
STALE_LASTS = 600  # seconds that memory stands in for a table that does not answer
_TABLE_RESTS = timedelta(seconds=2)  # after a failure; without it each visitor would wait for the time limits in turn

_memory: Memory[Link] = Memory(settings.link_cache_size)
_table_rests_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A link, or None, and where it was found: in memory, in the table, or in memory past its time."""

    link: Link | None
    source: Literal["hit", "miss", "stale"]


def find(code: str, now: datetime) -> Found:
    """Return the link of ``code``, from memory while that is fresh, from the table otherwise.

    When the table does not answer, what memory holds of the last ten minutes is served.

    Raises:
        StoreUnavailable: the table does not answer, and memory does not know either.
    """
    remembered = _memory.recall(code)
    if remembered is not None and remembered.age(now) < _lasts(remembered):
        return Found(remembered.thing, "hit")
    if remembered is not None and _table_rests(now) and _stands_in(remembered, now):
        return Found(remembered.thing, "stale")
    try:
        link = link_table.find(code)
    except StoreUnavailable:
        _let_the_table_rest(now)
        if remembered is not None and _stands_in(remembered, now):
            return Found(remembered.thing, "stale")
        raise
    _memory.learn(code, link, now)
    return Found(link, "miss")


def learn(link: Link, now: datetime) -> None:
    """Remember a link that was just stored, so that this container knows it at once."""
    _memory.learn(link.code, link, now)


def forget_all() -> None:
    """Start afresh, as a new container would."""
    global _table_rests_until  # noqa: PLW0603  # one container, one table, one state
    _memory.forget_all()
    _table_rests_until = None


def _lasts(remembered: Remembered[Link]) -> int:
    return UNKNOWN_LASTS if remembered.thing is None else settings.link_cache_seconds


def _stands_in(remembered: Remembered[Link], now: datetime) -> bool:
    return remembered.thing is not None and remembered.age(now) < STALE_LASTS


def _table_rests(now: datetime) -> bool:
    return _table_rests_until is not None and now < _table_rests_until


def _let_the_table_rest(now: datetime) -> None:
    global _table_rests_until  # noqa: PLW0603  # see forget_all
    _table_rests_until = now + _TABLE_RESTS
