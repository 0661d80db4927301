"""A click: which facts are taken from the headers, and how it is transmitted."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits import click as clicks
from chalicelib.core.visits.click import Click, ClickFromAnotherVersion, ClickUnreadable
from chalicelib.core.visits.visitor import Visitor

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


def click_of(**headers: str) -> Click:
    """Return the click of a browser that sends ``headers`` besides its usual ones, through CloudFront."""
    sent = BROWSER | {name.replace("_", "-"): value for name, value in headers.items()}
    return click_with(sent)


def click_with(headers: dict[str, str], *, trust_cloudfront: bool = True) -> Click:
    """Return the click of a request with ``headers``."""
    visitor = Visitor(headers=headers, query={}, visit_id="id", trust_cloudfront=trust_cloudfront)
    return clicks.click_from(visitor, link_id="sale", owner=None, variant=None, at=NOON)


def test_facts_are_taken_from_headers() -> None:
    """The referrer's host, the first language, and CloudFront's country and device."""
    click = click_of()

    assert (click.referrer, click.language, click.country, click.device) == ("news.example.com", "pt", "PT", "mobile")
    assert click.at.microsecond == 123_000
    assert click.day == "2026-11-24"


def test_cloudfront_headers_are_ignored_without_cloudfront() -> None:
    """Clients could forge them."""
    click = click_with(BROWSER, trust_cloudfront=False)

    assert (click.country, click.device) == (None, None)


@pytest.mark.parametrize("header", ["dnt", "sec_gpc"])
def test_do_not_track_keeps_only_the_count(header: str) -> None:
    """No referrer, language or visitor is recorded."""
    click = click_of(**{header: "1"})

    assert (click.referrer, click.language, click.visitor) == (None, None, None)
    assert clicks.is_private({header.replace("_", "-"): "1"})
    assert not clicks.is_private(BROWSER | {"dnt": "0"})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("referer", "", None),
        ("referer", "android-app://com.google.android.gm/", "com.google.android.gm"),
        ("referer", "android-app://org.telegram.messenger", "org.telegram.messenger"),
        ("referer", "Android-App://com.Slack", "com.slack"),
        ("referer", "android-app://com.my_company.app_one/https/example.com/x", "com.my_company.app_one"),
        ("referer", "android-app://app", None),
        ("referer", "ios-app://544007664/vnd.youtube", None),
        ("referer", "https://www.site.org./x", "www.site.org"),
        ("referer", "https://site.org.:8443", "site.org"),
        ("referer", "https://site.org../x", None),
        ("referer", "https://user:secret@example.com/", "example.com"),
        ("referer", 'https://"><img src=x onerror=1>/', None),
        ("referer", "HTTP://EXAMPLE.COM", "example.com"),
        ("referer", "https://direct/", None),
        ("referer", "http://192.168.7.7/x", None),
        ("referer", "https://" + "a" * 300 + ".com/", None),
    ],
)
def test_only_the_host_of_a_referrer_is_kept(name: str, value: str, expected: str | None) -> None:
    """Anything but the host of a web page or the name of an app is dropped."""
    assert click_of(**{name: value}).referrer == expected


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("de", "de"),
        ("*", None),
        ("", None),
        ("EN-us;q=0.1", "en"),
        ("<b>", None),
        ("en;q=0.1, fr;q=0.9", "fr"),
        ("en;q=0, fr;q=0.5", "fr"),
        ("de, en;q=0.8", "de"),
        ("*;q=0.9, pt-BR;q=0.8", "pt"),
        ("en;q=0.5, zh-Hant-TW", "zh"),
        ("en;q=0.5,fr;q=0.5", "en"),
        ("english, fr;q=0.9", "fr"),
        ("en;q=0", None),
    ],
)
def test_preferred_language_is_recorded(accepted: str, expected: str | None) -> None:
    """By quality (RFC 9110, section 12.5.4), and without its region: `en`, not `en-US`."""
    assert click_of(accept_language=accepted).language == expected


@pytest.mark.parametrize("country", ["pt", "PRT", "P1", "=1"])
def test_country_must_be_two_capitals(country: str) -> None:
    """Any other value is ignored."""
    assert click_of(cloudfront_viewer_country=country).country is None


def test_tablet_is_not_a_phone() -> None:
    """CloudFront reports a tablet as mobile as well."""
    assert click_of(cloudfront_is_tablet_viewer="true").device == "tablet"


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
def test_prefetch_is_recognised(headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001  # a table of cases
    """The browser fetched the link before any click."""
    assert click_of(**headers).prefetch is expected


def test_user_agent_is_cut() -> None:
    """At 512 characters: long hostile ones take too long to classify."""
    assert len(click_of(user_agent="x" * 10_000).agent or "") == 512


FULL = Click(
    id="c6af9ac6-7b61",
    link_id="sale",
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


@pytest.mark.parametrize("click", [FULL, Click(id="1", link_id=clicks.UNKNOWN, at=FULL.at)], ids=["full", "bare"])
def test_click_survives_the_queue(click: Click) -> None:
    """The click read equals the click sent; the message has a version."""
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
def test_invalid_click_is_unreadable(spoilt: dict[str, Any]) -> None:
    """One field with an invalid value makes the message unreadable for good."""
    with pytest.raises(ClickUnreadable):
        Click.from_json(json.dumps(FULL.as_message() | spoilt))


@pytest.mark.parametrize("name", ["agent", "id", "referrer"])
def test_lone_surrogate_is_unreadable(name: str) -> None:
    """DynamoDB rejects it, and the batch with it; the error message is ASCII."""
    message = json.dumps(FULL.as_message() | {name: "x\ud800y"})

    with pytest.raises(ClickUnreadable) as unreadable:
        Click.from_json(message)

    assert str(unreadable.value).isascii()


@pytest.mark.parametrize("text", ["", "null", "[]", "7", "{}", '{"v": 1}', "[" * 100_000, "\ud800"])
def test_garbage_is_unreadable(text: str) -> None:
    """No message makes the parser fail otherwise."""
    with pytest.raises(ClickUnreadable):
        Click.from_json(text)


def test_message_of_another_version_is_not_unreadable() -> None:
    """It must be delivered again, not quarantined: a newer function is being deployed."""
    with pytest.raises(ClickFromAnotherVersion):
        Click.from_json(json.dumps(FULL.as_message() | {"v": 2}))


@given(st.dictionaries(st.sampled_from(sorted([*BROWSER, "dnt", "purpose"])), st.text(max_size=600)))
def test_any_headers_make_a_readable_click(headers: dict[str, str]) -> None:
    """Whatever a client sends becomes a message that is read back equal."""
    click = click_with(headers)

    assert Click.from_json(json.dumps(click.as_message())) == click


def test_equal_clicks_are_one() -> None:
    """Two messages of one click are one click."""
    assert len({FULL, dataclasses.replace(FULL)}) == 1
