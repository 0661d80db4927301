"""Workspaces: their settings, their keys, what moves between them, and the logs of all that."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.test import TestHTTPClient as Http

from chalicelib import clock
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import key_store, link_store, offer_store, transactions, workspace_store
from chalicelib.aws.dynamodb.errors import LinkChanged
from chalicelib.core import limits
from chalicelib.core.access import api_key, offer, roles, workspace
from chalicelib.core.access.workspace import Workspace
from chalicelib.core.limits import Window
from chalicelib.errors import StoreUnavailable
from chalicelib.usecases import limit_calls, manage_keys, workspaces
from tests import rows
from tests.callers import Keyed, make_key
from tests.faults import table_down

URL = "https://example.com/"


@pytest.fixture(autouse=True)
def no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of these tests does not lag behind the table."""
    monkeypatch.setattr(manage_keys, "_INDEX_LAGS", 0)


@pytest.fixture
def ann(http: Http) -> Keyed:
    """An admin of the workspace ``ann``."""
    return Keyed(http, make_key("ann", *roles.ROLES["admin"]))


@pytest.fixture
def bob(http: Http) -> Keyed:
    """An admin of the workspace ``bob``."""
    return Keyed(http, make_key("bob", *roles.ROLES["admin"]))


@pytest.fixture
def root(http: Http) -> Keyed:
    """An administrator of the installation."""
    return Keyed(http, make_key("root", roles.INSTALLATION))


def made(caller: Keyed, **fields: Any) -> dict[str, Any]:
    """Make a key and return it."""
    answer = caller("POST", "/v1/keys", {"name": "new", "role": "viewer", **fields})
    assert answer.status_code == 201, answer.body
    document: dict[str, Any] = answer.json_body
    return document


def actions(caller: Keyed, query: str = "") -> list[tuple[str, str]]:
    """Return the actions and subjects of a log, the oldest first."""
    return [
        (each["action"], each["subject"]) for each in caller.get(f"/v1/audit-log?limit=100{query}").json_body["data"]
    ][::-1]


