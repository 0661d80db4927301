"""Every click counts once, per link and per day, whatever is lost, repeated, reordered or killed on the way.

Rows come by the stream (``tests/stream_model.py`` has more of what that may do); clicks without one, of unknown codes
or of the version before, by the queue.
"""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import click_store, counter_store, link_store, row_store
from chalicelib.aws.dynamodb.counter_store import Place
from chalicelib.aws.sqs import click_queue
from chalicelib.core import limits
from chalicelib.core.http.pagination import Paging
from chalicelib.core.links.link import Link
from chalicelib.core.visits import counters, open_days, slots, statistics, user_agents
from chalicelib.core.visits.click import UNKNOWN, Click
from chalicelib.core.visits.counters import CounterKey, Day
from chalicelib.core.visits.night_job import NightJob
from chalicelib.core.visits.open_counter import shard_id
from chalicelib.core.visits.recount import Recount
from chalicelib.errors import StoreUnavailable
from chalicelib.usecases import close_day, close_days, count_rows, read_statistics, track_visit
from chalicelib.usecases.record_clicks import Message, record
from tests import rows
from tests.exactly_once.conftest import Network
from tests.faulty_proxy import Faults
from tests.sizes import each_seed, grows, usual_or_long

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


def random_clicks(chance: random.Random, number: int, days: int = 3) -> list[Click]:
    """Return clicks on a few links of two owners, over some days before NOW."""
    return [
        Click(
            id=uuid.UUID(int=chance.getrandbits(128)).hex,
            link_id=code,
            owner=OWNERS.get(code),
            at=(NOW - timedelta(milliseconds=chance.randrange(days * 86_400_000 // 3 * 2))).replace(microsecond=0),
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
            found = [row_store.from_item(item).id for item in rows.all_of(key.subject, 0, key.day)]
            assert sorted(found) == sorted(c.id for c in clicks if (c.link_id, c.day) == key)
    assert click_store.totals_of(totals, NOW) == totals


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
        recorded = record(messages_of([Click(id="1", link_id="x", at=at)]), NOW)

    assert (recorded.counted, recorded.quarantined) == (counted, 1 - counted)


def test_unknown_codes_do_not_fill_the_table(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day has a limit of clicks on unknown codes; the clicks of links are still counted."""
    monkeypatch.setattr(limits, "UNKNOWN_CLICKS_A_DAY", 5)
    guesses = [Click(id=str(number), link_id=UNKNOWN, at=NOW) for number in range(60)]

    with network(Faults(1)):
        for click in guesses:
            record(messages_of([click, Click(id=click.id, link_id="x", at=NOW)]), NOW)

        totals = click_store.totals_of([UNKNOWN, "x"], NOW)

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


def as_rows(clicks: Iterable[Click]) -> list[Click]:
    """Return ``clicks`` as redirects send them: with a slot and an end of their rows."""
    return [replace(click, slot=0, expires_at=2_000_000_000) for click in clicks if click.link_id != UNKNOWN]


def put_or_queued(clicks: Sequence[Click]) -> list[Message]:
    """Put rows as redirects do, and return what they have queued instead."""
    messages = []
    for click in clicks:
        track_visit.reset()  # each is a container of its own
        messages += track_visit._put([click], NOW)  # noqa: SLF001  # what follows the response
    return [Message(uuid.uuid4().hex, json.dumps(message)) for message in messages]


def bring(chance: random.Random, clicks: Sequence[Click]) -> None:
    """Bring rows as the stream does: in order, in batches of any size, some again with other borders, two at once."""
    records = list(enumerate((row_store.to_item(click) for click in clicks), start=1))
    done = 0
    while done < len(records):
        batch = records[done : done + chance.randint(1, 60)]
        before = records[max(0, done - 30) : done + chance.randint(1, 10)]
        with ThreadPoolExecutor(2) as calls:
            first = calls.submit(rows.count_at, NOW, batch)
            if chance.random() < 0.3:
                with suppress(StoreUnavailable):
                    calls.submit(rows.count_at, NOW, before).result()
        if first.exception() is None:
            done += len(batch)
        elif not isinstance(first.exception(), (StoreUnavailable, Killed)):
            first.result()


def check_rows(clicks: Sequence[Click]) -> None:
    """Assert that all days and totals are those of ``clicks``."""
    click_store.reset()
    totals: dict[str, Counter[str]] = {}
    for key, counts in expected(clicks).items():
        (day,) = click_store.days_of(key.subject, key.day, key.day, NOW)
        assert day.counts == counts, key
        if not counters.is_owner_subject(key.subject):
            totals.setdefault(key.subject, Counter()).update(counters.only_totals(counts))
    assert click_store.totals_of(totals, NOW) == totals


def close(now: datetime, *, times: int = 1) -> int:
    """Do the jobs of the night of ``now``; return the drift they found."""
    drift = 0
    for _ in range(times):
        jobs: list[NightJob] = []
        with suppress(StoreUnavailable):
            jobs += close_days.jobs(now)
        for job in jobs:
            with suppress(StoreUnavailable):
                drift += close_day.run(job, now)
    return drift


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night lists fewer keys of its index: each of them is a query."""
    monkeypatch.setattr(open_days, "SHARDS", 2)


@each_seed
def test_rows_count_exactly_whatever_the_network_loses(network: Network, seed: int) -> None:
    """15 % of replies and 5 % of requests lost; what the table does not take comes by the queue, as the same row."""
    chance = random_from(seed)
    clicks = as_rows(random_clicks(chance, 400, days=2))

    with network(Faults(seed, request_lost=0.05, reply_lost=0.15)) as faults:
        waiting = put_or_queued(clicks)
        for message in [*waiting, *waiting[::3]]:
            while record([message], NOW).failed:
                pass
        bring(chance, clicks)

    assert waiting
    assert min(faults.happened[fault] for fault in ("request lost", "reply lost")) > 0
    with network(Faults(seed), fresh=False):
        check_rows(clicks)
        for key in expected(clicks):
            if not counters.is_owner_subject(key.subject):
                found = [row_store.from_item(item) for item in rows.all_of(key.subject, 0, key.day)]
                assert sorted(found, key=str) == sorted((c for c in clicks if (c.link_id, c.day) == key), key=str)


def test_kill_after_any_write_leaves_rows_to_be_counted(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch comes again, and adds only to counters that were not written."""
    monkeypatch.setattr(count_rows, "_at_once", lambda write, places: [write(place) for place in places])
    chance = random_from(1)
    clicks = as_rows(random_clicks(chance, 120, days=2))
    records = list(enumerate((row_store.to_item(click) for click in clicks), start=1))
    with network(Faults(1)):
        kills = 0
        for writes in range(1, 50):
            try:
                with killed_after(writes):
                    rows.count_at(NOW, records)
            except Killed:
                kills += 1
                continue
            break

        check_rows(clicks)

    assert kills >= 4


def test_throttled_rows_never_reach_the_dead_letters(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the table does not take is queued anew, as often as it takes; the message itself has succeeded."""
    clicks = as_rows(random_clicks(random_from(2), 40, days=2))
    again: list[str] = []
    monkeypatch.setattr(click_queue, "send_again", lambda messages: again.extend(map(json.dumps, messages)))
    real, refused = row_store.put_all, Counter[str]()

    def throttled(some: Sequence[Click]) -> list[Click]:
        left = [click for click in some if refused[click.id] < 7]
        refused.update(click.id for click in left)
        done = [click for click in some if click not in left]
        return left + (real(done) if done else [])

    monkeypatch.setattr(row_store, "put_all", throttled)
    with network(Faults(2)):
        waiting = messages_of(clicks)
        while waiting:
            recorded = record(waiting, NOW)
            assert recorded.failed == []
            waiting = [Message(uuid.uuid4().hex, body) for body in again]
            again.clear()
        rows.count_at(NOW, list(enumerate((row_store.to_item(click) for click in clicks), start=1)))

        check_rows(clicks)

    assert set(refused.values()) == {7}


def test_poison_row_is_set_aside_and_its_neighbours_count(network: Network) -> None:
    """It is stored for operators to inspect, once, however often it comes."""
    clicks = as_rows(random_clicks(random_from(3), 9, days=2))
    items = [row_store.to_item(click) for click in clicks]
    items.insert(4, {**items[0], "entry": {"S": "click#yesterday#x"}})
    with network(Faults(3)):
        for _ in range(2):
            rows.count_at(NOW, list(enumerate(items, start=1)))

        check_rows(clicks)
        table = clients.reads.query(
            TableName="url-shortener-clicks",
            KeyConditionExpression="code = :code",
            ExpressionAttributeValues={":code": {"S": "?quarantine"}},
        )
    assert len(table["Items"]) == 1
    assert "yesterday" in table["Items"][0]["body"]["S"]


@grows
def test_many_rows_of_one_link_count_exactly(network: Network) -> None:
    """In batches of a thousand, each of them twice, from two shards and in eight slots."""
    number = usual_or_long(2_000, 100_000)
    with network(Faults(5)):
        clicks = [
            replace(each, slot=place % 8, slots=8) for place, each in enumerate(as_rows(clicks_of("hot", number)))
        ]
        click_store.open_slots("hot", 8)
        for first in range(0, number, 1000):
            batch = list(enumerate(map(row_store.to_item, clicks[first : first + 1000]), start=first + 1))
            for _ in range(2):
                rows.count_at(NOW, batch[::2], shard="shardId-one")
                rows.count_at(NOW, batch[1::2], shard="shardId-two")

        check_rows(clicks)


def test_hot_link_gets_slots_and_gives_them_back(network: Network) -> None:
    """Slots open by the rate that the stream brings, are found by every reader, and close when it is over."""
    with network(Faults(4)):
        link_store.add(Link(id="hot", url="https://example.com/"), "made")
        burst = as_rows(clicks_of("hot", 900))
        rows.count_at(NOW, [(number, row_store.to_item(click)) for number, click in enumerate(burst, start=1)])
        many = link_store.find_now("hot")
        assert many is not None
        spread = [
            replace(click, slot=place % many.slots, slots=many.slots)
            for place, click in enumerate(as_rows(clicks_of("hot", 200)))
        ]
        clicks_put(spread)
        for slot in range(many.slots):
            mine = [click for click in spread if click.slot == slot]
            records = [(10_000_000 * (number + 1), row_store.to_item(click)) for number, click in enumerate(mine)]
            rows.count_at(NOW, records, shard=f"shardId-{slot}")
        calm = link_store.find_now("hot")

        assert calm is not None
        assert many.slots > 1 >= calm.slots
        check_rows(burst + spread)
        page = read_statistics.list_visits("hot", Paging(limit=100, after=None))
        assert len(page.visits) == 100
        assert page.visits == sorted(page.visits, key=lambda visit: str(visit["at"]), reverse=True)


def clicks_of(code: str, number: int) -> list[Click]:
    """Return clicks of one link, a millisecond apart."""
    return [
        Click(id=uuid.uuid4().hex, link_id=code, at=NOW - timedelta(milliseconds=number - place), agent=AGENTS[0])
        for place in range(number)
    ]


@pytest.mark.usefixtures("night")
class TestNight:
    """Visitors are published in the first night after a day, and the day is folded in the second."""

    def assert_closed(self, clicks: Sequence[Click], now: datetime) -> None:
        """Assert that every day before yesterday is folded with its visitors, and that all counts are exact."""
        click_store.reset()
        for key, counts in expected(clicks).items():
            people = {
                (click.link_id, click.visitor)
                for click in clicks
                if key in counters.counter_keys(click)
                and click.visitor
                and user_agents.classify(click).kind == "humans"
            }
            (day,) = click_store.days_of(key.subject, key.day, key.day, now)
            assert day.counts == counts, key
            assert day.visitors == (len(people) if open_days.end_of(key.day) < now else None), key
            assert day.is_folded == open_days.may_be_folded(key.day, now), key

    @each_seed
    def test_folding_finds_no_drift(self, network: Network, seed: int) -> None:
        """After three runs on a faulty network and one on a good one, a further run finds nothing to do."""
        chance = random_from(seed)
        clicks = as_rows(random_clicks(chance, 150, days=2))
        tomorrow = NOW + timedelta(days=1)
        with network(Faults(seed)):
            click_store.mark_folded_through("2026-11-20")
            bring(chance, clicks_put(clicks))

        with network(Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1), fresh=False):
            drift = close(tomorrow, times=3)
        with network(Faults(seed), fresh=False):
            drift += close(tomorrow)
            self.assert_closed(clicks, tomorrow)
            left = [job for job in close_days.jobs(tomorrow) if job.step == "fold"]

        assert drift == 0
        assert left == []

    def test_kill_while_closing_changes_nothing(self, network: Network) -> None:
        """The job comes again, and does what is left."""
        chance = random_from(1)
        clicks = as_rows(random_clicks(chance, 60, days=2))
        tomorrow = NOW + timedelta(days=1)
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-20")
            bring(chance, clicks_put(clicks))
            kills = 0
            for job in list(close_days.jobs(tomorrow)):
                for writes in range(1, 20):
                    try:
                        with killed_after(writes):
                            close_day.run(job, tomorrow)
                    except Killed:
                        kills += 1
                        continue
                    break

            self.assert_closed(clicks, tomorrow)

        assert kills > 4

    def test_late_row_is_counted_by_the_next_night(self, network: Network) -> None:
        """To a folded day nothing is added; it is counted again from its rows."""
        first, late = as_rows(
            Click(id=name, link_id="a1", owner="ann", at=NOW - timedelta(days=2), agent=AGENTS[0], visitor=name)
            for name in ("x", "y")
        )
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-20")
            rows.count_at(NOW - timedelta(days=1), [(1, row_store.to_item(put(first)))])
            close(NOW)
            self.assert_closed([first], NOW)

            rows.count_at(NOW, [(2, row_store.to_item(put(late)))])
            (between,) = click_store.days_of("a1", "2026-11-22", "2026-11-22", NOW)
            assert (between.counts["visits"], between.visitors) == (1, None)
            close(NOW + timedelta(days=1))

            self.assert_closed([first, late], NOW + timedelta(days=1))

    def test_today_is_not_closed(self, network: Network) -> None:
        """Its visitors are not known yet."""
        (click,) = as_rows([Click(id="x", link_id="a1", owner="ann", at=NOW, agent=AGENTS[0])])
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-22")
            rows.count_at(NOW, [(1, row_store.to_item(put(click)))])

            assert list(close_days.jobs(NOW)) == []
            assert list(close_days.jobs(NOW + timedelta(hours=12))) == [NightJob("publish", "a1", "2026-11-24")]

    def test_late_row_may_be_the_first_of_its_owner(self, network: Network) -> None:
        """The owner's day has a number of visitors as well, though nothing ever lists it to be folded."""
        (late,) = as_rows([Click(id="x", link_id="a1", owner="ann", at=NOW - timedelta(days=2), agent="curl/8.0")])
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-22")
            rows.count_at(NOW, [(1, row_store.to_item(put(late)))])
            close(NOW)
            days = [click_store.days_of(subject, "2026-11-22", "2026-11-22", NOW)[0] for subject in ("a1", "@ann")]

        assert [(day.counts["visits"], day.visitors) for day in days] == [(1, 0), (1, 0)]

    def test_row_that_is_asked_for_while_its_day_is_folded_is_not_lost(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its record comes when the rows have been read, and before the sums are stored."""
        first, late = as_rows(
            Click(id=name, link_id="a1", owner="ann", at=NOW - timedelta(days=2), agent=AGENTS[0], visitor=name)
            for name in ("x", "y")
        )
        fold = click_store.fold
        coming = iter([late])

        def later(*arguments: Any) -> bool:
            for click in coming:
                rows.count_at(NOW, [(2, row_store.to_item(put(click)))])
            return fold(*arguments)

        monkeypatch.setattr(click_store, "fold", later)
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-20")
            rows.count_at(NOW - timedelta(days=1), [(1, row_store.to_item(put(first)))])
            close(NOW, times=2)

            self.assert_closed([first, late], NOW)

    def test_saved_recount_is_not_resumed_behind_a_late_row(self, network: Network) -> None:
        """The row may be in front of where the recount had come to: what is asked again begins anew."""
        late, first = as_rows(
            Click(id=name, link_id="a1", owner="ann", at=NOW - timedelta(days=2, hours=hours), agent=AGENTS[0])
            for name, hours in (("x", 2), ("y", 1))
        )
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-20")
            rows.count_at(NOW - timedelta(days=1), [(1, row_store.to_item(put(first)))])
            half = Recount(entry=row_store.entry_of(first))
            half.add(user_agents.classify(first))
            click_store.save_recount(CounterKey("a1", "2026-11-22"), f"{close_day.FOLD}#0", half.to_bytes(), NOW)
            rows.count_at(NOW, [(2, row_store.to_item(put(late)))])
            close(NOW)

            self.assert_closed([late, first], NOW)

    def test_drift_is_found_corrected_and_logged(self, network: Network, capsys: pytest.CaptureFixture[str]) -> None:
        """A counter was edited: the rows decide, for the link, its total and its owner."""
        clicks = as_rows(
            Click(id=str(n), link_id="a1", owner="ann", at=NOW - timedelta(days=2), agent=AGENTS[0]) for n in range(7)
        )
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-20")
            rows.count_at(NOW - timedelta(days=1), list(enumerate(map(row_store.to_item, clicks_put(clicks)), start=1)))
            of_link, of_owner = Counter(visits=3), Counter({"visits": 3, "links#a1": 3})
            edited = {Place("a1", 0, "2026-11-22"): of_link, owner_place("ann", "2026-11-22"): of_owner}
            for place, more in edited.items():
                ((_, stored),) = counter_store.find([place]).items()
                counts = Counter(stored.counter.counts) + more
                assert counter_store.put(place, stored, replace(stored.counter, counts=counts), stored.owner)

            first, second = close(NOW), close(NOW)

            self.assert_closed(clicks, NOW)
            assert click_store.total_of("a1", NOW)["visits"] == 7
        assert (first, second) == (3, 0)
        assert '"drift":{"visits":-3},"code":"a1","day":"2026-11-22"' in capsys.readouterr().out

    def test_other_patterns_are_no_drift(self, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        """Clicks were judged by the patterns of another version: the kinds change, and nobody is alarmed."""
        clicks = as_rows(Click(id=str(n), link_id="a1", at=NOW - timedelta(days=2), agent=AGENTS[0]) for n in range(7))
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-20")
            with monkeypatch.context() as before:
                before.setattr(user_agents, "PATTERNS", 12345)
                before.setattr("chalicelib.core.visits.navigation.is_person", lambda *_: False)
                records = list(enumerate(map(row_store.to_item, clicks_put(clicks)), start=1))
                rows.count_at(NOW - timedelta(days=1), records)

            drift = close(NOW)

            self.assert_closed(clicks, NOW)
        assert drift == 0

    def test_days_with_expired_rows_are_not_counted_again(self, network: Network) -> None:
        """A night that is months late must not count zero."""
        click = Click(id="1", link_id="a1", at=NOW - timedelta(days=80), agent=AGENTS[0])
        with network(Faults(1)):
            record(messages_of([click]), NOW)
            click_store.mark_folded_through("2026-11-20")

            jobs = list(close_days.jobs(NOW + timedelta(days=30)))

            check([click])
        assert jobs == []

    def test_day_whose_rows_have_begun_to_end_keeps_its_counts(self, network: Network) -> None:
        """From the rows that are left it would be counted too low, and it is not counted from them."""
        click = Click(id="1", link_id="a1", at=NOW - timedelta(days=80), agent=AGENTS[0])
        with network(Faults(1)):
            record(messages_of([click]), NOW)
            clients.writes.delete_item(
                TableName="url-shortener-clicks",
                Key={"code": {"S": "a1"}, "entry": {"S": row_store.entry_of(click)}},
            )

            close_day.run(NightJob("fold", "a1", click.day), NOW + timedelta(days=8))

            assert click_store.total_of("a1", NOW)["visits"] == 1

    def test_folded_day_of_an_owner_has_the_biggest_links(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A counter keeps the first names; folding looks for the most visited links."""
        monkeypatch.setattr(counters, "MAX_NAMES", 3)
        codes = ["s1", "s2", "s3", "s4", *["big"] * 9]
        clicks = as_rows(
            Click(id=str(n), link_id=code, owner="ann", at=NOW - timedelta(days=2)) for n, code in enumerate(codes)
        )
        with network(Faults(1)):
            click_store.mark_folded_through("2026-11-20")
            for code in set(codes):
                link_store.add(Link(id=code, url="https://example.com/", owner="ann", created_at=NOW), code)
            for number, click in enumerate(clicks_put(clicks), start=1):
                rows.count_at(NOW - timedelta(days=1), [(number, row_store.to_item(click))])
            (open_day,) = click_store.days_of("@ann", "2026-11-22", "2026-11-22", NOW)
            close(NOW)
            (folded,) = click_store.days_of("@ann", "2026-11-22", "2026-11-22", NOW)

        assert top_links(open_day)[0]["name"] != "big"
        assert top_links(folded)[0] == {"name": "big", "domain": "", "visits": 9, "moved": False}
        assert sum(each["visits"] for each in top_links(folded)) == len(clicks)


def top_links(day: Day) -> list[dict[str, Any]]:
    """Return the most visited links of a day, none of which has moved."""
    return statistics.top_links([day], lambda _: (), lambda link_id: {"name": link_id, "domain": ""})


def put(click: Click) -> Click:
    """Put the row of a click, and return the click."""
    row_store.put(click)
    return click


def clicks_put(clicks: Sequence[Click]) -> Sequence[Click]:
    """Put the rows of clicks, and return the clicks."""
    for click in clicks:
        put(click)
    return clicks


def owner_place(owner: str, day: str) -> Place:
    """Return where the counter of an owner is that the rows of these tests are added to."""
    return Place(counters.owner_subject(owner), shard_id(rows.SHARD)[0] % slots.OF_OWNER, day)
