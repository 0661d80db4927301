"""The recount of a day: it may be interrupted between any two rows, and is bounded whatever the rows are."""

from __future__ import annotations

import random
import string
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits import counters, recount
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import ClassifiedClick, CounterKey, Counts, Kind
from chalicelib.core.visits.recount import Recount, Share

MORNING = datetime(2026, 11, 24, tzinfo=UTC)
KINDS: list[Kind] = ["humans", "bots", "prefetches"]


def row(number: int = 0, kind: Kind = "humans", **texts: str | None) -> ClassifiedClick:
    """Return the click of a row, as it was judged."""
    click = Click(id=str(number), link_id="sale", at=MORNING + timedelta(seconds=number), **texts)  # type: ignore[arg-type]  # texts only
    return ClassifiedClick(click=click, kind=kind, device="mobile", browser="Firefox", system="Linux")


rows = st.lists(
    st.builds(
        row,
        number=st.integers(0, 86_399),
        kind=st.sampled_from(KINDS),
        owner=st.sampled_from([None, "ann"]),
        country=st.sampled_from([None, "PT", "DE"]),
        referrer=st.sampled_from([None, "a.example", "b.example", "c.example"]),
        variant=st.sampled_from([None, "b"]),
        visitor=st.sampled_from([None, "x", "y", "z"]),
    ),
    max_size=40,
)


def counted(clicks: list[ClassifiedClick]) -> Recount:
    """Return the recount of ``clicks``."""
    found = Recount()
    for click in clicks:
        found.add(click)
    return found


def counts_in(found: Recount) -> Counts:
    """Return the counts of the rows of no owner, of which all have been."""
    return found.shares[None].counts


@given(rows)
def test_recount_equals_the_counts(clicks: list[ClassifiedClick]) -> None:
    """The rows of a day add up to what was added to its counter when they came."""
    counts, _ = counted(clicks).result()

    assert counts == (counters.counts_by_key(clicks).get(CounterKey("sale", "2026-11-24")) or {})


def test_visitors_are_unique_people() -> None:
    """Programs and clicks with do-not-track are not among them."""
    clicks = [row(number, visitor=visitor) for number, visitor in enumerate("xxy")]
    clicks += [row(4), row(5, "bots", visitor="z"), row(6, "prefetches", visitor="p")]

    counts, visitors = counted(clicks).result()

    assert (counts["visits"], visitors) == (6, 2)


def test_day_without_rows() -> None:
    """Nothing, not even zeros."""
    assert Recount.from_bytes(Recount().to_bytes()).result() == ({}, 0)


@given(rows, st.sets(st.integers(0, 40)))
def test_interruptions_change_nothing(clicks: list[ClassifiedClick], at: set[int]) -> None:
    """Between any two rows, as often as one likes; the place and the number of rows are kept."""
    interrupted = Recount()
    for place, click in enumerate(clicks):
        if place in at:
            interrupted = Recount.from_bytes(interrupted.to_bytes())
        interrupted.add(click)
        interrupted.slot, interrupted.entry = place % 3, f"click#{place}"

    read = Recount.from_bytes(interrupted.to_bytes())

    assert read.result() == counted(clicks).result()
    assert (read.slot, read.entry, read.rows) == (interrupted.slot, interrupted.entry, len(clicks))


@given(rows)
def test_each_owner_has_its_share(clicks: list[ClassifiedClick]) -> None:
    """As if the rows of the others were not there."""
    mine = [click for click in clicks if click.click.owner == "ann"]

    shares = counted(clicks).by_owner()

    counts, visitors = counted(mine).result()
    assert shares == ({"ann": Counts({**counts, "visitors": visitors})} if mine else {})


def test_visitor_of_two_owners_is_one_of_the_link() -> None:
    """And one of each owner."""
    clicks = [row(number, owner=owner, visitor="x") for number, owner in enumerate(["ann", "bob", None, "bob"])]

    found = counted(clicks)

    assert found.result()[1] == 1
    assert {owner: share["visitors"] for owner, share in found.by_owner().items()} == {"ann": 1, "bob": 1}


def test_owners_are_bounded() -> None:
    """Further ones count for the link alone."""
    clicks = [row(number, owner=f"owner-{number}", visitor="x") for number in range(recount.MOST_OWNERS + 5)]

    found = Recount.from_bytes(counted(clicks).to_bytes())

    assert len(found.by_owner()) == recount.MOST_OWNERS
    assert found.result()[0]["visits"] == len(clicks)


@pytest.mark.parametrize("entry", ["", "click#2026-11-24T12:00:00.000Z#a=_-", 'click#é"\\ \0✓'])
def test_place_is_kept(entry: str) -> None:
    """Whatever the entry of the last row is."""
    read = Recount.from_bytes(Recount(slot=127, entry=entry, rows=10**9).to_bytes())

    assert (read.slot, read.entry, read.rows) == (127, entry, 10**9)


