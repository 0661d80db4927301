"""POST /links: creating links, and every way in which that is refused."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http

from chalicelib.core.links import codes
from chalicelib.errors import MOST_ERRORS
from chalicelib.usecases import create_link
from tests.callers import Keyed, make_key
from tests.faults import table_down

JSON = {"Content-Type": "application/json"}


def create(http: Http, accept: str = "application/json", **fields: Any) -> HTTPResponse:
    """Send a request to create a link."""
    return http.post("/links", body=json.dumps(fields).encode(), headers={**JSON, "Accept": accept})


def stored() -> int:
    """Return the number of links in the table."""
    return int(boto3.client("dynamodb").scan(TableName="url-shortener")["Count"])


def test_link_is_created(http: Http) -> None:
    """The response is the link, with its URL in Location."""
    response = create(http, url="HTTPS://Example.com/a b".replace(" ", "%20"))

    link = response.json_body
    assert response.status_code == 201
    assert link["url"] == "https://example.com/a%20b"
    assert codes.is_code(link["code"])
    assert link["shortUrl"] == response.headers["Location"] == f"https://sho.rt/{link['code']}"
    assert http.get(f"/{link['code']}").headers["Location"] == link["url"]


def test_all_fields_are_stored(ann: Keyed) -> None:
    """GET shows the same link as the response to POST."""
    options: dict[str, Any] = {
        "title": "Sale",
        "note": "two\nlines",
        "tags": ["a", "b"],
        "expiresAt": "2099-01-01T01:00:00+01:00",
    }

    response = ann("POST", "/links", {"url": "https://example.com/", "alias": "sale", "permanent": True, **options})

    expected = {**options, "expiresAt": "2099-01-01T00:00:00.000Z", "permanent": True, "code": "sale"}
    assert {name: response.json_body[name] for name in expected} == expected
    shown = ann.get("/links/sale")
    assert shown.json_body == response.json_body
    assert shown.headers["ETag"] == response.headers["ETag"]


def test_text_response_is_the_short_url(http: Http) -> None:
    """With `Accept: text/plain`, so that a shell needs no JSON parser."""
    response = create(http, accept="text/plain", url="https://example.com/", alias="sale")

    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.body == b"https://sho.rt/sale"


def test_expires_in_counts_from_now(http: Http) -> None:
    """By the clock of the server."""
    before = datetime.now(UTC)

    response = create(http, url="https://example.com/", expiresIn="12h")

    expires = datetime.fromisoformat(response.json_body["expiresAt"])
    assert timedelta(hours=11, minutes=59) < expires - before < timedelta(hours=12, minutes=1)


def test_alias_is_never_overwritten(http: Http) -> None:
    """The second request for an alias gets 409 with the short URL of the existing link, which is unchanged."""
    create(http, url="https://example.com/first", alias="sale")

    second = create(http, url="https://example.com/second", alias="sale")

    assert second.status_code == 409
    assert second.json_body["code"] == "alias-taken"
    assert second.json_body["shortUrl"] == "https://sho.rt/sale"
    assert http.get("/sale").headers["Location"] == "https://example.com/first"


def test_another_code_is_generated_on_a_collision(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client does not notice that a generated code was in use."""
    generated = iter(["taken", "taken", "free"])
    monkeypatch.setattr(codes, "generate", lambda **_: next(generated))
    create(http, url="https://example.com/first")

    second = create(http, url="https://example.com/second")

    assert (second.status_code, second.json_body["code"]) == (201, "free")
    assert http.get("/taken").headers["Location"] == "https://example.com/first"


