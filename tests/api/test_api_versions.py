"""The versions of the API: every call answers the same at its two addresses; nothing under /v1 is a link's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import boto3
import pytest
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http

import app as service
from chalicelib.api.versions import V1
from chalicelib.core import limits
from chalicelib.core.access import roles
from chalicelib.core.limits import Window
from chalicelib.core.links import codes
from chalicelib.settings import settings
from chalicelib.usecases import limit_calls
from tests.api.test_access import BODIES, CALLERS, CALLS, MOVED, NAMES, closed, keys
from tests.api.test_clicks import count, queued
from tests.aws_in_memory import Prepared
from tests.callers import Keyed, make_key
from tests.faults import table_down

__all__ = ["closed", "keys"]  # the fixtures of the matrix of authorization

DEPRECATED = datetime(2026, 12, 1, tzinfo=UTC)
ENDING = {"Deprecation", "Sunset", "Link"}
NEXT = re.compile(r'<\?limit=[0-9]+&cursor=[^>]*>; rel="next"')

WITH_BODY = [(route, method) for route, method in CALLS if method != "HEAD"]


class Wrong(NamedTuple):
    """What is wrong with a request, and the statuses of calls that see it."""

    body: bytes | None = None
    query: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012  # it is not changed
    names: str | None = None
    method: str | None = None


WRONG = {
    "nothing": Wrong(),
    "a parameter that does not exist": Wrong(query="?tga=x&limti=1"),
    "a parameter twice": Wrong(query="?limit=1&limit=2&dryRun=true&dryRun=false"),
    "a body that is no JSON": Wrong(body=b"{"),
    "a body that is no object": Wrong(body=b"[]"),
    "an unknown field": Wrong(body=b'{"titel": 1}'),
    "a body of another type": Wrong(body=b"a,b", headers={"Content-Type": "text/csv"}),
    "an encoded body": Wrong(body=b"{}", headers={"Content-Encoding": "gzip"}),
    "a large body": Wrong(body=b" " * (limits.BULK_BYTES + 1)),
    "names of nothing": Wrong(names="none"),
    "names that cannot be": Wrong(names="no.such%20name"),
    "a method that is not taken": Wrong(method="PUT"),
    "a version that it has not": Wrong(headers={"If-Match": '"x.1"'}),
    "an Idempotency-Key that is none": Wrong(headers={"Idempotency-Key": "\u00e9"}),
    "an address for people": Wrong(query="?tga=x", headers={"Accept": "text/html"}),
    "a page of CSV": Wrong(headers={"Accept": "text/csv"}),
}


@dataclass
class Same:
    """Makes a call at both addresses, each from the same tables, and compares the answers."""

    http: Http
    prepared: Prepared
    keys: dict[str, str]

    def answers(self, route: str, method: str, caller: str, wrong: Wrong) -> HTTPResponse:
        """Return the answer at the old address; assert that the one under /v1 is the same."""
        names = {
            **NAMES,
            "key_id": self.keys["spare"].split("_")[1],
            "code": "free" if caller == "manage key" else "sale",
        }
        path = route.format(**(names if wrong.names is None else dict.fromkeys(names, wrong.names))) + wrong.query
        body = BODIES.get((route, method)) if wrong.body is None else wrong.body
        old, new = (self._answer(version + path, wrong.method or method, caller, body, wrong) for version in ("", V1))
        if route in {path for path, _, _ in service.CALLS_OF_V1}:  # which has a further method there
            old.headers.pop("Allow", None)
            new.headers.pop("Allow", None)
        assert unchanging(old) == unchanging(new)
        assert not ENDING & new.headers.keys() or NEXT.fullmatch(new.headers["Link"])
        return old

    def _answer(self, path: str, method: str, caller: str, body: Any, wrong: Wrong) -> HTTPResponse:
        self.prepared.restore()
        caller_at = Keyed(self.http, self.keys.get(caller))
        return caller_at(method, path, body, **{name.replace("-", "_"): text for name, text in wrong.headers.items()})


def unchanging(response: HTTPResponse) -> tuple[int, dict[str, str], str]:
    """Return what two answers have in common that differ in what is drawn or in the address alone."""
    text = response.body.decode()
    drawn = {found for name in ("code", "id", "key", "manageKey", "signature") for found in values_of(text, name)}
    headers = {name: value for name, value in response.headers.items() if name not in {*ENDING, "X-Request-Id"}}
    whole = json.dumps([text, headers])
    for each in sorted(drawn, key=len, reverse=True):
        whole = whole.replace(each, "(drawn)")
    whole = re.sub(r"[0-9a-f]{32,64}|eyJ[\w=+/-]+|20\d\d-?\d\d-?\d\dT[\d:.]+Z", "(drawn)", whole)
    text, headers = json.loads(whole)
    return response.status_code, headers, text


def values_of(text: str, name: str) -> list[str]:
    """Return the texts of a member, wherever it is in a JSON text."""
    return re.findall(rf'"{name}": "([^"]+)"', text)


@pytest.fixture
def same(http: Http, prepared: Prepared, keys: dict[str, str], one_moment: datetime) -> Same:  # noqa: ARG001  # below
    """The matrix's keys, and what belongs to ann. The clock stops once they are made, or the expired one would work."""
    return Same(http, prepared, keys)


