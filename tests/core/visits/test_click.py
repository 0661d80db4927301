"""A click: what headers tell of a visit, and how it travels."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import click as clicks
from chalicelib.core.click import Click
from chalicelib.core.visitor import Visitor
from chalicelib.errors import ClickFromAnotherVersion, ClickUnreadable

NOON = datetime(2026, 11, 24, 12, 0, 0, 123_456, tzinfo=UTC)
SALT = b"s" * 32
BROWSER = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "referer": "https://News.Example.com:8443/path?secret=1#x",
    "accept-language": "pt-PT,pt;q=0.8,en;q=0.5",
    "cloudfront-viewer-country": "PT",
    "cloudfront-is-mobile-viewer": "true",
    "cloudfront-is-tablet-viewer": "false",
}


def seen(**headers: str) -> Click:
    """Return the click of a browser that sends ``headers`` besides its own, through CloudFront."""
    sent = BROWSER | {name.replace("_", "-"): value for name, value in headers.items()}
    return seen_by(sent)


def seen_by(headers: dict[str, str], *, trust_cloudfront: bool = True) -> Click:
    """Return the click of who sends ``headers``."""
    visitor = Visitor(headers=headers, query={}, visit_id="id", trust_cloudfront=trust_cloudfront)
    return clicks.seen_in(visitor, code="sale", owner=None, variant=None, at=NOON)


def test_headers_tell_where_a_visitor_comes_from() -> None:
    """Host of the referrer alone, first language alone, country and device as CloudFront saw them."""
    click = seen()

    assert (click.referrer, click.language, click.country, click.device) == ("news.example.com", "pt", "PT", "mobile")
    assert click.at.microsecond == 123_000
    assert click.day == "2026-11-24"


def test_without_cloudfront_its_headers_are_anybodys() -> None:
    """Where it does not stand in front, a visitor could have written them."""
    click = seen_by(BROWSER, trust_cloudfront=False)

    assert (click.country, click.device) == (None, None)


@pytest.mark.parametrize("header", ["dnt", "sec_gpc"])
def test_who_asks_not_to_be_tracked_is_counted_and_no_more(header: str) -> None:
    """No referrer, no language; who it was is not asked either."""
    click = seen(**{header: "1"})

    assert (click.referrer, click.language, click.visitor) == (None, None, None)
    assert clicks.is_private({header.replace("_", "-"): "1"})
    assert not clicks.is_private(BROWSER | {"dnt": "0"})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("referer", "", None),
        ("referer", "android-app://com.example", None),
        ("referer", "https://user:secret@example.com/", "example.com"),
        ("referer", 'https://"><img src=x onerror=1>/', None),
        ("referer", "HTTP://EXAMPLE.COM", "example.com"),
        ("referer", "https://direct/", None),
        ("referer", "http://192.168.7.7/x", None),
        ("referer", "https://" + "a" * 300 + ".com/", None),
    ],
)
def test_only_a_host_is_kept_of_a_referrer(name: str, value: str, expected: str | None) -> None:
    """Whatever is no plain host of a web page is nobody's referrer."""
    assert seen(**{name: value}).referrer == expected


@pytest.mark.parametrize(
    ("accepted", "expected"), [("de", "de"), ("*", None), ("", None), ("EN-us;q=0.1", "en"), ("<b>", None)]
)
def test_the_first_language_counts(accepted: str, expected: str | None) -> None:
    """Without its region: `en`, not `en-US`."""
    assert seen(accept_language=accepted).language == expected


@pytest.mark.parametrize("country", ["pt", "PRT", "P1", "=1"])
def test_a_country_is_two_capitals(country: str) -> None:
    """What CloudFront would not write is not believed."""
    assert seen(cloudfront_viewer_country=country).country is None


