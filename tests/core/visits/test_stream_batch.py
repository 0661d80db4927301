"""A batch of the stream: what is counted of it, what is skipped, and which events are refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits.stream_batch import RESPONSE, StreamBatch, StreamRefused
from chalicelib.settings import settings
from tests import rows

TABLE = settings.clicks_table
ITEM = {"code": {"S": "sale"}, "entry": {"S": "click#2026-11-24T12:00:00.000Z#1"}, "slot": {"N": "0"}}
OTHER = "arn:aws:dynamodb:eu-west-1:123456789012:table/"


def event_of(*numbers: str, **changes: Any) -> dict[str, Any]:
    """Return an event of rows with these sequence ``numbers``; ``changes`` are made to it, None removes."""
    event = copy.deepcopy(rows.event([(place, ITEM) for place in range(len(numbers))]))
    for record, number in zip(event["Records"], numbers, strict=True):
        record["dynamodb"]["SequenceNumber"] = number
    return {name: value for name, value in (event | changes).items() if value is not None}


def read(event: dict[str, Any], *, has_one_shard: bool = False) -> StreamBatch:
    """Return the batch of ``event``."""
    return StreamBatch.from_event(event, TABLE, has_one_shard=has_one_shard)


def test_new_rows_are_records() -> None:
    """With their numbers, items and times, in their order."""
    event = rows.event([(5_000, ITEM), (7_000, {**ITEM, "slot": {"N": "3"}})])

    batch = read(event)

    assert (batch.shard, batch.skipped) == (rows.SHARD, 0)
    assert [(each.number, each.item["slot"]["N"], each.written_at) for each in batch.records] == [
        (5_000, "0", 5.0),
        (7_000, "3", 7.0),
    ]


@pytest.mark.parametrize("shard", [None, "", 7, ["shard"]])
def test_event_without_a_shard_is_refused(shard: Any) -> None:
    """The marks of all shards would be one, and most clicks would be taken for counted."""
    with pytest.raises(StreamRefused, match="names no shard"):
        read(event_of("1" * 21, shardId=shard))


@pytest.mark.parametrize("shard", [None, ""])
def test_local_stream_has_one_shard_without_a_name(shard: str | None) -> None:
    """It has the same name in each event."""
    names = {read(event_of("1" * 21, shardId=shard), has_one_shard=True).shard for _ in range(2)}

    assert len(names) == 1
    assert "" not in names


def test_named_shard_is_kept_where_there_is_one() -> None:
    """Should the local AWS name its shards some day."""
    assert read(event_of("1" * 21), has_one_shard=True).shard == rows.SHARD


@pytest.mark.parametrize(
    "arn",
    [
        f"{OTHER}url-shortener/stream/2026-11-24T00:00:00.000",
        f"{OTHER}{TABLE}-2/stream/2026-11-24T00:00:00.000",
        f"{OTHER}my-{TABLE}/stream/2026-11-24T00:00:00.000",
        f"{OTHER}{TABLE}",
        "",
        None,
    ],
)
def test_stream_of_another_table_is_refused(arn: str | None) -> None:
    """Though the event itself has the right one."""
    event = event_of("1" * 21, "2" * 21)
    event["Records"][1]["eventSourceARN"] = arn

    with pytest.raises(StreamRefused, match=f"not of the stream of {TABLE}"):
        read(event)


@pytest.mark.parametrize(
    "numbers",
    [
        ("1" * 21,),
        ("9" * 40,),
        ("0" * 20 + "1",),
        ("1" * 21, "1" * 20 + "2"),
        ("9" * 21, "1" + "0" * 21),  # as texts they would fall
        ("9" * 22, "1" * 23, "1" * 40),
    ],
)
def test_numbers_that_rise_are_accepted(numbers: tuple[str, ...]) -> None:
    """Of 21 to 40 digits, which grow in length within a shard."""
    assert [each.number for each in read(event_of(*numbers)).records] == list(map(int, numbers))


@pytest.mark.parametrize(
    "numbers",
    [
        ("1" * 20,),
        ("1" * 41,),
        ("",),
        ("-" + "1" * 21,),
        (" " + "1" * 21,),
        ("1" * 21 + "\n",),
        ("1" * 21 + ".0",),
        ("0x" + "1" * 21,),
        ("\u0661" * 21,),  # digits, but no ASCII
        ("1" * 21, "1" * 21),
        ("2" * 21, "1" * 21),
        ("1" + "0" * 21, "9" * 21),  # as texts they would rise
        ("1" * 21, "3" * 21, "2" * 21),
    ],
)
def test_numbers_that_do_not_rise_are_refused(numbers: tuple[str, ...]) -> None:
    """Equal, falling, or no sequence numbers."""
    with pytest.raises(StreamRefused, match="sequence number"):
        read(event_of(*numbers))


@given(st.lists(st.integers(10**20, 10**40 - 1), min_size=2, max_size=20, unique=True))
def test_order_is_that_of_numbers(numbers: list[int]) -> None:
    """Whatever their lengths; two that are exchanged are noticed."""
    rising = sorted(numbers)
    assert [each.number for each in read(event_of(*map(str, rising))).records] == rising

    rising[0], rising[-1] = rising[-1], rising[0]
    with pytest.raises(StreamRefused):
        read(event_of(*map(str, rising)))


@pytest.mark.parametrize(("name", "by_ttl"), [("MODIFY", False), ("REMOVE", False), ("REMOVE", True)])
def test_changes_and_removals_are_skipped(name: str, *, by_ttl: bool) -> None:
    """Their numbers count for the order; a removal has no new item."""
    event = event_of("1" * 21, "2" * 21, "3" * 21)
    changed = event["Records"][1]
    changed["eventName"] = name
    if name == "REMOVE":
        del changed["dynamodb"]["NewImage"]
    if by_ttl:
        changed["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}

    batch = read(event)

    assert [each.number for each in batch.records] == [int("1" * 21), int("3" * 21)]
    assert batch.skipped == 1

    changed["dynamodb"]["SequenceNumber"] = "4" * 21
    with pytest.raises(StreamRefused):
        read(event)


def test_call_at_the_end_of_a_window_has_no_records() -> None:
    """It counts nothing, and is answered like every other."""
    batch = read(event_of(isFinalInvokeForWindow=True))

    assert (batch.shard, batch.records, batch.skipped) == (rows.SHARD, [], 0)


def test_response_has_a_state() -> None:
    """Without one Lambda takes the call for failed, and delivers the batch for ever."""
    assert json.loads(json.dumps(dict(RESPONSE))) == {"state": {}}
