"""Counting a link that moved from one owner to another: each visit is the one's who had the link at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import click_store, link_store, moved_store, row_store, transactions
from chalicelib.core.links.link import Link
from chalicelib.core.visits import counters, open_days, recount, user_agents
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import CounterKey
from chalicelib.core.visits.night_job import NightJob
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import close_day, close_days
from tests import rows
from tests.callers import Keyed

DAY = "2026-11-22"
MORNING = datetime(2026, 11, 22, 6, tzinfo=UTC)
OPEN = MORNING + timedelta(hours=20)  # while its day takes clicks
PUBLISHING = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
FOLDING = PUBLISHING + timedelta(days=1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
ANN_TO_BOB = [("ann", "x"), ("ann", "y"), ("ann", "x"), ("bob", "y"), ("bob", "z")]
ADOPTED = [(None, "x"), (None, "y"), ("bob", "y")]
THERE_AND_BACK = [("ann", "x"), ("bob", "x"), ("ann", "x"), ("ann", None), ("bob", "z")]


@pytest.fixture(autouse=True)
def few_open_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key of an open day is a query of every night, and so is each day: most of these have nothing."""
    monkeypatch.setattr(open_days, "SHARDS", 2)
    days = [(MORNING + timedelta(days=number)).date().isoformat() for number in range(9)]
    monkeypatch.setattr(close_days, "_past_days", lambda now: [day for day in days if day < now.date().isoformat()])


def clicks_of(visits: Sequence[tuple[str | None, str | None]], first: int = 1, link_id: str = "sale") -> list[Click]:
    """Put the row of a click for each owner and visitor, a minute apart, and return the clicks."""
    clicks = [
        Click(
            id=f"click-{first + number}",
            link_id=link_id,
            owner=owner,
            at=MORNING + timedelta(minutes=first + number),
            agent=FIREFOX,
            visitor=visitor,
            country="PT" if visitor == "x" else None,
            slot=0,
            expires_at=int(MORNING.timestamp()) + 90 * 86_400,
        )
        for number, (owner, visitor) in enumerate(visits)
    ]
    for click in clicks:
        row_store.put(click)
    return clicks


def count(clicks: Sequence[Click], at: datetime = OPEN) -> None:
    """Let the stream bring rows."""
    rows.count_at(at, [(int(click.id.removeprefix("click-")), row_store.to_item(click)) for click in clicks])


def day_of(subject: str) -> Any:
    """Return the day of a link or an owner, as it is long after."""
    return next(iter(click_store.days_of(subject, DAY, DAY, FOLDING + timedelta(days=9))), None)


def assert_exact(clicks: Sequence[Click]) -> None:
    """Check counts and visitors of the link and of each owner against the clicks."""
    for key, counts in counters.counts_by_key(map(user_agents.classify, clicks)).items():
        day = day_of(key.subject)
        mine = [click for click in clicks if key in counters.counter_keys(click)]
        assert (key.subject, day.counts) == (key.subject, counts)
        assert (key.subject, day.visitors) == (key.subject, len({click.visitor for click in mine} - {None}))
    for link_id in {click.link_id for click in clicks} or {"sale"}:
        assert click_store.total_of(link_id, FOLDING + timedelta(days=9))["visits"] == len(clicks)


def stored_day(code: str = "sale") -> Any:
    """Return the item of a link's day."""
    key: Any = {"code": {"S": code}, "entry": {"S": f"day#{DAY}"}}
    return boto3.client("dynamodb").get_item(TableName=settings.clicks_table, Key=key)["Item"]


def forget_shares() -> None:
    """Leave the day as the version before has it."""
    key: Any = {"code": {"S": "sale"}, "entry": {"S": f"day#{DAY}"}}
    boto3.client("dynamodb").update_item(TableName=settings.clicks_table, Key=key, UpdateExpression="REMOVE shares")


@pytest.mark.parametrize("visits", [ANN_TO_BOB, ADOPTED, THERE_AND_BACK])
@pytest.mark.parametrize("is_published", [True, False])
@pytest.mark.parametrize("link_id", ["sale", "//team/sale"])
@pytest.mark.usefixtures("aws")
def test_each_owner_has_its_share(
    visits: list[tuple[str | None, str | None]], link_id: str, *, is_published: bool
) -> None:
    """Who visits before and after the move is a visitor of both owners, and one of the link.

    In a space of its own, each owner has the same share of what it has there.
    """
    clicks = clicks_of(visits, link_id=link_id)
    count(clicks)
    if is_published:
        rows.close_night(PUBLISHING)
        published = {subject: day_of(subject).visitors for subject in (link_id, "@bob")}

    drift = rows.close_night(FOLDING)

    assert drift == 0
    assert_exact(clicks)
    if is_published:
        assert published == {subject: day_of(subject).visitors for subject in published}