@pytest.mark.usefixtures("closed")
class TestTwoAddresses:
    """All calls of app.py's table."""

    def test_table_is_that_of_the_matrix(self) -> None:
        """A new call with two addresses must be in both; a call that has one belongs to CALLS_OF_V1."""
        assert CALLS.keys() == {(path, method) for path, methods, _ in service.CALLS for method in methods}

    @pytest.mark.parametrize(("route", "method"), WITH_BODY)
    def test_every_caller_gets_the_same(self, same: Same, route: str, method: str) -> None:
        """With each status of the matrix of authorization."""
        for caller, status in zip(CALLERS, CALLS[route, method], strict=True):
            assert same.answers(route, method, caller, WRONG["nothing"]).status_code == status

    @pytest.mark.parametrize(("route", "method"), WITH_BODY)
    def test_every_error_is_the_same(self, same: Same, route: str, method: str) -> None:
        """Whatever is wrong with a request."""
        refused = [same.answers(route, method, "admin", wrong).status_code >= 400 for wrong in WRONG.values()]

        assert refused[0] is False
        assert sum(refused) >= 4

    @pytest.mark.parametrize(("route", "method"), WITH_BODY)
    def test_limits_are_shared(self, same: Same, monkeypatch: pytest.MonkeyPatch, route: str, method: str) -> None:
        """A call at one address counts at the other: neither is a way around a limit."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 1))
        ann = Keyed(same.http, make_key("ann", *roles.SCOPES))
        path = route.format(**{**NAMES, "code": "none", "key_id": "none"})
        body = BODIES.get((route, method))

        assert ann(method, path, body).status_code != 429
        assert ann(method, f"{V1}{path}", body).status_code == 429

    @pytest.mark.parametrize(("route", "method"), WITH_BODY)
    def test_without_the_table_it_is_the_same(self, same: Same, route: str, method: str) -> None:
        """And the end of the old address is told as well."""
        with table_down():
            assert same.answers(route, method, "owner", WRONG["nothing"]).status_code == 503

    @pytest.mark.parametrize(("route", "method"), [call for call in WITH_BODY if call[1] == "GET"])
    def test_head_is_get_without_a_body(self, same: Same, route: str, method: str) -> None:
        """With its status and its headers, at both addresses."""
        for wrong in (WRONG["nothing"], WRONG["names of nothing"], WRONG["a parameter that does not exist"]):
            whole, head = (same.answers(route, each, "admin", wrong) for each in (method, "HEAD"))

            assert head.body == b""
            assert head.headers.pop("Content-Length") == str(len(whole.body))
            assert head.status_code == whole.status_code
            assert CALLS[route, "HEAD"] == CALLS[route, method]
            assert {**head.headers, "X-Request-Id": ""} == {**whole.headers, "X-Request-Id": ""}


class TestDeprecation:
    """The old addresses say what follows them, and until when they work."""

    @pytest.mark.parametrize(("route", "method"), CALLS)
    @pytest.mark.usefixtures("closed")
    def test_old_addresses_say_it_with_every_answer(self, same: Same, route: str, method: str) -> None:
        """To callers who are refused as well."""
        names = {"code": "ext:offer-1", "import_id": MOVED, "export_id": MOVED, "key_id": "1"}
        for key in (None, same.keys["admin"]):
            answer = Keyed(same.http, key)(method, f"{route.format(**names)}?tga=1", BODIES.get((route, method)))

            assert answer.headers["Deprecation"] == f"@{int(DEPRECATED.timestamp())}"
            assert answer.headers["Sunset"] == "Wed, 01 Dec 2027 00:00:00 GMT"
            assert answer.headers["Link"] == f'<https://sho.rt/v1{route.format(**names)}>; rel="successor-version"'

    def test_end_is_at_least_a_year_after_the_announcement(self) -> None:
        """By default; UNVERSIONED_UNTIL is the operator's to set."""
        assert settings.unversioned_until - DEPRECATED >= timedelta(days=365)

    def test_next_page_and_successor_are_one_list(self, http: Http) -> None:
        """RFC 9110, section 5.3: a client finds each by its relation."""
        ann = Keyed(http, make_key("ann"))
        code = ann.make()["code"]
        for _ in range(2):
            http.get(f"/{code}")
        count(queued())

        answer = ann.get(f"/links/{code}/visits?limit=1")

        cursor = answer.json_body["next"]
        successor = f'<https://sho.rt/v1/links/{code}/visits>; rel="successor-version"'
        assert answer.headers["Link"] == f'{successor}, <?limit=1&cursor={cursor}>; rel="next"'

    @pytest.mark.parametrize("path", ["/", "/healthz", "/openapi.json", "/robots.txt", "/problems/link-unknown", "/x"])
    def test_what_is_no_call_is_not_deprecated(self, http: Http, path: str) -> None:
        """Pages, health, redirects and their like stay where they are."""
        assert not {"Deprecation", "Sunset"} & http.get(path).headers.keys()

    @pytest.mark.parametrize("first", ["", V1])
    def test_a_repeated_request_may_change_its_address(self, http: Http, first: str) -> None:
        """A program that is moved to /v1 between a request and its retry creates nothing twice."""
        ann, body = Keyed(http, make_key("ann")), {"url": "https://example.com/"}

        created = ann("POST", f"{first}/links", body, Idempotency_Key="once")
        again = ann("POST", f"{V1 if not first else ''}/links", body, Idempotency_Key="once")

        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json_body["code"] == created.json_body["code"]


