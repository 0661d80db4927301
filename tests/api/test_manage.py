"""Managing links: change, remove, list, look back; many at once; and never twice."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import boto3
import pytest
from chalice.test import TestHTTPClient as Http

from chalicelib import change_link, list_links, shorten_many
from chalicelib.aws import link_cache, link_table
from chalicelib.core.link import Link
from chalicelib.settings import settings
from tests.callers import Keyed, make_key
from tests.faults import table_down

URL = "https://example.com/"


@pytest.fixture
def bob(http: Http) -> Keyed:
    """Another owner."""
    return Keyed(http, make_key("bob"))


def stored() -> int:
    """Count the links in the table, those that are gone left out."""
    items = boto3.client("dynamodb").scan(TableName="url-shortener")["Items"]
    return sum("originalUrl" in item for item in items)


class TestChange:
    """PATCH merges: absent keeps, null clears."""

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
    def test_what_is_named_changes_and_nothing_else(self, ann: Keyed, change: Any, expected: dict[str, Any]) -> None:
        """The answer is the link as it is now; a change has a new version."""
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
    def test_what_cannot_be_is_refused(self, ann: Keyed, change: Any, fields: list[str]) -> None:
        """Every bad field at once; the link stays as it was."""
        before = ann.make()

        answer = ann("PATCH", f"/links/{before['code']}", change)

        assert (answer.status_code, [error["field"] for error in answer.json_body["errors"]]) == (422, fields)
        assert ann.get(f"/links/{before['code']}").json_body == before

    def test_merge_patch_is_a_kind_of_json(self, ann: Keyed) -> None:
        """RFC 7396 has a media type of its own."""
        link = ann.make()

        answer = ann("PATCH", f"/links/{link['code']}", {"title": "x"}, Content_Type="application/merge-patch+json")

        assert answer.status_code == 200

    def test_who_saw_an_older_version_is_told(self, ann: Keyed) -> None:
        """412, and the link stays as the other one made it."""
        link = ann.make()
        path, seen = f"/links/{link['code']}", ann.get(f"/links/{link['code']}").headers["ETag"]
        ann("PATCH", path, {"title": "first"}, If_Match=seen)

        second = ann("PATCH", path, {"title": "second"}, If_Match=seen)
        removed = ann("DELETE", path, If_Match=seen)

        assert (second.status_code, second.json_body["code"]) == (412, "version-changed")
        assert removed.status_code == 412
        assert ann.get(path).json_body["title"] == "first"
        assert ann("PATCH", path, {"title": "third"}, If_Match="*").status_code == 200

    def test_what_an_older_service_stored_beside_it_stays(self, ann: Keyed) -> None:
        """An attribute that we do not know is not ours to drop."""
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
    """A change is seen in the same container at once, elsewhere within a minute."""

    def test_a_new_target(self, ann: Keyed, http: Http) -> None:
        """Here the next visitor goes there."""
        ann.make(alias="sale")
        assert http.get("/sale").headers["Location"] == URL

        ann("PATCH", "/links/sale", {"url": "https://example.org/"})

        assert http.get("/sale").headers["Location"] == "https://example.org/"

    def test_switched_off_and_on(self, ann: Keyed, http: Http) -> None:
        """410 while it is off; the statistics of before stay."""
        ann.make(alias="sale")
        ann("PATCH", "/links/sale", {"enabled": False})
        off = http.get("/sale")

        ann("PATCH", "/links/sale", {"enabled": True})

        assert (off.status_code, off.json_body["code"]) == (410, "link-off")
        assert http.get("/sale").status_code == 302

    def test_removed(self, ann: Keyed, http: Http) -> None:
        """The code is unknown, and nobody gets it again."""
        ann.make(alias="sale")
        http.get("/sale")

        removed = ann("DELETE", "/links/sale")

        assert (removed.status_code, removed.body) == (204, b"")
        assert http.get("/sale", headers={"Accept": "application/json"}).status_code == 404
        assert ann("DELETE", "/links/sale").status_code == 404
        again = ann("POST", "/links", {"url": URL, "alias": "sale"})
        assert (again.status_code, again.json_body["code"]) == (409, "alias-taken")

    def test_elsewhere_within_a_minute(self, ann: Keyed) -> None:
        """Another container asks the table when its memory is sixty seconds old."""
        ann.make(alias="sale")
        (link, now) = (link_table.find_now("sale"), datetime.now(UTC))
        assert link is not None
        ann("PATCH", "/links/sale", {"url": "https://example.org/"})
        link_cache.learn(link, now)  # what another container still remembers

        assert link_cache.find("sale", now + timedelta(seconds=59)).link == link
        found = link_cache.find("sale", now + timedelta(seconds=60)).link
        assert found is not None
        assert found.url == "https://example.org/"


class TestExternalId:
    """A name of the owner's own, good wherever a code is expected in managing."""

    def test_it_is_as_good_as_the_code(self, ann: Keyed) -> None:
        """Show, change, statistics, history, remove."""
        link = ann.make(externalId="order:7")

        assert ann.get("/links/ext:order:7").json_body == link
        assert ann("PATCH", "/links/ext:order:7", {"title": "x"}).status_code == 200
        for what in ("stats", "visits", "history"):
            assert ann.get(f"/links/ext:order:7/{what}").status_code == 200
        assert ann("DELETE", "/links/ext:order:7").status_code == 204
        assert ann.get("/links/ext:order:7").status_code == 404

    def test_no_two_links_of_an_owner_have_the_same(self, ann: Keyed, bob: Keyed) -> None:
        """A second one is refused, and not stored; another owner has names of their own."""
        ann.make(externalId="order-7")

        second = ann("POST", "/links", {"url": URL, "alias": "second", "externalId": "order-7"})

        assert (second.status_code, second.json_body["code"]) == (409, "external-id-taken")
        assert ann.get("/links/second").status_code == 404
        assert bob.get("/links/ext:order-7").status_code == 404
        assert bob.make(externalId="order-7")["externalId"] == "order-7"

    def test_it_can_be_moved_and_given_up(self, ann: Keyed) -> None:
        """What a link does not use any more, another may."""
        first, second = ann.make(externalId="a"), ann.make(externalId="b")

        taken = ann("PATCH", f"/links/{first['code']}", {"externalId": "b"})
        ann("PATCH", f"/links/{second['code']}", {"externalId": None})
        moved = ann("PATCH", f"/links/{first['code']}", {"externalId": "b"})

        assert (taken.status_code, moved.status_code) == (409, 200)
        assert ann.get("/links/ext:b").json_body["code"] == first["code"]
        assert ann.get("/links/ext:a").status_code == 404
        ann("DELETE", f"/links/{first['code']}")
        assert ann.make(externalId="b")["code"] not in {first["code"], second["code"]}


