"""Open days: until when clicks are added, and from when a day may be folded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits import open_days

DAY = "2026-11-24"
MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
"""The end of DAY."""
A_MOMENT = timedelta(microseconds=1)


def test_day_ends_at_midnight_in_utc() -> None:
    """The last of a month, too."""
    assert open_days.end_of(DAY) == MIDNIGHT
    assert open_days.end_of("2026-12-31") == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "takes_clicks", "may_be_folded"),
    [
        (MIDNIGHT - timedelta(days=1), True, False),
        (MIDNIGHT - A_MOMENT, True, False),
        (MIDNIGHT, True, False),
        (MIDNIGHT + timedelta(hours=24) - A_MOMENT, True, False),
        (MIDNIGHT + timedelta(hours=24), False, False),
        (MIDNIGHT + timedelta(hours=25) - A_MOMENT, False, False),
        (MIDNIGHT + timedelta(hours=25), False, True),
        (datetime(2026, 11, 26, 1, 59, tzinfo=timezone(timedelta(hours=1))), False, False),
        (datetime(2026, 11, 26, 2, tzinfo=timezone(timedelta(hours=1))), False, True),
        (MIDNIGHT + timedelta(days=60), False, True),
    ],
)
def test_borders(now: datetime, *, takes_clicks: bool, may_be_folded: bool) -> None:
    """For as long as the stream keeps a record clicks are added; an hour later the day may be folded."""
    assert open_days.takes_clicks(DAY, now) is takes_clicks
    assert open_days.may_be_folded(DAY, now) is may_be_folded


@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)), st.timedeltas(timedelta(days=-5), timedelta(days=5)))
def test_nothing_is_added_to_what_is_folded(day: date, after: timedelta) -> None:
    """Not even by a function whose clock is an hour behind that of the night."""
    text = day.isoformat()
    now = open_days.end_of(text) + after

    if open_days.may_be_folded(text, now):
        assert not open_days.takes_clicks(text, now - timedelta(hours=1))


@given(st.from_regex(r"@?[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_each_counter_is_listed(subject: str) -> None:
    """Under one of the keys of its day, and of no other day."""
    key = open_days.counter_key(DAY, subject)

    assert open_days.counter_keys(DAY).count(key) == 1
    assert key not in open_days.counter_keys("2026-11-25")
    assert key != DAY  # which lists what is to be counted again


def test_counters_are_spread_over_all_keys() -> None:
    """One key takes a thousand writes a second."""
    used = {open_days.counter_key(DAY, f"link-{number}") for number in range(2000)}

    assert used == set(open_days.counter_keys(DAY))
    assert len(used) == open_days.SHARDS


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (DAY, DAY, [DAY]),
        ("2026-12-30", "2027-01-02", ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"]),
        ("2028-02-28", "2028-03-01", ["2028-02-28", "2028-02-29", "2028-03-01"]),
        (DAY, "2026-11-23", []),
    ],
)
def test_days_between(first: str, last: str, days: list[str]) -> None:
    """Both are among them."""
    assert open_days.between(first, last) == days
