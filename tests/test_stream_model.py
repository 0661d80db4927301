"""The stream that tests count from does what AWS's streams do, and what nothing rules out."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.stream_model import Stream

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/url-shortener-clicks/stream/2026-11-24T12:00:00.000"
NOON = 1_795_521_600.0
CALM: dict[str, Any] = {"repeat": 0.0, "recut": 0.0, "restart": 0.0, "empty_final": 0.0}
Event = dict[str, Any]
Answer = dict[str, Any]


class Killed(BaseException):
    """Stands for the end of the process."""


class Reader:
    """A handler that remembers its events, and runs ``inside`` during each call."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.inside: Callable[[], None] = lambda: None

    def __call__(self, event: Event) -> Answer:
        self.events.append(event)
        self.inside()
        return {"state": {}}

    @property
    def batches(self) -> list[tuple[str, list[str]]]:
        """The shard and the sequence numbers of each call with records."""
        return [(event["shardId"], _numbers(event)) for event in self.events if event["Records"]]

    @property
    def entries(self) -> Counter[str]:
        """How often each row was delivered."""
        return Counter(entry for _, _, entry in self.rows)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """The shard, the partition key and the sort key of each record that was delivered."""
        return [
            (event["shardId"], *(record["dynamodb"]["Keys"][key]["S"] for key in ("code", "entry")))
            for event in self.events
            for record in event["Records"]
        ]

    def first_time(self) -> dict[str, list[int]]:
        """Return each shard's numbers in the order in which they came first."""
        seen: dict[str, dict[int, None]] = {}
        for shard, numbers in self.batches:
            seen.setdefault(shard, {}).update(dict.fromkeys(map(int, numbers)))
        return {shard: list(numbers) for shard, numbers in seen.items()}


def _numbers(event: Event) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]


def _ids(event: Event) -> set[str]:
    return {record["eventID"] for record in event["Records"]}


def stream_from(seed: int, shards: int = 3, **chances: Any) -> Stream:
    """Return a reproducible stream."""
    return Stream(random.Random(seed), ARN, shards, now=NOON, **chances)  # noqa: S311  # the same stream for the same seed


def row(number: int, code: str = "hot") -> dict[str, Any]:
    """Return a row as a click's, in DynamoDB's JSON."""
    return {"code": {"S": code}, "entry": {"S": f"{number:06}"}, "day": {"S": "2026-11-24"}}


def fill(stream: Stream, rows: int, codes: int = 1, first: int = 0) -> None:
    """Put new rows."""
    for number in range(first, first + rows):
        stream.put(row(number, f"link{number % codes}"))


def busy(seed: int, **chances: Any) -> Stream:
    """Return a stream with 600 rows of 20 links, whose shards have split and rolled over."""
    stream = stream_from(seed, **chances)
    for part in range(6):
        fill(stream, 100, 20, part * 100)
        stream.advance(45)
        (stream.split, stream.roll_over)[part % 2]()
        if part == 3:
            stream.split_key("link7")
    return stream


def test_events_have_the_shape_of_lambdas() -> None:
    """A windowed event, and the record of a new row in it."""
    stream = stream_from(1, **CALM)
    stream.put(row(1))
    reader = Reader()

    stream.deliver(reader)

    [event] = reader.events
    [record] = event.pop("Records")
    assert re.fullmatch(r"shardId-00000001795521600000-[0-9a-f]{8}", event.pop("shardId"))
    assert event == {
        "window": {"start": "2026-11-24T12:00:00Z", "end": "2026-11-24T12:01:00Z"},
        "state": {},
        "eventSourceARN": ARN,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
    assert len(record.pop("eventID")) == 32
    assert 21 <= len(record["dynamodb"].pop("SequenceNumber")) <= 40
    assert record == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": NOON,
            "Keys": {"code": {"S": "hot"}, "entry": {"S": "000001"}},
            "NewImage": row(1),
            "SizeBytes": 18 + 18 + 13,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": ARN,
    }


