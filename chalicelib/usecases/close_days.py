"""Close the days that are over: find what is to be done in a night, and wait until it is.

In the first night after a day its unique visitors are *published*; in the second it is *folded* (``close_day``). Each
link's day is a job of its own in a queue, so that none waits for another. A run may be missed, repeated or late: open
days stay in an index until they are folded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from chalicelib.aws.dynamodb import click_store
from chalicelib.aws.sqs import night_queue
from chalicelib.core.visits import counters, open_days
from chalicelib.core.visits.night_job import NightJob
from chalicelib.settings import settings

_SECONDS_BETWEEN_LOOKS = 5
_SENT_AT_ONCE = 8
_BATCHES = 100  # of jobs, that are listed before they are sent


@dataclass(slots=True)
class Night:
    """The result of a night: how many jobs were queued, and how many days were not folded in time."""

    jobs: int = 0
    left_open: int = 0


def close_days(now: datetime, has_time: Callable[[], bool] = lambda: True) -> Night:
    """Queue the jobs of the night of ``now`` (aware, UTC), and wait for them as long as ``has_time``.

    Raises:
        StoreUnavailable, JobNotSent: some jobs may not have been queued; the next run queues them.
    """
    night, folding = Night(), set[str]()
    remaining = jobs(now)
    with ThreadPoolExecutor(_SENT_AT_ONCE) as pool:
        while batches := list(islice(iter(lambda: list(islice(remaining, night_queue.AT_ONCE)), []), _BATCHES)):
            list(pool.map(night_queue.send, batches))
            night.jobs += sum(map(len, batches))
            folding |= {job.day for batch in batches for job in batch if job.step == "fold"}
    while folding := {day for day in folding if next(click_store.open_subjects(day), None) is not None}:
        if not has_time():
            night.left_open = len(folding)
            return night
        _wait()
    click_store.mark_folded_through(_last_to_fold(now))
    return night


def _wait() -> None:
    """Wait before the index is looked at again."""
    time.sleep(_SECONDS_BETWEEN_LOOKS)


def jobs(now: datetime) -> Iterator[NightJob]:
    """Yield the jobs of the night of ``now``: links before owners, whose days have what links' days add to them.

    Raises:
        StoreUnavailable
    """
    last_night = click_store.folded_through() or ""
    for day in _past_days(now):
        found = click_store.open_subjects(day, has_counters=day > last_night)
        subjects = sorted(found, key=counters.is_owner_subject)
        if open_days.may_be_folded(day, now):
            yield from (NightJob("fold", subject, day) for subject in dict.fromkeys(subjects))
        else:
            yield from (
                NightJob("publish", subject, day)
                for subject in dict.fromkeys(subjects)
                if not counters.is_owner_subject(subject)
            )


def _past_days(now: datetime) -> Iterator[str]:
    """Yield the past days whose rows have not started to expire, the oldest first."""
    for back in range(settings.click_retention_days - 3, 0, -1):
        yield (now - timedelta(days=back)).date().isoformat()


def _last_to_fold(now: datetime) -> str:
    """Return the latest day that may be folded at ``now``."""
    back = 2 if open_days.may_be_folded((now - timedelta(days=2)).date().isoformat(), now) else 3
    return (now - timedelta(days=back)).date().isoformat()
