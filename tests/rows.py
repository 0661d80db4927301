"""The rows of clicks in the table, and their counting by the function as it is deployed, in the tests' own process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import boto3

from chalicelib import workers
from chalicelib.aws.dynamodb import row_store
from chalicelib.core.visits.click import Click
from chalicelib.settings import settings
from dev.stream_event import ARN, SHARD, event

__all__ = ["ARN", "SHARD", "event"]
_brought: dict[tuple[str, str], int] = {}
_taken: set[tuple[str, str]] = set()


def reset() -> None:
    """Begin a new stream, as with new tables."""
    _brought.clear()
    _taken.clear()


def rows() -> list[dict[str, Any]]:
    """Return the items of all rows that redirects have put, the oldest first."""
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=settings.clicks_table)
    items = [item for page in pages for item in page["Items"] if row_store.is_row(item) and "slot" in item]
    return sorted(items, key=lambda item: str(item["entry"]["S"]))


def take() -> list[Click]:
    """Return the clicks of the rows that were put since the last call, the oldest first."""
    new = [item for item in rows() if (item["code"]["S"], item["entry"]["S"]) not in _taken]
    _taken.update((item["code"]["S"], item["entry"]["S"]) for item in new)
    return [row_store.from_item(item) for item in new]


def all_of(code: str, slot: int, day: str) -> Iterator[Any]:
    """Yield the items of a slot's rows on ``day``, the oldest first; strongly consistent."""
    after, more = "", True
    while more:
        items, more = row_store.page(code, slot, day, after, consistent=True)
        yield from items
        after = items[-1]["entry"]["S"] if items else ""


def count_rows() -> None:
    """Count the rows that were put since the last call, in one batch."""
    new = [item for item in rows() if (item["code"]["S"], item["entry"]["S"]) not in _brought]
    for item in new:
        _brought[item["code"]["S"], item["entry"]["S"]] = len(_brought) + 1
    if new:
        numbers = [_brought[item["code"]["S"], item["entry"]["S"]] for item in new]
        answer = workers.count_rows(event(list(zip(numbers, new, strict=True))), None)
        assert answer == {"state": {}}


def count_at(now: datetime, records: Sequence[tuple[int, dict[str, Any]]], shard: str = SHARD) -> None:
    """Count rows at ``now`` (aware), with an event of ``shard``."""
    from chalicelib.core.visits.stream_batch import StreamBatch
    from chalicelib.usecases.count_rows import count

    count(StreamBatch.from_event(event(records, shard=shard), settings.clicks_table), now)


def close_night(now: datetime) -> int:
    """Do the jobs of the night of ``now`` (aware), as its queue brings them; return the drift they found."""
    from chalicelib.aws.dynamodb import click_store
    from chalicelib.usecases import close_day, close_days

    last = close_days._last_to_fold(now)  # noqa: SLF001  # what a night without a queue has to say in the end
    if click_store.folded_through() is None:
        click_store.mark_folded_through((now - timedelta(days=10)).date().isoformat())
    drift = sum(close_day.run(job, now) for job in list(close_days.jobs(now)))
    click_store.mark_folded_through(last)
    click_store.reset()
    return drift
