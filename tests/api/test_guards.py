"""Guards that no other test covers: `make mutants` removes each in turn, and a test here must fail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as routes
from chalicelib.api import auth
from chalicelib.aws.dynamodb import click_store, key_store, link_store, row_store
from chalicelib.aws.dynamodb.errors import LinkChanged
from chalicelib.core.access import api_key, caller
from chalicelib.core.limits import Window
from chalicelib.core.links.link import Link
from chalicelib.core.visits import counters, user_agents
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import CounterKey
from chalicelib.errors import KeyRefused
from chalicelib.settings import settings
from chalicelib.usecases import authenticate, close_days, limit_calls, manage_keys, policies
from tests import rows
from tests.callers import Keyed, make_key
from tests.faults import table_down

URL = "https://example.com/"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINK, BULK, NEW_KEY = {"url": URL}, {"links": [{"url": URL}]}, {"name": "new", "scopes": ["read"]}
ROUTES: dict[tuple[str, str], tuple[str, Any]] = {
    ("POST", "/links"): ("create", LINK),
    ("POST", "/links/bulk"): ("create", BULK),
    ("GET", "/links"): ("read", None),
    ("GET", "/links/sale"): ("read", None),
    ("GET", "/links/sale/history"): ("read", None),
    ("GET", "/links/sale/stats"): ("read", None),
    ("GET", "/links/sale/visits"): ("read", None),
    ("GET", "/stats"): ("read", None),
    ("PATCH", "/links/sale"): ("manage", {"title": "x"}),
    ("DELETE", "/links/sale"): ("manage", None),
    ("POST", "/imports"): ("create", {}),
    ("GET", f"/imports/{'0' * 32}"): ("create", None),
    ("POST", "/exports"): ("manage", {}),
    ("GET", f"/exports/{'0' * 32}"): ("manage", None),
    ("POST", "/keys"): ("admin", NEW_KEY),
    ("GET", "/keys"): ("admin", None),
    ("DELETE", "/keys/nobody"): ("admin", None),
    ("GET", "/reports"): ("admin", None),
}
"""The scope that each route requires, and the body to send."""
WITHOUT_KEY = {("POST", "/links"), ("POST", "/links/bulk")}
"""Routes that can be configured to work without a key."""


def from_network(address: str, path: str, body: Any, **headers: str) -> Any:
    """Send a request without a key, through an API Gateway event from ``address``."""
    return routes.app(
        {
            "requestContext": {"httpMethod": "POST", "resourcePath": path, "identity": {"sourceIp": address}},
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "pathParameters": None,
            "multiValueQueryStringParameters": None,
            "body": json.dumps(body),
            "stageVariables": None,
        },
        None,
    )


def id_of(text: str) -> str:
    """Return the id in a key's text."""
    return (api_key.parse(text) or ("", ""))[0]


