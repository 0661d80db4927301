"""Times and durations as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import times

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)))
def test_time_survives_the_round_trip_to_the_millisecond(moment: datetime) -> None:
    """Only finer digits are lost."""
    kept = moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    assert times.parse_time(times.to_text(moment)) == kept


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_texts_sort_chronologically(one: datetime, other: datetime) -> None:
    """The index by URL relies on it."""
    if times.to_text(one) < times.to_text(other):
        assert one < other


def test_zones_are_converted_to_utc() -> None:
    """Always with Z."""
    assert times.to_text(NOON.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-24T12:00:00.000Z"


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-24", "2026-W48-2T12:00Z", "2026-13-01T00:00:00Z", "20261124T120000Z"]
)
def test_invalid_time_is_refused(text: str) -> None:
    """A date without a zone is ambiguous."""
    with pytest.raises(ValueError):  # noqa: PT011  # the contract says ValueError, whatever the words
        times.parse_time(text)


@pytest.mark.parametrize("text", ["", "1", "d", "1y", "-1d", "1.5h", "1 d", "\u0661d", "9999999999s"])
def test_invalid_duration_is_refused(text: str) -> None:
    """A duration is digits and one unit."""
    with pytest.raises(ValueError):  # noqa: PT011  # as above
        times.parse_duration(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_910_399_999, "2026-11-28T23:59:59.999Z"),
        (9_999_999_999_999, "2286-11-20T17:46:39.999Z"),
    ],
)
def test_milliseconds_are_exact(number: int, text: str) -> None:
    """To the last digit: keys of rows are made of it."""
    assert times.to_text(times.from_milliseconds(number)) == text
