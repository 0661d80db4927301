"""The descriptions of the API and of the addresses for visitors, compared with the service."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

import boto3
import pytest
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

import app as service
from chalicelib.api import pages
from chalicelib.api.versions import V1
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import blocked_host_store, link_store, offer_store, row_store, transfer_store
from chalicelib.core import limits
from chalicelib.core.access import api_key, audit_log, offer, roles, workspace
from chalicelib.core.http import idempotency
from chalicelib.core.limits import Window
from chalicelib.core.links import link_fields, link_patch, new_link, password, qr, rule_parser, rules, target_url
from chalicelib.core.links.link import Link
from chalicelib.core.transfers import export_job, import_job, import_summary, job_problem
from chalicelib.core.transfers.export_job import Export
from chalicelib.core.transfers.import_job import Import
from chalicelib.core.visits import click, period
from chalicelib.core.visits.click import Click
from chalicelib.settings import settings
from chalicelib.usecases import (
    block_hosts,
    identify_visitor,
    limit_calls,
    manage_keys,
    record_clicks,
    request_transfer,
)
from dev import openapi
from tests import rows
from tests.aws_in_memory import Prepared
from tests.callers import ALL_BUT_ADMIN, make_key

DESCRIPTION: dict[str, Any] = json.loads(pages.text_of("openapi.json"))
VISITORS = openapi.joined(start=openapi.VISITORS)
SCHEMAS = DESCRIPTION["components"]["schemas"]
PARAMETERS = DESCRIPTION["components"]["parameters"]


def operations_of(description: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the operations of a description, by method and route."""
    return {
        (method.upper(), route): operation
        for route, item in description["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


CALLS = operations_of(DESCRIPTION)
"""The operations of the API, by routes without /v1."""
OPERATIONS = CALLS | operations_of(VISITORS)


def closed(node: Any) -> Any:
    """Return a part of a description without room for what is not described: clients ignore that, tests do not."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    parts = {name: closed(each) for name, each in node.items()}
    is_object = isinstance(node.get("properties"), dict) and "additionalProperties" not in node
    return parts | ({"additionalProperties": False} if is_object else {})


COMPONENTS: dict[str, dict[str, Any]] = {
    kind: closed(VISITORS["components"].get(kind, {}) | parts) for kind, parts in DESCRIPTION["components"].items()
}
"""Those of both descriptions, which have them from the same files."""
BODIES, FORMS = (
    {
        called: operation["requestBody"]["content"][media_type]
        for called, operation in OPERATIONS.items()
        if media_type in operation.get("requestBody", {}).get("content", {})
    }
    for media_type in ("application/json", "application/x-www-form-urlencoded")
)

PAGE = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
PLAIN = {"Accept": "text/plain"}
CSV = {"Accept": "text/csv"}
NDJSON = {"Accept": "application/x-ndjson"}
PNG = {"Accept": "image/png"}
APPS: dict[str, Any] = {"assetlinks": [], "appleAppSiteAssociation": {}}
MINIMAL = {"url": "https://example.com/minimal"}
FULL = {
    "url": "https://example.com/full",
    "alias": "full",
    "title": "Everything",
    "note": "All that a link can have.",
    "tags": ["one", "two"],
    "expiresAt": "2099-12-31T23:59:00Z",
    "permanent": True,
    "findExisting": True,
    "enabled": True,
}
RULES = [
    {"if": {"device": "ios", "country": ["PT", "br"], "language": "pt_BR"}, "url": "https://example.com/ios"},
    {"if": {"query": {"ref": ["x", "y"], "lang": "pt", "preview": True}, "from": None}, "url": "https://example.com/x"},
    {"if": {"from": "2098-01-01T00:00:00Z", "to": "2099-01-01T00:00:00+02:00"}, "url": "https://example.com/later"},
    {"weight": 1, "url": "https://example.com/few"},
]
OPTIONS = {
    "startsAt": "2020-01-01T00:00:00Z",
    "maxVisits": 10,
    "confirm": True,
    "password": "open sesame",
    "rules": RULES,
    "forwardQuery": True,
    "forwardPath": True,
    "fallbackUrl": "https://example.com/fallback",
}
"""All options of a link; some conflict with ``permanent``."""
ROWS = {"links": [MINIMAL, {**MINIMAL, "alias": "full"}, {"url": "ftp://x"}, 1]}
NEW_KEY = {"name": "new", "scopes": ["read"]}
HOLDERS = {
    "ann": ("ann", *ALL_BUT_ADMIN),
    "admin": ("root", "admin"),
    "maker": ("ann", "create"),
    "reader": ("ann", "read"),
    "keeper": ("ann", "manage"),
    "head": ("ann", *roles.ROLES["admin"]),
}
"""The holders of keys, with owner and scopes."""
PERSON_OF_A_KEY = "vera@example.com"
PERSONAL = {"name": "ann", "role": "editor", "person": "ann@example.com"}
OF_OPEN = "mk_3Kf9xQm7TzVbN2cRw8LpYh5D"
"""The manage key of the description's examples: that of the link without an owner is sent in its place."""
WORD = "open sesame"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SEEN: list[dict[str, Any]] = [
    {"agent": PERSON, "referrer": "news.example.com", "country": "PT", "language": "pt", "visitor": "5eed" * 6},
    {"agent": "an unknown browser", "device": "tablet"},
    {"agent": "curl/8.14.1"},
    {},
    {"agent": PERSON, "prefetch": True},
]
"""The visits of one link: one with all data, one with none."""


WAITING, RUNNING, DONE, FAILED, OF_ALL = ("".join(digit * 32) for digit in "abcde")
"""Imports and exports, by the states they are in, and one of everyone's links."""
NONE = "0" * 32
"""A valid id of no import or export."""
Keys = dict[str, str]
"""The keys of a test, by their holders."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request, its route, and its caller: the holder of a key, or no one. A path may contain a key.

    Routes and paths of the API are without /v1, as in its description.
    """

    route: str
    path: str
    method: str = "GET"
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    by: str | None = None

    def send(self, http: Http, keys: Keys) -> HTTPResponse:
        """Make the request."""
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        path = V1 if self.route in DESCRIPTION["paths"] else ""
        path += self.path.format_map({holder: text.split("_")[1] for holder, text in keys.items()})
        if self.body == {"manageKey": OF_OPEN} and "open" in keys:
            body = json.dumps({"manageKey": keys["open"]}).encode()
        headers = {**self.headers, **({"X-Api-Key": keys[self.by]} if self.by else {})}
        return http.request(self.method, path, headers=headers, body=b"" if self.body is None else body)


def by(holder: str | None, call: Call) -> Call:
    """Let ``holder`` make ``call``."""
    return replace(call, by=holder)


def holder_for(route: str) -> str | None:
    """Return the holder of a key for ``route``: an owner, or an admin."""
    owners = dict.fromkeys(("links", "stats", "imports", "exports", "me", "offers"), "ann")
    admins = dict.fromkeys(("keys", "reports", "workspaces", "domains"), "admin")
    return {**owners, **admins, "audit-log": "head"}.get(route.split("/")[1])


def path_of(route: str) -> str:
    """Return a path of ``route``, of ann's link with all fields, or her workspace."""
    return route.format(code="full", workspace="ann", host="sho.rt")


def post(body: Any, route: str = "/links", path: str | None = None, **headers: str) -> Call:
    """Create with ``body``: JSON of it, or these bytes."""
    holder = holder_for(route)
    return Call(route=route, path=path or route, method="POST", body=body, headers=headers, by=holder)


def send(route: str, path: str, form: dict[str, str], **headers: str) -> Call:
    """Send ``form`` as the page of a link does."""
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    return Call(route=route, path=path, method="POST", body=urlencode(form).encode(), headers=as_form | headers)


def patch(body: Any, path: str = "/links/full", route: str = "/links/{code}", **headers: str) -> Call:
    """Change a link, or what is at another ``route``."""
    return Call(route=route, path=path, method="PATCH", body=body, headers=headers, by=holder_for(route))


def change_workspace(body: Any, path: str = "/workspaces/ann", **headers: str) -> Call:
    """Change a workspace, as the administrator of ann's."""
    return by("head", patch(body, path, "/workspaces/{workspace}", **headers))


def change_domain(body: Any, host: str = "sho.rt", **headers: str) -> Call:
    """Change a domain."""
    return patch(body, f"/domains/{host}", "/domains/{host}", **headers)


def accept(code: str, **headers: str) -> Call:
    """Accept the offer of a link."""
    return post(None, "/offers/{code}/accept", f"/offers/{code}/accept", **headers)


def adopt(body: Any, code: str = "open", **headers: str) -> Call:
    """Adopt a link."""
    return post(body, "/links/{code}/adopt", f"/links/{code}/adopt", **headers)


def delete(route: str, path: str, **headers: str) -> Call:
    """Delete the resource at ``path``."""
    return Call(route=route, path=path, method="DELETE", headers=headers, by=holder_for(route))


def get(route: str, path: str | None = None, **headers: str) -> Call:
    """Get ``path``, by default ``route`` itself."""
    return Call(route=route, path=path or route, headers=headers, by=holder_for(route))


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Return the target of a reference, or ``node`` itself."""
    if "$ref" not in node:
        return node
    kind, name = node["$ref"].split("/")[2:]
    target: dict[str, Any] = COMPONENTS[kind][name]
    return target


def described(route: str, method: str, status: int) -> dict[str, Any]:
    """Return the description of ``status``: under its number, or under ``default`` if any call may meet it."""
    operations = {called: operation for (called, path), operation in OPERATIONS.items() if path == route}
    operation = operations.get(method) or next(iter(operations.values()))
    unusual = status in {405, 500}
    return resolved(operation["responses"]["default" if unusual else str(status)])


def check(route: str, method: str, response: HTTPResponse) -> None:
    """Assert that the response matches the description: status, headers, media type, and every member."""
    documented = described(route, method, response.status_code)
    headers = {name: resolved(header) for name, header in documented["headers"].items()}
    assert {name for name, header in headers.items() if header.get("required")} <= response.headers.keys()
    for name in headers.keys() & response.headers.keys():
        text, schema = response.headers[name], headers[name]["schema"]
        check_value(schema, int(text) if schema.get("type") == "integer" else text)
    if "content" not in documented:
        assert response.body == b""
        return
    media_type = response.headers["Content-Type"].split(";")[0]
    if media_type == "text/html" and "application/problem+json" in documented["content"]:
        assert response.body.startswith(b"<!doctype html>")  # the page of an error, for which no program asks
        return
    assert media_type in documented["content"]
    if media_type == qr.PNG:  # OpenAPI describes bytes by their media type alone
        assert documented["content"][media_type] == {}
        assert response.body.startswith(b"\x89PNG")
        return
    is_json = media_type.endswith(("/json", "+json"))  # lines of JSON are not JSON
    check_value(documented["content"][media_type]["schema"], response.json_body if is_json else response.body.decode())


def check_value(schema: dict[str, Any], value: Any) -> None:
    """Assert that ``value`` matches ``schema`` and has no undescribed member."""
    whole = {**schema, "unevaluatedProperties": False, "components": COMPONENTS}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def visit(code: str, seen: list[dict[str, Any]], at: datetime) -> None:
    """Count visits of ``code``, one for each entry of ``seen``."""
    owner = None if code == click.UNKNOWN else "ann"
    clicks = [Click(id=f"click-{place}", link_id=code, at=at, owner=owner, **each) for place, each in enumerate(seen)]
    if code != click.UNKNOWN:
        for each in clicks:
            row_store.put(replace(each, slot=0, expires_at=2_000_000_000))
        rows.count_rows()
        return
    messages = [record_clicks.Message(each.id, json.dumps(each.as_message())) for each in clicks]
    assert record_clicks.record(messages, datetime.now(UTC)).counted == len(seen)


@pytest.fixture
def keys(prepared: Prepared) -> Keys:
    """A key of every holder, and an invalid one."""
    made = prepared.step("keys", make_keys)
    return {**made, "stranger": f"sk_{'1' * 10}_{'1' * 24}"}


def make_keys() -> Keys:
    """Create a key for every holder."""
    persons = {"reader": PERSON_OF_A_KEY}
    return {
        holder: make_key(owner, *scopes, name=holder, person=persons.get(holder))
        for holder, (owner, *scopes) in HOLDERS.items()
    }


@pytest.fixture
def links(prepared: Prepared, http: Http, keys: Keys) -> None:
    """Links of ann: with all fields and visits, with none, off, expired. One without an owner, with a manage key."""
    keys["open"] = prepared.step("links", lambda: make_links(http, keys))


def make_links(http: Http, keys: Keys) -> str:
    """Create the links that most tests use; return the manage key of the one without an owner."""
    post({**FULL, "externalId": "full:1"}).send(http, keys)
    post({**MINIMAL, "alias": "bare"}).send(http, keys)
    post({**MINIMAL, "alias": "off", "enabled": False, "externalId": "off:1"}).send(http, keys)
    key_to_open: str = by(None, post({**MINIMAL, "alias": "open"})).send(http, keys).json_body["manageKey"]
    url = "https://example.com/"
    over = Link(id="over", url=url, owner="ann", expires_at=datetime(2020, 1, 1, tzinfo=UTC), imported_visits=7)
    link_store.add(over, "made-for-over")
    link_store.add(Link(id="old", url=url), "made-for-old")
    link_store.add(Link(id="theirs", url=url, owner="bob", external_id="theirs:1"), "made-for-theirs")
    for code, of, to in (("theirs", "bob", "ann"), ("bare", "ann", "bob")):
        offered = offer.Offer(id=code, link_id=code, of=of, to=to, created_at=datetime.now(UTC))
        offer_store.add(offered, [])
    visit("full", SEEN, datetime.now(UTC))
    visit(click.UNKNOWN, [{"agent": "curl/8.14.1"}], datetime.now(UTC))
    return key_to_open


@pytest.fixture
def option_links(prepared: Prepared, http: Http, keys: Keys) -> None:
    """Ann's links with options, one for each, and a reported one."""
    prepared.step("option_links", lambda: make_option_links(http, keys))


def make_option_links(http: Http, keys: Keys) -> None:
    """Create the links with options, and visits and reports of some of them."""
    lasting = datetime(2099, 1, 1, tzinfo=UTC)
    past, url, fallback = datetime(2020, 1, 1, tzinfo=UTC), "https://example.com/", "https://example.com/fallback"
    for link in (
        Link(id="plain", url=url, owner="ann"),
        Link(id="lasting", url=url, owner="ann", permanent=True, forward_path=True),
        Link(id="later", url=url, owner="ann", starts_at=lasting, forward_path=True),
        Link(id="limited", url=url, owner="ann", max_visits=2, forward_path=True, version=1),
        Link(id="spent", url=url, owner="ann", max_visits=1, confirm=False, forward_path=True, version=1),
        Link(id="asking", url=url, owner="ann", confirm=True, forward_path=True),
        Link(id="stopped", url=url, owner="ann", blocked="It was phishing.", forward_path=True),
        Link(id="onward", url=url, owner="ann", forward_path=True, forward_query=True),
        Link(id="ended", url=url, owner="ann", expires_at=past, fallback_url=fallback, forward_path=True),
        Link(id="gone", url=url, owner="ann", expires_at=past, forward_path=True),
        Link(id="hidden", url=url, owner="ann", password_digest=password.digest_of(WORD), forward_path=True),
    ):
        link_store.add(link, f"made-for-{link.code}")
    link_cache.reset()
    http.get("/spent", headers={"User-Agent": PERSON, "Accept": "text/html"})
    post({**MINIMAL, "alias": "ruled", "rules": RULES}).send(http, keys)
    visit("ruled", [{"agent": PERSON, "variant": "1"}, {"agent": PERSON, "variant": "default"}], datetime.now(UTC))
    send("/{code}/report", "/plain/report", {"reason": "spam", "comment": " It was in my mail. "}).send(http, keys)
    send("/{code}/report", "/plain/report", {"reason": "other"}).send(http, keys)


@pytest.fixture
def transfers(prepared: Prepared) -> None:
    """Imports and exports of ann, one in each state, and an export of everyone's links by an admin."""
    prepared.step("transfers", make_transfers)


def make_transfers() -> None:
    """Create the imports and exports."""
    now, problem = datetime.now(UTC), job_problem.Problem("empty", "It has no rows.")
    for name in (WAITING, RUNNING, DONE, FAILED):
        begun = Import(id=name, owner="ann", by="ann", created_at=now, on_taken="rename")
        transfer_store.add_import(begun)
        if name != WAITING:
            transfer_store.bind_to_version(name, "version")
        if name in {RUNNING, DONE}:
            begun = transfer_store.store_row_count(begun, "bitly", 2)
            told = import_summary.Summary(1, {"ip": 1}, {"taken": 1})
            transfer_store.checkpoint(
                begun, replace(begun, rows=2, outcomes={"created": 1, "refused": 1}, summary=told, parts=("0-2",))
            )
        if name in {DONE, FAILED}:
            transfer_store.end_import(begun, problem if name == FAILED else None)
    for name in (RUNNING, DONE, FAILED):
        job = Export(id=name, owner="ann", asked_by="ann", created_at=now, days=True)
        transfer_store.add_export(job)
        if name != RUNNING:
            transfer_store.end_export(job, 1, problem if name == FAILED else None)
    transfer_store.add_export(Export(id=OF_ALL, owner=export_job.EVERYONE, asked_by="root", created_at=now))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit each key to one call, and each network to one link without a key, in thirty years."""
    monkeypatch.setattr(manage_keys, "_INDEX_LAGS", 0)
    monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 10**9, 1))
    monkeypatch.setattr(
        limit_calls, "_anonymous", (Window("anonymous-hour", 10**9, 1), Window("anonymous-day", 10**9, 2))
    )


def test_the_description_is_valid() -> None:
    """It is OpenAPI 3.1, and every reference resolves."""
    description = pages.openapi(settings.base_url)

    validate(description)

    assert description["openapi"].startswith("3.1.")


def test_the_served_description_has_the_base_url(http: Http) -> None:
    """The description has the address of this installation, and is otherwise the file."""
    served = http.get("/openapi.json").json_body

    assert [server["url"] for server in served["servers"]] == [f"{settings.base_url}{V1}"]
    assert served["info"]["contact"]["url"] == settings.base_url
    assert json.loads(json.dumps(DESCRIPTION).replace("https://sho.rt", settings.base_url)) == served


def test_every_route_is_described() -> None:
    """The routes of the app, but HEAD, deprecated addresses and the link called v1, are those of the descriptions."""
    routes = {(method, path) for path, methods in service.app.routes.items() for method in methods}
    before = {(method, path) for path, methods, _ in service.CALLS for method in methods}

    operations = {(method, f"{V1}{route}") for method, route in CALLS} | operations_of(VISITORS).keys()

    without_head = {(method, path) for method, path in routes - before if method != "HEAD"}
    assert operations == without_head - {(method, V1) for method in ("GET", "POST")}


def test_operation_ids_are_unique() -> None:
    """Generated clients make functions of them."""
    names = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(names) == len(set(names))


def test_every_tag_is_described() -> None:
    """The tags of the operations are those of the description."""
    used = {tag for operation in OPERATIONS.values() for tag in operation["tags"]}

    assert used == {tag["name"] for description in (DESCRIPTION, VISITORS) for tag in description["tags"]}


def test_every_component_is_used() -> None:
    """No component is without a reference."""
    text = json.dumps(DESCRIPTION)

    parts = [
        f"#/components/{kind}/{name}"
        for kind, parts in DESCRIPTION["components"].items()
        for name in parts
        if kind != "securitySchemes"  # they are referred to by name
    ]

    assert [part for part in parts if f'"{part}"' not in text] == []


def test_every_way_to_send_a_key_is_described() -> None:
    """If an operation accepts a key, it accepts both headers."""
    both: list[Any] = [{name: []} for name in DESCRIPTION["components"]["securitySchemes"]]

    ways = [operation["security"] for operation in OPERATIONS.values() if "security" in operation]

    assert DESCRIPTION["security"] == []
    assert all(way in (both, [*both, {}]) for way in ways)


@pytest.mark.parametrize(("method", "route"), OPERATIONS)
def test_operations_need_a_key_as_described(http: Http, keys: Keys, method: str, route: str) -> None:
    """Operations that are described as open are, and all others need a key."""
    is_open = {} in OPERATIONS[method, route].get("security", [{}])
    path = re.sub("{[a-z0-9_]+}", "full", route)
    body = BODIES.get((method, route), {}).get("examples")
    example = next(iter(body.values()))["value"] if body else None

    response = Call(route=route, path=path, method=method, body=example).send(http, keys)

    assert (response.status_code == 401) == (not is_open)
    assert ("WWW-Authenticate" in response.headers) == (not is_open)


# What REST APIs of Amazon API Gateway do to headers of responses: rename them, write their own, or leave them out.
RENAMED = {"Authorization", "Connection", "Content-MD5", "Max-Forwards", "User-Agent", "WWW-Authenticate"}
NOT_SENT = {"Date", "Server", "TE", "Trailer", "Transfer-Encoding", "Upgrade"}


def test_renamed_headers_are_described_with_their_new_name() -> None:
    """Clients of the deployed API do not find them under their own."""
    described = {
        name: header["description"]
        for component in (DESCRIPTION["components"]["headers"], *_headers_of_responses())
        for name, header in component.items()
        if "description" in header
    }
    renamed = {name for name in described if name.lower() in {each.lower() for each in RENAMED}}

    assert renamed == {"WWW-Authenticate"}
    assert all(f"`x-amzn-Remapped-{name}`" in described[name] for name in renamed)
    refused = DESCRIPTION["components"]["responses"]["KeyRefused"]["description"]
    assert "`x-amzn-Remapped-WWW-Authenticate`" in refused
    assert not {name.lower() for name in described} & {each.lower() for each in NOT_SENT}


def _headers_of_responses() -> list[dict[str, Any]]:
    """Return the headers of every response, those of components as well."""
    responses = [*DESCRIPTION["components"]["responses"].values()]
    responses += [each for operation in OPERATIONS.values() for each in operation["responses"].values()]
    return [each.get("headers", {}) for each in responses]


@pytest.mark.parametrize(("method", "route"), OPERATIONS)
@pytest.mark.parametrize("by", [None, "ann"])
def test_no_response_relies_on_a_header_that_api_gateway_changes(
    http: Http, keys: Keys, method: str, route: str, by: str | None
) -> None:
    """None that the description does not name: with a key and without one."""
    body = BODIES.get((method, route), {}).get("examples")
    example = next(iter(body.values()))["value"] if body else None
    path = re.sub("{[a-z0-9_]+}", "full", route)

    response = Call(route=route, path=path, method=method, body=example, by=by).send(http, keys)

    sent = {name.lower() for name in response.headers}
    assert sent & {name.lower() for name in RENAMED | NOT_SENT} <= {"www-authenticate"}


ASKED_OF_VISITORS = [
    {"$ref": f"#/components/responses/{name}"}
    for name in ("PasswordAsked", "ConfirmationAsked", "TooManyPasswords", "TooManyReports")
]
"""Responses with a status that keys can cause, for other reasons."""


@pytest.mark.parametrize(("method", "route"), OPERATIONS)
def test_errors_of_keys_are_described_for_all_that_accept_one(method: str, route: str) -> None:
    """A key may be wrong, lack a scope, or call too often."""
    operation = OPERATIONS[method, route]
    said = OPERATIONS[method, route]["responses"]

    statuses = {
        status
        for status in {"401", "403", "429"} & operation["responses"].keys()
        if said[status] not in ASKED_OF_VISITORS
    }

    assert statuses == ({"401", "403", "429"} if "security" in operation else set())


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
@pytest.mark.usefixtures("links")
def test_each_way_to_send_a_key_works(http: Http, keys: Keys, header: str) -> None:
    """The schemes of the description are those that the service reads."""
    schemes = DESCRIPTION["components"]["securitySchemes"]
    described = {"Authorization": schemes["Bearer"]["scheme"].title(), schemes["ApiKey"]["name"]: ""}

    response = http.get("/links/full", headers={header: f"{described[header]} {keys['ann']}".strip()})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("schema", "accepted"),
    [
        ("NewLink", new_link.NAMES),
        ("LinkChange", link_patch.NAMES),
        ("NewKey", api_key.NAMES),
        ("NewOffer", offer.NAMES),
        ("WorkspaceChange", workspace.NAMES),
        ("NewWorkspaceLimits", workspace.LIMITS),
        ("NewLinkDefaults", {name: name for name in workspace.DEFAULTS}),
        ("LinkDefaults", {name: name for name in workspace.DEFAULTS}),
    ],
)
def test_every_field_is_described(schema: str, accepted: dict[str, str]) -> None:
    """Each field is described, by one name."""
    properties = SCHEMAS[schema]["properties"]

    assert properties.keys() == set(accepted.values())


@pytest.mark.parametrize(
    ("field", "name"), [(field, name) for field, names in link_fields.ALSO_KNOWN_AS.items() for name in names]
)
def test_names_of_other_shorteners_are_accepted_and_not_described(
    http: Http, keys: Keys, field: str, name: str
) -> None:
    """Generated clients have one name for one thing; programs written for another shortener need no change."""
    body = {**MINIMAL, "alias": "named"}

    response = post({**{key: value for key, value in body.items() if key != field}, name: body[field]}).send(http, keys)

    assert (response.status_code, response.json_body["code"]) == (201, "named")
    assert name not in SCHEMAS["NewLink"]["properties"].keys() | SCHEMAS["LinkChange"]["properties"].keys()


_NOT_EDITED = ("blocked", "owner", "password", "visitsSpent")


def test_every_changeable_field_may_be_in_a_history() -> None:
    """The fields that clients can change, those that only imports correct, and the owner."""
    link = Link(id="any", url="https://example.com/")

    assert SCHEMAS["Changes"]["properties"].keys() == {*link.editable_fields(), *_NOT_EDITED}


@pytest.mark.parametrize(
    "text", ["", "!", "~", "a b", "\x1f", "\x7f", "é", "k" * idempotency.MAX_KEY, "k" * (idempotency.MAX_KEY + 1)]
)
def test_idempotency_keys_match_their_pattern(text: str) -> None:
    """The description and the service agree on every text."""
    schema = PARAMETERS["IdempotencyKey"]["schema"]

    assert Draft202012Validator(schema).is_valid(text) == idempotency.is_key(text)


@pytest.mark.usefixtures("links")
def test_the_limits_of_a_page_are_those_of_the_service(http: Http, keys: Keys) -> None:
    """The shortest, longest and default page are as described."""
    page = get("/links/{code}/visits", "/links/full/visits")
    limit = PARAMETERS["Limit"]["schema"]
    asked = [limit["minimum"] - 1, limit["minimum"], limit["maximum"], limit["maximum"] + 1]
    visit("full", [{"agent": PERSON}] * limit["default"], datetime.now(UTC) - timedelta(minutes=1))

    given = [replace(page, path=f"{page.path}?limit={number}").send(http, keys) for number in asked]

    assert [response.status_code for response in given] == [422, 200, 200, 422]
    assert len(page.send(http, keys).json_body["data"]) == limit["default"]


@pytest.mark.parametrize(("days", "unit"), [(limits.DAYS, "day"), (limits.DAYS_BY_HOUR, "hour")])
@pytest.mark.usefixtures("links")
def test_the_longest_period_is_as_described(http: Http, keys: Keys, days: int, unit: str) -> None:
    """The described number of days is accepted, and one more is not."""
    last = datetime.now(UTC).date()
    first, before = last - timedelta(days=days - 1), last - timedelta(days=days)

    longest = get("/stats", f"/stats?unit={unit}&from={first}&to={last}").send(http, keys)
    longer = get("/stats", f"/stats?unit={unit}&from={before}&to={last}").send(http, keys)

    assert (longest.status_code, longer.status_code) == (200, 422)
    check("/stats", "GET", longest)


@pytest.mark.usefixtures("links")
def test_defaults_of_a_query_are_as_described(http: Http, keys: Keys) -> None:
    """A query without parameters gets the described defaults."""
    response = get("/stats").send(http, keys).json_body

    first, last = (datetime.fromisoformat(response[name]) for name in ("from", "to"))
    assert (last - first).days + 1 == period.DEFAULT_DAYS
    assert response["unit"] == PARAMETERS["Unit"]["schema"]["default"]


@pytest.mark.parametrize("route", ["/assets/{file}", "/assets/{file}/{name}"])
def test_media_types_of_files_are_described(route: str) -> None:
    """Those of all files that can be requested by name, and no other."""
    described_types = described(route, "GET", 200)["content"].keys()

    assert described_types == {media_type.split(";")[0] for media_type in pages.ASSETS.values()}


@pytest.mark.parametrize(
    ("method", "route", "name"), [(*called, name) for called, content in BODIES.items() for name in content["examples"]]
)
@pytest.mark.usefixtures("links")
def test_examples_of_requests_work(http: Http, keys: Keys, method: str, route: str, name: str) -> None:
    """Each example does what its summary says."""
    content = BODIES[method, route]
    example = content["examples"][name]["value"]
    is_adoption = route == "/links/{code}/adopt"
    path = "/links/open/adopt" if is_adoption else path_of(route)
    if route == "/offers":
        post({**MINIMAL, "alias": "spring-sale", "externalId": "offer-2026"}).send(http, keys)

    holder = "admin" if "owner" in example else holder_for(route)
    response = Call(route=route, path=path, method=method, body=example, by=holder).send(http, keys)

    check_value(content["schema"], example)
    usual = 202 if route == "/exports" else 201
    assert response.status_code == (200 if method == "PATCH" or route == "/links/bulk" or is_adoption else usual)
    check(route, method, response)
    if route == "/links/bulk":
        assert all("link" in row for row in response.json_body["data"])


@pytest.mark.parametrize(
    ("method", "route", "name"), [(*called, name) for called, content in FORMS.items() for name in content["examples"]]
)
@pytest.mark.usefixtures("option_links")
def test_examples_of_forms_work(http: Http, keys: Keys, method: str, route: str, name: str) -> None:
    """Each example redirects, or is thanked."""
    content = FORMS[method, route]
    example = content["examples"][name]["value"]
    path = re.sub("{path[0-9]}", "a", route).format(code="hidden" if name == "password" else "asking")

    response = send(route, path, example).send(http, keys)

    check_value(content["schema"], example)
    assert response.status_code == (200 if route == "/{code}/report" else 303)
    check(route, method, response)


def test_examples_of_responses_match_their_schema() -> None:
    """Each example meets its own schema."""
    responses = [resolved(each) for operation in OPERATIONS.values() for each in operation["responses"].values()]
    contents = [content for response in responses for content in response.get("content", {}).values()]

    shown = [(content["schema"], example) for content in contents for example in content.get("examples", {}).values()]

    assert shown
    for schema, example in shown:
        check_value(schema, example["value"])


@pytest.mark.parametrize(
    ("example", "call"),
    [
        pytest.param("days", get("/links/{code}/stats", "/links/full/stats", **CSV), id="link, by day"),
        pytest.param("hours", get("/links/{code}/stats", "/links/full/stats?unit=hour", **CSV), id="link, by hour"),
        pytest.param("days", get("/stats", **CSV), id="all, by day"),
        pytest.param("days", get("/stats", "/stats?unit=month", **CSV), id="all, by month"),
        pytest.param("hours", get("/stats", "/stats?unit=hour", **CSV), id="all, by hour"),
        pytest.param("two", get("/links/{code}/visits", "/links/full/visits", **CSV), id="visits"),
        pytest.param("two", get("/links/{code}/visits", "/links/bare/visits", **CSV), id="no visits"),
    ],
)
@pytest.mark.usefixtures("links")
def test_columns_are_those_of_the_example(http: Http, keys: Keys, example: str, call: Call) -> None:
    """A CSV file has the columns of the example, in that order."""
    shown = described(call.route, "GET", 200)["content"]["text/csv"]["examples"][example]["value"]

    response = call.send(http, keys)

    assert response.body.decode().splitlines()[0] == shown.splitlines()[0]


@pytest.mark.usefixtures("links")
def test_lines_of_visits_are_as_described(http: Http, keys: Keys) -> None:
    """Each line is a visit, in the example as in responses."""
    content = described("/links/{code}/visits", "GET", 200)["content"]["application/x-ndjson"]
    shown = content["examples"]["one"]["value"]

    served = get("/links/{code}/visits", "/links/full/visits", **NDJSON).send(http, keys).body.decode()

    lines = [line for text in (shown, served) for line in text.splitlines()]
    assert len(lines) == 1 + len(SEEN)
    for line in lines:
        check_value({"$ref": "#/components/schemas/Visit"}, json.loads(line))


@pytest.mark.usefixtures("links")
def test_a_log_is_as_described(http: Http, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every action that there is has an entry, alike in JSON and in lines; the CSV has the columns of the example."""
    monkeypatch.setattr(manage_keys, "_INDEX_LAGS", 0)
    for call in (
        by("head", post(PERSONAL, "/keys")),
        by("admin", change_workspace({"name": "Ann", "defaults": {"tags": ["a"]}, "limits": {"keys": 50}})),
        by("head", delete("/keys", "/keys?person=ann@example.com")),
        *(post({"code": "full", "to": "bob"}, "/offers"), delete("/offers/{code}", "/offers/full")),
        *(accept("theirs"), adopt({"manageKey": OF_OPEN}), post({"code": "theirs", "to": "root"}, "/offers")),
        *(by("admin", accept("theirs")), change_domain({"robots": "", "endedUrl": "https://example.com/", **APPS})),
        *(by("admin", post({"code": "theirs", "to": "ann"}, "/offers")), delete("/offers/{code}", "/offers/theirs")),
    ):
        response = call.send(http, keys)
        assert response.status_code < 300
        check(call.route, call.method, response)

    page, csv, lines = (
        get("/audit-log", "/audit-log?limit=100", **kind).send(http, keys) for kind in (JSON, CSV, NDJSON)
    )

    check("/audit-log", "GET", page)
    installation = by("admin", get("/audit-log", "/audit-log?installation=true")).send(http, keys)
    check("/audit-log", "GET", installation)
    shown = [*page.json_body["data"], *installation.json_body["data"]]
    assert {entry["action"] for entry in shown} == set(get_args(audit_log.Action))
    assert [json.loads(line) for line in lines.body.decode().splitlines()] == page.json_body["data"]
    content = described("/audit-log", "GET", 200)["content"]
    examples = [content[kind]["examples"]["one"]["value"] for kind in ("text/csv", "application/x-ndjson")]
    assert csv.body.decode().splitlines()[0] == examples[0].splitlines()[0]
    check_value({"$ref": "#/components/schemas/AuditLogEntry"}, json.loads(examples[1]))


@pytest.mark.usefixtures("links")
def test_ended_keys_are_shown_as_revoked(http: Http, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the person alone; none, if it is repeated."""
    monkeypatch.setattr(manage_keys, "_INDEX_LAGS", 0)
    made = by("head", post(PERSONAL, "/keys")).send(http, keys).json_body
    call = by("head", delete("/keys", "/keys?person=ann@example.com"))

    first, second = call.send(http, keys), call.send(http, keys)

    check(call.route, call.method, first)
    assert [(key["id"], key["revokedAt"] is None) for key in first.json_body["data"]] == [(made["id"], False)]
    assert second.json_body["data"] == []


def test_keys_of_a_person_without_any_are_unknown(http: Http, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the description of that call says."""
    monkeypatch.setattr(manage_keys, "_INDEX_LAGS", 0)
    call = by("head", delete("/keys", "/keys?person=nobody"))

    response = call.send(http, keys)

    assert (response.status_code, response.json_body["code"]) == (404, "key-unknown")
    check(call.route, call.method, response)


@pytest.mark.usefixtures("links")
def test_refusals_of_workspaces_are_as_described(http: Http, keys: Keys) -> None:
    """A key too many, and an externalId that another link of the workspace has."""
    post({**MINIMAL, "externalId": "theirs:1"}).send(http, keys)
    by("admin", change_workspace({"limits": {"keys": 1}})).send(http, keys)

    for call, code in ((by("head", post(NEW_KEY, "/keys")), "too-many-keys"), (accept("theirs"), "external-id-taken")):
        response = call.send(http, keys)

        assert (response.status_code, response.json_body["code"]) == (409, code)
        check(call.route, call.method, response)


@pytest.mark.parametrize(("holder", "body"), [("head", {"defaults": {"title": "Sale"}})])
def test_the_example_of_a_workspace_is_real(http: Http, keys: Keys, holder: str, body: dict[str, Any]) -> None:
    """That for a default of a field that can have none."""
    response = by(holder, change_workspace(body)).send(http, keys)

    shown = COMPONENTS["responses"]["WorkspaceInvalid"]["content"]["application/problem+json"]["examples"]["defaults"]
    assert response.json_body == {**shown["value"], "type": f"{settings.base_url}/problems/workspace-invalid"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": " ", "defaults": {}, "limits": {}},
        {"name": None, "defaults": None, "limits": None},
        {"defaults": dict.fromkeys(workspace.DEFAULTS), "limits": dict.fromkeys(workspace.LIMITS)},
        {"defaults": {"tags": [" a ", "a"], "forwardQuery": True, "forwardPath": True, "unguessable": True}},
        {"defaults": {"permanent": True, "fallbackUrl": "https://example.com/over", "expiresIn": "90d"}},
        {"limits": {"keys": workspace.MOST_KEYS, "callsPerMinute": workspace.MOST_CALLS}},
    ],
)
@pytest.mark.usefixtures("keys")
def test_a_described_body_changes_a_workspace(http: Http, keys: Keys, body: dict[str, Any]) -> None:
    """A body that the description allows is accepted, and the workspace is as described."""
    check_value({"$ref": "#/components/schemas/WorkspaceChange"}, body)
    call = by("admin", change_workspace(body))

    response = call.send(http, keys)

    assert response.status_code == 200
    check(call.route, call.method, response)


@pytest.mark.usefixtures("links")
def test_the_link_header_refers_to_the_next_page(http: Http, keys: Keys) -> None:
    """With the visits that follow; the last page has no reference."""
    first = get("/links/{code}/visits", "/links/full/visits?limit=3").send(http, keys)

    target = first.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
    second = get("/links/{code}/visits", f"/links/full/visits{target}").send(http, keys)

    assert target.endswith(f"&cursor={first.json_body['next']}")
    assert len(first.json_body["data"]) + len(second.json_body["data"]) == len(SEEN)
    assert second.json_body["next"] is None
    assert "Link" not in second.headers


@pytest.mark.usefixtures("links")
def test_the_cursor_of_links_refers_to_the_next_page(http: Http, keys: Keys) -> None:
    """The pages together have all links of the owner, each once; the last has no cursor."""
    path, found = "/links?limit=2", []

    while path:
        page = get("/links", path).send(http, keys)
        check("/links", "GET", page)
        found += [link["code"] for link in page.json_body["data"]]
        path = page.json_body["next"] and f"/links?limit=2&cursor={page.json_body['next']}"

    assert sorted(found) == ["bare", "full", "off"]


@pytest.mark.parametrize(
    "body",
    [
        MINIMAL,
        {**FULL, "externalId": "full:1"},
        {**FULL, "title": None, "tags": None},
        {**MINIMAL, "alias": None, "enabled": None},
        {**MINIMAL, **OPTIONS},
        {**MINIMAL, **dict.fromkeys(OPTIONS), "permanent": True},
        {**MINIMAL, "permanent": True, "rules": [], "confirm": False},
        {**MINIMAL, "rules": [{"if": {}, "weight": 100, "url": "https://example.com/all"}] * rules.MOST},
        {**MINIMAL, "rules": [{"if": {"device": None, "country": None, "to": None}, "url": "https://example.com/"}]},
    ],
)
def test_a_described_body_creates_a_link(http: Http, keys: Keys, body: dict[str, Any]) -> None:
    """A body that the description allows makes a link."""
    check_value({"$ref": "#/components/schemas/NewLink"}, body)

    response = post(body).send(http, keys)

    assert response.status_code == 201


CHANGES = [name for name in SCHEMAS["LinkChange"]["properties"] if name != "url"]


@pytest.mark.parametrize("cleared", [{}, *({name: None} for name in CHANGES), dict.fromkeys(CHANGES)], ids=str)
@pytest.mark.usefixtures("links")
def test_nullable_fields_can_be_cleared(http: Http, keys: Keys, cleared: dict[str, None]) -> None:
    """A change with null is accepted."""
    check_value({"$ref": "#/components/schemas/LinkChange"}, cleared)

    response = by("admin" if "blocked" in cleared else "ann", patch(cleared)).send(http, keys)

    assert response.status_code == 200
    check("/links/{code}", "PATCH", response)


NO_RULES: list[Any] = [
    None,
    {},
    {"url": None},
    {"url": "ftp://example.com"},
    {**MINIMAL, "if": "ios"},
    {**MINIMAL, "weight": 0},
    {**MINIMAL, "weight": rules.ALL + 1},
    {**MINIMAL, "then": 1},
]
NO_CONDITIONS: list[Any] = [
    {"device": "phone"},
    {"device": []},
    {"country": "PRT"},
    {"country": ["PT"] * (rule_parser.MOST_VALUES + 1)},
    {"language": "portuguese"},
    {"language": ["pt", 1]},
    {"query": "ref"},
    {"query": {"ref": False}},
    {"query": {"ref": []}},
    {"query": {"": True}},
    {"query": {str(number): True for number in range(rule_parser.MOST_PARAMETERS + 1)}},
    {"from": 1},
    {"colour": "red"},
]
NOT_DESCRIBED: dict[str, list[Any]] = {
    "NewLink": [
        {},
        {"url": None},
        {"url": "example.com"},
        {"url": "https://me@example.com/"},
        {"url": "https://example.com/a\tb"},
        {"url": "https://"},
        {"url": "x" * (target_url.MAX_URL_BYTES + 1)},
        {**MINIMAL, "alias": ""},
        {**MINIMAL, "title": "\x00"},
        {**MINIMAL, "tags": [" "]},
        {**MINIMAL, "tags": "one"},
        {**MINIMAL, "expiresIn": "7"},
        {**MINIMAL, "expiresIn": "00d"},
        {**MINIMAL, "enabled": "yes"},
        {**MINIMAL, "externalId": "a/b"},
        {**MINIMAL, "externalId": "x" * (link_fields.MAX_EXTERNAL_ID + 1)},
        {**MINIMAL, "titel": "x"},
        {**MINIMAL, "blocked": "x"},
        {**MINIMAL, "startsAt": 1},
        {**MINIMAL, "maxVisits": 0},
        {**MINIMAL, "maxVisits": True},
        {**MINIMAL, "maxVisits": link_fields.MAX_VISITS + 1},
        {**MINIMAL, "confirm": "yes"},
        {**MINIMAL, "password": "x" * (password.SHORTEST - 1)},
        {**MINIMAL, "password": "x" * (password.LONGEST + 1)},
        {**MINIMAL, "forwardQuery": 1},
        {**MINIMAL, "fallbackUrl": "example.com"},
        {**MINIMAL, "rules": {}},
        {**MINIMAL, "rules": RULES[:1] * (rules.MOST + 1)},
        *({**MINIMAL, "rules": [rule]} for rule in NO_RULES),
        *({**MINIMAL, "rules": [{**MINIMAL, "if": conditions}]} for conditions in NO_CONDITIONS),
    ],
    "LinkChange": [
        {"url": None},
        {"longUrl": None},
        {"url": "ftp://example.com"},
        {"alias": "other"},
        {"unguessable": True},
        {"findExisting": None},
        {"note": 1},
        {"externalId": ""},
        {"blocked": 1},
        {"blocked": "x" * (link_fields.MAX_REASON + 1)},
        {"password": ""},
        {"maxVisits": 1.5},
        {"rules": [{}]},
        {"fallbackUrl": ""},
    ],
    "BulkRequest": [
        {},
        {"links": None},
        {"links": []},
        {"links": {}},
        {"links": [MINIMAL], "dryRun": True},
        {"links": [MINIMAL] * (limits.BULK_LINKS + 1)},
    ],
    "NewImport": [
        {"onTaken": "overwrite"},
        {"onTaken": ["skip"]},
        {"onTaken": ""},
        {"on_taken": "skip"},
        {"dryRun": "yes"},
        {"dryRun": 1},
        {"owner": "ann"},
    ],
    "NewExport": [
        {"format": "json"},
        {"format": True},
        {"days": "yes"},
        {"days": 1},
        {"owner": 1},
        {"owner": "two words"},
        {"owner": "**"},
        {"owner": "a" * (api_key.MAX_NAME + 1)},
        {"owner": "a\x00"},
        {"onTaken": "skip"},
    ],
    "NewKey": [
        {},
        {"scopes": ["read"]},
        {"name": "a", "scopes": []},
        {"name": "a", "role": "owner"},
        {"name": "a", "role": "editor", "person": "a\x00"},
        {"name": "a", "role": "editor", "person": "a" * (api_key.MAX_NAME + 1)},
        {"name": "a", "scopes": ["write"]},
        {"name": "", "owner": "a", "scopes": ["read"]},
        {"name": " ", "owner": "a", "scopes": ["read"]},
        {"name": None, "owner": "a", "scopes": ["read"]},
        {"name": "a", "owner": "two words", "scopes": ["read"]},
        {"name": "a\x00", "owner": "a", "scopes": ["read"]},
        {"name": "a" * (api_key.MAX_NAME + 1), "scopes": ["read"]},
        {"name": "a", "scopes": ["read"], "expiresIn": "soon"},
        {"name": "a", "scopes": ["read"], "id": "1"},
    ],
    "WorkspaceChange": [
        {"name": 1},
        {"name": "a" * (workspace.MAX_NAME + 1)},
        {"name": "a\x00"},
        {"id": "ann"},
        {"defaults": []},
        {"defaults": {"title": "Sale"}},
        {"defaults": {"url": "https://example.com/"}},
        {"defaults": {"expiresIn": "soon"}},
        {"defaults": {"tags": [" "]}},
        {"defaults": {"fallbackUrl": "example.com"}},
        {"defaults": {"permanent": "yes"}},
        {"limits": 1},
        {"limits": {"keys": 0}},
        {"limits": {"keys": workspace.MOST_KEYS + 1}},
        {"limits": {"callsPerMinute": workspace.MOST_CALLS + 1}},
        {"limits": {"links": 1}},
    ],
    "NewOffer": [
        {},
        {"code": "full"},
        {"to": "bob"},
        {"code": "", "to": "bob"},
        {"code": "full", "to": "two words"},
        {"code": "full", "to": "bob", "from": "ann"},
    ],
    "Adoption": [{}, {"manageKey": None}, {"manageKey": "sk_1"}, {"manageKey": OF_OPEN, "code": "open"}],
}
"""Invalid bodies."""
_TWO_ENDS = {"expiresIn": "7d", "expiresAt": "2099-01-01T00:00:00Z"}
EXCLUDING: dict[str, list[Any]] = {
    "NewLink": [
        {**MINIMAL, **_TWO_ENDS},
        {**MINIMAL, "alias": "other", "unguessable": True},
        *(
            {**MINIMAL, "permanent": True, name: OPTIONS[name]}
            for name in ("rules", "password", "maxVisits", "confirm")
        ),
    ],
    "LinkChange": [_TWO_ENDS, {"permanent": True, "confirm": True}],
    "NewKey": [
        {"name": "two words", "scopes": ["read"]},
        {"name": "two words", "owner": " ", "scopes": ["read"]},
        {"name": "a", "scopes": ["read"], **_TWO_ENDS},
        {"name": "a"},
        {"name": "a", "role": None, "scopes": None},
        {"name": "a", "role": "editor", "scopes": ["read"]},
    ],
    "NewOffer": [{"code": "full", "to": "ann"}],
}
"""Bodies that are invalid by what the description says in words: schemas that say it make unions of generated types."""


def call_with(schema: str, body: Any) -> Call:
    """Return the call whose body has this schema."""
    (call,) = (
        Call(route=route, path=path_of(route), method=method, body=body, by=holder_for(route))
        for (method, route), content in BODIES.items()
        if content["schema"] == {"$ref": f"#/components/schemas/{schema}"}
    )
    return call


@pytest.mark.parametrize(
    ("schema", "body"), [(schema, body) for schema, bodies in EXCLUDING.items() for body in bodies], ids=str
)
@pytest.mark.usefixtures("links")
def test_fields_that_exclude_each_other_are_refused(http: Http, keys: Keys, schema: str, body: Any) -> None:
    """The service refuses them together, and the schema allows each."""
    call = call_with(schema, body)

    response = call.send(http, keys)

    check_value({"$ref": f"#/components/schemas/{schema}"}, body)
    assert response.status_code == 422
    check(call.route, call.method, response)


@pytest.mark.parametrize(
    ("schema", "body"),
    [(schema, body) for schema, bodies in NOT_DESCRIBED.items() for body in bodies],
    ids=lambda value: str(value)[:60],
)
@pytest.mark.usefixtures("links")
def test_an_undescribed_body_is_refused(http: Http, keys: Keys, schema: str, body: Any) -> None:
    """The service refuses what the schema refuses."""
    call = call_with(schema, body)

    response = call.send(http, keys)

    whole = {"$ref": f"#/components/schemas/{schema}", "components": DESCRIPTION["components"]}
    assert not Draft202012Validator(whole).is_valid(body)
    assert response.status_code == 422
    check(call.route, call.method, response)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "two words", "owner": "ann", "scopes": ["admin", "admin"], "expiresAt": None},
        {"name": " ann ", "owner": "", "scopes": list(roles.SCOPES)},
        {"name": "a", "owner": " b@c ", "scopes": ["read"], "expiresAt": "2099-01-01T00:00:00Z", "expiresIn": None},
        *({"name": "a", "role": role, "scopes": None, "person": " Ann "} for role in roles.ROLES),
        {"name": "a", "role": "viewer", "person": " "},
    ],
)
def test_a_described_body_creates_a_key(http: Http, keys: Keys, body: dict[str, Any]) -> None:
    """A body that the description allows makes a key."""
    check_value({"$ref": "#/components/schemas/NewKey"}, body)

    response = post(body, "/keys").send(http, keys)

    assert response.status_code == 201
    check("/keys", "POST", response)


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("NewImport", {}),
        ("NewImport", {"onTaken": None}),
        *(("NewImport", {"onTaken": choice, "dryRun": True}) for choice in get_args(import_job.OnTaken)),
        ("NewImport", {"dryRun": None}),
        ("NewExport", {"format": None, "days": None, "owner": None}),
        ("NewExport", {"format": "csv", "days": False, "owner": ""}),
        ("NewExport", {"format": "ndjson", "days": True, "owner": " ann "}),
        ("NewExport", {"owner": " * "}),
    ],
)
def test_a_described_body_starts_a_transfer(http: Http, keys: Keys, schema: str, body: dict[str, Any]) -> None:
    """An import, or an export."""
    check_value({"$ref": f"#/components/schemas/{schema}"}, body)
    route = {"NewImport": "/imports", "NewExport": "/exports"}[schema]

    response = by("admin", post(body, route)).send(http, keys)

    assert response.status_code in {201, 202}
    check(route, "POST", response)


