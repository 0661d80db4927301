"""Counting clicks at scale, as a model: a day's peak against DynamoDB's and Lambda's limits, second by second.

Two designs. ``before``: a message for each click, and a few functions that write rows and counters in transactions.
``after``: the redirect writes the click's row itself, spread over slots where a link is hot; the table's stream brings
the rows to counting functions; rows that the table refuses wait in a queue until it takes them.

Clicks are amounts, not objects: nothing is drawn at random but the places of partition keys, by a hash, so every run is
the same. The constants are what the result rests on. Those marked *measured* are of this project's code, those marked
*AWS* are documented limits, and the rest are assumptions.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

# DynamoDB. Units are write units: one for each begun KB of an item, two in a transaction (AWS).
PARTITION_UNITS = 1_000  # a second (AWS)
FRESH_UNITS, WARM_UNITS = 4_000, 100_000  # a second, of all partitions: a new table on demand (AWS), a warmed one
TABLE_QUOTA = 40_000  # units a second of one table until the account asks for more (AWS)
SPLIT_SECONDS = 1_800  # a partition driven at its limit for so long becomes two, and so a fresh table doubles

# Lambda.
CALLS_AT_ONCE = 1_000  # the account's usual quota (AWS); new accounts have 10
REQUESTS_A_CALL = 10  # a second that Lambda takes for each container of the quota (AWS)

# SQS.
QUEUE_SECONDS = 4 * 86_400  # a message that nobody took is gone
RECEIVES = 5  # then it is a dead letter: before

# Before: the transactions of a batch of 100 messages (measured, but the two last).
UNITS_BY_LINKS = {1: 2.5, 20: 3.9, 100: 8.3}  # a click, by the links in a batch
CLICKS_OF_A_FUNCTION = {1: 625.0, 20: 475.0, 100: 350.0}  # a second, by the links in a batch
UNITS_ON_THE_LINK = 2.23  # a click, of those that meet in one link's partition: its rows, day and total
OWNER_CLICKS = 750  # a second, of one owner's day: between 500 and 1,000, by its names and by the filling of batches
FUNCTIONS = 4  # ClicksConcurrency
BATCH_TRANSACTIONS, RETRY_SECONDS = 3, 9.0  # a transaction is tried again for so long, then its messages go back

# After: a call of the counting function, and the slots.
BATCH_ROWS = 1_000  # records of a call at most
CALL_SECONDS, ROW_SECONDS, ECHO_SECONDS = 0.05, 0.00015, 0.00001  # of a call; of a row; of a record that is no row
COUNTER_SECONDS, COUNTERS_AT_ONCE = 0.0025, 8  # a counter is read and written back; so many in parallel
WINDOW_SECONDS = 1  # rows wait for each other so long
SMALL_UNITS = 1  # of one write of a counter among many: compressed, up to 1 KB
BUSY_LINK_UNITS, BUSY_OWNER_UNITS = 2, 3  # of the only link's and the only owner's, which have many names
COUNTERS_IN_STREAM = True  # counters are in the table whose stream is read: each write of one comes back as a record
STREAM_SECONDS = 86_400  # records that nobody read are gone (AWS)
SLOT_ROWS = 500  # rows a second of one slot that open more
MOST_SLOTS, SLOTS_SECONDS = 128, 60  # doubled at most once in so long
CACHE_SECONDS = 60  # until every redirect knows of new slots
QUEUE_CALLS, QUEUE_BATCH, PUT_SECONDS, PUTS_AT_ONCE = 50, 100, 0.0025, 8  # the consumer of what the table refused
DELAY_SECONDS = 300  # what is refused again comes again after so long; SQS allows 900 (AWS)

STEPS = 1, 10  # seconds: while clicks come, and while what is left is worked off

_WATCHED = 8  # the busiest links, which are followed one by one; the others share the partitions evenly
_ALMOST_NOTHING = 1e-6  # of a click
_DONE = 0.5  # less than one click waits
_TURN = 30  # seconds; messages that were sent back are kept by the turn in which they come again


@dataclass(frozen=True)
class Load:
    """Clicks that come: ``rate`` a second for ``seconds``, over ``links`` by Zipf's law, to a table of ``units``."""

    name: str
    title: str
    rate: float
    links: int
    owners: int
    units: int
    seconds: int = 3_600

    @property
    def quota(self) -> int:
        """Units a second that the table may grow to: a table that was warmed beyond the usual quota has a larger."""
        return max(TABLE_QUOTA, self.units)

    @property
    def links_in_batch(self) -> int:
        """Links in a batch of a hundred clicks, as the figures of before were measured."""
        return 1 if self.links == 1 else 100


