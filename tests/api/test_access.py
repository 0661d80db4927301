"""Who may do what: every door, called by everybody."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.test import TestHTTPClient as Http

import app as doors
from chalicelib import authorize, change_link, issue_key
from chalicelib.aws import key_table, transfer_table
from chalicelib.core import key
from chalicelib.core.limits import Window
from chalicelib.core.transfer import Export, Import
from chalicelib.errors import KeyRefused
from chalicelib.settings import settings
from tests.callers import Keyed, make_key
from tests.faults import table_down

CALLERS = ("anonymous", "wrong key", "revoked", "expired", "other owner", "read-only", "owner", "admin")
NOBODY_ELSE = (401, 401, 401, 401)
MOVED = "0" * 32
ALL_ALIKE = {status: (status,) * len(CALLERS) for status in (200, 302, 303)}

MATRIX: dict[tuple[str, str], tuple[int, ...]] = {
    **{
        (f"/{{code}}{path}", method): ALL_ALIKE[status]
        for path in ("", "/{path1}", "/{path1}/{path2}", "/{path1}/{path2}/{path3}")
        for method, status in (("GET", 302), ("HEAD", 302), ("POST", 303))
    },
    **{(route, method): ALL_ALIKE[200] for route in ("/{code}/qr", "/{code}/report") for method in ("GET", "HEAD")},
    ("/{code}/report", "POST"): ALL_ALIKE[200],
    ("/reports", "GET"): (*NOBODY_ELSE, 403, 403, 403, 200),
    ("/reports", "HEAD"): (*NOBODY_ELSE, 403, 403, 403, 200),
    ("/links", "POST"): (*NOBODY_ELSE, 201, 403, 201, 201),
    ("/links", "GET"): (*NOBODY_ELSE, 200, 200, 200, 200),
    ("/links", "HEAD"): (*NOBODY_ELSE, 200, 200, 200, 200),
    ("/links/bulk", "POST"): (*NOBODY_ELSE, 200, 403, 200, 200),
    ("/links/{code}", "GET"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/links/{code}", "HEAD"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/links/{code}", "PATCH"): (*NOBODY_ELSE, 404, 403, 200, 200),
    ("/links/{code}", "DELETE"): (*NOBODY_ELSE, 404, 403, 204, 204),
    ("/links/{code}/history", "GET"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/links/{code}/history", "HEAD"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/links/{code}/stats", "GET"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/links/{code}/stats", "HEAD"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/links/{code}/visits", "GET"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/links/{code}/visits", "HEAD"): (*NOBODY_ELSE, 404, 200, 200, 200),
    ("/stats", "GET"): (*NOBODY_ELSE, 200, 200, 200, 200),
    ("/stats", "HEAD"): (*NOBODY_ELSE, 200, 200, 200, 200),
    ("/imports", "POST"): (*NOBODY_ELSE, 201, 403, 201, 201),
    ("/imports/{import_id}", "GET"): (*NOBODY_ELSE, 404, 403, 200, 200),
    ("/imports/{import_id}", "HEAD"): (*NOBODY_ELSE, 404, 403, 200, 200),
    ("/exports", "POST"): (*NOBODY_ELSE, 202, 403, 202, 202),
    ("/exports/{export_id}", "GET"): (*NOBODY_ELSE, 404, 403, 200, 200),
    ("/exports/{export_id}", "HEAD"): (*NOBODY_ELSE, 404, 403, 200, 200),
    ("/keys", "POST"): (*NOBODY_ELSE, 403, 403, 403, 201),
    ("/keys", "GET"): (*NOBODY_ELSE, 403, 403, 403, 200),
    ("/keys", "HEAD"): (*NOBODY_ELSE, 403, 403, 403, 200),
    ("/keys/{key_id}", "DELETE"): (*NOBODY_ELSE, 403, 403, 403, 204),
    **{
        (route, method): ALL_ALIKE[200]
        for route in (
            "/",
            "/assets/{file}",
            "/healthz",
            "/robots.txt",
            "/favicon.ico",
            "/openapi.json",
            "/problems/{problem}",
        )
        for method in ("GET", "HEAD")
    },
}
BODIES: dict[tuple[str, str], Any] = {
    ("/{code}/report", "POST"): b"reason=spam",
    ("/links", "POST"): {"url": "https://example.com/"},
    ("/links/bulk", "POST"): {"links": [{"url": "https://example.com/"}]},
    ("/links/{code}", "PATCH"): {"title": "Changed"},
    ("/keys", "POST"): {"name": "new", "scopes": ["read"]},
}


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody makes links without a key, as it is everywhere but on a developer's machine."""
    monkeypatch.setattr(authorize, "settings", dataclasses.replace(settings, open_create=False))


