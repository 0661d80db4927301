"""What the distribution says is believed beside its secret alone; events of the function URL, payload 2.0."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from chalice.test import TestHTTPClient as Http

import app as service
from chalicelib import clock, redirect_lambda
from chalicelib.api import front
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import link_store
from chalicelib.core.visits import click
from dev.deploy.front import digest_of
from tests import rows
from tests.api.test_clicks import queued
from tests.callers import Keyed, make_key
from tests.domains import with_domains, with_settings

Event = dict[str, Any]
SECRET, NEXT = "a secret of the distribution", "the next one"
ADDRESS = "203.0.113.9"
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


def url_event(
    path: str,
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    method: str = "GET",
    query: str = "",
    cookies: tuple[str, ...] = (),
) -> Event:
    """Return an event of the function URL, payload 2.0, as AWS documents it."""
    named = {name.lower(): text for name, text in headers.items()}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        **({"cookies": list(cookies)} if cookies else {}),
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", "x-forwarded-for": "198.51.100.66", **named},
        "requestContext": {
            "domainName": "abc.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "130.176.0.1"},
            "requestId": "of-lambda",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


def by_front(host: str = "sho.rt", secret: str = SECRET, **facts: str) -> dict[str, str]:
    """Return the headers that the distribution adds."""
    told = "&".join(
        f"{name.replace('_', '-')}={text}" for name, text in {"address": ADDRESS, "id": "cf-1", **facts}.items()
    )
    return {"X-Front-Host": host, "X-Front": told, "X-Front-Secret": secret}


@pytest.fixture(autouse=True)
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with a distribution and a second domain, which knows the secret of now and the next one."""
    with_domains(monkeypatch, "team.rt=team,old.rt=:retired")
    with_settings(monkeypatch, front_secrets=frozenset({digest_of(SECRET), digest_of(NEXT)}))


@pytest.fixture
def redirect(http: Http) -> Any:  # the tables must be there first
    """The app of the redirect's function, and a link to follow: another one at the other domain."""
    ops = Keyed(http, make_key("ops", "admin", "create", "manage", "read"))
    for domain in ("sho.rt", "team.rt"):
        ops.make(f"https://example.com/{domain}", alias="sale", domain=domain, forwardPath=True)
    return redirect_lambda.app


def clicks() -> list[dict[str, Any]]:
    """Return what is told of the visits so far."""
    return [{name: each.get(name) for name in ("id", "code", "country", "device")} for each in queued()]


@pytest.mark.parametrize("secret", [SECRET, NEXT])
def test_distribution_is_believed(redirect: Any, secret: str) -> None:
    """Host, id, country and device; with the secret before and after a change of it."""
    told = {"CloudFront-Viewer-Country": "PT", "CloudFront-Is-Tablet-Viewer": "true"}

    response = redirect(url_event("/sale", told | by_front("team.rt", secret, id="cf-id-1")), None)

    assert (response["statusCode"], response["headers"]["Location"]) == (302, "https://example.com/team.rt")
    assert clicks() == [{"id": "cf-id-1", "code": "//team/sale", "country": "PT", "device": "tablet"}]


FORGED = {
    "X-Front-Host": "team.rt",
    "X-Front": "address=192.0.2.1&id=forged&sec-gpc=0",
    "CloudFront-Viewer-Country": "KP",
    "CloudFront-Is-Tablet-Viewer": "true",
}


@pytest.mark.parametrize("secret", [None, "", "guessed", "\ud800", digest_of(SECRET), SECRET + " ", SECRET.upper()])
def test_forged_headers_are_not_believed(redirect: Any, secret: str | None) -> None:
    """By the function URL: not the host, not the address, not the id, not the country."""
    headers = {**FORGED, **({} if secret is None else {"X-Front-Secret": secret})}

    response = redirect(url_event("/sale", {"User-Agent": BROWSER, **headers}), None)

    assert response["headers"]["Location"] == "https://example.com/sho.rt"
    assert clicks() == [{"id": "of-lambda", "code": "sale", "country": None, "device": None}]


@pytest.mark.parametrize("function", [service.app, redirect_lambda.app], ids=["api", "redirect"])
@pytest.mark.usefixtures("redirect")
def test_forged_headers_are_not_believed_by_the_api(function: Any) -> None:
    """Nor by execute-api, which stays open beside the distribution and passes on what visitors write."""
    headers = {**FORGED, "X-Front-Secret": "guessed"}
    event = gateway_event("/{code}", {"code": "sale"}, headers)

    response = function(event, None)

    assert response["headers"]["Location"] == "https://example.com/sho.rt"
    assert [(each["code"], each["country"]) for each in clicks()] == [("sale", None)]
    assert front.seen(event)["requestContext"]["identity"]["sourceIp"] == "198.51.100.7"