@pytest.mark.parametrize("visits", [ANN_TO_BOB, ADOPTED, THERE_AND_BACK, [("ann", "x")], [(None, "x")], []])
@pytest.mark.parametrize("late", [[("ann", "q")], [("bob", "y"), ("ann", "z"), ("cleo", "x")], [(None, "x")]])
@pytest.mark.usefixtures("aws")
def test_late_row_is_its_owners(
    visits: list[tuple[str | None, str | None]], late: list[tuple[str | None, str | None]]
) -> None:
    """Each owner is corrected by what is new to it, night after night, though the day was one owner's until then."""
    clicks = clicks_of(visits)
    if clicks:
        count(clicks)
    rows.close_night(PUBLISHING)
    rows.close_night(FOLDING)
    for night in (1, 2):
        more = clicks_of(late, first=len(clicks) + 1)
        count(more, FOLDING + timedelta(days=night - 1, hours=1))
        clicks += more

        rows.close_night(FOLDING + timedelta(days=night))

        assert_exact(clicks)


@pytest.mark.usefixtures("aws")
def test_row_that_comes_after_publishing() -> None:
    """What was published was the former owner's; the row of the new one takes nothing from it."""
    clicks = clicks_of([("ann", "x"), ("ann", "y")])
    count(clicks)
    rows.close_night(PUBLISHING)
    clicks += clicks_of([("bob", "x")], first=3)
    count(clicks[2:], PUBLISHING + timedelta(hours=1))

    drift = rows.close_night(FOLDING)

    assert drift == 0
    assert_exact(clicks)


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.usefixtures("aws")
def test_job_that_is_killed_begins_again(monkeypatch: pytest.MonkeyPatch, *, is_written: bool) -> None:
    """Between any two rows, and before or after its transaction: nothing is lost or counted twice."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    page, write, ends = row_store.page, transactions.write, iter([False])

    def small_page(*place: Any, **how: Any) -> tuple[list[Any], bool]:
        items, _ = page(*place, **how)
        return items[:1], bool(items)

    def die(actions: Sequence[Any]) -> Any:
        for _ in ends:
            if is_written:
                write(actions)
            raise StoreUnavailable
        return write(actions)

    monkeypatch.setattr(row_store, "page", small_page)
    monkeypatch.setattr(transactions, "write", die)

    def run(job: NightJob, now: datetime) -> int:
        try:
            turns = iter([True, False])
            close_day.run(job, now, lambda: next(turns, False))
        except (close_day.OutOfTime, StoreUnavailable):
            return 1 + run(job, now)
        return 0

    interruptions = []
    for step, now in (("publish", PUBLISHING), ("fold", FOLDING), ("fold", FOLDING)):
        ends = iter([False])
        interruptions.append(run(NightJob(step, "sale", DAY), now))  # type: ignore[arg-type]  # both are steps
    for owner in ("@ann", "@bob"):
        ends = iter([])
        close_day.run(NightJob("fold", owner, DAY), FOLDING)

    assert interruptions[0] >= 3
    assert interruptions[1] >= 3
    assert_exact(clicks)


@pytest.mark.parametrize("late", [[], [("bob", "q")]])
@pytest.mark.usefixtures("aws")
def test_same_fold_twice_at_once(monkeypatch: pytest.MonkeyPatch, late: list[tuple[str | None, str | None]]) -> None:
    """The second one read what the first did, and is refused: also when only kinds and shares have changed."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    rows.close_night(PUBLISHING)
    if late:
        rows.close_night(FOLDING)
        clicks += clicks_of(late, first=6)
        count(clicks[5:], FOLDING + timedelta(hours=1))
    fold, outcomes = click_store.fold, list[bool]()

    def twice(*arguments: Any) -> bool:
        outcomes.extend(fold(*arguments) for _ in range(2))
        return outcomes[-2]

    monkeypatch.setattr(click_store, "fold", twice)
    now = FOLDING + timedelta(days=1)
    close_day.run(NightJob("fold", "sale", DAY), now)
    monkeypatch.undo()
    rows.close_night(now)

    assert outcomes == [True, False]
    assert_exact(clicks)


