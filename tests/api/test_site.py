"""The page, health, robots, and what the rest of the addresses answer."""

from __future__ import annotations

import json

import pytest
from chalice.config import Config
from chalice.test import TestHTTPClient as Http

import app as doors
from chalicelib.errors import public_errors
from dev.chalice_local import Gateway
from tests.callers import Keyed
from tests.faults import table_down

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_the_page_loads_nothing_from_elsewhere(http: Http) -> None:
    """One page, no inline script, all it names is served, and a policy that lets it ask the bucket and no other."""
    page = http.get("/", headers=BROWSER)

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(each.split(" ", 1) for each in page.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        **dict.fromkeys(("script-src", "style-src", "img-src", "form-action"), "'self'"),
        "connect-src": "'self' https://shortener-files.s3.eu-west-1.amazonaws.com",
        **dict.fromkeys(("base-uri", "frame-ancestors"), "'none'"),
    }
    assert b"<script>" not in page.body
    for name in ("page.css", "page.js", "icon.svg"):
        assert f"/assets/{name}".encode() in page.body
        assert http.get(f"/assets/{name}").status_code == 200


@pytest.mark.parametrize("route", sorted(doors.app.routes))
def test_other_sites_may_ask_first(route: str) -> None:
    """A browser's preflight is answered for every address, without the table: which methods and headers it may send."""
    answer = Gateway(doors.app, Config.create()).handle_request("OPTIONS", route, {}, None)

    headers = answer["headers"]
    wanted = {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Api-Key"}
    assert (answer["statusCode"], headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert wanted <= set(headers["Access-Control-Allow-Headers"].split(","))
    assert set(headers["Access-Control-Allow-Methods"].split(",")) == {*doors.app.routes[route], "OPTIONS"}
    assert "X-Request-Id" in headers["Access-Control-Expose-Headers"].split(",")
    assert headers["X-Request-Id"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.js", "..", "home.html", "..%2Fsettings.py"])
def test_only_known_files_are_served(http: Http, name: str) -> None:
    """A name is looked up in a list, never in the file system."""
    assert http.get(f"/assets/{name}").status_code == 404


def test_health_tells_whether_the_table_answers(http: Http) -> None:
    """A monitor sees 200 and pass, or 503 and fail."""
    good = http.get("/healthz")
    with table_down():
        bad = http.get("/healthz")

    assert (good.status_code, good.json_body["status"]) == (200, "pass")
    assert (bad.status_code, bad.json_body["status"]) == (503, "fail")
    assert good.headers["Content-Type"] == "application/health+json"


def test_robots_are_let_in(http: Http) -> None:
    """Shut out, they could not read the noindex of a redirect."""
    assert b"Disallow: /" not in http.get("/robots.txt").body


def test_the_icon_is_there(http: Http) -> None:
    """Browsers ask for it unasked."""
    icon = http.get("/favicon.ico")

    assert (icon.status_code, icon.headers["Content-Type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize("code", sorted(public_errors()))
def test_every_error_is_explained_where_it_points(http: Http, code: str) -> None:
    """The `type` of a problem document resolves, for people and for programs."""
    page = http.get(f"/problems/{code}", headers=BROWSER)
    document = http.get(f"/problems/{code}", headers={"Accept": "application/json"})

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert document.json_body["code"] == code
    assert document.json_body["meaning"]


def test_an_error_that_does_not_exist_is_not_explained(http: Http) -> None:
    """404, as a problem."""
    assert http.get("/problems/no-such").json_body["code"] == "page-unknown"


def test_a_link_that_is_not_there_is_404(ann: Keyed) -> None:
    """Missing codes and impossible ones get the same answer."""
    missing, impossible = ann.get("/links/nobody"), ann.get("/links/no.body")

    assert (missing.status_code, missing.json_body["code"]) == (404, "link-unknown")
    assert json.loads(missing.body) == json.loads(impossible.body)
