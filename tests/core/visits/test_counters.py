"""Counters: from clicks to daily counts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits import counters
from chalicelib.core.visits.click import UNKNOWN, Click
from chalicelib.core.visits.counters import ClassifiedClick, CounterKey, Counts, Kind

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KINDS: list[Kind] = ["humans", "bots", "prefetches"]


def classified_click(
    number: int = 0, code: str = "sale", kind: Kind = "humans", **texts: str | None
) -> ClassifiedClick:
    """Return a classified click."""
    click = Click(id=str(number), link_id=code, at=NOON + timedelta(milliseconds=number), **texts)  # type: ignore[arg-type]  # texts only
    return ClassifiedClick(click=click, kind=kind, device="mobile", browser="Firefox", system="Linux")


def clicks_of(codes: st.SearchStrategy[str]) -> st.SearchStrategy[ClassifiedClick]:
    """Return clicks on ``codes`` on three days, of any kind and owner."""
    return st.builds(
        classified_click,
        number=st.integers(0, 3 * 86_400_000),
        code=codes,
        kind=st.sampled_from(KINDS),
        owner=st.sampled_from([None, "ann", "bob"]),
        country=st.sampled_from([None, "PT", "DE"]),
    )


classified_clicks = clicks_of(st.sampled_from(["a", "b", "c", UNKNOWN, *(f"link-{n}" for n in range(60))]))


def test_click_counts_for_its_link_and_its_owner() -> None:
    """With visits, kind, hour, and every breakdown; the day of the owner has the link as well."""
    counted = counters.counts_by_key([classified_click(country="PT", language="pt", owner="ann")])

    of_link, of_owner = counted[CounterKey("sale", "2026-11-24")], counted[CounterKey("@ann", "2026-11-24")]
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


def test_programs_are_not_in_breakdowns() -> None:
    """Breakdowns count people only."""
    assert counters.counts_by_key([classified_click(kind="bots")])[CounterKey("sale", "2026-11-24")] == {
        "visits": 1,
        "bots": 1,
        "bots@12": 1,
    }


@pytest.mark.parametrize("code", [UNKNOWN, "sale"])
def test_click_without_an_owner_counts_for_its_link_only(code: str) -> None:
    """That is so for unknown codes, and for links created without a key."""
    assert list(counters.counts_by_key([classified_click(code=code)])) == [CounterKey(code, "2026-11-24")]


@given(st.lists(classified_clicks, max_size=300))
def test_batches_hold_all_clicks_and_fit_a_transaction(clicks: list[ClassifiedClick]) -> None:
    """DynamoDB allows 100 actions, and 4 KB of expression for each update."""
    batches = list(counters.batches(clicks))

    assert Counter(map(id, chain.from_iterable(batches))) == Counter(map(id, clicks))
    for batch in batches:
        counted = counters.counts_by_key(batch)
        assert 0 < len(batch) + len(counted) + len({each.click.link_id for each in batch}) <= 100
        assert all(len(",".join(f"#{n:x} :{n:x}" for n in range(len(counts)))) < 3800 for counts in counted.values())


def test_clicks_of_one_link_share_transactions() -> None:
    """A hundred clicks on one link cost three updates of its day, not a hundred."""
    assert [len(batch) for batch in counters.batches(classified_click(number) for number in range(100))] == [48, 48, 4]


class TestBounded:
    """A breakdown keeps 200 names a day; the rest are `other`."""

    def test_biggest_names_are_kept(self) -> None:
        """Every breakdown still sums to its total; hours and kinds are not breakdowns."""
        counts = Counts({f"referrers#{n:03}.com": n for n in range(1, 301)} | {"visits": 9, "humans@07": 3})

        bounded = counters.limit_names(counts)

        names = {name for name in bounded if name.startswith("referrers#")}
        assert names == {f"referrers#{n:03}.com" for n in range(101, 301)} | {"referrers#"}
        assert sum(bounded[name] for name in names) == sum(range(1, 301))
        assert (bounded["visits"], bounded["humans@07"]) == (9, 3)

    def test_known_names_are_kept(self) -> None:
        """A full day accepts no new name, however big; its known names go on counting."""
        known = {f"countries#{n}" for n in range(199)} | {"countries#", "visits"}

        bounded = counters.limit_names(Counts({"countries#new": 5, "countries#newer": 4, "countries#7": 1}), known)

        assert bounded == {"countries#new": 5, "countries#": 4, "countries#7": 1}

    @given(st.dictionaries(st.integers(0, 999), st.integers(1, 50)), st.sets(st.integers(0, 999), max_size=250))
    def test_sum_is_unchanged(self, names: dict[int, int], known: set[int]) -> None:
        """Whichever names are new or known, and few enough new ones are added."""
        counts = Counts({f"browsers#{name}": count for name, count in names.items()})

        bounded = counters.limit_names(counts, (f"browsers#{name}" for name in known))

        assert sum(bounded.values()) == sum(counts.values())
        new = bounded.keys() - {f"browsers#{name}" for name in known} - {"browsers#"}
        assert len(new) <= max(0, counters.MAX_NAMES - len(known))


def test_drift_is_the_difference() -> None:
    """In either direction, and only where the numbers differ."""
    seen, counts = {"visits": 5, "humans": 5, "countries#PT": 5}, {"visits": 4, "humans": 3, "bots": 1}

    assert counters.drift_between(seen, counts) == {"visits": -1, "humans": -2, "bots": 1}
    assert not counters.drift_between(seen, seen)


def test_correction_of_an_owner_fits_one_expression() -> None:
    """Where a whole day was never counted, each of its names is corrected: DynamoDB takes four kilobytes of them."""
    after = {
        "visits": 10_000,
        "humans": 10_000,
        **{f"humans@{hour:02}": 400 for hour in range(24)},
        **{f"{breakdown}#name-{n}": n for breakdown in counters.BREAKDOWNS for n in range(1, 200)},
    }

    different = counters.difference_for_owner("sale", {}, after)

    assert len(different) <= 300
    assert (different["visits"], different["links#sale"], different["humans@13"]) == (10_000, 10_000, 400)
    for breakdown in counters.BREAKDOWNS:
        of_it = {name: off for name, off in different.items() if name.startswith(f"{breakdown}#")}
        assert sum(of_it.values()) == sum(range(1, 200))
        assert of_it[f"{breakdown}#name-199"] == 199
