"""Times as text: ISO 8601 in UTC with ``Z`` and always milliseconds, so that the texts sort chronologically."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

DURATION = re.compile(r"[0-9]{1,9}[smhdw]")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# RFC 3339, section 5.6: date, time and zone. `fromisoformat` alone would accept bare dates and week numbers as well.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def to_text(moment: datetime) -> str:
    """Format an aware ``moment``: ``2026-11-24T08:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_text_or_none(moment: datetime | None) -> str | None:
    """Format a ``moment``, if there is one."""
    return None if moment is None else to_text(moment)


def parse_time(text: str) -> datetime:
    """Parse a time with a zone; digits below the millisecond are dropped.

    Raises:
        ValueError: it is not a time, or its year in UTC is not between 1 and 9999.
    """
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as outside:
        raise ValueError(text) from outside
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def from_milliseconds(number: int) -> datetime:
    """Return the time that is ``number`` milliseconds after the beginning of 1970."""
    return datetime.fromtimestamp(number // 1000, UTC) + timedelta(milliseconds=number % 1000)


def parse_duration(text: str) -> timedelta:
    """Parse a duration: ``90s``, ``30m``, ``12h``, ``7d``, ``4w``.

    Raises:
        ValueError: it has another form.
    """
    if not DURATION.fullmatch(text):
        raise ValueError(text)
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
