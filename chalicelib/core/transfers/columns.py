"""Every known column of a table of links, and how a filled cell in it is used. The only source for the reader.

A cell becomes a field, or is left out and listed in the report, or refuses its row because it may limit when the link
works. ``docs/imports.md`` shows the same, and ``tests/core/transfers/test_columns.py`` tests each column.

Column names are compared by letters and digits only: ``Short link``, ``short_link`` and ``shortLink`` are the same.
Sources of other shorteners' columns, as of 2026-11: the export code of Shlink's web client (3.6 and 3.10), of Dub (2024
and 2026) and of YOURLS' Import-Export plugin; the tables of YOURLS, Kutt and Polr as phpMyAdmin and psql write them;
the APIs of Rebrandly and Short.io; published files of Bitly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from chalicelib.core.transfers.exported_link import COLUMNS, DAYS

LEFT_OUT = "?left out"
REFUSES = "?refuses its row"
MUST_WORK = "?refuses its row unless it says that the link works"
MUST_BE_EMPTY = "?refuses its row, whatever it says"
OTHER_PASSWORD = "otherPassword"  # noqa: S105  # a field: whether the link has a password that another service stores
IGNORED = ""  # only in our own export: ignored without a notice


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of table. ``known_by``: the columns that identify it."""

    service: str
    made_by: str
    """The program that writes it, for people."""
    known_by: tuple[str, ...]
    columns: Mapping[str, str]
    """By column name, as the service writes it: a field, ``LEFT_OUT`` or ``REFUSES``."""
    has_formula_marks: bool = False
    """Cells that a spreadsheet would run as formulas are prefixed by ``'``."""
    is_exact: bool = False
    """Spaces around cells are significant."""


# ``shortUrl`` has the code at its end, behind the domain; ``description`` is title or note.
GENERIC: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "url": (
            *("url", "long url", "original url", "target", "target url", "destination", "destination url"),
            *("long link", "full url", "redirect url", "redirect to"),
        ),
        "alias": (
            *("code", "alias", "slug", "custom slug", "short code", "keyword", "slashtag", "back half", "key"),
            *("custom alias", "custom code", "custom keyword", "url code", "url key", "vanity"),
        ),
        "domain": ("domain", "domain name"),
        "shortUrl": ("short url", "short link", "bitlink", "shortened url", "tinyurl", "short"),
        "createdAt": (
            *("created at", "created", "date created", "created on", "created date", "creation date"),
            *("timestamp", "date added", "added on"),
        ),
        "updatedAt": ("updated at", "updated"),
        "expiresAt": (
            *("expires at", "expires", "expire in", "expired at", "expire at", "expires on", "expiry", "expiry date"),
            *("expiration", "expiration date", "expires date", "expire date", "valid until", "valid to", "ends at"),
            "end date",
        ),
        "startsAt": ("starts at", "valid since", "valid from", "start date", "active from"),
        "visits": ("visits", "clicks", "hits", "engagements", "total clicks", "visit count", "click count"),
        "note": ("note", "notes"),
        "tags": ("tags", "labels"),
        "title": ("title",),
        "description": ("description",),
        "maxVisits": ("max visits", "max clicks", "clicks limit", "click limit", "visits limit", "visit limit"),
        "enabled": ("enabled", "is enabled", "active", "is active"),
        "disabled": ("disabled", "is disabled", "banned", "is banned", "inactive"),
        "status": ("status",),
        "permanent": ("permanent",),
        "confirm": ("confirm",),
        "forwardQuery": ("forward query", "forward parameters"),
        "fallbackUrl": ("fallback url", "expire url", "expired url", "expiration url"),
        "password": ("password",),
        "passwordDigest": ("password digest", "password hash", "hashed password"),
    }
)
"""By field, the column names that are known in any table; a table's own columns take precedence."""

