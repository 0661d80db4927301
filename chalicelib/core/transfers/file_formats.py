"""Reads rows of tables of links: our own exports, those of other shorteners, or any table with a URL column.

No column is ignored silently: ``columns`` decides how each is used.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from chalicelib.core import csv_rows, times
from chalicelib.core.links import password
from chalicelib.core.links.link_fields import MAX_TITLE
from chalicelib.core.links.option_table import names_of_kind
from chalicelib.core.transfers import cells, columns
from chalicelib.core.transfers.columns import Table

SEPARATORS = (",", ";", "\t", "|")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MOMENTS = {"createdAt", "updatedAt", *names_of_kind("time")}
_NUMBERS = {"visits", "visitsSpent", *names_of_kind("number")}
_READERS: dict[str, tuple[Callable[[str], Any], str]] = {  # by field: the parser, and advice for cells that it refuses
    **dict.fromkeys(
        _MOMENTS, (lambda text: times.to_text(cells.parse_time(text)), "write times like 2030-12-31T23:59:00Z")
    ),
    **dict.fromkeys(_NUMBERS, (cells.parse_count, "write a whole number")),
    **dict.fromkeys(names_of_kind("flag"), (cells.parse_flag, "write true or false")),
    **dict.fromkeys(names_of_kind("tags"), (cells.parse_tags, "write words with commas between them")),
    **dict.fromkeys(names_of_kind("rules"), (cells.parse_json, "write them as JSON, as in an export")),
}
PAST = frozenset({"createdAt", "updatedAt", "visits"})
"""Informational fields of a link's past. An unreadable one is left out; it does not refuse the row."""
_WORKS = (
    cells.ON
    | {"active", "enabled", "live", "published", "public", "ok", "online", "open", "valid", "visible"}
    | {*("available", "approved")}
)
_STOPPED = cells.OFF | {"inactive", "disabled", "deactivated", "paused", "suspended", "banned", "expired", "deleted"}
_DIGEST = re.compile(r"\$(2[abxy]?|argon2\w*|scrypt|pbkdf2[\w-]*|[156PSHy])\$|(scrypt|pbkdf2\w*)[$:]|\{[A-Z0-9-]{3,}\}")
"""How password digests of other services begin: of crypt, Passlib, Django, Werkzeug and LDAP."""
NOT_PORTABLE = "It asks for a password, which cannot be brought along: make it anew, with a password."
_MAX_LISTED = 12  # names of columns in one row of a report


