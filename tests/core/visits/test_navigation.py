"""Recognising people who follow links: 300 user agents of people and 300 of programs, with the headers they send."""

from __future__ import annotations

import re

import pytest

from chalicelib.core.visits.navigation import is_person
from chalicelib.core.visits.visitor import RequestedAs, Visitor
from tests.paths import ROOT

_AGENTS = ROOT / "tests" / "agents"
PEOPLE = (_AGENTS / "people.txt").read_text().splitlines()
"""From published lists of user agents: browsers on phones, desktops and televisions, and inside apps."""
PROGRAMS = (_AGENTS / "programs.txt").read_text().splitlines()
"""From published lists of crawlers: search, previews, mail scanners, monitors, feed readers, libraries."""
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "none"}
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
)
WEBVIEW = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/124.0.6367.123 Mobile Safari/537.36"
)


def is_person_with(agent: str, **headers: str) -> bool:
    """Tell whether a request with these headers is a person's."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return is_person(Visitor(headers=sent, query={}).requested_as, agent)


def own_accept_of(program: str) -> str:
    """Return the Accept header that a program sends: HTML from those that render pages, anything from libraries."""
    return HTML if re.match("Mozilla/|facebookexternalhit|Twitterbot|Slackbot", program) else "*/*"


def test_lists_have_three_hundred_agents_each() -> None:
    """Without duplicates."""
    assert len(set(PEOPLE)) == len(set(PROGRAMS)) == 300


def test_people_are_recognised() -> None:
    """With the headers that browsers have sent since 2020, and with those of older ones or without TLS."""
    assert [agent for agent in PEOPLE if not is_person_with(agent, accept=HTML)] == []
    assert [agent for agent in PEOPLE if not is_person_with(agent, accept=HTML, **NAVIGATION)] == []


def test_programs_are_not_people() -> None:
    """With the Accept header that they really send, and with a browser's."""
    assert [agent for agent in PROGRAMS if is_person_with(agent, accept=own_accept_of(agent))] == []
    assert [agent for agent in PROGRAMS if is_person_with(agent, accept=HTML)] == []


@pytest.mark.parametrize(
    ("headers", "requested_as"),
    [
        ({}, "other"),
        ({"accept": ""}, "other"),
        ({"accept": "*/*"}, "other"),
        ({"accept": "application/json"}, "other"),
        ({"accept": "image/avif,image/webp,*/*;q=0.8"}, "other"),
        ({"accept": HTML}, "page"),
        ({"accept": "TEXT/HTML"}, "page"),
        ({"accept": "application/xhtml+xml"}, "page"),
        ({"accept": HTML, "sec-fetch-mode": "navigate"}, "navigation"),
        ({"accept": "*/*", "sec-fetch-mode": "navigate"}, "other"),
        *(
            ({"accept": HTML, "sec-fetch-mode": mode}, "other")
            for mode in ("cors", "no-cors", "same-origin", "websocket")
        ),
    ],
    ids=str,
)
def test_requested_as_follows_from_the_headers(headers: dict[str, str], requested_as: RequestedAs) -> None:
    """``Sec-Fetch-Mode`` decides where it is present; pages are requested as HTML."""
    assert Visitor(headers=headers, query={}).requested_as == requested_as


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0",
        "Mozilla/5.0 (compatible)",
        "Mozilla/5.0 (compatible; Anything/1.0)",
        "Something else entirely",
        "  Mozilla/5.0 (Windows NT 10.0)",
        f"{CHROME} Unheard-of/1.0",
        f"{CHROME} (someone@example.com)",
        f"{CHROME} (+https://example.com/why)",
        f"{CHROME} (compatible; Unheard-of)",
        CHROME.replace("like Gecko)", "like Gecko; Unheard-of)"),
        CHROME.replace("x64)", "x64; Unheard-of)"),
        CHROME.replace("Chrome", "HeadlessChrome"),
        f"{CHROME} Bluesky Cardyb/1.1",
    ],
)
def test_agent_with_an_unusual_part_is_a_program(agent: str) -> None:
    """An unknown name is recognised by its position."""
    assert not is_person_with(agent, accept=HTML)


@pytest.mark.parametrize("app", ["SomeApp/4.2", "Some Other App", "Ünïcode/1"])
def test_navigating_browser_may_be_in_an_unknown_app(app: str) -> None:
    """Without ``Sec-Fetch-Mode`` the app must be known."""
    assert is_person_with(f"{WEBVIEW} {app}", accept=HTML, **NAVIGATION)
    assert not is_person_with(f"{WEBVIEW} {app}", accept=HTML)


@pytest.mark.parametrize(
    "app", ["Viber/22.1.0", "MetaIAB Facebook", "Instagram 406.0.0.58.159 Android (35/15; IABMV/1)", "[FB_IAB/FB4A;]"]
)
def test_app_that_also_fetches_links_is_known_by_its_browser(app: str) -> None:
    """Alone, the same name is that of a program."""
    assert is_person_with(f"{WEBVIEW} {app}", accept=HTML)
    assert not is_person_with(app, accept=HTML)


def test_click_without_requested_as_is_classified_by_name_alone() -> None:
    """It comes from an earlier version, and is counted as that version would have counted it."""
    assert is_person(None, "Something else entirely")
    assert not is_person(None, "curl/8.5.0")


@pytest.mark.parametrize("agent", ["(" * 600, "Mozilla/5.0 (" + "(a" * 300, "Mozilla/5.0 (X11) " + "a/" * 300, "\0\n"])
def test_hostile_agent_is_parsed_quickly(agent: str) -> None:
    """No pattern backtracks; a test that takes seconds would show it."""
    assert not is_person_with(agent, accept=HTML)
