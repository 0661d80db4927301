"""The period of a statistics request, parsed from its query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, get_args

from chalicelib.core import limits
from chalicelib.core.visits.statistics import Unit
from chalicelib.errors import FieldError, QueryInvalid

PARAMETERS = ("from", "to", "unit")
DEFAULT_DAYS = 30

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)  # fromisoformat alone would accept week dates as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days from ``first`` to ``last``, both included, in UTC, and the unit of the series."""

    first: date
    last: date
    unit: Unit

    @classmethod
    def from_query(cls, query: Mapping[str, str], now: datetime) -> Period:
        """Parse ``from``, ``to`` and ``unit``; by default the last 30 days by day.

        Raises:
            QueryInvalid: with every invalid parameter.
        """
        errors: list[FieldError] = []
        last = _date("to", query, now.date(), errors)
        first = _date("from", query, _days_before(last, DEFAULT_DAYS - 1), errors)
        unit: Any = query.get("unit", "day")
        if unit not in get_args(Unit):
            errors.append(FieldError("unit", "invalid", "unit must be hour, day or month."))
        most = limits.DAYS_BY_HOUR if unit == "hour" else limits.DAYS
        if not errors and first > last:
            errors.append(FieldError("from", "after-to", f"from ({first}) is after to ({last})."))
        if not errors and (last - first).days >= most:
            errors.append(FieldError("from", "too-long", f"By {unit}, a period has at most {most:,} days."))
        if errors:
            raise QueryInvalid(errors)
        return cls(first=first, last=last, unit=unit)


def _date(name: str, query: Mapping[str, str], default: date, errors: list[FieldError]) -> date:
    text = query.get(name, default.isoformat())
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        errors.append(FieldError(name, "invalid", f"{name} must be a date in UTC, such as 2026-11-24."))
        return default


def _days_before(day: date, days: int) -> date:
    return day - timedelta(days=min(days, (day - date.min).days))
