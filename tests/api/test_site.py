"""The web page, health, robots.txt, icon and problem pages."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from chalice.config import Config
from chalice.test import TestHTTPClient as Http

import app as service
from chalicelib.api import pages, site
from chalicelib.errors import public_errors
from chalicelib.settings import settings
from dev import reference
from dev.local.chalice_local import Gateway
from tests.callers import Keyed
from tests.faults import table_down

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_page_loads_only_own_files(http: Http) -> None:
    """No inline script; all its files are served; the CSP allows connections to the bucket only."""
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


def test_reference_loads_only_own_files(http: Http) -> None:
    """No inline script or style, and nothing from elsewhere; Swagger UI's icons are `data:` in its own style."""
    page = http.get("/docs", headers=BROWSER)

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(each.split(" ", 1) for each in page.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        **dict.fromkeys(("default-src", "base-uri", "frame-ancestors"), "'none'"),
        **dict.fromkeys(("script-src", "style-src", "connect-src", "form-action"), "'self'"),
        "img-src": "'self' data:",
    }
    text = page.body.decode()
    assert not re.search(r"<style|<script>| style=| on\w+=", text)
    assert {'<html lang="en">', "<title>API reference · sho.rt</title>", "<noscript>"} <= set(
        re.findall(r"<html[^>]*>|<title>.*</title>|<noscript>", text)
    )
    files = re.findall(r'(?:src|href)="/assets/([^"]+)"', text)
    assert {*pages.REFERENCE, "reference.css", "reference.js", "icon.svg"} == set(files)
    assert [http.get(f"/assets/{file}").status_code for file in files] == [200] * len(files)
    assert {'href="/"', 'href="/openapi.json"'} <= set(re.findall(r'href="[^"]*"', text))


@pytest.mark.parametrize("file", sorted(pages.REFERENCE))
def test_swagger_ui_is_kept_by_browsers_for_ever(http: Http, file: str) -> None:
    """It is served as it was published, and another version has another name."""
    answer = http.get(f"/assets/{file}")

    assert re.fullmatch(r"swagger-ui(-bundle)?-\d+\.\d+\.\d+\.(css|js)", file)
    assert answer.body == (reference.FOLDER / file).read_bytes()
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"].startswith("text/css" if file.endswith("css") else "text/javascript")


def test_reference_below_a_path(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the API's own address, all addresses of the page begin with the path of its stage."""
    monkeypatch.setattr(site, "settings", dataclasses.replace(settings, base_url="https://x.example/api"))

    text = http.get("/docs").body.decode()

    assert 'data-root="/api"' in text
    assert all(address.startswith("/api/") for address in re.findall(r'(?:src|href)="([^"]*)"', text))


def test_without_swagger_ui_there_is_no_reference(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the package of the other functions: one page less, and the others as they are."""
    monkeypatch.setattr(pages, "REFERENCE", {})

    assert http.get("/docs").json_body["code"] == "page-unknown"
    assert http.get("/").status_code == http.get("/openapi.json").status_code == 200


def test_security_txt_names_the_contact(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in RFC 9116: it ends in the future, within a year, and says where it lives."""
    told = dataclasses.replace(
        settings, security_contact="mailto:security@sho.rt", security_policy="https://sho.rt/policy"
    )
    monkeypatch.setattr(site, "settings", told)

    answer = http.get("/.well-known/security.txt")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    fields = dict(line.split(": ", 1) for line in answer.body.decode().splitlines())
    expires = datetime.fromisoformat(fields.pop("Expires"))
    assert timedelta(days=150) < expires - datetime.now(UTC) < timedelta(days=365)
    assert fields == {
        "Contact": "mailto:security@sho.rt",
        "Canonical": "https://sho.rt/.well-known/security.txt",
        "Policy": "https://sho.rt/policy",
        "Preferred-Languages": "en",
    }


def test_without_a_contact_there_is_no_security_txt(http: Http) -> None:
    """A file without one is none."""
    answer = http.get("/.well-known/security.txt")

    assert (answer.status_code, answer.json_body["code"]) == (404, "page-unknown")


@pytest.mark.parametrize("route", sorted(service.app.routes))
def test_cors_preflight_is_answered(route: str) -> None:
    """Each route answers OPTIONS with its methods and headers, without the table."""
    answer = Gateway(service.app, Config.create()).handle_request("OPTIONS", route, {}, None)

    headers = answer["headers"]
    expected = {"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Api-Key"}
    assert (answer["statusCode"], headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert expected <= set(headers["Access-Control-Allow-Headers"].split(","))
    assert set(headers["Access-Control-Allow-Methods"].split(",")) == {*service.app.routes[route], "OPTIONS"}
    assert "X-Request-Id" in headers["Access-Control-Expose-Headers"].split(",")
    assert headers["X-Request-Id"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.js", "..", "home.html", "..%2Fsettings.py"])
def test_only_known_files_are_served(http: Http, name: str) -> None:
    """File names are looked up in a list, never in the file system."""
    assert http.get(f"/assets/{name}").status_code == 404


def test_health_reports_the_table(http: Http) -> None:
    """200 with pass, or 503 with fail."""
    good = http.get("/healthz")
    with table_down():
        bad = http.get("/healthz")

    assert (good.status_code, good.json_body["status"]) == (200, "pass")
    assert (bad.status_code, bad.json_body["status"]) == (503, "fail")
    assert good.headers["Content-Type"] == "application/health+json"


def test_robots_are_allowed(http: Http) -> None:
    """Otherwise they could not see the noindex of redirects."""
    assert b"Disallow: /" not in http.get("/robots.txt").body


def test_icon_is_served(http: Http) -> None:
    """Browsers request it by themselves."""
    icon = http.get("/favicon.ico")

    assert (icon.status_code, icon.headers["Content-Type"]) == (200, "image/svg+xml")


@pytest.mark.parametrize("code", sorted(public_errors()))
def test_every_problem_type_has_a_page(http: Http, code: str) -> None:
    """The `type` of a problem document is a page, and a JSON document."""
    page = http.get(f"/problems/{code}", headers=BROWSER)
    document = http.get(f"/problems/{code}", headers={"Accept": "application/json"})

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert document.json_body["code"] == code
    assert document.json_body["meaning"]
    assert {page.headers["Vary"], document.headers["Vary"]} == {"Accept"}


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/robots.txt", "/problems/link-unknown", "/healthz"])
def test_head_has_the_content_length_of_get(http: Http, path: str) -> None:
    """As in RFC 9110, section 8.6; there is no body."""
    got, headers = http.get(path), http.head(path)

    assert (headers.body, headers.headers["Content-Length"]) == (b"", str(len(got.body)))


def test_failing_health_check_has_retry_after(http: Http) -> None:
    """A 503 has Retry-After."""
    with table_down():
        answer = http.get("/healthz")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_unknown_problem_page_is_404(http: Http) -> None:
    """A 404 problem document."""
    assert http.get("/problems/no-such").json_body["code"] == "page-unknown"


def test_missing_link_is_404(ann: Keyed) -> None:
    """Missing and impossible codes get the same response."""
    missing, impossible = ann.get("/links/nobody"), ann.get("/links/no.body")

    assert (missing.status_code, missing.json_body["code"]) == (404, "link-unknown")
    assert json.loads(missing.body) == json.loads(impossible.body)