class TestHistory:
    """Who changed what, and when."""

    def test_every_change_is_told(self, ann: Keyed, http: Http) -> None:
        """The newest first, down to how it began; by the name of the key."""
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

    def test_the_last_fifty_are_kept(self, ann: Keyed) -> None:
        """The fifty-first overwrites the first."""
        ann.make(alias="sale")
        for number in range(60):
            ann("PATCH", "/links/sale", {"title": f"{number}"})

        history = ann.get("/links/sale/history").json_body["data"]

        assert [each["changes"]["title"]["to"] for each in history] == [str(number) for number in range(59, 9, -1)]

    def test_a_link_of_an_older_table_has_a_beginning_nobody_knows(self, http: Http) -> None:
        """Null, not an invention."""
        item = {"code": {"S": "old"}, "originalUrl": {"S": URL}}
        boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

        history = Keyed(http, make_key("root", "admin")).get("/links/old/history").json_body["data"]

        assert history == [{"at": None, "by": None, "action": "created", "changes": {}}]


class TestList:
    """The caller's links, the newest first, page by page."""

    @pytest.fixture
    def many(self, ann: Keyed, bob: Keyed) -> Keyed:
        """Seven links of ann's, one of bob's, one that is gone."""
        start = datetime(2026, 11, 24, tzinfo=UTC)
        for number in range(7):
            tags = ("even",) if number % 2 == 0 else ()
            link = Link(
                code=f"link-{number}",
                url=f"https://example.com/Path/{number}",
                created_at=start + timedelta(minutes=number),
                owner="ann",
                title="Summer Sale" if number == 3 else None,
                tags=tags,
                version=1,
            )
            link_table.add(link, f"made-{number}")
        bob.make()
        ann("DELETE", f"/links/{ann.make()['code']}")
        return ann

    def pages(self, caller: Keyed, query: str) -> list[list[str]]:
        """Follow the cursors to the end."""
        found, cursor = [], ""
        while True:
            page = caller.get(f"/links?{query}{cursor}").json_body
            found.append([link["code"] for link in page["data"]])
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    @pytest.mark.parametrize("limit", [1, 3, 7, 8])
    def test_every_link_comes_once(self, many: Keyed, limit: int) -> None:
        """Newest first, no matter how it is cut; the last page says that it is the last."""
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
        """By tag exactly; by text in URL, title and code, upper and lower case alike."""
        assert sum(self.pages(many, query), start=[]) == [f"link-{number}" for number in numbers]  # noqa: RUF017  # seven

    def test_a_call_looks_at_so_many(self, many: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A page may be short and not the last: nobody waits for a needle in a million."""
        monkeypatch.setattr(list_links, "_READ_AT_ONCE", 2)
        monkeypatch.setattr(list_links, "_LOOKED_AT", 4)

        assert self.pages(many, "q=link-0") == [[], ["link-0"]]

    def test_long_links_are_not_forgotten(self, ann: Keyed) -> None:
        """DynamoDB reads a megabyte at once: a page ends there, and the list does not."""
        start = datetime(2026, 11, 24, tzinfo=UTC)
        for number in range(220):
            tags, moment = (("even",) if number % 2 == 0 else ()), start + timedelta(minutes=number)
            link = Link(code=f"long-{number}", url=URL, created_at=moment, owner="ann", note="\u4e2d" * 2000, tags=tags)
            link_table.add(link, f"made-{number}")

        assert len(list(chain.from_iterable(self.pages(ann, "limit=100")))) == 220
        assert len(list(chain.from_iterable(self.pages(ann, "limit=100&tag=even")))) == 110

    def test_a_link_shows_its_visits(self, many: Keyed) -> None:
        """Those of the whole page in one read."""
        page = many.get("/links?limit=2").json_body["data"]

        assert [link["visits"]["total"] for link in page] == [0, 0]
        assert page[0] == many.get("/links/link-6").json_body

    def test_a_cursor_is_nobody_elses(self, many: Keyed, bob: Keyed) -> None:
        """Signed for its owner; changed or made up it is none."""
        cursor = many.get("/links?limit=2").json_body["next"]

        for caller, text in ((bob, cursor), (many, cursor[:-2] + "AA"), (many, "x"), (many, ""), (many, "é")):
            answer = caller.get(f"/links?cursor={text}")
            assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "cursor")


class TestBulk:
    """A hundred links in one request."""

    def test_each_row_has_its_outcome(self, ann: Keyed) -> None:
        """In order; one that cannot be made stands in nobody's way."""
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

    def test_dry_run_makes_nothing(self, ann: Keyed) -> None:
        """And tells the same: what would be made, what refused; of two rows for one alias the first gets it."""
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
            (b"x" * (512 * 1024 + 1), 413),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_what_is_no_bulk(self, ann: Keyed, body: Any, status: int) -> None:
        """Refused whole, and nothing is stored."""
        assert ann("POST", "/links/bulk", body).status_code == status
        assert stored() == 0

    def test_out_of_time_the_rest_says_so(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each row that was not reached is a problem that can be tried again."""
        left = iter([True, False])
        monkeypatch.setattr("app.has_seconds", lambda *_: lambda: next(left))

        data = ann("POST", "/links/bulk", {"links": [{"url": URL}, {"url": URL}]}).json_body["data"]

        assert "link" in data[0]
        assert data[1]["problem"]["code"] == "store-unavailable"


class TestIdempotency:
    """The same Idempotency-Key: the same request, done once."""

    def ask(self, caller: Keyed, body: Any, key: str = "k1", path: str = "/links") -> Any:
        """Ask with a key."""
        return caller("POST", path, body, Idempotency_Key=key)

    def test_the_second_answer_is_the_first(self, ann: Keyed) -> None:
        """Word for word, even if the link was changed since; and it says that it is a replay."""
        first = self.ask(ann, {"url": URL})
        ann("PATCH", f"/links/{first.json_body['code']}", {"title": "changed"})

        second = self.ask(ann, {"url": URL})

        assert (second.status_code, second.body) == (first.status_code, first.body)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first.headers
        assert second.headers["ETag"] == first.headers["ETag"]
        assert stored() == 1

    def test_another_body_is_refused(self, ann: Keyed) -> None:
        """422: the client has mixed something up."""
        self.ask(ann, {"url": URL})

        second = self.ask(ann, {"url": URL, "title": "x"})

        assert (second.status_code, second.json_body["code"]) == (422, "idempotency-mismatch")
        assert stored() == 1

    def test_keys_of_others_are_others(self, ann: Keyed, bob: Keyed, http: Http) -> None:
        """Each caller has a namespace of their own; so has each network without a key."""
        codes = {self.ask(caller, {"url": URL}).json_body["code"] for caller in (ann, bob, Keyed(http, None))}

        assert len(codes) == 3
        assert self.ask(Keyed(http, None), {"url": URL}).json_body["code"] in codes

    def test_the_key_to_a_link_is_not_kept(self, http: Http) -> None:
        """Who lost the first answer has lost it: nobody else must be able to ask for it."""
        nobody = Keyed(http, None)
        first, second = (self.ask(nobody, {"url": URL}).json_body for _ in range(2))

        assert second == {name: value for name, value in first.items() if name != "manageKey"}
        assert first["manageKey"] not in str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))

    def test_a_failure_is_not_kept(self, ann: Keyed) -> None:
        """After a 503 or a refusal the same key may try again."""
        with table_down():
            assert self.ask(ann, {"url": URL}).status_code == 503
        assert self.ask(ann, {"url": "ftp://x"}).status_code == 422

        assert self.ask(ann, {"url": URL}).status_code == 201

    def test_a_link_that_was_found_is_the_same_again(self, ann: Keyed) -> None:
        """`findExisting`: 200 stays 200."""
        ann.make()

        answers = [self.ask(ann, {"url": URL, "findExisting": True}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[1].headers["Idempotency-Replayed"] == "true"

    def test_a_day_later_it_is_another_request(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The answer is kept for 24 hours, also where the sweeper is late."""
        first = self.ask(ann, {"url": URL}).json_body
        later = datetime.now(UTC) + timedelta(hours=24, seconds=1)
        monkeypatch.setattr("app.now", lambda: later)

        assert self.ask(ann, {"url": URL}).json_body["code"] != first["code"]

    def test_many_at_once(self, ann: Keyed) -> None:
        """Each row is made once, and answered the same; a row that was refused is tried again."""
        rows = [{"url": URL}, {"url": "ftp://x"}, {"url": URL, "alias": "mine"}]

        first, second = (self.ask(ann, {"links": rows}, path="/links/bulk") for _ in range(2))

        assert first.body == second.body
        assert second.headers["Idempotency-Replayed"] == "true"
        assert self.ask(ann, {"links": rows[:1]}, path="/links/bulk").status_code == 422
        assert stored() == 2

    def test_another_bulk_is_refused_whole(self, ann: Keyed) -> None:
        """Also where the first row of the first one was refused: nothing of the second is made."""
        ann.make(alias="taken")
        self.ask(ann, {"links": [{"url": URL, "alias": "taken"}, {"url": URL}]}, path="/links/bulk")

        second = self.ask(ann, {"links": [{"url": URL}] * 3}, path="/links/bulk")

        assert (second.status_code, second.json_body["code"]) == (422, "idempotency-mismatch")
        assert stored() == 2

    def test_a_strangers_key_outlives_midnight(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """A retry just after it is still a retry."""
        nobody, codes = Keyed(http, None), set()
        for moment in (datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)):
            monkeypatch.setattr("app.now", lambda moment=moment: moment)
            codes.add(self.ask(nobody, {"url": URL}).json_body["code"])

        assert len(codes) == 1

    @pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "é"])
    def test_what_is_no_key(self, ann: Keyed, key: str) -> None:
        """400, before anything is done."""
        assert self.ask(ann, {"url": URL}, key=key).status_code == 400
        assert stored() == 0