def test_what_is_written_decides_the_record() -> None:
    """A put that changes nothing leaves none; removals have no image, and those of TTL say whose they are."""
    stream = stream_from(2, **CALM)
    changed = row(1) | {"day": {"S": "2026-11-25"}}
    stream.put(row(1))
    stream.put(row(1), row(1))
    stream.put(changed, row(1))
    stream.remove(changed, by_ttl=False)
    stream.remove(changed, by_ttl=True)
    assert stream.pending == 4
    reader = Reader()

    stream.drain(reader)

    records = [record for event in reader.events for record in event["Records"]]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE", "REMOVE"]
    assert [record["dynamodb"].get("NewImage") for record in records] == [row(1), changed, None, None]
    by_ttl = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert [record.get("userIdentity") for record in records] == [None, None, None, by_ttl]
    assert {stream.happened[name] for name in ("unchanged", "modified", "removal", "ttl removal")} == {1}


def test_neither_the_writer_nor_the_handler_changes_a_record() -> None:
    """Both may do with theirs what they like."""
    stream = stream_from(3, **CALM)
    item = row(1)
    stream.put(item)
    item["day"]["S"] = "changed"
    days = []

    def spoil(event: Event) -> Answer:
        image = event["Records"][0]["dynamodb"]["NewImage"]
        days.append(image.pop("day")["S"])
        return {"state": {}} if len(days) == 2 else {}

    stream.drain(lambda event: spoil(event) if event["Records"] else {"state": {}})

    assert days == ["2026-11-24"] * 2


@pytest.mark.parametrize("seed", range(4))
def test_everything_is_delivered_at_least_once_and_first_in_order(seed: int) -> None:
    """Whatever comes again, each shard's records come the first time without a gap, and rise as integers."""
    stream = busy(seed, repeat=0.4)
    reader = Reader()

    stream.drain(reader)

    assert stream.pending == 0
    assert len(reader.entries) == 600
    assert sum(reader.entries.values()) > 600
    assert all(numbers == sorted(numbers) for numbers in reader.first_time().values())
    assert all(list(map(int, numbers)) == sorted(set(map(int, numbers))) for _, numbers in reader.batches)
    assert min(stream.happened[name] for name in ("repeated", "re-cut", "final", "split", "rolled over")) > 0


def test_numbers_grow_longer_within_a_shard() -> None:
    """From at least 21 digits to 40 and no further, so that texts sort otherwise than integers."""
    stream = stream_from(4, 1, **CALM)
    fill(stream, 2000)
    reader = Reader()

    stream.drain(reader)

    [numbers] = [[str(number) for number in numbers] for numbers in reader.first_time().values()]
    lengths = {len(number) for number in numbers}
    assert 21 <= min(lengths) < 25
    assert max(lengths) == 40
    assert numbers == sorted(numbers, key=int) != sorted(numbers)
    assert stream.happened["longer numbers"] == len(lengths) - 1


def test_numbers_of_two_shards_cannot_be_compared() -> None:
    """A child may begin below its parent's last number, above, or at one that its parent had."""
    below = above = same = 0
    for seed in range(30):
        stream = stream_from(seed, 1, **CALM)
        fill(stream, 30)
        stream.roll_over()
        fill(stream, 20, first=30)
        reader = Reader()
        stream.drain(reader)
        parent, child = reader.first_time().values()
        below += child[0] < parent[-1]
        above += child[0] > parent[-1]
        same += bool(set(parent).intersection(child))

    assert min(below, above, same) > 0


