"""Open days: when a day is over, when it is folded, and the keys of the index that lists them.

A day, in UTC, is *open* from its first click until it is *folded*: its rows are counted once more, and the sums
replace its counters. DynamoDB keeps a record of a stream for 24 hours, so for a day after its last row the stream may
bring one that was not counted. Until then nothing is summed from rows; after that nothing is added: a late row asks for
the day to be counted again.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta

_STREAM_KEEPS = timedelta(hours=24)
_MARGIN = timedelta(hours=1)  # for clocks, and for what a function has begun
SHARDS = 64
"""The keys of the index for the counters of a day: one alone would take a thousand new link-days a second."""


def end_of(day: str) -> datetime:
    """Return the end of ``day``: ``2026-11-24``."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)


def takes_clicks(day: str, now: datetime) -> bool:
    """Tell whether clicks may still be added to the counters of ``day`` at ``now`` (aware)."""
    return now < end_of(day) + _STREAM_KEEPS


def may_be_folded(day: str, now: datetime) -> bool:
    """Tell whether the stream can bring nothing of ``day`` any more at ``now`` (aware)."""
    return now >= end_of(day) + _STREAM_KEEPS + _MARGIN


def counter_key(day: str, subject: str) -> str:
    """Return the key of the index that lists a counter of ``day``. What is to be counted again has the day itself."""
    return f"{day}#{zlib.crc32(subject.encode()) % SHARDS:02}"


def counter_keys(day: str) -> list[str]:
    """Return all keys of the index that list counters of ``day``."""
    return [f"{day}#{shard:02}" for shard in range(SHARDS)]


def between(first: str, last: str) -> list[str]:
    """Return the days from ``first`` to ``last``, both inclusive."""
    start = datetime.fromisoformat(first)
    return [
        (start + timedelta(days=number)).date().isoformat()
        for number in range((datetime.fromisoformat(last) - start).days + 1)
    ]