class TestKeys:
    """What a key gives access to, and for how long."""

    @pytest.mark.parametrize("scope", ["create", "read", "manage"])
    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_scope_allows_only_its_routes(self, ann: Keyed, http: Http, method: str, path: str, scope: str) -> None:
        """Every other route is 403, even for the owner of the link."""
        ann.make(alias="sale")
        needed, body = ROUTES[method, path]

        answer = Keyed(http, make_key("ann", scope))(method, path, body)

        assert (answer.status_code == 403) is (scope != needed)

    @pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route not in WITHOUT_KEY])
    def test_all_other_routes_need_a_key(self, ann: Keyed, http: Http, method: str, path: str) -> None:
        """Also where links may be made without one."""
        ann.make(alias="sale")

        answer = Keyed(http, None)(method, path, ROUTES[method, path][1])

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-missing")

    @pytest.mark.parametrize("what", ["stats", "visits", "history"])
    def test_details_of_a_link_are_for_its_owner(self, ann: Keyed, http: Http, what: str) -> None:
        """Others get the same 404 as for a missing link."""
        ann.make(alias="sale")
        bob = Keyed(http, make_key("bob"))

        assert bob.get(f"/links/sale/{what}").status_code == 404
        assert bob.get(f"/links/sale/{what}").body == bob.get(f"/links/nobody/{what}").body

    def test_key_id_without_its_secret_is_refused(self, http: Http) -> None:
        """The id appears in the list of keys; the secret does not."""
        key_id, secret = api_key.parse(make_key("ann")) or ("", "")

        answers = [Keyed(http, f"sk_{key_id}_{text}").get("/links") for text in (secret, "1" * 24)]

        assert [answer.status_code for answer in answers] == [200, 401]

    def test_key_is_refused_from_its_expiry_on(self, http: Http) -> None:  # noqa: ARG002  # the tables
        """The moment of expiry itself is too late."""
        headers = {"x-api-key": make_key("ann", expires_at=NOW)}

        assert authenticate.authenticate(headers, "203.0.113.1", NOW - timedelta(seconds=1)).workspace == "ann"
        with pytest.raises(KeyRefused):
            authenticate.authenticate(headers, "203.0.113.1", NOW)

    def test_second_revocation_keeps_the_time_of_the_first(self, http: Http) -> None:  # noqa: ARG002  # the tables
        """The end of a possible abuse cannot be moved."""
        key_id = id_of(make_key("ann"))

        for moment in (NOW, NOW + timedelta(days=1)):
            manage_keys.revoke(key_id, caller.operator("test"), moment)

        found = key_store.find_key(key_id)
        assert found is not None
        assert found.revoked_at == NOW

    def test_caller_without_an_owner_does_not_manage_ownerless_links(self) -> None:
        """Two missing owners are not a match."""
        anonymous = caller.without_key()

        assert not anonymous.manages(Link(id="sale", url=URL))

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_every_route_counts_towards_the_rate_limit(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch, method: str, path: str
    ) -> None:
        """A key over its limit gets 429 on any route."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 1))
        monkeypatch.setattr("chalicelib.clock.now", lambda: NOW)
        owner = ann if ROUTES[method, path][0] != "admin" else Keyed(ann._http, make_key("root", "admin"))  # noqa: SLF001  # the same client
        owner.get("/links")

        assert owner(method, path, ROUTES[method, path][1]).status_code == 429

    def test_valid_key_works_without_counters(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the table the rate is not limited, and the cached key stays valid."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 60))
        first = ann.get("/links")
        boto3.client("dynamodb").delete_table(TableName="url-shortener-access")

        second = ann.get("/links")

        assert (first.status_code, second.status_code) == (200, 200)
        assert "RateLimit" in first.headers
        assert "RateLimit" not in second.headers

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/links/no.body"),
            ("GET", "/links/ext:a b"),
            ("DELETE", "/keys/nobody"),
            ("GET", f"/imports/{'a' * 3000}"),
            ("GET", f"/exports/{'a' * 3000}"),
        ],
        ids=["code", "externalId", "key", "import", "export"],
    )
    def test_impossible_name_costs_no_read(self, http: Http, method: str, path: str) -> None:
        """It is unknown without a read of the table."""
        admin = Keyed(http, make_key("root", "admin"))
        admin.get("/keys")

        with table_down() as tried:
            answer = admin(method, path)

        assert (answer.status_code, tried) == (404, [])


OLDER = Link(id="sale", url=URL)
OWNERLESS = replace(OLDER, version=1)
ANNS = replace(OWNERLESS, owner="ann")


@pytest.mark.usefixtures("aws")
class TestWrites:
    """A link is written only if it is still as it was read."""

    @pytest.mark.parametrize(
        ("seen", "there"),
        [
            (ANNS, replace(ANNS, version=2)),
            (ANNS, replace(ANNS, owner="bob")),
            (OWNERLESS, ANNS),
            (OLDER, OWNERLESS),
            (OLDER, None),
        ],
        ids=["changed", "given away", "taken", "changed, of an older table", "gone, of an older table"],
    )
    def test_changed_link_is_not_overwritten(self, seen: Link, there: Link | None) -> None:
        """Whatever program changed, moved, claimed or deleted it meanwhile."""
        if there is not None:
            link_store.add(there, "meanwhile")

        with pytest.raises(LinkChanged):
            link_store.change(seen, replace(seen, title="x", version=seen.version + 1), "change")
        with pytest.raises(LinkChanged):
            link_store.remove(seen, "removal", NOW)

        assert link_store.find_now("sale") == there

    def test_repeated_change_succeeds(self) -> None:
        """A retry after a lost response finds the change applied."""
        link_store.add(ANNS, "made")
        after = replace(ANNS, title="x", version=2)

        for _ in range(2):
            link_store.change(ANNS, after, "change")

        assert link_store.find_now("sale") == after

    def test_repeated_removal_succeeds(self) -> None:
        """A retry after a lost response finds the link deleted."""
        link_store.add(ANNS, "made")

        for _ in range(2):
            link_store.remove(ANNS, "removal", NOW)

        assert link_store.is_code_used("sale")


class TestStrangers:
    """Callers without a key, where links may be made without one."""

    @pytest.fixture(autouse=True)
    def public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Settings of a public instance."""
        monkeypatch.setattr(policies, "settings", replace(settings, anonymous_max_days=90, anonymous_min_alias=6))

    def test_daily_limit_is_enforced(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also across several hours."""
        monkeypatch.setattr(
            limit_calls, "_anonymous", (Window("anonymous-hour", 3600, 3), Window("anonymous-day", 86400, 5))
        )
        statuses = []
        for hour in range(3):
            monkeypatch.setattr("chalicelib.clock.now", lambda hour=hour: NOW + timedelta(hours=hour))
            statuses += [http.post("/links", body=json.dumps(LINK).encode()).status_code for _ in range(2)]

        assert statuses == [201, 201, 201, 201, 201, 429]

    @pytest.mark.usefixtures("one_moment")
    def test_batch_larger_than_the_hourly_limit_is_refused(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even as the first request of the hour."""
        monkeypatch.setattr(limit_calls, "_anonymous", (Window("anonymous-hour", 3600, 3),))
        four, three = (json.dumps({"links": [LINK] * number}).encode() for number in (4, 3))

        statuses = [http.post("/links/bulk", body=body).status_code for body in (four, three, three)]

        assert statuses == [429, 200, 429]

    def test_wrong_key_is_refused_where_none_is_needed(self, http: Http) -> None:
        """A caller that sends a key expects it to be checked."""
        answer = Keyed(http, f"sk_{'1' * 10}_{'2' * 24}")("POST", "/links", LINK)

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-refused")

    def test_manage_key_gives_no_access_to_owned_links(self, ann: Keyed, http: Http) -> None:
        """Links made with an API key have no manageKey."""
        ann.make(alias="sale")
        stranger = Keyed(http, Keyed(http, None).make()["manageKey"])

        assert stranger.get("/links/sale").status_code == stranger("DELETE", "/links/sale").status_code == 404

    @pytest.mark.usefixtures("http")
    def test_idempotency_keys_are_separate_by_network(self) -> None:
        """Also without rate limits: a caller never gets the response of another one."""
        answers = [from_network(f"203.0.113.{host}", "/links", LINK, Idempotency_Key="k1") for host in (1, 2, 1)]

        one, other, again = (json.loads(answer["body"])["code"] for answer in answers)
        assert one == again != other

    @pytest.mark.parametrize("fields", [{"alias": "short"}, {"permanent": True}, {"expiresIn": "91d"}], ids=str)
    def test_bulk_requests_follow_the_rules_without_a_key(self, http: Http, fields: dict[str, Any]) -> None:
        """What is refused alone is refused in a batch."""
        body = {"links": [{"url": URL, **fields}, {"url": URL}]}

        rows = http.post("/links/bulk", body=json.dumps(body).encode()).json_body["data"]

        assert [row.get("problem", {}).get("code") for row in rows] == ["link-invalid", None]


class TestFindExisting:
    """A link that is found is equivalent to a new one, and belongs to the caller."""

    def test_disabled_link_is_not_found(self, ann: Keyed) -> None:
        """It leads nowhere."""
        off = ann.make(enabled=False)

        assert ann.make(findExisting=True)["code"] != off["code"]

    def test_alias_with_another_external_id_is_taken(self, ann: Keyed) -> None:
        """A link with another external id is not the requested one."""
        ann.make(alias="sale", externalId="order-7")

        answer = ann("POST", "/links", {**LINK, "alias": "sale", "externalId": "order-8", "findExisting": True})

        assert (answer.status_code, answer.json_body["code"]) == (409, "alias-taken")

    def test_links_of_others_do_not_count_towards_the_search_limit(
        self, ann: Keyed, http: Http, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only the caller's own links count."""
        monkeypatch.setattr(link_store, "SAME_URL_AT_MOST", 1)
        mine = ann.make()
        Keyed(http, make_key("bob")).make()

        assert ann.make(findExisting=True)["code"] == mine["code"]


def test_idempotency_key_is_for_one_path_and_query() -> None:
    """The same body to another path or query is another request."""
    headers = {"idempotency-key": "k1"}
    ann: Any = SimpleNamespace(principal="key#ann")
    requests: list[Any] = [
        SimpleNamespace(path=path, query_params=query, headers=headers, raw_body=b"{}")
        for path, query in (("/links", None), ("/links/bulk", None), ("/links/bulk", {"dryRun": "true"}))
    ]

    once = [auth.once_of(request, ann) for request in requests]

    assert len({each.digest for each in once if each is not None}) == 3


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/links/sale/stats?form=2026-11-26", ["form"]),
        ("/links/sale/stats?timezone=Europe/Berlin&from=2026-11-01", ["timezone"]),
        ("/links?tags=x", ["tags"]),
        ("/links?tag=x&tag=y", ["tag"]),
        ("/links?limit=2&page=2", ["page"]),
        ("/links/sale?expand=visits", ["expand"]),
        ("/links/sale/visits?from=2026-11-01", ["from"]),
        ("/links/sale/history?limit=5", ["limit"]),
        ("/stats?days=30&unit=day&unit=hour", ["days", "unit"]),
        ("/links?q=a&Q=b", ["Q"]),
    ],
)
def test_unknown_parameter_is_refused(ann: Keyed, path: str, names: list[str]) -> None:
    """Otherwise clients would misread the results; a similar name is suggested."""
    ann.make(alias="sale")

    answer = ann.get(path)

    assert (answer.status_code, answer.json_body["code"]) == (422, "query-invalid")
    assert [error["field"] for error in answer.json_body["errors"]] == names


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/links?dryRun=true", LINK),
        ("POST", "/links/bulk?dry_run=true", BULK),
        ("PATCH", "/links/sale?force=true", {"title": "x"}),
        ("DELETE", "/links/sale?soft=true", None),
    ],
)
def test_unknown_parameter_prevents_the_action(ann: Keyed, method: str, path: str, body: Any) -> None:
    """A misspelt dry run would make links."""
    ann.make(alias="sale")

    answer = ann(method, path, body)

    assert answer.status_code == 422
    assert [link["title"] for link in ann.get("/links").json_body["data"]] == [None]


