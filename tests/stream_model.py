"""A DynamoDB stream and Lambda's event source that reads it, in memory, as unfriendly as AWS's may be.

It does what AWS documents or was seen to do, and what AWS does not rule out: batches come again with other borders,
calls overlap, shards close, numbers of two shards cannot be compared. All of it is drawn from one random generator.
"""

from __future__ import annotations

import base64
import json
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

Handler = Callable[[dict[str, Any]], Any]

KEPT_SECONDS = 24 * 3600
_MOST_DIGITS = 40
_ENTRIES = 2**64
"""How many places one partition key has, for its rows' sort keys."""
_EVERYWHERE = 2**64 * _ENTRIES
_MOST_FROM_THE_HORIZON = 2
"""How often one shard is read anew from its oldest record: with more, a long stream would never be read to its end."""
_NOT_THE_HANDLERS = (KeyboardInterrupt, pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception)


class Borders(NamedTuple):
    """Which records of a shard a batch has: from ``start``, up to ``stop`` without it."""

    start: int
    stop: int


class _Record(NamedTuple):
    number: int
    at: float
    body: dict[str, Any]


@dataclass(eq=False)
class _Shard:
    """One shard, and how far the event source has read it."""

    id: str
    low: int
    high: int
    """It takes the rows whose place is at least ``low`` and below ``high``."""
    last: int
    """The last sequence number; the next is higher."""
    parent: _Shard | None = None
    is_closed: bool = False
    records: list[_Record] = field(default_factory=list)
    oldest: int = 0
    """The first record that is still kept."""
    position: int = 0
    """Where the event source reads next; it may go back."""
    read: int = 0
    """All records before this one were acknowledged, or are gone; it never goes back."""
    tried: int = 0
    """All records before this one were in a call."""
    from_the_horizon: int = 0
    calls: list[Borders] = field(default_factory=list)
    failed: Borders | None = None
    """The batch that comes again next."""
    windows: dict[int, dict[str, Any]] = field(default_factory=dict)
    """The state of each window that had records and no final call yet."""

    @property
    def unread(self) -> int:
        return len(self.records) - self.read

    @property
    def is_behind(self) -> bool:
        return self.position < len(self.records)

    @property
    def is_readable(self) -> bool:
        """Whether its parent, and the parent's before, were read to their ends at least once."""
        if self.parent and not self.parent.unread and self.parent.is_readable:
            self.parent = None  # that stays so, whatever is read again
        return self.parent is None


@dataclass
class _Call:
    """A call that has not returned yet."""

    shard: _Shard
    borders: Borders
    is_timed_out: bool = False
    """The event source does not wait for its answer any longer."""


