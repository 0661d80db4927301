"""Several domains: links of their own, requests that match no link, files, who may use them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http

import app as service
from chalicelib import redirect_lambda
from chalicelib import settings as module
from chalicelib.aws import clients, link_cache
from chalicelib.aws.dynamodb import domain_store, link_store
from chalicelib.core import limits
from chalicelib.core.access import roles
from chalicelib.core.links import codes
from chalicelib.core.links.link import Link
from chalicelib.core.visits import click
from chalicelib.errors import StoreUnavailable
from tests import domains
from tests.api.test_clicks import count, queued
from tests.callers import Keyed, make_key

BROWSER = {
    "accept": "text/html",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
}
TEXT = (
    "team.example=team,www.team.example=team,shop.example=shop,low.example=low:any-case,old.example=:retired,"
    "gone.example=team:retired"
)
ALSO_DEFAULT = frozenset({"also.example"})
At = Callable[..., HTTPResponse]


@pytest.fixture
def at(http: Http, monkeypatch: pytest.MonkeyPatch) -> At:
    """A function that sends a request to a host: a path, perhaps another method, headers and a body."""
    domains.with_domains(monkeypatch, TEXT, ALSO_DEFAULT)
    domains.with_hosts(monkeypatch)

    def send(host: str, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> HTTPResponse:
        return http.request(method, path, headers={"Host": host, **BROWSER, **headers}, body=body)

    return send


@pytest.fixture
def root(http: Http, at: At) -> Keyed:  # noqa: ARG001  # the domains must be there first
    """An administrator of the installation."""
    return Keyed(http, make_key("root", "admin", "create", "read", "manage"))


@pytest.fixture
def team(http: Http, root: Keyed) -> Keyed:
    """An admin of the workspace ``ann``, which may use team.example and low.example."""
    for host in ("team.example", "low.example"):
        assert root("PATCH", f"/v1/domains/{host}", {"workspaces": ["ann"]}).status_code == 200
    return Keyed(http, make_key("ann", *roles.ROLES["admin"]))


def made(by: Keyed, domain: str, url: str = "https://example.com/", **fields: Any) -> dict[str, Any]:
    """Create a link at ``domain``."""
    return by.make(url, domain=domain, **fields)


class TestFollow:
    """Redirects by host."""

    def test_same_code_leads_elsewhere_at_each_domain(self, at: At, root: Keyed) -> None:
        """Hosts of one space share links; hosts without a space, listed or not, have those of the default one."""
        root.make("https://example.com/default", alias="sale")
        made(root, "team.example", "https://example.com/team", alias="sale")
        made(root, "shop.example", "https://example.com/shop", alias="sale")
        expected = {
            "sho.rt": "default",
            "SHO.RT": "default",
            "also.example": "default",
            "nobody-listed.example": "default",
            "abc.execute-api.eu-west-1.amazonaws.com": "default",
            "team.example": "team",
            "TEAM.example.": "team",
            "www.team.example": "team",
            "shop.example": "shop",
        }

        for _ in ("from the table", "from the cache"):
            found = {host: at(host, "/sale").headers["Location"] for host in expected}

            assert found == {host: f"https://example.com/{where}" for host, where in expected.items()}

    @pytest.mark.parametrize("host", ["old.example", "gone.example"])
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/sale"),
            ("POST", "/sale"),
            ("GET", "/sale+"),
            ("GET", "/sale/qr"),
            ("GET", "/"),
            ("GET", "/robots.txt"),
            ("GET", "/v1/domains"),
            ("GET", "/.well-known/assetlinks.json"),
        ],
    )
    def test_retired_host_answers_404(self, at: At, root: Keyed, host: str, method: str, path: str) -> None:
        """Whatever is asked for; the page is of that host."""
        root.make(alias="sale")
        made(root, "team.example", alias="sale")
        at("sho.rt", "/sale")
        at("team.example", "/sale")

        response = at(host, path, method)

        assert response.status_code == 404
        assert b"sho.rt" not in response.body

    def test_codes_of_a_domain_may_ignore_case(self, at: At, root: Keyed) -> None:
        """They are stored in lower case, and are never two; elsewhere case matters."""
        link = made(root, "low.example", "https://example.com/low", alias="Sale")
        made(root, "team.example", alias="Sale")

        assert (link["code"], link["shortUrl"]) == ("sale", "https://low.example/sale")
        assert {at("low.example", f"/{code}").headers.get("Location") for code in ("sale", "SALE", "Sale")} == {
            "https://example.com/low"
        }
        assert at("team.example", "/sale").status_code == 404
        taken = root("POST", "/v1/links", {"url": "https://example.com/", "domain": "low.example", "alias": "SALE"})
        assert (taken.status_code, taken.json_body["shortUrl"]) == (409, "https://low.example/sale")

    @pytest.mark.parametrize("unguessable", [False, True])
    def test_drawn_codes_suit_their_domain(self, root: Keyed, unguessable: Any) -> None:
        """Lower case and longer where case is ignored."""
        low = [made(root, "low.example", unguessable=unguessable)["code"] for _ in range(20)]
        other = [made(root, "team.example", unguessable=unguessable)["code"] for _ in range(20)]

        assert all(code == code.lower() and len(code) == (15 if unguessable else 9) for code in low)
        assert any(code != code.lower() for code in other)

    def test_derived_codes_suit_their_domain(self) -> None:
        """Those of imported rows."""
        derived = [codes.derive(bytes([n]) * 32, unguessable=n == 2, any_case=True) for n in (1, 2)]

        assert [(code == code.lower(), len(code)) for code in derived] == [(True, 9), (True, 15)]

    @pytest.mark.parametrize("code", ["links", "V1", "domains"])
    def test_reserved_words_are_reserved_everywhere(self, root: Keyed, code: str) -> None:
        """At domains that have no API as well."""
        response = root("POST", "/v1/links", {"url": "https://example.com/", "domain": "team.example", "alias": code})

        assert (response.status_code, response.json_body["errors"][0]["code"]) == (422, "reserved")

    def test_pages_of_visitors_are_of_their_domain(self, at: At, root: Keyed) -> None:
        """Password, confirmation, preview, report form and errors name the host that was asked for, not another."""
        made(root, "team.example", alias="secret", password="open sesame")
        made(root, "team.example", alias="asks", confirm=True)
        made(root, "team.example", alias="plain")

        pages = {
            path: at("team.example", path)
            for path in ("/secret", "/asks", "/plain+", "/plain/report", "/nothing", "/v1/links")
        }

        assert [page.status_code for page in pages.values()] == [401, 200, 200, 200, 404, 404]
        assert {path: b"sho.rt" in page.body for path, page in pages.items()} == dict.fromkeys(pages, False)
        assert all(b"team.example" in page.body for page in pages.values())

    def test_password_unlocks_the_link_of_its_domain(self, at: At, root: Keyed) -> None:
        """The cookie of one link opens no other with the same code."""
        for host in ("team.example", "shop.example"):
            made(root, host, f"https://example.com/{host}", alias="secret", password="open sesame")
        form = {"Content-Type": "application/x-www-form-urlencoded"}

        response = at("team.example", "/secret", "POST", b"password=open+sesame", **form)

        assert (response.status_code, response.headers["Location"]) == (303, "https://example.com/team.example")
        assert "; Path=/secret; " in response.headers["Set-Cookie"]
        assert at("shop.example", "/secret", Cookie=response.headers["Set-Cookie"]).status_code == 401

    def test_maximum_of_visits_is_a_links_own(self, at: At, root: Keyed) -> None:
        """Links with the same code do not share it."""
        browser = {"Sec-Fetch-Mode": "navigate"}
        for host in ("team.example", "shop.example"):
            made(root, host, alias="once", maxVisits=1, confirm=False)

        seen = [at(host, "/once", **browser).status_code for host in ("team.example", "shop.example", "team.example")]

        assert seen == [302, 302, 410]

    def test_a_qr_code_is_of_the_short_url(self, at: At, root: Keyed) -> None:
        """At its own domain, and at the default one for the page, as the link says."""
        link = made(root, "team.example", alias="sale")
        root.make(alias="sale")

        own = at("team.example", "/sale/qr").body
        by_api = at("sho.rt", link["qr"].removeprefix("https://sho.rt")).body

        assert own == by_api != at("sho.rt", "/sale/qr").body

    @pytest.mark.parametrize(
        "code", ["//team/sale", "//team/keep", "/team/sale", "//team/sale+", f"//{'a' * 3000}/b", "x/y", "\u212aale"]
    )
    @pytest.mark.parametrize("host", ["sho.rt", "nobody-listed.example", "low.example"])
    @pytest.mark.parametrize("app", [service.app, redirect_lambda.app], ids=["api", "redirect"])
    def test_no_address_is_an_id(self, at: At, root: Keyed, app: Any, host: str, code: str) -> None:
        """API Gateway decodes %2F in the variables of a path: what looks like an id of a space is no code."""
        made(root, "team.example", alias="sale")
        made(root, "low.example", alias="kale")
        at("team.example", "/sale")

        response = app(event_of(host, code), None)
        after = at("team.example", "/sale")

        assert response["statusCode"] in {302, 404}
        assert response["headers"].get("Location") in {None, "https://sho.rt"}
        assert after.status_code == 302  # the table is not taken for one that fails

    def test_redirect_of_a_space_leaves_no_log_line(self, at: At, root: Keyed) -> None:
        """As one of the default space: its click says it all."""
        made(root, "team.example", alias="sale")
        line = {"requestId": "1", "code": "sale", "domain": "team.example", "cache": "hit", "CacheHit": 1, "Unknown": 0}

        assert line.keys() <= redirect_lambda._SAID_BY_CLICKS  # noqa: SLF001  # what a line may say
        assert at("team.example", "/sale").status_code == 302


def event_of(host: str, code: str) -> dict[str, Any]:
    """Return the event of a GET, with the variable of its path decoded."""
    return {
        "requestContext": {
            "httpMethod": "GET",
            "resourcePath": "/{code}",
            "domainName": host,
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "headers": BROWSER,
        "multiValueHeaders": {name: [value] for name, value in BROWSER.items()},
        "pathParameters": {"code": code},
        "multiValueQueryStringParameters": None,
        "body": None,
        "isBase64Encoded": False,
        "stageVariables": None,
    }


class TestNoLink:
    """Unknown codes, ended links, bare addresses, files."""

    def test_each_domain_has_its_own_unknown_page(self, at: At, root: Keyed) -> None:
        """One leads somewhere, one shows a page, the default one its home page; programs get the error."""
        root("PATCH", "/v1/domains/www.team.example", {"unknownUrl": "https://example.com/lost"})

        answers = {host: at(host, "/nothing") for host in ("team.example", "shop.example", "sho.rt")}

        assert {host: (each.status_code, each.headers.get("Location")) for host, each in answers.items()} == {
            "team.example": (302, "https://example.com/lost"),
            "shop.example": (404, None),
            "sho.rt": (302, "https://sho.rt"),
        }
        assert at("team.example", "/nothing", accept="application/json").status_code == 404

    def test_default_domain_can_lead_elsewhere_too(self, at: At, root: Keyed) -> None:
        """Instead of to the home page."""
        root("PATCH", "/v1/domains/sho.rt", {"unknownUrl": "https://example.com/lost"})

        assert at("also.example", "/nothing").headers["Location"] == "https://example.com/lost"

    @pytest.mark.parametrize(
        "fields", [{"enabled": False}, {"expiresIn": "1s"}, {"maxVisits": 1, "confirm": False}], ids=str
    )
    def test_ended_links_lead_where_the_domain_says(
        self, at: At, root: Keyed, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
    ) -> None:
        """Unless the link itself says where; at other domains they show the error."""
        browser = {"Sec-Fetch-Mode": "navigate"}
        root("PATCH", "/v1/domains/team.example", {"endedUrl": "https://example.com/over"})
        for host in ("team.example", "shop.example"):
            made(root, host, alias="over", **fields)
            made(root, host, alias="own", fallbackUrl="https://example.com/own", **fields)
            at(host, "/over", **browser)
            at(host, "/own", **browser)
        later = datetime.now(UTC) + timedelta(seconds=30)
        monkeypatch.setattr("chalicelib.clock.now", lambda: later)

        answers = [
            at(host, f"/{code}", **browser) for host in ("team.example", "shop.example") for code in ("over", "own")
        ]

        assert at("team.example", "/over", accept="application/json").status_code == 410
        assert [each.headers.get("Location") for each in answers] == [
            *("https://example.com/over", "https://example.com/own", None, "https://example.com/own")
        ]

    def test_files_are_the_domains_own(self, at: At, root: Keyed) -> None:
        """robots.txt, and the files for apps; hosts of one space have the same."""
        apps: dict[str, Any] = {"applinks": {"details": [{"appIDs": ["A.team"]}]}}
        links = [{"relation": ["delegate_permission/common.handle_all_urls"], "target": {"namespace": "web"}}]
        root(
            "PATCH",
            "/v1/domains/team.example",
            {"robots": "User-agent: *\nDisallow: /\n", "assetlinks": links, "appleAppSiteAssociation": apps},
        )
        root("PATCH", "/v1/domains/shop.example", {"assetlinks": []})
        paths = ("/robots.txt", "/.well-known/assetlinks.json", "/.well-known/apple-app-site-association")

        found = {host: [at(host, path) for path in paths] for host in ("www.team.example", "shop.example", "sho.rt")}

        team, shop, default = found.values()
        assert team[0].body == b"User-agent: *\nDisallow: /\n"
        assert [each.json_body for each in team[1:]] == [links, apps]
        assert {each.headers["Content-Type"] for each in team[1:]} == {"application/json"}
        assert (shop[1].json_body, shop[2].status_code) == ([], 404)
        assert [each.status_code for each in default] == [200, 404, 404]

    def test_bare_address_leads_where_the_domain_says(self, at: At, root: Keyed) -> None:
        """The web page is at the default domain alone."""
        root("PATCH", "/v1/domains/team.example", {"bareUrl": "https://example.com/team"})

        answers = [at(host, "/") for host in ("team.example", "shop.example", "sho.rt")]

        assert [each.status_code for each in answers] == [302, 404, 200]
        assert answers[0].headers["Location"] == "https://example.com/team"

    @pytest.mark.parametrize("path", ["/v1/links", "/links", "/docs", "/openapi.json", "/problems/link-unknown"])
    def test_api_is_at_the_default_domain_alone(self, at: At, root: Keyed, path: str) -> None:
        """With a good key as well; programs get a problem document."""
        headers = {"X-Api-Key": root.key or "", "accept": "application/json"}

        answers = [at(host, path, **headers).status_code for host in ("team.example", "sho.rt", "also.example")]

        assert answers[0] == 404
        assert answers[1] == answers[2] != 404

    def test_outage_of_settings_stops_no_answer(self, at: At, root: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without them, visitors of unknown codes get the page."""
        root("PATCH", "/v1/domains/team.example", {"unknownUrl": "https://example.com/lost"})
        tries: list[str] = []

        def fails(space: str, **_: Any) -> Any:
            tries.append(space)
            raise StoreUnavailable

        monkeypatch.setattr(domain_store, "find", fails)

        assert [at("team.example", f"/nothing-{n}").status_code for n in range(3)] == [404, 404, 404]
        assert tries == ["team"]  # the breaker spares further visitors the wait


