"""Counting: from clicks to counts of a day, from days to a report."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import stats
from chalicelib.core.click import UNKNOWN, Click
from chalicelib.core.stats import Counts, Day, JudgedClick, Kind, Tally

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KINDS: list[Kind] = ["humans", "bots", "prefetches"]


def judged(number: int = 0, code: str = "sale", kind: Kind = "humans", **told: str | None) -> JudgedClick:
    """Return a click that was judged."""
    click = Click(id=str(number), code=code, at=NOON + timedelta(milliseconds=number), **told)  # type: ignore[arg-type]  # texts only
    return JudgedClick(click=click, kind=kind, device="mobile", browser="Firefox", system="Linux")


judged_clicks = st.builds(
    judged,
    number=st.integers(0, 3 * 86_400_000),
    code=st.sampled_from(["a", "b", "c", UNKNOWN, *(f"link-{n}" for n in range(60))]),
    kind=st.sampled_from(KINDS),
    owner=st.sampled_from([None, "ann", "bob"]),
    country=st.sampled_from([None, "PT", "DE"]),
)


def test_a_click_counts_for_its_link_and_its_owner() -> None:
    """Visits, kind, hour, and every breakdown; the owner's day also says which link."""
    counted = stats.counted([judged(country="PT", language="pt", owner="ann")])

    of_link, of_owner = counted[Tally("sale", "2026-11-24")], counted[Tally("@ann", "2026-11-24")]
    assert of_link == {
        "visits": 1,
        "humans": 1,
        "humans@12": 1,
        "countries#PT": 1,
        "devices#mobile": 1,
        "browsers#Firefox": 1,
        "systems#Linux": 1,
        "referrers#direct": 1,
        "languages#pt": 1,
    }
    assert of_owner == of_link + Counter({"links#sale": 1})


def test_programs_are_in_no_breakdown() -> None:
    """They would drown the people."""
    assert stats.counted([judged(kind="bots")])[Tally("sale", "2026-11-24")] == {"visits": 1, "bots": 1, "bots@12": 1}


@pytest.mark.parametrize("code", [UNKNOWN, "sale"])
def test_what_is_nobodys_counts_for_no_owner(code: str) -> None:
    """An unknown code, and a link that was made without a key."""
    assert list(stats.counted([judged(code=code)])) == [Tally(code, "2026-11-24")]


@given(st.lists(judged_clicks, max_size=300))
def test_packs_hold_all_clicks_and_fit_a_transaction(clicks: list[JudgedClick]) -> None:
    """DynamoDB takes 100 actions, and an expression of 4 KB for each update."""
    packs = list(stats.packs(clicks))

    assert Counter(map(id, chain.from_iterable(packs))) == Counter(map(id, clicks))
    for pack in packs:
        counted = stats.counted(pack)
        assert 0 < len(pack) + len(counted) + len({each.click.code for each in pack}) <= 100
        assert all(len(",".join(f"#{n:x} :{n:x}" for n in range(len(counts)))) < 3800 for counts in counted.values())


def test_clicks_of_one_link_share_their_transactions() -> None:
    """A hundred clicks of one link cost three updates of its day, not a hundred."""
    assert [len(pack) for pack in stats.packs(judged(number) for number in range(100))] == [48, 48, 4]


class TestBounded:
    """A breakdown keeps 200 names of a day; the rest are `other`."""

    def test_the_biggest_stay(self) -> None:
        """Every breakdown still sums to what it breaks down; hours and kinds are no breakdown."""
        counts = Counts({f"referrers#{n:03}.com": n for n in range(1, 301)} | {"visits": 9, "humans@07": 3})

        bounded = stats.bounded(counts)

        names = {name for name in bounded if name.startswith("referrers#")}
        assert names == {f"referrers#{n:03}.com" for n in range(101, 301)} | {"referrers#"}
        assert sum(bounded[name] for name in names) == sum(range(1, 301))
        assert (bounded["visits"], bounded["humans@07"]) == (9, 3)

    def test_names_that_are_there_stay(self) -> None:
        """A full day takes no new name, however big; those it has go on counting."""
        known = {f"countries#{n}" for n in range(199)} | {"countries#", "visits"}

        bounded = stats.bounded(Counts({"countries#new": 5, "countries#newer": 4, "countries#7": 1}), known)

        assert bounded == {"countries#new": 5, "countries#": 4, "countries#7": 1}

    @given(st.dictionaries(st.integers(0, 999), st.integers(1, 50)), st.sets(st.integers(0, 999), max_size=250))
    def test_nothing_is_lost(self, names: dict[int, int], known: set[int]) -> None:
        """Whatever came, and whatever was there: the sum is the same."""
        counts = Counts({f"browsers#{name}": count for name, count in names.items()})

        bounded = stats.bounded(counts, (f"browsers#{name}" for name in known))

        assert sum(bounded.values()) == sum(counts.values())
        new = bounded.keys() - {f"browsers#{name}" for name in known} - {"browsers#"}
        assert len(new) <= max(0, stats.MAX_NAMES - len(known))