@pytest.mark.parametrize(
    ("status", "call"),
    [
        pytest.param(201, post(None, "/imports"), id="import"),
        pytest.param(201, post({"onTaken": "skip"}, "/imports"), id="import, with a body"),
        pytest.param(201, by("maker", post(None, "/imports")), id="import, by a key with that scope only"),
        pytest.param(201, post(None, "/imports", **{"Content-Type": "text/csv"}), id="import, nothing of some type"),
        pytest.param(400, post(b"[]", "/imports"), id="import, no object"),
        pytest.param(401, by(None, post(None, "/imports")), id="import, no key"),
        pytest.param(401, by("stranger", post(None, "/imports", **PAGE)), id="import, wrong key, as a page"),
        pytest.param(403, by("reader", post(None, "/imports")), id="import, key for other things"),
        pytest.param(413, post(b" " * (limits.BODY_BYTES + 1), "/imports"), id="import, large body"),
        pytest.param(415, post({}, "/imports", **{"Content-Type": "text/csv"}), id="import, not JSON"),
        pytest.param(422, post({"onTaken": 1, "file": "x"}, "/imports"), id="import, invalid"),
        pytest.param(422, post({"onTaken": 1}, "/imports", **PAGE), id="import, invalid, as a page"),
        *(
            pytest.param(200, get("/imports/{import_id}", f"/imports/{name}"), id=f"import, {name[0]}")
            for name in (WAITING, RUNNING, DONE, FAILED)
        ),
        pytest.param(200, by("admin", get("/imports/{import_id}", f"/imports/{DONE}")), id="import, of an admin"),
        pytest.param(401, by(None, get("/imports/{import_id}", f"/imports/{DONE}")), id="import shown, no key"),
        pytest.param(403, by("reader", get("/imports/{import_id}", f"/imports/{DONE}")), id="import shown, other key"),
        pytest.param(404, get("/imports/{import_id}", f"/imports/{NONE}"), id="no such import"),
        pytest.param(404, get("/imports/{import_id}", "/imports/none", **PAGE), id="no such import, as a page"),
        pytest.param(202, post(None, "/exports"), id="export"),
        pytest.param(202, post({"format": "ndjson", "days": True, "owner": "ann"}, "/exports"), id="export, wishes"),
        pytest.param(202, by("keeper", post(None, "/exports")), id="export, by a key with that scope only"),
        pytest.param(202, by("admin", post({"owner": "*"}, "/exports")), id="export, of everyone"),
        pytest.param(400, post(b"{", "/exports"), id="export, half a body"),
        pytest.param(401, by(None, post(None, "/exports")), id="export, no key"),
        pytest.param(403, by("reader", post(None, "/exports")), id="export, key for other things"),
        pytest.param(403, post({"owner": "*"}, "/exports"), id="export, of everyone, by no admin"),
        pytest.param(413, post(b" " * (limits.BODY_BYTES + 1), "/exports"), id="export, large body"),
        pytest.param(415, post({}, "/exports", **{"Content-Type": "text/csv"}), id="export, not JSON"),
        pytest.param(422, post({"format": 1, "days": 1, "owner": 1, "x": 1}, "/exports"), id="export, invalid"),
        *(
            pytest.param(200, get("/exports/{export_id}", f"/exports/{name}"), id=f"export, {name[0]}")
            for name in (RUNNING, DONE, FAILED)
        ),
        pytest.param(200, by("admin", get("/exports/{export_id}", f"/exports/{OF_ALL}")), id="export, all, shown"),
        pytest.param(401, by(None, get("/exports/{export_id}", f"/exports/{DONE}")), id="export shown, no key"),
        pytest.param(403, by("reader", get("/exports/{export_id}", f"/exports/{DONE}")), id="export shown, other key"),
        pytest.param(404, get("/exports/{export_id}", f"/exports/{OF_ALL}"), id="another owner's export"),
        pytest.param(404, get("/exports/{export_id}", f"/exports/{NONE}"), id="no such export"),
    ],
)
@pytest.mark.usefixtures("transfers")
def test_responses_about_transfers_are_as_described(http: Http, keys: Keys, status: int, call: Call) -> None:
    """For every request about an import or an export, in every state."""
    response = call.send(http, keys)

    assert response.status_code == status
    check(call.route, call.method, response)