def gateway_event(resource: str, variables: dict[str, str], headers: dict[str, str]) -> Event:
    """Return an event of API Gateway."""
    return {
        "headers": headers,
        "multiValueQueryStringParameters": None,
        "pathParameters": variables,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": "GET",
            "domainName": "api.execute-api.eu-west-1.amazonaws.com",
            "identity": {"sourceIp": "198.51.100.7"},
            "requestId": "of-gateway",
        },
        "body": None,
        "isBase64Encoded": False,
    }


@pytest.mark.usefixtures("redirect")
def test_distribution_is_believed_by_the_api() -> None:
    """What lies under a code and goes to the API leads and counts as the redirect would."""
    event = gateway_event(
        "/{code}/{path1}/{path2}",
        {"code": "sale", "path1": "a", "path2": "qr"},
        {**by_front("team.rt", id="cf-2"), "CloudFront-Viewer-Country": "PT"},
    )

    response = service.app(event, None)

    assert response["headers"]["Location"] == "https://example.com/team.rt/a/qr"
    assert [(each["id"], each["code"], each["country"]) for each in clicks()] == [("cf-2", "//team/sale", "PT")]
    assert response["headers"]["X-Request-Id"] == "cf-2"
    assert front.seen(event)["requestContext"]["identity"]["sourceIp"] == ADDRESS


ASKED = datetime(2026, 11, 28, 23, 59, 59, 999_000, UTC)
AT = "1795910399999"


