"""Every click counts once: per link and per day, whatever is lost, repeated, reordered or killed on the way."""

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

from chalicelib import record_clicks
from chalicelib.aws import click_table, clients
from chalicelib.close_days import close_days
from chalicelib.core import agents, stats
from chalicelib.core.click import UNKNOWN, Click
from chalicelib.core.stats import Tally
from chalicelib.record_clicks import Message, record
from tests.counting.conftest import Network
from tests.faulty_proxy import Faults

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SEEDS = (1, 2, 3, 4, 5)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Mobile/15E148 Safari/604.1",
    "curl/8.0",
    None,
)


OWNERS = {"a1": "ann", "a2": "ann", "b1": "bob"}


class Killed(BaseException):
    """The process is gone; nothing in it may catch this."""


def drawn_from(seed: int) -> random.Random:
    """Return chance that can be had again."""
    return random.Random(seed)  # noqa: S311  # the same clicks for the same seed


def sent(chance: random.Random, number: int) -> list[Click]:
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


def expected(clicks: Sequence[Click]) -> dict[Tally, Counter[str]]:
    """Return what every link's and owner's day should be."""
    return {tally: stats.bounded(counts) for tally, counts in stats.counted(map(agents.judge, clicks)).items()}


def check(clicks: Sequence[Click]) -> None:
    """Assert that every tally, every total and every row is what was sent, no more and no less."""
    days = expected(clicks)
    assert click_table.counts_now(days) == days
    totals: dict[str, Counter[str]] = {}
    for tally, counts in days.items():
        if not stats.is_owners(tally.whose):
            totals.setdefault(tally.whose, Counter()).update(stats.only_totals(counts))
            ids = [each.click.id for each in click_table.rows_of(tally)]
            assert sorted(ids) == sorted(c.id for c in clicks if (c.code, c.day) == tally)
    assert click_table.totals_of(totals) == totals


def deliver(chance: random.Random, waiting: list[Message]) -> None:
    """Deliver as the queue does: batches of any size, several at a time, and again whatever failed."""
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
    raise AssertionError(f"{len(waiting)} messages were never taken.")


@contextmanager
def killed_after(writes: int) -> Iterator[None]:
    """Kill whoever makes so many writes, right after the last of them was applied."""
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


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_are_exact_whatever_the_network_loses(network: Network, seed: int) -> None:
    """15 % of replies and 5 % of requests lost, a tenth of transactions turned away, one to three copies, shuffled."""
    chance = drawn_from(seed)
    clicks = sent(chance, 250)
    copies = [click for click in clicks for _ in range(chance.randint(1, 3))]

    with network(Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1)) as faults:
        deliver(chance, messages_of(copies))

    assert min(faults.happened[fault] for fault in ("request lost", "reply lost", "conflict")) > 0
    with network(Faults(seed), fresh=False):
        check(clicks)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_after_any_write_changes_nothing(network: Network, seed: int) -> None:
    """The batch is delivered again, and ends as if nobody had been killed; however many writes there were before."""
    chance = drawn_from(seed)
    clicks = sent(chance, 120)
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


def test_a_poisoned_message_is_set_aside_and_its_neighbours_count_once(network: Network) -> None:
    """One of ten is no click: it is kept for somebody to look at, and never delivered again."""
    clicks = sent(drawn_from(7), 9)
    batch = messages_of(clicks)
    batch.insert(4, Message("poison", '{"v": 1, "id": "x", "code": "../../etc"}'))

    with network(Faults(7)):
        recorded = record(batch, NOW)
        again = record(batch[:4], NOW)

        check(clicks)
        aside = click_table._get_all([("?quarantine", "2026-11-24T12:00:00.000Z#poison")])  # noqa: SLF001  # nobody else reads it
        assert [item["body"]["S"] for _, item in aside] == [batch[4].body]

    assert (recorded.counted, recorded.set_aside, recorded.failed) == (9, 1, [])
    assert (again.counted, again.known) == (0, 4)


def test_a_message_of_a_newer_version_comes_again(network: Network) -> None:
    """It fails alone: a function that can read it is being deployed."""
    clicks = sent(drawn_from(8), 3)
    newer = Message("newer", json.dumps(clicks[0].as_message() | {"v": 2}))

    with network(Faults(8)):
        recorded = record([*messages_of(clicks), newer], NOW)

        check(clicks)

    assert recorded.failed == ["newer"]