MOVING = [
    pytest.param(post(None, "/imports"), id="import"),
    pytest.param(get("/imports/{import_id}", f"/imports/{DONE}"), id="import, shown"),
    pytest.param(post(None, "/exports"), id="export"),
    pytest.param(get("/exports/{export_id}", f"/exports/{DONE}"), id="export, shown"),
]


@pytest.mark.parametrize("call", MOVING)
@pytest.mark.usefixtures("transfers")
def test_responses_without_storage_are_as_described(
    http: Http, keys: Keys, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    """A service without a bucket says so."""
    monkeypatch.setattr(request_transfer, "settings", replace(settings, files_bucket=""))

    response = call.send(http, keys)

    assert response.status_code == 503
    check(call.route, call.method, response)


def test_a_response_without_the_queue_is_as_described(http: Http, keys: Keys) -> None:
    """The file may never be written, and the response says so."""
    boto3.client("sqs").delete_queue(QueueUrl=settings.files_queue_url)

    response = post(None, "/exports").send(http, keys)

    assert (response.status_code, response.json_body["code"]) == (503, "store-unavailable")
    check("/exports", "POST", response)


@pytest.mark.parametrize(
    ("status", "call"),
    [
        pytest.param(201, post(MINIMAL), id="created, minimal"),
        pytest.param(201, post({**FULL, "alias": "fuller", "externalId": "full:2"}), id="created, all fields"),
        pytest.param(201, by(None, post(MINIMAL)), id="created, without a key"),
        pytest.param(201, by(None, post(MINIMAL, **PLAIN)), id="created, without a key, as text"),
        pytest.param(201, by("maker", post(MINIMAL)), id="created, by a key with that scope only"),
        pytest.param(201, by("admin", post(MINIMAL)), id="created, by an admin"),
        pytest.param(201, post(MINIMAL, **{"Idempotency-Key": "once"}), id="created, once"),
        pytest.param(201, post({**MINIMAL, "unguessable": True}), id="created, unguessable"),
        pytest.param(201, post(MINIMAL, **PLAIN), id="created, as text"),
        pytest.param(200, post(FULL), id="found"),
        pytest.param(200, post(FULL, **PLAIN), id="found, as text"),
        pytest.param(400, post(b'{"url": '), id="half a body"),
        pytest.param(400, post(b"[]", **PAGE), id="no object, as a page"),
        pytest.param(400, post(MINIMAL, **{"Idempotency-Key": "a b"}), id="no Idempotency-Key"),
        pytest.param(401, by("stranger", post(MINIMAL)), id="created, wrong key"),
        pytest.param(401, by("stranger", post(MINIMAL, **PAGE)), id="created, wrong key, as a page"),
        pytest.param(401, by("open", post(MINIMAL)), id="created, key of a link"),
        pytest.param(403, by("reader", post(MINIMAL)), id="created, key for other things"),
        pytest.param(409, post({**MINIMAL, "alias": "full"}), id="alias taken"),
        pytest.param(409, post({**MINIMAL, "externalId": "full:1"}), id="externalId taken"),
        pytest.param(413, post(b" " * (limits.BODY_BYTES + 1)), id="large body"),
        pytest.param(415, post(MINIMAL, **{"Content-Type": "text/plain"}), id="not JSON"),
        pytest.param(422, post({"url": "ftp://x", "alias": "links", "titel": 1, "tags": 1}), id="invalid"),
        pytest.param(422, post({}, **PAGE), id="invalid, as a page"),
        pytest.param(422, by(None, post({**MINIMAL, "externalId": "mine"})), id="invalid, without a key"),
        pytest.param(405, Call(route="/links", path="/links", method="PUT"), id="wrong method"),
        pytest.param(200, get("/links"), id="listed"),
        pytest.param(200, get("/links", "/links?limit=1"), id="listed, first page"),
        pytest.param(200, get("/links", "/links?tag=one&q=EVERY"), id="listed, some"),
        pytest.param(200, get("/links", "/links?q=nothing"), id="listed, none"),
        pytest.param(200, get("/links", "/links?owner=ann"), id="listed, one's own"),
        pytest.param(200, by("admin", get("/links", "/links?owner=ann")), id="listed, one owner's"),
        pytest.param(401, by(None, get("/links")), id="listed, no key"),
        pytest.param(401, by("open", get("/links", **PAGE)), id="listed, key of a link"),
        pytest.param(403, by("maker", get("/links")), id="listed, key for other things"),
        pytest.param(403, get("/links", "/links?owner=bob"), id="listed, another owner's"),
        pytest.param(422, get("/links", "/links?limit=0&cursor=x"), id="listed, no page"),
        pytest.param(200, post(ROWS, "/links/bulk"), id="many, made and not"),
        pytest.param(200, by(None, post(ROWS, "/links/bulk")), id="many, without a key"),
        pytest.param(200, post({"links": [FULL]}, "/links/bulk"), id="many, found"),
        pytest.param(200, post({"links": [None]}, "/links/bulk"), id="many, none made"),
        pytest.param(200, post(ROWS, "/links/bulk", "/links/bulk?dryRun=true"), id="many, tried"),
        pytest.param(200, by(None, post(ROWS, "/links/bulk", "/links/bulk?dryRun=true")), id="many, tried, no key"),
        pytest.param(400, post(b"{", "/links/bulk"), id="many, half a body"),
        pytest.param(400, post(ROWS, "/links/bulk", **{"Idempotency-Key": "é"}), id="many, no Idempotency-Key"),
        pytest.param(401, by("stranger", post(ROWS, "/links/bulk")), id="many, wrong key"),
        pytest.param(403, by("reader", post(ROWS, "/links/bulk")), id="many, key for other things"),
        pytest.param(413, post(b" " * (limits.BULK_BYTES + 1), "/links/bulk"), id="many, large body"),
        pytest.param(415, post(ROWS, "/links/bulk", **{"Content-Type": "text/csv"}), id="many, not JSON"),
        pytest.param(422, post({"links": [], "link": 1}, "/links/bulk"), id="many, no list"),
        pytest.param(200, get("/links/{code}", "/links/full"), id="shown, all fields"),
        pytest.param(200, get("/links/{code}", "/links/bare"), id="shown, minimal"),
        pytest.param(200, get("/links/{code}", "/links/over"), id="shown, imported"),
        pytest.param(200, by("admin", get("/links/{code}", "/links/old")), id="shown, from an older table"),
        pytest.param(200, get("/links/{code}", "/links/ext:full:1"), id="shown, by its externalId"),
        pytest.param(200, by("open", get("/links/{code}", "/links/open")), id="shown, with its own key"),
        pytest.param(401, by(None, get("/links/{code}", "/links/full")), id="shown, no key"),
        pytest.param(403, by("maker", get("/links/{code}", "/links/full")), id="shown, key for other things"),
        pytest.param(404, by("open", get("/links/{code}", "/links/full")), id="shown, with another link's key"),
        pytest.param(404, get("/links/{code}", "/links/open"), id="link without an owner"),
        pytest.param(404, get("/links/{code}", "/links/ext:none"), id="no such externalId"),
        pytest.param(404, get("/links/{code}", "/links/none"), id="no such link"),
        pytest.param(404, get("/links/{code}", "/links/none", **PAGE), id="no such link, as a page"),
        pytest.param(200, patch({"title": "New", "tags": None, "enabled": False}), id="changed"),
        pytest.param(200, patch({}), id="changed, nothing"),
        pytest.param(200, patch({"note": "New"}, **{"If-Match": '"full.1"'}), id="changed, as seen"),
        pytest.param(200, patch({"note": "New"}, **{"If-Match": "*"}), id="changed, whatever it is"),
        pytest.param(200, by("open", patch({"note": "New"}, "/links/open")), id="changed, with its own key"),
        pytest.param(400, patch(b"{"), id="changed, half a body"),
        pytest.param(401, by(None, patch({})), id="changed, no key"),
        pytest.param(403, by("reader", patch({})), id="changed, key for other things"),
        pytest.param(404, patch({}, "/links/none"), id="changed, no such link"),
        pytest.param(404, patch({}, "/links/open"), id="changed, link without an owner"),
        pytest.param(409, patch({"externalId": "off:1"}), id="changed, externalId taken"),
        pytest.param(412, patch({"note": "New"}, **{"If-Match": '"full.0"'}), id="changed, not as seen"),
        pytest.param(412, patch({"note": "New"}, **{"If-Match": '"full.0"'}, **PAGE), id="changed, not as seen, page"),
        pytest.param(413, patch(b" " * (limits.BODY_BYTES + 1)), id="changed, large body"),
        pytest.param(415, patch({}, **{"Content-Type": "text/plain"}), id="changed, not JSON"),
        pytest.param(422, patch({"url": None, "alias": "x", "tags": 1}), id="changed, invalid"),
        pytest.param(422, by("open", patch({"externalId": "x"}, "/links/open")), id="changed, against the rules"),
        pytest.param(204, delete("/links/{code}", "/links/full"), id="removed"),
        pytest.param(204, delete("/links/{code}", "/links/ext:full:1"), id="removed, by its externalId"),
        pytest.param(204, delete("/links/{code}", "/links/full", **{"If-Match": '"full.1"'}), id="removed, as seen"),
        pytest.param(204, by("open", delete("/links/{code}", "/links/open")), id="removed, with its own key"),
        pytest.param(401, by("stranger", delete("/links/{code}", "/links/full")), id="removed, wrong key"),
        pytest.param(403, by("reader", delete("/links/{code}", "/links/full")), id="removed, other key"),
        pytest.param(404, delete("/links/{code}", "/links/none"), id="removed, no such link"),
        pytest.param(412, delete("/links/{code}", "/links/full", **{"If-Match": "x"}), id="removed, not as seen"),
        pytest.param(200, get("/links/{code}/history", "/links/full/history"), id="history"),
        pytest.param(200, by("open", get("/links/{code}/history", "/links/open/history")), id="history, its own key"),
        pytest.param(200, by("admin", get("/links/{code}/history", "/links/old/history")), id="history, older table"),
        pytest.param(401, by(None, get("/links/{code}/history", "/links/full/history")), id="history, no key"),
        pytest.param(403, by("maker", get("/links/{code}/history", "/links/full/history")), id="history, other key"),
        pytest.param(404, get("/links/{code}/history", "/links/none/history"), id="history, no such link"),
        pytest.param(301, get("/{code}", "/full"), id="followed, permanent"),
        pytest.param(302, get("/{code}", "/bare"), id="followed"),
        pytest.param(302, get("/{code}", "/none"), id="unknown, home"),
        pytest.param(404, get("/{code}", "/none", **JSON), id="unknown"),
        pytest.param(410, get("/{code}", "/over"), id="expired"),
        pytest.param(410, get("/{code}", "/over", **PAGE), id="expired, as a page"),
        pytest.param(410, get("/{code}", "/off"), id="switched off"),
        pytest.param(410, get("/{code}", "/off", **PAGE), id="switched off, as a page"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats"), id="statistics"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats?unit=hour"), id="statistics by hour"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats?unit=month"), id="statistics by month"),
        pytest.param(200, get("/links/{code}/stats", "/links/bare/stats"), id="statistics of no visits"),
        pytest.param(200, get("/links/{code}/stats", "/links/over/stats"), id="statistics, expired"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats", **CSV), id="statistics, as CSV"),
        pytest.param(200, get("/links/{code}/stats", "/links/full/stats", **PAGE), id="statistics, no page"),
        pytest.param(200, by("open", get("/links/{code}/stats", "/links/open/stats")), id="statistics, its own key"),
        pytest.param(401, by(None, get("/links/{code}/stats", "/links/full/stats")), id="statistics, no key"),
        pytest.param(403, by("maker", get("/links/{code}/stats", "/links/full/stats")), id="statistics, other key"),
        pytest.param(404, get("/links/{code}/stats", "/links/none/stats"), id="statistics, no such link"),
        pytest.param(404, get("/links/{code}/stats", "/links/none/stats", **CSV), id="statistics, no such link, CSV"),
        pytest.param(422, get("/links/{code}/stats", "/links/full/stats?from=x&to=&unit=week"), id="no period"),
        pytest.param(422, get("/links/{code}/stats", "/links/full/stats?from=2999-01-01", **PAGE), id="reversed"),
        pytest.param(422, get("/links/{code}/stats", "/links/full/stats?from=2000-01-01", **CSV), id="long period"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits?limit=2"), id="visits, first page"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits"), id="visits, all"),
        pytest.param(200, get("/links/{code}/visits", "/links/bare/visits"), id="no visits"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits", **CSV), id="visits, as CSV"),
        pytest.param(200, get("/links/{code}/visits", "/links/full/visits", **NDJSON), id="visits, as lines"),
        pytest.param(200, get("/links/{code}/visits", "/links/bare/visits", **NDJSON), id="no visits, as lines"),
        pytest.param(200, by("open", get("/links/{code}/visits", "/links/open/visits")), id="visits, its own key"),
        pytest.param(401, by(None, get("/links/{code}/visits", "/links/full/visits", **NDJSON)), id="visits, no key"),
        pytest.param(403, by("maker", get("/links/{code}/visits", "/links/full/visits")), id="visits, other key"),
        pytest.param(404, get("/links/{code}/visits", "/links/none/visits"), id="visits, no such link"),
        pytest.param(422, get("/links/{code}/visits", "/links/full/visits?limit=x"), id="no number"),
        pytest.param(422, get("/links/{code}/visits", "/links/full/visits?cursor=x", **NDJSON), id="no cursor"),
        pytest.param(200, get("/stats"), id="all statistics"),
        pytest.param(200, get("/stats", "/stats?unit=hour"), id="all statistics by hour"),
        pytest.param(200, get("/stats", "/stats?unit=month"), id="all statistics by month"),
        pytest.param(200, get("/stats", "/stats?from=2000-01-01&to=2000-01-01"), id="all statistics of no visits"),
        pytest.param(200, get("/stats", **CSV), id="all statistics, as CSV"),
        pytest.param(200, by("admin", get("/stats")), id="all statistics, of an admin"),
        pytest.param(200, by("admin", get("/stats", "/stats?owner=ann")), id="all statistics, of one owner"),
        pytest.param(401, by(None, get("/stats", **CSV)), id="all statistics, no key"),
        pytest.param(401, by("open", get("/stats")), id="all statistics, key of a link"),
        pytest.param(403, by("maker", get("/stats")), id="all statistics, key for other things"),
        pytest.param(403, get("/stats", "/stats?owner=bob"), id="all statistics, of another owner"),
        pytest.param(422, get("/stats", "/stats?unit=week"), id="no unit"),
        pytest.param(201, post(NEW_KEY, "/keys"), id="key made"),
        pytest.param(201, post({**NEW_KEY, "owner": "ann", "expiresIn": "1d"}, "/keys"), id="key made, all fields"),
        pytest.param(400, post(b"[]", "/keys"), id="key made, no object"),
        pytest.param(401, by(None, post(NEW_KEY, "/keys")), id="key made, no key"),
        pytest.param(403, by("ann", post(NEW_KEY, "/keys")), id="key made, by no admin"),
        pytest.param(413, post(b" " * (limits.BODY_BYTES + 1), "/keys"), id="key made, large body"),
        pytest.param(415, post(NEW_KEY, "/keys", **{"Content-Type": "text/plain"}), id="key made, not JSON"),
        pytest.param(422, post({"name": "two words", "scopes": [], "key": 1}, "/keys"), id="key made, invalid"),
        pytest.param(201, by("head", post(PERSONAL, "/keys")), id="key made, personal"),
        pytest.param(403, by("head", post({"name": "a", "scopes": ["admin"]}, "/keys")), id="key made, may more"),
        pytest.param(403, by("head", post({**NEW_KEY, "owner": "bob"}, "/keys")), id="key made, elsewhere"),
        pytest.param(200, get("/keys"), id="keys"),
        pytest.param(200, get("/keys", "/keys?owner=bob"), id="keys, of one workspace"),
        pytest.param(200, by("head", get("/keys")), id="keys, one's own"),
        pytest.param(401, by("stranger", get("/keys", **PAGE)), id="keys, wrong key"),
        pytest.param(403, by("ann", get("/keys")), id="keys, of no admin"),
        pytest.param(403, by("head", get("/keys", "/keys?owner=bob")), id="keys, of another workspace"),
        pytest.param(422, get("/keys", "/keys?owner=two%20words"), id="keys, of no workspace"),
        pytest.param(422, get("/keys", "/keys?cursor=none"), id="keys, no cursor"),
        pytest.param(401, by(None, delete("/keys", "/keys?person=ann")), id="keys ended, no key"),
        pytest.param(403, by("ann", delete("/keys", "/keys?person=ann")), id="keys ended, key for other things"),
        pytest.param(403, by("head", delete("/keys", "/keys?person=a&owner=bob")), id="keys ended, elsewhere"),
        pytest.param(422, delete("/keys", "/keys"), id="keys ended, whose"),
        pytest.param(200, get("/me"), id="me"),
        pytest.param(200, by("admin", get("/me")), id="me, an admin"),
        pytest.param(200, by("maker", get("/me")), id="me, no role"),
        pytest.param(401, by(None, get("/me")), id="me, no key"),
        pytest.param(401, by("open", get("/me")), id="me, key of a link"),
        pytest.param(200, get("/workspaces"), id="workspaces"),
        pytest.param(403, by("head", get("/workspaces")), id="workspaces, of no admin"),
        pytest.param(200, get("/workspaces/{workspace}", "/workspaces/never"), id="workspace, never changed"),
        pytest.param(200, by("reader", get("/workspaces/{workspace}", "/workspaces/ann")), id="workspace"),
        pytest.param(403, by("maker", get("/workspaces/{workspace}", "/workspaces/ann")), id="workspace, other key"),
        pytest.param(403, by("head", get("/workspaces/{workspace}", "/workspaces/bob")), id="workspace, another"),
        pytest.param(422, get("/workspaces/{workspace}", "/workspaces/a%20b"), id="workspace, none"),
        pytest.param(200, change_workspace({"name": "Ann"}), id="workspace changed"),
        pytest.param(200, change_workspace({}), id="workspace not changed"),
        pytest.param(400, change_workspace(b"["), id="workspace changed, half a body"),
        pytest.param(401, by(None, change_workspace({})), id="workspace changed, no key"),
        pytest.param(403, by("ann", change_workspace({})), id="workspace changed, key for other things"),
        pytest.param(403, change_workspace({"limits": {"keys": 9}}), id="workspace changed, limits"),
        pytest.param(403, change_workspace({}, "/workspaces/bob"), id="workspace changed, another"),
        pytest.param(413, change_workspace(b" " * (limits.BODY_BYTES + 1)), id="workspace changed, large body"),
        pytest.param(415, change_workspace({}, **{"Content-Type": "text/csv"}), id="workspace changed, not JSON"),
        pytest.param(422, change_workspace({"defaults": {"url": 1}}), id="workspace changed, invalid"),
        pytest.param(200, get("/domains"), id="domains"),
        pytest.param(200, by("maker", get("/domains")), id="domains, any key"),
        pytest.param(401, by("open", get("/domains")), id="domains, key of a link"),
        pytest.param(200, get("/domains/{host}", "/domains/sho.rt"), id="domain"),
        pytest.param(200, by("reader", get("/domains/{host}", "/domains/SHO.RT")), id="domain, of no admin"),
        pytest.param(403, by("maker", get("/domains/{host}", "/domains/sho.rt")), id="domain, key for other things"),
        pytest.param(404, get("/domains/{host}", "/domains/example.com"), id="domain, no such"),
        pytest.param(200, change_domain({"unknownUrl": "https://example.com/404"}), id="domain changed"),
        pytest.param(200, change_domain(APPS), id="domain changed, files"),
        pytest.param(200, change_domain({}), id="domain not changed"),
        pytest.param(400, change_domain(b"{"), id="domain changed, half a body"),
        pytest.param(403, by("head", change_domain({})), id="domain changed, of no admin"),
        pytest.param(404, change_domain({}, "example.com"), id="domain changed, no such"),
        pytest.param(413, change_domain(b" " * (limits.BODY_BYTES + 1)), id="domain changed, large body"),
        pytest.param(415, change_domain({}, **{"Content-Type": "text/csv"}), id="domain changed, not JSON"),
        pytest.param(422, change_domain({"workspaces": ["ann"], "robots": 1}), id="domain changed, invalid"),
        pytest.param(200, get("/domains/{host}/state", "/domains/sho.rt/state"), id="domain looked at"),
        pytest.param(
            403, by("maker", get("/domains/{host}/state", "/domains/sho.rt/state")), id="looked at, other key"
        ),
        pytest.param(404, get("/domains/{host}/state", "/domains/example.com/state"), id="domain looked at, no such"),
        pytest.param(422, get("/links/{code}", "/links/full?domain=example.com"), id="shown, at no domain"),
        pytest.param(422, get("/links", "/links?domain=example.com"), id="links, at no domain"),
        pytest.param(200, get("/links", "/links?domain=sho.rt"), id="links, at a domain"),
        pytest.param(200, get("/stats", "/stats?domain=sho.rt"), id="all statistics, at a domain"),
        pytest.param(422, post({"url": "https://example.com/", "domain": "example.com"}), id="made, at no domain"),
        pytest.param(201, post({"code": "full", "to": "bob"}, "/offers"), id="offered"),
        pytest.param(201, post({"code": "ext:full:1", "to": "bob"}, "/offers"), id="offered, by its externalId"),
        pytest.param(201, by("admin", post({"code": "old", "to": "bob"}, "/offers")), id="offered, without an owner"),
        pytest.param(400, post(b"{", "/offers"), id="offered, half a body"),
        pytest.param(401, by("open", post({}, "/offers")), id="offered, key of a link"),
        pytest.param(403, by("reader", post({}, "/offers")), id="offered, key for other things"),
        pytest.param(404, post({"code": "theirs", "to": "ann"}, "/offers"), id="offered, another's"),
        pytest.param(404, post({"code": "a b", "to": "bob"}, "/offers"), id="offered, no code"),
        pytest.param(413, post(b" " * (limits.BODY_BYTES + 1), "/offers"), id="offered, large body"),
        pytest.param(415, post({}, "/offers", **{"Content-Type": "text/csv"}), id="offered, not JSON"),
        pytest.param(422, post({"code": 1, "from": "x"}, "/offers"), id="offered, invalid"),
        pytest.param(200, get("/offers"), id="offers"),
        pytest.param(200, by("admin", get("/offers")), id="offers, none"),
        pytest.param(403, by("maker", get("/offers")), id="offers, key for other things"),
        pytest.param(204, delete("/offers/{code}", "/offers/bare"), id="offer withdrawn"),
        pytest.param(204, delete("/offers/{code}", "/offers/theirs"), id="offer declined"),
        pytest.param(403, by("reader", delete("/offers/{code}", "/offers/bare")), id="offer ended, other key"),
        pytest.param(404, delete("/offers/{code}", "/offers/full"), id="offer ended, no such"),
        pytest.param(200, accept("theirs"), id="accepted"),
        pytest.param(401, by(None, accept("theirs")), id="accepted, no key"),
        pytest.param(403, by("reader", accept("theirs")), id="accepted, key for other things"),
        pytest.param(404, accept("bare"), id="accepted, one's own"),
        pytest.param(404, accept("a%20b"), id="accepted, no code"),
        pytest.param(200, adopt({"manageKey": OF_OPEN}), id="adopted"),
        pytest.param(400, adopt(b"{"), id="adopted, half a body"),
        pytest.param(401, by("open", adopt({"manageKey": OF_OPEN})), id="adopted, key of a link"),
        pytest.param(403, by("maker", adopt({"manageKey": OF_OPEN})), id="adopted, key for other things"),
        pytest.param(404, adopt({"manageKey": f"mk_{'1' * 24}"}), id="adopted, wrong key"),
        pytest.param(404, adopt({"manageKey": OF_OPEN}, "theirs"), id="adopted, another"),
        pytest.param(413, adopt(b" " * (limits.BODY_BYTES + 1)), id="adopted, large body"),
        pytest.param(415, adopt({}, **{"Content-Type": "text/csv"}), id="adopted, not JSON"),
        pytest.param(422, adopt({"manageKey": 1}), id="adopted, invalid"),
        pytest.param(200, get("/audit-log"), id="log"),
        pytest.param(200, get("/audit-log", "/audit-log?limit=1"), id="log, first page"),
        pytest.param(200, get("/audit-log", **CSV), id="log, as CSV"),
        pytest.param(200, get("/audit-log", **NDJSON), id="log, as lines"),
        pytest.param(200, by("admin", get("/audit-log", "/audit-log?owner=ann")), id="log, of one workspace"),
        pytest.param(200, by("admin", get("/audit-log", "/audit-log?installation=true")), id="log, of all"),
        pytest.param(401, by(None, get("/audit-log", **CSV)), id="log, no key"),
        pytest.param(403, by("ann", get("/audit-log")), id="log, key for other things"),
        pytest.param(403, get("/audit-log", "/audit-log?installation=true"), id="log, of all, by no admin"),
        pytest.param(403, get("/audit-log", "/audit-log?owner=bob"), id="log, of another workspace"),
        pytest.param(422, get("/audit-log", "/audit-log?installation=yes&limit=0"), id="log, not so"),
        pytest.param(204, delete("/keys/{key_id}", "/keys/{reader}"), id="key revoked"),
        pytest.param(204, delete("/keys/{key_id}", "/keys/{admin}"), id="key revoked, by itself"),
        pytest.param(401, by(None, delete("/keys/{key_id}", "/keys/{reader}")), id="key revoked, no key"),
        pytest.param(403, by("ann", delete("/keys/{key_id}", "/keys/{reader}")), id="key revoked, by no admin"),
        pytest.param(404, delete("/keys/{key_id}", "/keys/none"), id="key revoked, no such key"),
        pytest.param(200, get("/"), id="home"),
        *(pytest.param(200, get("/assets/{file}", f"/assets/{file}"), id=file) for file in pages.ASSETS),
        pytest.param(404, get("/assets/{file}", "/assets/none"), id="no such file"),
        *(
            pytest.param(200, get("/assets/{file}/{name}", f"/assets/{pages.digest()}/{name}"), id=f"{name}, for ever")
            for name in pages.ASSETS
        ),
        pytest.param(200, get("/assets/{file}/{name}", "/assets/0123456789/page.js"), id="file of another version"),
        pytest.param(404, get("/assets/{file}/{name}", f"/assets/{pages.digest()}/none"), id="no such file of it"),
        pytest.param(200, get("/healthz"), id="health"),
        pytest.param(200, get("/robots.txt"), id="robots"),
        pytest.param(200, get("/favicon.ico"), id="icon"),
        pytest.param(200, get("/openapi.json"), id="description"),
        pytest.param(200, get("/problems/{problem}", "/problems/alias-taken"), id="meaning"),
        pytest.param(200, get("/problems/{problem}", "/problems/alias-taken", **JSON), id="meaning, as JSON"),
        pytest.param(404, get("/problems/{problem}", "/problems/none"), id="no such meaning"),
    ],
)
@pytest.mark.usefixtures("links")
def test_responses_are_as_described(http: Http, keys: Keys, status: int, call: Call) -> None:
    """Status, headers, media type and every member of a response."""
    response = call.send(http, keys)

    assert response.status_code == status
    check(call.route, call.method, response)


PATHS = {"/{code}/{path1}": "/a", "/{code}/{path1}/{path2}": "/a/b", "/{code}/{path1}/{path2}/{path3}": "/a/b/c%20d"}
"""Paths after a code, by their route."""
SENT = {f"/.form{route}": path for route, path in {"/{code}": "", **PATHS}.items()}
"""The same by the routes of forms, with the code alone."""
AS_PERSON = {"User-Agent": PERSON, "Accept": "text/html"}
TRIED = "/links/bulk?dryRun=true"
LONG = {"password": "x" * limits.FORM_BYTES}
HEADS = {
    "limited": 200,
    "spent": 410,
    "ended": 302,
    "asking": 200,
    "lasting": 301,
    "onward": 302,
    "hidden": 401,
    "plain": 404,
    "later": 404,
    "gone": 410,
    "stopped": 451,
}
"""How each link answers HEAD, with a path behind its code or without one; ``plain`` takes no path."""


@pytest.mark.parametrize(
    ("status", "call"),
    [
        pytest.param(201, post({**MINIMAL, **OPTIONS}), id="created"),
        pytest.param(201, by(None, post({**MINIMAL, **OPTIONS})), id="created, without a key"),
        pytest.param(200, post({"links": [{**MINIMAL, **OPTIONS}] * 2}, "/links/bulk"), id="many"),
        pytest.param(
            200,
            post({"links": [{**MINIMAL, **OPTIONS}, {**MINIMAL, **OPTIONS, "alias": "tried"}]}, "/links/bulk", TRIED),
            id="many, tried",
        ),
        pytest.param(422, post({**MINIMAL, **OPTIONS, "permanent": True}), id="permanent and all else"),
        pytest.param(422, post({**MINIMAL, "startsAt": "2099-01-01T00:00:00Z", "expiresIn": "1d"}), id="over too soon"),
        pytest.param(422, post({**MINIMAL, "rules": [{"if": {"country": "x"}, "weight": 0}]}), id="no rule"),
        pytest.param(200, get("/links"), id="listed"),
        *(
            pytest.param(200, get("/links/{code}", f"/links/{code}"), id=f"shown, {code}")
            for code in ("ruled", "limited", "spent", "asking", "hidden", "stopped", "onward", "later")
        ),
        pytest.param(200, patch(OPTIONS, "/links/plain"), id="changed"),
        pytest.param(200, by("admin", patch({"blocked": "It was phishing."}, "/links/plain")), id="blocked"),
        pytest.param(200, by("admin", patch({"blocked": None}, "/links/stopped")), id="unblocked"),
        pytest.param(403, patch({"blocked": "It was phishing."}, "/links/plain"), id="blocked, by no admin"),
        pytest.param(422, patch({"permanent": True}, "/links/ruled"), id="changed, permanent and all else"),
        pytest.param(200, get("/links/{code}/stats", "/links/ruled/stats"), id="statistics"),
        pytest.param(200, get("/links/{code}/visits", "/links/ruled/visits"), id="visits"),
        pytest.param(302, get("/{code}", "/ruled"), id="by a rule, or not"),
        pytest.param(302, get("/{code}", "/onward?a=b"), id="with a query"),
        pytest.param(302, get("/{code}", "/limited", **AS_PERSON), id="limited"),
        pytest.param(200, get("/{code}", "/limited"), id="limited, to a program"),
        pytest.param(303, send("/{code}", "/limited", {}), id="limited, pressed"),
        pytest.param(410, get("/{code}", "/spent"), id="used up"),
        pytest.param(410, get("/{code}", "/spent", **PAGE), id="used up, as a page"),
        pytest.param(410, send("/{code}", "/spent", {}), id="used up, pressed"),
        pytest.param(200, get("/{code}", "/asking"), id="a button"),
        pytest.param(403, get("/{code}", "/asking", **JSON), id="a button, as JSON"),
        pytest.param(303, send("/{code}", "/asking", {}), id="a button, pressed"),
        pytest.param(303, send("/{code}", "/plain", {"any": "thing"}), id="pressed, where nothing asks"),
        pytest.param(401, get("/{code}", "/hidden"), id="a password"),
        pytest.param(401, get("/{code}", "/hidden", **PAGE), id="a password, as a page"),
        pytest.param(401, send("/{code}", "/hidden", {}), id="no password"),
        pytest.param(401, send("/{code}", "/hidden", {"password": "x"}), id="wrong password"),
        pytest.param(401, send("/{code}", "/hidden", {"password": "x"}, **PAGE), id="wrong password, as a page"),
        pytest.param(303, send("/{code}", "/hidden", {"password": WORD}), id="right password"),
        pytest.param(413, send("/{code}", "/hidden", LONG), id="long password"),
        pytest.param(404, get("/{code}", "/later"), id="not yet"),
        pytest.param(404, get("/{code}", "/later", **PAGE), id="not yet, as a page"),
        pytest.param(404, send("/{code}", "/later", {}), id="not yet, pressed"),
        pytest.param(404, send("/{code}", "/none", {}), id="unknown, pressed"),
        pytest.param(404, send("/{code}", "/none", {}, **PAGE), id="unknown, pressed, as a page"),
        pytest.param(302, get("/{code}", "/ended"), id="expired, led elsewhere"),
        pytest.param(303, send("/{code}", "/ended", {}), id="expired, led elsewhere, pressed"),
        pytest.param(410, send("/{code}", "/gone", {}), id="expired, pressed"),
        pytest.param(451, get("/{code}", "/stopped"), id="stopped"),
        pytest.param(451, get("/{code}", "/stopped", **PAGE), id="stopped, as a page"),
        pytest.param(451, send("/{code}", "/stopped", {}), id="stopped, pressed"),
        *(
            row
            for code in ("plain", "ruled", "hidden", "limited", "asking", "lasting")
            for row in (
                pytest.param(200, get("/{code}", f"/{code}+"), id=f"preview, {code}"),
                pytest.param(200, get("/{code}", f"/{code}+", **PAGE), id=f"preview, {code}, as a page"),
            )
        ),
        pytest.param(200, get("/{code}", "/plain%2B"), id="preview, encoded"),
        pytest.param(200, send("/{code}", "/plain+", {}), id="preview, pressed"),
        pytest.param(200, send("/{code}", "/plain+", {}, **PAGE), id="preview, pressed, as a page"),
        pytest.param(404, get("/{code}", "/none+"), id="preview, unknown"),
        pytest.param(404, get("/{code}", "/later+"), id="preview, not yet"),
        pytest.param(410, get("/{code}", "/spent+", **PAGE), id="preview, used up"),
        pytest.param(451, get("/{code}", "/stopped+"), id="preview, stopped"),
        *(
            row
            for route, path in PATHS.items()
            for row in (
                pytest.param(200, get(route, f"/asking{path}", **PAGE), id=f"{path}, a button"),
                pytest.param(403, get(route, f"/asking{path}", **JSON), id=f"{path}, a button, as JSON"),
                pytest.param(301, get(route, f"/lasting{path}"), id=f"{path}, permanent"),
                pytest.param(302, get(route, f"/onward{path}?a=b"), id=f"{path}, followed"),
                pytest.param(302, get(route, f"/ended{path}"), id=f"{path}, led elsewhere"),
                pytest.param(401, get(route, f"/hidden{path}"), id=f"{path}, a password"),
                pytest.param(401, get(route, f"/hidden{path}", **PAGE), id=f"{path}, a password, as a page"),
                pytest.param(404, get(route, f"/plain{path}"), id=f"{path}, where none is taken"),
                pytest.param(404, get(route, f"/none{path}", **PAGE), id=f"{path}, unknown, as a page"),
                pytest.param(404, get(route, f"/later{path}"), id=f"{path}, not yet"),
                pytest.param(410, get(route, f"/spent{path}"), id=f"{path}, used up"),
                pytest.param(451, get(route, f"/stopped{path}", **PAGE), id=f"{path}, stopped"),
                pytest.param(303, send(route, f"/onward{path}", {}), id=f"{path}, pressed"),
                pytest.param(303, send(route, f"/hidden{path}", {"password": WORD}), id=f"{path}, right password"),
                pytest.param(401, send(route, f"/hidden{path}", {"password": "x"}), id=f"{path}, wrong password"),
                pytest.param(404, send(route, f"/plain{path}", {}), id=f"{path}, where none is taken, pressed"),
                pytest.param(410, send(route, f"/gone{path}", {}), id=f"{path}, expired, pressed"),
                pytest.param(413, send(route, f"/hidden{path}", LONG), id=f"{path}, long password"),
                pytest.param(451, send(route, f"/stopped{path}", {}), id=f"{path}, stopped, pressed"),
            )
        ),
        *(
            row
            for route, path in SENT.items()
            for row in (
                pytest.param(302, get(route, f"/.form/hidden{path}?a=b"), id=f"form{path}, back"),
                pytest.param(303, send(route, f"/.form/onward{path}", {}), id=f"form{path}, pressed"),
                pytest.param(303, send(route, f"/.form/hidden{path}", {"password": WORD}), id=f"form{path}, right"),
                pytest.param(401, send(route, f"/.form/hidden{path}", {"password": "x"}), id=f"form{path}, wrong"),
                pytest.param(401, send(route, f"/.form/hidden{path}", {}, **PAGE), id=f"form{path}, none, as a page"),
                pytest.param(404, send(route, f"/.form/none{path}", {}), id=f"form{path}, unknown"),
                pytest.param(410, send(route, f"/.form/gone{path}", {}), id=f"form{path}, expired"),
                pytest.param(413, send(route, f"/.form/hidden{path}", LONG), id=f"form{path}, long password"),
                pytest.param(451, send(route, f"/.form/stopped{path}", {}), id=f"form{path}, stopped"),
            )
        ),
        pytest.param(200, send("/.form/{code}", "/.form/plain+", {}), id="form, preview"),
        pytest.param(404, get("/{code}/{path1}", "/onward/.."), id="a step up"),
        pytest.param(200, get("/links/{code}/qr", "/links/plain/qr"), id="QR code of the API"),
        pytest.param(200, by(None, get("/links/{code}/qr", "/links/plain/qr", **PNG)), id="QR code of the API, PNG"),
        pytest.param(404, get("/links/{code}/qr", "/links/none/qr"), id="QR code of the API, unknown"),
        pytest.param(422, get("/links/{code}/qr", "/links/plain/qr?size=1"), id="QR code of the API, not so"),
        pytest.param(422, get("/links/{code}/qr", "/links/plain/qr?colour=red"), id="QR code of the API, no parameter"),
        pytest.param(200, get("/{code}/qr", "/plain/qr"), id="QR code"),
        pytest.param(200, get("/{code}/qr", "/gone/qr?size=64&margin=0&level=H&dark=123&light=fff"), id="QR, drawn so"),
        pytest.param(200, get("/{code}/qr", "/stopped/qr", **PNG), id="QR code, in bytes"),
        pytest.param(404, get("/{code}/qr", "/none/qr"), id="QR code, unknown"),
        pytest.param(404, get("/{code}/qr", "/none/qr", **PNG), id="QR code, unknown, in bytes"),
        pytest.param(422, get("/{code}/qr", "/plain/qr?size=1&margin=x&level=Z&dark=x&light=x&a=b"), id="QR, not so"),
        pytest.param(422, get("/{code}/qr", "/plain/qr?dark=eee", **PAGE), id="QR code, too pale"),
        pytest.param(200, get("/{code}/report", "/plain/report"), id="form"),
        pytest.param(200, get("/{code}/report", "/stopped/report", **JSON), id="form, as JSON"),
        pytest.param(404, get("/{code}/report", "/none/report"), id="form, unknown"),
        pytest.param(200, send("/{code}/report", "/gone/report", {"reason": "malware"}), id="reported"),
        pytest.param(404, send("/{code}/report", "/none/report", {"reason": "spam"}, **PAGE), id="reported, unknown"),
        pytest.param(413, send("/{code}/report", "/plain/report", LONG), id="reported, at great length"),
        pytest.param(422, send("/{code}/report", "/plain/report", {}), id="reported, for no reason"),
        pytest.param(
            422, send("/{code}/report", "/plain/report", {"reason": "x"}, **JSON), id="reported, other reason"
        ),
        pytest.param(200, get("/reports"), id="reports"),
        pytest.param(401, by(None, get("/reports")), id="reports, no key"),
        pytest.param(403, by("ann", get("/reports")), id="reports, of no admin"),
    ],
)
@pytest.mark.usefixtures("option_links")
def test_responses_of_links_with_options_are_as_described(http: Http, keys: Keys, status: int, call: Call) -> None:
    """Whatever a link asks of visitors, and wherever it redirects them."""
    response = call.send(http, keys)

    assert response.status_code == status
    check(call.route, call.method, response)


@pytest.mark.parametrize("path", ["", *PATHS.values()])
@pytest.mark.parametrize(("code", "status"), HEADS.items())
@pytest.mark.usefixtures("option_links")
def test_head_of_a_link_has_a_status_and_no_body(http: Http, code: str, status: int, path: str) -> None:
    """It uses up no visit, and shows no page."""
    if code == "plain" and not path:
        status = 302

    response = http.request("HEAD", f"/{code}{path}")

    assert (response.status_code, response.body) == (status, b"")


@pytest.mark.usefixtures("option_links")
def test_visitor_examples_are_real_responses(http: Http, keys: Keys) -> None:
    """Those of a link with a password, and of one that does not work yet."""
    for code, example in (("hidden", "needed"), ("later", "later")):
        response = get("/{code}", f"/{code}").send(http, keys)

        documented = described("/{code}", "GET", response.status_code)
        shown = documented["content"]["application/problem+json"]["examples"][example]["value"]
        assert response.json_body.keys() == shown.keys()
        assert (response.json_body["code"], response.json_body["title"]) == (shown["code"], shown["title"])


@pytest.mark.usefixtures("option_links")
def test_an_early_visit_gets_retry_after(http: Http, keys: Keys) -> None:
    """The time until `startsAt`; no other 404 has the header."""
    early, unknown = (get("/{code}", f"/{code}", **JSON).send(http, keys) for code in ("later", "none"))

    starts_at = datetime.fromisoformat(early.json_body["startsAt"])
    left = (starts_at - datetime.now(UTC)).total_seconds()
    assert left <= int(early.headers["Retry-After"]) < left + 60
    assert "Retry-After" not in unknown.headers


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(send("/{code}", "/hidden", {"password": "x"}), id="passwords"),
        pytest.param(send("/{code}", "/hidden", {"password": "x"}, **PAGE), id="passwords, as a page"),
        *(
            pytest.param(send(route, f"/hidden{path}", {"password": "x"}), id=f"passwords, {path}")
            for route, path in PATHS.items()
        ),
        *(
            pytest.param(send(route, f"/.form/hidden{path}", {"password": "x"}), id=f"passwords, /.form{path}")
            for route, path in SENT.items()
        ),
        pytest.param(send("/{code}/report", "/plain/report", {"reason": "spam"}), id="reports"),
        pytest.param(send("/{code}/report", "/plain/report", {"reason": "spam"}, **PAGE), id="reports, as a page"),
    ],
)
@pytest.mark.usefixtures("option_links")
def test_limits_of_visitors_are_as_described(
    http: Http, keys: Keys, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    """A visitor over a limit of attempts or reports gets `Retry-After`."""
    once = Window("once", 10**9, 1)  # in thirty years
    monkeypatch.setattr(limits, "PASSWORD_TRIES", once)
    monkeypatch.setattr(limits, "REPORTS_OF_NETWORK", once)

    first, second = call.send(http, keys), call.send(http, keys)

    assert first.status_code in {200, 401}
    assert second.status_code == 429
    check(call.route, call.method, second)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(send("/{code}", "/hidden", {"password": WORD}), id="password"),
        *(
            pytest.param(send(route, f"/hidden{path}", {"password": WORD}), id=f"password, {path}")
            for route, path in PATHS.items()
        ),
        *(
            pytest.param(send(route, f"/.form/hidden{path}", {"password": WORD}), id=f"password, /.form{path}")
            for route, path in SENT.items()
        ),
        pytest.param(send("/{code}/report", "/plain/report", {"reason": "spam"}), id="report"),
    ],
)
@pytest.mark.usefixtures("option_links")
def test_an_unavailable_counter_is_as_described(http: Http, keys: Keys, call: Call) -> None:
    """Without the counter of tries, no try is allowed."""
    identify_visitor.reset()
    boto3.client("dynamodb").delete_table(TableName=settings.access_table)

    response = call.send(http, keys)

    assert response.status_code == 503
    check(call.route, call.method, response)


