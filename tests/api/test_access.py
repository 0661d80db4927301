"""Access control: every route, called by every kind of caller.

What a call needs is one row; the status of each caller follows from that and from the table of roles.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import boto3
import pytest
from chalice.test import TestHTTPClient as Http

import app as routes
from chalicelib.api.versions import V1
from chalicelib.aws.dynamodb import key_store, link_store, transfer_store
from chalicelib.core import limits
from chalicelib.core.access import api_key, roles
from chalicelib.core.access import caller as callers
from chalicelib.core.limits import Window
from chalicelib.core.links import codes, password
from chalicelib.core.links.link import Link
from chalicelib.core.transfers.export_job import Export
from chalicelib.core.transfers.import_job import Import
from chalicelib.errors import KeyRefused
from chalicelib.settings import settings
from chalicelib.usecases import authenticate, limit_calls, manage_keys, policies
from tests.aws_in_memory import Prepared
from tests.callers import Keyed, make_key
from tests.faults import table_down
from tests.sizes import grows, usual_or_long

SCOPES_OF: dict[str, tuple[str, ...]] = {
    "viewer": roles.ROLES["viewer"],
    "editor": roles.ROLES["editor"],
    "admin of the workspace": roles.ROLES["admin"],
    "admin of another workspace": roles.ROLES["admin"],
    **{f"{scope} alone": (scope,) for scope in roles.SCOPES if scope != roles.INSTALLATION},
    "installation": (roles.INSTALLATION,),
}
"""The callers with an API key that is accepted, and its scopes."""
WORKSPACE_OF = {"admin of another workspace": "bob", "installation": "root"}
"""The workspaces of those who are not ann's."""
REFUSED = ("no key", "wrong key", "revoked", "expired")
CALLERS = (*REFUSED, *SCOPES_OF, "manage key")
MOVED = "0" * 32
SAME_FOR_ALL = {status: (status,) * len(CALLERS) for status in (200, 302, 303, 404)}


class Needs(NamedTuple):
    """What a call needs: from it follow the statuses for all callers."""

    scope: str | None
    """None: any API key."""
    status: int = 200
    """For those who may."""
    elsewhere: int | None = None
    """For the admin of another workspace; None: the call is about that workspace's own."""
    installation: int | None = None
    """For the installation, where the call is about its own."""
    manage_key: bool = False
    """Whether the key to a link will do."""

    def statuses(self) -> tuple[int, ...]:
        """Return the status for each of ``CALLERS``."""
        return tuple(self._status(caller) for caller in CALLERS)

    def _status(self, caller: str) -> int:
        if caller in REFUSED or (caller == "manage key" and not self.manage_key):
            return 401
        if caller == "installation":
            return self.installation or self.status
        if caller == "manage key":
            return self.status
        if self.scope is not None and self.scope not in SCOPES_OF[caller]:
            return 403
        return self.elsewhere or self.status if caller == "admin of another workspace" else self.status


LINK_READ = Needs("read", elsewhere=404, manage_key=True)
_OF_OLD: dict[tuple[str, str], Needs] = {
    ("/reports", "GET"): Needs("admin"),
    ("/links", "POST"): Needs("create", 201),
    ("/links", "GET"): Needs("read"),
    ("/links/bulk", "POST"): Needs("create"),
    ("/links/{code}", "GET"): LINK_READ,
    ("/links/{code}", "PATCH"): Needs("manage", elsewhere=404, manage_key=True),
    ("/links/{code}", "DELETE"): Needs("manage", 204, elsewhere=404, manage_key=True),
    ("/links/{code}/history", "GET"): LINK_READ,
    ("/links/{code}/stats", "GET"): LINK_READ,
    ("/links/{code}/visits", "GET"): LINK_READ,
    ("/stats", "GET"): Needs("read"),
    ("/imports", "POST"): Needs("create", 201),
    ("/imports/{import_id}", "GET"): Needs("create", elsewhere=404),
    ("/exports", "POST"): Needs("manage", 202),
    ("/exports/{export_id}", "GET"): Needs("manage", elsewhere=404),
    ("/keys", "POST"): Needs("keys", 201),
    ("/keys", "GET"): Needs("keys"),
    ("/keys/{key_id}", "DELETE"): Needs("keys", 204, elsewhere=404),
}
_OF_V1: dict[tuple[str, str], Needs] = {
    ("/me", "GET"): Needs(None),
    ("/keys", "DELETE"): Needs("keys", elsewhere=404, installation=404),
    ("/links/{code}/adopt", "POST"): Needs("manage"),
    ("/workspaces", "GET"): Needs("admin"),
    ("/workspaces/{workspace}", "GET"): Needs("read", elsewhere=403),
    ("/workspaces/{workspace}", "PATCH"): Needs("settings", elsewhere=403),
    ("/offers", "POST"): Needs("manage", 201, elsewhere=404),
    ("/offers", "GET"): Needs("read"),
    ("/offers/{code}", "DELETE"): Needs("manage", 204, elsewhere=404),
    ("/offers/{code}/accept", "POST"): Needs("manage", elsewhere=404),
    ("/domains", "GET"): Needs(None),
    ("/domains/{host}", "GET"): Needs("read"),
    ("/domains/{host}", "PATCH"): Needs("admin"),
    ("/domains/{host}/state", "GET"): Needs("read"),
    ("/audit-log", "GET"): Needs("settings"),
}


