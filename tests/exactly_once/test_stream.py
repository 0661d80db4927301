"""Rows that a stream brings count exactly once, by the function as it is deployed, whatever AWS may do.

The stream and the event source are a model of what AWS does (``tests/stream_model.py``): several shards that roll over
and split, a hot key over two of them, batches that come again with other borders, calls that overlap, numbers that grow
in length. The table is moto's, through a client that loses requests and replies and is killed between two writes. What
the queue, a replay and the version before bring comes in between, and nights are closed.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

import app as service
from chalicelib import clock
from chalicelib.aws import clients
from chalicelib.aws.dynamodb import click_store, row_store
from chalicelib.aws.sqs import click_queue
from chalicelib.core.visits import counters, open_days, slots, user_agents
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import CounterKey
from chalicelib.core.visits.night_job import NightJob
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import close_day, close_days, count_rows, judge_row, track_visit
from chalicelib.usecases.record_clicks import Message, record
from tests.aws_in_memory import in_memory
from tests.rows import ARN
from tests.sizes import each_seed, usual_or_long
from tests.stream_model import Stream

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
OWNERS = {"a1": "ann", "a2": "ann", "b1": "bob"}
CODES = ("a1", "a2", "b1", "hot")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Mobile/15E148 Safari/604.1",
    "curl/8.0",
    None,
)
WRITES = {"put_item", "update_item", "transact_write_items", "batch_write_item", "delete_item"}


class Killed(BaseException):
    """Stands for the end of the process; no code may catch it."""


class Faulty:
    """A client of the table that loses requests and replies, tries again what was done, and is killed."""

    def __init__(self, client: Any, world: World) -> None:
        self._client, self._world = client, world

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Return an operation of the client, with its faults."""
        real = getattr(self._client, operation)

        def call(**request: Any) -> Any:
            world, drawn = self._world, self._world.chance.random()
            if not world.is_faulty:
                return real(**request)
            if drawn < 0.03:
                world.happened["request lost"] += 1
                raise ConnectTimeoutError(endpoint_url="the table")
            if drawn < 0.04:
                raise Killed
            if operation in WRITES and drawn < 0.07:
                world.happened["overlapped"] += 1
                world.stream.overlap(world.count)
            if operation in WRITES and drawn < 0.10:
                world.happened["tried again"] += 1  # its first reply was lost, and the client has retried it
                real(**request)
            result = real(**request)
            if operation in WRITES and drawn > 0.97:
                world.happened["reply lost"] += 1
                raise ReadTimeoutError(endpoint_url="the table")
            if operation in WRITES and drawn > 0.96:
                raise Killed
            return result

        return call