def test_bulk_counts_each_link_of_a_stranger(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred links in one call are a hundred links."""
    from chalicelib import authorize
    from chalicelib.core.limits import Window

    monkeypatch.setattr(authorize, "_anonymous", (Window("anonymous-hour", 3600, 3),))
    body = json.dumps({"links": [{"url": URL}] * 2}).encode()

    assert [http.post("/links/bulk", body=body).status_code for _ in range(2)] == [200, 429]
    assert http.post("/links/bulk", body=json.dumps({"links": [{"url": URL}] * 4}).encode()).status_code == 429
    assert shorten_many.MOST == 100


class TestOddRequests:
    """What is neither wrong nor usual."""

    def test_an_owners_page_of_nobody(self, http: Http) -> None:
        """An owner that cannot be is refused by name; one that has no links has an empty list."""
        admin = Keyed(http, make_key("root", "admin"))

        for owner in ("", "a%23b", "x" * 3000):
            for path in ("/links", "/stats"):
                answer = admin.get(f"{path}?owner={owner}")
                assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "owner")
        assert admin.get("/links?owner=carol").json_body == {"data": [], "next": None}

    @pytest.mark.parametrize("value", ["1", "yes", "True", ""])
    def test_a_dry_run_is_never_a_wet_one(self, ann: Keyed, value: str) -> None:
        """Whoever means to try makes nothing by a slip of the pen."""
        answer = ann("POST", f"/links/bulk?dryRun={value}", {"links": [{"url": URL}]})

        assert (answer.status_code, answer.json_body["errors"][0]["field"]) == (422, "dryRun")
        assert stored() == 0

    def test_names_that_no_key_could_hold(self, ann: Keyed, http: Http) -> None:
        """They are unknown without a read that DynamoDB would refuse."""
        assert ann.get(f"/links/ext:{'x' * 3000}").status_code == 404
        assert Keyed(http, make_key("root", "admin"))("DELETE", f"/keys/{'x' * 3000}").status_code == 404

    def test_an_external_id_finds_its_own_link(self, ann: Keyed) -> None:
        """`findExisting` with an externalId: 200 with the link that has it, with an alias and without."""
        for fields in ({"alias": "sale", "externalId": "a"}, {"externalId": "b"}):
            wish = {"url": URL, "findExisting": True, **fields}
            first, second = (ann("POST", "/links", wish) for _ in range(2))
            assert (first.status_code, second.status_code) == (201, 200)
            assert first.json_body == second.json_body

    def test_a_dry_run_knows_external_ids(self, ann: Keyed) -> None:
        """Those that are taken, and those that stand twice in the request."""
        ann.make(externalId="a")

        rows = [{"url": URL, "externalId": external_id} for external_id in ("a", "b", "b")]
        data = ann("POST", "/links/bulk?dryRun=true", {"links": rows}).json_body["data"]

        assert [each.get("problem", {}).get("code") for each in data] == [
            "external-id-taken",
            None,
            "external-id-taken",
        ]

    def test_an_external_id_is_an_owners(self, http: Http) -> None:
        """A link of nobody's has none, not even by an admin; what else an admin does to it locks nobody out."""
        mine = Keyed(http, None).make()
        admin, me = Keyed(http, make_key("root", "admin")), Keyed(http, mine["manageKey"])

        refused = admin("PATCH", f"/links/{mine['code']}", {"externalId": "x"})
        admin("PATCH", f"/links/{mine['code']}", {"permanent": True})

        assert refused.status_code == 422
        assert me("PATCH", f"/links/{mine['code']}", {"title": "still mine"}).status_code == 200

    def test_a_stranger_finds_a_link_that_lasts(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where links must end, one with half its life before it is as good as a new one."""
        monkeypatch.setattr(change_link, "settings", dataclasses.replace(settings, anonymous_max_days=90))
        nobody = Keyed(http, None)
        first = nobody.make(findExisting=True)
        for days, same in ((44, True), (46, False)):
            later = datetime.now(UTC) + timedelta(days=days)
            monkeypatch.setattr("app.now", lambda later=later: later)
            assert (nobody.make(findExisting=True)["code"] == first["code"]) is same

    def test_what_would_be_trimmed_is_judged_first(self, ann: Keyed) -> None:
        """Thirty times the same tag are thirty tags; a title of one control character holds one."""
        answer = ann("POST", "/links", {"url": URL, "tags": ["x"] * 30, "title": "\x1c"})

        assert [error["field"] for error in answer.json_body["errors"]] == ["title", "tags"]

    def test_no_alias_hides_the_bulk_request(self, ann: Keyed) -> None:
        """A link called bulk could not be managed by its code."""
        assert ann("POST", "/links", {"url": URL, "alias": "bulk"}).json_body["errors"][0]["code"] == "reserved"
