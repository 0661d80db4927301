"""Count the rows that the stream brings: each adds to the counters of its link and its owner, exactly once.

A batch may come again, with other borders, out of order and while another call is at work on it. Each counter
remembers, in the write that adds to it, how far each shard has been counted; so whatever was written before a failure
is recognised when the batch comes again. Counters are independent of each other: when a batch fails half way, some are
written and some are not.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib import logs
from chalicelib.aws.dynamodb import click_store, counter_store, link_store, row_store, transactions
from chalicelib.aws.dynamodb.counter_store import Place, Stored
from chalicelib.aws.dynamodb.row_store import RowUnreadable
from chalicelib.core.visits import counters, open_days, slots, user_agents
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import ClassifiedClick, CounterKey
from chalicelib.core.visits.open_counter import OpenCounter, shard_id
from chalicelib.core.visits.stream_batch import Record, StreamBatch
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

_ATTEMPTS = 6  # while other calls change the same counter: two shards with rows of one key, or a batch that came twice
_FIRST_PAUSE = 0.03  # seconds, doubled each time, of which a random part is waited
_AT_ONCE = 8  # counters that are written at the same time

Numbered = list[tuple[int, ClassifiedClick]]


@dataclass(slots=True)
class Counted:
    """The result of a batch."""

    counted: list[ClassifiedClick] = field(default_factory=list)
    """The clicks that were added to the counters of their links."""
    known: int = 0
    late: int = 0
    """Clicks of days that take none any more; these days are asked to be counted again."""
    set_aside: int = 0
    skipped: int = 0
    """Records that are no clicks: counters, totals, changes, removals."""


def count(batch: StreamBatch, now: datetime) -> Counted:
    """Count the rows of a batch at ``now`` (aware, UTC).

    Raises:
        StoreUnavailable: some may have been counted; the same batch, or one with other borders, completes it.
    """
    result = Counted(skipped=batch.skipped)
    owners: dict[str, str | None] = {}
    groups: dict[Place, Numbered] = defaultdict(list)
    late: dict[tuple[CounterKey, str | None], None] = {}  # in the order of their rows
    rows: dict[Place, list[Record]] = defaultdict(list)
    shard = shard_id(batch.shard)
    owner_slot = shard[0] % slots.OF_OWNER
    for record in batch.records:
        click = _read(record, now, result)
        if click is None:
            continue
        if not open_days.takes_clicks(click.day, now):
            late[CounterKey(click.link_id, click.day), click.owner] = None
            result.late += 1
            continue
        place = Place(click.link_id, click.slot or 0, click.day)
        numbered = (record.number, user_agents.classify(click))
        owners[click.link_id] = click.owner
        groups[place].append(numbered)
        rows[place].append(record)
        for subject in counters.owner_subjects(click.owner, click.link_id):
            groups[Place(subject, owner_slot, click.day)].append(numbered)
    for key, owner in late:
        click_store.ask_recount(key, owner)
    for place, added in _add(groups, shard, owners).items():
        if not counters.is_owner_subject(place.subject):
            result.counted += added
            result.known += len(groups[place]) - len(added)
    _spread(rows, groups)
    return result


def _read(record: Record, now: datetime, result: Counted) -> Click | None:
    """Return the click in a record; None if it is none, was counted by its transaction, or is set aside."""
    if not row_store.is_row(record.item) or "slot" not in record.item:
        result.skipped += 1
        return None
    try:
        click = row_store.from_item(record.item)
        reason = click.out_of_range(now, settings.click_retention_days)
    except RowUnreadable as unreadable:
        click, reason = None, str(unreadable)
    if reason is None:
        return click
    written_at = datetime.fromtimestamp(record.written_at, UTC)  # the same each time: it is part of the key
    click_store.quarantine(str(record.number), json.dumps(record.item, default=str), reason, written_at)
    result.set_aside += 1
    return None


def _add(
    groups: Mapping[Place, Numbered], shard: bytes, owners: Mapping[str, str | None]
) -> dict[Place, list[ClassifiedClick]]:
    """Add to all counters, and return the clicks that were new to each."""
    added: dict[Place, list[ClassifiedClick]] = {}
    stored, left = counter_store.find(groups), list(groups)

    def write(place: Place) -> bool:
        seen = stored.get(place, Stored(OpenCounter()))
        of_owner = counters.is_owner_subject(place.subject)
        counter, new = seen.counter.add(shard, groups[place], user_agents.PATTERNS, of_owner=of_owner)
        if not new:  # all had been counted, by the attempt before perhaps
            added.setdefault(place, [])
            return True
        added[place] = new
        return counter_store.put(place, seen, counter, owners.get(place.subject))

    for attempt in range(_ATTEMPTS):
        left = [place for place, done in zip(left, _at_once(write, left), strict=True) if not done]
        if not left:
            return added
        transactions.pause(_FIRST_PAUSE * 2**attempt)
        stored = counter_store.find(left, consistent=True)
    raise StoreUnavailable


def _at_once(write: Callable[[Place], bool], places: list[Place]) -> Iterable[bool]:
    """Call ``write`` for each of ``places``, several at the same time; all are called before a failure is raised."""
    if len(places) == 1:
        return [write(places[0])]
    started = [_pool().submit(write, place) for place in places]
    wait(started)
    return [each.result() for each in started]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads of this container, each of which keeps its connection."""
    return ThreadPoolExecutor(_AT_ONCE)


def _spread(rows: Mapping[Place, list[Record]], groups: Mapping[Place, Numbered]) -> None:
    """Open further slots for links that are hot, and close those of links that no longer are.

    A failure is not one of counting: the next batch decides again.
    """
    for place, records in rows.items():
        drawn = max(click.click.slots or 1 for _, click in groups[place])
        if drawn > 1 and place.slot and len(records) < slots.ROWS_TO_JUDGE:
            continue  # slot 0 decides what is closed
        times = [record.written_at for record in records]
        needed = slots.needed(len(records), max(times) - min(times), drawn)
        if needed == drawn:
            continue
        try:
            # Readers must know of slots before a redirect puts a row into one.
            click_store.open_slots(place.subject, needed)
            link_store.set_slots(place.subject, needed)
        except StoreUnavailable as failure:
            logs.note(spread=str(failure.__cause__)[:200])
            continue
        logs.write(slots=needed, before=drawn, **settings.domains.names_of(place.subject))


def figures(counted: Iterable[ClassifiedClick]) -> dict[str, Any]:
    """Return the metrics of the redirects that ``counted`` were: lists, one value for each."""
    clicks = [each.click for each in counted if each.click.took_ms is not None]
    if not clicks:
        return {}
    return {
        "RedirectLatency": [click.took_ms for click in clicks],
        "CacheHit": [int(bool(click.from_cache)) for click in clicks],
        "Unknown": [0] * len(clicks),
    }