@given(st.lists(judged_clicks.filter(lambda each: each.click.code == "a"), max_size=50))
def test_counting_again_gives_the_same(clicks: list[JudgedClick]) -> None:
    """What a day's rows add up to is what their transactions added."""
    one_day = [each for each in clicks if each.click.day == "2026-11-24"]

    counts, _ = stats.recounted(one_day)

    assert counts == (stats.counted(one_day).get(Tally("a", "2026-11-24")) or {})


def test_visitors_are_people_each_once() -> None:
    """Programs and those who asked not to be tracked are none of them."""
    clicks = [judged(1, visitor="x"), judged(2, visitor="x"), judged(3, visitor="y"), judged(4)]
    clicks.append(judged(5, kind="bots", visitor="z"))

    counts, visitors = stats.recounted(clicks)

    assert (counts["visits"], visitors) == (5, 2)


def test_drift_is_what_is_missing() -> None:
    """Only where the numbers differ, in either direction."""
    seen, counts = {"visits": 5, "humans": 5, "countries#PT": 5}, {"visits": 4, "humans": 3, "bots": 1}

    assert stats.drift_between(seen, counts) == {"visits": -1, "humans": -2, "bots": 1}
    assert not stats.drift_between(seen, seen)


class TestReport:
    """From days to what clients see."""

    days = (
        Day(date="2026-10-31", counts={"visits": 2, "humans": 2, "humans@23": 2, "countries#PT": 2}, visitors=1),
        Day(date="2026-11-01", counts={"visits": 3, "humans": 1, "bots": 2, "bots@00": 2, "humans@00": 1}),
    )
    first, last = date(2026, 10, 31), date(2026, 11, 2)

    def test_by_day(self) -> None:
        """Every day stands in the series, those without visits too; visitors of an open day are not known yet."""
        report = stats.report(self.days, self.first, self.last, "day")

        assert report["total"] == {"visits": 5, "humans": 3, "bots": 2, "prefetches": 0, "visitors": 1}
        assert [(each["at"], each["visits"], each["visitors"]) for each in report["series"]] == [
            ("2026-10-31", 2, 1),
            ("2026-11-01", 3, None),
            ("2026-11-02", 0, 0),
        ]
        assert report["countries"] == [{"name": "PT", "visits": 2}]

    def test_by_hour(self) -> None:
        """24 for each day, in UTC."""
        series = stats.report(self.days, self.first, self.last, "hour")["series"]

        assert len(series) == 72
        assert [each for each in series if each["visits"]] == [
            {"at": "2026-10-31T23:00:00Z", "visits": 2, "humans": 2, "bots": 0, "prefetches": 0},
            {"at": "2026-11-01T00:00:00Z", "visits": 3, "humans": 1, "bots": 2, "prefetches": 0},
        ]

    def test_by_month(self) -> None:
        """Days are summed; visitors where a day of the month is closed."""
        series = stats.report(self.days, self.first, self.last, "month")["series"]

        assert [(each["at"], each["visits"], each["visitors"]) for each in series] == [
            ("2026-10", 2, 1),
            ("2026-11", 3, None),
        ]

    @pytest.mark.parametrize("unit", ["hour", "day", "month"])
    def test_series_sum_to_the_total(self, unit: stats.Unit) -> None:
        """However it is cut."""
        report = stats.report(self.days, self.first, self.last, unit)

        assert sum(each["visits"] for each in report["series"]) == report["total"]["visits"]

    def test_the_biggest_come_first_and_the_rest_are_other(self) -> None:
        """Over many days there may be more than 200 names; 200 are shown."""
        days = [
            Day(date=f"2026-11-{day:02}", counts={f"referrers#{day}-{n}": n for n in range(1, 101)})
            for day in (1, 2, 3)
        ]

        shown = stats.report(days, date(2026, 11, 1), date(2026, 11, 3), "day")["referrers"]

        assert (len(shown), shown[0]["visits"], shown[-1]["name"]) == (201, 100, "other")
        assert sum(each["visits"] for each in shown) == 3 * sum(range(1, 101))
