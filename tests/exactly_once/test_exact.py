"""Every click counts once, per link and per day, whatever is lost, repeated, reordered or killed on the way."""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import click_store
from chalicelib.core import limits
from chalicelib.core.visits import counters, statistics, user_agents
from chalicelib.core.visits.click import UNKNOWN, Click
from chalicelib.core.visits.counters import CounterKey
from chalicelib.usecases.close_days import close_days
from chalicelib.usecases.record_clicks import Message, record
from tests.exactly_once.conftest import Network
from tests.faulty_proxy import Faults
from tests.sizes import each_seed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Mobile/15E148 Safari/604.1",
    "curl/8.0",
    None,
)


OWNERS = {"a1": "ann", "a2": "ann", "b1": "bob"}


class Killed(BaseException):
    """Stands for the end of the process; no code may catch it."""


def random_from(seed: int) -> random.Random:
    """Return a reproducible random generator."""
    return random.Random(seed)  # noqa: S311  # the same clicks for the same seed


def random_clicks(chance: random.Random, number: int) -> list[Click]:
    """Return clicks on a few links of two owners, over three days."""
    return [
        Click(
            id=uuid.UUID(int=chance.getrandbits(128)).hex,
            code=code,
            owner=OWNERS.get(code),
            at=(NOW - timedelta(milliseconds=chance.randrange(3 * 86_400_000))).replace(microsecond=0),
            agent=chance.choice(AGENTS),
            referrer=chance.choice([None, *(f"site-{n}.example" for n in range(9))]),
            country=chance.choice([None, "PT", "DE"]),
            visitor=chance.choice([None, *(f"{n:024x}" for n in range(5))]),
            prefetch=chance.random() < 0.05,
        )
        for code in chance.choices(["a1", "a2", "b1", "hot", UNKNOWN], [2, 2, 2, 9, 1], k=number)
    ]


def messages_of(clicks: Iterable[Click]) -> list[Message]:
    """Return each click in a message of its own."""
    return [Message(uuid.uuid4().hex, json.dumps(click.as_message())) for click in clicks]


def expected(clicks: Sequence[Click]) -> dict[CounterKey, Counter[str]]:
    """Return the expected counts of every day of links and owners."""
    return {
        key: counters.limit_names(counts)
        for key, counts in counters.counts_by_key(map(user_agents.classify, clicks)).items()
    }


def check(clicks: Sequence[Click]) -> None:
    """Assert that all daily counts, totals and rows are exactly those of ``clicks``."""
    days = expected(clicks)
    assert click_store.counts_now(days) == days
    totals: dict[str, Counter[str]] = {}
    for key, counts in days.items():
        if not counters.is_owner_subject(key.subject):
            totals.setdefault(key.subject, Counter()).update(counters.only_totals(counts))
            ids = [each.click.id for each in click_store.rows_of(key)]
            assert sorted(ids) == sorted(c.id for c in clicks if (c.code, c.day) == key)
    assert click_store.totals_of(totals) == totals


def deliver(chance: random.Random, waiting: list[Message]) -> None:
    """Deliver as the queue does: batches of any size, several at a time, and failed messages again."""
    for _ in range(60):
        if not waiting:
            return
        chance.shuffle(waiting)
        batches: list[list[Message]] = []
        while waiting:
            size = chance.randint(1, 40)
            batches.append(waiting[:size])
            del waiting[:size]
        with ThreadPoolExecutor(4) as consumers:
            for batch, recorded in zip(batches, consumers.map(lambda each: record(each, NOW), batches), strict=True):
                failed = set(recorded.failed)
                waiting += [Message(uuid.uuid4().hex, each.body) for each in batch if each.id in failed]
    raise AssertionError(f"{len(waiting)} messages were never processed.")


@contextmanager
def killed_after(writes: int) -> Iterator[None]:
    """Raise ``Killed`` right after so many writes have been applied."""
    made: list[str] = []

    def count(model: Any, **_: Any) -> None:
        if model.name in {"TransactWriteItems", "PutItem", "UpdateItem"}:
            made.append(model.name)
            if len(made) == writes:
                raise Killed

    events = clients.writes.meta.events
    events.register("after-call.dynamodb.*", count, "kill")
    try:
        yield
    finally:
        events.unregister("after-call.dynamodb.*", count, "kill")


@each_seed
def test_counts_are_exact_whatever_the_network_loses(network: Network, seed: int) -> None:
    """15 % of replies and 5 % of requests lost, a tenth of transactions rejected, one to three copies, shuffled."""
    chance = random_from(seed)
    clicks = random_clicks(chance, 250)
    copies = [click for click in clicks for _ in range(chance.randint(1, 3))]

    with network(Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1)) as faults:
        deliver(chance, messages_of(copies))

    assert min(faults.happened[fault] for fault in ("request lost", "reply lost", "conflict")) > 0
    with network(Faults(seed), fresh=False):
        check(clicks)


