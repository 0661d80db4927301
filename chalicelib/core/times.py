"""Times as text: ISO 8601 in UTC with ``Z``, milliseconds always written, so that text sorts as time does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# RFC 3339, section 5.6: a date, a time, a zone. `fromisoformat` alone would take a bare date or a week number as well.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def to_text(moment: datetime) -> str:
    """Write an aware ``moment``: ``2026-11-24T08:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def text_of(moment: datetime | None) -> str | None:
    """Write a ``moment`` if there is one."""
    return None if moment is None else to_text(moment)


def moment_in(text: str) -> datetime:
    """Read a time with its zone, to the millisecond.

    Raises:
        ValueError: it is not one, or lies outside the years 1 to 9999 once in UTC.
    """
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as outside:
        raise ValueError(text) from outside
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def span_in(text: str) -> timedelta:
    """Read a length of time: ``90s``, ``30m``, ``12h``, ``7d``, ``4w``.

    Raises:
        ValueError: it is none of these.
    """
    match = _SPAN.fullmatch(text)
    if not match:
        raise ValueError(text)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
