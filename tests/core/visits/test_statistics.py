"""Statistics: from daily counts to reports."""

from __future__ import annotations

from datetime import date

import pytest

from chalicelib.core.visits import statistics
from chalicelib.core.visits.counters import Day

DAYS = (
    Day(date="2026-10-31", counts={"visits": 2, "humans": 2, "humans@23": 2, "countries#PT": 2}, visitors=1),
    Day(date="2026-11-01", counts={"visits": 3, "humans": 1, "bots": 2, "bots@00": 2, "humans@00": 1}),
)
FIRST, LAST = date(2026, 10, 31), date(2026, 11, 2)


def test_report_by_day() -> None:
    """The series has every day, including those without visits; visitors of open days are unknown."""
    report = statistics.report(DAYS, FIRST, LAST, "day")

    assert report["total"] == {"visits": 5, "humans": 3, "bots": 2, "prefetches": 0, "visitors": 1}
    assert [(each["at"], each["visits"], each["visitors"]) for each in report["series"]] == [
        ("2026-10-31", 2, 1),
        ("2026-11-01", 3, None),
        ("2026-11-02", 0, 0),
    ]
    assert report["countries"] == [{"name": "PT", "visits": 2}]


def test_report_by_hour() -> None:
    """There are 24 entries a day, in UTC."""
    series = statistics.report(DAYS, FIRST, LAST, "hour")["series"]

    assert len(series) == 72
    assert [each for each in series if each["visits"]] == [
        {"at": "2026-10-31T23:00:00Z", "visits": 2, "humans": 2, "bots": 0, "prefetches": 0},
        {"at": "2026-11-01T00:00:00Z", "visits": 3, "humans": 1, "bots": 2, "prefetches": 0},
    ]


def test_report_by_month() -> None:
    """Days are summed; visitors are summed over closed days."""
    series = statistics.report(DAYS, FIRST, LAST, "month")["series"]

    assert [(each["at"], each["visits"], each["visitors"]) for each in series] == [
        ("2026-10", 2, 1),
        ("2026-11", 3, None),
    ]


@pytest.mark.parametrize("unit", ["hour", "day", "month"])
def test_series_sum_to_the_total(unit: statistics.Unit) -> None:
    """By hour, day or month."""
    report = statistics.report(DAYS, FIRST, LAST, unit)

    assert sum(each["visits"] for each in report["series"]) == report["total"]["visits"]


def test_biggest_names_come_first_and_the_rest_is_other() -> None:
    """200 names are shown, even if several days have more."""
    days = [
        Day(date=f"2026-11-{day:02}", counts={f"referrers#{day}-{n}": n for n in range(1, 101)}) for day in (1, 2, 3)
    ]

    shown = statistics.report(days, date(2026, 11, 1), date(2026, 11, 3), "day")["referrers"]

    assert (len(shown), shown[0]["visits"], shown[-1]["name"]) == (201, 100, "other")
    assert sum(each["visits"] for each in shown) == 3 * sum(range(1, 101))
