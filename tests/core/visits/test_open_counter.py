"""Open counters: what is stored is what is read, in few bytes, and each click is added once."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.visits import counters
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import ClassifiedClick
from chalicelib.core.visits.open_counter import MIXED, CounterUnreadable, OpenCounter, shard_id

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE, OTHER = shard_id("shardId-1"), shard_id("shardId-2")
PATTERNS = 12345
names = st.one_of(
    st.sampled_from(["visits", "humans", "bots@23", "countries#", "referrers#", "links#a-b_c", "browsers#a#b"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name[0] != "#"),
    st.builds("{}#{}".format, st.sampled_from(counters.BREAKDOWNS), st.text(st.characters(exclude_categories=["Cs"]))),
)
amounts = st.one_of(st.integers(0, 300), st.sampled_from([127, 128, 16_383, 16_384, 2**63]), st.integers(0, 10**38))


def click(number: int = 0, code: str = "sale", **texts: str | None) -> ClassifiedClick:
    """Return a person's click."""
    made = Click(id=str(number), link_id=code, at=NOON + timedelta(milliseconds=number), **texts)  # type: ignore[arg-type]  # texts only
    return ClassifiedClick(click=made, kind="humans", device="mobile", browser="Firefox", system="Linux")


def numbered(*numbers: int) -> list[tuple[int, ClassifiedClick]]:
    """Return clicks with their numbers in the stream."""
    return [(number, click(place)) for place, number in enumerate(numbers)]


def busy_day(clicks: int) -> OpenCounter:
    """Return the counter of a link with so many people in a day, of 120 countries and from 300 sites."""
    chance = random.Random(1)  # noqa: S311  # the same for each run
    made = Counter[str]()
    for number in range(clicks):
        at = NOON + timedelta(minutes=chance.randrange(1440) - 720)
        visit = Click(
            id=str(number),
            link_id="sale",
            at=at,
            country=f"{chr(65 + min(chance.randrange(20), chance.randrange(12)))}{chr(65 + chance.randrange(10))}",
            referrer=f"{chance.choice(['www', 'blog', 'news'])}.site-{int(chance.triangular(0, 99, 0))}.example",
            language=chance.choice(["en", "pt", "de", "fr", "es", "it"]),
        )
        device, browser = chance.choice(["mobile", "desktop", "tablet"]), chance.choice(["Chrome", "Firefox", "Safari"])
        judged = ClassifiedClick(click=visit, kind="humans", device=device, browser=browser, system=f"{browser} OS")
        made.update(counters.names_of(judged, with_link=False))
    return OpenCounter(made, {shard_id(f"shardId-{n}"): 10**22 + n for n in range(4)}, PATTERNS)


@given(
    st.dictionaries(names, amounts),
    st.dictionaries(st.binary(min_size=8, max_size=8), st.integers(0, 10**40 - 1), max_size=9),
    st.integers(0, 2**32 - 1),
)
@example({"visits": 1}, {ONE: 10**40 - 1, OTHER: 10**20}, 2**32 - 1)
@example({"countries#\0": 1, "\0": 128}, {}, 1)
def test_counter_survives_the_round_trip(counts: dict[str, int], marks: dict[bytes, int], patterns: int) -> None:
    """Whatever the names, the amounts, and the numbers of up to 40 digits."""
    counter = OpenCounter(counts, marks, patterns)

    read = OpenCounter.from_bytes(counter.to_bytes())

    assert (dict(read.counts), dict(read.marks), read.patterns) == (counts, marks, patterns)


def test_empty_counter_survives_the_round_trip() -> None:
    """It is never stored, but could be."""
    read = OpenCounter.from_bytes(OpenCounter().to_bytes())

    assert (dict(read.counts), dict(read.marks)) == ({}, {})


@pytest.mark.parametrize("form", [b"\x00", b"\x02", b"\xff", b""])
def test_form_of_another_version_is_refused(form: bytes) -> None:
    """It is not overwritten with what this version takes it for."""
    stored = OpenCounter({"visits": 1}, {ONE: 7}, PATTERNS).to_bytes()

    with pytest.raises(CounterUnreadable):
        OpenCounter.from_bytes(form + stored[1:] if form else b"")


@pytest.mark.parametrize(("clicks", "most"), [(1, 300), (23, 512), (250, 1024), (1656, 2048)])
def test_counter_is_small(clicks: int, most: int) -> None:
    """DynamoDB is paid by the KB: each write of it costs a unit, or two for the busiest."""
    assert len(busy_day(clicks).to_bytes()) < most


def test_shards_are_told_apart() -> None:
    """In eight bytes, the same in each process."""
    assert len({shard_id(f"shardId-0000000169202351981{n}-cb9ef2f5") for n in range(9)}) == 9
    assert shard_id("shardId-1").hex() == "b0585c0aee2ea2e2"