@pytest.fixture
def keys(http: Http) -> dict[str, str]:
    """A key of every kind, and a link, an import and an export of ann's."""
    now = datetime.now(UTC)
    found = {
        "wrong key": f"sk_{'1' * 10}_{'2' * 24}",
        "revoked": make_key("ann", name="revoked"),
        "expired": make_key("ann", expires_at=now - timedelta(seconds=1)),
        "other owner": make_key("bob"),
        "read-only": make_key("ann", "read"),
        "owner": make_key("ann"),
        "admin": make_key("root", "admin"),
        "spare": make_key("spare"),
    }
    key_id, _ = key.parts_of(found["revoked"]) or ("", "")
    issue_key.revoke(key_id, now)
    Keyed(http, found["owner"]).make(alias="sale", forwardPath=True)
    transfer_table.add_import(Import(id=MOVED, owner="ann", by="ann", created_at=now))
    transfer_table.add_export(Export(id=MOVED, owner="ann", asked_by="ann", created_at=now))
    return found


def test_every_door_has_a_row() -> None:
    """A new door says who may pass before it opens."""
    assert MATRIX.keys() == {(route, method) for route, methods in doors.app.routes.items() for method in methods}
    assert all(len(row) == len(CALLERS) for row in MATRIX.values())


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize(("route", "method"), MATRIX)
@pytest.mark.usefixtures("closed")
def test_everybody_gets_what_is_theirs(http: Http, keys: dict[str, str], route: str, method: str, who: str) -> None:
    """One answer for each door and caller; without a good key nobody learns what there is."""
    spare, _ = key.parts_of(keys["spare"]) or ("", "")
    more = {"path1": "a", "path2": "b", "path3": "c", "import_id": MOVED, "export_id": MOVED}
    path = route.format(code="sale", file="page.css", problem="alias-taken", key_id=spare, **more)

    answer = Keyed(http, keys.get(who))(method, path, BODIES.get((route, method)))

    assert answer.status_code == MATRIX[route, method][CALLERS.index(who)]
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