class TestKeysOfAWorkspace:
    """Its admins make, see and revoke them."""

    def test_key_of_a_role_has_its_scopes(self, ann: Keyed) -> None:
        """The role is expanded when the key is written."""
        for role, scopes in roles.ROLES.items():
            key = made(ann, role=role)

            assert (key["scopes"], key["role"], key["owner"]) == (list(scopes), role, "ann")

    def test_no_role_reaches_beyond_its_workspace(self) -> None:
        """To the version before roles, ``admin`` means the whole installation."""
        assert all(roles.INSTALLATION not in scopes for scopes in roles.ROLES.values())
        assert set().union(*roles.ROLES.values()) | {roles.INSTALLATION} == set(roles.SCOPES)

    @pytest.mark.parametrize(
        ("body", "field", "code"),
        [
            ({"role": "owner"}, "role", "invalid"),
            ({"role": "viewer", "scopes": ["read"]}, "role", "conflict"),
            ({"role": None}, "scopes", "invalid"),
            ({"role": ["viewer"]}, "role", "invalid"),
            ({"role": "viewer", "person": "x" * 65}, "person", "too-long"),
        ],
    )
    def test_wrong_fields_are_named(self, ann: Keyed, body: dict[str, Any], field: str, code: str) -> None:
        """A key has either a role or scopes."""
        answer = ann("POST", "/v1/keys", {"name": "new", **body})

        assert answer.status_code == 422
        assert [(each["field"], each["code"]) for each in answer.json_body["errors"]] == [(field, code)]

    @pytest.mark.parametrize("scope", [scope for scope in roles.SCOPES if scope != "keys"])
    def test_no_key_gives_what_it_has_not(self, http: Http, scope: str) -> None:
        """Or a key that may only make keys could make itself an admin."""
        alone = Keyed(http, make_key("ann", "keys"))

        answer = alone("POST", "/v1/keys", {"name": "new", "scopes": ["keys", scope]})

        assert (answer.status_code, answer.json_body["scope"]) == (403, scope)

    def test_no_key_is_made_for_another_workspace(self, ann: Keyed, root: Keyed) -> None:
        """That takes the installation."""
        assert ann("POST", "/v1/keys", {"name": "new", "role": "viewer", "owner": "bob"}).status_code == 403
        assert made(root, owner="bob")["owner"] == "bob"
        assert made(root)["owner"] == "new"

    def test_list_has_the_keys_of_the_workspace(self, ann: Keyed, bob: Keyed, root: Keyed) -> None:
        """And never a text."""
        mine, his = made(ann, person="anna@example.com"), made(bob)

        seen = {key["id"]: key for key in ann.get("/v1/keys").json_body["data"]}

        assert (seen[mine["id"]]["kind"], seen[mine["id"]]["person"]) == ("personal", "anna@example.com")
        assert {key["owner"] for key in seen.values()} == {"ann"}
        assert all("key" not in key and "digest" not in key for key in seen.values())
        assert {mine["id"], his["id"]} <= {key["id"] for key in root.get("/v1/keys").json_body["data"]}
        assert {key["owner"] for key in root.get("/v1/keys?owner=bob").json_body["data"]} == {"bob"}
        assert ann.get("/v1/keys?owner=bob").status_code == 403

    def test_foreign_and_missing_keys_look_the_same(self, ann: Keyed, bob: Keyed) -> None:
        """No one learns which ids exist."""
        his = made(bob)["id"]

        foreign, missing = (ann("DELETE", f"/v1/keys/{key_id}") for key_id in (his, "1" * 10))

        assert (foreign.status_code, foreign.body) == (404, missing.body)
        found = key_store.find_key(his)
        assert found is not None
        assert found.revoked_at is None

    def test_key_of_the_installation_is_not_the_workspaces(self, http: Http, ann: Keyed, root: Keyed) -> None:
        """It is listed, because it acts for the workspace; only another one revokes it."""
        text = make_key("ann", roles.INSTALLATION)
        key_id = text.split("_")[1]

        assert key_id in {key["id"] for key in ann.get("/v1/keys").json_body["data"]}
        assert ann("DELETE", f"/v1/keys/{key_id}").status_code == 403
        assert Keyed(http, text).get("/v1/reports").status_code == 200
        assert root("DELETE", f"/v1/keys/{key_id}").status_code == 204

    def test_keys_of_someone_who_leaves_end(self, http: Http, ann: Keyed, bob: Keyed) -> None:
        """All personal ones of that workspace; what others have built with integrations works on."""
        person = {"person": "anna@example.com"}
        keys = [
            made(ann, **person),
            made(ann, **person, role="editor"),
            made(ann, name="shop"),
            made(ann, person="b@x.y"),
        ]
        his = made(bob, **person)

        answer = ann("DELETE", "/v1/keys?person=anna@example.com")

        assert {key["id"] for key in answer.json_body["data"]} == {key["id"] for key in keys[:2]}
        works = [Keyed(http, key["key"]).get("/v1/me").status_code for key in (*keys, his)]
        assert works == [401, 401, 200, 200, 200]
        assert ann("DELETE", "/v1/keys?person=anna@example.com").json_body == {"data": []}
        mistyped = ann("DELETE", "/v1/keys?person=ana@example.com")
        assert (mistyped.status_code, mistyped.json_body["code"]) == (404, "key-unknown")

    @pytest.mark.parametrize("written", ["ANNA@example.com", "%20anna@example.com%20", "%EF%BC%A1nna@example.com"])
    def test_person_is_the_same_however_written(self, ann: Keyed, written: str) -> None:
        """Upper case, spaces around it and other forms of its letters do not keep a key alive."""
        key = made(ann, person="Anna@example.com")

        ended = ann("DELETE", f"/v1/keys?person={written}").json_body["data"]

        assert [each["id"] for each in ended] == [key["id"]]

    def test_revoked_admin_makes_and_revokes_no_more(self, http: Http, ann: Keyed) -> None:
        """Not even in a container that has its key in the cache: a key that it made would outlive it."""
        ben, spare = made(ann, role="admin", person="ben@example.com"), made(ann)
        old = Keyed(http, ben["key"])
        assert old.get("/v1/me").status_code == 200
        found = key_store.find_key(ben["id"])
        assert found is not None
        key_store.revoke(found, datetime.now(UTC))  # elsewhere: this container does not know

        answers = [
            old("POST", "/v1/keys", {"name": "new", "role": "admin"}),
            old("DELETE", f"/v1/keys/{spare['id']}"),
            old("PATCH", "/v1/workspaces/ann", {"name": "Ben's"}),
        ]

        assert [answer.status_code for answer in answers] == [401, 401, 401]
        assert Keyed(http, spare["key"]).get("/v1/me").status_code == 200
        assert ann.get("/v1/workspaces/ann").json_body["name"] == "ann"

    def test_key_can_revoke_itself(self, http: Http, ann: Keyed) -> None:
        """As the last thing that it does, also among others of its person."""
        one, two = (made(ann, role="admin", person="ben@example.com") for _ in range(2))

        ended = Keyed(http, one["key"])("DELETE", "/v1/keys?person=ben@example.com").json_body["data"]

        assert {each["id"] for each in ended} == {one["id"], two["id"]}
        assert Keyed(http, one["key"]).get("/v1/me").status_code == 401

    def test_ended_keys_are_deleted_in_the_end(self, ann: Keyed) -> None:
        """Ninety days after they were revoked, or after their end."""
        revoked, expiring, lasting = made(ann), made(ann, expiresIn="10d"), made(ann)
        ann("DELETE", f"/v1/keys/{revoked['id']}")

        def days_left(key: dict[str, Any]) -> int | None:
            item = boto3.client("dynamodb").get_item(
                TableName="url-shortener-access", Key={"id": {"S": f"key#{key['id']}"}}
            )["Item"]
            left = item.get("expiresAt")
            return None if left is None else round((int(left["N"]) - datetime.now(UTC).timestamp()) / 86400)

        assert [days_left(key) for key in (revoked, expiring, lasting)] == [90, 100, None]

    def test_long_list_comes_in_pages(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """As many as fit into a response."""
        keys = [made(ann, name=f"{number:064}") for number in range(6)]
        monkeypatch.setattr(limits, "RESPONSE_BYTES", 1500)
        found, cursor = [], ""
        while True:
            page = ann.get(f"/v1/keys?owner=ann{cursor}").json_body
            found += [key["id"] for key in page["data"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"

        assert len(page["data"]) < len(found)
        assert found[:6] == [key["id"] for key in reversed(keys)]
        assert ann.get("/v1/keys?cursor=made-up").status_code == 422

    def test_one_of_the_installation_does_not_keep_the_others(self, http: Http, ann: Keyed, root: Keyed) -> None:
        """The answer says that it takes the installation; all that the admin may revoke is revoked."""
        person = {"person": "anna@example.com"}
        key = made(ann, **person)
        made(root, role=None, scopes=["admin"], owner="ann", **person)

        assert ann("DELETE", "/v1/keys?person=anna@example.com").json_body["scope"] == "admin"
        assert Keyed(http, key["key"]).get("/v1/me").status_code == 401
        assert len(root("DELETE", "/v1/keys?person=anna@example.com&owner=ann").json_body["data"]) == 1

    def test_key_made_a_moment_ago_ends_too(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where the first list does not have it yet."""
        key = made(ann, person="anna@example.com")
        found = key_store.all_keys("ann")
        lists = iter([[], found, found, []])
        monkeypatch.setattr(key_store, "all_keys", lambda _: next(lists, []))

        assert [each["id"] for each in ann("DELETE", "/v1/keys?person=anna@example.com").json_body["data"]] == [
            key["id"]
        ]

    @pytest.mark.parametrize("query", ["", "?person=", "?owner=ann"])
    def test_keys_of_no_one_are_not_ended(self, ann: Keyed, query: str) -> None:
        """A forgotten parameter must not revoke every key."""
        answer = ann("DELETE", f"/v1/keys{query}")

        assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "person")

    def test_workspace_has_a_maximum_of_keys(self, ann: Keyed, root: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each has a limit of calls of its own. Those that ended a day ago do not count."""
        root("PATCH", "/v1/workspaces/ann", {"limits": {"keys": 2}})
        second = made(ann)

        refused = ann("POST", "/v1/keys", {"name": "new", "role": "viewer"})

        assert (refused.status_code, refused.json_body["code"]) == (409, "too-many-keys")
        assert made(root, owner="ann")
        for key in ann.get("/v1/keys").json_body["data"]:
            if key["name"] == "new":
                ann("DELETE", f"/v1/keys/{key['id']}")
        assert ann("POST", "/v1/keys", {"name": "new", "role": "viewer"}).status_code == 409
        now = datetime.now(UTC)
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=1))
        assert made(ann)["id"] != second["id"]


class TestMe:
    """What a key is."""

    def test_it_is_shown(self, http: Http, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """With what is left of its limit."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 50))
        key = made(ann, name="Anna", role="editor", person="anna@example.com")

        me = Keyed(http, key["key"]).get("/v1/me").json_body

        assert 0 < me["limits"][0].pop("resetsIn") <= 60
        assert me == {
            "key": key["id"],
            "name": "Anna",
            "person": "anna@example.com",
            "workspace": "ann",
            "workspaceName": "ann",
            "scopes": ["create", "read", "manage"],
            "role": "editor",
            "limits": [{"name": "key-minute", "limit": 50, "seconds": 60, "left": 49}],
        }

    def test_scopes_that_are_no_role_have_no_name(self, http: Http) -> None:
        """As keys of the version before may have."""
        me = Keyed(http, make_key("ann", "create")).get("/v1/me").json_body

        assert (me["role"], me["limits"]) == (None, [])


class TestSettings:
    """A workspace's name, the defaults of its new links, and its limits."""

    def test_without_a_record_there_are_defaults(self, ann: Keyed) -> None:
        """Nothing has to be made first."""
        assert ann.get("/v1/workspaces/ann").json_body == {
            "id": "ann",
            "name": "ann",
            "defaults": {},
            "limits": {"callsPerMinute": None, "keys": workspace.KEYS},
            "createdAt": None,
            "updatedAt": None,
        }

    def test_changes_are_merged(self, ann: Keyed, root: Keyed) -> None:
        """What is omitted stays; null returns to what there is without a record."""
        ann(
            "PATCH", "/v1/workspaces/ann", {"name": "Anna's shop", "defaults": {"tags": ["shop"], "forwardQuery": True}}
        )
        root("PATCH", "/v1/workspaces/ann", {"limits": {"callsPerMinute": 5}})
        shown = ann("PATCH", "/v1/workspaces/ann", {"name": None}).json_body

        assert (shown["name"], shown["limits"]["callsPerMinute"]) == ("ann", 5)
        assert shown["defaults"] == {"tags": ["shop"], "forwardQuery": True}
        cleared = root("PATCH", "/v1/workspaces/ann", {"defaults": None, "limits": None}).json_body
        assert (cleared["defaults"], cleared["limits"]) == ({}, {"callsPerMinute": None, "keys": workspace.KEYS})
        assert root("PATCH", "/v1/workspaces/ann", {"limits": {}}).json_body["updatedAt"] == cleared["updatedAt"]
        assert [each["id"] for each in root.get("/v1/workspaces").json_body["data"]] == ["ann"]

    def test_changes_at_the_same_time_are_all_kept(
        self, ann: Keyed, root: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each changes the version that it has read, or reads again."""
        put, between = workspace_store.put, [lambda: root("PATCH", "/v1/workspaces/ann", {"limits": {"keys": 7}})]
        ann("PATCH", "/v1/workspaces/ann", {"name": "Shop"})

        def late(*arguments: Any) -> None:
            if between:
                assert between.pop()().status_code == 200
            put(*arguments)

        monkeypatch.setattr(workspace_store, "put", late)
        shown = ann("PATCH", "/v1/workspaces/ann", {"defaults": {"tags": ["shop"]}}).json_body

        assert (shown["name"], shown["limits"]["keys"], shown["defaults"]) == ("Shop", 7, {"tags": ["shop"]})

    @pytest.mark.parametrize("limits", [{"callsPerMinute": 1000}, {"keys": 1000}, {"keys": None}, None])
    def test_no_workspace_changes_its_own_limits(self, ann: Keyed, root: Keyed, limits: Any) -> None:
        """They are the installation's; what is read can be sent back."""
        root("PATCH", "/v1/workspaces/ann", {"limits": {"keys": 5}})
        assert ann("PATCH", "/v1/workspaces/ann", {"limits": {"keys": 5}}).status_code == 200
        answer = ann("PATCH", "/v1/workspaces/ann", {"name": "Ann", "limits": limits})

        assert (answer.status_code, answer.json_body["scope"]) == (403, "admin")
        assert ann.get("/v1/workspaces/ann").json_body["name"] == "ann"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"title": "x"}, "title"),
            ({"name": "x" * 101}, "name"),
            ({"defaults": []}, "defaults"),
            ({"defaults": {"url": URL}}, "defaults.url"),
            ({"defaults": {"tags": "shop"}}, "defaults.tags"),
            ({"defaults": {"expiresIn": "soon"}}, "defaults.expiresIn"),
            ({"defaults": {"fallbackUrl": "javascript:alert(1)"}}, "defaults.fallbackUrl"),
            ({"limits": {"keys": 0}}, "limits.keys"),
            ({"limits": {"links": 1}}, "limits.links"),
            ({"limits": 5}, "limits"),
        ],
    )
    def test_wrong_settings_are_refused(self, root: Keyed, body: dict[str, Any], field: str) -> None:
        """Where they are set, not with the next link."""
        answer = root("PATCH", "/v1/workspaces/ann", body)

        assert (answer.status_code, answer.json_body["code"]) == (422, "workspace-invalid")
        assert [each["field"] for each in answer.json_body["errors"]] == [field]

    @pytest.mark.parametrize("name", ["a%20b", "a%23b", "x" * 65])
    def test_impossible_workspace_is_refused(self, root: Keyed, name: str) -> None:
        """Its id is a name that links can have as their owner."""
        assert root.get(f"/v1/workspaces/{name}").status_code == 422

    @pytest.mark.parametrize(
        ("defaults", "body", "expected"),
        [
            ({"tags": ["shop"]}, {}, {"tags": ["shop"]}),
            ({"tags": ["shop"]}, {"tags": []}, {"tags": []}),
            ({"tags": ["shop"]}, {"tags": ["mine"]}, {"tags": ["mine"]}),
            ({"permanent": True}, {}, {"permanent": True}),
            ({"permanent": True}, {"permanent": False}, {"permanent": False}),
            ({"permanent": True}, {"maxVisits": 5}, {"permanent": False, "maxVisits": 5}),
            ({"permanent": True}, {"password": None}, {"permanent": True}),
            ({"unguessable": True}, {"alias": "sale"}, {"unguessable": False, "code": "sale"}),
            ({"unguessable": True}, {"slug": "sale"}, {"unguessable": False, "code": "sale"}),
            ({"unguessable": True}, {}, {"unguessable": True}),
            ({"expiresIn": "1d"}, {"expiresAt": None}, {"expiresAt": None}),
            ({"expiresIn": "1d"}, {"startsAt": "2999-01-01T00:00:00Z"}, {"expiresAt": None}),
            ({"expiresIn": "1d"}, {"expiresAt": "2999-01-01T00:00:00Z"}, {"expiresAt": "2999-01-01T00:00:00.000Z"}),
            ({"fallbackUrl": "https://example.com/over"}, {}, {"fallbackUrl": "https://example.com/over"}),
            (
                {"forwardPath": True, "forwardQuery": True},
                {"forwardPath": None},
                {"forwardPath": False, "forwardQuery": True},
            ),
        ],
    )
    def test_new_links_have_the_defaults(
        self, ann: Keyed, defaults: dict[str, Any], body: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        """For what a request does not say, and unless that contradicts what it says."""
        assert ann("PATCH", "/v1/workspaces/ann", {"defaults": defaults}).status_code == 200

        one = ann.make(**body)
        row = ann("POST", "/v1/links/bulk", {"links": [{"url": URL, **body, "alias": None, "slug": None}]}).json_body

        assert {name: one[name] for name in expected} == expected
        assert "link" in row["data"][0]

    def test_defaults_are_of_that_workspace(self, http: Http, ann: Keyed, bob: Keyed) -> None:
        """Not of links without an owner, either."""
        ann("PATCH", "/v1/workspaces/ann", {"defaults": {"tags": ["shop"]}})

        assert [caller.make()["tags"] for caller in (ann, bob, Keyed(http, None))] == [["shop"], [], []]

    def test_limit_of_calls_is_that_of_the_workspace(
        self, http: Http, root: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For each of its keys, instead of the setting's."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 5))
        root("PATCH", "/v1/workspaces/ann", {"limits": {"callsPerMinute": 2}})
        ann, bob = Keyed(http, make_key("ann")), Keyed(http, make_key("bob"))

        assert [ann.get("/v1/links").status_code for _ in range(3)] == [200, 200, 429]
        assert [bob.get("/v1/links").status_code for _ in range(3)] == [200, 200, 200]

    def test_record_is_read_every_half_minute(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG002  # the tables
        """By each container, and older where the table does not respond."""
        now, reads = datetime.now(UTC), list[str]()

        def read(name: str) -> Workspace:
            reads.append(name)
            return Workspace(id=name)

        monkeypatch.setattr(workspace_store, "find", read)

        for seconds in (0, 29, 30, 59):
            workspaces.find("ann", now + timedelta(seconds=seconds))
        assert len(reads) == 2

        def fail(_: str) -> Workspace:
            raise StoreUnavailable

        monkeypatch.setattr(workspace_store, "find", fail)
        assert workspaces.find("ann", now + timedelta(seconds=90)).id == "ann"
        with pytest.raises(StoreUnavailable):
            workspaces.find("ann", now + timedelta(seconds=700))

    def test_no_link_is_made_without_its_defaults(self, ann: Keyed) -> None:
        """It would be another one than was asked for."""
        ann.get("/v1/me")
        workspaces.reset()
        with table_down():
            assert ann("POST", "/v1/links", {"url": URL}).status_code == 503


class TestOffers:
    """A link moves when both sides want it."""

    def test_accepted_link_moves(self, http: Http, ann: Keyed, bob: Keyed) -> None:
        """With its code, its numbers and its history; nothing of it is left with the workspace before."""
        link = ann.make(alias="sale", externalId="sale-1", title="Sale")
        ann("PATCH", "/v1/links/sale", {"title": "Big sale"})
        offered = ann("POST", "/v1/offers", {"code": "ext:sale-1", "to": "bob"})
        assert (offered.status_code, offered.json_body["from"], offered.json_body["to"]) == (201, "ann", "bob")
        assert [each["code"] for each in ann.get("/v1/offers").json_body["data"]] == ["sale"]
        assert bob.get("/v1/offers").json_body == ann.get("/v1/offers").json_body
        assert bob.get("/v1/links/sale").status_code == 404

        accepted = bob("POST", "/v1/offers/sale/accept").json_body

        assert (accepted["owner"], accepted["title"], accepted["createdAt"]) == ("bob", "Big sale", link["createdAt"])
        for path in ("sale", "ext:sale-1", "sale/history", "sale/stats", "sale/visits"):
            assert ann.get(f"/v1/links/{path}").status_code == 404
            assert bob.get(f"/v1/links/{path}").status_code == 200
        history = bob.get("/v1/links/sale/history").json_body["data"]
        assert [each["action"] for each in history] == ["moved", "changed", "created"]
        assert history[0]["changes"] == {"owner": {"from": "ann", "to": "bob"}}
        assert [each["code"] for each in bob.get("/v1/links").json_body["data"]] == ["sale"]
        assert ann.get("/v1/links").json_body["data"] == []
        assert ann.get("/v1/offers").json_body == bob.get("/v1/offers").json_body == {"data": []}
        claim = {"id": {"S": "ext#ann#sale-1"}}
        assert "Item" not in boto3.client("dynamodb").get_item(TableName="url-shortener-access", Key=claim)
        assert ann.make(externalId="sale-1")["externalId"] == "sale-1"  # it is free again
        assert http.get("/sale").status_code == 302

    def test_accepting_can_be_repeated(self, ann: Keyed, bob: Keyed) -> None:
        """The first response may have been lost."""
        ann.make(alias="sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})

        first, second = (bob("POST", "/v1/offers/sale/accept") for _ in range(2))

        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json_body == second.json_body
        assert [action for action, _ in actions(bob)].count("link-received") == 1

    def test_link_of_ones_own_was_not_accepted(self, ann: Keyed) -> None:
        """Repeating what never was is a mistake."""
        ann.make(alias="sale")

        assert ann("POST", "/v1/offers/sale/accept").json_body["code"] == "offer-unknown"

    def test_link_that_came_back_is_at_home(self, ann: Keyed, bob: Keyed) -> None:
        """Statistics show it by its code again."""
        ann.make(alias="sale")
        for giver, taker, name in ((ann, bob, "bob"), (bob, ann, "ann")):
            giver("POST", "/v1/offers", {"code": "sale", "to": name})
            assert taker("POST", "/v1/offers/sale/accept").status_code == 200

        item = boto3.client("dynamodb").get_item(
            TableName="url-shortener-clicks", Key={"code": {"S": "@ann"}, "entry": {"S": "moved#sale"}}
        )["Item"]
        assert item["moved"] == {"BOOL": False}

    def test_external_id_that_is_taken_stops_it(self, ann: Keyed, bob: Keyed) -> None:
        """Nothing is moved, and the offer stands."""
        ann.make(alias="sale", externalId="sale-1")
        other = bob.make(externalId="sale-1")["code"]
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})

        answer = bob("POST", "/v1/offers/sale/accept")

        assert (answer.status_code, answer.json_body["code"]) == (409, "external-id-taken")
        assert ann.get("/v1/links/ext:sale-1").json_body["code"] == "sale"
        assert bob.get("/v1/links/ext:sale-1").json_body["code"] == other
        bob("PATCH", f"/v1/links/{other}", {"externalId": None})
        assert bob("POST", "/v1/offers/sale/accept").status_code == 200

    def test_only_the_workspace_it_was_offered_to_accepts(
        self, http: Http, ann: Keyed, bob: Keyed, root: Keyed
    ) -> None:
        """Neither a third one nor the one that offers; the installation may, in its place."""
        ann.make(alias="sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        carl = Keyed(http, make_key("carl"))

        assert [caller("POST", "/v1/offers/sale/accept").status_code for caller in (carl, ann)] == [404, 404]
        assert carl("DELETE", "/v1/offers/sale").status_code == 404
        assert carl.get("/v1/offers").json_body == {"data": []}
        for _ in range(2):  # the first response may have been lost
            assert root("POST", "/v1/offers/sale/accept").json_body["owner"] == "bob"
        assert bob.get("/v1/links/sale").status_code == 200

    @pytest.mark.parametrize(("by", "action"), [("ann", "offer-withdrawn"), ("bob", "offer-declined")])
    def test_offer_ends(self, ann: Keyed, bob: Keyed, by: str, action: str) -> None:
        """Withdrawn by one side or declined by the other; it cannot be accepted then."""
        ann.make(alias="sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        ending = {"ann": ann, "bob": bob}[by]

        assert ending("DELETE", "/v1/offers/sale").status_code == 204
        assert ending("DELETE", "/v1/offers/sale").status_code == 404
        assert bob("POST", "/v1/offers/sale/accept").status_code == 404
        assert actions(ann)[-1] == (action, "sale")
        assert ((action, "sale") in actions(bob)) is (by == "bob")

    def test_offer_expires(self, ann: Keyed, bob: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """After two weeks, whenever the table deletes it."""
        ann.make(alias="sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        now = datetime.now(UTC)
        monkeypatch.setattr(clock, "now", lambda: now + offer.LASTS + timedelta(seconds=1))

        assert bob("POST", "/v1/offers/sale/accept").status_code == 404
        assert bob.get("/v1/offers").json_body == {"data": []}

    def test_offer_of_a_link_that_is_gone_is_none(self, ann: Keyed, bob: Keyed) -> None:
        """Deleted, or moved to someone else meanwhile."""
        ann.make(alias="sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        ann("DELETE", "/v1/links/sale")

        assert bob("POST", "/v1/offers/sale/accept").json_body["code"] == "offer-unknown"

    def test_offer_of_the_owner_before_is_void(
        self, http: Http, ann: Keyed, bob: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever workspace it was made to: it is not the new owner's, and takes the place of none that is."""
        write = transactions.write
        ann.make(alias="sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "carl"})
        old = offer_store.find("sale", datetime.now(UTC))
        assert old is not None
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        bob("POST", "/v1/offers/sale/accept")
        with pytest.raises(LinkChanged):
            offer_store.add(old)  # late
        monkeypatch.setattr(transactions, "write", lambda actions: write(actions[1:]))  # by a version that did not look
        offer_store.add(old)
        monkeypatch.setattr(transactions, "write", write)

        assert Keyed(http, make_key("carl"))("POST", "/v1/offers/sale/accept").status_code == 404
        assert bob.get("/v1/links/sale").status_code == 200

    def test_offer_that_is_withdrawn_meanwhile_is_not_accepted(
        self, ann: Keyed, bob: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between reading the offer and moving the link."""
        ann.make(alias="sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        find_now, withdrawn = link_store.find_now, list[int]()

        def find(code: str) -> Any:
            if not withdrawn:
                withdrawn.append(ann("DELETE", "/v1/offers/sale").status_code)
            return find_now(code)

        monkeypatch.setattr(link_store, "find_now", find)

        assert bob("POST", "/v1/offers/sale/accept").status_code == 404
        assert withdrawn == [204]
        assert ann.get("/v1/links/sale").status_code == 200

    @pytest.mark.parametrize(
        ("body", "status", "field"),
        [
            ({"to": "bob"}, 422, "code"),
            ({"code": "sale"}, 422, "to"),
            ({"code": "sale", "to": "a b"}, 422, "to"),
            ({"code": "sale", "to": "ann"}, 422, "to"),
            ({"code": "none", "to": "bob"}, 404, None),
        ],
    )
    def test_wrong_offers_are_refused(self, ann: Keyed, body: dict[str, Any], status: int, field: str | None) -> None:
        """With what is wrong."""
        ann.make(alias="sale")

        answer = ann("POST", "/v1/offers", body)

        assert answer.status_code == status
        assert [each["field"] for each in answer.json_body.get("errors", [])] == ([field] if field else [])

    def test_installation_gives_a_link_of_none_to_a_workspace(self, bob: Keyed, root: Keyed) -> None:
        """As those of a table that is older than owners."""
        item = {"code": {"S": "old"}, "originalUrl": {"S": URL}}
        boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

        assert root("POST", "/v1/offers", {"code": "old", "to": "bob"}).json_body["from"] is None
        assert bob("POST", "/v1/offers/old/accept").json_body["owner"] == "bob"
        assert [each["code"] for each in bob.get("/v1/links").json_body["data"]] == ["old"]
        assert actions(root, "&installation=true")[-2:] == [("link-offered", "old"), ("link-sent", "old")]

    def test_visits_count_for_the_owner_that_the_cache_shows(self, ann: Keyed, bob: Keyed, http: Http) -> None:
        """In this container at once; in others for as long as they cache a link, and no longer."""
        ann.make(alias="sale")
        http.get("/sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        bob("POST", "/v1/offers/sale/accept")

        found = link_cache.get("sale", datetime.now(UTC)).link
        assert found is not None
        assert found.owner == "bob"

    def test_statistics_show_a_link_that_moved_without_its_code(self, http: Http, ann: Keyed, bob: Keyed) -> None:
        """Its visits stay with the workspace that they were made for, and the link's own number goes with it."""
        ann.make(alias="sale")
        http.get("/sale")
        ann("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        bob("POST", "/v1/offers/sale/accept")
        for _ in range(2):
            http.get("/sale")
        rows.count_rows()

        shown = [caller.get("/v1/stats").json_body["links"] for caller in (ann, bob)]

        assert shown[0] == [{"name": None, "domain": None, "visits": 1, "moved": True}]
        assert shown[1] == [{"name": "sale", "domain": "sho.rt", "visits": 2, "moved": False}]
        assert bob.get("/v1/links/sale").json_body["visits"]["total"] == 3

    def test_replayed_creation_makes_no_second_link(
        self, ann: Keyed, bob: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A link that has moved is not lost."""
        body, once = {"url": URL}, {"Idempotency_Key": "once"}
        created = ann("POST", "/v1/links", body, **once).json_body
        ann("POST", "/v1/offers", {"code": created["code"], "to": "bob"})
        bob("POST", f"/v1/offers/{created['code']}/accept")
        now = datetime.now(UTC)
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=1))

        again = ann("POST", "/v1/links", body, **once)

        assert (again.headers.get("Idempotency-Replayed"), again.json_body["code"]) == ("true", created["code"])


class TestAdoption:
    """A link that was made without a key comes to the workspace that has the key to it."""

    def test_it_ends_the_manage_key(self, http: Http, ann: Keyed, bob: Keyed) -> None:
        """The link is the workspace's, and can be adopted no more."""
        made = Keyed(http, None).make()
        code, body = made["code"], {"manageKey": made["manageKey"]}

        adopted = ann("POST", f"/v1/links/{code}/adopt", body)

        assert (adopted.status_code, adopted.json_body["owner"]) == (200, "ann")
        assert Keyed(http, made["manageKey"]).get(f"/v1/links/{code}").status_code == 404
        assert bob("POST", f"/v1/links/{code}/adopt", body).status_code == 404
        assert ann("POST", f"/v1/links/{code}/adopt", body).json_body == adopted.json_body  # the response may be lost
        assert ann.get(f"/v1/links/{code}/history").json_body["data"][0]["action"] == "adopted"
        assert actions(ann)[-1] == ("link-adopted", code)

    def test_wrong_keys_are_counted(self, http: Http, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """By network, as everywhere that one can be guessed."""
        monkeypatch.setattr(limits, "UNKNOWN_KEYS", Window("unknown-key-minute", 60, 2))
        code = Keyed(http, None).make()["code"]
        guess = {"manageKey": api_key.generate_manage_key()}

        statuses = [ann("POST", f"/v1/links/{code}/adopt", guess).status_code for _ in range(3)]

        assert statuses == [404, 404, 429]

    def test_key_to_another_link_opens_nothing(self, http: Http, ann: Keyed) -> None:
        """Nor to a link that has an owner."""
        one, other = (Keyed(http, None).make() for _ in range(2))
        owned = Keyed(http, make_key("bob")).make()["code"]

        for code in (other["code"], owned, "none", "no.code"):
            assert ann("POST", f"/v1/links/{code}/adopt", {"manageKey": one["manageKey"]}).status_code == 404

    @pytest.mark.parametrize("body", [{}, {"manageKey": "sk_1"}, {"manageKey": 1}, {"key": "mk_1"}])
    def test_body_that_holds_no_manage_key_is_refused(self, ann: Keyed, body: dict[str, Any]) -> None:
        """Before anything is read or counted."""
        assert ann("POST", "/v1/links/none/adopt", body).json_body["code"] == "offer-invalid"


class TestAuditLog:
    """Who did what, for a year."""

    def test_everything_is_in_it(self, http: Http, ann: Keyed, bob: Keyed, root: Keyed) -> None:
        """With who did it; the newest first."""
        key = made(ann, name="shop", role="editor", person="b@example.com")
        ann("PATCH", "/v1/workspaces/ann", {"name": "Shop"})
        Keyed(http, key["key"]).make(alias="sale")
        Keyed(http, key["key"])("POST", "/v1/offers", {"code": "sale", "to": "bob"})
        bob("POST", "/v1/offers/sale/accept")
        ann("DELETE", f"/v1/keys/{key['id']}")
        root("PATCH", "/v1/workspaces/ann", {"limits": {"keys": 5}})

        assert actions(ann)[1:] == [  # after its own key
            ("key-made", key["id"]),
            ("workspace-changed", "ann"),
            ("link-offered", "sale"),
            ("link-sent", "sale"),
            ("key-revoked", key["id"]),
            ("workspace-changed", "ann"),
        ]
        assert actions(bob)[1:] == [("link-received", "sale")]
        assert actions(root, "&installation=true")[-1] == ("workspace-changed", "ann")
        assert actions(root, "&owner=ann") == actions(ann)
        offered = ann.get("/v1/audit-log").json_body["data"][3]
        assert (offered["by"], offered["key"], offered["person"]) == ("shop", key["id"], "b@example.com")
        assert offered["details"] == {"from": "ann", "to": "bob"}
        sent = ann.get("/v1/audit-log").json_body["data"][2]  # by bob, whose keys and people are not ann's business
        assert (sent["action"], sent["by"], sent["key"], sent["person"]) == ("link-sent", "bob", None, None)

    def test_repeated_revocation_is_one_entry(self, ann: Keyed) -> None:
        """Nothing was done the second time."""
        key_id = made(ann)["id"]
        for _ in range(2):
            assert ann("DELETE", f"/v1/keys/{key_id}").status_code == 204

        assert actions(ann).count(("key-revoked", key_id)) == 1

    def test_change_that_changes_nothing_is_none(self, ann: Keyed) -> None:
        """The log is not filled with it."""
        for _ in range(2):
            ann("PATCH", "/v1/workspaces/ann", {"name": "Shop"})

        assert actions(ann).count(("workspace-changed", "ann")) == 1

    def test_keys_of_the_installation_are_in_its_log(self, root: Keyed) -> None:
        """As well as in that of the workspace they act for."""
        key = made(root, role=None, scopes=["admin"], owner="ann")

        assert ("key-made", key["id"]) in actions(root, "&installation=true")
        assert ("key-made", key["id"]) in actions(root, "&owner=ann")

    def test_no_text_of_a_key_is_in_it(self, ann: Keyed) -> None:
        """Nor any digest."""
        key = made(ann)
        text = ann.get("/v1/audit-log").body.decode()

        assert key["id"] in text
        assert key["key"].split("_")[2] not in text
        assert "digest" not in text

    @pytest.mark.parametrize("query", ["?owner=bob", "?installation=true"])
    def test_logs_of_others_are_for_the_installation(self, ann: Keyed, query: str) -> None:
        """A workspace reads its own."""
        assert ann.get(f"/v1/audit-log{query}").status_code == 403

    def test_pages_are_the_whole(self, ann: Keyed, bob: Keyed) -> None:
        """And a cursor is of one log."""
        for number in range(5):
            ann("PATCH", "/v1/workspaces/ann", {"name": f"Shop {number}"})
        found, query = [], "?limit=2"
        while True:
            page = ann.get(f"/v1/audit-log{query}").json_body
            found += page["data"]
            if page["next"] is None:
                break
            query = f"?limit=2&cursor={page['next']}"

        assert [each["details"].get("name") for each in found[:5]] == [f"Shop {number}" for number in (4, 3, 2, 1, 0)]
        assert found == ann.get("/v1/audit-log?limit=100").json_body["data"]
        assert bob.get(f"/v1/audit-log{query}").status_code == 422

    def test_it_can_be_exported(self, ann: Keyed) -> None:
        """As CSV, and as one JSON text a line."""
        made(ann)
        rows = list(csv.DictReader(io.StringIO(ann.get("/v1/audit-log", {"Accept": "text/csv"}).body.decode())))
        lines = ann.get("/v1/audit-log", {"Accept": "application/x-ndjson"}).body.decode().splitlines()

        assert [row["action"] for row in rows] == ["key-made", "key-made"]
        assert len(lines) == 2

    def test_entries_end_after_a_year(self, ann: Keyed) -> None:
        """By the table's own clock."""
        made(ann)
        items = boto3.client("dynamodb").query(
            TableName="url-shortener-clicks",
            KeyConditionExpression="code = :code AND begins_with(entry, :log)",
            ExpressionAttributeValues={":code": {"S": "@ann"}, ":log": {"S": "log#"}},
        )["Items"]

        ends = {round((int(item["expiresAt"]["N"]) - datetime.now(UTC).timestamp()) / 86400) for item in items}
        assert ends == {366}