@dataclass(frozen=True)
class Choices:
    """What the design of after could do otherwise."""

    stream_calls: int = CALLS_AT_ONCE - QUEUE_CALLS
    queue_calls: int = QUEUE_CALLS
    redraws_slots: bool = False
    """A message that was refused takes any slot that is open by then, instead of the one it was given."""
    opens_when_refused: bool = False
    """Refused rows open slots too, not only rows that the stream brought."""
    most_slots: int = MOST_SLOTS
    window: int = WINDOW_SECONDS
    holds_back: bool = False
    """The consumer of refused rows slows down while most are refused again."""


class State(NamedTuple):
    """Clicks after ``second``: all that came, and where they are."""

    second: float
    arrived: float
    counted: float
    queue: float
    stream: float
    lost: float
    dead: float
    sent_back: float = 0
    """Messages that the consumer returned to the queue so far: each is a receive, a send and a deletion more."""
    slots: int = 1
    partitions: int = 0
    units: float = 0
    """Write units used so far."""

    @property
    def waiting(self) -> float:
        """Clicks that will be counted without anyone doing anything, if they do not expire."""
        return self.queue + self.stream


class Fifo:
    """Amounts in the order in which they came, with the second in which each did."""

    def __init__(self) -> None:
        self.size = 0.0
        self._cohorts: deque[tuple[float, float]] = deque()

    def add(self, second: float, amount: float) -> None:
        """Put ``amount`` at the end."""
        if amount > 0:
            self._cohorts.append((second, amount))
            self.size += amount

    def take(self, amount: float) -> float:
        """Remove up to ``amount`` of the oldest; return how much there was."""
        left = amount
        while left > 0 and self._cohorts:
            second, there = self._cohorts.popleft()
            if there > left:
                self._cohorts.appendleft((second, there - left))
                there = left
            left -= there
        return self._less(amount - left)

    def expire(self, before: float) -> float:
        """Remove all that came before the second ``before``; return how much."""
        gone = 0.0
        while self._cohorts and self._cohorts[0][0] < before:
            gone += self._cohorts.popleft()[1]
        return self._less(gone)

    def _less(self, amount: float) -> float:
        self.size = self.size - amount if self._cohorts else 0.0
        return amount


def before(load: Load, functions: int = FUNCTIONS, steps: tuple[int, int] = STEPS) -> Iterator[State]:
    """Yield a state after each step until nothing waits: ``functions`` at once count what is in the queue.

    ``steps`` are seconds: while clicks come, and afterwards.
    """
    queue = Fifo()
    second = arrived = counted = lost = dead = units = driven = 0.0
    table, per_click = float(load.units), UNITS_BY_LINKS[load.links_in_batch]
    most, dies = _speed(load, functions, table)
    while second < load.seconds or queue.size > _DONE:
        step = steps[second >= load.seconds]
        came = load.rate * step if second < load.seconds else 0.0
        arrived += came
        queue.add(second, came)
        left = queue.take(most * step / (1 - dies))
        dead += left * dies
        counted += left * (1 - dies)
        units += left * (1 - dies) * per_click
        driven += step if left >= most * step and most * per_click >= table else 0
        if driven >= SPLIT_SECONDS:
            table, driven = min(table * 2, load.quota), 0.0
            most, dies = _speed(load, functions, table)
        second += step
        lost += queue.expire(second - QUEUE_SECONDS)
        partitions = math.ceil(table / PARTITION_UNITS)
        yield State(second, arrived, counted, queue.size, 0, lost, dead, partitions=partitions, units=units)


