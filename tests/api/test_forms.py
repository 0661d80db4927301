"""The path of their own that the forms of links have, for CloudFront to tell them from visits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

import app as service
from chalicelib import redirect_lambda
from chalicelib.api import front, pages
from chalicelib.aws.dynamodb import link_store
from chalicelib.core.limits import Window
from chalicelib.core.links import unlock_cookie
from chalicelib.core.links.link import Link
from tests.api.test_clicks import queued
from tests.callers import Keyed
from tests.domains import with_domains, with_front

TARGET = "https://example.com/secret-place"
APPS = {"API": service.app, "redirect": redirect_lambda.app}
"""Both functions that follow links."""
FORM = {
    "wrong password": {"password": "x"},
    "right password": {"password": "open sesame"},
    "no password": {},
}
Prepare = Callable[[pytest.MonkeyPatch], object]
"""What a test does first."""
BROWSER = {"accept": "text/html", "content-type": "application/x-www-form-urlencoded"}


def event_of(
    path: str, form: dict[str, str] | None, query: dict[str, list[str]] | None = None, **more: str
) -> dict[str, Any]:
    """Return the event of API Gateway for a form that is sent to ``path``, or for a visit without one."""
    segments = path.removeprefix("/").removeprefix(".form/").split("/")
    names = ["code", *(f"path{number}" for number in range(1, len(segments)))]
    resource = "".join(f"/{{{name}}}" for name in names)
    context = {
        "httpMethod": "GET" if form is None else "POST",
        "resourcePath": f"/.form{resource}" if path.startswith("/.form/") else resource,
        "identity": {"sourceIp": "203.0.113.1"},
        "requestId": "one",
    }
    return {
        "requestContext": context,
        "headers": {**BROWSER, **more},
        "pathParameters": dict(zip(names, segments, strict=True)),
        "multiValueQueryStringParameters": query,
        "body": None if form is None else urlencode(form),
        "stageVariables": None,
    }


@pytest.fixture
def links(ann: Keyed) -> None:
    """One link of each kind that a form is sent for, and one that asks for nothing."""
    options: dict[str, dict[str, Any]] = {
        "shut": {"password": "open sesame", "forwardPath": True, "forwardQuery": True},
        "asks": {"confirm": True, "forwardPath": True, "forwardQuery": True},
        "plain": {},
        "Upper-case_1": {"password": "open sesame"},
    }
    for code, more in options.items():
        ann.make(TARGET, alias=code, **more)


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("form", FORM)
@pytest.mark.parametrize(
    "path", ["/shut", "/shut/a", "/shut/a/b", "/shut/a/b/c d", "/asks", "/asks/a", "/plain", "/no"]
)
@pytest.mark.parametrize("app", APPS)
def test_a_form_below_its_path_does_what_it_does_at_the_link(app: str, path: str, form: str) -> None:
    """Status, headers and page are the same, but for what is new each time."""
    answers = [APPS[app](event_of(f"{prefix}{path}", FORM[form]), None) for prefix in ("", "/.form")]

    at_link, below = (told_of(answer) for answer in answers)
    assert at_link == below
    assert at_link["statusCode"] in {303, 401, 404}


def told_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a response without the proof of a cookie, which is signed for another browser each time."""
    headers = {name: text for name, text in answer["headers"].items() if name not in {"Set-Cookie", "X-Request-Id"}}
    return {**answer, "headers": headers, "cookie": "Set-Cookie" in answer["headers"]}


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("path", ["/shut", "/shut/a", "/.form/shut", "/.form/shut/a/b/c"])
def test_the_log_names_code_and_route(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the same fields as a visit."""
    event = event_of(path, {"password": "x"})
    capsys.readouterr()

    service.app(event, None)

    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    route = event["requestContext"]["resourcePath"]
    assert (line["code"], line["route"], line["status"]) == ("shut", f"POST {route}", 401)


@pytest.mark.parametrize(
    ("path", "resource", "variables"),
    [
        ("/.form/x", "/.form/{code}", {"code": "x"}),
        ("/%2Eform/x/", "/.form/{code}", {"code": "x"}),
        ("/.form/v1", "/.form/{code}", {"code": "v1"}),
        ("/.form/x%2B/a%20b", "/.form/{code}/{path1}", {"code": "x+", "path1": "a%20b"}),
        (
            "/.form/x/a/b/c%2Fd",
            "/.form/{code}/{path1}/{path2}/{path3}",
            {"code": "x", "path1": "a", "path2": "b", "path3": "c%2Fd"},
        ),
        ("/.form/x/a/b/c/d", front.NOWHERE, None),
        ("/.form", front.NOWHERE, None),
        ("/.form/", front.NOWHERE, None),
        ("/.form//x", front.NOWHERE, None),
        ("/.forms/x", "/{code}/{path1}", {"code": ".forms", "path1": "x"}),
        ("/x/.form", "/{code}/{path1}", {"code": "x", "path1": ".form"}),
        ("/", front.NOWHERE, None),
        ("/v1", "/v1", None),
    ],
)
def test_a_function_url_finds_the_resource_of_api_gateway(
    path: str, resource: str, variables: dict[str, str] | None
) -> None:
    """Also below the path of forms."""
    event = front.event_of_url({"rawPath": path, "requestContext": {"http": {"method": "POST"}}})

    assert (event["requestContext"]["resourcePath"], event["pathParameters"]) == (resource, variables)


class TestUnlockCookie:
    """It exempts a browser from waiting while others guess, wherever its forms are sent."""

    @pytest.fixture(autouse=True)
    def protected(self, links: None) -> None:
        """The links."""

    @pytest.mark.parametrize(
        ("prepare", "paths"),
        [(lambda _: None, ["/shut"]), (with_front, ["/shut", "/.form/shut"])],
        ids=["gateway", "front"],
    )
    @pytest.mark.parametrize("path", ["/shut", "/.form/shut", "/shut/a", "/.form/shut/a"])
    @pytest.mark.parametrize("app", APPS)
    def test_a_browser_sends_it_to_the_paths_of_forms(
        self, monkeypatch: pytest.MonkeyPatch, app: str, path: str, prepare: Prepare, paths: list[str]
    ) -> None:
        """Below both where a distribution is in front; below that of the link alone elsewhere."""
        prepare(monkeypatch)

        answer = APPS[app](event_of(path, FORM["right password"]), None)

        sent = [SimpleCookie(each)[unlock_cookie.NAME] for each in cookies_of(answer)]
        assert answer["statusCode"] == 303
        assert [each["path"] for each in sent] == paths
        assert len({each.value for each in sent}) == 1
        assert all(each["secure"] and each["httponly"] and each["samesite"] == "Lax" for each in sent)
        assert {each["max-age"] for each in sent} == {str(90 * 24 * 3600)}

    def test_it_is_of_the_code_that_was_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Browsers compare paths letter by letter."""
        with_front(monkeypatch)

        answer = service.app(event_of("/.form/Upper-case_1.", FORM["right password"]), None)

        paths = [SimpleCookie(each)[unlock_cookie.NAME]["path"] for each in cookies_of(answer)]
        assert paths == ["/Upper-case_1", "/.form/Upper-case_1"]

    def test_it_is_recognised_at_the_form(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A browser with it still gets in where all wrong passwords of the others are spent."""
        with_front(monkeypatch)
        unlocked = service.app(event_of("/.form/shut", FORM["right password"]), None)
        monkeypatch.setattr("chalicelib.core.limits.WRONG_PASSWORDS", Window("guesses", 10**9, 1))
        guessed = service.app(event_of("/.form/shut", FORM["wrong password"]), None)

        cookie = cookies_of(unlocked)[1].partition(";")[0]
        without = service.app(event_of("/.form/shut", FORM["right password"]), None)
        with_it = service.app(event_of("/.form/shut", FORM["right password"], cookie=cookie), None)

        assert [each["statusCode"] for each in (guessed, without, with_it)] == [401, 429, 303]

    def test_a_function_url_sends_all_cookies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It takes them apart from the headers."""
        with_front(monkeypatch)
        payload = {
            "rawPath": "/.form/shut",
            "headers": BROWSER,
            "body": urlencode(FORM["right password"]),
            "requestContext": {"http": {"method": "POST", "sourceIp": "203.0.113.1"}},
        }

        answer = redirect_lambda.app(payload, None)

        assert [each.split("; ")[1] for each in answer["cookies"]] == ["Path=/shut", "Path=/.form/shut"]
        assert (answer["statusCode"], answer["headers"]["Location"]) == (303, TARGET)
        assert "Set-Cookie" not in answer["headers"]

    @pytest.mark.parametrize(
        ("headers", "several", "expected"),
        [
            ({}, {}, []),
            ({"Set-Cookie": "a=b"}, {}, ["a=b"]),
            ({}, {"Set-Cookie": ["a=b", "c=d"]}, ["a=b", "c=d"]),
        ],
    )
    def test_cookies_of_a_response_are_those_of_the_function_url(
        self, headers: dict[str, str], several: dict[str, list[str]], expected: list[str]
    ) -> None:
        """None, one or several; the other headers stay."""
        result = {"statusCode": 303, "headers": {"X-A": "b", **headers}, "multiValueHeaders": several, "body": ""}

        answer = front.response_of_url(result, "POST")

        assert (answer["cookies"], answer["headers"]) == (expected, {"X-A": "b"})


def cookies_of(answer: dict[str, Any]) -> list[str]:
    """Return the values of Set-Cookie in a response to API Gateway."""
    one = answer["headers"].get("Set-Cookie")
    return [*([] if one is None else [one]), *answer["multiValueHeaders"].get("Set-Cookie", [])]


EVIL, SAFE = '"><script>&#39;', "%22%3E%3Cscript%3E%26%2339%3B"
ADDRESSES: dict[str, tuple[str, dict[str, list[str]] | None, str]] = {
    "code": ("/asks", None, "/.form/asks"),
    "punctuation": ("/asks).", None, "/.form/asks"),
    "path": ("/asks/a/b/c", None, "/.form/asks/a/b/c"),
    "letters": ("/asks/ü/a b", None, "/.form/asks/%C3%BC/a%20b"),
    "reserved characters": ("/asks/a?b/%2F", None, "/.form/asks/a%3Fb/%2F"),
    "encoded": ("/asks/%C3%BC/a%20b/100%", None, "/.form/asks/%C3%BC/a%20b/100%25"),
    "encoded twice": ("/asks/a%252Fb", None, "/.form/asks/a%252Fb"),
    "evil path": (f"/asks/{EVIL}", None, f"/.form/asks/{SAFE}"),
    "half a character": ("/asks/\ud800", None, "/.form/asks/%3F"),
    "query": ("/asks", {"a": ["1", "2"], "b c": ["d e+"]}, "/.form/asks?a=1&amp;a=2&amp;b%20c=d%20e%2B"),
    "no value": ("/asks", {"a": [""]}, "/.form/asks?a="),
    "evil query": ("/asks", {EVIL: [EVIL]}, f"/.form/asks?{SAFE}={SAFE}"),
    "password": ("/shut/a", {"b": ["c"]}, "/.form/shut/a?b=c"),
}
"""What visitors ask for, its query, and the address of the form as it is in the page."""


class TestAddressOfTheForm:
    """The attribute ``action`` of the form in a page."""

    @pytest.mark.usefixtures("links")
    @pytest.mark.parametrize("app", APPS)
    @pytest.mark.parametrize("case", ADDRESSES)
    def test_it_is_below_the_path_of_forms(self, monkeypatch: pytest.MonkeyPatch, app: str, case: str) -> None:
        """With path and query as the visitor sent them."""
        with_front(monkeypatch)
        path, query, expected = ADDRESSES[case]

        answer = APPS[app](event_of(path, None, query), None)

        assert actions_in(answer["body"]) == [expected]
        assert answer["body"].count("<script") == 0
        assert "form-action http: https:" in answer["headers"]["Content-Security-Policy"]

    @pytest.mark.usefixtures("links")
    @pytest.mark.parametrize("app", APPS)
    @pytest.mark.parametrize("case", ADDRESSES)
    def test_there_is_none_behind_api_gateway(self, app: str, case: str) -> None:
        """The form goes to the address of the page, which each version knows."""
        path, query, _ = ADDRESSES[case]

        answer = APPS[app](event_of(path, None, query), None)

        assert answer["body"].count('<form class="card" method="post">') == 1

    @pytest.mark.usefixtures("links")
    @pytest.mark.parametrize("app", APPS)
    @pytest.mark.parametrize(
        ("host", "path_of_form"),
        [
            ("a1.execute-api.eu-west-1.amazonaws.com", None),
            ("sho.rt", "/.form/shut"),
            ("d111111abcdef8.cloudfront.net", "/.form/shut"),
        ],
    )
    def test_there_is_none_at_the_address_of_the_api(
        self, monkeypatch: pytest.MonkeyPatch, app: str, host: str, path_of_form: str | None
    ) -> None:
        """There the stage is before each path. Links from before the distribution may begin with that address."""
        with_front(monkeypatch)
        page, unlocked = event_of("/shut", None), event_of("/shut", FORM["right password"])
        for event in (page, unlocked):
            event["requestContext"]["domainName"] = host

        shown, followed = APPS[app](page, None), APPS[app](unlocked, None)

        assert actions_in(shown["body"]) == ([] if path_of_form is None else [path_of_form])
        assert (followed["statusCode"], followed["headers"]["Location"]) == (303, TARGET)
        assert len(cookies_of(followed)) == (1 if path_of_form is None else 2)

    @pytest.mark.usefixtures("links")
    @pytest.mark.parametrize("path", ["/shut", "/.form/shut"])
    def test_a_wrong_password_gets_the_same_form(self, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
        """Wherever the first one was sent."""
        with_front(monkeypatch)

        answer = service.app(event_of(f"{path}/a", FORM["wrong password"], {"b": ["c"]}), None)

        assert (answer["statusCode"], actions_in(answer["body"])) == (401, ["/.form/shut/a?b=c"])

    @pytest.mark.usefixtures("links")
    def test_what_is_sent_there_is_what_the_visitor_came_with(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The target gets path and query once, as they were."""
        with_front(monkeypatch)
        path, query = "/asks/a?b/100%", {"x y": ["1", "é&="]}
        (action,) = actions_in(service.app(event_of(path, None, query), None)["body"])

        raw_path, _, raw_query = unescape(action).partition("?")
        payload = {"rawPath": raw_path, "rawQueryString": raw_query, "headers": BROWSER, "body": ""}
        context = {"requestContext": {"http": {"method": "POST", "sourceIp": "203.0.113.1"}}}
        answer = redirect_lambda.app({**payload, **context}, None)

        assert parse_qs(raw_query) == query
        assert answer["statusCode"] == 303
        assert answer["headers"]["Location"] == f"{TARGET}/a%3Fb/100%25?x%20y=1&x%20y=%C3%A9%26%3D"

    @pytest.mark.parametrize(
        ("base_url", "expected"),
        [
            ("https://sho.rt", "/.form/x"),
            ("https://sho.rt:8443/go", "/go/.form/x"),
            ("http://[::1]/a/b", "/a/b/.form/x"),
        ],
    )
    def test_it_begins_with_the_path_of_the_domain(
        self, monkeypatch: pytest.MonkeyPatch, base_url: str, expected: str
    ) -> None:
        """And names no host."""
        with_front(monkeypatch)

        assert pages.form_address(base_url, "x", (), {}) == expected

    @pytest.mark.usefixtures("aws")
    def test_it_has_the_code_as_it_was_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """At a domain whose links are its own, and whose codes ignore case."""
        known = with_domains(monkeypatch, "shop.example=shop:any-case").domains
        with_front(monkeypatch)
        link_store.add(Link(id=known.at("shop.example").id_of("x"), url=TARGET, confirm=True), "made")
        event = event_of("/X", None)
        event["requestContext"]["domainName"] = "shop.example"

        assert actions_in(service.app(event, None)["body"]) == ["/.form/X"]


def actions_in(page: str) -> list[str]:
    """Return where the forms of a page are sent, as its source has it."""
    return re.findall(r'<form class="card" method="post" action="([^"]*)">', page)


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(
    ("variables", "query", "back"),
    [
        ({"code": "shut"}, None, "/shut"),
        ({"code": "nothing-there"}, None, "/nothing-there"),
        ({"code": "shut", "path1": "a b", "path2": "ü"}, {"x": ["1", "2 3"]}, "/shut/a%20b/%C3%BC?x=1&x=2%203"),
        ({"code": "shut", "path1": "a%20b", "path2": "%2F"}, None, "/shut/a%20b/%2F"),
        ({"code": "//evil.example"}, None, "/%2F%2Fevil.example"),
        ({"code": "\\evil.example\r\nX: y"}, None, "/%5Cevil.example%0D%0AX%3A%20y"),
    ],
)
@pytest.mark.usefixtures("links")
def test_address_of_a_form_leads_back_to_its_link(
    app: str, variables: dict[str, str], query: dict[str, list[str]] | None, back: str
) -> None:
    """Browsers keep it after a wrong password. It is a path of this host, and nothing is counted."""
    event = event_of("/.form" + "/x" * len(variables), None, query)

    answer = APPS[app]({**event, "pathParameters": variables}, None)

    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, back)
    assert queued() == []