@pytest.mark.usefixtures("option_links")
def test_the_variants_of_a_link_are_as_described(http: Http, keys: Keys) -> None:
    """Statistics and visits distinguish visitors redirected by a rule."""
    counted = get("/links/{code}/stats", "/links/ruled/stats").send(http, keys).json_body["variants"]
    listed = get("/links/{code}/visits", "/links/ruled/visits").send(http, keys).json_body["data"]

    assert counted == [{"name": "1", "visits": 1}, {"name": "default", "visits": 1}]
    assert sorted(visit["variant"] for visit in listed) == ["1", "default"]


@pytest.mark.usefixtures("option_links")
def test_reports_are_as_described(http: Http, keys: Keys) -> None:
    """The newest first; a missing comment is null."""
    told = get("/reports").send(http, keys).json_body["data"]

    assert sorted((each["code"], each["reason"], each["comment"]) for each in told) == [
        ("plain", "other", None),
        ("plain", "spam", "It was in my mail."),
    ]
    assert [each["at"] for each in told] == sorted((each["at"] for each in told), reverse=True)


@pytest.mark.usefixtures("links")
def test_a_blocked_host_is_as_described(http: Http, keys: Keys) -> None:
    """No link to it is created; existing ones are blocked, and unblocked later, and their history says so."""
    blocked_host_store.add(blocked_host_store.Blocked("example.com", "It was phishing.", datetime.now(UTC)))
    refused = post(MINIMAL).send(http, keys)
    block_hosts.sweep(datetime.now(UTC), lambda: True)
    blocked_host_store.remove("example.com")
    block_hosts.sweep(datetime.now(UTC), lambda: True)

    told = get("/links/{code}/history", "/links/bare/history").send(http, keys)

    assert [error["code"] for error in refused.json_body["errors"]] == ["blocked-host"]
    assert [entry["action"] for entry in told.json_body["data"]] == ["let go", "blocked", "created"]
    assert told.json_body["data"][0]["changes"].keys() == {"blocked"}
    check("/links", "POST", refused)
    check("/links/{code}/history", "GET", told)