def test_similar_parameter_name_is_suggested(ann: Keyed) -> None:
    """As for the fields of a body."""
    ann.make(alias="sale")

    assert "Did you mean 'from'?" in ann.get("/links/sale/stats?form=2026-11-26").json_body["detail"]


@pytest.mark.usefixtures("aws")
class TestNight:
    """A day that changes while it is being closed."""

    yesterday = CounterKey("sale", "2026-11-23")

    def click(self, click_id: str) -> None:
        """Record a person's visit yesterday."""
        at, agent = NOW - timedelta(days=1), "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
        classified = user_agents.classify(
            Click(id=click_id, link_id="sale", owner="ann", at=at, agent=agent, visitor=click_id)
        )
        click_store.count([classified], counters.counts_by_key([classified]))

    def test_click_during_folding_is_not_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """If a click is counted between the read of a day and its folding, the day is read again."""
        self.click("first")
        page, late = row_store.page, iter(["late"])

        def page_and_a_click(*place: Any, **how: Any) -> Any:
            found = page(*place, **how)
            for click_id in late:
                self.click(click_id)
            return found

        monkeypatch.setattr(row_store, "page", page_and_a_click)

        drift = rows.close_night(NOW + timedelta(days=1))

        (day,) = click_store.days_of("sale", "2026-11-23", "2026-11-23", NOW)
        assert (day.counts["visits"], day.visitors, drift) == (2, 2, 0)

    def test_concurrent_foldings_add_visitors_once(self) -> None:
        """The second one is refused, and adds nothing to the owner's day."""
        self.click("first")
        seen, _ = click_store.day_now(self.yesterday)
        folded = replace(seen, visitors=1)

        outcomes = [
            click_store.fold(self.yesterday, seen, folded, "ann", {"ann": counters.Counts(visitors=1)})
            for _ in range(2)
        ]

        owners, _ = click_store.day_now(CounterKey("@ann", "2026-11-23"))
        assert (outcomes, owners.visitors) == ([True, False], 1)

    def test_run_that_leaves_days_open_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that Lambda retries it, and an alarm is raised."""
        monkeypatch.setattr(close_days, "close_days", lambda *_: close_days.Night(left_open=1))
        with Client(routes.app) as client:
            event = client.events.generate_cw_event("events", "Scheduled Event", {}, [])

        with pytest.raises(RuntimeError, match="1 days are still open"):
            routes.app.handler_map["close_the_days"](event, None)


@pytest.mark.usefixtures("aws")
def test_revoking_a_missing_key_creates_nothing() -> None:
    """The table stays empty."""
    missing, _ = api_key.NewKey(name="ann", owner="ann", scopes=("read",)).generate(NOW, "test")

    assert not key_store.revoke(missing, NOW)

    assert boto3.client("dynamodb").scan(TableName="url-shortener-access")["Items"] == []