@pytest.mark.usefixtures("aws")
def test_same_recount_twice_at_once() -> None:
    """Where neither visits nor visitors change, the day is closed for the second one."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    rows.close_night(FOLDING)
    click_store.ask_recount(CounterKey("sale", DAY), "ann")
    seen, owner = click_store.day_now(CounterKey("sale", DAY))
    more = {"bob": counters.Counts({"bots": 1, "humans": -1})}

    outcomes = [click_store.fold(CounterKey("sale", DAY), seen, seen, owner, more) for _ in range(2)]

    assert outcomes == [True, False]
    assert day_of("@bob").counts["bots"] == 1


@pytest.mark.usefixtures("aws")
def test_same_publishing_twice_at_once() -> None:
    """Each owner has the visitors once."""
    count(clicks_of(ANN_TO_BOB))
    seen, _ = click_store.day_now(CounterKey("sale", DAY))
    visitors = {"ann": counters.Counts(visitors=2), "bob": counters.Counts(visitors=2)}

    outcomes = [click_store.publish(CounterKey("sale", DAY), seen, 3, visitors) for _ in range(2)]

    assert outcomes == [True, False]
    assert [day_of(subject).visitors for subject in ("sale", "@ann", "@bob")] == [3, 2, 2]


@pytest.mark.usefixtures("aws")
def test_late_row_while_an_open_day_is_folded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day stays open, and was asked for once more: what was read is one row short."""
    clicks = clicks_of([("ann", "x")])
    count(clicks)
    rows.close_night(FOLDING)
    clicks += clicks_of([("bob", "y")], first=2)
    count(clicks[1:], FOLDING + timedelta(hours=1))
    fold, coming = click_store.fold, iter([[("bob", "z")]])

    def later(*arguments: Any) -> bool:
        for visits in coming:
            clicks.extend(clicks_of(visits, first=3))
            count(clicks[2:], FOLDING + timedelta(hours=2))
        return fold(*arguments)

    monkeypatch.setattr(click_store, "fold", later)

    rows.close_night(FOLDING + timedelta(days=1))

    assert_exact(clicks)


@pytest.mark.usefixtures("aws")
def test_day_that_the_version_before_published() -> None:
    """It credited all visitors to the link's owner, and remembered nothing."""
    clicks = clicks_of([("ann", "x"), ("ann", "y")])
    count(clicks)
    rows.close_night(PUBLISHING)
    forget_shares()

    rows.close_night(FOLDING)

    assert_exact(clicks)
    assert "shares" not in stored_day()


def fold_as_before(clicks: Sequence[Click], owner: str | None) -> None:
    """Fold the day as the version before does: all that is new is ``owner``'s, and no shares are stored."""
    seen, _ = click_store.day_now(CounterKey("sale", DAY))
    counts = counters.counts_of(map(user_agents.classify, clicks), with_links=False)
    visitors = len({click.visitor for click in clicks} - {None})
    new = counters.difference_for_owner("sale", seen.counts if seen.is_folded else counts, counts)
    new.update(visitors=visitors - (seen.visitors or 0))
    folded = replace(seen, counts=counts, visitors=visitors, shares=None, is_whole=False)
    assert click_store.fold(CounterKey("sale", DAY), seen, folded, owner, {owner: new} if owner else {})


def visits_of(*owners: str) -> list[int]:
    """Return the visits of owners on the day."""
    return [day_of(f"@{owner}").counts["visits"] for owner in owners]


@pytest.mark.parametrize(
    ("visits", "owner"), [(ANN_TO_BOB, "ann"), (ANN_TO_BOB, "bob"), (ADOPTED, "bob"), (ADOPTED, None)]
)
@pytest.mark.parametrize("late", [("ann", "q"), ("bob", "q"), (None, "q")])
@pytest.mark.usefixtures("aws")
def test_late_row_of_a_day_that_the_version_before_folded(
    visits: list[tuple[str | None, str | None]], owner: str | None, late: tuple[str | None, str | None]
) -> None:
    """Counters credited each owner its visits, whichever one the day names; the first late row brings shares."""
    clicks = clicks_of(visits)
    count(clicks)
    rows.close_night(PUBLISHING)
    fold_as_before(clicks, owner)
    rows.close_night(FOLDING)
    assert "shares" not in stored_day()
    nights: list[list[tuple[str | None, str | None]]] = [[late], [("bob", "r"), ("ann", "s"), ("bob", "x")]]
    for night, more in enumerate(nights, start=1):
        added = clicks_of(more, first=len(clicks) + 1)
        count(added, FOLDING + timedelta(days=night - 1, hours=1))
        clicks += added

        rows.close_night(FOLDING + timedelta(days=night))

        assert_exact(clicks)
        assert "lateOwners" not in stored_day()


