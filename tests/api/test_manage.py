"""Managing links: change, delete, list, history, bulk creation and idempotency."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import boto3
import pytest
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import blocked_host_store, history_store, link_store, transactions
from chalicelib.aws.dynamodb.blocked_host_store import Blocked
from chalicelib.core import limits
from chalicelib.core.access.caller import Caller
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_patch import Change
from chalicelib.core.links.rules import Rule
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import block_hosts, find_link, list_links, policies, update_link
from chalicelib.usecases.find_link import LinkName
from tests.callers import Keyed, make_key
from tests.faults import table_down

URL = "https://example.com/"


@pytest.fixture
def bob(http: Http) -> Keyed:
    """Another owner."""
    return Keyed(http, make_key("bob"))


def stored() -> int:
    """Count the links in the table, deleted ones not included."""
    items = boto3.client("dynamodb").scan(TableName="url-shortener")["Items"]
    return sum("originalUrl" in item for item in items)


class TestChange:
    """PATCH merges: omitted fields are unchanged, null clears."""

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"url": "https://EXAMPLE.org"}, {"url": "https://example.org/"}),
            ({"longUrl": "https://example.org/x"}, {"url": "https://example.org/x"}),
            ({"title": "New"}, {"title": "New"}),
            ({"title": None}, {"title": None}),
            ({"note": "n", "tags": ["c"]}, {"note": "n", "tags": ["c"]}),
            ({"tags": None}, {"tags": []}),
            ({"expiresAt": "2099-01-01T00:00:00Z"}, {"expiresAt": "2099-01-01T00:00:00.000Z"}),
            ({"expiresAt": None}, {"expiresAt": None}),
            ({"permanent": True}, {"permanent": True}),
            ({"enabled": False}, {"enabled": False}),
            ({"enabled": None}, {"enabled": True}),
            ({"externalId": "order-8"}, {"externalId": "order-8"}),
            ({"externalId": None}, {"externalId": None}),
            ({}, {}),
        ],
        ids=str,
    )
    def test_only_named_fields_change(self, ann: Keyed, change: Any, expected: dict[str, Any]) -> None:
        """The response is the new state of the link; a change increments the version."""
        before = ann.make(title="Old", note="Old", tags=["a"], expiresIn="1d", externalId="order-7")

        answer = ann("PATCH", f"/links/{before['code']}", change)

        after = answer.json_body
        same = {**before, **expected, "updatedAt": after["updatedAt"]}
        assert (answer.status_code, after) == (200, same)
        assert ann.get(f"/links/{before['code']}").json_body == after
        assert answer.headers["ETag"] == f'"{before["code"]}.{1 if expected.items() <= before.items() else 2}"'

    @pytest.mark.parametrize(
        ("change", "fields"),
        [
            ({"url": None}, ["url"]),
            ({"url": "ftp://x"}, ["url"]),
            ({"url": "https://sho.rt/x"}, ["url"]),
            ({"alias": "other"}, ["alias"]),
            ({"slug": "other", "findExisting": True}, ["findExisting", "slug"]),
            ({"titel": "x"}, ["titel"]),
            ({"title": 1, "enabled": "no", "expiresIn": "-1d"}, ["title", "expiresIn", "enabled"]),
            ({"externalId": "a/b"}, ["externalId"]),
            ({"expiresIn": "1d", "expiresAt": "2099-01-01T00:00:00Z"}, ["expiresIn"]),
        ],
        ids=str,
    )
    def test_invalid_change_is_refused(self, ann: Keyed, change: Any, fields: list[str]) -> None:
        """Every invalid field is named; the link is unchanged."""
        before = ann.make()

        answer = ann("PATCH", f"/links/{before['code']}", change)

        assert (answer.status_code, [error["field"] for error in answer.json_body["errors"]]) == (422, fields)
        assert ann.get(f"/links/{before['code']}").json_body == before

    def test_merge_patch_media_type_is_accepted(self, ann: Keyed) -> None:
        """RFC 7396 has a media type of its own."""
        link = ann.make()

        answer = ann("PATCH", f"/links/{link['code']}", {"title": "x"}, Content_Type="application/merge-patch+json")

        assert answer.status_code == 200

    def test_outdated_version_gets_412(self, ann: Keyed) -> None:
        """The link stays as the other client changed it."""
        link = ann.make()
        path, seen = f"/links/{link['code']}", ann.get(f"/links/{link['code']}").headers["ETag"]
        ann("PATCH", path, {"title": "first"}, If_Match=seen)

        second = ann("PATCH", path, {"title": "second"}, If_Match=seen)
        removed = ann("DELETE", path, If_Match=seen)

        assert (second.status_code, second.json_body["code"]) == (412, "version-changed")
        assert removed.status_code == 412
        assert ann.get(path).json_body["title"] == "first"
        assert ann("PATCH", path, {"title": "third"}, If_Match="*").status_code == 200

    def test_unknown_attributes_are_kept(self, ann: Keyed) -> None:
        """Another version may have stored them."""
        link = ann.make(alias="sale")
        dynamodb: Any = boto3.client("dynamodb")
        dynamodb.update_item(
            TableName="url-shortener",
            Key={"code": {"S": "sale"}},
            UpdateExpression="SET future = :x",
            ExpressionAttributeValues={":x": {"S": "kept"}},
        )

        ann("PATCH", f"/links/{link['code']}", {"title": "x"})

        assert dynamodb.get_item(TableName="url-shortener", Key={"code": {"S": "sale"}})["Item"]["future"] == {
            "S": "kept"
        }


class TestSeenByVisitors:
    """A change takes effect at once in this container, elsewhere within a minute."""

    def test_new_target_takes_effect(self, ann: Keyed, http: Http) -> None:
        """The next visitor goes there."""
        ann.make(alias="sale")
        assert http.get("/sale").headers["Location"] == URL

        ann("PATCH", "/links/sale", {"url": "https://example.org/"})

        assert http.get("/sale").headers["Location"] == "https://example.org/"

    def test_link_can_be_disabled_and_enabled(self, ann: Keyed, http: Http) -> None:
        """410 while it is disabled."""
        ann.make(alias="sale")
        ann("PATCH", "/links/sale", {"enabled": False})
        off = http.get("/sale")

        ann("PATCH", "/links/sale", {"enabled": True})

        assert (off.status_code, off.json_body["code"]) == (410, "link-off")
        assert http.get("/sale").status_code == 302

    def test_deleted_link_is_unknown(self, ann: Keyed, http: Http) -> None:
        """The code is never given out again."""
        ann.make(alias="sale")
        http.get("/sale")

        removed = ann("DELETE", "/links/sale")

        assert (removed.status_code, removed.body) == (204, b"")
        assert http.get("/sale", headers={"Accept": "application/json"}).status_code == 404
        assert ann("DELETE", "/links/sale").status_code == 404
        again = ann("POST", "/links", {"url": URL, "alias": "sale"})
        assert (again.status_code, again.json_body["code"]) == (409, "alias-taken")

    def test_change_reaches_other_containers_within_a_minute(self, ann: Keyed) -> None:
        """Their cached links expire after sixty seconds."""
        ann.make(alias="sale")
        (link, now) = (link_store.find_now("sale"), datetime.now(UTC))
        assert link is not None
        ann("PATCH", "/links/sale", {"url": "https://example.org/"})
        link_cache.put(link, now)  # as another container has cached it

        assert link_cache.get("sale", now + timedelta(seconds=59)).link == link
        found = link_cache.get("sale", now + timedelta(seconds=60)).link
        assert found is not None
        assert found.url == "https://example.org/"


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("{now}", 200),
        ('"other.1", {now}', 200),
        ('{now} , "other.1"', 200),
        ("*", 200),
        (" * ", 200),
        ('"other.1", "other.2"', 412),
        ("W/{now}", 412),
        ("", 412),
        ('"*"', 412),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_if_match_is_a_list_of_tags(ann: Keyed, method: str, tags: str, status: int) -> None:
    """One must be the current version's, compared strongly (RFC 9110, section 13.1.1)."""
    etag = ann("POST", "/links", {"url": URL, "alias": "sale"}).headers["ETag"]

    answer = ann(method, "/links/sale", {"title": "x"} if method == "PATCH" else None, If_Match=tags.format(now=etag))

    assert answer.status_code == (204 if (method, status) == ("DELETE", 200) else status)