def test_a_tablet_is_no_telephone() -> None:
    """CloudFront says of a tablet that it is mobile, too."""
    assert seen(cloudfront_is_tablet_viewer="true").device == "tablet"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"purpose": "prefetch"}, True),
        ({"sec_purpose": "prefetch;prerender"}, True),
        ({"sec_purpose": "prefetch;anonymous-client-ip"}, True),
        ({"purpose": "preview"}, False),
        ({}, False),
    ],
)
def test_a_prefetch_is_told_apart(headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001  # a table of cases
    """A browser that fetches ahead has not seen anybody click."""
    assert seen(**headers).prefetch is expected


def test_a_user_agent_is_cut() -> None:
    """At 512 characters: hostile ones take long to judge."""
    assert len(seen(user_agent="x" * 10_000).agent or "") == 512


FULL = Click(
    id="c6af9ac6-7b61",
    code="sale",
    at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    owner="ann",
    agent="Mozilla/5.0 \x00\n✓",
    referrer="example.com",
    country="PT",
    device="mobile",
    language="pt",
    visitor="ab" * 12,
    prefetch=True,
)


@pytest.mark.parametrize("click", [FULL, Click(id="1", code=clicks.UNKNOWN, at=FULL.at)], ids=["full", "bare"])
def test_a_click_survives_the_queue(click: Click) -> None:
    """What was sent is what arrives; the message has a version."""
    message = json.dumps(click.as_message())

    assert Click.from_json(message) == click
    assert json.loads(message)["v"] == 1
    assert message.isascii()
    assert message.isprintable()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"id": "a#b"},
        {"id": ""},
        {"id": "x" * 129},
        {"id": 7},
        {"code": "a/b"},
        {"code": "?other"},
        {"code": None},
        {"at": "yesterday"},
        {"at": 0},
        {"agent": 7},
        {"referrer": ["x"]},
    ],
    ids=str,
)
def test_what_is_no_click_never_will_be(spoilt: dict[str, Any]) -> None:
    """A field that is not what it must be makes the message unreadable, for ever."""
    with pytest.raises(ClickUnreadable):
        Click.from_json(json.dumps(FULL.as_message() | spoilt))


@pytest.mark.parametrize("name", ["agent", "id", "referrer"])
def test_half_a_character_is_no_text(name: str) -> None:
    """No store takes it, and it would take its neighbours along; what is said of it is plain."""
    message = json.dumps(FULL.as_message() | {name: "x\ud800y"})

    with pytest.raises(ClickUnreadable) as unreadable:
        Click.from_json(message)

    assert str(unreadable.value).isascii()


@pytest.mark.parametrize("text", ["", "null", "[]", "7", "{}", '{"v": 1}', "[" * 100_000, "\ud800"])
def test_garbage_is_unreadable(text: str) -> None:
    """No message of whatever kind breaks the reader."""
    with pytest.raises(ClickUnreadable):
        Click.from_json(text)


def test_a_message_of_another_version_is_for_another_function() -> None:
    """It must be delivered again, not set aside: a newer function is on its way."""
    with pytest.raises(ClickFromAnotherVersion):
        Click.from_json(json.dumps(FULL.as_message() | {"v": 2}))


@given(st.dictionaries(st.sampled_from(sorted([*BROWSER, "dnt", "purpose"])), st.text(max_size=600)))
def test_no_header_breaks_a_click(headers: dict[str, str]) -> None:
    """Whatever a visitor sends becomes a message that is read back as it was."""
    click = seen_by(headers)

    assert Click.from_json(json.dumps(click.as_message())) == click


def test_visitors_are_told_apart_and_not_told() -> None:
    """One visitor is one hash for a day; another address, agent or day is another, and no address can be read."""
    one = clicks.visitor_of("203.0.113.7", "Firefox", SALT)

    others = {
        clicks.visitor_of("203.0.113.8", "Firefox", SALT),
        clicks.visitor_of("203.0.113.7", "Chrome", SALT),
        clicks.visitor_of("203.0.113.7", "Firefox", b"t" * 32),
    }

    assert one == clicks.visitor_of("203.0.113.7", "Firefox", SALT)
    assert one not in others
    assert len(others) == 3
    assert "203" not in bytes.fromhex(one).decode("latin-1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:db8::1", "2001:db8:0:0:5::1", True),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
    ],
)
def test_an_ipv6_household_is_one_visitor(one: str, other: str, same: bool) -> None:  # noqa: FBT001  # a table of cases
    """Hosts change the last 64 bits of their address as they please; however an address is written."""
    assert (clicks.visitor_of(one, "x", SALT) == clicks.visitor_of(other, "x", SALT)) is same


def test_a_click_is_a_value() -> None:
    """Two messages of one click are one click."""
    assert len({FULL, dataclasses.replace(FULL)}) == 1
