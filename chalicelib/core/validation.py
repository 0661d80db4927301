"""Reads the fields of a request body one by one; errors are collected, so that all are reported at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from chalicelib.core import times
from chalicelib.errors import MOST_ERRORS, FieldError

LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC)  # the last year with four digits in ISO 8601

_NO_ALIASES: Mapping[str, Iterable[str]] = MappingProxyType({})
CONTROLS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"  # for a character class: all but tab and line breaks
_CONTROL = re.compile(f"[{CONTROLS}]")


def names_of(fields: Iterable[str], aliases: Mapping[str, Iterable[str]] = _NO_ALIASES) -> dict[str, str]:
    """Map every accepted name of ``fields`` to its field; ``aliases`` are further names, by field."""
    fields = tuple(fields)
    return {field: field for field in fields} | {
        name: field for field, names in aliases.items() if field in fields for name in names
    }


class Fields:
    """The fields of one body. Values must not be used if there are ``errors``."""

    def __init__(self, body: dict[str, Any], names: dict[str, str]) -> None:
        self.errors: list[FieldError] = []
        self._names = names
        self._values: dict[str, Any] = {}
        self._given: dict[str, str] = {}
        self._cleared: set[str] = set()
        for name, value in body.items():
            self._take(name, value)

    def _take(self, name: str, value: Any) -> None:
        field = self._names.get(name)
        if field is None:
            self.refuse(_shown(name), "unknown-field", f"There is no field {_shown(name)!r}.{self._hint(name)}")
        elif value is None:
            self._cleared.add(field)
        elif field in self._given:
            message = f"{self._given[field]!r} and {name!r} mean the same: give one of them."
            self.errors.append(FieldError(name, "conflict", message))
        else:
            self._values[field] = value
            self._given[field] = name

    def has(self, *fields: str) -> bool:
        """Tell whether any of ``fields`` was given, including ``null``."""
        return any(field in self._given or field in self._cleared for field in fields)

    def is_given(self, field: str) -> bool:
        """Tell whether ``field`` was given and is not ``null``."""
        return field in self._given

    def refuse(self, field: str, code: str, message: str) -> None:
        """Add an error of ``field``, under the name that the client used."""
        self.errors.append(FieldError(self._given.get(field, field), code, message))

    def string(self, field: str) -> str | None:
        """Return a string, unchanged, or None."""
        value = self._values.get(field)
        if value is not None and not isinstance(value, str):
            self.refuse(field, "wrong-type", f"{self._given[field]} is a string.")
            return None
        return value

    def strings(self, field: str, most: int) -> tuple[str, ...]:
        """Return a list of at most ``most`` strings; nothing if it was not given."""
        value = self._values.get(field)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > most or not all(isinstance(each, str) for each in value):
            self.refuse(field, "wrong-type", f"{field} is a list of {most:,} strings at the most.")
            return ()
        return tuple(value)

    def object(self, field: str) -> dict[str, Any] | None:
        """Return a JSON object, or None."""
        value = self._values.get(field)
        if value is not None and not isinstance(value, dict):
            self.refuse(field, "wrong-type", f"{field} is an object.")
            return None
        return value

    def number(self, field: str, most: int) -> int | None:
        """Return a whole number from 1 to ``most``, or None."""
        value = self._values.get(field)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            self.refuse(field, "invalid", f"{field} is a whole number from 1 to {most:,}.")
            return None
        return value

    def moment(self, field: str) -> datetime | None:
        """Return a time, to the millisecond, or None."""
        text = self.string(field)
        try:
            moment = None if text is None else times.parse_time(text)
        except ValueError:
            self._refuse_time(field)
            return None
        if moment is not None and moment >= LAST_MOMENT:
            self.refuse(field, "too-late", "That is after the year 9998.")
        return moment

    def text(self, field: str, longest: int) -> str | None:
        """Return a text for people, trimmed; None if it is empty."""
        text = self.string(field) or ""
        if len(text) > longest:
            self.refuse(field, "too-long", f"The {field} has {len(text):,} characters; {longest:,} are allowed.")
        if _CONTROL.search(text):
            self.refuse(field, "forbidden-character", f"The {field} holds control characters.")
        return text.strip() or None

    def flag(self, field: str, *, default: bool = False) -> bool:
        """Return a boolean, or ``default``."""
        value = self._values.get(field, default)
        if not isinstance(value, bool):
            self.refuse(field, "wrong-type", f"{field} is true or false.")
        return value is True

    def flag_or_none(self, field: str) -> bool | None:
        """Return a boolean, or None if it was not given or is ``null``."""
        return None if self._values.get(field) is None else self.flag(field)

    def choice(self, field: str, allowed: tuple[str, ...]) -> str:
        """Return one of ``allowed``; the first of them if nothing was given."""
        value = self._values.get(field, allowed[0])
        if value not in allowed:
            self.refuse(field, "invalid", f"{field} is one of: {', '.join(allowed)}.")
        return str(value)

    def choices(self, field: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Return some of ``allowed``, at least one."""
        value = self._values.get(field)
        if not isinstance(value, list) or not value or not all(each in allowed for each in value):
            self.refuse(field, "invalid", f"{field} is a list of some of: {', '.join(allowed)}.")
            return ()
        return tuple(dict.fromkeys(value))

    def expiry(self, now: datetime) -> datetime | None:
        """Return the expiry from ``expiresAt`` or ``expiresIn``, to the millisecond, or None."""
        at, after = self.string("expiresAt"), self.string("expiresIn")
        if at is not None and after is not None:
            self.refuse("expiresIn", "conflict", "Give either expiresAt or expiresIn.")
            return None
        try:
            moment = (
                times.parse_time(at)
                if at is not None
                else now + times.parse_duration(after)
                if after is not None
                else None
            )
        except ValueError:
            self._refuse_time("expiresAt" if at is not None else "expiresIn")
            return None
        except OverflowError:
            moment = LAST_MOMENT
        if moment is not None and moment <= now:
            self.refuse("expiresAt" if at is not None else "expiresIn", "past", "The link would have expired already.")
        if moment is not None and moment >= LAST_MOMENT:
            self.refuse("expiresAt" if at is not None else "expiresIn", "too-late", "That is after the year 9998.")
        return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _refuse_time(self, field: str) -> None:
        example = "90s, 30m, 12h, 7d or 4w" if field == "expiresIn" else "2030-12-31T23:59:00Z"
        self.refuse(field, "invalid", f"{field} must look like this: {example}.")

    def _hint(self, name: str) -> str:
        # Further errors are not reported, and searching for similar names takes time.
        return "" if len(self.errors) >= MOST_ERRORS else near_name(name, self._names)


def near_name(name: str, names: Iterable[str]) -> str:
    """Return a sentence that suggests the one of ``names`` most similar to ``name``, or an empty string."""
    known_as = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), known_as, n=1)
    return f" Did you mean {known_as[near[0]]!r}?" if near else ""


def _shown(name: str) -> str:
    """Return a name from the client, truncated, for use in a message."""
    return name[:64]