class TestHowAKeyIsSent:
    """Both headers are understood; a query is not."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Authorization": "Bearer {}"},
            {"authorization": "bearer  {} "},
            {"X-Api-Key": "{}"},
            {"Authorization": "Bearer {}", "X-Api-Key": "sk_wrong"},
            {"Authorization": "Basic dXNlcjpwYXNz", "X-Api-Key": "{}"},
        ],
        ids=str,
    )
    def test_both_headers(self, http: Http, keys: dict[str, str], headers: dict[str, str]) -> None:
        """Bearer is asked first."""
        sent = {name: value.format(keys["owner"]) for name, value in headers.items()}

        assert http.get("/links/sale", headers=sent).status_code == 200

    @pytest.mark.parametrize(
        "text", ["", "sk_", "sk_1_2", "SK_1111111111_222222222222222222222222", "\ud83d\ude00", "mk_"]
    )
    def test_what_is_no_key(self, http: Http, keys: dict[str, str], text: str) -> None:  # noqa: ARG002  # there is a link
        """Whatever it is, it is refused like a wrong one."""
        answer = http.get("/links/sale", headers={"X-Api-Key": text})

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-refused")

    def test_not_in_a_query(self, http: Http, keys: dict[str, str]) -> None:
        """It would stand in logs and histories."""
        assert http.get(f"/links/sale?key={keys['owner']}&api_key={keys['owner']}").status_code == 401


class TestOwners:
    """Somebody else's link and none at all are the same answer."""

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    def test_foreign_and_missing_are_the_same_bytes(self, http: Http, keys: dict[str, str], method: str) -> None:
        """Nobody learns which codes there are."""
        bob, body = Keyed(http, keys["other owner"]), {"title": "mine"} if method == "PATCH" else None

        foreign, missing, impossible = (bob(method, f"/links/{code}", body) for code in ("sale", "nobody", "no.body"))

        assert foreign.status_code == 404
        assert foreign.body == missing.body == impossible.body

    def test_a_link_of_an_older_table_is_an_admins(self, http: Http, keys: dict[str, str]) -> None:
        """Nobody else can say that it is theirs."""
        item = {"code": {"S": "old"}, "originalUrl": {"S": "https://example.com/old"}}
        boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

        assert Keyed(http, keys["owner"]).get("/links/old").status_code == 404
        changed = Keyed(http, keys["admin"])("PATCH", "/links/old", {"title": "Known"})
        assert (changed.status_code, changed.json_body["title"]) == (200, "Known")

    def test_lists_and_statistics_of_others_are_an_admins(self, http: Http, keys: dict[str, str]) -> None:
        """An owner asks for nobody else's; an admin names whose."""
        ann, admin = Keyed(http, keys["owner"]), Keyed(http, keys["admin"])

        assert ann.get("/links?owner=bob").status_code == ann.get("/stats?owner=bob").status_code == 403
        assert [link["code"] for link in admin.get("/links?owner=ann").json_body["data"]] == ["sale"]
        assert ann.get("/links?owner=ann").status_code == 200
        assert "unknownCodes" in admin.get("/stats").json_body
        assert "unknownCodes" not in ann.get("/stats").json_body


class TestBlocking:
    """Links are stopped by whoever runs the service, and by nobody else."""

    @pytest.mark.parametrize("reason", ["It was phishing.", None])
    def test_an_owner_neither_stops_a_link_nor_lets_it_go(
        self, http: Http, keys: dict[str, str], reason: str | None
    ) -> None:
        """Not even with all that their key allows; the answer names the scope that is missing."""
        Keyed(http, keys["admin"])("PATCH", "/links/sale", {"blocked": "It was reported."})

        answer = Keyed(http, keys["owner"])("PATCH", "/links/sale", {"blocked": reason})

        assert (answer.status_code, answer.json_body["scope"]) == (403, "admin")
        assert http.get("/sale").status_code == 451

    def test_nor_does_the_key_to_a_link(self, http: Http) -> None:
        """Whoever made a link without a key has a key to it, and cannot let it go when it was stopped."""
        mine = post(http).json_body

        answer = Keyed(http, mine["manageKey"])("PATCH", f"/links/{mine['code']}", {"blocked": None})

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-missing")

    def test_an_admin_stops_a_link_and_lets_it_go(self, http: Http, keys: dict[str, str]) -> None:
        """Its visitors are told why, as long as it lasts."""
        admin = Keyed(http, keys["admin"])

        admin("PATCH", "/links/sale", {"blocked": "It was phishing."})
        stopped = http.get("/sale")
        admin("PATCH", "/links/sale", {"blocked": None})

        assert (stopped.status_code, stopped.json_body["code"]) == (451, "link-blocked")
        assert "It was phishing." in stopped.json_body["detail"]
        assert http.get("/sale").status_code == 302


