"""What a cell of a table says, however people and programs write it: times, counts, flags, lists."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

ON = {"true", "yes", "t", "1", "on"}
OFF = {"false", "no", "f", "0", "off"}
NOTHING = {"NULL", "\\N", "0000-00-00 00:00:00", "0000-00-00"}
"""What databases write where there is nothing."""

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


def moment_in(text: str) -> datetime:
    """Return a time, in UTC; one without a zone is in UTC.

    Raises:
        ValueError: it is none, or could be two: 06/02/2024 is a day in June, or in February.
    """
    if _SINCE_1970.fullmatch(text):
        return datetime.fromtimestamp(int(text) / (1000 if len(text) > _SECONDS else 1), UTC)
    try:
        moment = _date_in(text.removesuffix(" UTC"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(text) from None


def _date_in(text: str) -> datetime:
    if slashed := _SLASHED.fullmatch(text):
        text = _day_first(*slashed.groups())
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        for pattern in _DATES:
            try:
                return datetime.strptime(text, pattern)  # noqa: DTZ007  # the zone is given where it is called
            except ValueError:
                continue
        raise


def _day_first(first: str, second: str, year: str, rest: str) -> str:
    """Return a date with slashes, its day before its month, if it tells which is which."""
    if int(first) > _MONTHS or first == second:
        return f"{first}/{second}/{year}{rest}"
    if int(second) > _MONTHS:
        return f"{second}/{first}/{year}{rest}"
    raise ValueError(year)


def count_in(text: str) -> int:
    """Return a whole number, with marks between its thousands or without.

    Raises:
        ValueError
    """
    if whole := _WHOLE.fullmatch(text):
        return int(whole[1])
    if not _COUNT.fullmatch(text):
        raise ValueError(text)
    return int(re.sub(r"[^0-9]", "", text))


def flag_in(text: str) -> bool:
    """Return whether something is on.

    Raises:
        ValueError
    """
    if text.lower() not in ON | OFF:
        raise ValueError(text)
    return text.lower() in ON


def tags_in(text: str) -> list[Any]:
    """Return tags that commas, semicolons or bars separate, or that are a list of JSON.

    Raises:
        ValueError
    """
    if text.startswith("["):
        value = json_in(text)
        return value if isinstance(value, list) else [value]
    return [tag for part in re.split(r"[|;,]", text) if (tag := part.strip())]


def json_in(text: str) -> Any:
    """Return what JSON says.

    Raises:
        ValueError
    """
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character, and nobody stores it
    except RecursionError:
        raise ValueError(text[:64]) from None
    return value