class TestRepeatedRequest:
    """CloudFront asks up to three times where an origin does not answer, each time with the same id and time."""

    @pytest.fixture(autouse=True)
    def links(self, redirect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A link with a row's key of its own for each eighth visit beside the others."""
        self.redirect, self.patch = redirect, monkeypatch
        link_store.set_slots("sale", 8)

    def visits(self, path: str, headers: Callable[[], Mapping[str, str]], *seconds: float) -> list[dict[str, Any]]:
        """Return what is told of visits so many seconds after ``ASKED``, by the functions' clocks."""
        for each in seconds:
            now = ASKED + timedelta(seconds=each)
            self.patch.setattr(clock, "now", lambda now=now: now)
            link_cache.reset()
            event = url_event(path, headers())
            event["requestContext"]["requestId"] = "of-lambda"
            assert self.redirect(event, None)["statusCode"] == 302
        return queued()

    @pytest.mark.parametrize("seconds", [(0, 0.5, 20), (-3, 9, 119), (120, 1)])
    def test_it_is_one_row(self, seconds: tuple[float, ...]) -> None:
        """The stream tells of one, so one is counted: at the day on which CloudFront was asked."""
        found = self.visits("/sale", lambda: by_front(id="cf-3", at=AT), *seconds)

        assert [(each["id"], each["at"]) for each in found] == [("cf-3", "2026-11-28T23:59:59.999Z")]
        assert len(rows.rows()) == 1

    def test_of_an_unknown_code_it_is_one_message(self) -> None:
        """Of those the counter takes one, by id and time."""
        found = self.visits("/nothing-there", lambda: by_front(id="cf-3", at=AT), 0, 11, 21)

        assert [each["code"] for each in found] == [click.UNKNOWN] * 3
        assert {(each["id"], each["at"]) for each in found} == {("cf-3", "2026-11-28T23:59:59.999Z")}

    def test_other_visits_are_others(self) -> None:
        """Each has its own id, in whichever slot it is."""
        ids = iter(range(40))

        found = self.visits("/sale", lambda: by_front(id=f"cf-{next(ids)}", at=AT), *[0] * 40)

        assert len({each["id"] for each in found}) == 40
        assert {each["slot"] for each in found} == set(range(8))

    @pytest.mark.parametrize(
        "headers",
        [
            by_front(id="cf-3", at="1795910278998"),  # two minutes and a second before
            by_front(id="cf-3", at="1795910522000"),
            by_front(id="cf-3", at="soon"),
            by_front(id="cf-3", at="179591039999\u0669"),
            by_front(id="cf-3", at=""),
            by_front(id="cf-3"),
            by_front("sho.rt", "guessed", id="cf-3", at=AT),
        ],
    )
    def test_time_that_cannot_be_is_not_believed(self, headers: dict[str, str]) -> None:
        """Nor one that a visitor wrote: the function's own is counted."""
        found = self.visits("/sale", lambda: headers, 0, 1)

        assert [each["at"] for each in found] == ["2026-11-28T23:59:59.999Z", "2026-11-29T00:00:00.999Z"]


class TestMaximum:
    """A link of two visits, where CloudFront asks again for a visit whose response it did not get."""

    @pytest.fixture(autouse=True)
    def limited(self, redirect: Any, http: Http) -> None:  # noqa: ARG002  # the domains must be there first
        """The link, and who may look at it."""
        self.ann = Keyed(http, make_key("ann"))
        self.ann.make("https://example.com/two", alias="two", maxVisits=2)

    def visit(self, headers: Mapping[str, str], lambda_id: str = "of-lambda") -> int:
        """Return the status of a visit by a person."""
        browser = {"User-Agent": BROWSER, "Accept": "text/html", **headers}
        event = url_event("/two", browser)
        event["requestContext"]["requestId"] = lambda_id
        status: int = redirect_lambda.app(event, None)["statusCode"]
        return status

    def left(self) -> int:
        """Return how many visits are left."""
        left: int = self.ann.get("/links/two").json_body["visitsLeft"]
        return left

    def test_a_repeated_request_spends_one_visit(self) -> None:
        """The last one is repeated too: it is the visit that has used the link up. Another is too late."""
        first = [self.visit(by_front(id="cf-1"), f"try-{number}") for number in range(3)]
        left = self.left()
        last = [self.visit(by_front(id="cf-2"), f"try-{number}") for number in range(3)]

        assert (first, left) == ([302] * 3, 1)
        assert (last, self.left()) == ([302] * 3, 0)
        assert self.visit(by_front(id="cf-3")) == 410
        assert {each["id"] for each in clicks()} == {"cf-1", "cf-2"}

    def test_it_is_known_in_the_next_ten_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ids are kept in sets of ten seconds."""
        moment = 1_700_000_009.0
        monkeypatch.setattr(link_store, "time", SimpleNamespace(time=lambda: moment))
        assert self.visit(by_front(id="cf-1")) == 302

        moment += 9.9
        assert self.visit(by_front(id="cf-2")) == 302
        assert [self.visit(by_front(id=each)) for each in ("cf-1", "cf-2", "cf-3")] == [302, 302, 410]

    def test_ids_of_others_are_not_believed(self) -> None:
        """Past the distribution nobody visits twice for one, whichever id they write."""
        forged = {"X-Front": "address=192.0.2.1&id=cf-1", "X-Front-Secret": "guessed"}

        statuses = [self.visit(forged, "the-same") for _ in range(3)]

        assert (statuses, self.left()) == ([302, 302, 410], 0)


def test_what_counting_reads_travels_in_one_header(redirect: Any) -> None:
    """A policy lists ten headers: those of privacy and of navigation are among the facts, over a visitor's own."""
    given = by_front(id="cf-4", sec_gpc="1", sec_fetch_mode="navigate")

    redirect(url_event("/sale", {"Sec-GPC": "0", **given}), None)

    redirect(url_event("/sale", {"Sec-GPC": "1", **by_front(id="cf-5", sec_gpc="0")}), None)

    assert {each["id"]: "visitor" in each for each in queued()} == {"cf-4": False, "cf-5": True}
    event = front.seen(
        front.event_of_url(url_event("/sale", by_front(x_front_host="evil", cookie="c", sec_fetch_mode="navigate")))
    )
    assert event["headers"]["sec-fetch-mode"] == "navigate"
    assert not {"cookie", "x-front-host", "x-front", "x-front-secret"} & event["headers"].keys()


@pytest.mark.parametrize(
    ("path", "resource", "variables"),
    [
        ("/sale", "/{code}", {"code": "sale"}),
        ("/sale/", "/{code}", {"code": "sale"}),
        ("/v1", "/v1", None),
        ("/sale/a", "/{code}/{path1}", {"code": "sale", "path1": "a"}),
        ("/sale/a/b/c", "/{code}/{path1}/{path2}/{path3}", {"code": "sale", "path1": "a", "path2": "b", "path3": "c"}),
        ("/s%61le/c%61f%C3%A9", "/{code}/{path1}", {"code": "sale", "path1": "c%61f%C3%A9"}),
        ("/sale/a+b", "/{code}/{path1}", {"code": "sale", "path1": "a+b"}),
        ("/sale/a%2Fb", "/{code}/{path1}", {"code": "sale", "path1": "a%2Fb"}),
        ("/sale%2B", "/{code}", {"code": "sale+"}),
        ("/%FF/%FF", "/{code}/{path1}", {"code": "\ufffd", "path1": "%FF"}),
        ("/sale/a/b/c/d", front.NOWHERE, None),
        ("/sale//b", front.NOWHERE, None),
        ("//sale", front.NOWHERE, None),
        ("/", front.NOWHERE, None),
    ],
)
def test_path_becomes_the_route_of_api_gateway(path: str, resource: str, variables: dict[str, str] | None) -> None:
    """The code is decoded. What follows it is not: what appends it to a target does that."""
    event = front.event_of_url(url_event(path))

    assert (event["requestContext"]["resourcePath"], event["pathParameters"]) == (resource, variables)
    assert resource == front.NOWHERE or resource in redirect_lambda.app.routes


@pytest.mark.parametrize(
    ("sent", "led_to"),
    [
        ("caf%C3%A9", "caf%C3%A9"),
        ("a%20b", "a%20b"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),  # the same in a path
        ("a%2Fb", "a%2Fb"),
        ("a%252Fb", "a%252Fb"),
        ("100%2525", "100%2525"),
        ("%7Eme", "~me"),
        ("%FF", "%EF%BF%BD"),
    ],
)
def test_path_reaches_the_target_as_it_was_sent(redirect: Any, sent: str, led_to: str) -> None:
    """Decoded once and encoded once, by way of both functions: what is encoded twice stays so."""
    by_url = redirect(url_event(f"/sale/{sent}", by_front()), None)
    by_gateway = service.app(gateway_event("/{code}/{path1}", {"code": "sale", "path1": sent}, by_front()), None)

    assert by_url["headers"]["Location"] == by_gateway["headers"]["Location"] == f"https://example.com/sho.rt/{led_to}"


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", None),
        ("a=1&a=2&b=", {"a": ["1", "2"], "b": [""]}),
        ("q=a+b%20c%2Bd&%C3%A9=%7C", {"q": ["a b c+d"], "é": ["|"]}),
        ("flag", {"flag": [""]}),
    ],
)
def test_query_is_decoded(query: str, parameters: dict[str, list[str]] | None) -> None:
    """All values of each name."""
    assert front.event_of_url(url_event("/sale", query=query))["multiValueQueryStringParameters"] == parameters