def add_old_link(code: str) -> None:
    """Add a link as it may be in a table from before its code was reserved."""
    item: Any = {
        "code": {"S": code},
        "originalUrl": {"S": "https://example.com/old"},
        "forwardPath": {"BOOL": True},
        "owner": {"S": "ann"},
        "createdAt": {"S": "2026-01-01T00:00:00.000Z"},
    }
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)


class TestReserved:
    """Nothing below a reserved first segment is a link's."""

    @pytest.fixture(autouse=True)
    def link(self, http: Http) -> None:  # noqa: ARG002  # the tables
        """A link from before v1 was reserved, which takes paths."""
        for code in ("v1", "keys", "V1", "api", "rest", "v2"):
            add_old_link(code)

    @pytest.mark.parametrize(
        "path",
        [
            *("/v1/typo", "/v1/links/x/typo", "/v1/qr", "/v1/report", "/v1/healthz", "/v1/openapi.json", "/V1/typo"),
            *("/v1/link", "/keys/a/b", "/v2/links", "/rest/v3/short-urls", "/api/shorten", "/V1/qr", "/rest/report"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_unknown_addresses_are_the_apis(self, http: Http, method: str, path: str) -> None:
        """A 404 for programs, whatever a link would take."""
        answer = http.request(method, path)

        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert method == "HEAD" or answer.json_body["code"] == "page-unknown"

    def test_no_reserved_word_takes_a_path(self, http: Http) -> None:
        """Those that are kept for later as well: what is below them will never have to be taken from a link."""
        for word in codes.RESERVED:
            add_old_link(word)

        free = [word for word in codes.RESERVED if http.get(f"/{word}/a/b/c").status_code != 404]

        assert free == []

    @pytest.mark.parametrize("code", ["v1", "V1"])
    @pytest.mark.parametrize(("method", "status"), [("GET", 302), ("HEAD", 302), ("POST", 303)])
    def test_its_link_leads_on(self, http: Http, code: str, method: str, status: int) -> None:
        """At exactly its code."""
        answer = http.request(method, f"/{code}")

        assert (answer.status_code, answer.headers["Location"]) == (status, "https://example.com/old")

    def test_its_preview_and_drawing_are_shown(self, http: Http) -> None:
        """The drawing at the address that does not lie below the code."""
        shown = Keyed(http, make_key("ann")).get(f"{V1}/links/v1").json_body

        assert http.get("/v1+", headers={"Accept": "application/json"}).json_body["url"] == "https://example.com/old"
        assert b"/v1/report" not in http.get("/v1+", headers={"Accept": "text/html"}).body
        assert shown["qr"] == "https://sho.rt/v1/links/v1/qr"
        assert http.get(shown["qr"].removeprefix("https://sho.rt")).status_code == 200

    def test_code_without_a_link_is_unknown(self, http: Http) -> None:
        """As any other code."""
        boto3.client("dynamodb").delete_item(TableName="url-shortener", Key={"code": {"S": "v1"}})

        assert http.get("/v1").status_code == 302
        assert http.get("/v1", headers={"Accept": "application/json"}).json_body["code"] == "link-unknown"


class TestUnknownParameters:
    """Under /v1 they are refused, with a hint."""

    @pytest.mark.parametrize(
        ("path", "method"), [(path, methods[0]) for path, methods, _ in (*service.CALLS, *service.CALLS_OF_V1)]
    )
    def test_every_call_refuses_them(self, http: Http, path: str, method: str) -> None:
        """Whatever else is right with the request."""
        key = make_key("ann", *roles.SCOPES)
        body = BODIES.get((path, method))
        Keyed(http, key).make(alias="sale")

        answer = Keyed(http, key)(method, f"{V1}{path.format(**NAMES, key_id='1')}?colour=red", body)

        assert (answer.status_code, answer.json_body["code"]) == (422, "query-invalid")
        assert [error["field"] for error in answer.json_body["errors"]] == ["colour"]

    @pytest.mark.parametrize(("path", "hint"), [("/links?tga=x", "tag"), ("/links/sale/qr?sise=64", "size")])
    def test_a_near_name_is_named(self, http: Http, path: str, hint: str) -> None:
        """A typing error is most likely."""
        ann = Keyed(http, make_key("ann"))
        ann.make(alias="sale")

        assert f"{hint!r}?" in ann.get(f"{V1}{path}").json_body["errors"][0]["message"]

    def test_drawing_for_visitors_ignores_them(self, http: Http) -> None:
        """What mail programs add to addresses must not break a picture."""
        Keyed(http, make_key("ann")).make(alias="sale")

        assert http.get("/sale/qr?fbclid=x").status_code == 200