def with_head(calls: dict[tuple[str, str], Needs]) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return the statuses of ``calls``; HEAD has those of GET."""
    heads = {(route, "HEAD"): needs for (route, method), needs in calls.items() if method == "GET"}
    return {at: needs.statuses() for at, needs in {**calls, **heads}.items()}


CALLS = with_head(_OF_OLD)
"""The calls that have two addresses, by the one without /v1."""
MATRIX: dict[tuple[str, str], tuple[int, ...]] = {
    **CALLS,
    **{(f"{V1}{route}", method): row for (route, method), row in CALLS.items()},
    **{(f"{V1}{route}", method): row for (route, method), row in with_head(_OF_V1).items()},
    **{(f"{V1}/links/{{code}}/qr", method): SAME_FOR_ALL[200] for method in ("GET", "HEAD")},
    **{(V1, method): SAME_FOR_ALL[302] for method in ("GET", "HEAD")},
    (V1, "POST"): SAME_FOR_ALL[404],
    **{
        (f"/{{code}}{path}", method): SAME_FOR_ALL[status]
        for path in ("", "/{path1}", "/{path1}/{path2}", "/{path1}/{path2}/{path3}")
        for method, status in (("GET", 302), ("HEAD", 302), ("POST", 303))
    },
    **{
        (f"/.form/{{code}}{path}", method): SAME_FOR_ALL[status]
        for path in ("", "/{path1}", "/{path1}/{path2}", "/{path1}/{path2}/{path3}")
        for method, status in (("GET", 302), ("HEAD", 302), ("POST", 303))
    },
    **{(route, method): SAME_FOR_ALL[200] for route in ("/{code}/qr", "/{code}/report") for method in ("GET", "HEAD")},
    ("/{code}/report", "POST"): SAME_FOR_ALL[200],
    **{
        (route, method): SAME_FOR_ALL[200]
        for route in (
            "/",
            "/assets/{file}",
            "/assets/{file}/{name}",
            "/healthz",
            "/robots.txt",
            "/favicon.ico",
            "/openapi.json",
            "/docs",
            "/problems/{problem}",
        )
        for method in ("GET", "HEAD")
    },
    **{
        (f"/.well-known/{file}", method): SAME_FOR_ALL[404]  # none of them is set
        for file in ("security.txt", "assetlinks.json", "apple-app-site-association")
        for method in ("GET", "HEAD")
    },
}
MANAGE_KEY = f"mk_{'3' * 24}"
BODIES: dict[tuple[str, str], Any] = {
    ("/{code}/report", "POST"): b"reason=spam",
    ("/links", "POST"): {"url": "https://example.com/"},
    ("/links/bulk", "POST"): {"links": [{"url": "https://example.com/"}]},
    ("/links/{code}", "PATCH"): {"title": "Changed"},
    ("/keys", "POST"): {"name": "new", "scopes": ["keys"]},
    ("/links/{code}/adopt", "POST"): {"manageKey": MANAGE_KEY},
    ("/workspaces/{workspace}", "PATCH"): {"name": "Ann's"},
    ("/domains/{host}", "PATCH"): {"robots": ""},
    ("/offers", "POST"): {"code": "sale", "to": "carl"},
}
QUERIES = {("/keys", "DELETE"): "?person=anna@example.com"}
NAMES = {
    "code": "sale",
    "import_id": MOVED,
    "export_id": MOVED,
    "workspace": "ann",
    "host": "sho.rt",
    "file": "page.css",
    "name": "page.css",
    "problem": "alias-taken",
    "path1": "a",
    "path2": "b",
    "path3": "c",
}
"""What stands for each variable of a path."""


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Creating links needs a key, as everywhere except on a developer's machine; and the index does not lag behind."""
    monkeypatch.setattr(manage_keys, "_INDEX_LAGS", 0)
    monkeypatch.setattr(policies, "settings", dataclasses.replace(settings, open_create=False))


