"""Guards that nothing else would miss: `make mutants` takes each away in turn, and here is who notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as doors
from chalicelib import authorize, change_link, close_days, issue_key
from chalicelib.aws import click_table, key_table, link_table
from chalicelib.core import agents, key, stats
from chalicelib.core.caller import Caller
from chalicelib.core.click import Click
from chalicelib.core.limits import Window
from chalicelib.core.link import Link
from chalicelib.core.stats import JudgedClick, Tally
from chalicelib.errors import KeyRefused, LinkChanged
from chalicelib.settings import settings
from tests.callers import Keyed, make_key
from tests.faults import table_down

URL = "https://example.com/"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINK, BULK, NEW_KEY = {"url": URL}, {"links": [{"url": URL}]}, {"name": "new", "scopes": ["read"]}
DOORS: dict[tuple[str, str], tuple[str, Any]] = {
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
"""The scope that each door asks for, and what is sent to it."""
FOR_STRANGERS = {("POST", "/links"), ("POST", "/links/bulk")}
"""Doors that can be set to open without a key."""


def from_network(address: str, path: str, body: Any, **headers: str) -> Any:
    """Ask without a key, through the event of an API Gateway that was asked from ``address``."""
    return doors.app(
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
    return (key.parts_of(text) or ("", ""))[0]


class TestKeys:
    """What a key opens, and for how long."""

    @pytest.mark.parametrize("scope", ["create", "read", "manage"])
    @pytest.mark.parametrize(("method", "path"), DOORS)
    def test_a_scope_opens_its_own_doors(self, ann: Keyed, http: Http, method: str, path: str, scope: str) -> None:
        """At every other door it is 403, though the link is its owner's."""
        ann.make(alias="sale")
        needed, body = DOORS[method, path]

        answer = Keyed(http, make_key("ann", scope))(method, path, body)

        assert (answer.status_code == 403) is (scope != needed)

    @pytest.mark.parametrize(("method", "path"), [door for door in DOORS if door not in FOR_STRANGERS])
    def test_whatever_is_not_for_strangers_asks_for_a_key(self, ann: Keyed, http: Http, method: str, path: str) -> None:
        """Also where links may be made without one."""
        ann.make(alias="sale")

        answer = Keyed(http, None)(method, path, DOORS[method, path][1])

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-missing")

    @pytest.mark.parametrize("what", ["stats", "visits", "history"])
    def test_what_belongs_to_a_link_is_its_owners(self, ann: Keyed, http: Http, what: str) -> None:
        """Somebody else is told what they are told of the link: that there is none."""
        ann.make(alias="sale")
        bob = Keyed(http, make_key("bob"))

        assert bob.get(f"/links/sale/{what}").status_code == 404
        assert bob.get(f"/links/sale/{what}").body == bob.get(f"/links/nobody/{what}").body

    def test_an_id_alone_opens_nothing(self, http: Http) -> None:
        """It stands in the list of keys; only the secret beside it does not."""
        key_id, secret = key.parts_of(make_key("ann")) or ("", "")

        answers = [Keyed(http, f"sk_{key_id}_{text}").get("/links") for text in (secret, "1" * 24)]

        assert [answer.status_code for answer in answers] == [200, 401]

    def test_at_its_end_a_key_is_over(self, http: Http) -> None:  # noqa: ARG002  # the tables
        """The moment itself is past."""
        headers = {"x-api-key": make_key("ann", expires_at=NOW)}

        assert authorize.authorize(headers, NOW - timedelta(seconds=1)).owner == "ann"
        with pytest.raises(KeyRefused):
            authorize.authorize(headers, NOW)

    def test_revoked_again_it_is_revoked_since_the_first_time(self, http: Http) -> None:  # noqa: ARG002  # the tables
        """Nobody moves the moment up to which a key may have been abused."""
        key_id = id_of(make_key("ann"))

        for moment in (NOW, NOW + timedelta(days=1)):
            issue_key.revoke(key_id, moment)

        found = key_table.find(key_id)
        assert found is not None
        assert found.revoked_at == NOW

    def test_nobodys_links_are_not_nobodys_to_manage(self) -> None:
        """Neither has an owner, and still it is no match."""
        nobody = Caller(principal="", name="anonymous")

        assert not nobody.manages(Link(code="sale", url=URL))

    @pytest.mark.parametrize(("method", "path"), DOORS)
    def test_every_door_counts(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
        """A key that has called as often as it may is 429 wherever it goes on."""
        monkeypatch.setattr(authorize, "_per_key", Window("key-minute", 60, 1))
        monkeypatch.setattr("app.now", lambda: NOW)
        owner = ann if DOORS[method, path][0] != "admin" else Keyed(ann._http, make_key("root", "admin"))  # noqa: SLF001  # the same doors
        owner.get("/links")

        assert owner(method, path, DOORS[method, path][1]).status_code == 429

    def test_while_nobody_can_count_a_key_goes_on(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Somebody answers for it; and it was good a moment ago."""
        monkeypatch.setattr(authorize, "_per_key", Window("key-minute", 60, 60))
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
    def test_what_can_be_no_name_costs_no_read(self, http: Http, method: str, path: str) -> None:
        """It is unknown without a look at the table."""
        admin = Keyed(http, make_key("root", "admin"))
        admin.get("/keys")

        with table_down() as tried:
            answer = admin(method, path)

        assert (answer.status_code, tried) == (404, [])


OLDER = Link(code="sale", url=URL)
NOBODYS = replace(OLDER, version=1)
ANNS = replace(NOBODYS, owner="ann")


@pytest.mark.usefixtures("aws")
class TestWrites:
    """A link is written as it was seen, or not at all."""

    @pytest.mark.parametrize(
        ("seen", "there"),
        [
            (ANNS, replace(ANNS, version=2)),
            (ANNS, replace(ANNS, owner="bob")),
            (NOBODYS, ANNS),
            (OLDER, NOBODYS),
            (OLDER, None),
        ],
        ids=["changed", "given away", "taken", "changed, of an older table", "gone, of an older table"],
    )
    def test_what_is_not_as_it_was_seen_stays_as_it_is(self, seen: Link, there: Link | None) -> None:
        """Whoever changed, gave away, took or removed it meanwhile, with whatever program."""
        if there is not None:
            link_table.add(there, "meanwhile")

        with pytest.raises(LinkChanged):
            link_table.change(seen, replace(seen, title="x", version=seen.version + 1), "change")
        with pytest.raises(LinkChanged):
            link_table.remove(seen, "removal", NOW)

        assert link_table.find_now("sale") == there

    def test_a_change_that_was_made_is_made(self) -> None:
        """Asked again because the first answer was lost, the table still has it, and that is success."""
        link_table.add(ANNS, "made")
        after = replace(ANNS, title="x", version=2)

        for _ in range(2):
            link_table.change(ANNS, after, "change")

        assert link_table.find_now("sale") == after

    def test_a_removal_that_was_made_is_made(self) -> None:
        """The same for what is gone."""
        link_table.add(ANNS, "made")

        for _ in range(2):
            link_table.remove(ANNS, "removal", NOW)

        assert link_table.is_given_out("sale")


class TestStrangers:
    """Who has no key, where links may be made without one."""

    @pytest.fixture(autouse=True)
    def public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on a public instance."""
        monkeypatch.setattr(change_link, "settings", replace(settings, anonymous_max_days=90, anonymous_min_alias=6))

    def test_five_a_day_and_not_one_more(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also for who comes again when the hour is over."""
        monkeypatch.setattr(
            authorize, "_anonymous", (Window("anonymous-hour", 3600, 3), Window("anonymous-day", 86400, 5))
        )
        statuses = []
        for hour in range(3):
            monkeypatch.setattr("app.now", lambda hour=hour: NOW + timedelta(hours=hour))
            statuses += [http.post("/links", body=json.dumps(LINK).encode()).status_code for _ in range(2)]

        assert statuses == [201, 201, 201, 201, 201, 429]

    def test_more_at_once_than_in_an_hour_is_too_much(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also for who has not done anything yet."""
        monkeypatch.setattr(authorize, "_anonymous", (Window("anonymous-hour", 3600, 3),))
        four, three = (json.dumps({"links": [LINK] * number}).encode() for number in (4, 3))

        statuses = [http.post("/links/bulk", body=body).status_code for body in (four, three, three)]

        assert statuses == [429, 200, 429]

    def test_who_has_a_wrong_key_is_no_stranger(self, http: Http) -> None:
        """Whoever brings a key means it: refused, where without one they would be let in."""
        answer = Keyed(http, f"sk_{'1' * 10}_{'2' * 24}")("POST", "/links", LINK)

        assert (answer.status_code, answer.json_body["code"]) == (401, "key-refused")

    def test_the_key_to_a_link_opens_no_link_of_an_owner(self, ann: Keyed, http: Http) -> None:
        """Links that were made with a key have no key of their own."""
        ann.make(alias="sale")
        stranger = Keyed(http, Keyed(http, None).make()["manageKey"])

        assert stranger.get("/links/sale").status_code == stranger("DELETE", "/links/sale").status_code == 404

    @pytest.mark.usefixtures("http")
    def test_an_idempotency_key_is_its_networks(self) -> None:
        """Where nobody is counted as well: what one stranger was answered is not for the next."""
        answers = [from_network(f"203.0.113.{host}", "/links", LINK, Idempotency_Key="k1") for host in (1, 2, 1)]

        one, other, again = (json.loads(answer["body"])["code"] for answer in answers)
        assert one == again != other

    @pytest.mark.parametrize("fields", [{"alias": "short"}, {"permanent": True}, {"expiresIn": "91d"}], ids=str)
    def test_many_at_once_are_no_way_around_the_rules(self, http: Http, fields: dict[str, Any]) -> None:
        """What a stranger may not make alone they may not make among others."""
        body = {"links": [{"url": URL, **fields}, {"url": URL}]}

        rows = http.post("/links/bulk", body=json.dumps(body).encode()).json_body["data"]

        assert [row.get("problem", {}).get("code") for row in rows] == ["link-invalid", None]


class TestFindExisting:
    """What is found is as good as what would be made, and the caller's."""

    def test_what_is_off_is_not_found(self, ann: Keyed) -> None:
        """Nobody who asks for a link wants one that leads nowhere."""
        off = ann.make(enabled=False)

        assert ann.make(findExisting=True)["code"] != off["code"]

    def test_under_another_external_id_an_alias_is_taken(self, ann: Keyed) -> None:
        """What is called something else in another system is not what was asked for."""
        ann.make(alias="sale", externalId="order-7")

        answer = ann("POST", "/links", {**LINK, "alias": "sale", "externalId": "order-8", "findExisting": True})

        assert (answer.status_code, answer.json_body["code"]) == (409, "alias-taken")

    def test_links_of_others_stand_in_nobodys_way(
        self, ann: Keyed, http: Http, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So many are looked at: of the caller's own, not of all."""
        monkeypatch.setattr(link_table, "_SAME_URL_AT_MOST", 1)
        mine = ann.make()
        Keyed(http, make_key("bob")).make()

        assert ann.make(findExisting=True)["code"] == mine["code"]


def test_an_idempotency_key_is_for_one_address(ann: Keyed) -> None:
    """The same body under another query is another request."""
    first, second = (ann("POST", path, LINK, Idempotency_Key="k1") for path in ("/links", "/links?dryRun=true"))

    assert (first.status_code, second.json_body["code"]) == (201, "idempotency-mismatch")


@pytest.mark.usefixtures("aws")
class TestNight:
    """A day that changes while it is being closed."""

    yesterday = Tally("sale", "2026-11-23")

    def click(self, click_id: str) -> None:
        """Let a person visit yesterday."""
        at, agent = NOW - timedelta(days=1), "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
        judged = agents.judge(Click(id=click_id, code="sale", owner="ann", at=at, agent=agent, visitor=click_id))
        click_table.count([judged], stats.counted([judged]))

    def test_a_click_that_comes_meanwhile_is_not_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counted between the look at a day and its closing: the day is looked at once more."""
        self.click("first")
        rows_of, late = click_table.rows_of, iter(["late"])

        def rows_and_a_click(tally: Tally) -> Iterator[JudgedClick]:
            rows = list(rows_of(tally))
            for click_id in late:
                self.click(click_id)
            return iter(rows)

        monkeypatch.setattr(click_table, "rows_of", rows_and_a_click)

        night = close_days.close_days(NOW)

        (day,) = click_table.days_of("sale", "2026-11-23", "2026-11-23")
        assert (day.counts["visits"], day.visitors, night.drift) == (2, 2, 0)

    def test_two_nights_at_once_add_its_visitors_once(self) -> None:
        """Who closes a day second is told, and adds nothing to the day of its owner."""
        self.click("first")
        seen, _ = click_table.day_now(self.yesterday)
        closed = replace(seen, visitors=1)

        outcomes = [
            click_table.close(self.yesterday, seen, closed, "ann", {"@ann": stats.Counts(visitors=1)}) for _ in range(2)
        ]

        owners, _ = click_table.day_now(Tally("@ann", "2026-11-23"))
        assert (outcomes, owners.visitors) == ([True, False], 1)

    def test_a_night_that_leaves_days_open_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that Lambda starts it again, and an alarm tells."""
        monkeypatch.setattr(doors, "close_days", lambda *_: close_days.Closed(left_open=1))
        with Client(doors.app) as client:
            event = client.events.generate_cw_event("events", "Scheduled Event", {}, [])

        with pytest.raises(RuntimeError, match="1 days are still open"):
            doors.app.handler_map["close_the_days"](event, None)


@pytest.mark.usefixtures("aws")
def test_a_key_that_is_not_there_is_not_made_by_revoking_it() -> None:
    """What was never given out leaves nothing in the table."""
    assert not key_table.revoke("nobody", NOW)

    assert boto3.client("dynamodb").scan(TableName="url-shortener-access")["Items"] == []