class TestRivals:
    """Others change the same link between the read and the write."""

    @pytest.fixture(autouse=True)
    def _no_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transactions, "pause", lambda _: None)

    def test_change_is_retried_until_it_succeeds(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """After every conflict it is tried again, while there is time."""
        ann.make(alias="sale")
        rivals = changed_meanwhile(monkeypatch, [{"note": f"{number}"} for number in range(20)])

        answer = ann("PATCH", "/links/sale", {"title": "Mine"})

        assert (answer.status_code, answer.json_body["title"], answer.json_body["note"]) == (200, "Mine", "19")
        assert rivals == []

    def test_change_that_runs_out_of_time_gets_409(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error says that others were faster; it is no outage."""
        ann.make(alias="sale")
        monkeypatch.setattr(update_link, "_SECONDS", -1)
        changed_meanwhile(monkeypatch, [{"note": "theirs"}])

        answer = ann("PATCH", "/links/sale", {"title": "Mine"})

        assert (answer.status_code, answer.json_body["code"]) == (409, "link-busy")
        assert ann.get("/links/sale").json_body["title"] is None

    def test_conflicting_transactions_are_no_outage(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Conflicting transactions have written nothing."""
        ann.make(alias="sale")
        monkeypatch.setattr(update_link, "_SECONDS", -1)
        monkeypatch.setattr(
            transactions, "_attempt", lambda actions: [{"Code": "TransactionConflict"} for _ in actions]
        )

        answers = [ann("PATCH", "/links/sale", {"title": "Mine"}), ann("DELETE", "/links/sale")]

        assert [answer.json_body["code"] for answer in answers] == ["link-busy", "link-busy"]

    def test_concurrent_changes_cannot_prevent_a_removal(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without If-Match the removal applies to any version, and succeeds at the first attempt."""
        ann.make(alias="sale")
        rivals = changed_meanwhile(monkeypatch, [{"note": "1"}, {"note": "2"}])

        assert ann("DELETE", "/links/sale").status_code == 204
        assert (len(rivals), ann.get("/links/sale").status_code) == (1, 404)

    def test_removal_with_if_match_needs_the_current_version(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """If the link has changed meanwhile, it stays."""
        link = ann("POST", "/links", {"url": URL, "alias": "sale"})
        changed_meanwhile(monkeypatch, [{"note": "theirs"}])

        assert ann("DELETE", "/links/sale", If_Match=link.headers["ETag"]).status_code == 412
        assert ann.get("/links/sale").json_body["note"] == "theirs"

    def test_removal_releases_the_current_external_id(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not the one that was read, which may belong to another link by now."""
        ann.make(alias="sale", externalId="old")
        changed_meanwhile(monkeypatch, [{"externalId": "new"}])

        ann("DELETE", "/links/sale")

        assert external_claims() == set()
        assert [ann("POST", "/links", {"url": URL, "externalId": name}).status_code for name in ("old", "new")] == [
            201,
            201,
        ]

    def test_nightly_block_succeeds_despite_concurrent_changes(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However often the owner changes the link meanwhile."""
        ann.make("https://evil.example.com/", alias="sale")
        blocked_host_store.add(Blocked("evil.example.com", "Phishing.", datetime.now(UTC)))
        find_now, rivals = link_store.find_now, [{"note": f"{number}"} for number in range(10)]

        def found(code: str) -> Link | None:
            link = find_now(code)
            if rivals:
                ann("PATCH", f"/links/{code}", rivals.pop())
            return link

        monkeypatch.setattr(link_store, "find_now", found)

        assert block_hosts.sweep(datetime.now(UTC), lambda: True).blocked == 1


def changed_meanwhile(monkeypatch: pytest.MonkeyPatch, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Apply the next of ``changes`` as another client whenever a link has been read for a change; return the rest."""
    find, is_rival = find_link.find, False

    def found(name: LinkName, caller: Caller) -> Link:
        nonlocal is_rival
        link = find(name, caller)
        if changes and not is_rival:
            is_rival = True
            change = Change.from_json(changes.pop(0), TargetPolicy(frozenset()), datetime.now(UTC))
            update_link.change(name, change, caller, None, datetime.now(UTC))
            is_rival = False
        return link

    monkeypatch.setattr(find_link, "find", found)
    return changes


def external_claims() -> set[str]:
    """Return the ids of all claims on externalIds."""
    items = boto3.client("dynamodb").scan(TableName=settings.access_table)["Items"]
    return {item["id"]["S"] for item in items if item["id"]["S"].startswith("ext#")}


class TestExternalId:
    """An owner's own name for a link, accepted wherever a code is in managing."""

    def test_external_id_can_replace_the_code(self, ann: Keyed) -> None:
        """Show, change, statistics, history, delete."""
        link = ann.make(externalId="order:7")

        assert ann.get("/links/ext:order:7").json_body == link
        assert ann("PATCH", "/links/ext:order:7", {"title": "x"}).status_code == 200
        for what in ("stats", "visits", "history"):
            assert ann.get(f"/links/ext:order:7/{what}").status_code == 200
        assert ann("DELETE", "/links/ext:order:7").status_code == 204
        assert ann.get("/links/ext:order:7").status_code == 404

    def test_external_id_is_unique_for_an_owner(self, ann: Keyed, bob: Keyed) -> None:
        """A second link with it is refused and not stored; other owners have their own names."""
        ann.make(externalId="order-7")

        second = ann("POST", "/links", {"url": URL, "alias": "second", "externalId": "order-7"})

        assert (second.status_code, second.json_body["code"]) == (409, "external-id-taken")
        assert ann.get("/links/second").status_code == 404
        assert bob.get("/links/ext:order-7").status_code == 404
        assert bob.make(externalId="order-7")["externalId"] == "order-7"
        assert external_claims() == {"ext#ann#order-7", "ext#bob#order-7"}

    def test_external_id_can_be_moved_and_released(self, ann: Keyed) -> None:
        """Another link may use a name that is no longer used."""
        first, second = ann.make(externalId="a"), ann.make(externalId="b")

        taken = ann("PATCH", f"/links/{first['code']}", {"externalId": "b"})
        ann("PATCH", f"/links/{second['code']}", {"externalId": None})
        moved = ann("PATCH", f"/links/{first['code']}", {"externalId": "b"})

        assert (taken.status_code, moved.status_code) == (409, 200)
        assert ann.get("/links/ext:b").json_body["code"] == first["code"]
        assert ann.get("/links/ext:a").status_code == 404
        assert external_claims() == {"ext#ann#b"}
        ann("DELETE", f"/links/{first['code']}")
        assert external_claims() == set()
        assert ann.make(externalId="b")["code"] not in {first["code"], second["code"]}


MAX_RESPONSE = 4_500_000  # bytes, with a good margin below Lambda's limit of 6 MB


def weight(answer: HTTPResponse) -> int:
    """Return the size of a response as Lambda counts it: as a JSON string."""
    return len(json.dumps(answer.body.decode()))


class TestHistory:
    """Who changed what, and when."""

    def test_every_change_is_listed(self, ann: Keyed, http: Http) -> None:
        """The newest first, back to the creation; each with the name of the key."""
        ann.make(alias="sale", title="Old")
        ann("PATCH", "/links/sale", {"title": "New", "tags": ["x"]})
        Keyed(http, make_key("ann", name="laptop"))("PATCH", "/links/sale", {"enabled": False})
        ann("PATCH", "/links/sale", {"enabled": False})

        history = ann.get("/links/sale/history").json_body["data"]

        assert [(each["by"], each["action"], each["changes"]) for each in history] == [
            ("laptop", "changed", {"enabled": {"from": True, "to": False}}),
            ("ann", "changed", {"title": {"from": "Old", "to": "New"}, "tags": {"from": [], "to": ["x"]}}),
            ("ann", "created", {}),
        ]
        assert [each["at"] for each in history] == sorted((each["at"] for each in history), reverse=True)

    def test_last_fifty_changes_are_kept(self, ann: Keyed) -> None:
        """The fifty-first overwrites the first."""
        ann.make(alias="sale")
        for number in range(60):
            ann("PATCH", "/links/sale", {"title": f"{number}"})

        history = ann.get("/links/sale/history").json_body["data"]

        assert [each["changes"]["title"]["to"] for each in history] == [str(number) for number in range(59, 9, -1)]

    def test_history_fits_into_a_response(self, ann: Keyed) -> None:
        """If all changes are too large for one, the newest are shown."""
        ann.make(alias="sale")
        for number in range(50):
            texts = {"from": '"' * 100_000, "to": f"{number}"}
            change = history_store.entry("sale", number, "ann", datetime.now(UTC), "changed", {"note": texts})
            boto3.client("dynamodb").put_item(**change["Put"])

        answer = ann.get("/links/sale/history")

        numbers = [int(each["changes"]["note"]["to"]) for each in answer.json_body["data"]]
        assert numbers == list(range(49, 49 - len(numbers), -1))
        assert len(numbers) > 1
        assert weight(answer) < MAX_RESPONSE

    def test_creation_may_be_unknown(self, http: Http) -> None:
        """For links of an older table its time and author are null."""
        item = {"code": {"S": "old"}, "originalUrl": {"S": URL}}
        boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

        history = Keyed(http, make_key("root", "admin")).get("/links/old/history").json_body["data"]

        assert history == [{"at": None, "by": None, "action": "created", "changes": {}}]


def test_history_of_a_deleted_link_expires(ann: Keyed) -> None:
    """As its single visits do; until then it can be read, and erased on request."""
    ann.make(alias="sale")
    for number in range(3):
        ann("PATCH", "/links/sale", {"title": f"{number}"})
    before = history_items()

    ann("DELETE", "/links/sale")

    assert not any("expiresAt" in item for item in before)
    ends = {item["entry"]["S"]: int(item["expiresAt"]["N"]) for item in history_items()}
    assert sorted(ends) == ["change#02", "change#03", "change#04", "change#removed"]
    left = timedelta(seconds=min(ends.values()) - datetime.now(UTC).timestamp())
    assert timedelta(days=settings.click_retention_days - 1) < left <= timedelta(days=settings.click_retention_days)


def test_link_is_deleted_even_if_its_history_cannot_expire(ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure is logged."""
    ann.make(alias="sale")

    def unavailable(*_: Any) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(history_store, "set_expiry", unavailable)

    assert ann("DELETE", "/links/sale").status_code == 204


def history_items() -> list[dict[str, Any]]:
    """Return the history entries in the table of clicks."""
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName="url-shortener-clicks")["Items"]
    return [item for item in items if item["entry"]["S"].startswith("change#")]


class TestList:
    """The caller's links, the newest first, page by page."""

    @pytest.fixture
    def many(self, ann: Keyed, bob: Keyed) -> Keyed:
        """Seven links of ann's, one of bob's, and a deleted one."""
        start = datetime(2026, 11, 24, tzinfo=UTC)
        for number in range(7):
            tags = ("even",) if number % 2 == 0 else ()
            link = Link(
                id=f"link-{number}",
                url=f"https://example.com/Path/{number}",
                created_at=start + timedelta(minutes=number),
                owner="ann",
                title="Summer Sale" if number == 3 else None,
                tags=tags,
                version=1,
            )
            link_store.add(link, f"made-{number}")
        bob.make()
        ann("DELETE", f"/links/{ann.make()['code']}")
        return ann

    def pages(self, caller: Keyed, query: str) -> list[list[str]]:
        """Return the codes of each page."""
        return [[link["code"] for link in page["data"]] for page in self.answers(caller, query)]

    def answers(self, caller: Keyed, query: str) -> Iterator[dict[str, Any]]:
        """Follow the cursors to the end."""
        cursor = ""
        while True:
            page = caller.get(f"/links?{query}{cursor}").json_body
            yield page
            if page["next"] is None:
                return
            cursor = f"&cursor={page['next']}"

    @pytest.mark.parametrize("limit", [1, 3, 7, 8])
    def test_every_link_is_listed_once(self, many: Keyed, limit: int) -> None:
        """Newest first, whatever the page size; the last page has no cursor."""
        pages = self.pages(many, f"limit={limit}")

        assert sum(pages, start=[]) == [f"link-{number}" for number in range(6, -1, -1)]  # noqa: RUF017  # seven
        assert all(len(page) == limit for page in pages[:-1])

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("tag=even", [6, 4, 2, 0]),
            ("tag=Even", []),
            ("q=summer", [3]),
            ("q=PATH/5", [5]),
            ("q=link-1", [1]),
            ("q=nothing", []),
            ("q=example&tag=even&limit=1", [6, 4, 2, 0]),
        ],
    )
    def test_filters(self, many: Keyed, query: str, numbers: list[int]) -> None:
        """By exact tag; by case-insensitive text in URL, title and code."""
        assert sum(self.pages(many, query), start=[]) == [f"link-{number}" for number in numbers]  # noqa: RUF017  # seven

    def test_call_reads_a_limited_number_of_links(self, many: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A page may be short without being the last."""
        monkeypatch.setattr(list_links, "_FILTER_PAGE_SIZE", 2)
        monkeypatch.setattr(limits, "LINKS_SCANNED", 4)

        first = many.get("/links?q=link-0").json_body

        assert (first["data"], first["lookedAt"]) == ([], 4)
        assert self.pages(many, "q=link-0") == [[], ["link-0"]]

    def test_large_links_are_all_listed(self, ann: Keyed) -> None:
        """DynamoDB's own pages end at one megabyte; the list continues."""
        start = datetime(2026, 11, 24, tzinfo=UTC)
        for number in range(220):
            tags, moment = (("even",) if number % 2 == 0 else ()), start + timedelta(minutes=number)
            link = Link(id=f"long-{number}", url=URL, created_at=moment, owner="ann", note="\u4e2d" * 2000, tags=tags)
            link_store.add(link, f"made-{number}")

        assert len(list(chain.from_iterable(self.pages(ann, "limit=100")))) == 220
        assert len(list(chain.from_iterable(self.pages(ann, "limit=100&tag=even")))) == 110

    def test_page_fits_into_a_response(self, ann: Keyed) -> None:
        """If links are very large a page is short, and the next continues after it.

        Links left to the next page are counted only there.
        """
        start = datetime(2026, 11, 24, tzinfo=UTC)
        rule = Rule(url=URL.ljust(8_000, "x"), device=("ios",))
        for number in range(100):
            link = Link(
                id=f"large-{number}",
                url=URL.ljust(8_000, "x"),
                fallback_url=URL.ljust(8_000, "x"),
                rules=(rule,) * 4,
                note='"' * 2_000,
                created_at=start + timedelta(minutes=number),
                owner="ann",
                tags=("most",) if number % 10 else (),
            )
            link_store.add(link, f"made-{number}")

        pages = self.pages(ann, "limit=100")
        some = [page["lookedAt"] for page in self.answers(ann, "limit=100&tag=most")]

        assert sum(pages, start=[]) == [f"large-{number}" for number in range(99, -1, -1)]  # noqa: RUF017  # a few
        assert 1 < len(pages) < 5
        assert (1 < len(some) < 5, sum(some)) == (True, 100)
        assert weight(ann.get("/links?limit=100")) < MAX_RESPONSE

    def test_link_shows_its_visits(self, many: Keyed) -> None:
        """They are read once for the whole page."""
        page = many.get("/links?limit=2").json_body["data"]

        assert [link["visits"]["total"] for link in page] == [0, 0]
        assert page[0] == many.get("/links/link-6").json_body

    def test_cursor_is_valid_for_its_owner_only(self, many: Keyed, bob: Keyed) -> None:
        """It is signed; a changed or invented one is refused."""
        cursor = many.get("/links?limit=2").json_body["next"]

        for caller, text in ((bob, cursor), (many, cursor[:-2] + "AA"), (many, "x"), (many, ""), (many, "é")):
            answer = caller.get(f"/links?cursor={text}")
            assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "cursor")


class TestBulk:
    """Up to a hundred links in one request."""

    def test_each_row_has_its_own_result(self, ann: Keyed) -> None:
        """In order; an invalid row does not affect the others."""
        ann.make(alias="taken")
        rows = [{"url": URL}, {"url": "ftp://x"}, {"url": URL, "alias": "taken"}, {"url": URL, "alias": "mine"}, 7]

        answer = ann("POST", "/links/bulk", {"links": rows})

        data = answer.json_body["data"]
        assert answer.status_code == 200
        assert [next(iter(each)) for each in data] == ["link", "problem", "problem", "link", "problem"]
        assert [each["problem"]["code"] for each in data if "problem" in each] == [
            *("link-invalid", "alias-taken", "link-invalid"),
        ]
        assert data[3]["link"] == ann.get("/links/mine").json_body

    def test_dry_run_creates_nothing(self, ann: Keyed) -> None:
        """It reports what would be created or refused; of two rows with one alias the first gets it."""
        ann.make(alias="gone")
        ann("DELETE", "/links/gone")
        rows: list[Any] = [
            {"url": URL},
            {"url": URL, "alias": "a"},
            {"url": URL, "alias": "a"},
            {"url": URL, "alias": "gone"},
            {},
        ]
        before = stored()

        dry = ann("POST", "/links/bulk?dryRun=true", {"links": rows}).json_body["data"]

        assert stored() == before
        wet = ann("POST", "/links/bulk", {"links": rows}).json_body["data"]
        assert [each.get("problem") for each in dry] == [each.get("problem") for each in wet]
        assert (dry[0]["link"]["code"], dry[1]["link"]["shortUrl"]) == (None, "https://sho.rt/a")

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 422),
            ({"links": []}, 422),
            ({"links": {}}, 422),
            ({"links": [{"url": URL}] * 101}, 422),
            ({"links": [{"url": URL}], "more": 1}, 422),
            ([], 400),
            (b"x" * (limits.BULK_BYTES + 1), 413),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_invalid_bulk_request_is_refused(self, ann: Keyed, body: Any, status: int) -> None:
        """As a whole; nothing is stored."""
        assert ann("POST", "/links/bulk", body).status_code == status
        assert stored() == 0

    def test_rows_left_when_time_is_up_are_problems(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each can be tried again."""
        left = iter([True, False])
        monkeypatch.setattr("chalicelib.clock.has_seconds", lambda *_: lambda: next(left))

        data = ann("POST", "/links/bulk", {"links": [{"url": URL}, {"url": URL}]}).json_body["data"]

        assert "link" in data[0]
        assert data[1]["problem"]["code"] == "store-unavailable"


class TestIdempotency:
    """A request with the same Idempotency-Key is carried out once."""

    def ask(self, caller: Keyed, body: Any, key: str = "k1", path: str = "/links") -> Any:
        """Send a request with an Idempotency-Key."""
        return caller("POST", path, body, Idempotency_Key=key)

    def test_repeated_request_gets_the_first_response(self, ann: Keyed) -> None:
        """Byte for byte, even if the link was changed since, and marked as a replay."""
        first = self.ask(ann, {"url": URL})
        ann("PATCH", f"/links/{first.json_body['code']}", {"title": "changed"})

        second = self.ask(ann, {"url": URL})

        assert (second.status_code, second.body) == (first.status_code, first.body)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first.headers
        assert second.headers["ETag"] == first.headers["ETag"]
        assert stored() == 1

    def test_key_with_another_body_is_refused(self, ann: Keyed) -> None:
        """422: the client has made a mistake."""
        self.ask(ann, {"url": URL})

        second = self.ask(ann, {"url": URL, "title": "x"})

        assert (second.status_code, second.json_body["code"]) == (422, "idempotency-mismatch")
        assert stored() == 1

    def test_callers_have_separate_idempotency_keys(self, ann: Keyed, bob: Keyed, http: Http) -> None:
        """Each caller, and each network without a key, has its own."""
        codes = {self.ask(caller, {"url": URL}).json_body["code"] for caller in (ann, bob, Keyed(http, None))}

        assert len(codes) == 3
        assert self.ask(Keyed(http, None), {"url": URL}).json_body["code"] in codes

    def test_manage_key_is_not_stored_for_replays(self, http: Http) -> None:
        """If the first response is lost, so is the manageKey: no one else can obtain it."""
        anonymous = Keyed(http, None)
        first, second = (self.ask(anonymous, {"url": URL}).json_body for _ in range(2))

        assert second == {name: value for name, value in first.items() if name != "manageKey"}
        assert first["manageKey"] not in str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))

    def test_failed_request_can_be_repeated(self, ann: Keyed) -> None:
        """After a 503 or a refusal the same Idempotency-Key works."""
        with table_down():
            assert self.ask(ann, {"url": URL}).status_code == 503
        assert self.ask(ann, {"url": "ftp://x"}).status_code == 422

        assert self.ask(ann, {"url": URL}).status_code == 201

    def test_found_link_is_replayed(self, ann: Keyed) -> None:
        """`findExisting`: 200 stays 200."""
        ann.make()

        answers = [self.ask(ann, {"url": URL, "findExisting": True}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[1].headers["Idempotency-Replayed"] == "true"

    def test_response_is_kept_for_a_day(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """24 hours exactly, also if DynamoDB deletes the item later."""
        first = self.ask(ann, {"url": URL}).json_body
        later = datetime.now(UTC) + timedelta(hours=24, seconds=1)
        monkeypatch.setattr("chalicelib.clock.now", lambda: later)

        assert self.ask(ann, {"url": URL}).json_body["code"] != first["code"]

    def test_bulk_request_is_replayed_row_by_row(self, ann: Keyed) -> None:
        """Each row is created once, and replayed; a refused row is tried again."""
        rows = [{"url": URL}, {"url": "ftp://x"}, {"url": URL, "alias": "mine"}]

        first, second = (self.ask(ann, {"links": rows}, path="/links/bulk") for _ in range(2))

        assert first.body == second.body
        assert second.headers["Idempotency-Replayed"] == "true"
        assert self.ask(ann, {"links": rows[:1]}, path="/links/bulk").status_code == 422
        assert stored() == 2

    def test_key_with_another_bulk_body_is_refused(self, ann: Keyed) -> None:
        """Even if the first row had been refused before: nothing of the second is created."""
        ann.make(alias="taken")
        self.ask(ann, {"links": [{"url": URL, "alias": "taken"}, {"url": URL}]}, path="/links/bulk")

        second = self.ask(ann, {"links": [{"url": URL}] * 3}, path="/links/bulk")

        assert (second.status_code, second.json_body["code"]) == (422, "idempotency-mismatch")
        assert stored() == 2

    def test_idempotency_key_without_an_api_key_survives_midnight(
        self, http: Http, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A retry just after midnight is still a retry."""
        anonymous, codes = Keyed(http, None), set()
        for moment in (datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)):
            monkeypatch.setattr("chalicelib.clock.now", lambda moment=moment: moment)
            codes.add(self.ask(anonymous, {"url": URL}).json_body["code"])

        assert len(codes) == 1

    @pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "é"])
    def test_invalid_idempotency_key_is_refused(self, ann: Keyed, key: str) -> None:
        """400, before anything is done."""
        assert self.ask(ann, {"url": URL}, key=key).status_code == 400
        assert stored() == 0


