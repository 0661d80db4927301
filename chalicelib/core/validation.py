"""The fields of a request body, each read by its rule; what is wrong is collected, so that it is said all at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import codes, password, target_url, times
from chalicelib.core.rules import Rule
from chalicelib.core.target_url import TargetPolicy, TargetRefused
from chalicelib.errors import FieldError

MAX_TITLE = 255
MAX_NOTE = 2_000
MAX_TAGS = 20
MAX_TAG = 64
MAX_EXTERNAL_ID = 128
MAX_VISITS = 1_000_000_000
MAX_REASON = 500
_LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC)  # what ISO 8601 can write with four digits

# People come from other shorteners and bring their words along.
ALSO_KNOWN_AS = {
    "url": ("originalUrl", "longUrl", "long_url", "target", "destination"),
    "alias": ("customSlug", "slug", "keyword", "key"),
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9._~:@-]{1,128}")  # it stands in paths as it is


def is_external_id(text: str) -> bool:
    """Tell whether a link may be called ``text`` by its owner."""
    return _EXTERNAL_ID.fullmatch(text) is not None


def names_of(fields: Iterable[str]) -> dict[str, str]:
    """Return by each name that one of ``fields`` may have the field that it means."""
    fields = tuple(fields)
    also = {name: field for field, names in ALSO_KNOWN_AS.items() if field in fields for name in names}
    return {field: field for field in fields} | also


class Fields:
    """The fields of one body. Whatever is read of a field that is wrong must not be used: see ``errors``."""

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
        """Tell whether any of ``fields`` was given, be it to be cleared by ``null``."""
        return any(field in self._given or field in self._cleared for field in fields)

    def refuse(self, field: str, code: str, message: str) -> None:
        """Note what is wrong with ``field``, under the name the client gave it."""
        self.errors.append(FieldError(self._given.get(field, field), code, message))

    def url(self, policy: TargetPolicy) -> str:
        """Return the target, in its canonical form."""
        if self._values.get("url") is None and "url" not in self._given:
            self.refuse("url", "missing", "Please give the URL to shorten.")
        return self.target("url", policy) or ""

    def target(self, field: str, policy: TargetPolicy) -> str | None:
        """Return where ``field`` leads, in its canonical form, or None."""
        url = self._string(field)
        if url is None:
            return None
        try:
            return target_url.canonical(url, policy)
        except TargetRefused as refused:
            self.refuse(field, refused.code, refused.message)
            return None

    def rules(self, policy: TargetPolicy) -> tuple[Rule, ...]:
        """Return the rules."""
        value = self._values.get("rules")
        if value is None:
            return ()
        from chalicelib.core import wanted_rules  # few links have any

        return wanted_rules.read(
            value, policy, lambda place, code, why: self.errors.append(FieldError(place, code, why))
        )

    def password(self) -> str | None:
        """Return the password, as it was given."""
        word = self._string("password")
        if word is not None and not password.SHORTEST <= len(word) <= password.LONGEST:
            message = f"A password has {password.SHORTEST} to {password.LONGEST} characters."
            self.refuse("password", "invalid", message)
        return word

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
        text = self._string(field)
        try:
            moment = None if text is None else times.moment_in(text)
        except ValueError:
            self._refuse_time(field)
            return None
        if moment is not None and moment >= _LAST_MOMENT:
            self.refuse(field, "too-late", "That is after the year 9998.")
        return moment

    def alias(self) -> str | None:
        """Return the code that somebody chose."""
        alias = self._string("alias")
        if alias is None:
            return None
        if not codes.is_code(alias):
            self.refuse("alias", "invalid", "An alias is 1 to 64 of the letters A-Z and a-z, digits, _ and -.")
        elif codes.is_reserved(alias):
            self.refuse("alias", "reserved", f"The service itself uses {alias!r}; please choose another alias.")
        return alias

    def external_id(self) -> str | None:
        """Return what a client calls the link in a system of its own."""
        external_id = self._string("externalId")
        if external_id is not None and not _EXTERNAL_ID.fullmatch(external_id):
            message = f"An externalId is 1 to {MAX_EXTERNAL_ID} of the letters A-Z and a-z, digits and . _ ~ : @ -."
            self.refuse("externalId", "invalid", message)
        return external_id

    def text(self, field: str, longest: int) -> str | None:
        """Return a text for people, trimmed; empty is none."""
        text = self._string(field) or ""
        if len(text) > longest:
            self.refuse(field, "too-long", f"The {field} has {len(text):,} characters; {longest:,} are allowed.")
        if _CONTROL.search(text):
            self.refuse(field, "forbidden-character", f"The {field} holds control characters.")
        return text.strip() or None

    def tags(self) -> tuple[str, ...] | None:
        """Return the tags, each once, or None if they were not given."""
        tags = self._values.get("tags")
        if tags is None:
            return None
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            self.refuse("tags", "wrong-type", "Tags are a list of strings.")
            return None
        distinct = tuple(dict.fromkeys(tag.strip() for tag in tags))
        if len(tags) > MAX_TAGS:
            self.refuse("tags", "too-many", f"There are {len(tags)} tags; {MAX_TAGS} are allowed.")
        if not all(0 < len(tag) <= MAX_TAG and tag.isprintable() for tag in distinct):
            self.refuse("tags", "invalid", f"Each tag has 1 to {MAX_TAG} printable characters.")
        return distinct

    def flag(self, field: str, *, default: bool = False) -> bool:
        """Return whether ``field`` is on."""
        value = self._values.get(field, default)
        if not isinstance(value, bool):
            self.refuse(field, "wrong-type", f"{field} is true or false.")
        return value is True

    def choice(self, field: str, allowed: tuple[str, ...]) -> str:
        """Return one of ``allowed``; the first of them if nothing was given."""
        value = self._values.get(field, allowed[0])
        if value not in allowed:
            self.refuse(field, "invalid", f"{field} is one of: {', '.join(allowed)}.")
        return str(value)

    def choices(self, field: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Return some of ``allowed``, one at least."""
        value = self._values.get(field)
        if not isinstance(value, list) or not value or not all(each in allowed for each in value):
            self.refuse(field, "invalid", f"{field} is a list of some of: {', '.join(allowed)}.")
            return ()
        return tuple(dict.fromkeys(value))

    def expiry(self, now: datetime) -> datetime | None:
        """Return when it ends, to the millisecond, or None if it does not."""
        at, after = self._string("expiresAt"), self._string("expiresIn")
        if at is not None and after is not None:
            self.refuse("expiresIn", "conflict", "Give either expiresAt or expiresIn.")
            return None
        try:
            moment = (
                times.moment_in(at) if at is not None else now + times.span_in(after) if after is not None else None
            )
        except ValueError:
            self._refuse_time("expiresAt" if at is not None else "expiresIn")
            return None
        except OverflowError:
            moment = _LAST_MOMENT
        if moment is not None and moment <= now:
            self.refuse("expiresAt" if at is not None else "expiresIn", "past", "The link would have expired already.")
        if moment is not None and moment >= _LAST_MOMENT:
            self.refuse("expiresAt" if at is not None else "expiresIn", "too-late", "That is after the year 9998.")
        return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _refuse_time(self, field: str) -> None:
        example = "90s, 30m, 12h, 7d or 4w" if field == "expiresIn" else "2030-12-31T23:59:00Z"
        self.refuse(field, "invalid", f"{field} must look like this: {example}.")

    def _string(self, field: str) -> str | None:
        value = self._values.get(field)
        if value is not None and not isinstance(value, str):
            self.refuse(field, "wrong-type", f"{self._given[field]} is a string.")
            return None
        return value

    def _hint(self, name: str) -> str:
        known_as = {known.lower(): known for known in self._names}
        near = difflib.get_close_matches(name.lower(), known_as, n=1)
        return f" Did you mean {known_as[near[0]]!r}?" if near else ""


def _shown(name: str) -> str:
    """Return a client's own word, bounded, for a message."""
    return name[:64]