class FileRefused(Exception):
    """A file is not a readable list of links. ``code`` is stable and kebab-case; the client that sent it sees it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LeftOut(NamedTuple):
    """A cell that could not be read, so that the link is created without it."""

    column: str
    why: str = ""
    """Empty: no field is read from the column."""


class RowRefused(ValueError):
    """No link can be created from a row; the message names the cell, and why."""

    def __init__(self, kind: Literal["unreadable", "protection", "code"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Reading:
    """A row that was read: the request body of one link, or two if it has two codes; and what was ``left_out``."""

    bodies: tuple[dict[str, Any], ...]
    left_out: tuple[LeftOut, ...] = ()


class Column(NamedTuple):
    """A column of one table: its name there, and its use."""

    name: str
    becomes: str


def read(table: Table, row: Sequence[tuple[Column, str]]) -> Reading:
    """Read the cells of a row.

    Raises:
        RowRefused: the message names the unreadable cell, and why.
    """
    filled = [(column, text) for column, cell in row if (text := _text(table, cell))]
    left_out = _left_out(filled)
    given = _cells_by_field(filled)
    _check_password(given)
    left_out += _apply_switches(given)
    codes = _pop_codes(given) or [{}]
    _place_texts(given)
    body = {}
    for name, text in given.items():
        reader, advice = _READERS.get(name, (str, ""))
        try:
            body[name] = reader(text)
        except ValueError:
            message = f"{name} is {text[:64]!r}; {advice}."
            if name not in PAST:
                raise RowRefused("unreadable", message) from None
            left_out.append(LeftOut(name, message))
    bodies = tuple({**body, **code} for code in codes)
    for another in bodies[1:]:
        another.pop("visits", None)  # only one of the two gets the count
    return Reading(bodies, tuple(left_out))


def _text(table: Table, cell: str) -> str:
    text = csv_rows.unescape(cell) if table.has_formula_marks else cell
    if table.is_exact:
        return text
    return "" if text.strip() in cells.NOTHING else text.strip()


_BY_DAY = frozenset({"date", "shortlink", "destination"})  # Bitly's report of clicks by day


def recognise_header(header: str) -> tuple[Table, str, list[Column]] | None:
    """Return the table that a header belongs to, the separator of its cells, and its columns; None: of no known table.

    Raises:
        FileRefused: it is a table of something other than links.
    """
    for separator in SEPARATORS:
        names = _cells_of(header, separator)
        if {columns.normalized(name) for name in names} >= _BY_DAY:
            message = "It has a row for each day of a link: export the links themselves, not how they were clicked."
            raise FileRefused("not-links", message)
        table = columns.find_table(names)
        if table is not None:
            named = [name.strip().encode(errors="replace").decode() for name in names]  # reports show it
            return table, separator, list(map(Column, named, columns.assign_fields(table, names)))
    return None


def _cells_of(header: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def _left_out(filled: Sequence[tuple[Column, str]]) -> list[LeftOut]:
    """Return the filled cells that no field is read from.

    Raises:
        RowRefused: one of them may limit when the link works.
    """
    for (name, becomes), text in filled:
        if text.strip() and _may_protect(becomes, text.strip().lower()):
            raise RowRefused(
                "protection",
                f"{name[:64]} is {text[:64]!r}, which may say when the link must not work, and is not understood:"
                " rename or empty the column.",
            )
    unread = [name for (name, becomes), text in filled if becomes in _REPORTED and _is_filled(text)]
    return [LeftOut(name[:64] or "a column without a name") for name in unread]


_REPORTED = {columns.LEFT_OUT, columns.MUST_WORK}


def _is_filled(text: str) -> bool:
    return text.strip().lower() not in cells.OFF | {""}


def _may_protect(becomes: str, text: str) -> bool:
    """Tell whether a cell that no field is read from, ``text`` in lower case, may limit when the link works."""
    if becomes == columns.REFUSES:
        return text not in cells.OFF
    return becomes == columns.MUST_BE_EMPTY or (becomes == columns.MUST_WORK and text not in _WORKS)


def _cells_by_field(filled: Sequence[tuple[Column, str]]) -> dict[str, str]:
    """Return the cells that fields are read from, by field.

    Raises:
        RowRefused: two cells for one field have different values.
    """
    given: dict[str, str] = {}
    for (name, becomes), text in filled:
        if becomes in columns.UNREAD:
            continue
        first = given.setdefault(becomes, text)
        if first != text and _value_of(becomes, first) != _value_of(becomes, text):
            message = f"{name[:64]} is {text[:64]!r}, and another column for {becomes} is {first[:64]!r}: empty one."
            raise RowRefused("protection", message)
    return given


def _value_of(becomes: str, text: str) -> Any:
    """Return the parsed value of a cell, to compare two cells for one field however they are written."""
    reader, _ = _READERS.get(becomes, (str, ""))
    if becomes == "disabled":
        reader = cells.parse_flag
    elif becomes == "status":
        reader = _is_stopped
    try:
        return reader(text.strip())
    except ValueError:
        return text


def _is_stopped(status: str) -> bool:
    """Tell whether ``status`` says that a link is off.

    Raises:
        ValueError: it says neither on nor off.
    """
    if status.lower() not in _WORKS | _STOPPED:
        raise ValueError(status)
    return status.lower() in _STOPPED


def describe(left_out: Sequence[LeftOut]) -> str:
    """Return the sentences for the report about what was left out; empty: nothing."""
    names = [left.column for left in left_out if not left.why]
    more = len(names) - _MAX_LISTED
    listed = f"{', '.join(names[:_MAX_LISTED])}{f' and {more} more' if more > 0 else ''}."
    return " ".join(
        [*([f"Left out: {listed}"] if names else []), *(f"Left out: {left.why}" for left in left_out if left.why)]
    )


def _apply_switches(given: dict[str, str]) -> list[LeftOut]:
    """Set ``enabled`` to no if ``disabled`` or ``status`` say so; return a status that is not understood.

    Raises:
        RowRefused: ``disabled`` is neither true nor false.
    """
    disabled, status = given.pop("disabled", ""), given.pop("status", "").strip()
    try:
        is_off = bool(disabled) and cells.parse_flag(disabled.strip())
    except ValueError:
        message = f"disabled is {disabled[:64]!r}; write true or false."
        raise RowRefused("protection", message) from None
    if is_off or status.lower() in _STOPPED:
        given["enabled"] = "no"
    return [LeftOut("status")] if status and status.lower() not in _WORKS | _STOPPED else []


def _pop_codes(given: dict[str, str]) -> list[dict[str, str]]:
    """Remove the codes from ``given`` and return the fields of each: the custom one first, then the generated one.

    Raises:
        RowRefused: a short URL has no code.
    """
    alias = given.pop("alias", "").strip("/")
    shorts = [text for name in ("customUrl", "shortUrl") if (text := given.pop(name, ""))]
    short_by_code: dict[str, str] = {}
    for text in shorts:
        if code := code_from_short_url(text):
            short_by_code.setdefault(code, text)
    if shorts and not short_by_code and not alias:
        raise RowRefused("code", f"shortUrl is {shorts[0][:64]!r}, which has no code in it.")
    if alias:
        return [_code_fields(alias, shorts[0] if shorts else "")]
    return [_code_fields(code, text) for code, text in short_by_code.items()]


def _code_fields(code: str, short_url: str) -> dict[str, str]:
    return {"alias": code, **({"shortUrl": short_url} if host_of_short_url(short_url) else {})}


def code_from_short_url(short_url: str) -> str:
    """Return the code of a short URL, which may have no scheme, or be the bare code; empty: it has none."""
    address = _SCHEME.sub("", short_url.strip()).partition("?")[0].partition("#")[0]
    host, slash, path = address.partition("/")
    if not slash:
        return "" if set(host) & set(".:") else host
    return path.strip("/")


def is_url(text: str) -> bool:
    """Tell whether ``text`` begins with a scheme."""
    return _SCHEME.match(text.strip()) is not None


def host_in(address: str) -> str:
    """Return the host, perhaps with a port, of a URL, which may have no scheme, or be the bare host."""
    return re.split(r"[/?#]", _SCHEME.sub("", address.strip()), maxsplit=1)[0]


def host_of_short_url(short_url: str) -> str:
    """Return the host of a short URL, which may have no scheme; empty: it is a bare code."""
    return host_in(short_url) if "/" in _SCHEME.sub("", short_url.strip()) else ""


def is_foreign_digest(text: str) -> bool:
    """Tell whether ``text`` is a password digest of another service, rather than a typed password."""
    return _DIGEST.match(text) is not None and not password.is_digest(text)


def _check_password(given: dict[str, str]) -> None:
    """Accept a typed password or a digest of this service; move a digest to ``passwordDigest``.

    Raises:
        RowRefused: the file only says that there is a password, or has the digest of another service.
    """
    typed, has_password = given.get("password", ""), given.pop(columns.OTHER_PASSWORD, "")
    if has_password.lower() not in cells.OFF | {""}:
        raise RowRefused("protection", NOT_PORTABLE)
    if password.is_digest(typed):
        given["passwordDigest"] = given.pop("password")
    elif typed.lower() in cells.OFF:
        given.pop("password", None)
    elif typed.lower() in cells.ON or is_foreign_digest(typed):
        raise RowRefused("protection", NOT_PORTABLE)


def _place_texts(given: dict[str, str]) -> None:
    """Use a description as the title if there is none, and move a title that is too long to the note."""
    title, description, note = (given.pop(name, "") for name in ("title", "description", "note"))
    if not title:
        title, description = description, ""
    if len(title) > MAX_TITLE:
        title, description = "", "\n".join(filter(None, (title, description)))
    texts = {"title": title, "note": "\n".join(filter(None, (description, note)))}
    given.update({name: text for name, text in texts.items() if text})