@pytest.mark.parametrize(
    ("call", "name"),
    [pytest.param(by(None, get("/links")), "missing", id="no key"), (by("maker", get("/links")), "read")],
)
def test_access_examples_are_real_responses(http: Http, keys: Keys, call: Call, name: str) -> None:
    """Those for a missing key, and for a missing scope."""
    response = call.send(http, keys)

    documented = described(call.route, call.method, response.status_code)
    example = documented["content"]["application/problem+json"]["examples"][name]["value"]
    assert response.json_body == {**example, "type": f"{settings.base_url}/problems/{example['code']}"}


@pytest.mark.usefixtures("links")
def test_a_manage_key_is_shown_once(http: Http, keys: Keys) -> None:
    """In the response that creates a link without an API key, and in no other."""
    once = {"Idempotency-Key": "once"}
    made = by(None, post(MINIMAL, **once)).send(http, keys).json_body

    others = [
        by(None, post(MINIMAL, **once)),
        by(None, post({**MINIMAL, "findExisting": True})),
        post(MINIMAL),
        by("admin", get("/links/{code}", f"/links/{made['code']}")),
    ]

    assert "manageKey" in made
    assert all("manageKey" not in call.send(http, keys).json_body for call in others)


@pytest.mark.usefixtures("links")
def test_a_dry_run_has_no_generated_code(http: Http, keys: Keys) -> None:
    """Its rows are links with a code, links without, and problems, and nothing is created."""
    call = post({"links": [{**MINIMAL, "alias": "new"}, *ROWS["links"]]}, "/links/bulk", "/links/bulk?dryRun=true")

    rows = call.send(http, keys).json_body["data"]

    assert [row["link"]["code"] if "link" in row else row["problem"]["status"] for row in rows] == [
        *("new", None),
        *(409, 422, 422),
    ]
    assert get("/links/{code}", "/links/new").send(http, keys).status_code == 404