def _speed(load: Load, functions: int, table: float) -> tuple[float, float]:
    """Return the clicks a second that are counted at most, and the share of clicks that become dead letters."""
    links = load.links_in_batch
    busiest = Popularity(load.links).shares(1)[0]
    limits = [table / UNITS_BY_LINKS[links], PARTITION_UNITS / UNITS_ON_THE_LINK / busiest]
    if load.owners == 1:
        limits.append(OWNER_CLICKS)
    free = functions * CLICKS_OF_A_FUNCTION[links]
    most = min(free, *limits)
    if most == free:
        return most, 0.0
    # At a limit, the functions wait for each other. A transaction that has waited too long fails, its messages too.
    waits = functions / (most / QUEUE_BATCH * BATCH_TRANSACTIONS)
    return most, math.exp(-RETRY_SECONDS / waits) ** RECEIVES


class Popularity:
    """How often each of ``links`` is asked for, by Zipf's law: the second half as often as the first, and so on."""

    def __init__(self, links: int) -> None:
        self._groups: list[tuple[int, float]] = []  # so many links, each with this share of the clicks
        first, weights = 1, 0.0
        while first <= links:
            last = min(links, max(first, int(first * 1.1)))
            weight = (
                sum(1 / place for place in range(first, last + 1)) if last < 10**4 else math.log(last / (first - 1))
            )
            self._groups.append((last - first + 1, weight / (last - first + 1)))
            weights += weight
            first = last + 1
        self._groups = [(count, share / weights) for count, share in self._groups]

    def shares(self, most: int) -> list[float]:
        """Return the shares of the clicks of the first links, ``most`` at most: 1 for a link that is alone."""
        return [share for count, share in self._groups if count == 1][:most]

    def distinct(self, clicks: float) -> float:
        """Return how many links so many clicks are for, on average; to two per cent, because it is asked often."""
        return self._distinct(round(math.log(clicks) * 50)) if clicks > _ALMOST_NOTHING else 0.0

    @functools.lru_cache(maxsize=4096)  # noqa: B019  # as many as there are loads
    def _distinct(self, place: int) -> float:
        clicks = math.exp(place / 50)
        return sum(count * -math.expm1(-clicks * share) for count, share in self._groups)


