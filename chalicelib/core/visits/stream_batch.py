"""A batch of records of the clicks table's stream, as Lambda's event source delivers it.

The event names its shard only where the event source has a tumbling window, and then every response must have a
``state``. Sequence numbers rise within a shard, as numbers: their texts have 21 to 40 digits, and grow in length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RESPONSE: Mapping[str, Any] = {"state": {}}
"""What every call must return; Lambda takes any other response for a failure."""
_NUMBER = re.compile(r"[0-9]{21,40}", re.ASCII)
_ONLY_SHARD = "the only shard"


class StreamRefused(Exception):
    """The event is not one of the stream that is counted: nothing of it may be, or marks would say what is not so."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the stream: its sequence number, the item as DynamoDB writes it, and when it was written (Unix)."""

    number: int
    item: Mapping[str, Any]
    written_at: float


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """New items of one shard, in the order of their numbers. Changes and removals are left out."""

    shard: str
    records: list[Record]
    skipped: int
    """Changes, and removals by TTL or anybody else."""

    @classmethod
    def from_event(cls, event: Mapping[str, Any], table: str, *, has_one_shard: bool = False) -> StreamBatch:
        """Read an event; ``has_one_shard``: the stream is the local AWS's, which names none.

        Raises:
            StreamRefused
        """
        shard = event.get("shardId") or (_ONLY_SHARD if has_one_shard else None)
        if not isinstance(shard, str):
            raise StreamRefused(
                "The event names no shard: the event source needs a TumblingWindowInSeconds, or all would count twice."
            )
        records, skipped, last = [], 0, -1
        for each in event["Records"]:
            change, arn = each["dynamodb"], str(each.get("eventSourceARN"))
            if f":table/{table}/stream/" not in arn:
                raise StreamRefused(f"A record is of {arn}, and not of the stream of {table}.")
            text = change["SequenceNumber"]
            if not _NUMBER.fullmatch(text) or int(text) <= last:
                raise StreamRefused(f"The sequence number {text!r} does not follow {last}.")
            last = int(text)
            if each["eventName"] == "INSERT":
                records.append(Record(last, change["NewImage"], float(change["ApproximateCreationDateTime"])))
            else:
                skipped += 1
        return cls(shard, records, skipped)