@pytest.fixture
def keys(prepared: Prepared, http: Http) -> dict[str, str]:
    """A key of every kind, and a link, an import and an export of ann's."""
    return prepared.step("access", lambda: make_keys(http))


def make_keys(http: Http) -> dict[str, str]:
    """Create the keys, and what belongs to ann."""
    now = datetime.now(UTC)
    found = {
        "wrong key": f"sk_{'1' * 10}_{'2' * 24}",
        "revoked": make_key("ann", name="revoked"),
        "expired": make_key("ann", expires_at=now - timedelta(seconds=1)),
        **{caller: make_key(WORKSPACE_OF.get(caller, "ann"), *scopes) for caller, scopes in SCOPES_OF.items()},
        "manage key": MANAGE_KEY,
        "spare": make_key("ann", person="anna@example.com"),
    }
    found |= {"owner": found["editor"], "read-only": found["viewer"], "admin": found["installation"]}
    found["other owner"] = found["admin of another workspace"]
    key_id, _ = api_key.parse(found["revoked"]) or ("", "")
    manage_keys.revoke(key_id, callers.operator("test"), now)
    Keyed(http, found["owner"]).make(alias="sale", forwardPath=True)
    digest = api_key.digest_of(MANAGE_KEY)
    link_store.add(Link(id="free", url="https://example.com/", forward_path=True, manage_digest=digest), "free")
    carl = Keyed(http, make_key("carl"))
    carl.make(alias="present")
    carl("POST", f"{V1}/offers", {"code": "present", "to": "ann"})
    transfer_store.add_import(Import(id=MOVED, owner="ann", by="ann", created_at=now))
    transfer_store.add_export(Export(id=MOVED, owner="ann", asked_by="ann", created_at=now))
    return found


class TestEachRoute:
    """The part of the table that `make check` runs: one call of each route, by an admin."""

    def test_route_has_a_row(self) -> None:
        """A new route must say who may call it."""
        assert MATRIX.keys() == {(route, method) for route, methods in routes.app.routes.items() for method in methods}
        assert all(len(row) == len(CALLERS) for row in MATRIX.values())

    @pytest.mark.parametrize(("route", "method"), [at for at in MATRIX if at not in CALLS])
    @pytest.mark.usefixtures("closed")
    def test_admin_gets_the_expected_status(self, http: Http, keys: dict[str, str], route: str, method: str) -> None:
        """As the route's row says."""
        check(http, keys, route, method, "installation")


@pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller != "installation"])
@pytest.mark.parametrize(
    ("route", "method"), [at for at in MATRIX if at not in CALLS]
)  # test_api_versions.py compares the others
@pytest.mark.usefixtures("closed")
def test_caller_gets_the_expected_status(
    http: Http, keys: dict[str, str], route: str, method: str, caller: str
) -> None:
    """One status for each route and caller; without a valid key a response reveals nothing."""
    check(http, keys, route, method, caller)


def check(http: Http, keys: dict[str, str], route: str, method: str, caller: str) -> None:
    """Call a route as ``caller``, and assert that the status is that of the table."""
    call = (route.removeprefix(V1), method)
    spare, _ = api_key.parse(keys["spare"]) or ("", "")
    code = "present" if "/offers" in route else "free" if "/adopt" in route or caller == "manage key" else "sale"
    path = route.format(**{**NAMES, "code": code, "key_id": spare}) + QUERIES.get(call, "")

    answer = Keyed(http, keys.get(caller))(method, path, BODIES.get(call))

    assert answer.status_code == MATRIX[route, method][CALLERS.index(caller)]
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