class TestKeys:
    """Made once, listed without their texts, revoked for good."""

    def test_a_key_is_shown_once(self, http: Http, keys: dict[str, str]) -> None:
        """Neither the list nor the table has its text."""
        admin = Keyed(http, keys["admin"])

        made = admin("POST", "/keys", {"name": "laptop", "owner": "ann", "scopes": ["read"], "expiresIn": "1d"})

        assert made.status_code == 201
        text = made.json_body["key"]
        listed = next(each for each in admin.get("/keys").json_body["data"] if each["id"] == made.json_body["id"])
        assert listed == {name: value for name, value in made.json_body.items() if name != "key"}
        table = str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))
        assert text.rpartition("_")[2] not in table + admin.get("/keys").body.decode()
        assert Keyed(http, text).get("/links/sale").status_code == 200

    def test_a_revoked_key_is_dead_here_at_once(self, http: Http, keys: dict[str, str]) -> None:
        """Also in the memory of this container."""
        ann = Keyed(http, keys["owner"])
        assert ann.get("/links/sale").status_code == 200
        key_id, _ = key.parts_of(keys["owner"]) or ("", "")

        revoked = Keyed(http, keys["admin"])("DELETE", f"/keys/{key_id}")

        assert (revoked.status_code, revoked.body) == (204, b"")
        assert ann.get("/links/sale").status_code == 401
        assert Keyed(http, keys["admin"])("DELETE", "/keys/nobody").json_body["code"] == "key-unknown"

    def test_a_key_revoked_elsewhere_is_dead_within_a_minute(self, http: Http, keys: dict[str, str]) -> None:  # noqa: ARG002  # there is a link
        """A container trusts its memory of a key for half a minute."""
        key_id, _ = key.parts_of(keys["owner"]) or ("", "")
        now, headers = datetime.now(UTC), {"x-api-key": keys["owner"]}
        assert authorize.authorize(headers, now).owner == "ann"
        key_table.revoke(key_id, now)

        assert authorize.authorize(headers, now + timedelta(seconds=29)).owner == "ann"
        with pytest.raises(KeyRefused):
            authorize.authorize(headers, now + timedelta(seconds=30))

    def test_its_last_use_is_known_to_the_minute(self, http: Http, keys: dict[str, str]) -> None:  # noqa: ARG002  # the tables
        """At most one write a minute, by however many containers."""
        key_id, _ = key.parts_of(keys["owner"]) or ("", "")
        now = datetime.now(UTC).replace(microsecond=0)
        for seconds in (0, 31, 59, 61):
            authorize.forget_all()
            authorize.authorize({"x-api-key": keys["owner"]}, now + timedelta(seconds=seconds))

        found = key_table.find(key_id)
        assert found is not None
        assert found.last_used_at == now + timedelta(seconds=61)

    def test_a_wrong_secret_is_no_use_of_a_key(self, http: Http, keys: dict[str, str]) -> None:
        """Nor is a try with one that is revoked."""
        key_id, _ = key.parts_of(keys["spare"]) or ("", "")

        assert Keyed(http, f"sk_{key_id}_{'1' * 24}").get("/links").status_code == 401

        found = key_table.find(key_id)
        assert found is not None
        assert found.last_used_at is None

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, ["scopes", "name"]),
            ({"name": "x", "scopes": []}, ["scopes"]),
            ({"name": "x", "scopes": ["root"]}, ["scopes"]),
            ({"name": "x", "scopes": "read"}, ["scopes"]),
            ({"name": "x", "scopes": ["read", 1]}, ["scopes"]),
            ({"name": "x y", "scopes": ["read"]}, ["name"]),
            ({"name": "x y", "owner": "a#b", "scopes": ["read"]}, ["owner"]),
            ({"name": "x", "scopes": ["read"], "expiresIn": "soon"}, ["expiresIn"]),
            ({"name": "x", "scopes": ["read"], "scope": 1}, ["scope"]),
        ],
        ids=str,
    )
    def test_a_key_that_cannot_be(self, http: Http, keys: dict[str, str], body: Any, fields: list[str]) -> None:
        """Every field that is wrong is named."""
        answer = Keyed(http, keys["admin"])("POST", "/keys", body)

        assert (answer.status_code, answer.json_body["code"]) == (422, "key-invalid")
        assert [error["field"] for error in answer.json_body["errors"]] == fields


