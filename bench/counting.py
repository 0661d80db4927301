"""The cost of counting a click, in units of DynamoDB and in CPU, and of its statistics in time.

"Before" is the queue's way, a transaction of rows and counts, which clicks without a slot still take. Units and CPU are
of the code as it is, against a table that answers at once and does not change: the counters stand at each link's
1,656th click of the day. The price of a night and the statistics are measured on a local AWS.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench import frozen_table, units
from bench.figures import Verdict
from bench.frozen_table import FrozenTable
from dev.local import local_aws

PORT = int(os.environ.get("AWS_PORT") or 4599)
DOLLARS_A_MILLION_UNITS = 0.625  # us-east-1, on demand, 2026-11-24
ROUNDS = 20
SECONDS_OF_OWNER = 1.0
"""Agreed: the statistics of a day, in all slots, of an owner with a hundred thousand links take no longer."""
MINUTE, LINKS = 23, 20
"""Clicks that come in a minute at a million a month, and the links they are of."""
_SAMPLES = 8  # batches of a case
_SHARD_LIVES = 4  # hours: a day's counter has the marks of six shards
_FIRST_NUMBER = 10**12  # dev/stream_event.py takes it for milliseconds since 1970
_CLICKS_TOGETHER = 72  # by which the day until then was counted
_MS_TOGETHER = 60_000  # what a batch brings came within a minute
_QUEUE_BATCH = 100  # messages of a call, before
_SPEED_ROUNDS = 2

Click = Any  # chalicelib.core.visits.click.Click: nothing of the service is imported before its AWS is there


@dataclass(frozen=True)
class Case:
    """A batch whose price is agreed: so many clicks, over so many links, that so many shards bring."""

    name: str
    clicks: int
    links: int
    shards: int
    at_most: float
    before: int
    """Clicks in a batch of the queue's, for the same clicks."""


CASES = (
    Case("each alone in its minute, 1 shard", MINUTE, LINKS, 1, 3.0, 1),
    Case("each alone in its minute, 4 shards", MINUTE, LINKS, 4, 3.0, 1),
    Case("a hundred over 20 links", 100, LINKS, 1, 1.7, 100),
    Case("a hundred of one link", 100, 1, 1, 1.15, 100),
)
SPEEDS = ((100, LINKS), (1_000, 1_000), (1_000, 1))
"""Clicks in a batch, and the links they are of."""


def main() -> None:
    """Print all tables, and what costs more than agreed."""
    os.environ.update(local_aws.environment(PORT), BASE_URL="https://sho.rt")
    with frozen_table.running(PORT) as table:
        verdicts = [*_prices(table)]
        _speeds(table)
    with tempfile.TemporaryDirectory() as state_dir, local_aws.running(PORT, Path(state_dir)):
        import boto3

        from dev.local import tables

        tables.create(boto3.client("dynamodb"))
        _nights()
        verdicts.append(_times())
    print()
    for verdict in verdicts:
        print(verdict)