def test_what_the_table_refuses_fails_alone(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click that DynamoDB will not take, for whatever reason, takes no neighbour with it."""
    clicks = sent(drawn_from(9), 20)
    bad = clicks[11]
    whole = click_table._row_if_new  # noqa: SLF001  # the fault belongs where a row is written

    def spoilt(judged: stats.JudgedClick) -> dict[str, Any]:
        row = whole(judged)
        if judged.click.id == bad.id:
            row["Item"]["entry"] = {"S": ""}  # no key may be empty
        return row

    monkeypatch.setattr(click_table, "_row_if_new", spoilt)
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
def test_a_click_out_of_its_time_is_set_aside(network: Network, at: datetime, counted: int) -> None:
    """Its row may be gone before it stops being redelivered: it could count twice. So it does not count at all."""
    with network(Faults(1)):
        recorded = record(messages_of([Click(id="1", code="x", at=at)]), NOW)

    assert (recorded.counted, recorded.set_aside) == (counted, 1 - counted)


def test_unknown_codes_do_not_fill_the_table(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day has its fill of clicks on codes that nobody made; the clicks of links go on being counted."""
    monkeypatch.setattr(record_clicks, "UNKNOWN_A_DAY", 5)
    guesses = [Click(id=str(number), code=UNKNOWN, at=NOW) for number in range(60)]

    with network(Faults(1)):
        for click in guesses:
            record(messages_of([click, Click(id=click.id, code="x", at=NOW)]), NOW)

        totals = click_table.totals_of([UNKNOWN, "x"])

    assert (totals[UNKNOWN]["visits"], totals["x"]["visits"]) == (5, 60)


def test_who_runs_out_of_time_gives_the_rest_back(network: Network) -> None:
    """A function that is about to be stopped reports what it has not begun as failed."""
    clicks = sent(drawn_from(3), 100)
    time_left = iter([True, False, False, False, False, False])

    with network(Faults(3)):
        recorded = record(batch := messages_of(clicks), NOW, lambda: next(time_left))
        assert 0 < len(recorded.failed) < 100
        record([each for each in batch if each.id in set(recorded.failed)], NOW)

        check(clicks)


class TestNight:
    """A day that is over is counted again from its rows, and closed."""

    def closed(self, clicks: Sequence[Click]) -> None:
        """Assert that every day before today is closed, with its visitors, and every count as it was sent."""
        check(clicks)
        for tally in expected(clicks):
            (day,) = click_table.days_of(tally.whose, tally.day, tally.day)
            people = {
                (click.code, click.visitor)
                for click in clicks
                if tally in stats.tallies_of(click) and click.visitor and agents.judge(click).kind == "humans"
            }
            assert day.visitors == (None if tally.day == "2026-11-24" else len(people))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_night_adds_the_visitors_and_finds_no_drift(self, network: Network, seed: int) -> None:
        """Five nights through the same faults as by day, and a calm one; after that a night changes nothing."""
        chance = drawn_from(seed)
        clicks = sent(chance, 150)
        with network(Faults(seed)):
            deliver(chance, messages_of(clicks))

        with network(Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1), fresh=False):
            drift = [close_days(NOW).drift for _ in range(5)]
        with network(Faults(seed), fresh=False):
            drift.append(close_days(NOW).drift)
            self.closed(clicks)
            again = close_days(NOW)

        assert not any(drift)
        assert (again.days, again.drift, again.left_open) == (0, 0, 0)

    def test_a_kill_after_any_write_changes_nothing(self, network: Network) -> None:
        """The next night goes on where this one was killed."""
        chance = drawn_from(1)
        clicks = sent(chance, 100)
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

            self.closed(clicks)

        assert kills > 4

    def test_a_late_click_opens_its_day_again(self, network: Network) -> None:
        """It counts at once; its visitor is counted by the next night."""
        yesterday = NOW - timedelta(days=1)
        first = [Click(id="1", code="a1", owner="ann", at=yesterday, agent=AGENTS[0], visitor="x")]
        late = [Click(id="2", code="a1", owner="ann", at=yesterday, agent=AGENTS[0], visitor="y")]
        with network(Faults(1)):
            record(messages_of(first), NOW)
            close_days(NOW)
            self.closed(first)

            record(messages_of(late), NOW)
            opened = click_table.days_of("a1", "2026-11-23", "2026-11-23")
            close_days(NOW + timedelta(days=1))

            assert opened[0].visitors is None
            self.closed(first + late)

    def test_drift_is_found_mended_and_told(self, network: Network, capsys: pytest.CaptureFixture[str]) -> None:
        """Whoever changed a count by hand: the rows decide, the totals follow, once."""
        clicks = [
            Click(id=str(n), code="a1", owner="ann", at=NOW - timedelta(days=1), agent=AGENTS[0]) for n in range(7)
        ]
        with network(Faults(1)):
            record(messages_of(clicks), NOW)
            for whose, entry in (("a1", "day#2026-11-23"), ("a1", "total"), ("@ann", "day#2026-11-23")):
                clients.writes.update_item(
                    TableName="url-shortener-clicks",
                    Key={"code": {"S": whose}, "entry": {"S": entry}},
                    UpdateExpression="ADD visits :three",
                    ExpressionAttributeValues={":three": {"N": "3"}},
                )

            first, second = close_days(NOW), close_days(NOW)

            self.closed(clicks)
        assert (first.drift, second.drift) == (3, 0)
        assert '"drift":{"visits":-3},"code":"a1","day":"2026-11-23"' in capsys.readouterr().out

    def test_days_whose_rows_may_be_gone_are_left_alone(self, network: Network) -> None:
        """A night that comes months late must not count zero where rows have expired."""
        clicks = [Click(id="1", code="a1", at=NOW - timedelta(days=80), agent=AGENTS[0])]
        with network(Faults(1)):
            record(messages_of(clicks), NOW)

            night = close_days(NOW + timedelta(days=30))

            check(clicks)
        assert night.days == 0

    def test_an_owners_day_ends_with_its_biggest_links(self, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        """While a day is open its first links have names; when it is closed, the most visited have."""
        monkeypatch.setattr(stats, "MAX_NAMES", 3)
        codes = ["s1", "s2", "s3", "s4", *["big"] * 9]
        clicks = [Click(id=str(n), code=code, owner="ann", at=NOW - timedelta(days=1)) for n, code in enumerate(codes)]
        with network(Faults(1)):
            for click in clicks:
                record(messages_of([click]), NOW)
            (open_day,) = click_table.days_of("@ann", "2026-11-23", "2026-11-23")
            close_days(NOW)
            (closed_day,) = click_table.days_of("@ann", "2026-11-23", "2026-11-23")

        assert stats.links_among([open_day])[0]["name"] != "big"
        assert stats.links_among([closed_day])[0] == {"name": "big", "visits": 9}
        assert sum(each["visits"] for each in stats.links_among([closed_day])) == len(clicks)