def test_cookies_become_a_header() -> None:
    """Payload 2.0 has them apart."""
    event = front.event_of_url(url_event("/sale", cookies=("opened=1", "other=2")))

    assert event["headers"]["cookie"] == "opened=1; other=2"


@pytest.mark.parametrize("path", ["/", "/sale/a/b/c/d", "//sale"])
def test_what_is_no_route_is_a_problem(redirect: Any, path: str) -> None:
    """As API Gateway says it; nothing is counted."""
    response = redirect(url_event(path, by_front()), None)

    assert response["statusCode"] == 404
    assert json.loads(response["body"])["code"] == "page-unknown"
    assert clicks() == []


@pytest.mark.parametrize(("method", "status"), [("GET", 302), ("HEAD", 302), ("PUT", 405), ("DELETE", 405)])
def test_methods_are_those_of_the_route(redirect: Any, method: str, status: int) -> None:
    """A HEAD has no body, and no length of one: a function URL writes its own."""
    response = redirect(url_event("/sale", by_front(), method=method), None)

    assert response["statusCode"] == status
    assert response["isBase64Encoded"] is False
    if method == "HEAD":
        assert (response["body"], response["headers"].get("Content-Length")) == ("", None)


def test_retired_domain_answers_404(redirect: Any) -> None:
    """Which one was asked for is known from the distribution."""
    assert redirect(url_event("/sale", by_front("old.rt")), None)["statusCode"] == 404


def test_name_of_the_distribution_leads_to_the_default(redirect: Any) -> None:
    """It stays reachable beside the domains."""
    response = redirect(url_event("/sale", by_front("d111111abcdef8.cloudfront.net")), None)

    assert response["headers"]["Location"] == "https://example.com/sho.rt"


def test_warm_link_is_followed_from_the_cache(redirect: Any) -> None:
    """The second visit of a container asks nothing of the table, by the function URL as well."""
    redirect(url_event("/sale", by_front()), None)

    second = redirect(url_event("/sale", by_front(id="cf-9")), None)

    assert second["headers"]["Location"] == "https://example.com/sho.rt"


def test_secret_is_in_no_log(redirect: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor in a response."""
    response = redirect(url_event("/nothing-there", {"Accept": "application/json", **by_front()}), None)

    assert response["statusCode"] == 404
    assert SECRET not in capsys.readouterr().out + json.dumps(response)
