"""Requests to create links, as clients send them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.links import find_existing
from chalicelib.core.links.link import Link
from chalicelib.core.links.new_link import NewLink
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.errors import LinkInvalid

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
URL = "https://example.com/"


def read(**body: Any) -> NewLink:
    """Read a request for a link to example.com, with these fields."""
    return NewLink.from_json({"url": URL, **body}, TargetPolicy(frozenset({"sho.rt"})), NOW)


def wrong(body: dict[str, Any]) -> dict[str, str]:
    """Return the errors of ``body``: field and code."""
    with pytest.raises(LinkInvalid) as invalid:
        NewLink.from_json(body, TargetPolicy(frozenset({"sho.rt"})), NOW)
    assert all(error.message for error in invalid.value.errors)
    return {error.field: error.code for error in invalid.value.errors}


@pytest.mark.parametrize("name", ["url", "originalUrl", "longUrl", "long_url", "target", "destination"])
def test_aliases_of_the_url_field(name: str) -> None:
    """The names in the APIs of other shorteners are accepted."""
    assert NewLink.from_json({name: URL}, TargetPolicy(frozenset()), NOW).url == URL


@pytest.mark.parametrize("name", ["alias", "customSlug", "slug", "keyword", "key"])
def test_aliases_of_the_alias_field(name: str) -> None:
    """Errors have the name that the client used."""
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
        ({"url": URL, "tags": ["a\tb"]}, {"tags": "invalid"}),
        ({"url": URL, "tags": ["a\u202eb"]}, {"tags": "invalid"}),
        ({"url": URL, "tags": ["a\u200bb"]}, {"tags": "invalid"}),
        ({"url": URL, "tags": ["\ufeffa"]}, {"tags": "invalid"}),
        ({"url": URL, "tags": ["\u200d"]}, {"tags": "invalid"}),
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
def test_invalid_fields_are_refused_with_a_code(body: dict[str, Any], errors: dict[str, str]) -> None:
    """Each mistake gives one error, under the name that the client used."""
    assert wrong(body) == errors


def test_all_errors_are_reported_at_once() -> None:
    """Not only the first."""
    body = {"url": "x", "alias": "/", "title": 1, "tags": 2, "expiresIn": "x", "permanent": "x", "colour": "red"}

    assert set(wrong(body)) == set(body)


@pytest.mark.parametrize(("given", "meant"), [("aliass", "alias"), ("ExpiresAt", "expiresAt"), ("longurl", "longUrl")])
def test_error_of_an_unknown_field_suggests_a_known_one(given: str, meant: str) -> None:
    """The most similar name is suggested."""
    with pytest.raises(LinkInvalid, match=f"Did you mean '{meant}'"):
        read(**{given: "x"})


def test_null_means_omitted() -> None:
    """For every optional field, in any order."""
    names = ("alias", "title", "note", "tags", "expiresAt", "expiresIn", "permanent", "unguessable", "longUrl")

    assert read(**dict.fromkeys(names)) == read()
    assert NewLink.from_json({"longUrl": None, "url": URL}, TargetPolicy(frozenset()), NOW) == read()


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0995\u09cd\u200d\u09b7",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u1820\u180e\u1820",
        "\u06dd1",
        "\U0001fae9",
    ],
    ids=["Persian", "Bengali", "a family", "Mongolian", "Arabic sign", "newer than this Python's tables"],
)
def test_texts_may_have_letters_of_all_languages(text: str) -> None:
    """Including joiners that are invisible alone, and characters newer than this Python."""
    new_link = read(title=text, note=text, tags=[text])

    assert (new_link.title, new_link.note, new_link.tags) == (text, text, (text,))


def test_texts_are_trimmed_and_tags_are_distinct() -> None:
    """An empty text becomes null."""
    new_link = read(title="  Sale ", note="\n", tags=[" b", "a", "b"])

    assert (new_link.title, new_link.note, new_link.tags) == ("Sale", None, ("b", "a"))


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
def test_expiry_may_be_a_time_or_a_duration(fields: dict[str, str], expires: datetime | None) -> None:
    """In any time zone; stored in UTC, to the millisecond."""
    if expires is not None:
        expires = expires.replace(microsecond=expires.microsecond // 1000 * 1000)

    assert read(**fields).expires_at == expires


@pytest.mark.parametrize(
    ("body", "link", "satisfied"),
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
def test_equivalent_link_satisfies_a_request(
    body: dict[str, Any],
    link: dict[str, Any],
    satisfied: bool,  # noqa: FBT001  # the expectation
) -> None:
    """The behaviour must be equal, the description only where it was given."""
    existing = dataclasses.replace(Link(id="code", url=URL, owner="ann"), **link)

    assert find_existing.is_satisfied_by(read(**body), existing, "ann", NOW) is satisfied
    assert not find_existing.is_satisfied_by(read(**body), existing, "bob", NOW)
    assert not find_existing.is_satisfied_by(read(**body), existing, None, NOW)


@pytest.mark.parametrize("described", [{"title": "t"}, {"note": "n"}, {"tags": ("a",)}], ids=str)
def test_link_without_an_owner_reveals_nothing_new(described: dict[str, Any]) -> None:
    """Without an owner, a link is reused only if its description is exactly the requested one."""
    existing = Link(id="code", url=URL)

    assert find_existing.is_satisfied_by(read(), existing, None, NOW)
    assert not find_existing.is_satisfied_by(read(), dataclasses.replace(existing, **described), None, NOW)


def test_expired_link_satisfies_no_request() -> None:
    """Even if the request has the same expiry."""
    end = NOW + timedelta(seconds=1)
    new_link = dataclasses.replace(read(), expires_at=end)

    assert find_existing.is_satisfied_by(new_link, Link(id="code", url=URL, expires_at=end), None, NOW)
    assert not find_existing.is_satisfied_by(new_link, Link(id="code", url=URL, expires_at=end), None, end)