@pytest.mark.parametrize(("way", "counted"), [("roll_over", "rolled over"), ("split", "split")])
def test_parent_is_read_before_its_children(way: str, counted: str) -> None:
    """However many generations there are; a child waits while its parent's batch fails."""
    stream = stream_from(5, 1, **CALM)
    for part in range(4):
        fill(stream, 50, 20, part * 50)
        getattr(stream, way)()
    fill(stream, 50, 20, 200)
    assert stream.happened[counted] == 4
    refused: list[str] = []
    for _ in range(20):
        stream.deliver(lambda event: refused.append(event["shardId"]))
    reader = Reader()
    stream.drain(reader)

    last: dict[str, str] = {}
    for shard, code, entry in reader.rows:
        assert last.get(code, "") < entry, f"{shard} was read before its parent"
        last[code] = entry
    shards = list(reader.first_time())
    assert set(refused) == {shards[0]}
    assert len(shards) >= 5


def test_parent_comes_again_while_its_child_is_read() -> None:
    """Nothing orders what is repeated."""
    stream = stream_from(6, 1, repeat=0.5)
    fill(stream, 200)
    stream.roll_over()
    fill(stream, 200, first=200)
    reader = Reader()

    stream.drain(reader)

    parent, child = reader.first_time()
    shards = [shard for shard, _ in reader.batches]
    assert parent in shards[shards.index(child) :]


def test_split_divides_partition_keys() -> None:
    """Each key's rows go to one of the two, and both get some."""
    stream = stream_from(7, 1, **CALM)
    fill(stream, 100, 10)
    stream.drain(Reader())
    stream.split()
    fill(stream, 100, 10, 100)

    shards = _shards_of_codes(stream)

    assert all(len(of_code) == 1 for of_code in shards.values())
    assert len(set.union(*shards.values())) == 2


@pytest.mark.parametrize("times", [1, 2])
def test_hot_key_is_divided_by_sort_key(times: int) -> None:
    """Its rows go to several shards, and no other key's do; a usual split leaves it so."""
    stream = stream_from(8, 2, **CALM)
    for _ in range(times):
        stream.split_key("link3")
    stream.split()
    fill(stream, 300, 10)

    shards = _shards_of_codes(stream)

    assert {code: len(of_code) for code, of_code in shards.items() if len(of_code) > 1} == {"link3": times + 1}
    assert stream.happened["split"] == times + 1
    assert stream.happened["key split"] == times


def _shards_of_codes(stream: Stream) -> dict[str, set[str]]:
    """Return the shards of each partition key's new records."""
    reader = Reader()
    stream.drain(reader)
    shards: dict[str, set[str]] = {}
    for shard, code, _ in reader.rows:
        shards.setdefault(code, set()).add(shard)
    return shards


def test_repeated_batches_can_have_other_borders() -> None:
    """Some come again as they were, some re-cut."""
    stream = stream_from(9, 1, restart=0.0, repeat=0.5)
    fill(stream, 500)
    reader = Reader()

    stream.drain(reader)

    seen: set[str] = set()
    earlier: list[list[str]] = []
    as_they_were = other_borders = 0
    for _, numbers in reader.batches:
        if seen.issuperset(numbers):
            as_they_were += numbers in earlier
            other_borders += numbers not in earlier
        seen.update(numbers)
        earlier.append(numbers)
    assert as_they_were > 0 < other_borders
    assert stream.happened["repeated"] == as_they_were + other_borders
    assert stream.happened["re-cut"] == other_borders


def test_restart_goes_back() -> None:
    """By some records; rarely to the oldest one that is kept, which delivers all of a shard again."""
    stream = stream_from(10, 1, repeat=0.0, restart=0.4)
    fill(stream, 1000)
    reader = Reader()
    pending = [stream.pending]
    while stream.pending:
        stream.deliver(reader)
        pending.append(stream.pending)

    assert pending == sorted(pending, reverse=True)
    [numbers] = reader.first_time().values()
    starts = [numbers.index(int(batch[0])) for _, batch in reader.batches]
    jumps = [before - after for before, after in pairwise(starts) if after < before]
    assert stream.happened["restarted"] >= len(jumps) > 3
    assert starts.count(0) > 1
    assert 0 < min(jumps) <= 50
    assert max(reader.entries.values()) > 1