@pytest.mark.usefixtures("links")
def test_only_admins_see_unknown_codes(http: Http, keys: Keys) -> None:
    """Codes that were never created have no owner."""
    told = ["unknownCodes" in by(holder, get("/stats")).send(http, keys).json_body for holder in ("ann", "admin")]

    assert told == [False, True]


@pytest.mark.usefixtures("links")
def test_changes_in_a_history_are_as_described(http: Http, keys: Keys) -> None:
    """Every field that can change or be cleared is in the history as described."""
    changed = {
        "url": "https://example.com/new",
        **{name: FULL[name] for name in ("title", "note", "tags", "expiresAt")},
        **OPTIONS,
    }
    for step in (
        {**changed, "enabled": False, "externalId": "bare:1", "blocked": "It was phishing."},
        {"password": "another word"},
        {**dict.fromkeys(CHANGES), "permanent": True},
    ):
        by("admin", patch(step, "/links/bare")).send(http, keys)

    response = get("/links/{code}/history", "/links/bare/history").send(http, keys)

    *told, beginning = response.json_body["data"]
    every = SCHEMAS["Changes"]["properties"].keys() - {"owner", "visitsSpent"}  # which clients cannot change
    assert [set(entry["changes"]) for entry in reversed(told)] == [
        every - {"permanent", "password"},
        {"password"},
        every - {"url", "password"},
    ]
    assert (beginning["action"], beginning["by"]) == ("created", "ann")
    check("/links/{code}/history", "GET", response)


