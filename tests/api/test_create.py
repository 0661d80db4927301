"""POST /links: whoever sends a URL gets a short one, or every reason why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http

from chalicelib import shorten as deed
from chalicelib.core import codes
from tests.callers import Keyed, make_key
from tests.faults import table_down

JSON = {"Content-Type": "application/json"}


def create(http: Http, accept: str = "application/json", **fields: Any) -> HTTPResponse:
    """Ask for a link."""
    return http.post("/links", body=json.dumps(fields).encode(), headers={**JSON, "Accept": accept})


def stored() -> int:
    """Count the links in the table."""
    return int(boto3.client("dynamodb").scan(TableName="url-shortener")["Count"])


def test_a_url_becomes_a_link(http: Http) -> None:
    """The answer is the link, and says where it lives."""
    made = create(http, url="HTTPS://Example.com/a b".replace(" ", "%20"))

    link = made.json_body
    assert made.status_code == 201
    assert link["url"] == "https://example.com/a%20b"
    assert codes.is_code(link["code"])
    assert link["shortUrl"] == made.headers["Location"] == f"https://sho.rt/{link['code']}"
    assert http.get(f"/{link['code']}").headers["Location"] == link["url"]


def test_every_field_is_kept(ann: Keyed) -> None:
    """What was asked for is what GET shows."""
    wish: dict[str, Any] = {
        "title": "Sale",
        "note": "two\nlines",
        "tags": ["a", "b"],
        "expiresAt": "2099-01-01T01:00:00+01:00",
    }

    made = ann("POST", "/links", {"url": "https://example.com/", "alias": "sale", "permanent": True, **wish})

    expected = {**wish, "expiresAt": "2099-01-01T00:00:00.000Z", "permanent": True, "code": "sale"}
    assert {name: made.json_body[name] for name in expected} == expected
    shown = ann.get("/links/sale")
    assert shown.json_body == made.json_body
    assert shown.headers["ETag"] == made.headers["ETag"]


def test_who_asks_for_text_gets_the_bare_short_url(http: Http) -> None:
    """A shell needs no JSON parser."""
    made = create(http, accept="text/plain", url="https://example.com/", alias="sale")

    assert made.headers["Content-Type"].startswith("text/plain")
    assert made.body == b"https://sho.rt/sale"


def test_a_link_lives_as_long_as_was_asked(http: Http) -> None:
    """`expiresIn` counts from now, by the server's clock."""
    before = datetime.now(UTC)

    made = create(http, url="https://example.com/", expiresIn="12h")

    expires = datetime.fromisoformat(made.json_body["expiresAt"])
    assert timedelta(hours=11, minutes=59) < expires - before < timedelta(hours=12, minutes=1)


def test_an_alias_is_never_overwritten(http: Http) -> None:
    """The second taker of an alias is refused, and told who has it; the first keeps it."""
    create(http, url="https://example.com/first", alias="sale")

    second = create(http, url="https://example.com/second", alias="sale")

    assert second.status_code == 409
    assert second.json_body["code"] == "alias-taken"
    assert second.json_body["shortUrl"] == "https://sho.rt/sale"
    assert http.get("/sale").headers["Location"] == "https://example.com/first"