class TestHowAKeyIsSent:
    """Both headers are accepted; a query is not."""

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
    def test_both_headers_are_accepted(self, http: Http, keys: dict[str, str], headers: dict[str, str]) -> None:
        """Bearer takes precedence."""
        sent = {name: value.format(keys["owner"]) for name, value in headers.items()}

        assert http.get("/links/sale", headers=sent).status_code == 200

    @pytest.mark.parametrize(
        "text", ["", "sk_", "sk_1_2", "SK_1111111111_222222222222222222222222", "\ud83d\ude00", "mk_"]
    )
    def test_malformed_key_is_refused(self, http: Http, keys: dict[str, str], text: str) -> None:  # noqa: ARG002  # there is a link
        """With the same response as a wrong key."""
        answer = http.get("/links/sale", headers={"X-Api-Key": text})

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-refused")

    def test_key_in_a_query_is_ignored(self, http: Http, keys: dict[str, str]) -> None:
        """It would end up in logs and browser histories."""
        assert http.get(f"/links/sale?key={keys['owner']}&api_key={keys['owner']}").status_code == 401


class TestOwners:
    """Links of other owners and missing links give the same response."""

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    def test_foreign_and_missing_links_give_the_same_bytes(self, http: Http, keys: dict[str, str], method: str) -> None:
        """No one learns which codes exist."""
        bob, body = Keyed(http, keys["other owner"]), {"title": "mine"} if method == "PATCH" else None

        foreign, missing, impossible = (bob(method, f"/links/{code}", body) for code in ("sale", "nobody", "no.body"))

        assert foreign.status_code == 404
        assert foreign.body == missing.body == impossible.body

    def test_link_without_an_owner_is_for_admins_only(self, http: Http, keys: dict[str, str]) -> None:
        """No one else can prove to own it."""
        item = {"code": {"S": "old"}, "originalUrl": {"S": "https://example.com/old"}}
        boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

        assert Keyed(http, keys["owner"]).get("/links/old").status_code == 404
        changed = Keyed(http, keys["admin"])("PATCH", "/links/old", {"title": "Known"})
        assert (changed.status_code, changed.json_body["title"]) == (200, "Known")

    def test_lists_and_statistics_of_others_need_an_admin(self, http: Http, keys: dict[str, str]) -> None:
        """Owners get 403; admins name the owner."""
        ann, admin = Keyed(http, keys["owner"]), Keyed(http, keys["admin"])

        assert ann.get("/links?owner=bob").status_code == ann.get("/stats?owner=bob").status_code == 403
        assert [link["code"] for link in admin.get("/links?owner=ann").json_body["data"]] == ["sale"]
        assert ann.get("/links?owner=ann").status_code == 200
        assert "unknownCodes" in admin.get("/stats").json_body
        assert "unknownCodes" not in ann.get("/stats").json_body


class TestBlocking:
    """Only administrators block and unblock links."""

    @pytest.mark.parametrize("reason", ["It was phishing.", None])
    def test_owner_can_neither_block_nor_unblock(self, http: Http, keys: dict[str, str], reason: str | None) -> None:
        """With all other scopes; the response names the missing one."""
        Keyed(http, keys["admin"])("PATCH", "/links/sale", {"blocked": "It was reported."})

        answer = Keyed(http, keys["owner"])("PATCH", "/links/sale", {"blocked": reason})

        assert (answer.status_code, answer.json_body["scope"]) == (403, "admin")
        assert http.get("/sale").status_code == 451

    def test_manage_key_cannot_unblock(self, http: Http) -> None:
        """A link made without a key has a manageKey, which cannot unblock the link."""
        mine = post(http).json_body

        answer = Keyed(http, mine["manageKey"])("PATCH", f"/links/{mine['code']}", {"blocked": None})

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-missing")

    def test_admin_can_block_and_unblock(self, http: Http, keys: dict[str, str]) -> None:
        """Visitors are shown the reason while it is blocked."""
        admin = Keyed(http, keys["admin"])

        admin("PATCH", "/links/sale", {"blocked": "It was phishing."})
        blocked = http.get("/sale")
        admin("PATCH", "/links/sale", {"blocked": None})

        assert (blocked.status_code, blocked.json_body["code"]) == (451, "link-blocked")
        assert "It was phishing." in blocked.json_body["detail"]
        assert http.get("/sale").status_code == 302


