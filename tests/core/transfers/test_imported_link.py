"""A row becomes a link with its past; an exported link is read back as the same link."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core import exported, password, upload
from chalicelib.core.imported import ImportedLink
from chalicelib.core.link import Link
from chalicelib.core.new_link import MadeBy
from chalicelib.core.rules import Rule
from chalicelib.core.stats import Day
from chalicelib.core.target_url import TargetPolicy
from chalicelib.errors import LinkInvalid

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EARLIER = datetime(2024, 2, 29, 8, 0, 0, 125_000, tzinfo=UTC)
POLICY = TargetPolicy(frozenset({"sho.rt"}))
ANN = MadeBy("ann", "laptop")
URL = "https://www.python.org/"

EVERYTHING = Link(
    code="all",
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
    Link(code="least", url=URL, created_at=EARLIER, updated_at=EARLIER, owner="ann", created_by="laptop", version=1),
    Link(
        code="tags",
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
def test_an_exported_link_is_read_back_as_it_was(kind: str, link: Link, *, days: bool) -> None:
    """All it can do, its dates, digests and counts; what is a formula to a spreadsheet is not lost."""
    document = exported.document(link, "https://sho.rt", 0)
    if days:
        document["days"] = exported.counts_by_day([Day(date="2026-11-24", counts={"visits": 3, "humans": 3})])
    content = exported.header(kind, with_days=days) + exported.line(kind, document)

    with upload.reading(io.BytesIO(content.encode())) as (name, rows):
        (row,) = rows
    again = ImportedLink.from_body(row.body, POLICY, NOW)

    assert name == ("export" if kind == "csv" else "ndjson")
    assert again.alias == link.code
    assert again.named(link.code, NOW, ANN) == link
    assert exported.line(
        kind, exported.document(again.named(link.code, NOW, ANN), "https://sho.rt", 0)
    ) == exported.line(kind, {name: value for name, value in document.items() if name != "days"})


def test_counted_visits_go_along_as_imported_ones() -> None:
    """Where a link goes next, all its visits are of before."""
    assert exported.document(EVERYTHING, "https://sho.rt", 11)["visits"] == 111


def test_no_cell_of_an_export_is_a_formula() -> None:
    """Whatever is in a title, a note or a tag."""
    cells = exported.line("csv", exported.document(EVERYTHING, "https://sho.rt", 0)).split('","')

    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)


def test_what_only_the_past_tells_is_taken_over() -> None:
    """Dates and totals; without them the link is made now, and was visited never."""
    with_past = read({"alias": "x", "createdAt": "2024-02-29T08:00:00.125Z", "visits": 7}).named("x", NOW, ANN)
    without = read({"visits": 0}).named("x", NOW, ANN)

    assert (with_past.created_at, with_past.updated_at, with_past.imported_visits) == (EARLIER, NOW, 7)
    assert (without.created_at, without.imported_visits) == (NOW, 0)


def test_a_link_that_is_over_is_a_link() -> None:
    """Its code stays given out, and it shows what it showed."""
    link = read({"alias": "x", "expiresAt": "2020-01-01T00:00:00Z"}).named("x", NOW, ANN)

    assert link.expires_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_the_owner_is_never_the_files() -> None:
    """Whatever a file says of owners, of short URLs and of days."""
    link = read({"owner": "bob", "shortUrl": "https://x.example.com/y", "days": {}}).named("x", NOW, ANN)

    assert link.owner == "ann"


@pytest.mark.parametrize("alias", ["docs/v2", "links", "ping", "ünï", "x" * 65, "with space"])
def test_a_code_that_cannot_be_one_is_told_apart(alias: str) -> None:
    """It may be renamed: the rest of the row is good."""
    wanted = read({"alias": alias})

    assert wanted.alias == alias
    assert wanted.unusable is not None


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"url": "https://sho.rt/x"}, {"url"}),
        ({"createdAt": "2027-01-01T00:00:00Z"}, {"createdAt"}),
        ({"updatedAt": "soon", "visits": -1}, {"updatedAt", "visits"}),
        ({"visits": 1_000_000_001, "visitsSpent": "3"}, {"visits", "visitsSpent"}),
        ({"passwordDigest": "scrypt$1073741824$8$1$" + "0" * 32 + "$" + "0" * 64}, {"passwordDigest"}),
        ({"passwordDigest": password.digest_of("open sesame"), "permanent": True}, {"permanent"}),
        ({"expiresIn": "7d"}, {"expiresIn"}),
        ({"tags": "x", "colour": "red", "blocked": 1}, {"tags", "colour", "blocked"}),
        ({"title": "a\0b"}, {"title"}),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(body: dict[str, Any], fields: set[str]) -> None:
    """The rules are those of any link; a digest may not cost more to try than ours."""
    with pytest.raises(LinkInvalid) as invalid:
        read(body)

    assert {error.field for error in invalid.value.errors} == fields


def test_the_same_wish_is_the_same_whoever_writes_the_file() -> None:
    """Totals and dates of its past make no other link of it, nor does its place; what it does, or is called, does."""
    wish = read({"visits": 1, "createdAt": "2024-01-01T00:00:00Z"}).wish("ann", 1)

    assert read({"visits": 2}).wish("ann", 2) == wish
    assert read({}).wish("bob", 1) != wish
    assert read({"title": "x"}).wish("ann", 1) != wish
    assert read({"alias": "docs/v2"}).wish("ann", 1) != wish


@pytest.mark.parametrize(
    "body", [{"password": "open sesame"}, {"passwordDigest": password.digest_of("open sesame")}, {"maxVisits": 1}]
)
def test_who_asks_for_a_password_or_a_maximum_wants_a_link_for_each_row(body: dict[str, Any]) -> None:
    """A second one is not the first, which lets others in or is used up; the same row of the same file is."""
    assert read(body).wish("ann", 1) == read(body).wish("ann", 1)
    assert read(body).wish("ann", 1) != read(body).wish("ann", 2)
    assert read(body).wish("ann", 1) != read({}).wish("ann", 1)


def test_an_unguessable_link_is_so_under_any_code() -> None:
    """One that had a code keeps it; if it cannot, it gets another that nobody guesses."""
    assert read({"alias": "x", "unguessable": True}).is_unguessable
    assert read({"unguessable": True}).is_unguessable
    assert not read({"alias": "x"}).is_unguessable


def test_a_row_of_very_many_fields_is_refused_in_no_time() -> None:
    """Each of them would be looked for among those there are."""
    with pytest.raises(LinkInvalid, match="40,001 fields"):
        read({f"field {n}": n for n in range(40_000)})