class TestAnonymous:
    """Who has no key, where links may be made without one."""

    @pytest.fixture(autouse=True)
    def public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on a public instance."""
        rules = dataclasses.replace(settings, anonymous_max_days=90, anonymous_min_alias=6)
        monkeypatch.setattr(change_link, "settings", rules)

    @pytest.fixture
    def limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With limits of three an hour and five a day."""
        windows = (Window("anonymous-hour", 3600, 3), Window("anonymous-day", 86400, 5))
        monkeypatch.setattr(authorize, "_anonymous", windows)

    def test_a_link_must_start_before_it_has_to_end(self, http: Http) -> None:
        """The end that such a link gets counts as well."""
        start = (datetime.now(UTC) + timedelta(days=365)).isoformat()

        answer = post(http, startsAt=start)

        assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "startsAt")

    def test_the_answer_has_the_key_to_the_link(self, http: Http) -> None:
        """Once; it opens this link and no other, and is stored as a digest."""
        mine, other = (post(http).json_body for _ in range(2))
        me = Keyed(http, mine["manageKey"])

        assert me.get(f"/links/{mine['code']}").status_code == 200
        assert me.get(f"/links/{mine['code']}/stats").status_code == 200
        assert me("PATCH", f"/links/{mine['code']}", {"title": "Mine"}).json_body["title"] == "Mine"
        assert me.get(f"/links/{other['code']}").status_code == 404
        assert me.get("/links").status_code == me("POST", "/links", {"url": "https://example.com/"}).status_code == 401
        assert mine["manageKey"] not in str(boto3.client("dynamodb").scan(TableName="url-shortener"))
        assert "manageKey" not in me.get(f"/links/{mine['code']}").json_body
        assert me("DELETE", f"/links/{mine['code']}").status_code == 204
        assert me.get(f"/links/{mine['code']}").status_code == 404

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"alias": "short"}, ["alias"]),
            ({"permanent": True}, ["permanent"]),
            ({"expiresIn": "91d"}, ["expiresIn"]),
            ({"externalId": "x"}, ["externalId"]),
            (
                {"alias": "five5", "permanent": True, "expiresAt": "2099-01-01T00:00:00Z"},
                ["alias", "permanent", "expiresAt"],
            ),
        ],
        ids=str,
    )
    def test_what_a_stranger_may_not(self, http: Http, fields: dict[str, Any], wrong: list[str]) -> None:
        """Short aliases are worth something, permanent redirects cannot be taken back, and all ends some day."""
        answer = post(http, **fields)

        assert answer.status_code == 422
        assert [error["field"] for error in answer.json_body["errors"]] == wrong

    @pytest.mark.parametrize(
        "change", [{"permanent": True}, {"expiresAt": None}, {"expiresIn": "91d"}, {"externalId": "x"}]
    )
    def test_nor_by_changing_it(self, http: Http, change: dict[str, Any]) -> None:
        """A link must not become what it could not have been made as."""
        mine = post(http).json_body

        answer = Keyed(http, mine["manageKey"])("PATCH", f"/links/{mine['code']}", change)

        assert (answer.status_code, answer.json_body["code"]) == (422, "link-invalid")

    def test_it_cannot_be_prolonged_for_ever(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ninety days are counted from its beginning."""
        mine = post(http).json_body
        later = datetime.now(UTC) + timedelta(days=80)
        monkeypatch.setattr("app.now", lambda: later)
        me = Keyed(http, mine["manageKey"])

        answers = [me("PATCH", f"/links/{mine['code']}", {"expiresIn": days}).status_code for days in ("9d", "11d")]

        assert answers == [200, 422]

    def test_its_key_may_not_call_without_end(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """The key to one link has the limit of any key; so has one that was made up."""
        monkeypatch.setattr(authorize, "_per_key", Window("key-minute", 60, 2))
        mine = post(http).json_body

        for text, last in ((mine["manageKey"], 200), (f"mk_{'1' * 24}", 404)):
            asked = [Keyed(http, text).get(f"/links/{mine['code']}").status_code for _ in range(3)]
            assert asked == [last, last, 429]

    def test_it_ends_in_ninety_days_unless_sooner(self, http: Http) -> None:
        """Nobody has to say so."""
        lasting, short = post(http).json_body, post(http, expiresIn="1d", alias="longer").json_body

        days = [(datetime.fromisoformat(link["expiresAt"]) - datetime.now(UTC)).days for link in (lasting, short)]
        assert days == [89, 0]

    @pytest.mark.usefixtures("limited")
    def test_three_an_hour_and_not_one_more(self, http: Http) -> None:
        """The fourth is told when to come again; the headers count down; another network is another matter."""
        answers = [post(http, address="203.0.113.1") for _ in range(4)]

        assert [answer["statusCode"] for answer in answers] == [201, 201, 201, 429]
        assert [answer["headers"]["RateLimit"].split(";t=")[0] for answer in answers[:3]] == [
            f'"anonymous-hour";r={left}' for left in (2, 1, 0)
        ]
        assert '"anonymous-hour";q=3;w=3600' in answers[0]["headers"]["RateLimit-Policy"]
        assert 0 < int(answers[3]["headers"]["Retry-After"]) <= 3600
        assert post(http, address="203.0.113.2")["statusCode"] == 201

    @pytest.mark.usefixtures("limited")
    def test_an_ipv6_network_is_one_stranger(self, http: Http) -> None:
        """Hosts have 2^64 addresses to come from."""
        answers = [post(http, address=f"2001:db8:1:2::{number}")["statusCode"] for number in range(4)]

        assert answers == [201, 201, 201, 429]
        assert post(http, address="2001:db8:1:3::1")["statusCode"] == 201

    @pytest.mark.usefixtures("limited")
    def test_while_nobody_can_count_nobody_may(self, http: Http) -> None:
        """Without a key it is no; who has one goes on."""
        post(http, address="203.0.113.1")
        key_text = make_key("ann")
        Keyed(http, key_text).get("/links")
        boto3.client("dynamodb").delete_table(TableName="url-shortener-access")

        assert post(http, address="203.0.113.1")["statusCode"] == 503
        assert Keyed(http, key_text).make()["code"]

    def test_no_address_is_kept(self, http: Http, limited: None) -> None:  # noqa: ARG002  # so that something is counted
        """What is counted by network goes by a hash of it."""
        post(http, address="203.0.113.77")

        table = str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))
        assert "rate#network#" in table
        assert "203.0.113" not in table

    @pytest.mark.usefixtures("closed")
    def test_where_it_is_closed_a_key_is_asked_for(self, http: Http) -> None:
        """With the sentence that helps."""
        answer = post(http)

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-missing")
        assert "Authorization: Bearer" in answer.json_body["detail"]


def test_a_key_may_call_so_often_a_minute(ann: Keyed, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it calls; another key has a count of its own."""
    monkeypatch.setattr(authorize, "_per_key", Window("key-minute", 60, 2))
    bob = Keyed(http, make_key("bob"))

    statuses = [ann.get("/links").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert ann("POST", "/links", {"url": "https://example.com/"}).json_body["code"] == "too-many-requests"
    assert bob.get("/links").headers["RateLimit"].startswith('"key-minute";r=1;t=')


def test_while_keys_cannot_be_read_nobody_is_let_in(http: Http, keys: dict[str, str]) -> None:
    """503, not 401: the key may be good."""
    authorize.forget_all()
    with table_down():
        assert Keyed(http, keys["owner"]).get("/links").status_code == 503


def test_a_redirect_asks_nobody(http: Http, keys: dict[str, str]) -> None:  # noqa: ARG001  # there is a link
    """A wrong key, a missing access table: the visitor goes where the link leads."""
    boto3.client("dynamodb").delete_table(TableName="url-shortener-access")

    assert http.get("/sale", headers={"X-Api-Key": "sk_wrong"}).status_code == 302


def post(http: Http, address: str | None = None, **fields: Any) -> Any:
    """Make a link without a key; with an ``address``, through the event of an API Gateway that was asked from there."""
    body = json.dumps({"url": "https://example.com/", **fields})
    if address is None:
        return http.post("/links", body=body.encode())
    return doors.app(
        {
            "requestContext": {"httpMethod": "POST", "resourcePath": "/links", "identity": {"sourceIp": address}},
            "headers": {"X-Forwarded-For": "198.51.100.9"},
            "pathParameters": None,
            "multiValueQueryStringParameters": None,
            "body": body,
            "stageVariables": None,
        },
        None,
    )