def test_result_has_the_biggest_names() -> None:
    """Of all rows: a counter has the first ones. The rest is summed."""
    clicks = [row(number, referrer=f"rare-{number}.example") for number in range(300)]
    clicks += [row(300 + number, referrer="late.example") for number in range(5)]

    counts, _ = counted(clicks).result()

    names = {name: count for name, count in counts.items() if name.startswith("referrers#")}
    assert len(names) == counters.MAX_NAMES + 1
    assert names["referrers#late.example"] == 5
    assert names["referrers#"] == 300 - (counters.MAX_NAMES - 1)


class TestBounded:
    """Names are bounded while rows are counted, not only at the end."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let there be few names, and look often."""
        monkeypatch.setattr(recount, "_MOST_NAMES", 20)
        monkeypatch.setattr(recount, "_CHECK_EVERY", 50)

    def test_names_never_exceed_the_bound(self) -> None:
        """By more than what comes between two looks; each breakdown sums to its total."""
        found, most = Recount(), 0
        for number in range(2_000):
            found.add(row(number, referrer=f"{number}.example"))
            most = max(most, sum(name.startswith("referrers#") for name in counts_in(found)))

        assert 20 < most <= 20 + 1 + 50
        assert sum(count for name, count in counts_in(found).items() if name.startswith("referrers#")) == 2_000

    def test_frequent_name_stays(self) -> None:
        """What is rarer is counted as the rest."""
        clicks = [row(number, referrer="often.example" if number % 5 else f"{number}.example") for number in range(500)]

        counts, _ = counted(clicks).result()

        assert counts["referrers#often.example"] == 400
        assert counts["referrers#"] >= 80

    def test_few_names_are_exact(self) -> None:
        """A look at an ordinary day changes nothing."""
        clicks = [row(number, referrer=f"{number % 15}.example") for number in range(300)]

        counts, _ = counted(clicks).result()

        assert counts == counters.counts_of(clicks, with_links=False)

    def test_stored_form_is_bounded(self) -> None:
        """It is stored between two looks, too."""
        found = counted([row(number, referrer=f"{number}.example") for number in range(49)])

        read = Recount.from_bytes(found.to_bytes())

        assert Counter(name.partition("#")[0] for name in counts_in(read))["referrers"] == 20 + 1
        assert sum(count for name, count in counts_in(read).items() if name.startswith("referrers#")) == 49


def test_widest_day_fits_an_item() -> None:
    """DynamoDB takes 400 KB; the form is 300 at most."""
    found = Recount()
    for number in range(20_000):
        visit = row(number, referrer=f"{number * 7919 % 99_991:x}-{'long' * 8}.example", visitor=f"{number:024x}")
        found.add(visit)
    for number in range(15_000):
        counts_in(found)[f"browsers#{number * 104_729:x}"] += 1

    assert len(found.to_bytes()) < 300_000


def test_longest_names_fit_an_item() -> None:
    """Visitors choose the names of referrers: random ones of 253 characters hardly get smaller."""
    chance, found = random.Random(1), Recount({None: Share()})  # noqa: S311  # the same for each run
    for number in range(16_384):
        found.shares[None].visitors.add(str(number))
    for _ in range(2_000):
        counts_in(found)["referrers#" + "".join(chance.choices(string.ascii_lowercase + string.digits, k=253))] += 1

    read = Recount.from_bytes(found.to_bytes())

    assert len(read.to_bytes()) < 300_000
    assert (counts_in(read).total(), read.shares[None].visitors.number()) == (2_000, 16_384)
    assert len(counts_in(read)) > counters.MAX_NAMES


def test_most_owners_fit_an_item() -> None:
    """Each with as many visitors as are exact, and with the longest names: the visitors become estimates."""
    chance, found = random.Random(1), Recount()  # noqa: S311  # the same for each run
    names = ["referrers#" + "".join(chance.choices(string.ascii_lowercase, k=253)) for _ in range(200)]
    for number in range(recount.MOST_OWNERS):
        share = found.shares.setdefault(f"owner-{number}", Share())
        share.counts.update(names)
        for visitor in range(16_000):
            share.visitors.add(f"{number}-{visitor % 8_000}" if number else str(visitor))

    stored = found.to_bytes()

    read = Recount.from_bytes(stored)
    assert len(stored) < 300_000
    assert read.result()[0].total() == 200 * recount.MOST_OWNERS
    assert read.result()[1] == pytest.approx(16_000 + (recount.MOST_OWNERS - 1) * 8_000, rel=0.03)