class TestKeys:
    """Keys are shown once, listed without their texts, and revoked for good."""

    def test_key_text_is_shown_once(self, http: Http, keys: dict[str, str]) -> None:
        """Neither the list nor the table has it."""
        admin = Keyed(http, keys["admin"])

        made = admin("POST", "/keys", {"name": "laptop", "owner": "ann", "scopes": ["read"], "expiresIn": "1d"})

        assert made.status_code == 201
        text = made.json_body["key"]
        listed = next(each for each in admin.get("/keys").json_body["data"] if each["id"] == made.json_body["id"])
        assert listed == {name: value for name, value in made.json_body.items() if name != "key"}
        table = str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))
        assert text.rpartition("_")[2] not in table + admin.get("/keys").body.decode()
        assert Keyed(http, text).get("/links/sale").status_code == 200

    def test_revoked_key_is_refused_at_once_in_this_container(self, http: Http, keys: dict[str, str]) -> None:
        """It is evicted from the container's cache as well."""
        ann = Keyed(http, keys["owner"])
        assert ann.get("/links/sale").status_code == 200
        key_id, _ = api_key.parse(keys["owner"]) or ("", "")

        revoked = Keyed(http, keys["admin"])("DELETE", f"/keys/{key_id}")

        assert (revoked.status_code, revoked.body) == (204, b"")
        assert ann.get("/links/sale").status_code == 401
        assert Keyed(http, keys["admin"])("DELETE", "/keys/nobody").json_body["code"] == "key-unknown"

    @pytest.mark.parametrize("since_its_use", [0, 30, 31, 45, 59, 60])
    def test_key_revoked_elsewhere_is_refused_within_half_a_minute(
        self, keys: dict[str, str], since_its_use: int
    ) -> None:
        """A container caches a key for 30 seconds, whether or not its use is recorded meanwhile."""
        key_id, _ = api_key.parse(keys["spare"]) or ("", "")
        now, headers = datetime.now(UTC), {"x-api-key": keys["spare"]}
        authenticate.authenticate(headers, "203.0.113.1", now - timedelta(seconds=since_its_use))
        authenticate.reset()
        assert authenticate.authenticate(headers, "203.0.113.1", now).workspace == "ann"
        found = key_store.find_key(key_id)
        assert found is not None
        key_store.revoke(found, now)

        assert authenticate.authenticate(headers, "203.0.113.1", now + timedelta(seconds=29)).workspace == "ann"
        with pytest.raises(KeyRefused):
            authenticate.authenticate(headers, "203.0.113.1", now + timedelta(seconds=30))

    def test_last_use_is_recorded_to_the_minute(self, http: Http, keys: dict[str, str]) -> None:  # noqa: ARG002  # the tables
        """At most one write a minute, by all containers together."""
        key_id, _ = api_key.parse(keys["spare"]) or ("", "")  # it was never used before
        now = datetime.now(UTC).replace(microsecond=0)
        for seconds in (0, 31, 59, 61):
            authenticate.reset()
            authenticate.authenticate({"x-api-key": keys["spare"]}, "203.0.113.1", now + timedelta(seconds=seconds))

        found = key_store.find_key(key_id)
        assert found is not None
        assert found.last_used_at == now + timedelta(seconds=61)

    def test_wrong_secret_does_not_count_as_use(self, http: Http, keys: dict[str, str]) -> None:
        """The time of the last use stays."""
        key_id, _ = api_key.parse(keys["spare"]) or ("", "")

        assert Keyed(http, f"sk_{key_id}_{'1' * 24}").get("/links").status_code == 401

        found = key_store.find_key(key_id)
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
    def test_invalid_key_request_is_refused(
        self, http: Http, keys: dict[str, str], body: Any, fields: list[str]
    ) -> None:
        """Every invalid field is named."""
        answer = Keyed(http, keys["admin"])("POST", "/keys", body)

        assert (answer.status_code, answer.json_body["code"]) == (422, "key-invalid")
        assert [error["field"] for error in answer.json_body["errors"]] == fields