@pytest.mark.parametrize("holder", ["ann", None])
@pytest.mark.parametrize(
    ("first", "other"),
    [
        pytest.param(post(MINIMAL), post({**MINIMAL, "title": "Other"}), id="one"),
        pytest.param(
            post({"links": [MINIMAL, {}]}, "/links/bulk"), post({"links": [MINIMAL]}, "/links/bulk"), id="many"
        ),
    ],
)
def test_a_repeated_response_is_as_described(
    http: Http, keys: Keys, first: Call, other: Call, holder: str | None
) -> None:
    """The same request gets the stored response with its header; another one with the same key is refused."""
    calls = [replace(call, by=holder, headers={"Idempotency-Key": "once"}) for call in (first, first, other)]

    given = [call.send(http, keys) for call in calls]

    status = given[0].status_code
    assert [response.status_code for response in given] == [status, status, 422]
    assert [response.headers.get("Idempotency-Replayed") for response in given] == [None, "true", None]
    assert given[2].json_body["code"] == "idempotency-mismatch"
    for call, each in zip(calls, given, strict=True):
        check(call.route, call.method, each)


ONE_OF_EACH: dict[str, Call] = {
    "create": post(MINIMAL),
    "create, without a key": by(None, post(MINIMAL)),
    "list": get("/links"),
    "many": post(ROWS, "/links/bulk"),
    "many, without a key": by(None, post({"links": [MINIMAL]}, "/links/bulk")),
    "tried, without a key": by(None, post({"links": [1]}, "/links/bulk", "/links/bulk?dryRun=true")),
    "show": get("/links/{code}", "/links/full"),
    "show, as a page": get("/links/{code}", "/links/full", **PAGE),
    "change": patch({"note": "New"}),
    "remove": delete("/links/{code}", "/links/full"),
    "history": get("/links/{code}/history", "/links/full/history"),
    "statistics": get("/links/{code}/stats", "/links/full/stats"),
    "visits": get("/links/{code}/visits", "/links/full/visits"),
    "all statistics": get("/stats"),
    "make a key": post(NEW_KEY, "/keys"),
    "keys": get("/keys"),
    "reports": get("/reports"),
    "import": post(None, "/imports"),
    "import, shown": get("/imports/{import_id}", f"/imports/{DONE}"),
    "export": post(None, "/exports"),
    "export, shown": get("/exports/{export_id}", f"/exports/{DONE}"),
    "revoke a key": delete("/keys/{key_id}", "/keys/{reader}"),
    "end keys": delete("/keys", f"/keys?person={PERSON_OF_A_KEY}&owner=ann"),
    "me": get("/me"),
    "workspaces": get("/workspaces"),
    "workspace": get("/workspaces/{workspace}", "/workspaces/ann"),
    "workspace, changed": change_workspace({"name": "Ann"}),
    "domains": get("/domains"),
    "domain": get("/domains/{host}", "/domains/sho.rt"),
    "domain, changed": change_domain({"robots": ""}),
    "domain, looked at": get("/domains/{host}/state", "/domains/sho.rt/state"),
    "offer": post({"code": "full", "to": "bob"}, "/offers"),
    "offers": get("/offers"),
    "end an offer": delete("/offers/{code}", "/offers/theirs"),
    "accept": accept("theirs"),
    "adopt": adopt({"manageKey": OF_OPEN}),
    "log": get("/audit-log"),
}
"""A call of every operation that needs a key, and one without where that is allowed."""


