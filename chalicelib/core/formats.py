"""What a table of links means, told by its columns: our own exports, those of other shorteners, or any with a URL.

A column is known by its letters and digits alone: ``Short link``, ``short_link`` and ``shortLink`` are one. Where other
shorteners' columns were found, as of 2026-11: the export code of Shlink's web client (3.6 and 3.10), of Dub (2024 and
2026) and of YOURLS' Import-Export plugin; the tables of YOURLS and Kutt as phpMyAdmin and psql write them; the API of
Rebrandly; files of Bitly's that people published.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import csv_rows, times
from chalicelib.core.fields import MAX_TITLE
from chalicelib.errors import FileRefused

SEPARATORS = (",", ";", "\t")
_COUNT = re.compile(r"[0-9]{1,15}")
_SINCE_1970 = re.compile(r"[0-9]{9,10}|[0-9]{12,13}")  # seconds, or milliseconds
_SECONDS = 10  # digits
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ON = {"true", "yes", "t", "1", "on"}
_OFF = {"false", "no", "f", "0", "off"}

# What most call it, and what it is here. ``shortUrl`` has the code at its end; ``description`` is title or note.
_COMMON = {
    **dict.fromkeys(("url", "longurl", "originalurl", "target", "targeturl", "destination", "destinationurl"), "url"),
    **dict.fromkeys(("code", "alias", "slug", "customslug", "shortcode", "keyword", "slashtag", "backhalf"), "alias"),
    **dict.fromkeys(("shorturl", "shortlink", "bitlink"), "shortUrl"),
    **dict.fromkeys(("createdat", "created", "datecreated", "createdon", "timestamp"), "createdAt"),
    **dict.fromkeys(("updatedat", "updated"), "updatedAt"),
    **dict.fromkeys(("expiresat", "expires", "expirein", "validuntil"), "expiresAt"),
    **dict.fromkeys(("startsat", "validsince"), "startsAt"),
    **dict.fromkeys(("visits", "clicks", "hits", "engagements", "totalclicks", "visitcount"), "visits"),
    **dict.fromkeys(("note", "notes"), "note"),
    **dict.fromkeys(("tags", "labels"), "tags"),
    "title": "title",
    "description": "description",
    "maxvisits": "maxVisits",
    "enabled": "enabled",
    "permanent": "permanent",
    "password": "withPassword",
}
_OURS = {
    name.lower(): name
    for name in (
        *("url", "title", "note", "tags", "createdAt", "updatedAt", "startsAt", "expiresAt", "enabled", "permanent"),
        *("unguessable", "forwardQuery", "forwardPath", "confirm", "maxVisits", "visitsSpent", "passwordDigest"),
        *("fallbackUrl", "rules", "externalId", "blocked", "blockedHost", "visits"),
    )
} | {"code": "alias", "alias": "alias", "password": "password"}

_MOMENTS = {"createdAt", "updatedAt", "startsAt", "expiresAt"}
_NUMBERS = {"visits", "visitsSpent", "maxVisits"}
_FLAGS = {"enabled", "permanent", "unguessable", "forwardQuery", "forwardPath", "confirm"}
_OTHER_DATES = ("%b %d, %Y", "%B %d, %Y")


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of table is read. ``known_by``: columns that it alone has together."""

    name: str
    known_by: frozenset[str]
    columns: Mapping[str, str] = field(default_factory=lambda: _COMMON)
    has_marks: bool = False
    """Cells that a spreadsheet would run have a mark before them."""
    dates: tuple[str, ...] = _OTHER_DATES
    """How it writes dates, beside ISO 8601 and seconds since 1970."""

    def bodies_of(self, cells: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the wishes of a row, cells by field: one, or two if the same link had two codes.

        Raises:
            ValueError: says which cell cannot be read, and why.
        """
        texts = {name: self._text(cell) for name, cell in cells.items()}
        given = {name: text for name, text in texts.items() if text}
        if given.pop("withPassword", "false").lower() not in _OFF:
            raise ValueError("It asks for a password, which cannot be brought along: make it anew, with a password.")
        if given.pop("banned", "false").lower() in _ON:
            given["enabled"] = "false"
        codes = _codes_in(given)
        _place_description(given)
        body = {name: self._value(name, text) for name, text in given.items()}
        wishes = [{**body, **({"alias": code} if code else {})} for code in codes or [""]]
        for another in wishes[1:]:
            another.pop("visits", None)  # they were counted once
        return wishes

    def _text(self, cell: str) -> str:
        text = csv_rows.plain(cell) if self.has_marks else cell
        return text if self.columns is _OURS else text.strip() if text.strip() != "NULL" else ""

    def _value(self, name: str, text: str) -> Any:
        if name in _MOMENTS:
            return times.to_text(self._moment(name, text))
        if name in _NUMBERS:
            return _number(name, text)
        if name in _FLAGS:
            return _flag(name, text)
        if name == "tags":
            return _tags(text)
        return _json("rules", text) if name == "rules" else text

    def _moment(self, name: str, text: str) -> datetime:
        """Return a time; one without a zone is in UTC."""
        try:
            if _SINCE_1970.fullmatch(text):
                return datetime.fromtimestamp(int(text) / (1000 if len(text) > _SECONDS else 1), UTC)
            moment = self._date(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            message = f"{name} is {text[:64]!r}; write times like 2030-12-31T23:59:00Z."
            raise ValueError(message) from None

    def _date(self, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            for pattern in self.dates:
                try:
                    return datetime.strptime(text, pattern)  # noqa: DTZ007  # the zone is given where it is called
                except ValueError:
                    continue
            raise


_LINK_IS_SHORT = {**_COMMON, "link": "shortUrl", "customlink": "customUrl"}
_FORMATS = (
    Format("export", frozenset({"code", "url"}), _OURS, has_marks=True),
    Format("bitly", frozenset({"link", "destinationurl"}), _LINK_IS_SHORT, dates=(*_OTHER_DATES, "%m/%d/%Y")),
    Format("bitly", frozenset({"longurl", "backhalf"})),
    Format("bitly", frozenset({"longurl", "link"}), _LINK_IS_SHORT),
    Format("bitly", frozenset({"longurl", "bitlink"})),
    Format("yourls", frozenset({"keyword", "url"})),
    Format("yourls", frozenset({"source", "target", "hits"}), {**_COMMON, "source": "alias"}),
    Format("shlink", frozenset({"longurl", "shortcode"})),
    Format("shlink", frozenset({"longurl", "shorturl"})),
    Format("dub", frozenset({"shortlink", "destinationurl"}), has_marks=True),
    Format("dub", frozenset({"link", "url"}), _LINK_IS_SHORT, has_marks=True),
    Format("kutt", frozenset({"address", "target"}), {**_COMMON, "address": "alias", "banned": "banned"}),
    Format("rebrandly", frozenset({"slashtag", "destination"})),
    Format("rebrandly", frozenset({"slashtag", "destinationurl"})),
    Format("rebrandly", frozenset({"shorturl", "destination"})),
    *(Format("csv", frozenset({name})) for name, field in _COMMON.items() if field == "url"),
)
_BY_DAY = frozenset({"date", "shortlink", "destination"})  # Bitly's report of clicks by day


def recognised(header: str) -> tuple[Format, str, list[str | None]] | None:
    """Return the format that a first line is the header of, what separates its cells, and the field of each column.

    Raises:
        FileRefused: it is a table of something else.
    """
    for separator in SEPARATORS:
        names = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in _cells_of(header, separator)]
        if set(names) >= _BY_DAY:
            message = "It has a row for each day of a link: export the links themselves, not how they were clicked."
            raise FileRefused("not-links", message)
        for known in _FORMATS:
            if known.known_by <= set(names):
                return known, separator, _once([known.columns.get(name) for name in names])
    return None


def _cells_of(header: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def _once(fields: Sequence[str | None]) -> list[str | None]:
    """Return ``fields`` without those that stand before: of two columns for one thing, the first counts."""
    first: dict[str | None, int] = {}
    return [name if first.setdefault(name, place) == place else None for place, name in enumerate(fields)]


def _codes_in(given: dict[str, str]) -> list[str]:
    """Take the codes out of ``given``: the one that was chosen, then the one that was drawn."""
    alias = (given.pop("alias", "")).strip("/")
    custom, short = (_path_of(given.pop(name, "")) for name in ("customUrl", "shortUrl"))
    return [alias] if alias else list(dict.fromkeys(code for code in (custom, short) if code))


def _path_of(short_url: str) -> str:
    """Return the code at the end of a short URL, which may have no scheme."""
    return _SCHEME.sub("", short_url).partition("/")[2].partition("?")[0].partition("#")[0].strip("/")


def _place_description(given: dict[str, str]) -> None:
    description = given.pop("description", "")
    is_title = "title" not in given and len(description) <= MAX_TITLE
    if description:
        given.setdefault("title" if is_title else "note", description)


def _number(name: str, text: str) -> int:
    digits = re.sub(r"[,.'\s\u00a0\u202f]", "", text)  # between thousands, as people write them
    if not _COUNT.fullmatch(digits):
        raise ValueError(f"{name} is {text[:64]!r}; write a whole number.")
    return int(digits)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _ON | _OFF:
        raise ValueError(f"{name} is {text[:64]!r}; write true or false.")
    return text.lower() in _ON


def _tags(text: str) -> list[Any]:
    if text.startswith("["):
        value = _json("tags", text)
        return value if isinstance(value, list) else [value]
    return [tag for part in re.split(r"[|;,]", text) if (tag := part.strip())]


def _json(name: str, text: str) -> Any:
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character, and nobody stores it
    except (ValueError, RecursionError):
        raise ValueError(f"{name} is no JSON.") from None
    return value
