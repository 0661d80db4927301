"""The destination of a visitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.links.destination import CACHED_AT_MOST, Destination, destination_of, fallback_of, needs_visitor_id
from chalicelib.core.links.link import Link
from chalicelib.core.links.rules import Rule
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import LinkUnknown

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL, APP = "https://example.com/", "https://apps.example.com/app?id=1"
PHONE = {"user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1"}
FOR_PHONES = Rule(url=APP, device=("ios",))


def link(url: str = URL, **fields: Any) -> Link:
    """Return a link."""
    return Link(id="sale", url=url, **fields)


def visitor(headers: dict[str, str] | None = None, *path: str, **query: list[str]) -> Visitor:
    """Return a visitor with these headers, this path after the code, and this query."""
    return Visitor(headers=headers or {}, query=query, path=path)


def destination(link: Link, guest: Visitor | None = None) -> Destination:
    """Return the destination of a link that needs no id of the visitor."""
    assert not needs_visitor_id(link, guest or visitor(), NOON)
    return destination_of(link, guest or visitor(), NOON)


def test_link_redirects_to_its_url() -> None:
    """It is not cached, and counts for its owner; the visitor is not identified."""
    assert destination(link(owner="ann")) == Destination(URL, owner="ann")


@pytest.mark.parametrize(
    ("rules", "url", "variant"),
    [
        ((FOR_PHONES,), APP, "1"),
        ((Rule(url=URL, device=("android",)), FOR_PHONES), APP, "2"),
        ((Rule(url=APP, device=("android",)),), URL, "default"),
        ((Rule(url=URL),), URL, "1"),
    ],
)
def test_rule_chooses_the_target(rules: tuple[Rule, ...], url: str, variant: str) -> None:
    """The variant is the number of the rule, from 1, or `default` for the link's own URL."""
    assert destination(link(rules=rules, owner="ann"), visitor(PHONE)) == Destination(url, owner="ann", variant=variant)


def test_share_depends_on_the_visitor_id() -> None:
    """The same visitor always gets the same target; of a hundred visitors, some get each."""
    halves = link(rules=(Rule(url=APP, weight=50),))
    assert needs_visitor_id(halves, visitor(), NOON)

    results = [destination_of(halves, visitor(), NOON, f"visitor {number}") for number in range(100)]

    assert {(way.url, way.variant) for way in results} == {(APP, "1"), (URL, "default")}
    assert results == [destination_of(halves, visitor(), NOON, f"visitor {number}") for number in range(100)]


def test_shares_of_links_are_independent() -> None:
    """Two links with the same weight apply their rules to different visitors."""
    halves = [Link(id=code, url=URL, rules=(Rule(url=APP, weight=50),)) for code in ("one", "two")]

    pairs = [[destination_of(half, visitor(), NOON, f"visitor {n}").url for half in halves] for n in range(1000)]

    assert 400 < sum(one == two for one, two in pairs) < 600


@pytest.mark.parametrize(
    ("fields", "guest", "url"),
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
def test_query_and_path_are_forwarded(fields: dict[str, Any], guest: Visitor, url: str) -> None:
    """Each only if the option is set, and for the URL of a rule as for the link's own."""
    assert destination(link(**fields), guest).url == url


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
def test_path_that_is_not_forwarded_is_unknown(fields: dict[str, Any], path: tuple[str, ...]) -> None:
    """If the link does not forward paths, or the path leaves that of the target."""
    with pytest.raises(LinkUnknown) as unknown:
        destination(link(**fields), visitor(None, *path))

    assert unknown.value.link_code == "sale"


@pytest.mark.parametrize("url", ["", "example.com", "javascript:alert(1)", "/path", "https://", "mailto:a@example.com"])
def test_unusable_target_is_unknown(url: str) -> None:
    """Older tables may hold such targets."""
    with pytest.raises(LinkUnknown):
        destination(link(url))

    assert fallback_of(link(fallback_url=url)) is None


def test_destination_is_ascii() -> None:
    """Whatever an older table holds and a visitor sends."""
    old = link("https://example.com/straße?ü", forward_query=True, forward_path=True)

    url = destination(old, visitor(None, "münchen", größe=["ü"])).url

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
def test_permanent_redirect_is_cached_until_the_link_expires(left: timedelta | None, seconds: int) -> None:
    """For an hour at most, and never longer than the link is open."""
    lasting = link(permanent=True, owner="ann", expires_at=None if left is None else NOON + left)

    assert destination(lasting) == Destination(URL, permanent=True, cache_seconds=seconds, owner="ann")


def test_permanent_redirect_forwards_the_query() -> None:
    """Browsers cache it for the whole URL, including the query."""
    assert destination(link(permanent=True, forward_query=True), visitor(utm=["x"])).url == f"{URL}?utm=x"


def test_fallback_is_no_visit_and_is_not_cached() -> None:
    """Because the link may be open again tomorrow."""
    over = link(fallback_url="https://example.com/over", owner="ann", permanent=True)

    assert fallback_of(over) == Destination("https://example.com/over", owner="ann", is_visit=False)


def test_without_a_fallback_there_is_no_destination() -> None:
    """The visitor sees why the link is closed instead."""
    assert fallback_of(link()) is None