def test_every_operation_with_a_key_has_a_call() -> None:
    """A new operation needs a row for limits and for the table of keys."""
    called = {(call.method, call.route) for call in ONE_OF_EACH.values()}

    assert called == {called for called, operation in OPERATIONS.items() if "security" in operation}


@pytest.mark.parametrize("call", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
@pytest.mark.usefixtures("links", "transfers", "few")
def test_rate_limit_headers_are_as_described(http: Http, keys: Keys, call: Call) -> None:
    """With limits, each response says what is left, and an exceeded limit has `Retry-After`."""
    first, second = call.send(http, keys), replace(call, headers=JSON).send(http, keys)

    assert first.status_code < 300
    assert second.status_code == 429
    assert {"RateLimit", "RateLimit-Policy"} <= first.headers.keys() & second.headers.keys()
    check(call.route, call.method, first)
    check(call.route, call.method, second)


@pytest.mark.parametrize("call", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
@pytest.mark.usefixtures("few")
def test_responses_without_the_table_of_keys_are_as_described(http: Http, keys: Keys, call: Call) -> None:
    """No caller is accepted unchecked."""
    boto3.client("dynamodb").delete_table(TableName=settings.access_table)

    response = call.send(http, keys)

    assert response.status_code == 503
    check(call.route, call.method, response)


@pytest.mark.parametrize("path", ["/links/bulk", "/links/bulk?dryRun=true"])
def test_bulk_responses_without_the_table_are_as_described(http: Http, keys: Keys, path: str) -> None:
    """Each link has the problem that it cannot be created or checked now."""
    boto3.client("dynamodb").delete_table(TableName=settings.links_table)

    response = post({"links": [{**MINIMAL, "alias": "new"}]}, "/links/bulk", path).send(http, keys)

    assert [row["problem"]["status"] for row in response.json_body["data"]] == [503]
    check("/links/bulk", "POST", response)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(get("/links/{code}/stats", "/links/full/stats?unit=month"), id="statistics"),
        pytest.param(get("/stats", "/stats?unit=month"), id="all statistics"),
    ],
)
@pytest.mark.usefixtures("links")
def test_a_closed_day_is_as_described(http: Http, keys: Keys, call: Call) -> None:
    """Visitors are null until a day with visits is closed, and then a number."""
    before = call.send(http, keys)
    visit("full", [{"agent": PERSON, "visitor": "5eed" * 6}], datetime.now(UTC) - timedelta(days=1))
    rows.close_night(datetime.now(UTC))

    after = call.send(http, keys)

    visitors = [response.json_body["total"]["visitors"] for response in (before, after)]
    assert visitors == [None, 1]
    check(call.route, call.method, before)
    check(call.route, call.method, after)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(post(MINIMAL), id="create"),
        pytest.param(by(None, post(MINIMAL)), id="create, without a key"),
        pytest.param(get("/links"), id="list"),
        pytest.param(get("/links/{code}", "/links/full"), id="show"),
        pytest.param(patch({}), id="change"),
        pytest.param(delete("/links/{code}", "/links/full"), id="remove"),
        pytest.param(get("/links/{code}/history", "/links/full/history"), id="history"),
        pytest.param(get("/{code}", "/full"), id="follow"),
        pytest.param(get("/{code}", "/full", **PAGE), id="follow, as a page"),
        pytest.param(send("/{code}", "/full", {}), id="follow, pressed"),
        pytest.param(get("/{code}", "/full+"), id="preview"),
        *(
            row
            for route, path in PATHS.items()
            for row in (
                pytest.param(get(route, f"/full{path}"), id=f"follow, {path}"),
                pytest.param(send(route, f"/full{path}", {}), id=f"follow, {path}, pressed"),
            )
        ),
        pytest.param(get("/{code}/qr", "/full/qr"), id="QR code"),
        pytest.param(get("/{code}/report", "/full/report"), id="form"),
        pytest.param(send("/{code}/report", "/full/report", {"reason": "spam"}), id="report"),
        pytest.param(get("/links/{code}/stats", "/links/full/stats"), id="statistics"),
        pytest.param(get("/links/{code}/visits", "/links/full/visits"), id="visits"),
        pytest.param(get("/healthz"), id="health"),
    ],
)
def test_responses_without_the_table_are_as_described(http: Http, keys: Keys, call: Call) -> None:
    """Responses without the table are described."""
    boto3.client("dynamodb").delete_table(TableName=settings.links_table)

    response = call.send(http, keys)

    assert response.status_code == 503
    check(call.route, call.method, response)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(post(FULL), id="found"),
        pytest.param(get("/links/{code}", "/links/full"), id="show"),
        pytest.param(get("/links"), id="list"),
        pytest.param(patch({"note": "New"}), id="change"),
        pytest.param(delete("/links/{code}", "/links/full"), id="remove"),
        pytest.param(get("/links/{code}/history", "/links/full/history"), id="history"),
        pytest.param(get("/links/{code}/stats", "/links/full/stats"), id="statistics"),
        pytest.param(get("/links/{code}/stats", "/links/full/stats", **CSV), id="statistics, as CSV"),
        pytest.param(get("/links/{code}/visits", "/links/full/visits"), id="visits"),
        pytest.param(get("/links/{code}/visits", "/links/full/visits", **NDJSON), id="visits, as NDJSON"),
        pytest.param(get("/stats"), id="all statistics"),
        pytest.param(get("/stats", **PAGE), id="all statistics, as a page"),
    ],
)
@pytest.mark.usefixtures("links")
def test_responses_without_the_table_of_clicks_are_as_described(http: Http, keys: Keys, call: Call) -> None:
    """A link can be read and its visits cannot."""
    boto3.client("dynamodb").delete_table(TableName=settings.clicks_table)

    response = call.send(http, keys)

    assert response.status_code == 503
    check(call.route, call.method, response)


def test_a_defect_is_as_described(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 500 is a problem document like any other."""
    monkeypatch.setattr(pages, "home", lambda _: 1 / 0)

    response = http.get("/")

    assert response.status_code == 500
    check("/", "GET", response)
