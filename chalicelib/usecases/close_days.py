"""Close past days: recount each day's clicks from their rows, and correct its counts if necessary.

Counts and rows are written in one transaction, so the counts should be right already. Every night this verifies them,
adds what needs all rows of a day (the number of unique visitors and the biggest names), and corrects any difference.
A run may be missed, repeated or late: open days stay in an index until they are closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib import logs
from chalicelib.aws.dynamodb import click_store
from chalicelib.aws.dynamodb.errors import WriteRefused
from chalicelib.core.visits import counters
from chalicelib.core.visits.counters import CounterKey, Counts, Day
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

_ATTEMPTS = 3  # for a day that changes while it is being recounted; the next night tries again


@dataclass(slots=True)
class Closed:
    """The result of a run: the days that were closed, the number of visits they were off by, the days left open."""

    days: int = 0
    drift: int = 0
    left_open: int = 0


def close_days(now: datetime, has_time: Callable[[], bool] = lambda: True) -> Closed:
    """Close every open day before that of ``now`` (aware, UTC), for as long as ``has_time``."""
    result = Closed()
    for day in _past_days(now):
        try:
            # Links first: an owner's day is the sum of the days of the owner's links.
            keys = [
                CounterKey(subject, day)
                for subject in sorted(click_store.open_days(day), key=counters.is_owner_subject)
            ]
        except StoreUnavailable:
            result.left_open += 1  # or more: the list could not be read
            continue
        sums: dict[str, Counts] = {}
        for key in keys:
            closed = has_time() and _close(key, sums, result)
            result.days += closed
            result.left_open += not closed
    return result


def _close(key: CounterKey, sums: dict[str, Counts], result: Closed) -> bool:
    try:
        return (
            _close_owner_day(key, sums)
            if counters.is_owner_subject(key.subject)
            else _close_link_day(key, sums, result)
        )
    except (StoreUnavailable, WriteRefused) as failure:
        logs.write(open=key.day, code=key.subject, cause=str(failure.__cause__)[:300])
        return False


def _past_days(now: datetime) -> Iterator[str]:
    """Yield the past days whose rows have not started to expire, the oldest first."""
    for back in range(settings.click_retention_days - 3, 0, -1):
        yield (now - timedelta(days=back)).date().isoformat()


def _close_link_day(key: CounterKey, sums: dict[str, Counts], result: Closed) -> bool:
    for attempt in range(_ATTEMPTS):
        seen, owner = click_store.day_now(key)
        counts, visitors = _recount(key, seen)
        drift = counters.drift_between(seen.counts, counts)
        # A query may see half of a transaction in progress; a real difference shows twice.
        if drift and attempt == 0:
            time.sleep(0.2)
            continue
        closed = replace(seen, counts=counts, visitors=visitors)
        if click_store.close(key, seen, closed, owner, _corrections(key, seen, closed, owner)):
            if drift:
                result.drift += sum(map(abs, drift.values()))
                logs.write(drift=drift, code=key.subject, day=key.day)
            if owner is not None:
                owner_counts = sums.setdefault(counters.owner_subject(owner), Counts())
                owner_counts.update({**counts, f"links#{key.subject}": counts["visits"]})
            return True
    return False


def _recount(key: CounterKey, seen: Day) -> tuple[Counts, int]:
    """Return the counts of a link's day from its rows.

    If the rows were erased, and a late click has reopened the day, its stored counts are returned.
    """
    if seen.rows_erased:
        return Counts(seen.counts), seen.visitors or 0
    return counters.recount(click_store.rows_of(key))


def _corrections(key: CounterKey, seen: Day, closed: Day, owner: str | None) -> dict[str, Counts]:
    """Return the differences to add to the link's total and to the owner's day, including new visitors."""
    drift = counters.drift_between(seen.counts, closed.counts)
    owner_counts = Counts(drift)
    if visitors := (closed.visitors or 0) - (seen.visitors or 0):
        owner_counts["visitors"] = visitors
    differences = (
        {key.subject: drift} if owner is None else {key.subject: drift, counters.owner_subject(owner): owner_counts}
    )
    return {subject: counts for subject, counts in differences.items() if counts}


def _close_owner_day(key: CounterKey, sums: dict[str, Counts]) -> bool:
    """Close an owner's day. If all its links were closed in this run, its 200 biggest names are kept."""
    summed = sums.get(key.subject, Counts())
    for _ in range(_ATTEMPTS):
        seen, _owner = click_store.day_now(key)
        counts = counters.limit_names(summed if summed["visits"] == seen.counts.get("visits") else seen.counts)
        closed = replace(seen, counts=counts, visitors=seen.visitors or 0)
        if click_store.close(key, seen, closed, None, {}):
            return True
    return False