class Standing:
    """A day of an owner's links on which each has had so many clicks, as both ways of counting have stored it."""

    def __init__(self, table: FrozenTable, name: str, links: int, shards: int, referrers: Sequence[str]) -> None:
        from bench.click_mix import Mix

        self.table = table
        self.codes = [f"{name}{number:04x}" for number in range(links)]
        self.shards = [
            f"shardId-{10**19 + number:020}-{zlib.crc32(name.encode()) + number:08x}" for number in range(shards)
        ]
        self.mix = Mix(links, referrers)
        self.number = _FIRST_NUMBER
        self._owner = name
        self._fill()

    def clicks(self, number: int) -> list[Click]:
        """Return clicks that come next, over all links in turns."""
        return self.of_owner(self.mix.clicks([self.codes[place % len(self.codes)] for place in range(number)]))

    def of_owner(self, clicks: Iterable[Click]) -> list[Click]:
        """Return ``clicks`` on links of this day's own owner."""
        return [replace(click, owner=self._owner) for click in clicks]

    def shard_of(self, code: str) -> str:
        """Return the shard that brings a link's rows."""
        return self.shards[self.codes.index(code) % len(self.shards)]

    def events(self, clicks: Sequence[Click]) -> list[dict[str, Any]]:
        """Return what the stream makes of the rows of ``clicks``: an event of each shard that has any."""
        from chalicelib.aws.dynamodb import row_store
        from dev import stream_event

        records: dict[str, list[tuple[int, Any]]] = {}
        for click in clicks:
            self.number += _MS_TOGETHER // len(clicks)
            records.setdefault(self.shard_of(click.link_id), []).append((self.number, row_store.to_item(click)))
        return [stream_event.event(each, shard=shard) for shard, each in records.items()]

    def counter_of(self, code: str) -> Mapping[str, Any]:
        """Return the stored counter of a link, or of the owner (``@``) in the slot of the first shard."""
        from bench.click_mix import DAY
        from chalicelib.core.visits import counters, slots
        from chalicelib.core.visits.open_counter import shard_id

        key = code
        if code == "@":
            key = slots.partition_key(counters.owner_subject(self._owner), shard_id(self.shards[0])[0] % slots.OF_OWNER)
        return self.table.items[key, f"count#{DAY.date()}"]

    def _fill(self) -> None:
        """Count the day until now: twenty links' clicks. Further links have the same counters again."""
        from bench.click_mix import CLICKS_BEFORE, DAY
        from chalicelib.aws.dynamodb import counter_store
        from chalicelib.aws.dynamodb.counter_store import Place, Stored
        from chalicelib.core.visits import counters, slots, user_agents
        from chalicelib.core.visits.open_counter import OpenCounter, shard_id

        day = DAY.date().isoformat()
        of_links = [OpenCounter() for _ in self.codes[:LINKS]]
        of_owner: dict[int, OpenCounter] = {}
        flat_owner = OpenCounter()
        number = 0
        for place, code in enumerate(self.codes[:LINKS] * (CLICKS_BEFORE // _CLICKS_TOGETHER)):
            # Of an owner with more links, these clicks are on all of them.
            codes = [
                self.codes[(place * _CLICKS_TOGETHER + each) % len(self.codes)] for each in range(_CLICKS_TOGETHER)
            ]
            clicks = [
                (number + 1 + n, user_agents.classify(each))
                for n, each in enumerate(self.mix.clicks([code] * _CLICKS_TOGETHER))
            ]
            number += _CLICKS_TOGETHER
            which = place % len(of_links)
            shard = shard_id(self.shard_of(code))
            of_links[which], _ = of_links[which].add(shard, clicks, user_agents.PATTERNS, of_owner=False)
            if len(self.codes) > LINKS:
                clicks = [
                    (n, replace(each, click=replace(each.click, link_id=c)))
                    for (n, each), c in zip(clicks, codes, strict=True)
                ]
            slot = shard[0] % slots.OF_OWNER
            so_far = of_owner.get(slot, OpenCounter())
            of_owner[slot], _ = so_far.add(shard, clicks, user_agents.PATTERNS, of_owner=True)
            flat_owner, _ = flat_owner.add(b"all", clicks, user_agents.PATTERNS, of_owner=True)
        owner = counters.owner_subject(self._owner)
        stored = {Place(code, 0, day): of_links[place % len(of_links)] for place, code in enumerate(self.codes)}
        stored |= {Place(owner, slot, day): counter for slot, counter in of_owner.items()}
        with units.billed(lambda _: {}) as bill:
            for at, counter in stored.items():
                marks = self._marks(
                    [shard_id(self.shard_of(at.subject))] if at.subject in self.codes else [*counter.marks]
                )
                link_owner = None if at.subject == owner else self._owner
                edition = sum(counter.counts.values()) // 9  # some number as large as it is by then
                put = replace(counter, marks=marks)
                counter_store.put(at, Stored(OpenCounter(), edition), put, link_owner)
        self.table.fill(list(map(dict, bill.puts)))
        flat = {code: of_links[place % len(of_links)].counts for place, code in enumerate(self.codes)}
        days = [
            _day_item(subject, day, counts, self._owner)
            for subject, counts in (flat | {owner: flat_owner.counts}).items()
        ]
        totals = [
            {"code": {"S": code}, "entry": {"S": "total"}, **_numbers(counters.only_totals(counts))}
            for code, counts in flat.items()
        ]
        self.table.fill([*days, *totals])

    def _marks(self, now: Sequence[bytes]) -> dict[bytes, int]:
        """Return the marks of the shards of ``now``, and of those before them in the same day."""
        from chalicelib.core.visits.open_counter import shard_id

        before = 24 // _SHARD_LIVES - len(now)
        return dict.fromkeys(now, _FIRST_NUMBER) | {shard_id(f"before {n}"): _FIRST_NUMBER - n for n in range(before)}


def _day_item(subject: str, day: str, counts: Mapping[str, int], owner: str) -> dict[str, Any]:
    """Return a day as transactions add to it."""
    of_link = {} if subject.startswith("@") else {"owner": {"S": owner}}
    key = {"code": {"S": subject}, "entry": {"S": f"day#{day}"}}
    return {**key, "openDay": {"S": day}, **of_link, **_numbers(counts)}


def _numbers(counts: Mapping[str, int]) -> dict[str, Any]:
    return {name: {"N": str(number)} for name, number in counts.items()}


def _prices(table: FrozenTable) -> list[Verdict]:
    """Print what a click costs, and what is stored; return whether it is what was agreed."""
    from bench import click_mix

    sizes, verdicts = [], []
    print("| clicks | referrers | rows | counters | the owner's | write units a click | before | read units | before |"
          " dollars a million clicks | before |")  # fmt: skip
    print(f"|---|---|{'---:|' * 9}")
    mixes = {"sites": click_mix.numbered_sites(), "words": click_mix.sites_of_words()}
    for name, referrers in mixes.items():
        standings: dict[tuple[int, int], Standing] = {}
        for case in CASES:
            key = case.links, case.shards
            standing = standings.get(key)
            if standing is None:
                standing = Standing(table, f"{name}-{case.links}-{case.shards}-", *key, referrers)
                standings[key] = standing
            line, verdict = _price(standing, case, name)
            print(line, flush=True)
            verdicts.append(verdict)
            sizes += _sizes(standing, name) if case.shards == 1 and case.clicks > MINUTE else []
    print("\n| stored | referrers | names | as attributes, bytes | counter, bytes | units |")
    print(f"|---|---|{'---:|' * 4}")
    print("\n".join(sizes))
    return [*verdicts, _rows(mixes)]


def _price(standing: Standing, case: Case, referrers: str) -> tuple[str, Verdict]:
    now, before = units.Bill(), units.Bill()
    for _ in range(_SAMPLES):
        clicks = standing.clicks(case.clicks)
        for bill, count in ((now, _count_rows), (before, partial(_record, batch=case.before))):
            with units.billed(standing.table.held) as paid:
                count(standing, clicks)
            bill.add(paid)
    total = _SAMPLES * case.clicks
    if now.index:
        raise RuntimeError("The index is paid for an old counter.")
    a_click = now.units / total
    parts = [
        sum(now.writes.get(each, 0) for each in kind) / total for kind in (("click",), ("count",), ("owner's count",))
    ]
    shown = [*parts, a_click, before.units / total, now.reads / total, before.reads / total]
    dollars = (bill.units / total * DOLLARS_A_MILLION_UNITS for bill in (now, before))
    line = f"| {case.name} | {referrers} | {' | '.join(f'{each:.2f}' for each in (*shown, *dollars))} |"
    words = f"{case.name} ({referrers}): {a_click:.2f} units a click, at most {case.at_most}"
    return line, Verdict(words, kept=a_click <= case.at_most)


def _count_rows(standing: Standing, clicks: Sequence[Click]) -> None:
    """Put the rows of clicks and count them, as redirects and the stream do."""
    from chalicelib.aws.dynamodb import row_store

    for click in clicks:
        row_store.put(click)
    _count_events(standing.events(clicks))


def _count_events(events: Iterable[dict[str, Any]]) -> None:
    from bench.click_mix import NOW
    from chalicelib.core.visits.stream_batch import StreamBatch
    from chalicelib.settings import settings
    from chalicelib.usecases.count_rows import count

    for event in events:
        result = count(StreamBatch.from_event(event, settings.clicks_table), NOW)
        if len(result.counted) != len(event["Records"]):
            raise RuntimeError(f"{result.known} known, {result.late} late, {result.set_aside} set aside")


def _record(_: Standing, clicks: Sequence[Click], batch: int) -> None:
    """Count clicks as the version before: by messages."""
    _record_messages(_messages(clicks), batch)


def _messages(clicks: Sequence[Click]) -> list[Any]:
    from chalicelib.usecases.record_clicks import Message

    without_slot = {"slot": None, "expires_at": None, "took_ms": None, "from_cache": None}
    return [Message(uuid.uuid4().hex, json.dumps(replace(each, **without_slot).as_message())) for each in clicks]


def _record_messages(messages: Sequence[Any], batch: int) -> None:
    from bench.click_mix import NOW
    from chalicelib.usecases.record_clicks import record

    for first in range(0, len(messages), batch):
        some = messages[first : first + batch]
        recorded = record(some, NOW)
        if recorded.counted != len(some):
            raise RuntimeError(str(recorded))


def _sizes(standing: Standing, referrers: str) -> list[str]:
    from bench.click_mix import DAY
    from chalicelib.core.visits.open_counter import OpenCounter

    lines = []
    for title, subject in (("a link's day", standing.codes[0]), (f"the owner's, {len(standing.codes)} links", "@")):
        item = standing.counter_of(subject)
        names = len(OpenCounter.from_bytes(item["counter"]["B"]).counts)
        key = subject if subject != "@" else item["code"]["S"].partition("#")[0]
        flat = units.size_of(standing.table.items[key, f"day#{DAY.date()}"])
        size = units.size_of(item)
        if subject == "@" or len(standing.codes) == 1:
            lines.append(f"| {title} | {referrers} | {names} | {flat:,} | {size:,} | {units.begun(size)} |")
    return lines


def _rows(mixes: Mapping[str, Sequence[str]]) -> Verdict:
    from bench.click_mix import Mix
    from chalicelib.aws.dynamodb import row_store

    clicks = [click for each in mixes.values() for click in Mix(1, each).clicks(["abcdefg"] * 1_000)]
    sizes = sorted(units.size_of(row_store.to_item(click)) for click in clicks)
    words = f"a row has {statistics.median(sizes):.0f} bytes ({sizes[0]} to {sizes[-1]}): one unit"
    return Verdict(words, kept=units.begun(sizes[-1]) == 1)


def _speeds(table: FrozenTable) -> None:
    """Print how many clicks a second of CPU both ways count, in turns, by the way that is deployed."""
    from bench import click_mix

    print("\n| a batch | clicks a second of CPU | before | times as many | requests | before |")
    print(f"|---|{'---:|' * 5}")
    for size, links in SPEEDS:
        standing = Standing(table, f"speed-{links}-{size}-", links, 1, click_mix.sites_of_words())
        took: tuple[list[float], list[float]] = ([], [])
        requests = [0, 0]
        for number in range(_SPEED_ROUNDS + 1):
            clicks = standing.clicks(size)
            events, messages = standing.events(clicks), _messages(clicks)
            ways = (partial(_count_events, events), partial(_record_messages, messages, _QUEUE_BATCH))
            for way, (times, count) in enumerate(zip(took, ways, strict=True)):
                if number == 0:  # warms up
                    with units.billed(standing.table.held) as bill:
                        count()
                    requests[way] = bill.requests
                else:
                    times.append(_cpu(count))
        now, before = (size / statistics.median(times) for times in took)
        over = "of one link" if links == 1 else f"over {links:,} links"
        shown = f"{now:,.0f} | {before:,.0f} | {now / before:.1f} | {requests[0]:,} | {requests[1]:,}"
        print(f"| {size:,} {over} | {shown} |", flush=True)


def _cpu(call: Callable[[], None]) -> float:
    gc.collect()
    started = time.process_time()
    call()
    return time.process_time() - started


def _nights() -> None:
    """Print what else a link's day costs: its counter's begin, and its two nights."""
    import boto3

    from bench.click_mix import DAY, OWNER, Mix, numbered_sites
    from chalicelib.aws.dynamodb import row_store
    from chalicelib.core.visits.night_job import NightJob
    from chalicelib.settings import settings
    from chalicelib.usecases import close_day
    from dev import stream_event

    dynamodb = boto3.client("dynamodb")

    def held(key: units.Item) -> units.Item:
        item: units.Item = dynamodb.get_item(TableName=settings.clicks_table, Key=dict(key)).get("Item", {})
        return item

    print("\n| a link's day | counter's begin | visitors published | folded | write units | read units | a click |")
    print(f"|---|{'---:|' * 6}")
    for clicks in (1, 23, 1_656):
        code, day = f"night-{clicks}", DAY.date().isoformat()
        some = [
            replace(each, owner=f"{OWNER}-{clicks}") for each in Mix(clicks, numbered_sites()).clicks([code] * clicks)
        ]
        items = [row_store.to_item(click) for click in some]
        for click in some:
            row_store.put(click)
        with units.billed(held) as begin:
            _count_events([stream_event.event(list(enumerate(items, start=_FIRST_NUMBER)))])
        first = {"index": begin.index}
        paid = []
        for step, night in (("publish", DAY + timedelta(days=1, hours=2)), ("fold", DAY + timedelta(days=2, hours=2))):
            for subject in (code, f"@{OWNER}-{clicks}"):
                with units.billed(held) as bill:
                    close_day.run(NightJob(step, subject, day), night)  # type: ignore[arg-type]  # each is one of two texts
                paid.append(bill)
        by_link = paid[0].units, paid[2].units
        total = first["index"] / 2 + sum(by_link)
        reads = paid[0].reads + paid[2].reads
        shown = " | ".join(f"{each:.0f}" for each in (first["index"] / 2, *by_link, total))
        print(f"| of {clicks:,} clicks | {shown} | {reads:.1f} | {total / clicks:.2f} |")


def _times() -> Verdict:
    from bench.click_mix import OWNER
    from chalicelib.aws.dynamodb import click_store, link_store
    from chalicelib.core.links.link import Link
    from chalicelib.core.visits.period import Period
    from chalicelib.usecases import read_statistics

    now = datetime.now(UTC)
    today = now.date()
    click_store.mark_folded_through((today - timedelta(days=2)).isoformat())
    click_store.reset()
    for code, clicks in (("ten", 10), ("million", 1_000_000)):
        link_store.add(Link(id=code, url="https://example.com/"), code)
        _seed(code, _counts(clicks), today, slots=1)
    _seed(f"@{OWNER}", _counts_of_owner(100_000), today, slots=8)
    seconds = 0.0
    for title, days in (("today", 1), ("30 days", 30), ("a year", 365)):
        period = Period(first=today - timedelta(days=days - 1), last=today, unit="day")
        took: dict[str, list[float]] = {"ten": [], "million": [], f"@{OWNER}": []}
        for _ in range(ROUNDS):
            for subject, times in took.items():
                started = time.perf_counter()
                if subject.startswith("@"):
                    read_statistics.owner_report(OWNER, period, now)
                else:
                    read_statistics.link_report(subject, period, now)
                times.append((time.perf_counter() - started) * 1000)
        ten, million, owner = (_shown(times) for times in took.values())
        ratio = statistics.median(took["million"]) / statistics.median(took["ten"])
        if days == 1:
            seconds = statistics.median(took[f"@{OWNER}"]) / 1000
        print(
            f"\nstatistics of {title}, ms: ten clicks {ten}; a million {million}; {ratio:.2f} times;"
            f" an owner with 100,000 links {owner}"
        )
    words = f"statistics of a day of an owner with 100,000 links: {seconds:.2f} seconds, at most {SECONDS_OF_OWNER}"
    return Verdict(words, kept=seconds <= SECONDS_OF_OWNER)


def _counts(clicks: int) -> Counter[str]:
    """Return the counts of a day of a link with so many clicks in a year: the same names, whatever the traffic."""
    a_day = clicks // 365
    counts = Counter({"visits": a_day + 1, "humans": a_day + 1})
    for breakdown, names in (("countries", 20), ("referrers", 20), ("browsers", 8), ("languages", 8), ("systems", 5)):
        counts.update({f"{breakdown}#name-{n}": a_day // names + 1 for n in range(names)})
    return counts


def _counts_of_owner(links: int) -> Counter[str]:
    """Return the counts of a day on which each of so many links was visited: as many names as a day may have."""
    from bench.click_mix import Mix, sites_of_words
    from chalicelib.core.visits import counters, user_agents

    some = map(user_agents.classify, Mix(links, sites_of_words()).clicks(["abcdefg"] * 5_000))
    counts = counters.counts_of(some, with_links=False)
    counts.update({f"links#{number:07}": links // (number + 1) + 1 for number in range(links)})
    return counters.limit_names(counts)


def _seed(subject: str, counts: Counter[str], today: date, slots: int) -> None:
    """Write the days of a year: those before yesterday are folded, the others are in the counters of all ``slots``."""
    from chalicelib.aws.dynamodb import click_store, counter_store
    from chalicelib.aws.dynamodb.counter_store import Place, Stored
    from chalicelib.core.visits.counters import CounterKey, Day
    from chalicelib.core.visits.open_counter import OpenCounter

    for back in range(365):
        day = (today - timedelta(days=back)).isoformat()
        if back > 1:
            folded = Day(date=day, counts=counts, visitors=counts["visits"] // 2, is_folded=True)
            stored = click_store.fold(CounterKey(subject, day), Day(date=day, counts={}), folded, None, {})
        else:
            places = [Place(subject, slot, day) for slot in range(slots)]
            stored = all(counter_store.put(place, Stored(OpenCounter()), OpenCounter(counts), None) for place in places)
        if not stored:
            raise RuntimeError(f"{subject} {day}")


def _shown(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})"


if __name__ == "__main__":
    main()