@each_seed
def test_kill_after_any_write_changes_nothing(network: Network, seed: int) -> None:
    """The redelivered batch completes the counts, however many writes there were before."""
    chance = random_from(seed)
    clicks = random_clicks(chance, 120)
    batch = [*messages_of(clicks), Message("poison", "{")]
    with network(Faults(seed)):
        kills = 0
        for writes in range(1, 50):
            try:
                with killed_after(writes):
                    record(batch, NOW)
            except Killed:
                kills += 1
                continue
            break

        check(clicks)

    assert kills >= 4


def test_unreadable_message_is_quarantined_and_the_others_count_once(network: Network) -> None:
    """It is stored for operators to inspect, and never redelivered."""
    clicks = random_clicks(random_from(7), 9)
    batch = messages_of(clicks)
    batch.insert(4, Message("poison", '{"v": 1, "id": "x", "code": "../../etc"}'))

    with network(Faults(7)):
        recorded = record(batch, NOW)
        again = record(batch[:4], NOW)

        check(clicks)
        quarantined = click_store._get_all([("?quarantine", "2026-11-24T12:00:00.000Z#poison")])  # noqa: SLF001  # no other code reads it
        assert [item["body"]["S"] for _, item in quarantined] == [batch[4].body]

    assert (recorded.counted, recorded.quarantined, recorded.failed) == (9, 1, [])
    assert (again.counted, again.known) == (0, 4)


def test_message_of_a_newer_version_is_redelivered(network: Network) -> None:
    """Only it fails: a version that can read it is being deployed."""
    clicks = random_clicks(random_from(8), 3)
    newer = Message("newer", json.dumps(clicks[0].as_message() | {"v": 2}))

    with network(Faults(8)):
        recorded = record([*messages_of(clicks), newer], NOW)

        check(clicks)

    assert recorded.failed == ["newer"]


