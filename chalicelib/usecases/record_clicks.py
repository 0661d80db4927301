"""Deed: a batch of queued clicks becomes click rows and day counts, once, however often it is delivered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib import logs
from chalicelib.aws import click_table
from chalicelib.core import agents, stats
from chalicelib.core.click import UNKNOWN, Click
from chalicelib.core.stats import Counts, JudgedClick, Tally
from chalicelib.errors import ClickFromAnotherVersion, ClickUnreadable, StoreUnavailable, WriteRefused
from chalicelib.settings import settings

UNKNOWN_A_DAY = 10_000  # clicks on unknown codes that are counted; a guesser must not fill the table
_AHEAD_AT_MOST = timedelta(minutes=10)  # by which another container's clock may be fast


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the queue delivered it."""

    id: str
    body: str


@dataclass(slots=True)
class Recorded:
    """What became of a batch. ``failed`` are the ids of the messages that must be delivered again."""

    counted: int = 0
    known: int = 0
    set_aside: int = 0
    failed: list[str] = field(default_factory=list)


def record(messages: Sequence[Message], now: datetime, has_time: Callable[[], bool] = lambda: True) -> Recorded:
    """Count the clicks in ``messages``, each once; what is no click is set aside.

    Any part of it may run again, at any time, by anybody: what was counted is known by its row. Whatever could not be
    written, or not while ``has_time``, is among the failed, and its neighbours are not.
    """
    recorded = Recorded()
    sources: dict[Click, list[str]] = {}
    for message in messages:
        click = _read(message, now, recorded)
        if click is not None:
            sources.setdefault(click, []).append(message.id)
    recorded.known += sum(len(ids) - 1 for ids in sources.values())
    for pack in stats.packs(agents.judge(click) for click in sources):
        for failed in _count(pack, recorded) if has_time() else pack:
            recorded.failed += sources[failed.click]
    return recorded


def _read(message: Message, now: datetime, recorded: Recorded) -> Click | None:
    """Return the click in ``message``, or None where there is none to count."""
    try:
        click = Click.from_json(message.body)
        why = _unfit(click, now)
    except ClickFromAnotherVersion:
        recorded.failed.append(message.id)
        return None
    except ClickUnreadable as unreadable:
        click, why = None, str(unreadable)
    if why is None:
        return click
    try:
        click_table.set_aside(message.id, message.body, why, now)
    except StoreUnavailable:
        recorded.failed.append(message.id)
    else:
        recorded.set_aside += 1
    return None


def _unfit(click: Click, now: datetime) -> str | None:
    # The row that would tell whether it was counted may be gone three days from now, while it is still redelivered.
    if click.at < now - timedelta(days=settings.click_retention_days - 3):
        return "too old: nobody knows any more whether it was counted"
    return "from the future" if click.at > now + _AHEAD_AT_MOST else None


def _count(pack: Sequence[JudgedClick], recorded: Recorded) -> Iterable[JudgedClick]:
    """Count a pack; return those that could not be."""
    try:
        known_names = click_table.counts_now(stats.counted(pack))
        clicks = _without_flood(pack, known_names)
        while clicks:
            added = {
                tally: stats.bounded(counts, known_names.get(tally, ()))
                for tally, counts in stats.counted(clicks).items()
            }
            there = set(click_table.count(clicks, added))
            recorded.known += len(there)
            if not there:
                recorded.counted += len(clicks)
                break
            clicks = [click for place, click in enumerate(clicks) if place not in there]
    except StoreUnavailable as failure:
        logs.note(cause=str(failure.__cause__)[:300])
        return pack
    except WriteRefused as refused:
        if len(pack) == 1:
            logs.note(refused=str(refused.__cause__)[:300])
            return pack
        middle = len(pack) // 2
        return [*_count(pack[:middle], recorded), *_count(pack[middle:], recorded)]
    return ()


def _without_flood(pack: Sequence[JudgedClick], counts: dict[Tally, Counts]) -> Sequence[JudgedClick]:
    """Return ``pack`` without clicks on unknown codes, where a day has had its fill of them."""
    return [
        each
        for each in pack
        if each.click.code != UNKNOWN or counts.get(Tally(UNKNOWN, each.click.day), Counts())["visits"] < UNKNOWN_A_DAY
    ]