def test_a_code_that_is_taken_is_drawn_again(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collision of generated codes is nobody's business but ours."""
    drawn = iter(["taken", "taken", "free"])
    monkeypatch.setattr(codes, "draw", lambda *, unguessable: next(drawn))  # noqa: ARG005  # the name is the signature's
    create(http, url="https://example.com/first")

    second = create(http, url="https://example.com/second")

    assert (second.status_code, second.json_body["code"]) == (201, "free")
    assert http.get("/taken").headers["Location"] == "https://example.com/first"


def test_when_no_code_is_free_we_say_so(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a number of draws the client is asked to try again, and nothing is stored."""
    monkeypatch.setattr(codes, "draw", lambda *, unguessable: "taken")  # noqa: ARG005  # the name is the signature's
    create(http, url="https://example.com/first")

    second = create(http, url="https://example.com/second")

    assert (second.status_code, second.json_body["code"]) == (503, "no-free-code")
    assert second.headers["Retry-After"] == "1"
    assert stored() == 1


def test_an_unguessable_link_has_twelve_random_characters(http: Http) -> None:
    """Asked for, a code is drawn from 58^12."""
    made = create(http, url="https://example.com/", unguessable=True)

    assert len(made.json_body["code"]) == 12
    assert made.json_body["unguessable"] is True


class TestFindExisting:
    """`findExisting`: the link that is there already is as good as a new one."""

    def test_the_same_wish_finds_the_same_link(self, http: Http) -> None:
        """Asked twice, made once; the second answer is 200."""
        first = create(http, url="https://example.com/", findExisting=True)

        second = create(http, url="https://EXAMPLE.com", findExisting=True)

        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json_body == {name: value for name, value in first.json_body.items() if name != "manageKey"}
        assert stored() == 1

    def test_a_link_made_without_it_is_found_as_well(self, ann: Keyed) -> None:
        """How a link came about does not matter, nor what was not asked about it."""
        first = ann.make(title="Described")

        second = ann.make(findExisting=True)

        assert second == first

    def test_what_a_stranger_noted_is_not_for_the_next(self, http: Http) -> None:
        """Without a key a link is found only if it says nothing that was not known to who asks."""
        create(http, url="https://example.com/", note="my secret")

        second = create(http, url="https://example.com/", findExisting=True)

        assert (second.status_code, second.json_body["note"]) == (201, None)

    def test_somebody_elses_link_is_not_found(self, ann: Keyed, http: Http) -> None:
        """The same URL, the same wish, another owner: another link."""
        first = ann.make()

        second = Keyed(http, make_key("bob")).make(findExisting=True)

        assert second["code"] != first["code"]

    @pytest.mark.parametrize(
        "other",
        [
            {"expiresIn": "1d"},
            {"permanent": True},
            {"unguessable": True},
            {"title": "Another"},
            {"tags": ["x"]},
            {"alias": "named"},
        ],
        ids=lambda other: next(iter(other)),
    )
    def test_another_wish_makes_another_link(self, http: Http, other: dict[str, Any]) -> None:
        """A link that does or says something else is not what was asked for."""
        first = create(http, url="https://example.com/")

        second = create(http, url="https://example.com/", findExisting=True, **other)

        assert second.status_code == 201
        assert second.json_body["code"] != first.json_body["code"]

    def test_an_alias_finds_its_own_link(self, http: Http) -> None:
        """The same alias for the same URL is no conflict; for another URL it is."""
        create(http, url="https://example.com/", alias="sale")

        again = create(http, url="https://example.com/", alias="sale", findExisting=True)
        other = create(http, url="https://example.com/other", alias="sale", findExisting=True)

        assert (again.status_code, again.json_body["code"]) == (200, "sale")
        assert other.status_code == 409

    def test_of_two_at_the_same_time_one_makes_the_link(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the index lags behind the table, the claim decides."""
        monkeypatch.setattr(deed, "_found", lambda *_: None)
        first = create(http, url="https://example.com/", findExisting=True)

        second = create(http, url="https://example.com/", findExisting=True)

        assert (second.status_code, second.json_body["code"]) == (200, first.json_body["code"])
        assert stored() == 1

    @pytest.mark.parametrize(
        "other",
        [{"permanent": True}, {"unguessable": True}, {"title": "Another"}, {"note": "Another"}, {"tags": ["x"]}],
        ids=lambda other: next(iter(other)),
    )
    def test_each_wish_has_a_claim_of_its_own(
        self, http: Http, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
    ) -> None:
        """A wish is met at the same time by its like, whatever else is wanted of the URL in that minute."""
        monkeypatch.setattr(deed, "_found", lambda *_: None)
        create(http, url="https://example.com/", findExisting=True)

        first, second = (create(http, url="https://example.com/", findExisting=True, **other) for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json_body["code"] == first.json_body["code"]


def test_every_bad_field_is_listed_at_once(http: Http) -> None:
    """Nobody should have to repair a form one refusal at a time."""
    answer = create(http, url="ftp://example.com", alias="no/slash", tags="x", expiresIn="soon", titel="T", permanent=1)

    problem = answer.json_body
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {error["field"] for error in problem["errors"]} == {
        "url",
        "alias",
        "tags",
        "expiresIn",
        "titel",
        "permanent",
    }
    assert all(error["code"] and error["message"] for error in problem["errors"])
    assert stored() == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed-request"),
        (b"{", 400, "malformed-request"),
        (b"null", 400, "malformed-request"),
        (b"[1]", 400, "malformed-request"),
        (b"[" * 100_000, 400, "malformed-request"),
        (b'{"url": NaN}', 400, "malformed-request"),
        (b'{"url": "\\ud800"}', 400, "malformed-request"),
        (b'{"url": "https://a.com", "url": "https://b.com"}', 400, "malformed-request"),
        (b'\xef\xbb\xbf{"url": "https://a.com"}', 400, "malformed-request"),
        (b'{"url": "\xff"}', 400, "malformed-request"),
        (b'{"note": "' + b"x" * 70_000 + b'"}', 413, "body-too-large"),
        (b"{}", 422, "link-invalid"),
        (b'{"url": null}', 422, "link-invalid"),
        (b'{"url": {"$ne": ""}}', 422, "link-invalid"),
        (b'{"url": "https://example.com/", "alias": "ping"}', 422, "link-invalid"),
        (b'{"url": "https://sho.rt/x"}', 422, "link-invalid"),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_bad_bodies_get_a_clear_error(http: Http, body: bytes, status: int, code: str) -> None:
    """Each is refused by its own name, none is a 500, and nothing is stored."""
    answer = http.post("/links", body=body, headers=JSON)

    assert (answer.status_code, answer.json_body["code"]) == (status, code)
    assert answer.json_body["detail"]
    assert stored() == 0


@pytest.mark.parametrize(
    "content_type", [None, "APPLICATION/JSON", "application/json; charset=utf-8", "application/x+json"]
)
def test_json_may_be_called_many_names(http: Http, content_type: str | None) -> None:
    """Clients that say little or say it oddly are served all the same."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    made = http.post("/links", body=b'{"url": "https://example.com/"}', headers=headers)

    assert made.status_code == 201


def test_a_form_is_told_to_send_json(http: Http) -> None:
    """What `curl -d` sends without a header is refused with the header that helps."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = http.post("/links", body=b'{"url": "https://example.com/"}', headers=headers)

    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json_body["detail"]


def test_while_the_table_is_down_nothing_is_promised(http: Http) -> None:
    """A creation that was not stored is no 201; the client is told when to try again."""
    with table_down() as tried:
        answer = create(http, url="https://example.com/")

    assert (answer.status_code, answer.json_body["code"]) == (503, "store-unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert tried == ["BatchGetItem"] * 2 + ["PutItem"] * 3  # whether its host is blocked; and the link itself


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL"])
def test_short_urls_come_from_the_setting_alone(http: Http, name: str) -> None:
    """No header of a request can put another host into an answer."""
    headers = {**JSON, name: "evil.com"}

    made = http.post("/links", body=b'{"url": "https://example.com/"}', headers=headers)

    assert "evil.com" not in made.body.decode() + str(made.headers)
    assert made.headers["Location"].startswith("https://sho.rt/")