class TestManage:
    """Links of several domains in the API."""

    def test_link_is_found_by_code_and_domain(self, team: Keyed) -> None:
        """Every call about one link takes its domain; without one it is about the default's."""
        team.make("https://example.com/default", alias="sale")
        link = made(team, "team.example", "https://example.com/team", alias="sale")
        assert (link["domain"], link["shortUrl"]) == ("team.example", "https://team.example/sale")

        for path in ("/links/sale", "/v1/links/sale"):
            assert team.get(path).json_body["url"] == "https://example.com/default"
            assert team.get(f"{path}?domain=WWW.team.example").json_body["url"] == "https://example.com/team"
        assert team("PATCH", "/v1/links/sale?domain=team.example", {"title": "Team"}).status_code == 200
        assert team.get("/v1/links/sale").json_body["title"] is None
        assert len(team.get("/v1/links/sale/history?domain=team.example").json_body["data"]) == 2
        assert team.get("/v1/links/sale/visits?domain=team.example").status_code == 200
        assert team("DELETE", "/v1/links/sale?domain=team.example").status_code == 204
        assert team.get("/v1/links/sale").status_code == 200
        assert team.get("/v1/links/sale?domain=team.example").status_code == 404

    def test_etag_is_of_one_domain(self, team: Keyed) -> None:
        """The version of one link is not that of another with the same code."""
        other = team("POST", "/v1/links", {"url": "https://example.com/", "alias": "sale"}).headers["ETag"]
        own = team("POST", "/v1/links", {"url": "https://example.com/", "alias": "sale", "domain": "team.example"})

        change = ("PATCH", "/v1/links/sale?domain=team.example", {"title": "Team"})
        assert team(*change, If_Match=other).status_code == 412
        assert team(*change, If_Match=own.headers["ETag"]).status_code == 200

    @pytest.mark.parametrize("name", ["nobody.example", "old.example", "", "team.example/x", "team"])
    def test_unknown_domain_is_refused(self, team: Keyed, name: str) -> None:
        """In bodies and in queries, with the field."""
        body = team("POST", "/v1/links", {"url": "https://example.com/", "domain": name})
        query = team.get(f"/v1/links/sale?domain={name}")

        assert [each.json_body["errors"][0]["field"] for each in (body, query)] == ["domain", "domain"]
        assert (body.status_code, query.status_code) == (422, 422)

    def test_lists_can_be_of_one_domain(self, team: Keyed) -> None:
        """Of all of them without one."""
        team.make(alias="a")
        made(team, "team.example", alias="a")
        made(team, "low.example", alias="b")

        def listed(query: str) -> list[tuple[str, str]]:
            return sorted((link["domain"], link["code"]) for link in team.get(f"/v1/links{query}").json_body["data"])

        assert listed("") == [("low.example", "b"), ("sho.rt", "a"), ("team.example", "a")]
        assert listed("?domain=team.example") == [("team.example", "a")]
        assert listed("?domain=sho.rt") == [("sho.rt", "a")]
        assert listed("?limit=1&domain=low.example") == [("low.example", "b")]

    def test_find_existing_finds_at_its_domain(self, team: Keyed) -> None:
        """The same URL at two domains is two links, each found again."""
        fields = {"url": "https://example.com/page", "findExisting": True}
        first = [
            team("POST", "/v1/links", {**fields, **domain}).json_body["shortUrl"]
            for domain in ({}, {"domain": "team.example"}, {}, {"domain": "www.team.example"})
        ]

        assert first[0] == first[2] != first[1] == first[3]
        assert first[1].startswith("https://team.example/")

    def test_bulk_rows_name_their_domains(self, team: Keyed) -> None:
        """Each its own; a dry run says the same."""
        rows = [
            {"url": "https://example.com/", "alias": "x"},
            {"url": "https://example.com/", "alias": "x", "domain": "team.example"},
            {"url": "https://example.com/", "alias": "X", "domain": "low.example"},
            {"url": "https://example.com/", "alias": "x", "domain": "low.example"},
            {"url": "https://example.com/", "domain": "shop.example"},
        ]
        tried, done = (
            team("POST", f"/v1/links/bulk{query}", {"links": rows}).json_body["data"] for query in ("?dryRun=true", "")
        )

        for outcome in (tried, done):
            assert [row.get("link", {}).get("shortUrl") or row["problem"]["code"] for row in outcome] == [
                *("https://sho.rt/x", "https://team.example/x", "https://low.example/x", "alias-taken"),
                "domain-refused",
            ]

    def test_workspace_has_a_default_domain(self, team: Keyed) -> None:
        """For requests that name none; null means the default one."""
        assert team("PATCH", "/v1/workspaces/ann", {"defaults": {"domain": "team.example"}}).status_code == 200
        assert team("PATCH", "/v1/workspaces/ann", {"defaults": {"domain": "nobody.example"}}).status_code == 422
        assert team("PATCH", "/v1/workspaces/ann", {"defaults": {"domain": "shop.example"}}).status_code == 403

        assert team.make()["domain"] == "team.example"
        assert team.make(domain=None)["domain"] == "sho.rt"
        assert made(team, "low.example")["domain"] == "low.example"

    def test_external_id_is_unique_over_domains(self, team: Keyed) -> None:
        """It needs no domain to be found."""
        made(team, "team.example", alias="sale", externalId="x-1")
        again = team("POST", "/v1/links", {"url": "https://example.com/", "externalId": "x-1"})

        assert again.status_code == 409
        assert team.get("/v1/links/ext:x-1").json_body["domain"] == "team.example"

    def test_idempotency_key_answers_again(self, team: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also after the ten minutes after which it is looked whether the link is still there."""
        body = {"url": "https://example.com/", "domain": "team.example"}
        first = team("POST", "/v1/links", body, Idempotency_Key="once")
        later = datetime.now(UTC) + timedelta(minutes=11)
        monkeypatch.setattr("chalicelib.clock.now", lambda: later)

        again = team("POST", "/v1/links", body, Idempotency_Key="once")

        assert again.json_body == first.json_body
        assert again.headers["Idempotency-Replayed"] == "true"

    def test_link_moves_with_its_domain(self, http: Http, team: Keyed, root: Keyed) -> None:
        """To a workspace that may use it; offers say where it is."""
        made(team, "team.example", alias="sale")
        team.make(alias="sale")
        bob = Keyed(http, make_key("bob"))
        offer = team("POST", "/v1/offers", {"code": "sale", "domain": "team.example", "to": "bob"}).json_body
        assert (offer["domain"], offer["shortUrl"]) == ("team.example", "https://team.example/sale")

        assert bob("POST", "/v1/offers/sale/accept").status_code == 404
        refused = bob("POST", "/v1/offers/sale/accept?domain=team.example")
        root("PATCH", "/v1/domains/team.example", {"workspaces": ["ann", "bob"]})
        accepted = bob("POST", "/v1/offers/sale/accept?domain=team.example")

        assert (refused.status_code, refused.json_body["code"]) == (403, "domain-refused")
        assert (accepted.status_code, accepted.json_body["owner"]) == (200, "bob")
        assert team.get("/v1/links/sale").json_body["owner"] == "ann"
        logged = [entry["subject"] for entry in team.get("/v1/audit-log").json_body["data"]]
        assert logged[0] == "team.example/sale"

    def test_ids_never_leave(self, at: At, team: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
        """Clients and logs see code and domain."""
        made(team, "team.example", alias="sale")
        at("team.example", "/sale")
        at("team.example", "/nothing")
        team("POST", "/v1/offers", {"code": "sale", "domain": "team.example", "to": "bob"})
        bodies = [
            team.get(path).body.decode()
            for path in (
                *("/v1/links", "/v1/links/sale?domain=team.example", "/v1/links/sale/history?domain=team.example"),
                *("/v1/stats", "/v1/offers", "/v1/audit-log", "/v1/domains", "/v1/domains/team.example"),
            )
        ]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]

        assert [body for body in bodies if "//team" in body.replace("://team", "")] == []
        assert not any("//team" in json.dumps(line).replace("://team", "") for line in lines if "spilled" not in line)
        named = {(line.get("route"), line.get("domain")) for line in lines if line.get("code") == "sale"}
        assert named >= {("POST /links", "team.example"), ("GET /{code}", "team.example")}

    def test_links_of_a_retired_domain_can_be_managed(
        self, http: Http, at: At, team: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They lead nowhere, are shown where they are, and can be changed and deleted; new ones cannot be made."""
        made(team, "team.example", alias="keep")
        domains.with_domains(monkeypatch, "team.example=team:retired")
        link = team.get("/v1/links").json_body["data"][0]

        assert at("team.example", "/keep").status_code == 404
        assert team.get(f"/v1/links/keep?domain={link['domain']}").status_code == 200
        assert http.get(link["qr"].removeprefix("https://sho.rt")).status_code == 200
        assert team("POST", "/v1/links", {"url": "https://example.com/", "domain": "team.example"}).status_code == 422
        assert team("DELETE", "/v1/links/keep?domain=team.example").status_code == 204

    def test_answer_is_repeated_after_a_domain_was_closed(self, team: Keyed, root: Keyed) -> None:
        """The first reply may have been lost."""
        body = {"url": "https://example.com/", "domain": "team.example"}
        first = team("POST", "/v1/links", body, Idempotency_Key="once")
        root("PATCH", "/v1/domains/team.example", {"workspaces": None})

        assert team("POST", "/v1/links", body, Idempotency_Key="once").json_body == first.json_body
        assert team("POST", "/v1/links", body, Idempotency_Key="another").status_code == 403

    @pytest.mark.parametrize("target", ["team.example", "old.example", "also.example", "sho.rt"])
    def test_no_link_leads_to_a_host_of_this_service(self, team: Keyed, target: str) -> None:
        """Retired ones included: a link to a link would go in circles."""
        response = team("POST", "/v1/links", {"url": f"https://{target}/x"})

        assert (response.status_code, response.json_body["errors"][0]["code"]) == (422, "own-domain")


class TestStatistics:
    """Visits by domain."""

    def test_each_domain_has_its_visits(self, at: At, team: Keyed) -> None:
        """Those of links with the same code are told apart; the default domain has what is left."""
        for host in ("sho.rt", "team.example", "low.example"):
            made(team, host, alias="sale")
        for host, visits in (("sho.rt", 1), ("team.example", 2), ("www.team.example", 1), ("low.example", 4)):
            for _ in range(visits):
                at(host, "/SALE" if host == "low.example" else "/sale")
        count(queued())

        def visits_at(query: str) -> tuple[int, list[tuple[str, str, int]]]:
            report = team.get(f"/v1/stats{query}").json_body
            links = [(link["domain"], link["name"], link["visits"]) for link in report["links"]]
            return report["total"]["visits"], sorted(links)

        of_team, of_low, of_default = ("team.example", "sale", 3), ("low.example", "sale", 4), ("sho.rt", "sale", 1)
        assert visits_at("") == (8, [of_low, of_default, of_team])
        assert visits_at("?domain=team.example") == visits_at("?domain=www.team.example") == (3, [of_team])
        assert visits_at("?domain=low.example") == (4, [of_low])
        assert visits_at("?domain=sho.rt") == (1, [of_default])
        assert team.get("/v1/links/sale?domain=team.example").json_body["visits"]["total"] == 3
        assert team.get("/v1/links/sale/stats?domain=low.example").json_body["total"]["visits"] == 4
        assert len(team.get("/v1/links/sale/visits?domain=team.example").json_body["data"]) == 3

    def test_what_is_no_link_is_counted_by_domain(self, at: At, team: Keyed, root: Keyed) -> None:
        """Unknown codes and bare addresses, for those who may use the domain; HEAD is no visit."""
        for host, path in (
            *[("team.example", "/nothing")] * 3,
            *[("www.team.example", "/")] * 2,
            *[("shop.example", "/nothing"), ("sho.rt", "/nothing"), ("sho.rt", "/")],
        ):
            at(host, path)
        at("team.example", "/", "HEAD")
        count(queued())

        def counted(by: Keyed, query: str) -> tuple[int | None, ...]:
            report = by.get(f"/v1/stats{query}").json_body
            return tuple(report.get(name, {}).get("visits") for name in ("unknownCodes", "bareAddress"))

        assert counted(root, "") == counted(root, "?domain=sho.rt") == (1, None)
        assert counted(root, "?domain=team.example") == counted(team, "?domain=team.example") == (3, 2)
        assert counted(root, "?domain=shop.example") == (1, 0)
        assert (
            counted(team, "")
            == counted(team, "?domain=sho.rt")
            == counted(team, "?domain=shop.example")
            == (None, None)
        )

    def test_unknown_codes_of_each_domain_have_a_maximum(
        self, at: At, root: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Guesses at one do not use up what is counted at another."""
        monkeypatch.setattr(limits, "UNKNOWN_CLICKS_A_DAY", 2)
        for _ in range(2):
            for number in range(3):
                at("team.example", f"/guess-{number}")
            at("sho.rt", "/nothing")
            count(queued())

        seen = [
            root.get(f"/v1/stats?domain={host}").json_body["unknownCodes"]["visits"]
            for host in ("team.example", "shop.example", "sho.rt")
        ]
        assert seen == [3, 0, 2]


class TestDomains:
    """The domains themselves."""

    def test_who_sees_which(self, http: Http, team: Keyed, root: Keyed) -> None:
        """The default one and those that the workspace may use; an administrator sees all that are not retired."""
        bob = Keyed(http, make_key("bob"))

        seen = [[each["host"] for each in by.get("/v1/domains").json_body["data"]] for by in (root, team, bob)]

        assert seen == [
            ["sho.rt", "team.example", "shop.example", "low.example"],
            ["sho.rt", "team.example", "low.example"],
            ["sho.rt"],
        ]
        assert bob.get("/v1/domains/team.example").status_code == 404
        assert team.get("/v1/domains/team.example").json_body["workspaces"] is None
        assert root.get("/v1/domains/team.example").json_body["workspaces"] == ["ann"]

    def test_who_may_make_links_where(self, http: Http, team: Keyed, root: Keyed) -> None:
        """Nobody but administrators until a domain is opened; without a key only at the default one."""
        callers = {"root": root, "ann": team, "bob": Keyed(http, make_key("bob")), "nobody": Keyed(http, None)}
        body = {"url": "https://example.com/"}

        def statuses(host: str) -> dict[str, int]:
            return {name: by("POST", "/v1/links", {**body, "domain": host}).status_code for name, by in callers.items()}

        assert statuses("sho.rt") == {"root": 201, "ann": 201, "bob": 201, "nobody": 201}
        assert statuses("team.example") == {"root": 201, "ann": 201, "bob": 403, "nobody": 403}
        assert statuses("shop.example") == {"root": 201, "ann": 403, "bob": 403, "nobody": 403}
        root("PATCH", "/v1/domains/shop.example", {"workspaces": ["*"]})
        assert statuses("shop.example") == {"root": 201, "ann": 201, "bob": 201, "nobody": 403}

    def test_closed_domain_keeps_its_links(self, at: At, team: Keyed, root: Keyed) -> None:
        """They lead on, and their owner can change them."""
        made(team, "team.example", alias="sale")
        root("PATCH", "/v1/domains/team.example", {"workspaces": None})

        assert at("team.example", "/sale").status_code == 302
        assert team("PATCH", "/v1/links/sale?domain=team.example", {"title": "x"}).status_code == 200
        assert team("POST", "/v1/links", {"url": "https://example.com/", "domain": "team.example"}).status_code == 403

    def test_number_of_links_is_the_spaces(self, team: Keyed, root: Keyed) -> None:
        """Deleted ones do not count; those of the default domain are not counted."""
        for alias in ("a", "b", "c"):
            made(team, "team.example", alias=alias)
        team("DELETE", "/v1/links/a?domain=team.example")

        assert root.get("/v1/domains/www.team.example").json_body["links"] == 2
        assert root.get("/v1/domains/sho.rt").json_body["links"] is None

    @pytest.mark.parametrize(
        ("host", "body", "errors"),
        [
            ("team.example", {"bareUrl": "ftp://x", "robots": 1}, {"bareUrl", "robots"}),
            ("team.example", {"unknownUrl": "https://shop.example/"}, {"unknownUrl"}),
            ("team.example", {"workspaces": ["a b"]}, {"workspaces"}),
            ("team.example", {"workspaces": "ann"}, {"workspaces"}),
            ("team.example", {"workspaces": ["w"] * 101}, {"workspaces"}),
            (
                "team.example",
                {"assetlinks": {}, "appleAppSiteAssociation": []},
                {"assetlinks", "appleAppSiteAssociation"},
            ),
            ("team.example", {"assetlinks": ["x"]}, {"assetlinks"}),
            ("team.example", {"assetlinks": [{"x": "x" * 50_000}]}, {"assetlinks"}),
            ("team.example", {"robots": "x" * 8_001}, {"robots"}),
            ("team.example", {"certificate": "x"}, {"certificate"}),
            ("sho.rt", {"workspaces": ["ann"]}, {"workspaces"}),
            ("sho.rt", {"bareUrl": "https://example.com/"}, {"bareUrl"}),
        ],
    )
    def test_wrong_settings_are_refused(self, root: Keyed, host: str, body: dict[str, Any], errors: set[str]) -> None:
        """All at once, and nothing is changed."""
        response = root("PATCH", f"/v1/domains/{host}", body)

        assert (response.status_code, {each["field"] for each in response.json_body["errors"]}) == (422, errors)
        assert root.get(f"/v1/domains/{host}").json_body["updatedAt"] is None

    def test_settings_can_be_cleared(self, at: At, root: Keyed) -> None:
        """Null clears, what is left out stays; the log of the installation has each change."""
        root("PATCH", "/v1/domains/team.example", {"bareUrl": "https://example.com/", "assetlinks": [], "robots": "x"})
        shown = root("PATCH", "/v1/domains/team.example", {"bareUrl": None, "assetlinks": None}).json_body

        assert (shown["bareUrl"], shown["assetlinks"], shown["robots"]) == (None, None, "x")
        assert at("team.example", "/.well-known/assetlinks.json").status_code == 404
        log = root.get("/v1/audit-log?installation=true").json_body["data"]
        assert [entry["details"] for entry in log if entry["action"] == "domain-changed"] == [
            {"bareUrl": None, "assetlinks": "changed"},
            {"bareUrl": "https://example.com/", "robots": "x", "assetlinks": "changed"},
        ]


class TestWithoutDomains:
    """An installation that has no other domain."""

    def test_a_redirect_asks_and_counts_as_before(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """One read of the link's item; its event's host is not even looked at."""
        link_store.add(Link(id="sale", url="https://example.com/"), "made-for-sale")
        keys: list[Any] = []

        def noting(get_item: Any) -> Any:
            def noted(**sent: Any) -> Any:
                keys.append(sent["Key"])
                return get_item(**sent)

            return noted

        for client in (clients.reads, clients.writes, clients.best_effort):
            monkeypatch.setattr(client, "get_item", noting(client.get_item))

        assert [http.get("/sale").status_code for _ in range(2)] == [302, 302]
        assert keys == [{"code": {"S": "sale"}}]

    def test_redirects_own_function_reads_the_host(self, at: At, root: Keyed) -> None:
        """It has the same answer as the API's, from the table and from the cache."""
        made(root, "team.example", "https://example.com/team", alias="sale")
        root.make("https://example.com/default", alias="sale")
        link_cache.reset()

        def answer(host: str, code: str = "sale") -> tuple[int, str | None]:
            response = redirect_lambda.app(event_of(host, code), None)
            return response["statusCode"], response["headers"].get("Location")

        for _ in ("from the table", "from the cache"):
            assert answer("team.example") == (302, "https://example.com/team")
            assert answer("sho.rt") == (302, "https://example.com/default")
            assert answer("old.example") == (404, None)
        assert at("team.example", "/sale").status_code == 302


def test_what_is_counted_is_told_from_links() -> None:
    """Visits of no link have no row before they are counted."""
    assert [click.is_of_link(link_id) for link_id in ("sale", "//team/sale")] == [True, True]
    assert [click.is_of_link(each) for each in (click.UNKNOWN, "//team/?unknown", "//team/?bare")] == [False] * 3


def test_settings_are_copied_whole() -> None:
    """A helper that forgot a module would test another installation."""
    with pytest.MonkeyPatch.context() as patch:
        after = domains.with_domains(patch, TEXT)

        assert module.settings is after
        assert {each.host for each in after.domains.listed.values()} <= after.own_hosts
        assert dataclasses.replace(after, domains=after.domains) == after