def _kill(_: Event) -> None:
    raise Killed


def _fail(_: Event) -> None:
    raise ValueError


@pytest.mark.parametrize(
    ("handle", "counted"),
    [
        (_fail, "failed"),
        (_kill, "killed"),
        (lambda _: None, "failed"),
        (lambda _: {}, "failed"),
        (lambda _: {"state": None}, "failed"),
        (lambda _: {"state": {"names": {1}}}, "failed"),
        (lambda _: [], "failed"),
    ],
    ids=["error", "kill", "nothing", "no state", "state of no object", "no JSON", "list"],
)
def test_failed_batch_comes_again_from_the_same_position(handle: Callable[[Event], Any], counted: str) -> None:
    """Nothing is acknowledged by an error, nor by an answer without a state; borders may change."""
    stream = stream_from(11, 1, **CALM | {"recut": 0.5})
    fill(stream, 100)
    tried: list[list[str]] = []

    def failing(event: Event) -> Any:
        tried.append(_numbers(event))
        return handle(event)

    for _ in range(20):
        stream.deliver(failing)

    assert stream.pending == 100
    assert stream.happened[counted] == len(tried) == 20
    assert stream.happened["retried"] == 19
    assert stream.happened["repeated"] == 0
    assert len({numbers[0] for numbers in tried}) == 1
    assert 1 < len({len(numbers) for numbers in tried}) < 20
    reader = Reader()
    stream.drain(reader)
    assert len(reader.entries) == 100


def test_failure_of_the_test_itself_is_raised() -> None:
    """Pytest's own outcomes are none of the handler's."""
    stream = stream_from(12)
    fill(stream, 1)

    with pytest.raises(pytest.fail.Exception, match="wrong"):
        stream.drain(lambda _: pytest.fail("wrong"))


def test_drain_tells_why_it_does_not_end() -> None:
    """Its error comes from the handler's last one."""
    stream = stream_from(13)
    fill(stream, 5)

    with pytest.raises(AssertionError, match="5 records are pending after 50 steps") as raised:
        stream.drain(_fail, most=50)

    assert isinstance(raised.value.__cause__, ValueError)


def test_calls_overlap() -> None:
    """While one call runs, records of an older one come, or its own again; and only once inside each other."""
    stream = busy(14)
    reader = Reader()
    depth = deepest = 0
    interrupt = stream.overlapping(reader)
    own = other = 0

    def inside() -> None:
        nonlocal depth, deepest, own, other
        depth += 1
        deepest = max(deepest, depth)
        outer = reader.events[-1]
        before = len(reader.events)
        interrupt()
        if len(reader.events) > before and outer["Records"]:
            inner = reader.events[before]
            own += bool(_ids(inner) & _ids(outer))
            other += inner["shardId"] != outer["shardId"]
        depth -= 1

    reader.inside = inside
    stream.drain(reader)

    assert deepest == 2
    assert min(own, other, stream.happened["timed out"]) > 0
    assert stream.happened["overlapped"] > 20
    assert len(reader.entries) == 600
    assert all(numbers == sorted(numbers) for numbers in reader.first_time().values())


def test_answer_after_a_time_out_moves_nothing() -> None:
    """The retry has the word: where it fails, the batch comes again though the first call ended well."""
    for seed in range(50):
        stream = stream_from(seed, 1, **CALM)
        fill(stream, 30)

        def succeed_outside(_: Event, stream: Stream = stream) -> Answer:
            stream.overlap(_fail)
            return {"state": {}}

        stream.deliver(succeed_outside)
        if stream.happened["timed out"]:
            assert stream.pending == 30
            return
        assert stream.pending < 30
    raise AssertionError("No call timed out.")


def test_overlap_does_nothing_before_anything_was_delivered() -> None:
    """There is no older call."""
    stream = stream_from(15)
    fill(stream, 5)
    reader = Reader()

    stream.overlap(reader)

    assert reader.events == []
    assert stream.happened["overlapped"] == 0


