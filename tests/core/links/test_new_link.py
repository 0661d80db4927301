"""Wishes for links, as clients send them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.link import Link
from chalicelib.core.new_link import NewLink
from chalicelib.core.target_url import TargetPolicy
from chalicelib.errors import LinkInvalid

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
URL = "https://example.com/"


def read(**body: Any) -> NewLink:
    """Read a body that asks for a link to example.com unless it says otherwise."""
    return NewLink.from_json({"url": URL, **body}, TargetPolicy(frozenset({"sho.rt"})), NOW)


def wrong(body: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with ``body``: field and code."""
    with pytest.raises(LinkInvalid) as invalid:
        NewLink.from_json(body, TargetPolicy(frozenset({"sho.rt"})), NOW)
    assert all(error.message for error in invalid.value.errors)
    return {error.field: error.code for error in invalid.value.errors}


@pytest.mark.parametrize("name", ["url", "originalUrl", "longUrl", "long_url", "target", "destination"])
def test_the_url_has_many_names(name: str) -> None:
    """People bring the words of other shorteners along."""
    assert NewLink.from_json({name: URL}, TargetPolicy(frozenset()), NOW).url == URL


@pytest.mark.parametrize("name", ["alias", "customSlug", "slug", "keyword", "key"])
def test_so_has_the_alias(name: str) -> None:
    """The same for codes of one's own; what is wrong with them is said under the name that was used."""
    assert read(**{name: "sale"}).alias == "sale"
    assert wrong({"url": URL, name: "no way"}) == {name: "invalid"}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"url": "missing"}),
        ({"url": None}, {"url": "missing"}),
        ({"url": ""}, {"url": "missing"}),
        ({"url": 1}, {"url": "wrong-type"}),
        ({"longUrl": ["x"]}, {"longUrl": "wrong-type"}),
        ({"url": "https://sho.rt/x"}, {"url": "own-domain"}),
        ({"url": URL, "longUrl": URL}, {"longUrl": "conflict"}),
        ({"longUrl": URL, "url": URL}, {"url": "conflict"}),
        ({"url": URL, "alias": "a", "slug": "b"}, {"slug": "conflict"}),
        ({"url": URL, "alias": ""}, {"alias": "invalid"}),
        ({"url": URL, "alias": "x" * 65}, {"alias": "invalid"}),
        ({"url": URL, "alias": "LINKS"}, {"alias": "reserved"}),
        ({"url": URL, "alias": 7}, {"alias": "wrong-type"}),
        ({"url": URL, "alias": "a", "unguessable": True}, {"unguessable": "conflict"}),
        ({"url": URL, "title": "x" * 256}, {"title": "too-long"}),
        ({"url": URL, "title": "a\x07"}, {"title": "forbidden-character"}),
        ({"url": URL, "note": "x" * 2001}, {"note": "too-long"}),
        ({"url": URL, "note": 1}, {"note": "wrong-type"}),
        ({"url": URL, "tags": "a"}, {"tags": "wrong-type"}),
        ({"url": URL, "tags": ["a", 1]}, {"tags": "wrong-type"}),
        ({"url": URL, "tags": [""]}, {"tags": "invalid"}),
        ({"url": URL, "tags": ["x" * 65]}, {"tags": "invalid"}),
        ({"url": URL, "tags": [str(n) for n in range(21)]}, {"tags": "too-many"}),
        ({"url": URL, "permanent": 1}, {"permanent": "wrong-type"}),
        ({"url": URL, "unguessable": "true"}, {"unguessable": "wrong-type"}),
        ({"url": URL, "findExisting": 0}, {"findExisting": "wrong-type"}),
        ({"url": URL, "expiresAt": "tomorrow"}, {"expiresAt": "invalid"}),
        ({"url": URL, "expiresAt": "2030-01-01"}, {"expiresAt": "invalid"}),
        ({"url": URL, "expiresAt": "2030-01-01T00:00:00"}, {"expiresAt": "invalid"}),
        ({"url": URL, "expiresAt": "2026-11-24T12:00:00Z"}, {"expiresAt": "past"}),
        ({"url": URL, "expiresAt": "9999-12-31T23:59:59Z"}, {"expiresAt": "too-late"}),
        ({"url": URL, "expiresAt": "0001-01-01T00:00:00+14:00"}, {"expiresAt": "invalid"}),
        ({"url": URL, "expiresAt": 1798761600}, {"expiresAt": "wrong-type"}),
        ({"url": URL, "expiresIn": "a week"}, {"expiresIn": "invalid"}),
        ({"url": URL, "expiresIn": "-1d"}, {"expiresIn": "invalid"}),
        ({"url": URL, "expiresIn": "0s"}, {"expiresIn": "past"}),
        ({"url": URL, "expiresIn": "999999999w"}, {"expiresIn": "too-late"}),
        ({"url": URL, "expiresIn": "1d", "expiresAt": "2030-01-01T00:00:00Z"}, {"expiresIn": "conflict"}),
        ({"url": URL, "maxVisit": 1}, {"maxVisit": "unknown-field"}),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_wrong_is_said_by_field_and_code(body: dict[str, Any], errors: dict[str, str]) -> None:
    """One wrong thing gives one error, under the name the client used."""
    assert wrong(body) == errors


