"""Parsers of cells, as people and programs write them: times, counts, flags, lists."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

ON = {"true", "yes", "t", "1", "on"}
OFF = {"false", "no", "f", "0", "off"}
NOTHING = {"NULL", "\\N", "0000-00-00 00:00:00", "0000-00-00"}
"""What databases write for no value."""

_COUNT = re.compile(r"[0-9]{1,15}|[0-9]{1,3}(?:([,.' \u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*")
_WHOLE = re.compile(r"([0-9]{1,15})[.,]0{1,2}")  # as pandas and spreadsheets write 12
_SINCE_1970 = re.compile(r"[0-9]{9,10}|[0-9]{12,13}")  # seconds, or milliseconds
_SECONDS = 10  # digits
_SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(.*)")
_MONTHS = 12
_DATES = [
    f"{date}{time}"
    for date in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%b %d, %Y", "%B %d, %Y")
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p")
]


def parse_time(text: str) -> datetime:
    """Parse a time; return it in UTC, which is also the zone of one without a zone.

    Raises:
        ValueError: it is not a time, or ambiguous: 06/02/2024 may be in June or in February.
    """
    if _SINCE_1970.fullmatch(text):
        return datetime.fromtimestamp(int(text) / (1000 if len(text) > _SECONDS else 1), UTC)
    try:
        moment = _parse_date(text.removesuffix(" UTC"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(text) from None


def _parse_date(text: str) -> datetime:
    if slashed := _SLASHED.fullmatch(text):
        text = _day_first(*slashed.groups())
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        for pattern in _DATES:
            try:
                return datetime.strptime(text, pattern)  # noqa: DTZ007  # the caller adds the zone
            except ValueError:
                continue
        raise


def _day_first(first: str, second: str, year: str, rest: str) -> str:
    """Return a date with slashes with the day before the month, if it is clear which is which."""
    if int(first) > _MONTHS or first == second:
        return f"{first}/{second}/{year}{rest}"
    if int(second) > _MONTHS:
        return f"{second}/{first}/{year}{rest}"
    raise ValueError(year)


def parse_count(text: str) -> int:
    """Parse a whole number, with or without thousands separators.

    Raises:
        ValueError
    """
    if whole := _WHOLE.fullmatch(text):
        return int(whole[1])
    if not _COUNT.fullmatch(text):
        raise ValueError(text)
    return int(re.sub(r"[^0-9]", "", text))


def parse_flag(text: str) -> bool:
    """Parse a flag: true, yes, t, 1 or on, or their opposites.

    Raises:
        ValueError
    """
    if text.lower() not in ON | OFF:
        raise ValueError(text)
    return text.lower() in ON


def parse_tags(text: str) -> list[Any]:
    """Parse tags: separated by commas, semicolons or bars, or a JSON list.

    Raises:
        ValueError
    """
    if text.startswith("["):
        value = parse_json(text)
        return value if isinstance(value, list) else [value]
    return [tag for part in re.split(r"[|;,]", text) if (tag := part.strip())]


def parse_json(text: str) -> Any:
    """Parse JSON.

    Raises:
        ValueError
    """
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair cannot be encoded or stored
    except RecursionError:
        raise ValueError(text[:64]) from None
    return value
