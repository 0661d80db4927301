"""Unique visitors: exact up to a size, and an estimate with a known error above it."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits.unique_visitors import EXACT_UP_TO, UniqueVisitors

MANY = 300_000


def of(first: int, last: int, step: int = 1) -> UniqueVisitors:
    """Return visitors with the ids from ``first``, up to ``last`` without it."""
    found = UniqueVisitors()
    for number in range(first, last, step):
        found.add(f"{number:024x}")
    return found


@functools.cache
def stored(number: int) -> bytes:
    """Return the stored form of so many visitors: made once, because it takes a while."""
    return of(0, number).to_bytes()


@given(st.lists(st.text(max_size=3), max_size=200))
def test_each_visitor_counts_once(visitors: list[str]) -> None:
    """However often they come, stored and read in between."""
    found = UniqueVisitors()
    for place, visitor in enumerate(visitors):
        found.add(visitor)
        if place % 50 == 0:
            found = UniqueVisitors.from_bytes(found.to_bytes())

    assert found.number() == len(set(visitors))


@pytest.mark.parametrize("number", [0, 1, 5_000, EXACT_UP_TO - 1, EXACT_UP_TO])
def test_exact_up_to_the_size(number: int) -> None:
    """And no visitor more when all of them come again."""
    found = UniqueVisitors.from_bytes(stored(number))
    assert found.number() == number

    for visitor in range(0, number, 7):
        found.add(f"{visitor:024x}")
    assert found.number() == number


@pytest.mark.parametrize("number", [EXACT_UP_TO + 1, 20_000, 41_000, 50_000, MANY])
def test_estimate_beyond_it(number: int) -> None:
    """Off by 2.5 % at most, which is three standard errors; at both sides of where the formula changes."""
    assert UniqueVisitors.from_bytes(stored(number)).number() == pytest.approx(number, rel=0.025)


def test_visitors_that_come_again_change_no_estimate() -> None:
    """The registers keep what was biggest."""
    found = UniqueVisitors.from_bytes(stored(50_000))
    before = found.number()

    for number in range(0, 50_000, 3):
        found.add(f"{number:024x}")

    assert found.number() == before


@pytest.mark.parametrize(("number", "most"), [(0, 1), (100, 801), (EXACT_UP_TO, 131_073), (50_000, 20_000)])
def test_stored_form_is_bounded(number: int, most: int) -> None:
    """131 KB, of 400 that an item may have; a sketch is smaller."""
    assert len(stored(number)) <= most


@pytest.mark.parametrize("number", [0, 1, EXACT_UP_TO, EXACT_UP_TO + 1, MANY])
def test_stored_form_is_what_was_stored(number: int) -> None:
    """Bytes that are read and stored again are the same, and go on counting."""
    read = UniqueVisitors.from_bytes(stored(number))
    assert read.to_bytes() == stored(number)

    before = read.number()
    for fresh in range(10**9, 10**9 + 1000):
        read.add(f"{fresh:024x}")
    assert read.number() > before


@pytest.mark.parametrize("number", [1_000, EXACT_UP_TO, EXACT_UP_TO + 1, 40_000])
def test_order_does_not_matter(number: int) -> None:
    """Nor where the recount was interrupted: before, at, or after the change from ids to the sketch."""
    backwards = of(number - 1, -1, -1)
    interrupted = UniqueVisitors.from_bytes(of(number // 3, number).to_bytes())
    for visitor in range(number // 2):
        interrupted.add(f"{visitor:024x}")

    assert backwards.to_bytes() == interrupted.to_bytes() == stored(number)


@pytest.mark.parametrize(("ours", "theirs"), [(10, 10), (10, 20_000), (20_000, 10), (20_000, 20_000), (16_000, 16_000)])
def test_union_counts_who_is_in_both_once(ours: int, theirs: int) -> None:
    """It is the same as if all had been added to one; the other stays as it was."""
    first, second = of(0, ours), of(ours // 2, ours // 2 + theirs)
    before = second.to_bytes()

    first.add_all(second)

    assert first.to_bytes() == of(0, max(ours, ours // 2 + theirs)).to_bytes()
    assert second.to_bytes() == before