def test_repeated_collisions_give_503(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """After eight attempts the client is asked to retry, and nothing is stored."""
    monkeypatch.setattr(codes, "generate", lambda **_: "taken")
    create(http, url="https://example.com/first")

    second = create(http, url="https://example.com/second")

    assert (second.status_code, second.json_body["code"]) == (503, "no-free-code")
    assert second.headers["Retry-After"] == "1"
    assert stored() == 1


def test_unguessable_code_has_twelve_random_characters(http: Http) -> None:
    """On request, the code is one of 58^12."""
    response = create(http, url="https://example.com/", unguessable=True)

    assert len(response.json_body["code"]) == 12
    assert response.json_body["unguessable"] is True


class TestFindExisting:
    """`findExisting`: an existing link that satisfies the request is returned instead of a new one."""

    def test_same_request_finds_the_same_link(self, http: Http) -> None:
        """Asked twice, made once; the second answer is 200."""
        first = create(http, url="https://example.com/", findExisting=True)

        second = create(http, url="https://EXAMPLE.com", findExisting=True)

        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json_body == {name: value for name, value in first.json_body.items() if name != "manageKey"}
        assert stored() == 1

    def test_link_created_without_it_is_found(self, ann: Keyed) -> None:
        """Whether the option was set at creation does not matter, nor do fields that are not requested."""
        first = ann.make(title="Described")

        second = ann.make(findExisting=True)

        assert second == first

    def test_without_a_key_no_notes_of_others_are_revealed(self, http: Http) -> None:
        """Without a key, a link is reused only if it reveals nothing beyond the request."""
        create(http, url="https://example.com/", note="my secret")

        second = create(http, url="https://example.com/", findExisting=True)

        assert (second.status_code, second.json_body["note"]) == (201, None)

    def test_link_of_another_owner_is_not_found(self, ann: Keyed, http: Http) -> None:
        """The same request of another owner creates another link."""
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
    def test_other_options_create_another_link(self, http: Http, other: dict[str, Any]) -> None:
        """A link that does or says something else is not what was asked for."""
        first = create(http, url="https://example.com/")

        second = create(http, url="https://example.com/", findExisting=True, **other)

        assert second.status_code == 201
        assert second.json_body["code"] != first.json_body["code"]

    def test_alias_finds_its_link(self, http: Http) -> None:
        """An alias in use is a conflict only with another URL."""
        create(http, url="https://example.com/", alias="sale")

        again = create(http, url="https://example.com/", alias="sale", findExisting=True)
        other = create(http, url="https://example.com/other", alias="sale", findExisting=True)

        assert (again.status_code, again.json_body["code"]) == (200, "sale")
        assert other.status_code == 409

    def test_concurrent_requests_create_one_link(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even while the index lags behind the table, because of the claim."""
        monkeypatch.setattr(create_link, "_find_existing", lambda *_: None)
        first = create(http, url="https://example.com/", findExisting=True)

        second = create(http, url="https://example.com/", findExisting=True)

        assert (second.status_code, second.json_body["code"]) == (200, first.json_body["code"])
        assert stored() == 1

    @pytest.mark.parametrize(
        "other",
        [{"permanent": True}, {"unguessable": True}, {"title": "Another"}, {"note": "Another"}, {"tags": ["x"]}],
        ids=lambda other: next(iter(other)),
    )
    def test_each_set_of_options_has_its_own_claim(
        self, http: Http, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
    ) -> None:
        """Equal requests share one link, even if other links to the URL are created in the same minute."""
        monkeypatch.setattr(create_link, "_find_existing", lambda *_: None)
        create(http, url="https://example.com/", findExisting=True)

        first, second = (create(http, url="https://example.com/", findExisting=True, **other) for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json_body["code"] == first.json_body["code"]


def test_all_errors_are_reported_at_once(http: Http) -> None:
    """Each has a field, a code and a message, and nothing is stored."""
    response = create(
        http, url="ftp://example.com", alias="no/slash", tags="x", expiresIn="soon", titel="T", permanent=1
    )

    problem = response.json_body
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
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
    ("method", "path", "body"),
    [
        ("POST", "/links", {}),
        ("PATCH", "/links/sale", {}),
        ("POST", "/links", {"url": "https://example.com/", "rules": [{"url": "https://example.com/"}]}),
        ("POST", "/keys", {}),
        ("POST", "/imports", {}),
        ("POST", "/exports", {}),
        ("POST", "/links/bulk", {}),
        ("POST", "/links/bulk?dryRun=true", {"links": [{}]}),
        ("POST", "/links/bulk", {"links": [{"url": "https://example.com/"}, {}]}),
    ],
    ids=str,
)
def test_number_of_reported_errors_is_limited(http: Http, method: str, path: str, body: dict[str, Any]) -> None:
    """Of thousands of unknown fields, twenty are reported, and the number of the others."""
    root = Keyed(http, make_key("root", "admin"))
    root.make(alias="sale")
    unknown = {f"\U0001f600{number:05}": number for number in range(2000)}
    wrong = body["links"][-1] if "links" in body else body.get("rules", [body])[-1]
    wrong |= unknown

    response = root(method, path, body)

    assert len(response.body) < 20_000
    shown = response.json_body["data"][-1]["problem"] if response.status_code == 200 else response.json_body
    assert len(shown["errors"]) == MOST_ERRORS + 1
    assert re.search("1,9[78][0-9] more", shown["errors"][-1]["message"])
    assert len(shown["detail"]) < 5_000


@pytest.mark.parametrize("path", ["/links", "/links/bulk", "/links/bulk?dryRun=true"])
def test_finding_a_link_needs_the_scope_read(http: Http, ann: Keyed, path: str) -> None:
    """A key with the scope create alone is not shown the notes and visits of existing links."""
    ann.make(note="for the board")
    body = {"url": "https://example.com/", "findExisting": True}
    only_create = Keyed(http, make_key("ann", "create"))

    response = only_create("POST", path, body if path == "/links" else {"links": [body]})

    problem = response.json_body if path == "/links" else response.json_body["data"][0]["problem"]
    assert (problem["code"], problem["scope"]) == ("scope-missing", "read")
    assert "for the board" not in response.body.decode()
    assert Keyed(http, make_key("ann", "create", "read")).make(findExisting=True)["note"] == "for the board"


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
        (b'{\xef\xbb\xbf"url": "https://a.com"}', 400, "malformed-request"),
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
def test_invalid_bodies_are_refused_with_a_code(http: Http, body: bytes, status: int, code: str) -> None:
    """None gives a 500, and nothing is stored."""
    response = http.post("/links", body=body, headers=JSON)

    assert (response.status_code, response.json_body["code"]) == (status, code)
    assert response.json_body["detail"]
    assert stored() == 0


@pytest.mark.parametrize(
    "content_type", [None, "APPLICATION/JSON", "application/json; charset=utf-8", "application/x+json"]
)
def test_content_types_of_json(http: Http, content_type: str | None) -> None:
    """Missing and unusual forms are accepted."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    response = http.post("/links", body=b'{"url": "https://example.com/"}', headers=headers)

    assert response.status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "x"])
