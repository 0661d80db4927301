"""Which days somebody asks about, read from a query once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, get_args

from chalicelib.core.stats import Unit
from chalicelib.errors import FieldError, QueryInvalid

DEFAULT_DAYS = 30
MOST_DAYS = 1100  # three years, to compare years; a busy day has 25 KB
MOST_DAYS_BY_HOUR = 31

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)  # fromisoformat alone would take a week as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days from ``first`` to ``last``, both included, in UTC, and the unit of the series."""

    first: date
    last: date
    unit: Unit

    @classmethod
    def from_query(cls, query: Mapping[str, str], now: datetime) -> Period:
        """Read ``from``, ``to`` and ``unit``; the last 30 days by day if they are missing.

        Raises:
            QueryInvalid: with all that is wrong.
        """
        wrong: list[FieldError] = []
        last = _date("to", query, now.date(), wrong)
        first = _date("from", query, _days_before(last, DEFAULT_DAYS - 1), wrong)
        unit: Any = query.get("unit", "day")
        if unit not in get_args(Unit):
            wrong.append(FieldError("unit", "invalid", "unit is hour, day or month."))
        most = MOST_DAYS_BY_HOUR if unit == "hour" else MOST_DAYS
        if not wrong and first > last:
            wrong.append(FieldError("from", "after-to", f"from ({first}) is after to ({last})."))
        if not wrong and (last - first).days >= most:
            wrong.append(FieldError("from", "too-long", f"By {unit}, a period has {most:,} days at the most."))
        if wrong:
            raise QueryInvalid(wrong)
        return cls(first=first, last=last, unit=unit)


def _date(name: str, query: Mapping[str, str], default: date, wrong: list[FieldError]) -> date:
    text = query.get(name, default.isoformat())
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        wrong.append(FieldError(name, "invalid", f"{name} is a date in UTC, such as 2026-11-24."))
        return default


def _days_before(day: date, days: int) -> date:
    return day - timedelta(days=min(days, (day - date.min).days))