@dataclass(slots=True, eq=False)
class _Key:
    """One partition key: a slot of a watched link, or all other keys of one partition together."""

    place: float  # 0 to 1, by its hash
    rate: float = 0.0  # clicks a second that redirects put
    ready: float = 0.0  # messages
    delayed: deque[float] = field(default_factory=lambda: deque([0.0] * (DELAY_SECONDS // _TURN)))  # sent back, by turn
    coming: float = 0.0  # messages that come again in this turn, one after the other
    flowed: float = 0.0  # those of them that came
    put: float = 0.0  # rows of the last step
    refused: float = 0.0  # puts of the last step


@dataclass(slots=True, eq=False)
class _Shard:
    """One shard of the stream. It is read when its parent has been read to the end."""

    width: float  # its share of the keys
    rows: float = 0.0
    echoes: float = 0.0  # records of counters
    parent: _Shard | None = None

    @property
    def is_empty(self) -> bool:
        return self.rows + self.echoes < _ALMOST_NOTHING


@dataclass(slots=True, eq=False)
class _Partition:
    low: float
    high: float
    rest: _Key
    shard: _Shard
    keys: list[_Key] = field(default_factory=list)
    due: float = 0.0  # units of counters that are still to be written
    driven: float = 0.0  # seconds at the limit
    takes: float = 1.0  # the share of the last step's writes that were taken


class _Link:
    """A watched link and its slots, each a key."""

    def __init__(self, code: str, share: float) -> None:
        self._code = code
        self.share = share
        self.keys = [_Key(self._place(0))]
        self._known = 1
        self._changed = -math.inf
        self._spread = (0.0, 0.0)

    def _place(self, slot: int) -> float:
        name = f"{self._code}~{slot}" if slot else self._code
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48

    def opened(self, second: float, step: int, choices: Choices) -> list[_Key]:
        """Open as many slots again, if the busiest is too busy; return the new ones."""
        if second - self._changed < SLOTS_SECONDS or len(self.keys) * 2 > choices.most_slots:
            return []
        busiest = max(key.put + (key.refused if choices.opens_when_refused else 0) for key in self.keys)
        if busiest <= SLOT_ROWS * step:
            return []
        self._known, self._changed = len(self.keys), second
        self.keys += [_Key(self._place(slot)) for slot in range(self._known, 2 * self._known)]
        return self.keys[self._known :]

    def spread(self, second: float, rate: float) -> None:
        """Set how many clicks of ``rate`` a second go to each slot: more and more redirects know the new ones."""
        know = min(1.0, (second - self._changed) / CACHE_SECONDS)
        if self._spread == (rate, know):
            return
        self._spread = rate, know
        new = know * rate / len(self.keys)
        old = new + (1 - know) * rate / self._known
        for slot, key in enumerate(self.keys):
            key.rate = old if slot < self._known else new

    def redraw(self) -> None:
        """Spread the messages that are ready over all open slots."""
        each = sum(key.ready for key in self.keys) / len(self.keys)
        for key in self.keys:
            key.ready = each


def after(load: Load, choices: Choices | None = None, steps: tuple[int, int] = STEPS) -> Iterator[State]:
    """Yield a state after each step until nothing waits. ``steps`` are seconds: while clicks come, and afterwards."""
    table = _Table(load, choices or Choices(), steps)
    while table.second < load.seconds or table.waiting > _DONE:
        yield table.pass_time()


class _Table:
    """The table of clicks, its stream, and the queue of what it refused."""

    def __init__(self, load: Load, choices: Choices, steps: tuple[int, int]) -> None:
        self._load, self._choices, self._steps, self._step = load, choices, steps, steps[0]
        self._link_units = BUSY_LINK_UNITS if load.links == 1 else SMALL_UNITS
        self._owner_units = BUSY_OWNER_UNITS if load.owners == 1 else SMALL_UNITS
        self._popularity, self._owners = Popularity(load.links), Popularity(load.owners)
        self._links = [_Link(f"link-{n}", share) for n, share in enumerate(self._popularity.shares(_WATCHED))]
        count = load.units // PARTITION_UNITS
        self._partitions = [
            _Partition(n / count, (n + 1) / count, _Key(n / count), _Shard(1 / count)) for n in range(count)
        ]
        for partition in self._partitions:
            partition.keys += [partition.rest] if load.links > 1 else []
        for link in self._links:
            self._place(link.keys)
        self._closed: list[_Shard] = []
        self._turned, self._tries = 0.0, self._queue_speed()
        self._read = Fifo()  # what the stream holds, for its age
        self.second = 0.0
        self.waiting = 0.0
        self._arrived = self._counted = self._lost = self._sent_back = self._units = 0.0

    def pass_time(self) -> State:
        """Let one step pass: writes, then what the stream brings, then what grows."""
        self._step = self._steps[self.second >= self._load.seconds]
        self._arrive()
        self._retry_and_put()
        self._count()
        self.second += self._step
        self._expire()
        self._open_slots()
        self._split()
        queue = sum(
            key.ready + key.coming - key.flowed + sum(key.delayed)
            for partition in self._partitions
            for key in partition.keys
        )
        stream = sum(shard.rows for shard in self._shards())
        self.waiting = queue + stream
        return State(
            self.second,
            self._arrived,
            self._counted,
            queue,
            stream,
            self._lost,
            0,  # the consumer sends back what is refused before its receives are used up
            self._sent_back,
            max(len(link.keys) for link in self._links),
            len(self._partitions),
            self._units,
        )

    def _shards(self) -> Iterator[_Shard]:
        yield from self._closed
        for partition in self._partitions:
            yield partition.shard

    def _arrive(self) -> None:
        rate = self._load.rate if self.second < self._load.seconds else 0.0
        self._arrived += rate * self._step
        for link in self._links:
            link.spread(self.second, rate * link.share)
        others = rate * max(0.0, 1 - sum(link.share for link in self._links))
        for partition in self._partitions:
            partition.rest.rate = others * (partition.high - partition.low)

    def _retry_and_put(self) -> None:
        """Put the rows of new clicks and of messages; a partition and the table take so much of each alike."""
        step, most = self._step, PARTITION_UNITS * self._step
        self._turn()
        ready = sum(key.ready for partition in self._partitions for key in partition.keys)
        tried = min(1.0, self._tries * step / ready) if ready else 0.0
        wanted = [
            partition.due + sum([key.rate * step + key.ready * tried for key in partition.keys])
            for partition in self._partitions
        ]
        all_taken = sum(min(each, most) for each in wanted)
        table = min(1.0, self._load.quota * step / all_taken) if all_taken else 1.0
        self._units += all_taken * table
        put = again = sent_back = 0.0
        for partition, want in zip(self._partitions, wanted, strict=True):
            partition.driven = max(0.0, partition.driven + (step if want > most else -step))
            partition.takes = takes = table * min(1.0, most / want) if want else 1.0
            partition.due *= 1 - takes
            rows = 0.0
            for key in partition.keys:
                new, old = key.rate * step, key.ready * tried
                key.put = (new + old) * takes
                key.refused = new + old - key.put
                key.ready += new * (1 - takes) - old
                key.delayed[-1] += old * (1 - takes)
                again += old
                sent_back += old * (1 - takes)
                rows += key.put
            partition.shard.rows += rows
            put += rows
        self._read.add(self.second, put)
        self._sent_back += sent_back
        if self._choices.holds_back and again:
            slower = 0.9 if sent_back > again / 2 else 1.1
            self._tries = min(self._queue_speed(), max(1.0, self._tries * slower**step))

    def _turn(self) -> None:
        """Let messages come again that were sent back long enough ago."""
        part = self._step / _TURN
        is_next = self.second - self._turned >= _TURN
        if is_next:
            self._turned = self.second
        for partition in self._partitions:
            for key in partition.keys:
                if is_next:
                    key.ready += key.coming - key.flowed
                    key.coming, key.flowed = key.delayed.popleft(), 0.0
                    key.delayed.append(0.0)
                if key.coming:
                    flows = min(key.coming * part, key.coming - key.flowed)
                    key.flowed += flows
                    key.ready += flows
        if self._choices.redraws_slots:
            for link in self._links:
                link.redraw()

    def _queue_speed(self) -> float:
        """Return the messages a second that the consumer tries."""
        return self._choices.queue_calls * QUEUE_BATCH / (CALL_SECONDS + QUEUE_BATCH * PUT_SECONDS / PUTS_AT_ONCE)

    def _count(self) -> None:
        """Let each shard's calls run for one step, one at a time, on fewer at once if Lambda's quota is smaller."""
        shards = sum(1 for _ in self._shards())
        time = self._step * min(1.0, self._choices.stream_calls / shards)
        owners = counted = 0.0
        for shard in self._closed:
            rows, _, of_owners = self._call(shard, time, 1, 1.0)
            counted += rows
            owners += of_owners
        for partition in self._partitions:
            shard = partition.shard
            if shard.parent and not shard.parent.is_empty:
                continue
            shard.parent = None
            rows, of_links, of_owners = self._call(shard, time, len(partition.keys), partition.takes)
            counted += rows
            owners += of_owners
            partition.due += of_links * self._link_units
            shard.echoes += of_links * COUNTERS_IN_STREAM
        for partition in self._partitions:  # an owner's counters, one for each shard, lie anywhere
            share = owners * (partition.high - partition.low)
            partition.due += share * self._owner_units
            partition.shard.echoes += share * COUNTERS_IN_STREAM
        self._closed = [shard for shard in self._closed if not shard.is_empty]
        self._counted += self._read.take(counted)

    def _call(self, shard: _Shard, time: float, keys: int, takes: float) -> tuple[float, float, float]:
        """Count for ``time`` seconds; return the rows, and the written counters of links and of owners."""
        records = shard.rows + shard.echoes
        if records < _ALMOST_NOTHING:
            return 0.0, 0.0, 0.0
        calls = max(records / BATCH_ROWS, self._step / self._choices.window)
        rows = shard.rows / calls
        several = self._load.links > 1
        links = min(rows, self._popularity.distinct(rows / shard.width) * shard.width if several else keys)
        owners = min(links, self._owners.distinct(rows) if self._load.owners > 1 else 1)
        took = CALL_SECONDS + rows * ROW_SECONDS + shard.echoes / calls * ECHO_SECONDS
        took += (links + owners) * COUNTER_SECONDS / COUNTERS_AT_ONCE / max(takes, 0.01)  # refused, and tried again
        done = min(1.0, time / (calls * took))
        counted = shard.rows * done
        shard.rows -= counted
        shard.echoes -= shard.echoes * done
        return counted, links * calls * done, owners * calls * done

    def _expire(self) -> None:
        """Lose what nobody read in time: rows in the stream, messages that the consumer could not even receive."""
        gone = self._read.expire(self.second - STREAM_SECONDS)
        if gone:
            there = sum(shard.rows for shard in self._shards())
            for shard in self._shards():
                shard.rows -= shard.rows / there * gone
            self._lost += gone
        ready = sum(key.ready for partition in self._partitions for key in partition.keys)
        too_many = ready - self._queue_speed() * QUEUE_SECONDS
        if too_many > 0:
            for partition in self._partitions:
                for key in partition.keys:
                    key.ready -= key.ready / ready * too_many
            self._lost += too_many

    def _open_slots(self) -> None:
        for link in self._links:
            self._place(link.opened(self.second, self._step, self._choices))

    def _place(self, keys: list[_Key]) -> None:
        for key in keys:
            next(each for each in self._partitions if each.low <= key.place < each.high).keys.append(key)

    def _split(self) -> None:
        """Make two of a partition that was driven at its limit, unless it is one key."""
        if all(partition.driven < SPLIT_SECONDS for partition in self._partitions):
            return
        partitions: list[_Partition] = []
        for each in self._partitions:
            if each.driven < SPLIT_SECONDS or len(each.keys) <= 1 == self._load.links:
                partitions.append(each)
                continue
            middle = (each.low + each.high) / 2
            self._closed.append(each.shard)
            for low, high in ((each.low, middle), (middle, each.high)):
                rest = _Key(low, ready=(each.rest.ready + each.rest.coming - each.rest.flowed) / 2)
                rest.delayed = deque(part / 2 for part in each.rest.delayed)
                keys = [key for key in each.keys if key is not each.rest and low <= key.place < high]
                shard = _Shard(high - low, parent=each.shard)
                partitions.append(
                    _Partition(
                        low, high, rest, shard, [rest, *keys] if self._load.links > 1 else keys, due=each.due / 2
                    )
                )
        self._partitions = partitions