class TestAnonymous:
    """Callers without a key, where links may be made without one."""

    @pytest.fixture(autouse=True)
    def public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Settings of a public instance."""
        rules = dataclasses.replace(settings, anonymous_max_days=90, anonymous_min_alias=6)
        monkeypatch.setattr(policies, "settings", rules)

    @pytest.fixture
    def limited(self, monkeypatch: pytest.MonkeyPatch, one_moment: datetime) -> None:  # noqa: ARG002  # or an hour may end
        """Limits of three an hour and five a day."""
        windows = (Window("anonymous-hour", 3600, 3), Window("anonymous-day", 86400, 5))
        monkeypatch.setattr(limit_calls, "_anonymous", windows)

    def test_start_must_be_before_the_default_expiry(self, http: Http) -> None:
        """The expiry that such a link gets by default counts as well."""
        start = (datetime.now(UTC) + timedelta(days=365)).isoformat()

        answer = post(http, startsAt=start)

        assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "startsAt")

    def test_response_has_the_manage_key(self, http: Http) -> None:
        """Once; it is valid for this link only, and is stored as a digest."""
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
    def test_options_that_need_a_key_are_refused(self, http: Http, fields: dict[str, Any], wrong: list[str]) -> None:
        """Short aliases, permanent redirects, long lifetimes and external ids."""
        answer = post(http, **fields)

        assert answer.status_code == 422
        assert [error["field"] for error in answer.json_body["errors"]] == wrong

    @pytest.mark.parametrize(
        "change", [{"permanent": True}, {"expiresAt": None}, {"expiresIn": "91d"}, {"externalId": "x"}]
    )
    def test_options_that_need_a_key_cannot_be_added_later(self, http: Http, change: dict[str, Any]) -> None:
        """A change must not make what could not have been created."""
        mine = post(http).json_body

        answer = Keyed(http, mine["manageKey"])("PATCH", f"/links/{mine['code']}", change)

        assert (answer.status_code, answer.json_body["code"]) == (422, "link-invalid")

    def test_lifetime_is_counted_from_creation(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ninety days in all, however often the expiry is changed."""
        mine = post(http).json_body
        later = datetime.now(UTC) + timedelta(days=80)
        monkeypatch.setattr("chalicelib.clock.now", lambda: later)
        me = Keyed(http, mine["manageKey"])

        answers = [me("PATCH", f"/links/{mine['code']}", {"expiresIn": days}).status_code for days in ("9d", "11d")]

        assert answers == [200, 422]

    @pytest.mark.usefixtures("one_moment")
    def test_manage_keys_are_rate_limited(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """A manageKey has the limit of any key; invalid ones are counted by network, and do not affect others."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 2))
        monkeypatch.setattr(limits, "UNKNOWN_KEYS", Window("unknown-key-minute", 60, 2))
        mine = post(http).json_body
        invalid = [f"mk_{number * 24}" for number in "1234"]

        refused = [Keyed(http, text).get(f"/links/{mine['code']}").status_code for text in invalid]
        asked = [Keyed(http, mine["manageKey"]).get(f"/links/{mine['code']}").status_code for _ in range(3)]

        assert refused == [404, 404, 429, 429]
        assert asked == [200, 200, 429]

    @grows
    @pytest.mark.usefixtures("one_moment")
    def test_invalid_manage_keys_are_limited_before_passwords_are_hashed(
        self, http: Http, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No password is hashed for any of 500 well-formed keys."""
        hashed: list[bytes] = []

        def note(data: bytes, *_: object) -> bytes:
            hashed.append(data)
            return b""

        monkeypatch.setattr(password, "derive", note)
        code = post(http).json_body["code"]
        bodies = (
            {"password": "abcdefgh"},
            {"password": "abcdefgh", "url": "https://example.com/other"},
            {"title": "x"},
        )

        answers = [
            Keyed(http, f"mk_{codes.unguessable_text(24)}")("PATCH", f"/links/{name}", bodies[number % 3]).status_code
            for number in range(usual_or_long(75, 250))
            for name in (code, "nobody")
        ]

        assert hashed == []
        assert set(answers) == {404, 429}
        assert answers.count(404) <= limits.UNKNOWN_KEYS.most

    @pytest.mark.usefixtures("one_moment")
    @pytest.mark.parametrize("header", ["X-Api-Key", "Authorization"])
    def test_invalid_api_keys_are_limited_by_network(self, http: Http, header: str) -> None:
        """A valid key from the same network still works."""
        good, most = make_key("ann"), limits.UNKNOWN_KEYS.most
        invalid = [f"sk_{codes.unguessable_text(10)}_{codes.unguessable_text(24)}" for _ in range(most + 5)]
        prefix = "Bearer " if header == "Authorization" else ""

        answers = [http.get("/links", headers={header: f"{prefix}{text}"}) for text in invalid]

        assert [each.status_code for each in answers] == [401] * most + [429] * 5
        assert int(answers[-1].headers["Retry-After"]) <= 60
        assert Keyed(http, good).get("/links").status_code == 200

    def test_default_lifetime_is_ninety_days(self, http: Http) -> None:
        """Unless the request asks for less."""
        lasting, short = post(http).json_body, post(http, expiresIn="1d", alias="longer").json_body

        days = [(datetime.fromisoformat(link["expiresAt"]) - datetime.now(UTC)).days for link in (lasting, short)]
        assert days == [89, 0]

    @pytest.mark.usefixtures("limited")
    def test_hourly_limit_is_enforced(self, http: Http) -> None:
        """The fourth gets Retry-After; the headers count down; another network has its own limit."""
        answers = [post(http, address="203.0.113.1") for _ in range(4)]

        assert [answer["statusCode"] for answer in answers] == [201, 201, 201, 429]
        assert [answer["headers"]["RateLimit"].split(";t=")[0] for answer in answers[:3]] == [
            f'"anonymous-hour";r={left}' for left in (2, 1, 0)
        ]
        assert '"anonymous-hour";q=3;w=3600' in answers[0]["headers"]["RateLimit-Policy"]
        assert 0 < int(answers[3]["headers"]["Retry-After"]) <= 3600
        assert post(http, address="203.0.113.2")["statusCode"] == 201

    @pytest.mark.usefixtures("limited")
    def test_ipv6_network_is_one_caller(self, http: Http) -> None:
        """Hosts have 2^64 addresses to choose from."""
        answers = [post(http, address=f"2001:db8:1:2::{number}")["statusCode"] for number in range(4)]

        assert answers == [201, 201, 201, 429]
        assert post(http, address="2001:db8:1:3::1")["statusCode"] == 201

    @pytest.mark.usefixtures("limited")
    def test_without_counters_callers_without_a_key_get_503(self, http: Http) -> None:
        """Callers with a key are not affected."""
        post(http, address="203.0.113.1")
        key_text = make_key("ann")
        Keyed(http, key_text).get("/links")
        boto3.client("dynamodb").delete_table(TableName="url-shortener-access")

        assert post(http, address="203.0.113.1")["statusCode"] == 503
        assert Keyed(http, key_text).make()["code"]

    def test_no_ip_address_is_stored(self, http: Http, limited: None) -> None:  # noqa: ARG002  # so that something is counted
        """Networks are counted by a hash."""
        post(http, address="203.0.113.77")

        table = str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))
        assert "rate#network#" in table
        assert "203.0.113" not in table

    @pytest.mark.usefixtures("closed")
    def test_closed_instance_asks_for_a_key(self, http: Http) -> None:
        """The message says how to send it."""
        answer = post(http)

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-missing")
        assert "Authorization: Bearer" in answer.json_body["detail"]