def test_encoded_body_is_refused(http: Http, encoding: str) -> None:
    """With the encoding in the message, rather than as malformed JSON."""
    response = http.post(
        "/links", body=gzip.compress(b'{"url": "https://example.com/"}'), headers={**JSON, "Content-Encoding": encoding}
    )

    assert (response.status_code, response.json_body["code"]) == (415, "media-type-unsupported")
    assert encoding in response.json_body["detail"]


def test_byte_order_mark_is_ignored(http: Http) -> None:
    """Some editors and libraries write one (RFC 8259, section 8.1)."""
    body = b'\xef\xbb\xbf{"url": "https://example.com/"}'

    assert http.post("/links", body=body, headers={**JSON, "Content-Encoding": "identity"}).status_code == 201


def test_form_is_refused_with_the_expected_content_type(http: Http) -> None:
    """`curl -d` sends a form by default; the message has the header to add."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    response = http.post("/links", body=b'{"url": "https://example.com/"}', headers=headers)

    assert response.status_code == 415
    assert "Content-Type: application/json" in response.json_body["detail"]


def test_unavailable_table_gives_503(http: Http) -> None:
    """Never 201; the response says when to retry."""
    with table_down() as tried:
        response = create(http, url="https://example.com/")

    assert (response.status_code, response.json_body["code"]) == (503, "store-unavailable")
    assert response.headers["Retry-After"] == "1"
    assert tried == ["BatchGetItem"] * 2 + ["PutItem"] * 3  # the check of its host; then the link itself


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL"])
def test_short_urls_use_the_configured_host(http: Http, name: str) -> None:
    """No header of a request can put another host into the response."""
    headers = {**JSON, name: "evil.com"}

    response = http.post("/links", body=b'{"url": "https://example.com/"}', headers=headers)

    assert "evil.com" not in response.body.decode() + str(response.headers)
    assert response.headers["Location"].startswith("https://sho.rt/")