@pytest.mark.parametrize("owner", ["ann", "bob"])
@pytest.mark.parametrize("late", [("ann", "q"), ("bob", "q")])
@pytest.mark.usefixtures("aws")
def test_late_row_of_a_day_that_the_version_before_published(owner: str, late: tuple[str, str]) -> None:
    """The visitors were credited to one owner; they stay its, and that of the late row is its owner's."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    fold_as_before(clicks, owner)
    rows.close_night(FOLDING)
    before = {each: day_of(f"@{each}").visitors for each in ("ann", "bob")}
    clicks += clicks_of([late], first=6)
    count(clicks[5:], FOLDING + timedelta(hours=1))

    rows.close_night(FOLDING + timedelta(days=1))

    assert visits_of("ann", "bob") == [3 + (late[0] == "ann"), 2 + (late[0] == "bob")]
    assert {each: day_of(f"@{each}").visitors for each in before} == {**before, late[0]: before[late[0]] + 1}


@pytest.mark.parametrize("late", [("ann", "w"), ("bob", "w"), ("cleo", "w")])
@pytest.mark.usefixtures("aws")
def test_late_row_of_a_day_that_the_version_before_folded_again(late: tuple[str, str]) -> None:
    """The shares that this one had stored are gone."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    rows.close_night(FOLDING)
    clicks += clicks_of([("bob", "q")], first=6)
    count(clicks[5:], FOLDING + timedelta(hours=1))
    fold_as_before(clicks, "bob")
    clicks += clicks_of([late], first=7)
    count(clicks[6:], FOLDING + timedelta(hours=2))

    rows.close_night(FOLDING + timedelta(days=1))

    assert_exact(clicks)
    assert "shares" in stored_day()


@pytest.mark.usefixtures("aws")
def test_late_rows_of_several_owners_in_one_night() -> None:
    """Of a day of the version before nobody knows how many are whose: they are the one's that the day names."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    fold_as_before(clicks, "ann")
    rows.close_night(FOLDING)
    count(clicks_of([("bob", "q"), ("ann", "q"), ("bob", "q")], first=6), FOLDING + timedelta(hours=1))

    rows.close_night(FOLDING + timedelta(days=1))

    assert visits_of("ann", "bob") == [3 + 3, 2]


@pytest.mark.usefixtures("aws")
def test_shares_are_stored_of_shared_days_alone() -> None:
    """They are no counts, and stay when the day is counted again."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    rows.close_night(FOLDING)
    before = stored_day()
    click_store.ask_recount(CounterKey("sale", DAY), "ann")

    rows.close_night(FOLDING + timedelta(days=1))

    assert stored_day()["shares"] == before["shares"]
    assert "shares" not in day_of("sale").counts
    assert_exact(clicks)