def test_window_ends_with_a_call_without_records() -> None:
    """It comes late, once, and only for windows that had records; no batch has records of two."""
    stream = stream_from(16, 1, **CALM | {"empty_final": 0.2})
    for minute in (0, 1, 3):
        fill(stream, 30, first=minute * 100)
        stream.advance(60 if minute != 1 else 120)
    reader = Reader()

    stream.drain(reader)

    final = [event["window"]["start"] for event in reader.events if event["isFinalInvokeForWindow"]]
    assert sorted(final) == [f"2026-11-24T12:0{minute}:00Z" for minute in (0, 1, 3)]
    assert [bool(event["Records"]) for event in reader.events] == [
        not event["isFinalInvokeForWindow"] for event in reader.events
    ]
    for event in reader.events:
        minutes = {int(record["dynamodb"]["Keys"]["entry"]["S"]) // 100 for record in event["Records"]}
        assert {f"2026-11-24T12:0{minute}:00Z" for minute in minutes} <= {event["window"]["start"]}
    assert stream.happened["final"] == 3


def test_window_does_not_end_before_its_time() -> None:
    """Not even when all its records are read."""
    stream = stream_from(16, 1, **CALM | {"empty_final": 1.0})
    fill(stream, 1)
    reader = Reader()
    finals = []
    for seconds in (0, 0, 59, 1):
        stream.advance(seconds)
        stream.deliver(reader)
        finals.append(stream.happened["final"])

    assert finals == [0, 0, 0, 1]


def test_final_call_comes_again_until_it_succeeds() -> None:
    """It needs a state in its answer as all calls do."""
    stream = stream_from(17, 1, **CALM)
    fill(stream, 1)
    finals = 0

    def fail_twice(event: Event) -> Answer:
        nonlocal finals
        finals += event["isFinalInvokeForWindow"]
        return {"state": {}} if event["Records"] or finals == 3 else {}

    stream.drain(fail_twice)

    assert finals == stream.happened["final"] == 3
    assert stream.now == NOON + 60


def test_state_is_carried_through_a_window() -> None:
    """A call gets what the last one of the same shard and window answered; a new window begins without."""
    stream = stream_from(18, 1, **CALM, most_records=5)
    fill(stream, 50)
    stream.advance(60)
    fill(stream, 50, first=50)
    counts: list[int] = []

    def count(event: Event) -> Answer:
        state = {"count": event["state"].get("count", 0) + len(event["Records"])}
        if event["isFinalInvokeForWindow"]:
            counts.append(state["count"])
        return {"state": state}

    stream.drain(count)

    assert counts == [50, 50]


def test_records_are_kept_for_a_day() -> None:
    """Unread ones are then gone, and read ones are not repeated."""
    stream = stream_from(19, 1, repeat=0.5, restart=0.5)
    fill(stream, 40)
    while stream.pending > 20:
        stream.deliver(Reader())
    unread = stream.pending
    stream.roll_over()
    stream.advance(23 * 3600)
    fill(stream, 40, first=40)
    assert stream.pending == unread + 40
    stream.advance(3600)
    assert stream.pending == 40
    reader = Reader()

    stream.drain(reader)

    assert stream.happened["expired"] == unread > 0
    assert sorted(reader.entries) == [f"{number:06}" for number in range(40, 80)]


def test_clock_does_not_go_back() -> None:
    """Not by a negative number either."""
    with pytest.raises(ValueError, match="back"):
        stream_from(20).advance(-1)


def test_same_seed_is_the_same_stream() -> None:
    """All is drawn from the one generator."""
    streams = [(busy(seed), Reader()) for seed in (21, 21, 22)]
    for stream, reader in streams:
        stream.drain(reader)
    (first, events), (second, same), (_, others) = streams

    assert events.events == same.events != others.events
    assert first.happened == second.happened
