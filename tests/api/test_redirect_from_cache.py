"""What the redirect's own function answers without Chalice is what its route answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import redirect_app
from chalicelib.aws import link_cache, link_table
from chalicelib.core.link import Link
from chalicelib.core.rules import Rule
from chalicelib.redirect_door import at_once

NOW = datetime.now(UTC)
URL, ELSEWHERE = "https://example.com/a?b=%7e#c", "https://example.com/elsewhere"
LINKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "permanent": {"permanent": True, "expires_at": NOW + timedelta(minutes=5)},
    "off": {"enabled": False},
    "over": {"expires_at": NOW - timedelta(1), "fallback_url": ELSEWHERE},
    "later": {"starts_at": NOW + timedelta(1)},
    "blocked": {"blocked": "spam <b>"},
    "asks": {"confirm": True},
    "rules": {"rules": (Rule(url=ELSEWHERE, language=("pt",)),)},
    "forwards": {"forward_query": True},
}
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,*/*;q=0.8",
    "Accept-Language": "pt-PT,pt;q=0.9",
}
VISITS: dict[str, dict[str, Any]] = {
    "browser": {"headers": BROWSER},
    "program": {"headers": {"ACCEPT": "application/json"}},
    "nothing said": {"headers": None},
    "HEAD": {"headers": BROWSER, "method": "HEAD"},
    "query": {"headers": BROWSER, "multiValueQueryStringParameters": {"b": ["1", "2"], "x y": ["ü"]}},
}


def event_of(code: str, visit: dict[str, Any], resource: str = "/{code}") -> dict[str, Any]:
    """Return what API Gateway tells of a visit."""
    given = {"multiValueQueryStringParameters": None, "body": None, "stageVariables": None, **visit}
    context = {
        "httpMethod": given.pop("method", "GET"),
        "resourcePath": resource,
        "requestId": "id-1",
        "identity": {"sourceIp": "203.0.113.1"},
    }
    return {"requestContext": context, "pathParameters": {"code": code}, **given, "headers": given["headers"] or {}}


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("visit", VISITS)
@pytest.mark.parametrize("code", LINKS)
def test_both_ways_answer_the_same(code: str, visit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status, every header, body; and what is counted: of each kind of link, for each kind of visitor."""
    visits: list[Any] = []
    monkeypatch.setattr("chalicelib.redirect_door.track", visits.append)
    link = Link(code=code, url=URL, owner="ann", **LINKS[code])
    link_table.add(link, "made")

    link_cache.forget_all()
    assert at_once(event_of(code, VISITS[visit])) is None
    by_route, counted_by_route = redirect_app.app(event_of(code, VISITS[visit]), None), visits.copy()
    visits.clear()
    assert link_cache.knows(code, datetime.now(UTC))
    straight, counted_straight = redirect_app.app(event_of(code, VISITS[visit]), None), visits.copy()

    shared = {name: by_route["headers"].get(name) for name in straight["headers"]}
    assert (straight["statusCode"], straight["headers"], straight["body"]) == (
        by_route["statusCode"],
        shared | _seconds_apart(straight, shared),
        by_route["body"],
    )
    assert by_route["headers"].keys() == straight["headers"].keys()
    assert [_seen_of(each) for each in counted_straight] == [_seen_of(each) for each in counted_by_route]


def _seconds_apart(straight: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Return the headers that count seconds, if they are a second apart at the most."""
    told = straight["headers"]
    names = [name for name in ("Retry-After", "Cache-Control") if told.get(name) != shared.get(name)]
    for name in names:
        one, other = (int("".join(filter(str.isdigit, each[name]))) for each in (told, shared))
        assert 0 <= other - one <= 1
    return {name: told[name] for name in names}


def _seen_of(visit: Any) -> tuple[Any, ...]:
    visitor = visit.visitor
    headers = {name.lower(): visitor.headers[name] for name in visitor.headers}
    seen = (visitor.method, visitor.address, visitor.visit_id, dict(visitor.query))
    return (visit.code, visit.owner, visit.variant, headers, *seen)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("path", "method", "resource"),
    [("none", "GET", "/{code}"), ("plain+", "GET", "/{code}"), ("plain", "POST", "/{code}"), ("plain", "GET", "/x")],
)
def test_all_else_is_for_the_route(path: str, method: str, resource: str) -> None:
    """What is not in memory, a preview, a form, another address."""
    link_cache.learn(Link(code="plain", url=URL), NOW)

    assert at_once(event_of(path, {"headers": {}, "method": method}, resource)) is None
    assert at_once({"warm": True}) is None


@pytest.mark.usefixtures("aws")
def test_what_is_limited_is_for_the_route() -> None:
    """It is in nobody's memory."""
    for code, limit in (("one", {"max_visits": 1}), ("shut", {"password_digest": "scrypt$1$1$1$00$00"})):
        link_cache.learn(Link(code=code, url=URL, **limit), NOW)
        assert at_once(event_of(code, {"headers": BROWSER})) is None
