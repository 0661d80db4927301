"""The path of their own that the forms of links have, for CloudFront to tell them from visits."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest

import app as service
from chalicelib import redirect_lambda
from chalicelib.api import front
from chalicelib.core.limits import Window
from chalicelib.core.links import unlock_cookie
from tests.callers import Keyed
from tests.domains import with_front

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
        ("/.form/x/a%20b", "/.form/{code}/{path1}", {"code": "x", "path1": "a b"}),
        (
            "/.form/x/a/b/c%2Fd",
            "/.form/{code}/{path1}/{path2}/{path3}",
            {"code": "x", "path1": "a", "path2": "b", "path3": "c/d"},
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