PROTECTS = re.compile(
    "pass|pwd|secret|protect|private|expir|until|limit|disabl|deactivat|delet|trash|suspend|blocked|paus|revok|hidden"
    "|offline|draft|single.?use|one.?time|access.?code|quota|deadline|lifetime|not.?after|unpublish|allowed"
    "|^(valid|ends?|start|max|active|enabled|ttl|pin|state|visibility)"
)
"""Found in an unknown name whose column may limit when, how often or for whom a link works.

Such a column protects nothing if it says no: not ``private``, not ``deleted``.
"""
ENABLES = re.compile(
    "(is|are|has|was|been|currently|link|url|short|redirect|page|record|access)*(publish(ed)?|public|publicly|live|online"
    "|valid|active|activated|enabled|visible|visibility|available|availability|reachable|accessible|approved|allowed"
    "|working|works|open|state|status)"
)
"""Matches the whole of an unknown name whose column protects a link if it says no: not ``published``."""
COUNTS_DOWN = re.compile("remaining|(clicks?|visits?|visitors?|views?|uses?|hits?|days?|times?|hours?|redirects?)left")
"""Found in an unknown name whose column ends the link at zero."""
_PROTECTING = {"expiresAt", "startsAt", "maxVisits", "enabled", "disabled", "status", "confirm", "password"} | {
    *("passwordDigest", OTHER_PASSWORD, "visitsSpent", "blocked")
}
UNREAD = frozenset({LEFT_OUT, REFUSES, MUST_WORK, MUST_BE_EMPTY, IGNORED})
"""The uses of columns that no field is read from."""


def _read(**columns: str) -> dict[str, str]:
    """Return the field of each column, given the columns of each field, separated by commas."""
    return {column: field for field, names in columns.items() for column in names.split(", ")}


def _left_out(columns: str) -> dict[str, str]:
    return dict.fromkeys(columns.split(", "), LEFT_OUT)


_POLR = {
    **_read(shortUrl="short_url", url="long_url", visits="clicks", disabled="is_disabled"),
    **_read(createdAt="created_at", updatedAt="updated_at"),
    "secret_key": REFUSES,
    **_left_out("id, ip, creator, is_custom, is_api, long_url_hash"),
}
_SHORTIO = {
    **_read(shortUrl="short_url", title="title", tags="tags", visits="clicks", maxVisits="clicks_limit"),
    **_read(createdAt="created_at", updatedAt="updated_at", expiresAt="expire_at, expires_at"),
    **_read(fallbackUrl="expire_url, expired_url", password="password", otherPassword="has_password"),  # noqa: S106  # a column
    **dict.fromkeys(("password_contact", "ttl"), REFUSES),
    **_left_out("id, id_string, domain_id, owner_id, folder_id, source, archived, cloaking, redirect_type, skip_qs"),
    **_left_out("android_url, iphone_url, split_url, split_percent"),
    **_left_out("utm_source, utm_medium, utm_campaign, utm_term, utm_content"),
}
_SHLINK = _read(createdAt="createdAt", shortUrl="shortUrl", url="longUrl", title="title", tags="tags", visits="visits")
_REBRANDLY = {
    **_read(url="destination", shortUrl="shortUrl", title="title", description="description", tags="tags"),
    **_read(visits="clicks", createdAt="createdAt", updatedAt="updatedAt", status="status"),
    **_read(forwardQuery="forwardParameters"),
    **_read(domain="domain, domainName"),
    **_left_out("id, domainId, workspace, creator, integrated, https, favourite, isPublic"),
    **_left_out("sessions, lastClickAt, lastClickDate"),
}
_NOT_AS_NAMED = {"code": "alias", "owner": IGNORED, DAYS: IGNORED}
_OURS = {name: _NOT_AS_NAMED.get(name, name) for name in (*COLUMNS, DAYS)}

