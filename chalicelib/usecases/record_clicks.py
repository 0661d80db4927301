"""Record queued clicks: those that the table did not take as rows at once, and those that have no row before.

A click with a slot only becomes its row here; the stream brings that to be counted (``count_rows``). One without, a
visit of an unknown code or a message of the version before, becomes row and counts in one transaction. Both happen once
however often a message is delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib import logs
from chalicelib.aws.dynamodb import click_store, row_store
from chalicelib.aws.dynamodb.errors import WriteRefused
from chalicelib.aws.sqs import click_queue
from chalicelib.aws.sqs.click_queue import ClickNotSent
from chalicelib.core import limits
from chalicelib.core.visits import counters, user_agents
from chalicelib.core.visits.click import Click, ClickFromAnotherVersion, ClickUnreadable, is_of_link
from chalicelib.core.visits.counters import ClassifiedClick, CounterKey, Counts
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the queue."""

    id: str
    body: str


@dataclass(slots=True)
class Recorded:
    """The result of a batch. ``failed`` are the ids of the messages that must be delivered again."""

    counted: int = 0
    known: int = 0
    put: int = 0
    """Rows that the table took."""
    queued: int = 0
    """Rows that it did not take, whose clicks are queued anew."""
    quarantined: int = 0
    failed: list[str] = field(default_factory=list)


def record(messages: Sequence[Message], now: datetime, has_time: Callable[[], bool] = lambda: True) -> Recorded:
    """Count each click in ``messages`` once; messages that are not valid clicks are quarantined.

    Every step can be repeated and run concurrently: a click that has been counted has a row. Only the clicks that could
    not be written, or not while ``has_time``, are reported as failed.
    """
    recorded = Recorded()
    sources: dict[Click, list[str]] = {}
    for message in messages:
        click = _read(message, now, recorded)
        if click is not None:
            sources.setdefault(click, []).append(message.id)
    recorded.known += sum(len(ids) - 1 for ids in sources.values())
    rows = [click for click in sources if click.slot is not None]
    for first in range(0, len(rows), row_store.AT_ONCE):
        some = rows[first : first + row_store.AT_ONCE]
        for click in _put(some, recorded) if has_time() else some:
            recorded.failed += sources[click]
    for batch in counters.batches(user_agents.classify(click) for click in sources if click.slot is None):
        for failed in _count(batch, recorded) if has_time() else batch:
            recorded.failed += sources[failed.click]
    return recorded


def _put(rows: Sequence[Click], recorded: Recorded) -> Sequence[Click]:
    """Put rows, and queue anew those that the table throttles; return those that were neither put nor queued.

    A message that is queued anew has not been delivered yet, however long the table takes too little: none of them ever
    reaches the dead letters because of it. It may be queued twice, and is the same row.
    """
    try:
        left = row_store.put_all(rows)
    except StoreUnavailable as failure:  # no throttle: if it does not pass, dead letters and their alarm say so
        logs.note(cause=str(failure.__cause__)[:300])
        return rows
    recorded.put += len(rows) - len(left)
    failed: list[Click] = []
    for first in range(0, len(left), click_queue.AT_ONCE):
        some = left[first : first + click_queue.AT_ONCE]
        try:
            click_queue.send_again([click.as_message() for click in some])
        except ClickNotSent:
            failed += some
        else:
            recorded.queued += len(some)
    return failed


def _read(message: Message, now: datetime, recorded: Recorded) -> Click | None:
    """Return the click in ``message``, or None if there is none to count."""
    try:
        click = Click.from_json(message.body)
        reason = click.out_of_range(now, settings.click_retention_days)
    except ClickFromAnotherVersion:
        recorded.failed.append(message.id)
        return None
    except ClickUnreadable as unreadable:
        click, reason = None, str(unreadable)
    if reason is None:
        return click
    try:
        click_store.quarantine(message.id, message.body, reason, now)
    except StoreUnavailable:
        recorded.failed.append(message.id)
    else:
        recorded.quarantined += 1
    return None


def _count(batch: Sequence[ClassifiedClick], recorded: Recorded) -> Iterable[ClassifiedClick]:
    """Count the clicks of a batch; return those that could not be counted."""
    try:
        known_names = click_store.counts_now(counters.counts_by_key(batch))
        clicks = _without_flood(batch, known_names)
        while clicks:
            added = {
                key: counters.limit_names(counts, known_names.get(key, ()))
                for key, counts in counters.counts_by_key(clicks).items()
            }
            counted_before = set(click_store.count(clicks, added))
            recorded.known += len(counted_before)
            if not counted_before:
                recorded.counted += len(clicks)
                break
            clicks = [click for place, click in enumerate(clicks) if place not in counted_before]
    except StoreUnavailable as failure:
        logs.note(cause=str(failure.__cause__)[:300])
        return batch
    except WriteRefused as refused:
        if len(batch) == 1:
            logs.note(refused=str(refused.__cause__)[:300])
            return batch
        middle = len(batch) // 2
        return [*_count(batch[:middle], recorded), *_count(batch[middle:], recorded)]
    return ()


def _without_flood(batch: Sequence[ClassifiedClick], counts: dict[CounterKey, Counts]) -> Sequence[ClassifiedClick]:
    """Return ``batch`` without clicks on no link, on days that have reached their limit of those."""

    def is_full(click: Click) -> bool:
        counted = counts.get(CounterKey(click.link_id, click.day), Counts())
        return counted["visits"] >= limits.UNKNOWN_CLICKS_A_DAY

    return [each for each in batch if is_of_link(each.click.link_id) or not is_full(each.click)]
