"""A wish for a link, read from JSON once; afterwards its types can be trusted."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import codes, target_url, times
from chalicelib.core.link import Link
from chalicelib.core.target_url import TargetPolicy, TargetRefused
from chalicelib.errors import FieldError, LinkInvalid

MAX_TITLE = 255
MAX_NOTE = 2_000
MAX_TAGS = 20
MAX_TAG = 64
_LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC)  # what ISO 8601 can write with four digits

_FIELDS = (
    *("url", "alias", "title", "note", "tags", "expiresAt", "expiresIn"),
    *("permanent", "unguessable", "findExisting"),
)
# People come from other shorteners and bring their words along.
_ALSO_KNOWN_AS = {
    "url": ("originalUrl", "longUrl", "long_url", "target", "destination"),
    "alias": ("customSlug", "slug", "keyword", "key"),
}
_FIELD_OF = {field: field for field in _FIELDS} | {
    name: field for field, names in _ALSO_KNOWN_AS.items() for name in names
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """What somebody asks for. Times are aware, in UTC; None means that the field was not given."""

    url: str
    alias: str | None = None
    title: str | None = None
    note: str | None = None
    tags: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    permanent: bool = False
    unguessable: bool = False
    find_existing: bool = False

    @classmethod
    def from_json(cls, body: dict[str, Any], policy: TargetPolicy, now: datetime) -> NewLink:
        """Read a request body.

        Raises:
            LinkInvalid: with every field that is wrong, not just the first.
        """
        fields = _Fields(body)
        wanted = cls(
            url=fields.url(policy),
            alias=fields.alias(),
            title=fields.text("title", MAX_TITLE),
            note=fields.text("note", MAX_NOTE),
            tags=fields.tags(),
            expires_at=fields.expiry(now),
            permanent=fields.flag("permanent"),
            unguessable=fields.flag("unguessable"),
            find_existing=fields.flag("findExisting"),
        )
        if wanted.alias and wanted.unguessable:
            fields.refuse("unguessable", "conflict", "An alias is never unguessable: give either alias or unguessable.")
        if fields.errors:
            raise LinkInvalid(fields.errors)
        return wanted

    def named(self, code: str, now: datetime) -> Link:
        """Return the link this becomes under ``code``."""
        return Link(
            code=code,
            url=self.url,
            created_at=now,
            updated_at=now,
            expires_at=self.expires_at,
            permanent=self.permanent,
            unguessable=self.unguessable,
            title=self.title,
            note=self.note,
            tags=self.tags or (),
            version=1,
        )

    def is_met_by(self, link: Link, now: datetime) -> bool:
        """Tell whether ``link`` is as good as a new one: it does the same, and says what this wish says.

        What a link does must be equal, given or not: nobody who asked for a lasting link wants one that ends tomorrow.
        What describes it (title, note, tags) must be equal only where it was given.
        """
        same_deed = (link.url, link.expires_at, link.permanent) == (self.url, self.expires_at, self.permanent)
        described = (
            self.title in {None, link.title}
            and self.note in {None, link.note}
            and (self.tags is None or set(self.tags) == set(link.tags))
        )
        expired = link.expires_at is not None and now >= link.expires_at
        guessable_enough = link.unguessable or not self.unguessable
        return same_deed and described and guessable_enough and not expired and self.alias in {None, link.code}


class _Fields:
    """The fields of one body, each read by its rule; what is wrong is collected in ``errors``."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.errors: list[FieldError] = []
        self._values: dict[str, Any] = {}
        self._given: dict[str, str] = {}
        for name, value in body.items():
            self._take(name, value)

    def _take(self, name: str, value: Any) -> None:
        field = _FIELD_OF.get(name)
        if field is None:
            self.refuse(_shown(name), "unknown-field", f"There is no field {_shown(name)!r}.{_hint(name)}")
        elif value is None:
            return
        elif field in self._given:
            message = f"{self._given[field]!r} and {name!r} mean the same: give one of them."
            self.errors.append(FieldError(name, "conflict", message))
        else:
            self._values[field] = value
            self._given[field] = name

    def refuse(self, field: str, code: str, message: str) -> None:
        self.errors.append(FieldError(self._given.get(field, field), code, message))

    def url(self, policy: TargetPolicy) -> str:
        url = self._string("url")
        if url is None:
            if "url" not in self._given:
                self.refuse("url", "missing", "Please give the URL to shorten.")
            return ""
        try:
            return target_url.canonical(url, policy)
        except TargetRefused as refused:
            self.refuse("url", refused.code, refused.message)
            return ""

    def alias(self) -> str | None:
        alias = self._string("alias")
        if alias is None:
            return None
        if not codes.is_code(alias):
            self.refuse("alias", "invalid", "An alias is 1 to 64 of the letters A-Z and a-z, digits, _ and -.")
        elif codes.is_reserved(alias):
            self.refuse("alias", "reserved", f"The service itself uses {alias!r}; please choose another alias.")
        return alias

    def text(self, field: str, longest: int) -> str | None:
        text = (self._string(field) or "").strip()
        if len(text) > longest:
            self.refuse(field, "too-long", f"The {field} has {len(text):,} characters; {longest:,} are allowed.")
        if _CONTROL.search(text):
            self.refuse(field, "forbidden-character", f"The {field} holds control characters.")
        return text or None

    def tags(self) -> tuple[str, ...] | None:
        tags = self._values.get("tags")
        if tags is None:
            return None
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            self.refuse("tags", "wrong-type", "Tags are a list of strings.")
            return None
        distinct = tuple(dict.fromkeys(tag.strip() for tag in tags))
        if len(distinct) > MAX_TAGS:
            self.refuse("tags", "too-many", f"There are {len(distinct)} tags; {MAX_TAGS} are allowed.")
        if not all(0 < len(tag) <= MAX_TAG and tag.isprintable() for tag in distinct):
            self.refuse("tags", "invalid", f"Each tag has 1 to {MAX_TAG} printable characters.")
        return distinct

    def flag(self, field: str) -> bool:
        value = self._values.get(field, False)
        if not isinstance(value, bool):
            self.refuse(field, "wrong-type", f"{field} is true or false.")
        return value is True

    def expiry(self, now: datetime) -> datetime | None:
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
        example = "2030-12-31T23:59:00Z" if field == "expiresAt" else "90s, 30m, 12h, 7d or 4w"
        self.refuse(field, "invalid", f"{field} must look like this: {example}.")

    def _string(self, field: str) -> str | None:
        value = self._values.get(field)
        if value is not None and not isinstance(value, str):
            self.refuse(field, "wrong-type", f"{self._given[field]} is a string.")
            return None
        return value


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), {known.lower(): known for known in _FIELD_OF}, n=1)
    if not near:
        return ""
    known = {known.lower(): known for known in _FIELD_OF}[near[0]]
    return f" Did you mean {known!r}?"


def _shown(name: str) -> str:
    """Return a client's own word, bounded, for a message."""
    return name[:64]
