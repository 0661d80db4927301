"""Slots: the keys that rows of a hot link are spread over, and how many of them a link needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits import slots

subjects = st.from_regex(r"@?[A-Za-z0-9_-]{1,64}|\?unknown", fullmatch=True)


@given(subjects, st.integers(0, slots.MOST - 1))
def test_partition_key_tells_subject_and_slot(subject: str, slot: int) -> None:
    """Of links, of owners, and of unknown codes."""
    assert slots.subject_and_slot(slots.partition_key(subject, slot)) == (subject, slot)


def test_slot_0_has_the_key_of_the_link() -> None:
    """What was stored before there were slots is in it."""
    assert slots.partition_key("sale", 0) == "sale"
    assert slots.partition_key("sale", 1) != "sale"


@pytest.mark.parametrize("key", ["sale#x", "sale#1#2", "sale#1.0"])
def test_slot_that_is_no_number_is_refused(key: str) -> None:
    """Such a row is set aside; it is not taken for one of slot 0."""
    with pytest.raises(ValueError, match="invalid literal"):
        slots.subject_and_slot(key)


@pytest.mark.parametrize("number", [0, 1, 2, 8])
def test_each_slot_is_drawn_and_no_other(number: int) -> None:
    """A link without any, as the version before stored it, has slot 0."""
    assert {slots.draw(number) for _ in range(500)} == set(range(max(1, number)))


@pytest.mark.parametrize("number", [0, 1, 2, 8])
def test_a_visit_keeps_its_slot(number: int) -> None:
    """Where it may be asked for again; the visits of a link are in all of its slots."""
    ids = [f"id-{each}" for each in range(500)]

    assert [slots.draw(number, each) for each in ids] == [slots.draw(number, each) for each in ids]
    assert {slots.draw(number, each) for each in ids} == set(range(max(1, number)))


@pytest.mark.parametrize(
    ("rows", "seconds", "open_now", "needed"),
    [
        (99, 0, 1, 1),  # too few rows to tell
        (100, 0, 1, 1),  # a second at least: 100 a second
        (200, 1, 1, 1),
        (201, 1, 1, 2),
        (401, 1, 1, 4),
        (400, 10, 1, 1),
        (1000, 1, 1, 8),
        (200, 1, 2, 2),  # of one of two slots: 400 a second in all
        (101, 1, 2, 2),
        (201, 1, 2, 4),
        (99, 1, 4, 4),  # of a link with slots, few rows tell enough
        (500, 10, 4, 1),  # a quarter is enough
        (1, 0, 128, 128),  # the last row that a shard brings says nothing
        (51, 1, 4, 4),  # half would be: nothing is closed
        (1, 60, 128, 1),
        (10_000, 1, 1, 64),
        (10_000, 1, 128, slots.MOST),
        (1_000_000, 1, 1, slots.MOST),
    ],
)
def test_slots_that_are_needed(rows: int, seconds: float, open_now: int, needed: int) -> None:
    """Two hundred visits a second for each."""
    assert slots.needed(rows, seconds, open_now) == needed


@given(st.integers(0, 10_000), st.floats(0, 3600), st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]))
def test_steady_rate_settles(rows: int, seconds: float, open_now: int) -> None:
    """The rate being the same, the second decision changes nothing: no slots are opened and closed in turn."""
    rate = rows / max(seconds, 10) * open_now
    first = slots.needed(rows, max(seconds, 10), open_now)

    second = slots.needed(round(rate / first * 60), 60, first)

    assert first in {1, 2, 4, 8, 16, 32, 64, 128}
    # Rounding at a border may still double it, once; it never closes what was just opened.
    assert second in ({first, first * 2} if rate / first > 199 else {first})
