"""What a table of links means, told by its columns: our own exports, those of other shorteners, or any with a URL.

A column is known by its letters and digits alone: ``Short link``, ``short_link`` and ``shortLink`` are one. Where other
shorteners' columns were found, as of 2026-11: the export code of Shlink's web client (3.6 and 3.10), of Dub (2024 and
2026) and of YOURLS' Import-Export plugin; the tables of YOURLS and Kutt as phpMyAdmin and psql write them; the API of
Rebrandly; files of Bitly's that people published.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core import cells, csv_rows, times
from chalicelib.core.fields import MAX_TITLE
from chalicelib.errors import FileRefused

SEPARATORS = (",", ";", "\t", "|")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

# What most call it, and what it is here. ``shortUrl`` has the code at its end; ``description`` is title or note.
_COMMON = {
    **dict.fromkeys(("url", "longurl", "originalurl", "target", "targeturl", "destination", "destinationurl"), "url"),
    **dict.fromkeys(("code", "alias", "slug", "customslug", "shortcode", "keyword", "slashtag", "backhalf"), "alias"),
    **dict.fromkeys(("shorturl", "shortlink", "bitlink"), "shortUrl"),
    **dict.fromkeys(("createdat", "created", "datecreated", "createdon", "timestamp"), "createdAt"),
    **dict.fromkeys(("updatedat", "updated"), "updatedAt"),
    **dict.fromkeys(("expiresat", "expires", "expirein", "expiredat", "validuntil"), "expiresAt"),
    **dict.fromkeys(("startsat", "validsince"), "startsAt"),
    **dict.fromkeys(("visits", "clicks", "hits", "engagements", "totalclicks", "visitcount"), "visits"),
    **dict.fromkeys(("note", "notes"), "note"),
    **dict.fromkeys(("tags", "labels"), "tags"),
    "title": "title",
    "description": "description",
    "maxvisits": "maxVisits",
    "enabled": "enabled",
    "permanent": "permanent",
    **dict.fromkeys(("forwardquery", "forwardparameters"), "forwardQuery"),
    "password": "password",
}
_OURS = _COMMON | {
    name.lower(): name
    for name in (
        *("url", "title", "note", "tags", "createdAt", "updatedAt", "startsAt", "expiresAt", "enabled", "permanent"),
        *("unguessable", "forwardQuery", "forwardPath", "confirm", "maxVisits", "visitsSpent", "passwordDigest"),
        *("fallbackUrl", "rules", "externalId", "blocked", "blockedHost", "visits"),
    )
}

_MOMENTS = {"createdAt", "updatedAt", "startsAt", "expiresAt"}
_NUMBERS = {"visits", "visitsSpent", "maxVisits"}
_FLAGS = {"enabled", "permanent", "unguessable", "forwardQuery", "forwardPath", "confirm"}
_READERS: dict[str, tuple[Callable[[str], Any], str]] = {  # of cells, and what to say of one that cannot be read
    **dict.fromkeys(
        _MOMENTS, (lambda text: times.to_text(cells.moment_in(text)), "write times like 2030-12-31T23:59:00Z")
    ),
    **dict.fromkeys(_NUMBERS, (cells.count_in, "write a whole number")),
    **dict.fromkeys(_FLAGS, (cells.flag_in, "write true or false")),
    "tags": (cells.tags_in, "write words with commas between them"),
    "rules": (cells.json_in, "write them as JSON, as in an export"),
}
_LEFT_OUT = {"createdAt", "updatedAt"}  # where it cannot be read: the link matters more


@dataclass(frozen=True, slots=True)
class Reading:
    """What a row asks for: one link, or two where the same had two codes; and what of it was ``left_out``."""

    bodies: tuple[dict[str, Any], ...]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of table is read. ``known_by``: columns that it alone has together."""

    name: str
    known_by: frozenset[str]
    columns: Mapping[str, str] = field(default_factory=lambda: _COMMON)
    has_marks: bool = False
    """Cells that a spreadsheet would run have a mark before them."""

    def read(self, row: Mapping[str, str]) -> Reading:
        """Read a row, its cells by field.

        Raises:
            ValueError: says which cell cannot be read, and why.
        """
        given = {name: text for name, cell in row.items() if (text := self._text(cell))}
        _check_password(given)
        if given.pop("banned", "no").lower() in cells.ON:
            given["enabled"] = "no"
        codes = _codes_in(given) or [""]
        _place_texts(given)
        body, left_out = {}, []
        for name, text in given.items():
            reader, advice = _READERS.get(name, (str, ""))
            try:
                body[name] = reader(text)
            except ValueError:
                message = f"{name} is {text[:64]!r}; {advice}."
                if name not in _LEFT_OUT:
                    raise ValueError(message) from None
                left_out.append(f"Left out: {message}")
        wishes = tuple({**body, **({"alias": code} if code else {})} for code in codes)
        for another in wishes[1:]:
            another.pop("visits", None)  # they were counted once
        return Reading(wishes, " ".join(left_out))

    def _text(self, cell: str) -> str:
        text = csv_rows.plain(cell) if self.has_marks else cell
        if self.columns is _OURS:  # to the last space
            return text
        return "" if text.strip() in cells.NOTHING else text.strip()


_LINK_IS_SHORT = {**_COMMON, "link": "shortUrl", "customlink": "customUrl"}
_FORMATS = (
    Format("export", frozenset({"code", "url"}), _OURS, has_marks=True),
    Format("bitly", frozenset({"link", "destinationurl"}), _LINK_IS_SHORT),
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


def _check_password(given: dict[str, str]) -> None:
    """Let a password pass as it was typed; not the mark that there is one, or what another service keeps of it."""
    word = given.get("password", "")
    if word.lower() in cells.OFF:
        given.pop("password", None)
    elif word.lower() in cells.ON or word.startswith(("$2", "$argon2", "$scrypt", "$pbkdf2")):
        raise ValueError("It asks for a password, which cannot be brought along: make it anew, with a password.")


def _place_texts(given: dict[str, str]) -> None:
    """Let a description be the title where there is none, and what is too long for a title be a note."""
    title, description, note = (given.pop(name, "") for name in ("title", "description", "note"))
    if not title:
        title, description = description, ""
    if len(title) > MAX_TITLE:
        title, description = "", "\n".join(filter(None, (title, description)))
    texts = {"title": title, "note": "\n".join(filter(None, (description, note)))}
    given.update({name: text for name, text in texts.items() if text})
