"""A row becomes a link with its past; an exported link is read back as the same link."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.domains import Domains
from chalicelib.core.links import password
from chalicelib.core.links.link import Link
from chalicelib.core.links.new_link import MadeBy
from chalicelib.core.links.rules import Rule
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.transfers import exported_link, file_reader
from chalicelib.core.transfers.imported_link import ImportedLink
from chalicelib.core.visits.counters import Day
from chalicelib.errors import LinkInvalid

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EARLIER = datetime(2024, 2, 29, 8, 0, 0, 125_000, tzinfo=UTC)
POLICY = TargetPolicy(frozenset({"sho.rt"}))
SHO_RT = Domains.from_text("", "https://sho.rt")
ANN = MadeBy("ann", "laptop")
URL = "https://www.python.org/"

EVERYTHING = Link(
    id="all",
    url=URL,
    created_at=EARLIER,
    updated_at=EARLIER + timedelta(days=1),
    starts_at=EARLIER + timedelta(days=2),
    expires_at=EARLIER + timedelta(days=3),
    unguessable=True,
    max_visits=10,
    visits_spent=4,
    confirm=True,
    password_digest=password.digest_of("open sesame"),
    rules=(
        Rule(url="https://docs.python.org/3/", device=("ios",), country=("PT", "BR"), weight=50),
        Rule(url="https://peps.python.org/", query=(("ref", ()), ("x", ("1", "2"))), starts_at=EARLIER),
    ),
    forward_query=True,
    forward_path=True,
    fallback_url="https://www.python.org/psf/",
    blocked="It was reported, and is looked at.",
    blocked_host="python.org",
    title="=cmd|' /C calc'!A0",
    note='Two\r\nlines; "quoted", and a \'mark',
    tags=("@a", "b,c", "[d]", "e|f"),
    enabled=False,
    owner="ann",
    created_by="laptop",
    external_id="crm:4711",
    imported_visits=100,
    version=1,
)
LINKS = [
    EVERYTHING,
    Link(id="least", url=URL, created_at=EARLIER, updated_at=EARLIER, owner="ann", created_by="laptop", version=1),
    Link(
        id="tags",
        url=URL,
        created_at=EARLIER,
        updated_at=EARLIER,
        permanent=True,
        tags=("one", "two"),
        title="'=not a formula",
        owner="ann",
        created_by="laptop",
        version=1,
    ),
]


def read(body: dict[str, Any]) -> ImportedLink:
    """Return the link that a row asks for."""
    return ImportedLink.from_body({"url": URL, **body}, POLICY, NOW)


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.code)
@pytest.mark.parametrize("days", [False, True])
def test_an_exported_link_is_restored(kind: str, link: Link, *, days: bool) -> None:
    """With all options, dates, digests and counts; text that looks like a formula is kept."""
    document = exported_link.document(link, SHO_RT, 0)
    if days:
        document["days"] = exported_link.counts_by_day([Day(date="2026-11-24", counts={"visits": 3, "humans": 3})])
    content = exported_link.header(kind, with_days=days) + exported_link.line(kind, document)

    with file_reader.reading(io.BytesIO(content.encode())) as (name, rows):
        (row,) = rows
    again = ImportedLink.from_body(row.body, POLICY, NOW, SHO_RT)

    assert name == ("export" if kind == "csv" else "ndjson")
    assert (again.alias, again.left_out) == (link.code, ())
    assert again.to_link(link.code, NOW, ANN) == link
    assert exported_link.line(
        kind, exported_link.document(again.to_link(link.code, NOW, ANN), SHO_RT, 0)
    ) == exported_link.line(kind, {name: value for name, value in document.items() if name != "days"})


def test_an_export_adds_up_all_visits() -> None:
    """For the next import all of them are past."""
    assert exported_link.document(EVERYTHING, SHO_RT, 11)["visits"] == 111


def test_no_cell_of_an_export_is_a_formula() -> None:
    """Whatever is in a title, a note or a tag."""
    cells = exported_link.line("csv", exported_link.document(EVERYTHING, SHO_RT, 0)).split('","')

    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)


def test_dates_and_totals_are_imported() -> None:
    """Without them the link is new, and was never visited."""
    with_past = read({"alias": "x", "createdAt": "2024-02-29T08:00:00.125Z", "visits": 7}).to_link("x", NOW, ANN)
    without = read({"visits": 0}).to_link("x", NOW, ANN)

    assert (with_past.created_at, with_past.updated_at, with_past.imported_visits) == (EARLIER, NOW, 7)
    assert (without.created_at, without.imported_visits) == (NOW, 0)


def test_an_expired_link_is_imported() -> None:
    """Its code stays reserved, and it shows what it showed."""
    link = read({"alias": "x", "expiresAt": "2020-01-01T00:00:00Z"}).to_link("x", NOW, ANN)

    assert link.expires_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_the_owner_in_a_file_is_ignored() -> None:
    """Like its short URLs and its counts by day."""
    link = read({"owner": "bob", "shortUrl": "https://x.example.com/y", "days": {}}).to_link("x", NOW, ANN)

    assert link.owner == "ann"


@pytest.mark.parametrize("alias", ["docs/v2", "links", "ping", "ünï", "x" * 65, "with space"])
def test_an_unusable_code_is_marked(alias: str) -> None:
    """The link may be renamed: the rest of the row is good."""
    imported = read({"alias": alias})

    assert imported.alias == alias
    assert imported.unusable is not None


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"url": "https://sho.rt/x"}, {"url"}),
        ({"visitsSpent": "3", "maxVisits": 1e3}, {"visitsSpent", "maxVisits"}),
        ({"visitsSpent": 1_000_000_001}, {"visitsSpent"}),
        ({"passwordDigest": "scrypt$1073741824$8$1$" + "0" * 32 + "$" + "0" * 64}, {"passwordDigest"}),
        ({"passwordDigest": password.digest_of("open sesame"), "permanent": True}, {"permanent"}),
        ({"expiresIn": "7d"}, {"expiresIn"}),
        ({"tags": "x", "colour": "red", "blocked": 1}, {"tags", "colour", "blocked"}),
        ({"title": "a\0b"}, {"title"}),
    ],
)
def test_all_errors_are_reported_at_once(body: dict[str, Any], fields: set[str]) -> None:
    """The rules are those of any link; a digest may not cost more to check than ours."""
    with pytest.raises(LinkInvalid) as invalid:
        read(body)

    assert {error.field for error in invalid.value.errors} == fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("visits", value) for value in (1e3, "1e3", -1, 1_000_000_001, True, "7", [7])),
        *(
            (field, value)
            for field in ("createdAt", "updatedAt")
            for value in ("soon", "2027-01-01T00:00:00Z", "9999-01-01T00:00:00Z", 1723734236)
        ),
    ],
)
def test_an_unreadable_past_is_left_out(field: str, value: Any) -> None:
    """A bad count or date does not refuse the link, and is reported once."""
    imported = read({field: value, "alias": "x"})

    assert (imported.past, imported.alias) == ({}, "x")
    assert [left.column for left in imported.left_out] == [field]
    assert imported.left_out[0].why.startswith(field)


def test_the_seed_of_a_code_ignores_the_past() -> None:
    """Totals, dates and the row do not change it; what the link does and its alias do."""
    seed = read({"visits": 1, "createdAt": "2024-01-01T00:00:00Z"}).code_seed("ann", 1)

    assert read({"visits": 2}).code_seed("ann", 2) == seed
    assert read({}).code_seed("bob", 1) != seed
    assert read({"title": "x"}).code_seed("ann", 1) != seed
    assert read({"alias": "docs/v2"}).code_seed("ann", 1) != seed


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        ({}, False),
        ({"confirm": False}, False),
        ({"confirm": True}, True),
        ({"maxVisits": 1}, False),
        ({"maxVisits": 1, "confirm": None}, False),
        ({"maxVisits": 1, "confirm": False}, False),
        ({"maxVisits": 1, "confirm": True}, True),
        ({"maxVisits": 2, "confirm": True}, True),
    ],
)
def test_the_seed_of_a_code_is_stable_over_versions(body: dict[str, Any], *, asks: bool) -> None:
    """Codes are derived from its text: importing an old file again finds its links by them."""
    most = body.get("maxVisits")
    place = ", 1, None" if most else ""

    assert repr(read(body).code_seed("ann", 1)) == (
        f"(None{place}, 'ann', 'https://www.python.org/', False, True, None, {most}, {asks}, (), False, False, None,"
        " None, False, None, None, None, None)"
    )


@pytest.mark.parametrize(
    "body", [{"password": "open sesame"}, {"passwordDigest": password.digest_of("open sesame")}, {"maxVisits": 1}]
)
def test_protected_rows_get_a_link_each(body: dict[str, Any]) -> None:
    """Another row is another link, as passwords differ and visits are used up; the same row gets the same link."""
    assert read(body).code_seed("ann", 1) == read(body).code_seed("ann", 1)
    assert read(body).code_seed("ann", 1) != read(body).code_seed("ann", 2)
    assert read(body).code_seed("ann", 1) != read({}).code_seed("ann", 1)


def test_an_unguessable_link_is_so_under_any_code() -> None:
    """It keeps its code; if it cannot, it gets another one that is hard to guess."""
    assert read({"alias": "x", "unguessable": True}).is_unguessable
    assert read({"unguessable": True}).is_unguessable
    assert not read({"alias": "x"}).is_unguessable


def test_a_row_with_very_many_fields_is_refused_quickly() -> None:
    """Each of them would be compared with the known names."""
    with pytest.raises(LinkInvalid, match="40,001 fields"):
        read({f"field {n}": n for n in range(40_000)})


@pytest.mark.parametrize(
    ("named", "alias", "unusable"),
    [
        ({"shortUrl": "https://s.test.org/promo"}, "promo", False),
        ({"shortUrl": "promo"}, "promo", False),
        ({"shortUrl": "https://s.test.org/drawn", "code": "mine"}, "mine", False),
        ({"shortUrl": "https://s.test.org/drawn", "key": "mine"}, "mine", False),
        ({"shortUrl": "https://s.test.org/drawn", "alias": None}, "drawn", False),
        ({"shortUrl": "https://s.test.org/"}, None, True),
        ({"shortUrl": "https://s.test.org/a/b"}, "a/b", True),
        ({"alias": ""}, None, False),
        ({}, None, False),
    ],
)
def test_a_line_of_json_keeps_its_code(named: dict[str, Any], alias: str | None, unusable: bool) -> None:  # noqa: FBT001  # a column of the table
    """Without a code, that of its short URL; an unusable one is marked."""
    imported = read(named)

    assert (imported.alias, imported.unusable is not None) == (alias, unusable)


def test_a_digest_is_no_password() -> None:
    """Our own digest protects the link as before; one of another service refuses the row."""
    ours = password.digest_of("open sesame")

    assert read({"password": ours}).past["password_digest"] == ours
    assert read({"password": "open sesame"}).new_link.password == "open sesame"
    with pytest.raises(LinkInvalid, match="cannot be brought along"):
        read({"password": "$2b$12$KIXQJz0Jz1Qh8Q5e6WcE6e"})


SEVERAL = Domains.from_text(
    "team.example=team,go.team.example=team,low.example=low:any-case,old.example=team:retired",
    "https://sho.rt",
    {"also.example"},
)
LOW = SEVERAL.of_space("low")


@pytest.mark.parametrize(
    ("header", "cells", "link_id", "left_out"),
    [
        ("code,url,domain", "Promo,{},team.example", "//team/Promo", ()),
        ("code,url,domain", "Promo,{}, GO.Team.example.", "//team/Promo", ()),
        ("code,url,domain", "Promo,{},https://team.example/", "//team/Promo", ()),
        ("code,url,domain", "Promo,{},low.example", "//low/promo", ()),
        ("code,url,domain", "Promo,{},sho.rt", "Promo", ()),
        ("code,url,domain", "Promo,{},also.example", "Promo", ()),
        ("code,url,domain", "Promo,{},", "//low/promo", ()),
        ("code,url,domain", "Promo,{},bit.ly", "//low/promo", ("domain",)),
        ("code,url,domain,shortUrl", "Promo,{},sho.rt,https://team.example/Promo", "Promo", ()),
        ("code,url,domain,shortUrl", "Promo,{},bit.ly,https://team.example/Promo", "//team/Promo", ("domain",)),
        ("code,url,shortUrl", "Promo,{},https://team.example/Promo", "//team/Promo", ()),
        ("alias;url", "https://team.example/Promo;{}", "//team/Promo", ()),
        ("alias;url", "https://sho.rt/Promo/;{}", "Promo", ()),
        ("short_url;url", "team.example/Promo;{}", "//team/Promo", ()),
        ("short_url;url", "https://bit.ly/Promo;{}", "//low/promo", ()),
        ("short_url;url", "Promo;{}", "//low/promo", ()),
        ("longUrl,shortCode,shortUrl,domain", "{},Promo,,team.example", "//team/Promo", ()),
        ("longUrl,shortCode,shortUrl,domain", "{},Promo,https://team.example/Promo,", "//team/Promo", ()),
        ("Slashtag,Destination URL,Domain", "Promo,{},team.example", "//team/Promo", ()),
        ("slashtag,destination,domainName", "Promo,{},team.example", "//team/Promo", ()),
        ("address,target,domain,link", "Promo,{},,https://team.example/Promo", "//team/Promo", ()),
        ("link,url", "https://team.example/Promo,{}", "//team/Promo", ()),
        ("original_url,path,short_url", "{},Promo,https://team.example/Promo", "//team/Promo", ()),
        ("keyword,url,Domain name", "Promo,{},team.example", "//team/Promo", ()),
    ],
)
def test_a_row_names_its_domain(header: str, cells: str, link_id: str, left_out: tuple[str, ...]) -> None:
    """In a column or as the host of its short URL; without one of ours, the link is at the domain of the import."""
    with file_reader.reading(io.BytesIO(f"{header}\n{cells.format(URL)}\n".encode())) as (_, rows):
        (row,) = rows

    imported = ImportedLink.from_body(row.body, POLICY, NOW, SEVERAL).at(LOW)

    assert imported.unusable is None
    assert imported.to_link(imported.alias or "", NOW, ANN).id == link_id
    assert tuple(left.column for left in (*row.left_out, *imported.left_out)) == left_out


def test_a_row_of_a_retired_domain_is_refused() -> None:
    """Its link is in a space of its own: elsewhere it would be another one, or mend a stranger."""
    with pytest.raises(LinkInvalid) as refused:
        ImportedLink.from_body({"code": "Promo", "url": URL, "domain": "old.example"}, POLICY, NOW, SEVERAL)

    assert [(error.field, error.code) for error in refused.value.errors] == [("domain", "retired")]


@pytest.mark.parametrize(
    ("body", "link_id"),
    [
        ({"code": "Promo", "domain": "team.example"}, "//team/Promo"),
        ({"code": "Promo", "domain": None, "shortUrl": "https://team.example/Promo"}, "//team/Promo"),
        ({"code": "Promo", "domain": "bit.ly"}, "//low/promo"),
        ({"alias": "https://team.example/Promo"}, "//team/Promo"),
        ({"shortUrl": "https://team.example/Promo"}, "//team/Promo"),
        ({"code": "Promo"}, "//low/promo"),
    ],
)
def test_a_line_of_json_names_its_domain(body: dict[str, Any], link_id: str) -> None:
    """As a row of a table does."""
    imported = ImportedLink.from_body({"url": URL, **body}, POLICY, NOW, SEVERAL).at(LOW)

    assert imported.to_link(imported.alias or "", NOW, ANN).id == link_id


def test_two_codes_of_a_row_may_be_at_two_domains() -> None:
    """A custom one at a domain of its own, and the generated one at that of the service."""
    row = f"Link,Custom Link,Destination URL\nhttps://sho.rt/x,https://team.example/y,{URL}\n"
    with file_reader.reading(io.BytesIO(row.encode())) as (_, rows):
        found = [ImportedLink.from_body(each.body, POLICY, NOW, SEVERAL).at(LOW) for each in rows]

    assert [each.to_link(each.alias or "", NOW, ANN).id for each in found] == ["//team/y", "x"]


@pytest.mark.parametrize("alias", ["https://bit.ly/x", "https://team.example/"])
def test_another_url_in_place_of_a_code_is_unusable(alias: str) -> None:
    """Codes of rows are derived from what is there: it stays as it was."""
    imported = ImportedLink.from_body({"url": URL, "alias": alias}, POLICY, NOW, SEVERAL)

    assert imported.alias == alias
    assert imported.unusable is not None


def test_a_domain_is_a_text() -> None:
    """Anything else refuses the row, as it would a request."""
    with pytest.raises(LinkInvalid) as invalid:
        ImportedLink.from_body({"url": URL, "domain": 5}, POLICY, NOW, SEVERAL)

    assert [error.field for error in invalid.value.errors] == ["domain"]


def test_the_seed_of_a_code_depends_on_the_space() -> None:
    """Only of other spaces than the default one: there it is what it was before there were others."""
    plain, default, team, low = (
        repr(ImportedLink.from_body({"url": URL, "domain": host}, POLICY, NOW, SEVERAL).code_seed("ann", 1))
        for host in (None, "sho.rt", "team.example", "low.example")
    )

    assert plain == default == repr(read({}).code_seed("ann", 1))
    assert len({plain, team, low}) == 3