@dataclass
class Stream:
    """A stream of new images, and an event source with tumbling windows that retries without end.

    ``happened`` counts what happened: *calls*, *repeated* (records that had been acknowledged), *retried* (records
    whose call had failed), *re-cut* (either, with borders they never had), *restarted*, *overlapped* (a call inside
    another), *timed out* (its retry ran inside it), *failed*, *killed*, *final*, *split*, *key split* (those of them
    by sort key), *rolled over*, *longer numbers*, *modified*, *unchanged*, *removal*, *ttl removal*, *expired*
    (records that nobody ever read).
    """

    chance: random.Random
    arn: str
    shards: int = 3
    _: KW_ONLY
    now: float = 0.0
    """The clock, in seconds since 1970; ``advance`` moves it."""
    repeat: float = 0.1
    """The share of steps that deliver an acknowledged batch once more."""
    recut: float = 0.3
    """The share of batches that come again with other borders."""
    restart: float = 0.02
    """The share of steps before which a shard's position goes back."""
    empty_final: float = 0.2
    """The share of steps that end a window, if one has passed; so its final call is late."""
    most_records: int = 40
    """The largest batch."""
    window_seconds: int = 60
    happened: Counter[str] = field(default_factory=Counter, init=False)
    failure: BaseException | None = field(default=None, init=False)
    """The last error of a handler."""

    def __post_init__(self) -> None:
        borders = [_EVERYWHERE * number // self.shards for number in range(self.shards + 1)]
        self._shards: list[_Shard] = []
        for low, high in pairwise(borders):
            self._open(low, high)
        self._partitions: set[int] = set()
        self._running: list[_Call] = []
        self._is_overlapping = False

    # What the table does

    def put(self, item: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> None:
        """Write ``item`` (DynamoDB's JSON) over ``old``; no record tells of a put that changes nothing."""
        if item == old:
            self.happened["unchanged"] += 1
            return
        self.happened["modified"] += old is not None
        self._write("INSERT" if old is None else "MODIFY", item, {"NewImage": dict(item)})

    def remove(self, item: Mapping[str, Any], *, by_ttl: bool) -> None:
        """Remove ``item``, of which only the key matters."""
        self.happened["ttl removal" if by_ttl else "removal"] += 1
        service = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}
        self._write("REMOVE", item, {}, service if by_ttl else {})

    def roll_over(self) -> None:
        """Close a shard; a new one takes its rows."""
        shard = self.chance.choice(self._open_shards())
        self._close(shard, [])
        self.happened["rolled over"] += 1

    def split(self) -> None:
        """Close a shard; two new ones take its partition keys, where possible some known ones each."""
        keys = {shard.id: (shard.low // _ENTRIES, (shard.high - 1) // _ENTRIES) for shard in self._open_shards()}
        shard = self.chance.choice([each for each in self._open_shards() if keys[each.id][0] < keys[each.id][1]])
        first, last = keys[shard.id]
        known = sorted(key for key in self._partitions if first <= key <= last)
        border = self.chance.choice(known[1:] or [(first + last + 1) // 2])
        self._close(shard, [border * _ENTRIES])
        self.happened["split"] += 1

    def split_key(self, code: str) -> None:
        """Close the shard of one hot partition key; two new ones take its rows by their sort keys.

        It goes by the sort key's hash, so that both shards get new rows at the same time, which is the harder case.
        """
        first, end = _hash(code) * _ENTRIES, (_hash(code) + 1) * _ENTRIES
        parts = {shard.id: (max(first, shard.low), min(end, shard.high)) for shard in self._open_shards()}
        shard = max(self._open_shards(), key=lambda each: parts[each.id][1] - parts[each.id][0])
        self._close(shard, [sum(parts[shard.id]) // 2])
        self.happened["split"] += 1
        self.happened["key split"] += 1

    def advance(self, seconds: float) -> None:
        """Let time pass; records of more than 24 hours are gone, read or not."""
        if seconds < 0:
            raise ValueError("Time does not go back.")
        self.now += seconds
        for shard in self._shards:
            shard.oldest = bisect_right(shard.records, self.now - KEPT_SECONDS, key=lambda record: record.at)
            self.happened["expired"] += max(0, shard.oldest - shard.read)
            shard.read = max(shard.read, shard.oldest)
            shard.tried = max(shard.tried, shard.oldest)
            shard.position = max(shard.position, shard.oldest)
            shard.calls = [call for call in shard.calls if call.start >= shard.oldest]

    # What the event source does

    @property
    def pending(self) -> int:
        """How many records were never acknowledged and can still be read."""
        return sum(shard.unread for shard in self._shards)

    def deliver(self, handle: Handler) -> None:
        """Make one call, if there is anything to deliver: usually of the next records of some shard."""
        if self._drawn(self.empty_final) and (ended := self._ended_windows()):
            self._end_window(handle, *self.chance.choice(ended))
        elif self._drawn(self.repeat) and (read := [shard for shard in self._shards if _acknowledged(shard)]):
            shard = self.chance.choice(read)
            self._call_again(handle, shard, self.chance.choice(_acknowledged(shard)), shard.read)
        else:
            if self._drawn(self.restart):
                self._restart()
            self._read_on(handle)

    def drain(self, handle: Handler, most: int = 100_000) -> None:
        """Deliver until all is acknowledged, all that went back is read again, and all windows have ended.

        The clock moves on to the end of the last window.
        """
        for _ in range(most):
            if self.pending:
                self.deliver(handle)
            elif any(shard.is_behind for shard in self._shards):
                self._read_on(handle)
            elif any(shard.windows for shard in self._shards):
                last = max(start for shard in self._shards for start in shard.windows)
                self.advance(max(0.0, last + self.window_seconds - self.now))
                self._end_window(handle, *self.chance.choice(self._ended_windows()))
            else:
                return
        raise AssertionError(f"{self.pending} records are pending after {most} steps.") from self.failure

    def overlapping(self, handle: Handler) -> Callable[[], None]:
        """Return what makes a call like ``overlap``, for a hook that takes no argument."""
        return lambda: self.overlap(handle)

    def overlap(self, handle: Handler) -> None:
        """Call ``handle`` while another call runs: with an older batch of any shard, or as the retry after a time-out.

        After a time-out the event source forgets the call that still runs, and goes on from the same position with
        other borders. Inside such a call it does nothing, and so it does where nothing was delivered yet.
        """
        called = [shard for shard in self._shards if shard.calls]
        if self._is_overlapping or not called:
            return
        self._is_overlapping = True
        self.happened["overlapped"] += 1
        try:
            running = self._running[-1] if self._running else None
            if running and running.borders.start == running.shard.position and self._drawn(0.3):
                running.is_timed_out = True
                running.shard.failed = running.borders
                self.happened["timed out"] += 1
                self._read_shard(handle, running.shard)
                return
            shard = (
                running.shard if running and running.shard.calls and self._drawn(0.5) else self.chance.choice(called)
            )
            self._call_again(handle, shard, self.chance.choice(shard.calls), shard.tried)
        finally:
            self._is_overlapping = False

    # Shards

    def _open_shards(self) -> list[_Shard]:
        return [shard for shard in self._shards if not shard.is_closed]

    def _open(self, low: int, high: int, parent: _Shard | None = None) -> None:
        """Add a shard. Whether it begins above its parent's last number, below, or at the same one, is not promised."""
        digits = self.chance.randint(21, 24)
        last = self.chance.randrange(10 ** (digits - 1), 10**digits)
        if parent and parent.records:
            last = self.chance.choice([last, parent.last, self.chance.choice(parent.records).number - 1])
        name = f"shardId-{int(self.now * 1000):020d}-{self.chance.getrandbits(32):08x}"
        self._shards.append(_Shard(name, low, high, last, parent))

    def _close(self, shard: _Shard, borders: list[int]) -> None:
        """Close ``shard``, and divide what it took."""
        shard.is_closed = True
        for low, high in zip([shard.low, *borders], [*borders, shard.high], strict=True):
            self._open(low, high, shard)

    def _next_number(self, shard: _Shard) -> int:
        """Return the next number: a little higher, or the first ones with one more digit; never more than 40 digits."""
        number = last = shard.last
        digits = len(str(last))
        if digits < _MOST_DIGITS and self._drawn(0.02):
            number = 10**digits + self.chance.randrange(10 ** (digits - 1))
        else:
            room = 10**_MOST_DIGITS - 1 - last
            number = last + self.chance.choice([1, self.chance.randint(1, max(1, min(last // 200, room // 1000)))])
        self.happened["longer numbers"] += len(str(number)) > digits
        shard.last = number
        return number

    def _write(
        self, name: str, item: Mapping[str, Any], image: dict[str, Any], source: dict[str, Any] | None = None
    ) -> None:
        keys = {key: item[key] for key in ("code", "entry")}
        code, entry = _hash(keys["code"]["S"]), _hash(keys["entry"]["S"])
        place = code * _ENTRIES + entry
        shard = next(shard for shard in self._open_shards() if shard.low <= place < shard.high)
        self._partitions.add(code)
        number = self._next_number(shard)
        body = {
            "eventID": blake2b(f"{shard.id} {number}".encode(), digest_size=16).hexdigest(),
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": self.arn.split(":")[3],
            "dynamodb": {
                "ApproximateCreationDateTime": float(int(self.now)),
                "Keys": keys,
                **image,
                "SequenceNumber": str(number),
                "SizeBytes": sum(map(_size, (keys, *image.values()))),
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN": self.arn,
            **(source or {}),
        }
        shard.records.append(_Record(number, self.now, _as_json(body)))

    # Calls

    def _drawn(self, share: float) -> bool:
        return self.chance.random() < share

    def _restart(self) -> None:
        """Let a shard's position go back: by some records, or rarely to the oldest one that is kept."""
        read = [shard for shard in self._shards if shard.position > shard.oldest]
        if not read:
            return
        shard = self.chance.choice(read)
        back = self.chance.randint(1, 50)
        if shard.from_the_horizon < _MOST_FROM_THE_HORIZON and self._drawn(0.1):
            shard.from_the_horizon += 1
            back = shard.position
        shard.position = max(shard.oldest, shard.position - back)
        shard.failed = None
        self.happened["restarted"] += 1

    def _read_on(self, handle: Handler) -> None:
        """Deliver the next records of a shard whose parent was read."""
        readable = [shard for shard in self._shards if shard.is_behind and shard.is_readable]
        if readable:
            self._read_shard(handle, self.chance.choice(readable))

    def _read_shard(self, handle: Handler, shard: _Shard) -> None:
        borders = self._cut(shard, shard.position, len(shard.records))
        if shard.failed and shard.failed.start == shard.position and not self._drawn(self.recut):
            borders = shard.failed
        call = _Call(shard, borders)
        window = self._window_of(shard.records[borders.start])
        state = self._call(handle, call, shard.windows.get(window, {}))
        if call.is_timed_out:
            return
        if state is None:
            shard.failed = borders
            return
        shard.failed = None
        shard.position = max(borders.stop, shard.oldest)
        shard.read = max(shard.read, borders.stop)
        shard.windows[window] = state

    def _call_again(self, handle: Handler, shard: _Shard, borders: Borders, end: int) -> None:
        """Deliver what was delivered before, which moves nothing; borders may change, up to ``end``."""
        if self._drawn(self.recut):
            start = self.chance.randint(max(shard.oldest, borders.start - 10), borders.stop - 1)
            borders = self._cut(shard, start, end)
        window = self._window_of(shard.records[borders.start])
        if self._call(handle, _Call(shard, borders), {}) is not None:
            shard.windows.setdefault(window, {})

    def _cut(self, shard: _Shard, start: int, end: int) -> Borders:
        """Return a batch of any size, which ends with its window at the latest."""
        stop = min(end, start + self.chance.randint(1, self.most_records))
        window = self._window_of(shard.records[start])
        while self._window_of(shard.records[stop - 1]) != window:
            stop -= 1
        return Borders(start, stop)

    def _call(self, handle: Handler, call: _Call, state: dict[str, Any]) -> dict[str, Any] | None:
        """Deliver a batch; returns the new state, or nothing if the call failed."""
        shard, (start, stop) = call.shard, call.borders
        if start < shard.tried:
            self.happened["repeated" if start < shard.read else "retried"] += 1
            self.happened["re-cut"] += call.borders not in shard.calls
        if call.borders not in shard.calls:
            shard.calls.append(call.borders)
        shard.tried = max(shard.tried, stop)
        records = [record.body for record in shard.records[start:stop]]
        self._running.append(call)
        try:
            return self._send(handle, self._event(shard, self._window_of(shard.records[start]), records, state))
        finally:
            self._running.pop()

    def _send(self, handle: Handler, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the state that the handler answers; nothing if it fails, is killed, or answers anything else."""
        self.happened["calls"] += 1
        try:
            answer = _as_json(handle(_as_json(event)))
            state = answer["state"]
            if not isinstance(state, dict):
                raise TypeError("The state is no object.")  # noqa: TRY301  # it fails as all other wrong answers do
        except _NOT_THE_HANDLERS:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the batch comes again
            self.failure = error
            self.happened["failed"] += 1
        except BaseException as error:  # noqa: BLE001  # stands for the end of the process
            self.failure = error
            self.happened["killed"] += 1
        else:
            return state
        return None

    # Windows

    def _window_of(self, record: _Record) -> int:
        return int(record.at // self.window_seconds) * self.window_seconds

    def _ended_windows(self) -> list[tuple[_Shard, int]]:
        """Return the windows that have passed and been read to their ends."""
        return [
            (shard, start)
            for shard in self._shards
            for start in shard.windows
            if start + self.window_seconds <= self.now
            and not (shard.is_behind and self._window_of(shard.records[shard.position]) <= start)
        ]

    def _end_window(self, handle: Handler, shard: _Shard, start: int) -> None:
        """Make the final call of a window, without records; it comes again if it fails."""
        self.happened["final"] += 1
        event = self._event(shard, start, [], shard.windows[start], is_final=True)
        if self._send(handle, event) is not None:
            shard.windows.pop(start, None)

    def _event(
        self, shard: _Shard, window: int, records: list[Any], state: dict[str, Any], *, is_final: bool = False
    ) -> dict[str, Any]:
        return {
            "Records": records,
            "window": {"start": _time(window), "end": _time(window + self.window_seconds)},
            "state": state,
            "shardId": shard.id,
            "eventSourceARN": self.arn,
            "isFinalInvokeForWindow": is_final,
            "isWindowTerminatedEarly": False,
        }


def _hash(key: str) -> int:
    """Return where a key belongs, from 0 up to 2**64."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest())


def _acknowledged(shard: _Shard) -> list[Borders]:
    return [call for call in shard.calls if call.stop <= shard.read]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_json(value: Any) -> Any:
    """Return a copy as Lambda makes it: of JSON, with bytes in base64."""
    return json.loads(json.dumps(value, default=lambda data: base64.b64encode(data).decode()))


def _size(value: Any) -> int:
    """Return about how many bytes DynamoDB counts."""
    if isinstance(value, Mapping):
        return sum(len(name.encode()) * (name not in _TYPES) + _size(part) for name, part in value.items())
    if isinstance(value, list | tuple | set):
        return sum(map(_size, value))
    return len(value) if isinstance(value, bytes) else len(str(value).encode())


_TYPES = frozenset(["S", "N", "B", "M", "L", "SS", "NS", "BS", "BOOL", "NULL"])