@pytest.mark.usefixtures("aws")
def test_rows_that_are_erased_change_no_share() -> None:
    """The counts stay each owner's."""
    clicks = clicks_of(ANN_TO_BOB)
    count(clicks)
    rows.close_night(FOLDING)
    key: Any = {"code": {"S": "sale"}, "entry": {"S": f"day#{DAY}"}}
    boto3.client("dynamodb").update_item(
        TableName=settings.clicks_table,
        Key=key,
        UpdateExpression="SET rowsErased = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    click_store.ask_recount(CounterKey("sale", DAY), "bob")

    rows.close_night(FOLDING + timedelta(days=1))

    assert "shares" in stored_day()
    assert_exact(clicks)


@pytest.mark.usefixtures("aws")
def test_more_owners_than_a_day_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are each owner's as they came; who had no room gets no share by an early row, nor takes one."""
    monkeypatch.setattr(recount, "MOST_OWNERS", 2)
    clicks = clicks_of([("ann", "x"), ("bob", "y"), ("cleo", "z")], first=2)
    count(clicks)
    rows.close_night(FOLDING)
    late = clicks_of([("cleo", "w")])
    count(late, FOLDING + timedelta(hours=1))
    rows.close_night(FOLDING + timedelta(days=1))
    found = [visits_of("ann", "bob", "cleo")]
    count(clicks_of([("bob", "v")], first=5), FOLDING + timedelta(days=1, hours=1))

    rows.close_night(FOLDING + timedelta(days=2))

    assert [*found, visits_of("ann", "bob", "cleo")] == [[1, 1, 1], [1, 2, 1]]
    assert [day_of(f"@{owner}").visitors for owner in ("ann", "bob", "cleo")] == [1, 2, 0]
    assert (day_of("sale").counts["visits"], day_of("sale").visitors) == (5, 5)


@pytest.mark.parametrize(
    ("moved_at", "known", "cached"),
    [
        (None, 5, 60),
        (MORNING, 0, 60),
        (FOLDING, 0, 60),
        (MORNING - timedelta(1), 5, 3600),
        (MORNING - timedelta(hours=6, seconds=10), 0, 60),
        (MORNING - timedelta(hours=6, seconds=link_cache.STALE_LASTS), 0, 60),
        (MORNING - timedelta(hours=6, seconds=link_cache.STALE_LASTS + 1), 5, 60),
        (MORNING - timedelta(hours=6, seconds=3600), 0, 3600),
    ],
)
@pytest.mark.usefixtures("aws")
def test_biggest_links_are_those_the_owner_had(
    monkeypatch: pytest.MonkeyPatch, moved_at: datetime | None, known: int, cached: int
) -> None:
    """Visits of a day before the move, or while caches may have the old owner, are not taken for the new one's."""
    monkeypatch.setattr(close_day, "settings", replace(settings, link_cache_seconds=cached))
    monkeypatch.setattr(counters, "MAX_NAMES", 1)
    clicks = clicks_of([("ann", "x")])
    clicks += [
        Click(id=f"click-{n}", link_id=code, owner="ann", at=MORNING, slot=0, expires_at=clicks[0].expires_at)
        for n, code in enumerate(["a1", "a2"], start=2)
    ]
    taken = [
        Click(id=f"click-{n}", link_id="moved", owner="bob", at=MORNING, slot=0, expires_at=clicks[0].expires_at)
        for n in range(10, 15)
    ]
    for click in [*clicks[1:], *taken]:
        row_store.put(click)
    count([*clicks, *taken])
    link = Link(id="moved", url="https://example.com/", owner="ann", created_at=MORNING, moved_at=moved_at)
    link_store.add(link, "made")

    for subject in ("sale", "a1", "a2", "moved", "@ann"):
        close_day.run(NightJob("fold", subject, DAY), FOLDING)

    assert day_of("@ann").counts.get("links#moved", 0) == known


@pytest.mark.parametrize("is_folded", [True, False])
def test_moved_link_is_shown_without_its_code(ann: Keyed, *, is_folded: bool) -> None:
    """Its visits stay the former owner's; its code is no business of theirs any more, until it comes back."""
    clicks = clicks_of(ANN_TO_BOB)
    other = replace(clicks[0], id="click-9", link_id="other")
    row_store.put(other)
    count([*clicks, other])
    click_store.mark_folded_through("2026-11-21")
    if is_folded:
        rows.close_night(FOLDING)
    shown = []
    for is_moved in (False, True, False):
        transactions.write([moved_store.put_action("ann", "sale", is_moved=is_moved)])
        shown.append(ann.get(f"/stats?from={DAY}&to={DAY}").json_body["links"])

    kept, moved = [
        [
            {"name": name, "domain": name and "sho.rt", "visits": 3, "moved": name is None},
            {"name": "other", "domain": "sho.rt", "visits": 1, "moved": False},
        ]
        for name in ("sale", None)
    ]
    assert shown == [kept, moved, kept]


@pytest.mark.usefixtures("aws")
def test_moved_link_is_its_former_owners_alone() -> None:
    """Of the codes that are asked for, and of this owner."""
    transactions.write([moved_store.put_action("ann", code, is_moved=True) for code in ("sale", "a#1", "unasked")])
    transactions.write([moved_store.put_action("bob", "kept", is_moved=False)])

    assert moved_store.moved_of("ann", ["sale", "a#1", "kept"]) == {"sale", "a#1"}
    assert moved_store.moved_of("bob", ["sale", "kept"]) == set()
    assert moved_store.moved_of("ann", []) == set()
    assert day_of("@ann") is None
