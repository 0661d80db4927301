"""Every known column of every known table is used as the table of columns says, and the documents show it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from chalicelib.core.links import password
from chalicelib.core.transfers import columns, file_formats, file_reader
from chalicelib.core.transfers.columns import Table
from chalicelib.core.transfers.file_reader import Row
from chalicelib.core.transfers.imported_link import MEMBERS
from dev import columns_page

URL = "https://site.org/a"
DIGEST = password.digest_of("open sesame")
CELLS: dict[str, tuple[str, dict[str, Any]]] = {  # by field a cell that says something, and what it asks for
    "url": (URL, {"url": URL}),
    "alias": ("promo", {"alias": "promo"}),
    "shortUrl": ("https://s.test.org/promo", {"alias": "promo", "shortUrl": "https://s.test.org/promo"}),
    "customUrl": ("https://s.test.org/promo", {"alias": "promo", "shortUrl": "https://s.test.org/promo"}),
    "domain": ("s.test.org", {"domain": "s.test.org"}),
    "title": ("Sale", {"title": "Sale"}),
    "description": ("Sale", {"title": "Sale"}),
    "note": ("Sale", {"note": "Sale"}),
    "tags": ("a,b", {"tags": ["a", "b"]}),
    "createdAt": ("2024-08-15 15:03:56", {"createdAt": "2024-08-15T15:03:56.000Z"}),
    "updatedAt": ("2024-08-15 15:03:56", {"updatedAt": "2024-08-15T15:03:56.000Z"}),
    "startsAt": ("2030-01-01", {"startsAt": "2030-01-01T00:00:00.000Z"}),
    "expiresAt": ("2031-01-01", {"expiresAt": "2031-01-01T00:00:00.000Z"}),
    "visits": ("1,234", {"visits": 1234}),
    "visitsSpent": ("4", {"visitsSpent": 4}),
    "maxVisits": ("5", {"maxVisits": 5}),
    "enabled": ("no", {"enabled": False}),
    "disabled": ("1", {"enabled": False}),
    "status": ("inactive", {"enabled": False}),
    "permanent": ("yes", {"permanent": True}),
    "unguessable": ("yes", {"unguessable": True}),
    "confirm": ("yes", {"confirm": True}),
    "forwardQuery": ("yes", {"forwardQuery": True}),
    "forwardPath": ("yes", {"forwardPath": True}),
    "fallbackUrl": ("https://site.org/over", {"fallbackUrl": "https://site.org/over"}),
    "rules": ('[{"url": "x"}]', {"rules": [{"url": "x"}]}),
    "externalId": ("crm:1", {"externalId": "crm:1"}),
    "blocked": ("Reported.", {"blocked": "Reported."}),
    "blockedHost": ("site.org", {"blockedHost": "site.org"}),
    "password": ("open sesame", {"password": "open sesame"}),
    "passwordDigest": (DIGEST, {"passwordDigest": DIGEST}),
}
KNOWN = [
    pytest.param(table, name, becomes, id=f"{table.service} ({'+'.join(table.known_by)}): {name}")
    for table in columns.TABLES
    for name, becomes in table.columns.items()
]
GENERIC = [(name, field) for field, names in columns.GENERIC.items() for name in names]
UNKNOWN = [
    *((name, columns.LEFT_OUT) for name in ("ip", "creator", "Link ID", "Android URL", "archived", "folder", "id")),
    *((name, columns.REFUSES) for name in ("secret_key", "Password hint", "expiration mode", "ttl", "max uses")),
    *((name, columns.REFUSES) for name in ("Private", "deactivated on", "Valid", "until", "limit")),
    *(
        (name, columns.REFUSES)
        for name in ("deleted", "deleted_at", "Suspended", "is blocked", "paused", "hidden", "PIN")
    ),
    *((name, columns.REFUSES) for name in ("single use", "one-time", "clicks left", "quota", "deadline", "not after")),
    *((name, columns.REFUSES) for name in ("unpublish at", "visibility", "State", "trashed", "allowed clicks")),
]


def read(table: Table, name: str, cell: str) -> tuple[str, Row]:
    """Return the format of a table that has one row, with ``cell`` in the column ``name``, and that row."""
    of_url = next(column for column, becomes in table.columns.items() if becomes == "url")
    row = {of_url: URL, name: cell}
    names = list(dict.fromkeys((*table.known_by, *row)))
    text = io.StringIO()
    csv.writer(text).writerows([names, [row.get(each, "") for each in names]])
    with file_reader.reading(io.BytesIO(text.getvalue().encode())) as (found, rows):
        return found, next(iter(rows))


def check(row: Row, name: str, becomes: str, cell: str) -> None:
    """Assert that a row is what a table of columns says."""
    if becomes in {columns.REFUSES, columns.OTHER_PASSWORD}:
        unread = f"{name} is {cell!r}, which may say when the link must not work, and is not understood"
        why = unread if becomes == columns.REFUSES else file_formats.NOT_PORTABLE
        assert (row.why or "").startswith(why)
        assert row.kind == "protection"
        return
    assert row.why is None
    assert row.body == {"url": URL, **CELLS.get(becomes, ("", {}))[1]}
    assert file_formats.describe(row.left_out) == (f"Left out: {name}." if becomes == columns.LEFT_OUT else "")


@pytest.mark.parametrize(("table", "name", "becomes"), KNOWN)
def test_a_filled_cell_is_used_as_listed(table: Table, name: str, becomes: str) -> None:
    """For each column of each table of a known service, and of our own exports."""
    cell, _ = CELLS.get(becomes, ("x7Kd", {}))

    found, row = read(table, name, cell)

    assert found == table.service
    check(row, name, becomes, cell)


@pytest.mark.parametrize(("table", "name", "becomes"), KNOWN)
def test_a_member_of_a_line_of_json_is_a_column(table: Table, name: str, becomes: str) -> None:
    """It is used in the same way, unless its name, or the name that identifies the table, belongs to this API."""
    cell, _ = CELLS.get(becomes, ("x7Kd", {}))
    of_url = next(column for column, field in table.columns.items() if field == "url")
    members = {**dict.fromkeys(table.known_by, ""), of_url: URL, name: cell}
    words = columns.known_names(list(members), table)

    (row,) = rows_of_json(members)

    if words <= MEMBERS:
        assert (row.why, row.body) == (None, members)
    else:
        check(row, name, becomes, cell)


@pytest.mark.parametrize(
    ("members", "body", "report"),
    [
        (
            {"long_url": URL, "short_url": "https://s.test.org/promo"},
            {"url": URL, "alias": "promo", "shortUrl": "https://s.test.org/promo"},
            "",
        ),
        ({"long_url": URL, "short_url": "promo"}, {"url": URL, "alias": "promo"}, ""),
        (
            {"originalURL": URL, "path": "promo", "clicksLimit": 5, "expiresAt": 1924992000000, "OwnerId": 7},
            {"url": URL, "alias": "promo", "maxVisits": 5, "expiresAt": "2031-01-01T00:00:00.000Z"},
            "Left out: OwnerId.",
        ),
        (
            {"url": URL, "expires_at": "2031-01-01", "rules": [{"url": URL}], "externalId": "a:1"},
            {"url": URL, "expiresAt": "2031-01-01T00:00:00.000Z", "rules": [{"url": URL}], "externalId": "a:1"},
            "",
        ),
        (
            {"long_url": URL, "short_url": "x", "is_disabled": True, "is_custom": 1, "tags": ["a,b", "c"], "clicks": 3},
            {"url": URL, "alias": "x", "enabled": False, "tags": ["a,b", "c"], "visits": 3},
            "Left out: is_custom.",
        ),
        ({"address": "x", "target": URL, "password": False, "banned": None}, {"url": URL, "alias": "x"}, ""),
        ({"url": URL, "max_clicks": 5, "tags": [], "title": None, "geo": {}}, {"url": URL, "maxVisits": 5}, ""),
        ({"url": URL, "title": "'=1+1", "clicks": 1e3}, {"url": URL, "title": "'=1+1", "visits": 1000}, ""),
        (
            {"link": "s.test.org/x", "url": URL, "title": "'=1"},
            {"url": URL, "alias": "x", "shortUrl": "s.test.org/x", "title": "'=1"},
            "",
        ),
        (
            {"longUrl": URL, "shortCode": "x", "domain": "s.test.org"},
            {"url": URL, "alias": "x", "domain": "s.test.org"},
            "",
        ),
        ({"address": "x", "target": URL, "password": True}, None, file_formats.NOT_PORTABLE),
        ({"original_url": URL, "path": "x", "ttl": 3600}, None, "ttl is '3600', which may say"),
        ({"long_url": URL, "short_url": "x", "published": False}, None, "published is 'false', which may say"),
        ({"long_url": URL, "short_url": "x", "expires_at": "soon"}, None, "expiresAt is 'soon'; write times"),
        (
            {"long_url": URL, "short_url": "https://s.test.org/"},
            None,
            "shortUrl is 'https://s.test.org/', which has no",
        ),
        ({"url": URL, "expires_at": "2031-01-01", "expiresAt": "2032-01-01"}, None, "expiresAt is '2032-01-01', and"),
    ],
)
def test_a_line_of_json_may_have_column_names(members: Any, body: dict[str, Any] | None, report: str) -> None:
    """With JSON values; names of this API keep their meaning."""
    (row,) = rows_of_json(members)

    if body is None:
        assert (row.why or "").startswith(report)
    else:
        assert (row.why, row.body, file_formats.describe(row.left_out)) == (None, body, report)


@pytest.mark.parametrize(
    "members",
    [
        {"url": URL, "expiresAt": "2031-01-01", "maxVisits": "5"},
        {"url": URL, "colour": "red"},
        {"keyword": "x", "url": URL, "expriesAt": "2031-01-01"},
        {"title": "x", "expires_at": "2031-01-01"},
        {"long_url": URL, **{f"clicks{number}": number for number in range(200)}},
    ],
)
def test_a_line_of_api_fields_is_a_request_body(members: Any) -> None:
    """It is not changed; an unknown name remains, and refuses the row later."""
    (row,) = rows_of_json(members)

    assert (row.why, row.left_out, row.body) == (None, (), members)


def rows_of_json(members: Any) -> list[Row]:
    """Return the rows of a file that has one object."""
    with file_reader.reading(io.BytesIO(json.dumps(members).encode())) as (found, rows):
        assert found == "ndjson"
        return list(rows)


@pytest.mark.parametrize(("table", "name", "becomes"), KNOWN)
def test_an_empty_cell_is_ignored(table: Table, name: str, becomes: str) -> None:
    """Whatever a filled one would do; a row of empty cells is skipped."""
    if becomes == "url":
        with pytest.raises(StopIteration):
            read(table, name, "")
        return

    _, row = read(table, name, "")

    assert (row.why, row.left_out, row.body) == (None, (), {"url": URL})


@pytest.mark.parametrize(("name", "becomes"), [*GENERIC, *UNKNOWN])
@pytest.mark.parametrize("written", [str, str.title, lambda name: name.replace(" ", "_")], ids=["as is", "Title", "_"])
def test_generic_names_are_known_in_any_table(name: str, becomes: str, written: Any) -> None:
    """However they are written; unknown ones are left out, or refuse the row if they may protect the link."""
    name = written(name)
    cell, _ = CELLS.get(becomes, ("x7Kd", {}))
    header, line = ([name], [cell]) if becomes == "url" else (["redirect url", name], [URL, cell])
    text = io.StringIO()
    csv.writer(text).writerows([header, line])

    with file_reader.reading(io.BytesIO(text.getvalue().encode())) as (found, rows):
        row = next(iter(rows))

    assert found == "csv"
    check(row, name, becomes, cell)


@pytest.mark.parametrize(
    ("header", "cells", "report"),
    [
        ("url,tags,labels", f"{URL},one,two", "Left out: labels."),
        ("url,created,timestamp", f"{URL},2024-01-01,2024-01-01", "Left out: timestamp."),
        ("url,is_disabled,banned", f"{URL},0,1", None),
        ("url,enabled,active", f"{URL},yes,no", None),
        ("url,expires,valid until", f"{URL},2025-01-01,2024-01-01", None),
        ("url,expires,valid until", f"{URL},2025-01-01,in May", None),
        ("url,max visits,click limit", f"{URL},5,6", None),
        ("url,password,Password", f"{URL},open sesame,Open Sesame", None),
        ("url,password,Password", f"{URL},open sesame,no", None),
        ("url,status,Status", f"{URL},active,disabled", None),
        ("url,confirm,Confirm", f"{URL},no,yes", None),
        ("url,expire url,fallback url,expired url", f"{URL},{URL}b,,{URL}c", None),
        ("code,url,blocked,Blocked", f"x,{URL},Reported.,Spam.", None),
    ],
)
def test_a_second_column_for_a_field_is_reported(header: str, cells: str, report: str | None) -> None:
    """Or refuses its row (None) if the field limits when the link works."""
    with file_reader.reading(io.BytesIO(f"{header}\n{cells}\n".encode())) as (_, rows):
        row = next(iter(rows))

    assert (row.why is None) == (report is not None)
    assert file_formats.describe(row.left_out) == (report or "")


@pytest.mark.parametrize(
    ("header", "cells", "body"),
    [
        ("is_disabled,banned", "1,yes", {"enabled": False}),
        ("is_disabled,banned", "0,no", {}),
        ("enabled,active", "no,0", {"enabled": False}),
        ("expires,valid until", "2024-01-01,2024-01-01T00:00:00Z", {"expiresAt": "2024-01-01T00:00:00.000Z"}),
        ("expires,valid until", ",2024-01-01", {"expiresAt": "2024-01-01T00:00:00.000Z"}),
        ("valid from,start date", "2024-01-01,NULL", {"startsAt": "2024-01-01T00:00:00.000Z"}),
        ("max visits,click limit", '"1,000",1000', {"maxVisits": 1000}),
        ("password,Password", "open sesame,open sesame", {"password": "open sesame"}),
        ("status,Status", "Disabled,paused", {"enabled": False}),
        ("confirm,Confirm", ",yes", {"confirm": True}),
        ("expire url,expired url", f"{URL}b,{URL}b", {"fallbackUrl": f"{URL}b"}),
    ],
)
def test_equal_protecting_columns_count_once(header: str, cells: str, body: dict[str, Any]) -> None:
    """However each is written; empty cells are ignored."""
    with file_reader.reading(io.BytesIO(f"url,{header}\n{URL},{cells}\n".encode())) as (_, rows):
        row = next(iter(rows))

    assert (row.why, row.left_out, row.body) == (None, (), {"url": URL, **body})


SAYS_NO_OR_YES = [  # names of columns, cells that refuse their row, and cells that do not
    (
        ("published", "Is Published", "is_public", "isLive", "live", "online", "link_active", "Link status"),
        ("no", "0", "False", "off", "draft", "private", "2030-01-01"),
        ("yes", "1", "TRUE", "on", "public", ""),
    ),
    (
        ("state", "visibility", "valid", "link_state", "Is Visible", "is allowed", "approved", "url enabled"),
        ("off", "no", "0", "f", "hidden", "x7Kd"),
        ("on", "true", "Active", "visible", "", "NULL"),
    ),
    (
        ("remaining", "Remaining clicks", "clicks_remaining", "clicks left", "visitsLeft", "uses-left"),
        ("0", "1", "5", "no", "off"),
        ("", " ", "NULL"),
    ),
    (
        ("private", "deleted", "is_deleted", "limit", "unpublished", "Hidden", "disabled on", "allowed countries"),
        ("yes", "1", "2024-01-01"),
        ("no", "0", "false", "off", ""),
    ),
    (("publicStats", "delivered", "tracking enabled", "live chat"), (), ("no", "0", "yes")),
]


@pytest.mark.parametrize(
    ("name", "cell", "is_refused"),
    [
        (name, cell, is_refused)
        for names, *cells in SAYS_NO_OR_YES
        for is_refused, those in zip((True, False), cells, strict=True)
        for name in names
        for cell in those
    ],
)
def test_a_no_may_protect(name: str, cell: str, *, is_refused: bool) -> None:
    """``published=no`` is as much as ``private=yes``, and nothing is left of ``remaining=0``."""
    with file_reader.reading(io.BytesIO(f"url,{name}\n{URL},{cell}\n".encode())) as (_, rows):
        row = next(iter(rows))

    assert (row.why is not None, row.body) == (is_refused, {} if is_refused else {"url": URL})
    assert row.kind == "protection" or not is_refused


def test_the_documents_list_all_columns() -> None:
    """From the table that the reader uses; `python -m dev.columns_page` writes them again."""
    assert columns_page.text() in columns_page.PAGE.read_text("utf-8")