def test_all_that_is_wrong_is_said_at_once() -> None:
    """Nobody repairs a form one refusal at a time."""
    body = {"url": "x", "alias": "/", "title": 1, "tags": 2, "expiresIn": "x", "permanent": "x", "colour": "red"}

    assert set(wrong(body)) == set(body)


@pytest.mark.parametrize(("given", "meant"), [("aliass", "alias"), ("ExpiresAt", "expiresAt"), ("longurl", "longUrl")])
def test_an_unknown_field_is_met_with_the_nearest_known(given: str, meant: str) -> None:
    """A slip of the keyboard costs no reading of manuals."""
    with pytest.raises(LinkInvalid, match=f"Did you mean '{meant}'"):
        read(**{given: "x"})


def test_null_means_not_given() -> None:
    """Clients that write out every field are served like those that leave them out, in any order."""
    names = ("alias", "title", "note", "tags", "expiresAt", "expiresIn", "permanent", "unguessable", "longUrl")

    assert read(**dict.fromkeys(names)) == read()
    assert NewLink.from_json({"longUrl": None, "url": URL}, TargetPolicy(frozenset()), NOW) == read()


def test_texts_are_trimmed_and_tags_are_distinct() -> None:
    """What looks the same is the same."""
    wanted = read(title="  Sale ", note="\n", tags=[" b", "a", "b"])

    assert (wanted.title, wanted.note, wanted.tags) == ("Sale", None, ("b", "a"))


@pytest.mark.parametrize(
    ("fields", "expires"),
    [
        ({"expiresIn": "90s"}, NOW + timedelta(seconds=90)),
        ({"expiresIn": "30m"}, NOW + timedelta(minutes=30)),
        ({"expiresIn": "12h"}, NOW + timedelta(hours=12)),
        ({"expiresIn": "7d"}, NOW + timedelta(days=7)),
        ({"expiresIn": "4w"}, NOW + timedelta(weeks=4)),
        ({"expiresAt": "2030-01-01T00:00:00Z"}, datetime(2030, 1, 1, tzinfo=UTC)),
        ({"expiresAt": "2030-01-01t02:00:00.5+02:00"}, datetime(2030, 1, 1, 0, 0, 0, 500000, tzinfo=UTC)),
        ({}, None),
    ],
)
def test_an_end_may_be_a_moment_or_a_length(fields: dict[str, str], expires: datetime | None) -> None:
    """In any zone; kept in UTC, to the millisecond."""
    if expires is not None:
        expires = expires.replace(microsecond=expires.microsecond // 1000 * 1000)

    assert read(**fields).expires_at == expires


@pytest.mark.parametrize(
    ("wish", "link", "met"),
    [
        ({}, {}, True),
        ({}, {"url": "https://example.com/other"}, False),
        ({}, {"title": "Described", "note": "n", "tags": ("a",)}, True),
        ({"title": "Described"}, {"title": "Described"}, True),
        ({"title": "Described"}, {}, False),
        ({"tags": ["a", "b"]}, {"tags": ("b", "a")}, True),
        ({"tags": ["a"]}, {"tags": ("b", "a")}, False),
        ({}, {"expires_at": NOW + timedelta(days=1)}, False),
        ({"expiresAt": "2030-01-01T00:00:00Z"}, {"expires_at": datetime(2030, 1, 1, tzinfo=UTC)}, True),
        ({"permanent": True}, {}, False),
        ({}, {"permanent": True}, False),
        ({"unguessable": True}, {}, False),
        ({"unguessable": True}, {"unguessable": True}, True),
        ({}, {"unguessable": True}, True),
        ({"alias": "code"}, {}, True),
        ({"alias": "other"}, {}, False),
    ],
)
def test_a_link_meets_a_wish_if_it_does_and_says_the_same(
    wish: dict[str, Any],
    link: dict[str, Any],
    met: bool,  # noqa: FBT001  # the expectation
) -> None:
    """Deeds must be equal; descriptions where they were given."""
    there = dataclasses.replace(Link(code="code", url=URL, owner="ann"), **link)

    assert read(**wish).is_met_by(there, "ann", NOW) is met
    assert not read(**wish).is_met_by(there, "bob", NOW)
    assert not read(**wish).is_met_by(there, None, NOW)


@pytest.mark.parametrize("told", [{"title": "t"}, {"note": "n"}, {"tags": ("a",)}], ids=str)
def test_a_link_of_nobodys_tells_a_stranger_nothing_new(told: dict[str, Any]) -> None:
    """Without an owner a link meets a wish only if it says exactly what the wish says."""
    there = Link(code="code", url=URL)

    assert read().is_met_by(there, None, NOW)
    assert not read().is_met_by(dataclasses.replace(there, **told), None, NOW)


def test_an_expired_link_meets_no_wish() -> None:
    """Even if the wish named the same end."""
    end = NOW + timedelta(seconds=1)
    wanted = dataclasses.replace(read(), expires_at=end)

    assert wanted.is_met_by(Link(code="code", url=URL, expires_at=end), None, NOW)
    assert not wanted.is_met_by(Link(code="code", url=URL, expires_at=end), None, end)
