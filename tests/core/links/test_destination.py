"""Where a link leads a visitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.destination import CACHED_AT_MOST, Destination, destination_of, fallback_of
from chalicelib.core.link import Link
from chalicelib.core.rules import Rule
from chalicelib.core.visitor import Visitor
from chalicelib.errors import LinkUnknown

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL, APP = "https://example.com/", "https://apps.example.com/app?id=1"
PHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1"}
FOR_PHONES = Rule(url=APP, device=("ios",))


def nobody() -> str:
    """Fail: who the visitor is need not be known."""
    raise AssertionError


def link(url: str = URL, **fields: Any) -> Link:
    """Return a link."""
    return Link(code="sale", url=url, **fields)


def visitor(headers: dict[str, str] | None = None, *path: str, **query: list[str]) -> Visitor:
    """Return who comes with these headers, this path behind the code, and this query."""
    return Visitor(headers=headers or {}, query=query, path=path)


def led(wanted: Link, who: Visitor | None = None) -> Destination:
    """Return where a link leads that draws nothing."""
    return destination_of(wanted, who or visitor(), NOON, nobody)


def test_a_link_leads_to_its_url() -> None:
    """Every time anew, and counted for its owner; nobody asks who the visitor is."""
    assert led(link(owner="ann")) == Destination(URL, owner="ann")


@pytest.mark.parametrize(
    ("rules", "url", "variant"),
    [
        ((FOR_PHONES,), APP, "1"),
        ((Rule(url=URL, device=("android",)), FOR_PHONES), APP, "2"),
        ((Rule(url=APP, device=("android",)),), URL, "default"),
        ((Rule(url=URL),), URL, "1"),
    ],
)
def test_a_rule_leads_elsewhere(rules: tuple[Rule, ...], url: str, variant: str) -> None:
    """Which of the targets it was is told by number, from 1; the link's own has a name."""
    assert led(link(rules=rules, owner="ann"), visitor(PHONE)) == Destination(url, owner="ann", variant=variant)


def test_a_share_is_drawn_by_who_the_visitor_is() -> None:
    """The same visitor goes the same way; of a hundred, some go each."""
    halves = link(rules=(Rule(url=APP, weight=50),))

    ways = [destination_of(halves, visitor(), NOON, f"visitor {number}".__str__) for number in range(100)]

    assert {(way.url, way.variant) for way in ways} == {(APP, "1"), (URL, "default")}
    assert ways == [destination_of(halves, visitor(), NOON, f"visitor {number}".__str__) for number in range(100)]


def test_each_link_draws_for_itself() -> None:
    """Of two links with the same share not the same people are sent elsewhere, or no two tries could be told apart."""
    halves = [Link(code=code, url=URL, rules=(Rule(url=APP, weight=50),)) for code in ("one", "two")]

    pairs = [
        [destination_of(half, visitor(), NOON, f"visitor {n}".__str__).url for half in halves] for n in range(1000)
    ]

    assert 400 < sum(one == two for one, two in pairs) < 600


@pytest.mark.parametrize(
    ("fields", "who", "url"),
    [
        ({}, visitor(utm=["x"]), URL),
        ({"forward_query": True}, visitor(), URL),
        ({"forward_query": True}, visitor(utm=["x"]), f"{URL}?utm=x"),
        ({"forward_query": True, "rules": (FOR_PHONES,)}, visitor(PHONE, utm=["x"]), f"{APP}&utm=x"),
        (
            {"forward_query": True, "rules": (FOR_PHONES,)},
            visitor(PHONE, id=["2"]),
            "https://apps.example.com/app?id=2",
        ),
        ({"forward_path": True}, visitor(), URL),
        ({"forward_path": True}, visitor(None, "a", "b%20c"), f"{URL}a/b%20c"),
        ({"forward_path": True}, visitor(None, "a", utm=["x"]), f"{URL}a"),
        ({"forward_path": True, "rules": (FOR_PHONES,)}, visitor(PHONE, "a"), "https://apps.example.com/app/a?id=1"),
        ({"forward_path": True, "forward_query": True}, visitor(None, "a", utm=["x"]), f"{URL}a?utm=x"),
    ],
)
def test_what_a_visitor_brings_goes_along(fields: dict[str, Any], who: Visitor, url: str) -> None:
    """Where the link takes it: query and path each for themselves, behind a rule's URL as behind its own."""
    assert led(link(**fields), who).url == url


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, ("a",)),
        ({"forward_query": True}, ("a",)),
        ({}, ("",)),
        ({"forward_path": True}, ("..",)),
        ({"forward_path": True}, ("a", "%2e%2e")),
    ],
    ids=str,
)
def test_a_path_that_is_not_taken_leads_nowhere(fields: dict[str, Any], path: tuple[str, ...]) -> None:
    """Neither of a link that takes none, nor one that leads out of where the link leads."""
    with pytest.raises(LinkUnknown) as unknown:
        led(link(**fields), visitor(None, *path))

    assert unknown.value.link_code == "sale"


@pytest.mark.parametrize("url", ["", "example.com", "javascript:alert(1)", "/path", "https://", "mailto:a@example.com"])
def test_what_no_browser_could_open_is_no_link(url: str) -> None:
    """An older table may hold it."""
    with pytest.raises(LinkUnknown):
        led(link(url))

    assert fallback_of(link(fallback_url=url)) is None


def test_an_address_is_ascii_on_its_way() -> None:
    """Whatever an older table holds and a visitor brings."""
    old = link("https://example.com/straße?ü", forward_query=True, forward_path=True)

    url = led(old, visitor(None, "münchen", größe=["ü"])).url

    assert url == "https://example.com/stra%C3%9Fe/m%C3%BCnchen?%C3%BC&gr%C3%B6%C3%9Fe=%C3%BC"


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (None, CACHED_AT_MOST),
        (timedelta(days=400), CACHED_AT_MOST),
        (timedelta(hours=1), CACHED_AT_MOST),
        (timedelta(seconds=3599.9), 3599),
        (timedelta(seconds=90), 90),
        (timedelta(milliseconds=1), 0),
    ],
)
def test_a_permanent_redirect_is_kept_while_the_link_lasts(left: timedelta | None, seconds: int) -> None:
    """An hour at the most, and never past its end."""
    lasting = link(permanent=True, owner="ann", expires_at=None if left is None else NOON + left)

    assert led(lasting) == Destination(URL, permanent=True, cache_seconds=seconds, owner="ann")


def test_a_permanent_redirect_takes_along_what_is_brought() -> None:
    """Browsers keep it for the whole address, query and all."""
    assert led(link(permanent=True, forward_query=True), visitor(utm=["x"])).url == f"{URL}?utm=x"


def test_a_link_that_is_over_may_lead_to_another_place() -> None:
    """Which is no visit, and is never kept: the link may be open again tomorrow."""
    over = link(fallback_url="https://example.com/over", owner="ann", permanent=True)

    assert fallback_of(over) == Destination("https://example.com/over", owner="ann", is_visit=False)


def test_a_link_that_is_over_may_lead_nowhere() -> None:
    """It says so instead."""
    assert fallback_of(link()) is None
