"""The redirect's own function responds from its cache, without Chalice, exactly as its route does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import redirect_lambda
from chalicelib.api.redirect import Redirect
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import link_store
from chalicelib.core.links.link import Link
from chalicelib.core.links.rules import Rule

URL, ELSEWHERE = "https://example.com/a?b=%7e#c", "https://example.com/elsewhere"
LINKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "permanent": {"permanent": True, "expires_at": timedelta(minutes=5)},
    "off": {"enabled": False},
    "over": {"expires_at": timedelta(-1), "fallback_url": ELSEWHERE},
    "later": {"starts_at": timedelta(1)},
    "blocked": {"blocked": "spam <b>"},
    "asks": {"confirm": True},
    "rules": {"rules": (Rule(url=ELSEWHERE, language=("pt",)),)},
    "forwards": {"forward_query": True},
}
"""The reference time of the links, which is before the test runs."""
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
    """Return the event that API Gateway sends for a visit."""
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
def test_cached_response_equals_the_routes(code: str, visit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status, headers, body and counted click are equal for each kind of link and visitor."""
    visits: list[Any] = []
    monkeypatch.setattr("chalicelib.api.redirect.track", lambda visit, _: visits.append(visit))
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        name: now + value if isinstance(value, timedelta) else value for name, value in LINKS[code].items()
    }
    link = Link(id=code, url=URL, owner="ann", **fields)
    link_store.add(link, "made")

    link_cache.reset()
    assert Redirect().from_cache(event_of(code, VISITS[visit])) is None
    by_route, counted_by_route = redirect_lambda.app(event_of(code, VISITS[visit]), None), visits.copy()
    visits.clear()
    assert link_cache.has_fresh(code, datetime.now(UTC))
    straight, counted_straight = redirect_lambda.app(event_of(code, VISITS[visit]), None), visits.copy()

    shared = {name: by_route["headers"].get(name) for name in straight["headers"]}
    assert (straight["statusCode"], straight["headers"], straight["body"]) == (
        by_route["statusCode"],
        shared | _seconds_apart(straight, shared),
        by_route["body"],
    )
    assert by_route["headers"].keys() == straight["headers"].keys()
    assert [_seen_of(each) for each in counted_straight] == [_seen_of(each) for each in counted_by_route]


def _seconds_apart(straight: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Return the headers with seconds if they differ by at most one."""
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
    return (visit.link_id, visit.owner, visit.variant, headers, *seen)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("path", "method", "resource"),
    [("none", "GET", "/{code}"), ("plain+", "GET", "/{code}"), ("plain", "POST", "/{code}"), ("plain", "GET", "/x")],
)
def test_other_requests_are_left_to_the_route(path: str, method: str, resource: str) -> None:
    """Links that are not cached, previews, forms and other paths."""
    link_cache.put(Link(id="plain", url=URL), datetime.now(UTC))

    assert Redirect().from_cache(event_of(path, {"headers": {}, "method": method}, resource)) is None
    assert Redirect().from_cache({"warm": True}) is None


@pytest.mark.usefixtures("aws")
def test_limited_link_is_left_to_the_route() -> None:
    """It is never cached."""
    for code, limit in (("one", {"max_visits": 1}), ("shut", {"password_digest": "scrypt$1$1$1$00$00"})):
        link_cache.put(Link(id=code, url=URL, **limit), datetime.now(UTC))
        assert Redirect().from_cache(event_of(code, {"headers": BROWSER})) is None