class World:
    """The table, the stream, the queue and the nights, and every click that there was."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # the same for the same seed
        self.stream = Stream(self.chance, ARN, now=START.timestamp(), restart=0.2, most_records=15)
        self.clicks: list[Click] = []
        self.queue: list[str] = []
        self.spilled: list[str] = []
        self.jobs: list[NightJob] = []
        self.slots: dict[str, int] = {}
        self.happened: Counter[str] = Counter()
        self.is_faulty = True
        self._items: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def now(self) -> datetime:
        """Return the time of the model's clock."""
        return datetime.fromtimestamp(self.stream.now, UTC)

    def count(self, event: dict[str, Any]) -> Any:
        """Call the function that counts rows."""
        return service.count_rows(event, None)

    def click(self, code: str, *, with_row: bool = True) -> Click:
        """Return a new click of ``code``, now."""
        chance = self.chance
        number = self.slots.get(code, 1)
        drawn_of = number if number > 1 else None
        row: dict[str, Any] = {"slot": slots.draw(number), "slots": drawn_of, "expires_at": 2_000_000_000}
        moment = self.now - timedelta(milliseconds=chance.randrange(1000))
        return Click(
            id=f"{chance.getrandbits(64):016x}",
            link_id=code,
            owner=OWNERS.get(code),
            at=moment.replace(microsecond=moment.microsecond // 1000 * 1000),
            agent=chance.choice(AGENTS),
            referrer=chance.choice([None, *(f"site-{n}.example" for n in range(9))]),
            country=chance.choice([None, "PT", "DE"]),
            visitor=chance.choice([None, *(f"{n:024x}" for n in range(5))]),
            prefetch=chance.random() < 0.05,
            requested_as=chance.choice(["navigation", "page", "other"]),
            **(row if with_row else {}),
        )

    def visit(self, code: str) -> None:
        """Send a click as a redirect does: to the table, else the queue, else the log."""
        click = self.click(code)
        self.clicks.append(click)
        track_visit.reset()
        try:
            left = track_visit._put([click], self.now)  # noqa: SLF001  # what follows the response
        except Killed:  # of the redirect: its click would be lost, and is no matter of counting
            left = [click.as_message()]
        for message in left:
            (self.queue if self.chance.random() < 0.8 else self.spilled).append(json.dumps(message))
        self.bring()

    def visit_by_the_version_before(self, code: str) -> None:
        """Queue a click that is counted in the transaction which writes its row."""
        click = self.click(code, with_row=False)
        self.clicks.append(click)
        self.queue.append(json.dumps(click.as_message()))

    def replay_of_days_ago(self, code: str) -> None:
        """Queue a click of any moment since START: a log may be replayed when the day is folded."""
        since = int((self.now - START).total_seconds() * 1000)
        click = replace(self.click(code), at=START + timedelta(milliseconds=self.chance.randrange(since + 1)))
        self.clicks.append(click)
        self.queue.append(json.dumps(click.as_message()))

    def work_on_queue(self, most: int = 10) -> None:
        """Deliver some queued messages, each perhaps more than once; what failed stays in the queue."""
        self.chance.shuffle(self.queue)
        taken, self.queue = self.queue[:most], self.queue[most:]
        bodies = [body for body in taken for _ in range(self.chance.randint(1, 2))]
        messages = [Message(str(number), body) for number, body in enumerate(bodies)]
        try:
            recorded = record(messages, self.now)
        except Killed:
            self.queue += taken
        else:
            failed = set(recorded.failed)
            self.queue += [each.body for each in messages if each.id in failed]
        self.bring()

    def bring(self) -> None:
        """Let the stream have a record of everything that has changed in the table."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].tables[settings.clicks_table]
        found = {
            (key, str(entry)): dict(item.to_json()["Attributes"])
            for key, entries in table.items.items()
            for entry, item in entries.items()
        }
        for key, item in found.items():
            self.stream.put(item, self._items.get(key))
        for key in self._items.keys() - found.keys():
            self.stream.remove(self._items[key], by_ttl=False)
        self._items = found

    def deliver(self) -> None:
        """Let the event source make one call."""
        self.stream.deliver(self.count)
        self.bring()

    def drain(self) -> None:
        """Deliver all that is left; it takes a hundred calls, and a record that always fails would take no end."""
        self.stream.drain(self.count, 2_000)

    def night(self) -> None:
        """Do what is to be done in this night, in any order, each job perhaps twice or killed."""
        try:
            jobs = list(close_days.jobs(self.now))
        except (StoreUnavailable, Killed):
            return
        self.chance.shuffle(jobs)
        for job in jobs:
            for _ in range(self.chance.randint(1, 2)):
                try:
                    close_day.run(job, self.now, lambda: self.chance.random() < 0.9)
                except (StoreUnavailable, close_day.OutOfTime):
                    self.happened["job failed"] += 1
                except Killed:
                    self.happened["job killed"] += 1
        self.mark({job.day for job in jobs if job.step == "fold"})
        self.bring()

    def mark(self, folding: set[str]) -> None:
        """Record that all is folded, if it is: from then on a night does not look for counters of these days."""
        is_faulty, self.is_faulty = self.is_faulty, False
        if not any(list(click_store.open_subjects(day)) for day in folding):
            click_store.mark_folded_through(close_days._last_to_fold(self.now))  # noqa: SLF001  # as close_days does
        self.is_faulty = is_faulty

    def settle(self) -> None:
        """Bring everything to its end, without faults."""
        self.is_faulty = False
        while self.queue or self.spilled:
            self.queue, self.spilled = self.queue + self.spilled, []
            self.work_on_queue(50)
        self.drain()
        self.bring()
        self.drain()

    def close_all(self) -> None:
        """Close the nights until nothing is open, without faults."""
        for _ in range(2):
            self.night()
            self.settle()
        click_store.mark_folded_through(close_days._last_to_fold(self.now))  # noqa: SLF001  # all are closed

    def expected(self) -> dict[CounterKey, Counter[str]]:
        """Return the counts of every day of links and owners."""
        return counters.counts_by_key(map(user_agents.classify, self.clicks))

    def check_open_days(self) -> None:
        """Assert that the counters have all rows that there are, before a night can correct them."""
        self.bring()
        click_store.reset()
        judged = [judge_row.judge(item) for item in self._items.values() if row_store.is_row(item)]
        for key, counts in counters.counts_by_key(judged).items():
            if open_days.takes_clicks(key.day, self.now):
                days = click_store.days_of(key.subject, key.day, key.day, self.now)
                assert [dict(day.counts) for day in days] == [dict(counts)], key

    def check(self) -> None:
        """Assert that days, totals and rows are exactly those of the clicks, per link, day and name."""
        click_store.reset()
        totals: dict[str, Counter[str]] = {}
        for key, counts in self.expected().items():
            days = click_store.days_of(key.subject, key.day, key.day, self.now)
            assert [dict(day.counts) for day in days] == [dict(counts)], key
            if not counters.is_owner_subject(key.subject):
                totals.setdefault(key.subject, Counter()).update(counters.only_totals(counts))
        assert click_store.totals_of(totals, self.now) == totals

    def check_visitors(self) -> None:
        """Assert that every folded day has its unique visitors."""
        people: dict[CounterKey, set[tuple[str, str]]] = {}
        for click in self.clicks:
            for key in counters.counter_keys(click):
                found = people.setdefault(key, set())
                if click.visitor and user_agents.classify(click).kind == "humans":
                    found.add((click.link_id, click.visitor))
        for key, visitors in people.items():
            (day,) = click_store.days_of(key.subject, key.day, key.day, self.now)
            assert day.visitors == len(visitors), key


def _days_before(now: datetime) -> list[str]:
    """Return the days from START's to yesterday."""
    return open_days.between(START.date().isoformat(), (now - timedelta(days=1)).date().isoformat())


@contextmanager
def _world(seed: int) -> Iterator[World]:
    with in_memory(), pytest.MonkeyPatch.context() as patch:
        click_store.mark_folded_through((START - timedelta(days=2)).date().isoformat())
        world = World(seed)
        for name in ("reads", "writes"):
            patch.setattr(clients, name, Faulty(getattr(clients, name), world))
        # Each key of an open day is a query of every night, and before START there is no day to be closed.
        patch.setattr(open_days, "SHARDS", 2)
        patch.setattr(close_days, "_past_days", _days_before)
        patch.setattr(clock, "now", lambda: world.now)
        patch.setattr(count_rows, "_at_once", lambda write, places: [write(place) for place in places])
        patch.setattr(click_queue, "send_again", lambda messages: world.queue.extend(map(json.dumps, messages)))
        patch.setattr("chalicelib.usecases.close_day.time.sleep", lambda _: None)
        yield world


class Counting(RuleBasedStateMachine):
    """Visits, deliveries, changes of shards, the queue and the nights, in any order."""

    @initialize(seed=st.integers(0, 2**32 - 1))
    def begin(self, seed: int) -> None:
        """Begin with empty tables."""
        self._open = _world(seed)
        self.world = self._open.__enter__()

    @rule(code=st.sampled_from(CODES), number=st.integers(1, 12))
    def visits(self, code: str, number: int) -> None:
        """Visitors follow a link."""
        for _ in range(number):
            self.world.visit(code)

    @rule(code=st.sampled_from(CODES))
    def visits_in_the_version_before(self, code: str) -> None:
        """The version before is still deployed, or left messages in the queue."""
        self.world.visit_by_the_version_before(code)

    @rule(code=st.sampled_from(CODES))
    def replay_of_days_ago(self, code: str) -> None:
        """An operator replays an old log."""
        self.world.replay_of_days_ago(code)

    @rule(number=st.integers(1, 8))
    def deliveries(self, number: int) -> None:
        """The event source makes some calls."""
        for _ in range(number):
            self.world.deliver()

    @rule()
    def queued(self) -> None:
        """The function of the queue works."""
        self.world.work_on_queue()

    @rule()
    def replay(self) -> None:
        """An operator replays what was spilled into the log, some of it twice."""
        world = self.world
        world.queue += world.spilled
        world.spilled = world.spilled[:1]

    @rule(change=st.sampled_from(["roll_over", "split", "hot key"]))
    def shards_change(self, change: str) -> None:
        """A shard closes, and others go on."""
        if change == "hot key":
            self.world.stream.split_key("hot")
        else:
            getattr(self.world.stream, change)()

    @rule(number=st.sampled_from([1, 2, 4, 1]))
    def slots_change(self, number: int) -> None:
        """A link is hot, or no longer."""
        self.world.is_faulty = False
        click_store.open_slots("hot", number)
        self.world.is_faulty = True
        self.world.slots["hot"] = number

    @rule()
    def poison(self) -> None:
        """There is a row that is none; its neighbours count."""
        world = self.world
        item = row_store.to_item(world.click("a1"))
        world.stream.put({**item, "entry": {"S": f"click#never#{world.chance.random()}"}})

    @rule()
    def removals(self) -> None:
        """TTL removes what nobody counts any more."""
        item = row_store.to_item(self.world.click("a2"))
        self.world.stream.remove(item, by_ttl=True)

    @rule(hours=st.sampled_from([0.1, 1, 6, 14]))
    def time_passes(self, hours: float) -> None:
        """All that was put is delivered within 24 hours, as the alarm on its age sees to."""
        world = self.world
        world.is_faulty = False
        world.drain()
        world.check_open_days()
        world.is_faulty = True
        world.stream.advance(hours * 3600)
        if world.now.hour >= 2 and self.nights < world.now.date().toordinal():
            self.nights = world.now.date().toordinal()
            world.night()

    nights = START.date().toordinal()

    def teardown(self) -> None:
        """Whatever was left is brought to its end: first nothing is wrong, and then all days are folded."""
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            world.settle()
            world.check_open_days()
            world.close_all()
            world.check()
            world.stream.advance(3 * 86_400)
            world.close_all()
            world.check()
            world.check_visitors()
        finally:
            self._open.__exit__(None, None, None)


@each_seed
def test_busy_days_count_exactly(seed: int) -> None:
    """Hypothesis draws short days, which are easy to read where one fails; these are long, and have all of it."""
    machine, chance = Counting(), random.Random(seed)  # noqa: S311  # the same for the same seed
    machine.begin(seed)
    rules: list[tuple[int, Callable[[], None]]] = [
        (12, lambda: machine.visits(chance.choice(CODES), chance.randint(1, 12))),
        (8, lambda: machine.deliveries(chance.randint(1, 8))),
        (3, lambda: machine.visits_in_the_version_before(chance.choice(CODES))),
        (3, lambda: machine.replay_of_days_ago(chance.choice(CODES))),
        (4, machine.queued),
        (1, machine.replay),
        (3, lambda: machine.shards_change(chance.choice(["roll_over", "split", "hot key"]))),
        (1, lambda: machine.slots_change(chance.choice([1, 2, 4]))),
        (1, machine.poison),
        (1, machine.removals),
        (4, lambda: machine.time_passes(chance.choice([0.1, 1, 6, 14]))),
    ]
    try:
        for _, step in chance.choices(rules, [often for often, _ in rules], k=usual_or_long(100, 400)):
            step()
    finally:
        machine.teardown()


TestCounting = Counting.TestCase
TestCounting.settings = hypothesis_settings(
    max_examples=usual_or_long(4, 20), stateful_step_count=usual_or_long(30, 50), deadline=None
)
TestCounting = pytest.mark.grows(TestCounting)
