"""Deed: when a day is over, its clicks are counted again from their rows, and it is closed.

By then its counts are right: they are written together with the rows. This proves it every night, adds what only all
rows together can tell (how many different people there were, which names are the biggest), and mends what is not as it
should be. It may run never, twice or late: a day that was not closed stands in an index until it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib import logs
from chalicelib.aws import click_table
from chalicelib.core import stats
from chalicelib.core.stats import Counts, Day, Tally
from chalicelib.errors import StoreUnavailable, WriteRefused
from chalicelib.settings import settings

_LOOKS = 3  # at a day that changes while it is being counted; the next night looks again


@dataclass(slots=True)
class Closed:
    """What a night did: how many days were closed, by how many clicks they were off, how many stay open."""

    days: int = 0
    drift: int = 0
    left_open: int = 0


def close_days(now: datetime, has_time: Callable[[], bool] = lambda: True) -> Closed:
    """Close every day before that of ``now`` (aware, UTC) that is still open, for as long as ``has_time``."""
    night = Closed()
    for day in _days_over(now):
        try:
            # Links first: what their owners' days should be is the sum of them.
            tallies = [Tally(whose, day) for whose in sorted(click_table.open_days(day), key=stats.is_owners)]
        except StoreUnavailable:
            night.left_open += 1  # or more: nobody could tell
            continue
        sums: dict[str, Counts] = {}
        for tally in tallies:
            closed = has_time() and _closed(tally, sums, night)
            night.days += closed
            night.left_open += not closed
    return night


def _closed(tally: Tally, sums: dict[str, Counts], night: Closed) -> bool:
    try:
        return _close_owners(tally, sums) if stats.is_owners(tally.whose) else _close_links(tally, sums, night)
    except (StoreUnavailable, WriteRefused) as failure:
        logs.write(open=tally.day, code=tally.whose, cause=str(failure.__cause__)[:300])
        return False


def _days_over(now: datetime) -> Iterator[str]:
    """Yield the days that are over and whose rows are all still there, the oldest first."""
    for back in range(settings.click_retention_days - 3, 0, -1):
        yield (now - timedelta(days=back)).date().isoformat()


def _close_links(tally: Tally, sums: dict[str, Counts], night: Closed) -> bool:
    for look in range(_LOOKS):
        seen, owner = click_table.day_now(tally)
        counts, visitors = stats.recounted(click_table.rows_of(tally))
        drift = stats.drift_between(seen.counts, counts)
        # A query may see half of a transaction that is being written this moment; what is wrong is wrong twice.
        if drift and look == 0:
            time.sleep(0.2)
            continue
        closed = Day(date=tally.day, counts=counts, visitors=visitors)
        if click_table.close(tally, seen, closed, owner, _corrections(tally, seen, closed, owner)):
            if drift:
                night.drift += sum(map(abs, drift.values()))
                logs.write(drift=drift, code=tally.whose, day=tally.day)
            if owner is not None:
                of_owner = sums.setdefault(stats.owners(owner), Counts())
                of_owner.update({**counts, f"links#{tally.whose}": counts["visits"]})
            return True
    return False


def _corrections(tally: Tally, seen: Day, closed: Day, owner: str | None) -> dict[str, Counts]:
    """Return what a link's total and its owner's day are off by, and the visitors that the owner's day lacks."""
    drift = stats.drift_between(seen.counts, closed.counts)
    of_owner = Counts(drift)
    if visitors := (closed.visitors or 0) - (seen.visitors or 0):
        of_owner["visitors"] = visitors
    off = {tally.whose: drift} if owner is None else {tally.whose: drift, stats.owners(owner): of_owner}
    return {whose: counts for whose, counts in off.items() if counts}


def _close_owners(tally: Tally, sums: dict[str, Counts]) -> bool:
    """Close an owner's day; with its 200 biggest names where all of its links were closed in this same night."""
    summed = sums.get(tally.whose, Counts())
    for _ in range(_LOOKS):
        seen, _owner = click_table.day_now(tally)
        counts = stats.bounded(summed if summed["visits"] == seen.counts.get("visits") else seen.counts)
        closed = replace(seen, counts=counts, visitors=seen.visitors or 0)
        if click_table.close(tally, seen, closed, None, {}):
            return True
    return False