class TestAdd:
    """Clicks above the mark of their shard are added, and the mark moves to the last of them."""

    def test_first_clicks(self) -> None:
        """With each name's count."""
        counter, new = OpenCounter().add(ONE, numbered(5, 9), PATTERNS, of_owner=False)

        assert len(new) == 2
        assert dict(counter.counts) == dict(counters.counts_of(new, with_links=False))
        assert (counter.counts["visits"], counter.marks, counter.patterns) == (2, {ONE: 9}, PATTERNS)

    @pytest.mark.parametrize(
        ("mark", "numbers", "added"),
        [
            (9, [5, 9], 0),
            (9, [9], 0),
            (9, [5, 9, 10], 1),
            (9, [10, 11], 2),
            (10**22 - 1, [10**21, 10**22], 1),  # a digit more: as texts, both were known
            (10**21, [9 * 10**20], 0),  # as texts, it was new
            (10**39, [10**39, 10**39 + 1, 10**40 - 1], 2),
        ],
    )
    def test_only_what_is_above_the_mark(self, mark: int, numbers: list[int], added: int) -> None:
        """Numbers are compared as numbers; a counter without anything new is the same object."""
        before = OpenCounter({"visits": 3}, {ONE: mark, OTHER: 1}, PATTERNS)

        after, new = before.add(ONE, numbered(*numbers), PATTERNS, of_owner=False)

        assert [each.click.id for each in new] == [str(place) for place in range(len(numbers) - added, len(numbers))]
        assert after.counts["visits"] == 3 + added
        assert after.marks == {ONE: max(mark, numbers[-1]), OTHER: 1}
        assert (after is before) == (not added)

    def test_another_shard_has_a_mark_of_its_own(self) -> None:
        """Its numbers say nothing about those of others."""
        before = OpenCounter({"visits": 3}, {ONE: 10**30}, PATTERNS)

        after, new = before.add(OTHER, numbered(7), PATTERNS, of_owner=False)

        assert len(new) == 1
        assert after.marks == {ONE: 10**30, OTHER: 7}

    @pytest.mark.parametrize(
        ("before", "by", "after"),
        [(None, 7, 7), (7, 7, 7), (7, 8, MIXED), (MIXED, 7, MIXED), (MIXED, MIXED, MIXED)],
    )
    def test_patterns(self, before: int | None, by: int, after: int) -> None:
        """A counter whose clicks were judged by two versions stays mixed, stored and read, too."""
        counter, _ = OpenCounter({}, {}, before).add(ONE, numbered(1), by, of_owner=False)
        assert OpenCounter.from_bytes(counter.to_bytes()).patterns == counter.patterns == after

    def test_known_clicks_do_not_change_the_patterns(self) -> None:
        """They were judged when they came first."""
        before = OpenCounter({"visits": 1}, {ONE: 5}, 7)

        assert before.add(ONE, numbered(5), 8, of_owner=False)[0].patterns == 7

    def test_only_an_owner_has_links(self) -> None:
        """And a link alone has variants."""
        clicks = [(1, click(code="sale", variant="b"))]

        of_link, of_owner = (OpenCounter().add(ONE, clicks, 7, of_owner=owner)[0].counts for owner in (False, True))

        assert {name for name in {**of_link, **of_owner} if (name in of_link) != (name in of_owner)} == {
            "variants#b",
            "links#sale",
        }

    def test_names_are_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those that a counter knows are kept, and the rest is summed: the item stays small."""
        monkeypatch.setattr(counters, "MAX_NAMES", 3)
        counter = OpenCounter()
        for number in range(9):
            visit = [(number + 1, click(number, referrer=f"site-{number % 5}.example"))]
            counter, _ = counter.add(ONE, visit, PATTERNS, of_owner=False)

        assert {name: count for name, count in counter.counts.items() if name.startswith("referrers#")} == {
            "referrers#site-0.example": 2,
            "referrers#site-1.example": 2,
            "referrers#site-2.example": 2,
            "referrers#": 3,
        }

    @given(st.lists(st.integers(1, 10**40 - 1), unique=True, min_size=1, max_size=20).map(sorted), st.data())
    def test_batches_that_come_again_add_nothing_twice(self, numbers: list[int], data: st.DataObject) -> None:
        """With any borders, once they came in order; stored and read in between."""
        records = numbered(*numbers)
        counter, done = OpenCounter(), 0
        while done < len(records):
            first = data.draw(st.integers(0, done), label="first")
            last = data.draw(st.integers(first + 1, len(records)), label="last")
            counter, new = counter.add(ONE, records[first:last], PATTERNS, of_owner=False)
            assert len(new) == max(0, last - done)
            done = max(done, last)
            counter = OpenCounter.from_bytes(counter.to_bytes())

        assert counter.counts == counters.counts_of((each for _, each in records), with_links=False)
        assert counter.marks == {ONE: numbers[-1]}


def test_most_names_and_marks_stay_far_below_an_item() -> None:
    """A day of the widest owner, after a day of 2,000 shards: DynamoDB takes 400 KB."""
    counts = {f"{each}#{chr(65 + n % 26) * 60}{n}": n for each in (*counters.BREAKDOWNS, "links") for n in range(200)}
    marks = {shard_id(str(n)): 10**40 - 1 - n for n in range(2000)}

    assert len(OpenCounter(counts, marks, 1).to_bytes()) < 100_000