def test_rejected_click_fails_alone(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click that DynamoDB rejects, for whatever reason, does not affect the others in its batch."""
    clicks = random_clicks(random_from(9), 20)
    bad = clicks[11]
    whole = click_store._row_if_new  # noqa: SLF001  # the fault belongs where a row is written

    def spoilt(classified: counters.ClassifiedClick) -> dict[str, Any]:
        row = whole(classified)
        if classified.click.id == bad.id:
            row["Item"]["entry"] = {"S": ""}  # no key may be empty
        return row

    monkeypatch.setattr(click_store, "_row_if_new", spoilt)
    batch = messages_of(clicks)

    with network(Faults(9)):
        recorded = record(batch, NOW)
        monkeypatch.undo()

        check([click for click in clicks if click.id != bad.id])

    assert recorded.failed == [batch[11].id]


@pytest.mark.parametrize(
    ("at", "counted"),
    [
        (NOW - timedelta(days=87), 1),
        (NOW - timedelta(days=87, milliseconds=1), 0),
        (NOW + timedelta(minutes=10), 1),
        (NOW + timedelta(minutes=10, milliseconds=1), 0),
    ],
    ids=["old", "too old", "fast clock", "future"],
)
def test_click_outside_the_retention_is_quarantined(network: Network, at: datetime, counted: int) -> None:
    """Its row may expire before the last redelivery, and it would count twice; so it is not counted."""
    with network(Faults(1)):
        recorded = record(messages_of([Click(id="1", code="x", at=at)]), NOW)

    assert (recorded.counted, recorded.quarantined) == (counted, 1 - counted)


def test_unknown_codes_do_not_fill_the_table(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day has a limit of clicks on unknown codes; the clicks of links are still counted."""
    monkeypatch.setattr(limits, "UNKNOWN_CLICKS_A_DAY", 5)
    guesses = [Click(id=str(number), code=UNKNOWN, at=NOW) for number in range(60)]

    with network(Faults(1)):
        for click in guesses:
            record(messages_of([click, Click(id=click.id, code="x", at=NOW)]), NOW)

        totals = click_store.totals_of([UNKNOWN, "x"])

    assert (totals[UNKNOWN]["visits"], totals["x"]["visits"]) == (5, 60)


def test_clicks_left_when_time_is_up_are_reported_as_failed(network: Network) -> None:
    """The function reports what it has not begun before it is stopped."""
    clicks = random_clicks(random_from(3), 100)
    time_left = iter([True, False, False, False, False, False])

    with network(Faults(3)):
        recorded = record(batch := messages_of(clicks), NOW, lambda: next(time_left))
        assert 0 < len(recorded.failed) < 100
        record([each for each in batch if each.id in set(recorded.failed)], NOW)

        check(clicks)


class TestNight:
    """The nightly run recounts a past day from its rows, and closes it."""

    def assert_closed(self, clicks: Sequence[Click]) -> None:
        """Assert that every day before today is closed with its visitors, and that all counts are exact."""
        check(clicks)
        for key in expected(clicks):
            (day,) = click_store.days_of(key.subject, key.day, key.day)
            people = {
                (click.code, click.visitor)
                for click in clicks
                if key in counters.counter_keys(click)
                and click.visitor
                and user_agents.classify(click).kind == "humans"
            }
            assert day.visitors == (None if key.day == "2026-11-24" else len(people))

    @each_seed
    def test_closing_adds_visitors_and_finds_no_drift(self, network: Network, seed: int) -> None:
        """After five runs on a faulty network and one on a good one, a further run changes nothing."""
        chance = random_from(seed)
        clicks = random_clicks(chance, 150)
        with network(Faults(seed)):
            deliver(chance, messages_of(clicks))

        with network(Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1), fresh=False):
            drift = [close_days(NOW).drift for _ in range(5)]
        with network(Faults(seed), fresh=False):
            drift.append(close_days(NOW).drift)
            self.assert_closed(clicks)
            again = close_days(NOW)

        assert not any(drift)
        assert (again.days, again.drift, again.left_open) == (0, 0, 0)

    def test_kill_while_closing_changes_nothing(self, network: Network) -> None:
        """The next run continues where this one was killed."""
        chance = random_from(1)
        clicks = random_clicks(chance, 100)
        with network(Faults(1)):
            deliver(chance, messages_of(clicks))
            kills = 0
            for _ in range(50):
                try:
                    with killed_after(1):
                        close_days(NOW)
                except Killed:
                    kills += 1
                    continue
                break

            self.assert_closed(clicks)

        assert kills > 4

    def test_late_click_reopens_its_day(self, network: Network) -> None:
        """It counts at once; its visitor is counted by the next run."""
        yesterday = NOW - timedelta(days=1)
        first = [Click(id="1", code="a1", owner="ann", at=yesterday, agent=AGENTS[0], visitor="x")]
        late = [Click(id="2", code="a1", owner="ann", at=yesterday, agent=AGENTS[0], visitor="y")]
        with network(Faults(1)):
            record(messages_of(first), NOW)
            close_days(NOW)
            self.assert_closed(first)

            record(messages_of(late), NOW)
            opened = click_store.days_of("a1", "2026-11-23", "2026-11-23")
            close_days(NOW + timedelta(days=1))

            assert opened[0].visitors is None
            self.assert_closed(first + late)

    def test_drift_is_found_corrected_and_logged(self, network: Network, capsys: pytest.CaptureFixture[str]) -> None:
        """The counts were edited: the rows decide, and the totals are corrected once."""
        clicks = [
            Click(id=str(n), code="a1", owner="ann", at=NOW - timedelta(days=1), agent=AGENTS[0]) for n in range(7)
        ]
        with network(Faults(1)):
            record(messages_of(clicks), NOW)
            for subject, entry in (("a1", "day#2026-11-23"), ("a1", "total"), ("@ann", "day#2026-11-23")):
                clients.writes.update_item(
                    TableName="url-shortener-clicks",
                    Key={"code": {"S": subject}, "entry": {"S": entry}},
                    UpdateExpression="ADD visits :three",
                    ExpressionAttributeValues={":three": {"N": "3"}},
                )

            first, second = close_days(NOW), close_days(NOW)

            self.assert_closed(clicks)
        assert (first.drift, second.drift) == (3, 0)
        assert '"drift":{"visits":-3},"code":"a1","day":"2026-11-23"' in capsys.readouterr().out

    def test_days_with_expired_rows_are_not_recounted(self, network: Network) -> None:
        """A run that is months late must not count zero."""
        clicks = [Click(id="1", code="a1", at=NOW - timedelta(days=80), agent=AGENTS[0])]
        with network(Faults(1)):
            record(messages_of(clicks), NOW)

            result = close_days(NOW + timedelta(days=30))

            check(clicks)
        assert result.days == 0

    def test_closed_owner_day_has_the_biggest_links(self, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        """An open day keeps the first links; closing keeps the most visited ones."""
        monkeypatch.setattr(counters, "MAX_NAMES", 3)
        codes = ["s1", "s2", "s3", "s4", *["big"] * 9]
        clicks = [Click(id=str(n), code=code, owner="ann", at=NOW - timedelta(days=1)) for n, code in enumerate(codes)]
        with network(Faults(1)):
            for click in clicks:
                record(messages_of([click]), NOW)
            (open_day,) = click_store.days_of("@ann", "2026-11-23", "2026-11-23")
            close_days(NOW)
            (closed_day,) = click_store.days_of("@ann", "2026-11-23", "2026-11-23")

        assert statistics.top_links([open_day])[0]["name"] != "big"
        assert statistics.top_links([closed_day])[0] == {"name": "big", "visits": 9}
        assert sum(each["visits"] for each in statistics.top_links([closed_day])) == len(clicks)