@pytest.mark.usefixtures("one_moment")
def test_keys_are_rate_limited_per_minute(ann: Keyed, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """All routes count together; another key has its own count."""
    monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 2))
    bob = Keyed(http, make_key("bob"))

    statuses = [ann.get("/links").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert ann("POST", "/links", {"url": "https://example.com/"}).json_body["code"] == "too-many-requests"
    assert bob.get("/links").headers["RateLimit"].startswith('"key-minute";r=1;t=')


def test_unreadable_keys_give_503(http: Http, keys: dict[str, str]) -> None:
    """Not 401: the key may be valid."""
    authenticate.reset()
    with table_down():
        assert Keyed(http, keys["owner"]).get("/links").status_code == 503


def test_redirect_needs_no_key(http: Http, keys: dict[str, str]) -> None:  # noqa: ARG001  # there is a link
    """A wrong key or a missing access table does not affect visitors."""
    boto3.client("dynamodb").delete_table(TableName="url-shortener-access")

    assert http.get("/sale", headers={"X-Api-Key": "sk_wrong"}).status_code == 302


def post(http: Http, address: str | None = None, **fields: Any) -> Any:
    """Create a link without a key; with an ``address``, through an API Gateway event from there."""
    body = json.dumps({"url": "https://example.com/", **fields})
    if address is None:
        return http.post("/links", body=body.encode())
    return routes.app(
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