TABLES = (
    Table("export", "our own export, `format` `csv`", ("code", "url"), _OURS, has_formula_marks=True, is_exact=True),
    Table(
        "bitly",
        "the list of links",
        ("Link", "Destination URL"),
        {
            **_read(shortUrl="Link", customUrl="Custom Link", url="Destination URL", title="Title", tags="Tags"),
            **_read(createdAt="Date created", visits="Engagements", status="Status"),
        },
    ),
    Table(
        "bitly",
        "the template of bulk creation",
        ("Long URL", "Backhalf"),
        {
            **_read(url="Long URL", alias="Backhalf", tags="Tags", title="Title"),
            **_left_out("UTM Source, UTM Medium, UTM Campaign, UTM Term, UTM Content"),
        },
    ),
    Table(
        "bitly",
        "the API",
        ("long_url", "link"),
        {
            **_read(url="long_url", shortUrl="link", title="title", createdAt="created_at", tags="tags"),
            **_left_out("id, created_by, client_id, archived, deeplinks"),
        },
    ),
    Table(
        "bitly",
        "files that people published",
        ("Long URL", "Bitlink"),
        _read(
            url="Long URL", shortUrl="Bitlink", title="Title", tags="Tags", createdAt="Created", visits="Total Clicks"
        ),
    ),
    Table("polr", "the table `links`", ("long_url", "secret_key"), _POLR),
    Table("polr", "the table `links` in part", ("long_url", "is_custom"), _POLR),
    Table(
        "shortio",
        "the list of links",
        ("original_url", "path"),
        {**_read(url="original_url", alias="path"), **_SHORTIO, **_left_out("secure_short_url")},
    ),
    Table(
        "shortio",
        "the API",
        ("originalURL", "secureShortURL"),
        {**_read(url="originalURL", customUrl="secureShortURL"), **_SHORTIO},
    ),
    Table(
        "yourls",
        "the table `yourls_url`",
        ("keyword", "url"),
        {
            **_read(alias="keyword", url="url", title="title", createdAt="timestamp", visits="clicks"),
            **_left_out("ip"),
        },
    ),
    Table(
        "yourls",
        "the plugin Import-Export",
        ("source", "target", "hits"),
        _read(alias="source", url="target", visits="hits"),
    ),
    Table(
        "shlink",
        "the web client 3.10",
        ("longUrl", "shortCode"),
        {**_SHLINK, **_read(alias="shortCode", domain="domain")},
    ),
    Table("shlink", "the web client 3.6", ("longUrl", "shortUrl"), _SHLINK),
    Table(
        "dub",
        "the export of 2026",
        ("Short link", "Destination URL"),
        {
            **_read(shortUrl="Short link", url="Destination URL", visits="Clicks", tags="Tags"),
            **_read(createdAt="Created at", updatedAt="Updated at"),
            **_left_out("Link ID, Archived, Leads, Conversions, Revenue"),
        },
        has_formula_marks=True,
    ),
    Table(
        "dub",
        "the export of 2024",
        ("link", "url"),
        {
            **_read(shortUrl="link", url="url", visits="clicks", tags="tags"),
            **_read(createdAt="createdAt", updatedAt="updatedAt"),
            **_left_out("id, archived"),
        },
        has_formula_marks=True,
    ),
    Table(
        "kutt",
        "the table `links`, and the API",
        ("address", "target"),
        {
            **_read(alias="address", shortUrl="link", url="target", description="description", disabled="banned"),
            **_read(visits="visit_count", createdAt="created_at", updatedAt="updated_at", expiresAt="expire_in"),
            **_read(domain="domain"),
            "password": OTHER_PASSWORD,
            **_left_out("id, banned_by_id, domain_id, user_id, uuid"),
        },
    ),
    Table("rebrandly", "the API", ("slashtag", "destination"), {**_read(alias="slashtag"), **_REBRANDLY}),
    Table(
        "rebrandly",
        "the export",
        ("Slashtag", "Destination URL"),
        {
            **_read(alias="Slashtag", url="Destination URL", title="Title", visits="Clicks", domain="Domain"),
        },
    ),
    Table("rebrandly", "the API in part", ("shortUrl", "destination"), _REBRANDLY),
    *(Table("csv", "anyone", (name,), {}) for name in GENERIC["url"]),
)
"""In the order of recognition."""
SERVICES = tuple(dict.fromkeys(table.service for table in TABLES))

_BY_GENERIC_NAME = {name.replace(" ", ""): field for field, names in GENERIC.items() for name in names}


def normalized(name: str) -> str:
    """Return a column name reduced to lower-case letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find_table(names: Sequence[str]) -> Table | None:
    """Return the table with columns of these ``names``, or None: none of them holds a URL."""
    known = {normalized(name) for name in names}
    return next((table for table in TABLES if known >= {normalized(name) for name in table.known_by}), None)


def known_names(names: Sequence[str], table: Table) -> set[str]:
    """Return those of ``names`` that are columns of ``table``, or known in any table."""
    own = set(map(normalized, table.columns))
    return {name for name in names if (word := normalized(name)) in own or word in _BY_GENERIC_NAME}


def assign_fields(table: Table, names: Sequence[str]) -> list[str]:
    """Return the use of each column of a table: a field, or one of ``UNREAD``.

    Of two columns for one field the first counts; both do if they may limit when the link works.
    """
    own = {normalized(name): field for name, field in table.columns.items()}
    taken: set[str] = set()
    found = []
    for name in map(normalized, names):
        field = own[name] if name in own else _BY_GENERIC_NAME.get(name) or _unknown(name)
        if field in taken and not (field in _PROTECTING or PROTECTS.search(name)):
            field = LEFT_OUT
        if field not in UNREAD:
            taken.add(field)
        found.append(field)
    return found


def _unknown(name: str) -> str:
    if COUNTS_DOWN.search(name):
        return MUST_BE_EMPTY
    if ENABLES.fullmatch(name):
        return MUST_WORK
    return REFUSES if PROTECTS.search(name) else LEFT_OUT