@pytest.mark.usefixtures("one_moment")
def test_bulk_counts_each_link_towards_the_limit(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in requests without a key."""
    from chalicelib.core.limits import Window
    from chalicelib.usecases import limit_calls

    monkeypatch.setattr(limit_calls, "_anonymous", (Window("anonymous-hour", 3600, 3),))
    body = json.dumps({"links": [{"url": URL}] * 2}).encode()

    assert [http.post("/links/bulk", body=body).status_code for _ in range(2)] == [200, 429]
    assert http.post("/links/bulk", body=json.dumps({"links": [{"url": URL}] * 4}).encode()).status_code == 429
    assert limits.BULK_LINKS == 100


class TestOddRequests:
    """Unusual requests."""

    def test_invalid_owner_is_refused(self, http: Http) -> None:
        """A valid owner without links has an empty list."""
        admin = Keyed(http, make_key("root", "admin"))

        for owner in ("", "a%23b", "x" * 3000):
            for path in ("/links", "/stats"):
                answer = admin.get(f"{path}?owner={owner}")
                assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "owner")
        assert admin.get("/links?owner=carol").json_body == {"data": [], "lookedAt": 0, "next": None}

    @pytest.mark.parametrize("value", ["1", "yes", "True", ""])
    def test_misspelt_dry_run_is_refused(self, ann: Keyed, value: str) -> None:
        """It must not create links."""
        answer = ann("POST", f"/links/bulk?dryRun={value}", {"links": [{"url": URL}]})

        assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "dryRun")
        assert stored() == 0

    def test_overlong_name_is_unknown(self, ann: Keyed, http: Http) -> None:
        """Without a read that DynamoDB would refuse."""
        assert ann.get(f"/links/ext:{'x' * 3000}").status_code == 404
        assert Keyed(http, make_key("root", "admin"))("DELETE", f"/keys/{'x' * 3000}").status_code == 404

    def test_find_existing_finds_the_link_with_the_external_id(self, ann: Keyed) -> None:
        """200, with an alias and without."""
        for fields in ({"alias": "sale", "externalId": "a"}, {"externalId": "b"}):
            body = {"url": URL, "findExisting": True, **fields}
            first, second = (ann("POST", "/links", body) for _ in range(2))
            assert (first.status_code, second.status_code) == (201, 200)
            assert first.json_body == second.json_body

    def test_dry_run_checks_external_ids(self, ann: Keyed) -> None:
        """Those that are in use, and those that appear twice in the request."""
        ann.make(externalId="a")

        rows = [{"url": URL, "externalId": external_id} for external_id in ("a", "b", "b")]
        data = ann("POST", "/links/bulk?dryRun=true", {"links": rows}).json_body["data"]

        assert [each.get("problem", {}).get("code") for each in data] == [
            "external-id-taken",
            None,
            "external-id-taken",
        ]

    def test_ownerless_link_cannot_have_an_external_id(self, http: Http) -> None:
        """Not even by an admin; an admin's other changes leave the manageKey valid."""
        mine = Keyed(http, None).make()
        admin, me = Keyed(http, make_key("root", "admin")), Keyed(http, mine["manageKey"])

        refused = admin("PATCH", f"/links/{mine['code']}", {"externalId": "x"})
        admin("PATCH", f"/links/{mine['code']}", {"permanent": True})

        assert refused.status_code == 422
        assert me("PATCH", f"/links/{mine['code']}", {"title": "still mine"}).status_code == 200

    def test_find_existing_ignores_links_close_to_their_expiry(
        self, http: Http, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where links must expire, one with half its lifetime left is found."""
        monkeypatch.setattr(policies, "settings", dataclasses.replace(settings, anonymous_max_days=90))
        anonymous = Keyed(http, None)
        first = anonymous.make(findExisting=True)
        for days, same in ((44, True), (46, False)):
            later = datetime.now(UTC) + timedelta(days=days)
            monkeypatch.setattr("chalicelib.clock.now", lambda later=later: later)
            assert (anonymous.make(findExisting=True)["code"] == first["code"]) is same

    def test_fields_are_validated_before_normalisation(self, ann: Keyed) -> None:
        """Thirty equal tags are too many; a title of one control character is invalid."""
        answer = ann("POST", "/links", {"url": URL, "tags": ["x"] * 30, "title": "\x1c"})

        assert [error["field"] for error in answer.json_body["errors"]] == ["title", "tags"]

    def test_alias_bulk_is_reserved(self, ann: Keyed) -> None:
        """A link called bulk could not be managed by its code."""
        assert ann("POST", "/links", {"url": URL, "alias": "bulk"}).json_body["errors"][0]["code"] == "reserved"
