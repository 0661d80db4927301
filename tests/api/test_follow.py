"""GET and HEAD /{code}: the redirect."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.config import Config
from chalice.test import TestHTTPClient as Http

import app as service
from chalicelib.api import redirect
from chalicelib.aws import clients, link_cache
from chalicelib.aws.dynamodb import link_store
from chalicelib.core.links.link import Link
from chalicelib.settings import settings
from chalicelib.usecases import domain_settings
from dev.local.chalice_local import Gateway
from tests.callers import Keyed
from tests.faults import table_down

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}


def stored(code: str, **fields: Any) -> Link:
    """Put a link into the table that is not in the cache."""
    link = Link(id=code, **{"url": f"https://example.com/{code}", "created_at": datetime.now(UTC), **fields})
    link_store.add(link, f"request-{code}")
    return link


def test_visitor_is_redirected(http: Http) -> None:
    """302, neither cached nor indexed, with CORS headers."""
    stored("sale")

    answer = http.get("/sale", headers=BROWSER)

    assert (answer.status_code, answer.body) == (302, b"")
    expected = {
        "Location": "https://example.com/sale",
        "Cache-Control": "private, no-store",
        "X-Robots-Tag": "noindex",
        "Access-Control-Allow-Origin": "*",
        "X-Content-Type-Options": "nosniff",
    }
    assert expected.items() <= answer.headers.items()
    assert answer.headers["X-Request-Id"]


def test_head_has_the_headers_of_get(http: Http) -> None:
    """Link checkers see what visitors see."""
    stored("sale")

    get, head = http.get("/sale"), http.head("/sale")

    volatile = {"X-Request-Id"}
    assert head.status_code == get.status_code
    assert {k: v for k, v in head.headers.items() if k not in volatile} == {
        k: v for k, v in get.headers.items() if k not in volatile
    }
    assert head.body == b""


@pytest.mark.parametrize("path", ["/sale/", "/sale?utm_source=x&a=1;b=2", "/sale/?"])
def test_added_slash_or_query_is_ignored(http: Http, path: str) -> None:
    """A trailing slash and a query change neither the link nor the query of its target."""
    stored("sale", url="https://example.com/?sig=a%2Fb+c&x=%C3%BC#f")

    assert http.get(path).headers["Location"] == "https://example.com/?sig=a%2Fb+c&x=%C3%BC#f"


def test_item_with_code_and_url_only_works(http: Http) -> None:
    """A link needs only `code` and `originalUrl`; the URL may have any letters."""
    table = boto3.client("dynamodb")
    for code, url in {"old": "https://example.com/old", "uml": "https://bücher.example.com/ü b"}.items():
        table.put_item(TableName="url-shortener", Item={"code": {"S": code}, "originalUrl": {"S": url}})

    assert http.get("/old").headers["Location"] == "https://example.com/old"
    assert http.get("/uml").headers["Location"] == "https://xn--bcher-kva.example.com/%C3%BC%20b"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "not a url", "https://exa\r\nSet-Cookie: x=1", "\r\nSet-Cookie: x=1"]
)
def test_stored_url_cannot_inject_a_header(http: Http, url: str) -> None:
    """Tables filled by other programs may hold anything; the Location has no control characters."""
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item={"code": {"S": "odd"}, "originalUrl": {"S": url}})

    answer = http.get("/odd")

    assert answer.headers["Location"] in {"https://sho.rt", "https://exaset-cookie/"}
    assert "Set-Cookie" not in answer.headers


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("path", ["a;b=1", "a;b=1;c", "a/b;c", ";x", "a;b=1?x=1;2"])
def test_semicolon_stays_in_a_path(path: str) -> None:
    """`chalice local` keeps it, as API Gateway does."""
    link_store.add(Link(id="fp", url="https://example.com", forward_path=True), "made")

    answer = Gateway(service.app, Config.create()).handle_request("GET", f"/fp/{path}", {}, None)

    assert answer["headers"]["Location"] == f"https://example.com/{path.partition('?')[0]}"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("code", ["app", "v1", "tags", "_", "login", "s"])
def test_link_with_a_reserved_code_still_works(http: Http, ann: Keyed, code: str) -> None:
    """A link from before the word was reserved can be changed, and its code is never given out again."""
    link_store.add(Link(id=code, url="https://example.com/old", owner="ann", version=1), "made")

    assert http.get(f"/{code}").headers["Location"] == "https://example.com/old"
    assert ann("PATCH", f"/links/{code}", {"title": "Old"}).status_code == 200
    for alias in (code, code.upper()):
        refused = ann("POST", "/links", {"url": "https://example.com/", "alias": alias})
        assert refused.json_body["errors"][0]["code"] == "reserved"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("end", [".", ")", ",", "%20", "%E2%80%9D", "!", "%E3%80%82", "%3E"])
def test_punctuation_after_a_code_is_ignored(http: Http, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """The visit is counted for the link; letters after the code make another code."""
    stored("wiki")
    counted: list[str] = []
    monkeypatch.setattr("chalicelib.api.redirect.track", lambda visit, _: counted.append(visit.link_id))

    answers = [http.get(f"/wiki{end}"), http.get(f"/wiki{end}html")]

    assert [answer.headers["Location"] for answer in answers] == ["https://example.com/wiki", "https://sho.rt"]
    assert counted == ["wiki"]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/wik%69", "https://example.com/wiki"),
        ("/%77%69%6B%69/?a=%20", "https://example.com/wiki"),
        ("/wik%2569", "https://sho.rt"),
        ("/wiki%2Fx", "https://sho.rt"),
        ("/wiki%ff", "https://sho.rt"),
        ("/wiki%00", "https://sho.rt"),
        ("/caf%C3%A9", "https://sho.rt"),
        ("/wik%", "https://sho.rt"),
    ],
)
def test_percent_encoded_code_is_decoded_once(path: str, url: str) -> None:
    """Some programs encode more than they must: `chalice local` decodes once, as API Gateway does."""
    stored("wiki")

    answer = Gateway(service.app, Config.create()).handle_request("GET", path, {}, None)

    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, url)


def test_items_of_other_programs_cause_no_500(http: Http) -> None:
    """An item without a URL is unknown; an end in seconds, as for TTL, is an end."""
    table = boto3.client("dynamodb")
    over = {"code": {"S": "over"}, "originalUrl": {"S": "https://example.com/"}, "expiresAt": {"N": "1600000000"}}
    for item in ({"code": {"S": "empty"}}, over):
        table.put_item(TableName="url-shortener", Item=item)

    assert http.get("/empty", headers=BROWSER).headers["Location"] == "https://sho.rt"
    assert http.get("/empty", headers=PROGRAM).json_body["code"] == "link-unknown"
    assert http.get("/over").json_body["code"] == "link-expired"


class TestPermanent:
    """301 for links marked permanent."""

    def test_permanent_redirect_is_cached_for_an_hour(self, http: Http) -> None:
        """Not longer, so that changes of the link reach all browsers."""
        stored("moved", permanent=True)

        answer = http.get("/moved")

        assert (answer.status_code, answer.headers["Cache-Control"]) == (301, "public, max-age=3600")

    def test_caching_ends_when_the_link_expires(self, http: Http) -> None:
        """A link that expires in ten minutes is cached for at most ten minutes."""
        stored("moved", permanent=True, expires_at=datetime.now(UTC) + timedelta(minutes=10))

        seconds = int(http.get("/moved").headers["Cache-Control"].rpartition("=")[2])

        assert 590 <= seconds <= 600


class TestUnknown:
    """Unknown codes."""

    @pytest.mark.parametrize(
        "path", ["/nobody", "/wp-login.php", "/caf%C3%A9", "/a%2Fb", "/..", "/" + "x" * 65, "/a+b"]
    )
    def test_browser_is_redirected_home(self, http: Http, path: str) -> None:
        """302 to BASE_URL, as in the first version; never cached."""
        answer = http.get(path, headers=BROWSER)

        assert (answer.status_code, answer.headers["Location"]) == (302, "https://sho.rt")
        assert answer.headers["Cache-Control"] == "private, no-store"

    def test_json_client_gets_404(self, http: Http) -> None:
        """Clients that accept JSON get a 404 that they can read."""
        answer = http.get("/nobody", headers=PROGRAM)

        assert (answer.status_code, answer.json_body["code"]) == (404, "link-unknown")

    def test_setting_shows_a_404_page_instead(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """With `UNKNOWN_CODE=404`, browsers get a 404 page too."""
        monkeypatch.setattr(redirect, "settings", dataclasses.replace(settings, unknown_code="404"))

        answer = http.get("/nobody", headers=BROWSER)

        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert b"No such short link" in answer.body

    def test_impossible_code_costs_no_read(self, http: Http) -> None:
        """Requests of scanners are answered without reading a table, once it is known what the domain is set to."""
        http.get("/nobody")

        with table_down() as tried:
            answer = http.get("/wp-login.php")

        assert (answer.status_code, tried) == (302, [])


class TestExpired:
    """Expired links."""

    def test_expired_link_shows_a_page(self, http: Http) -> None:
        """410 with an explanation, and no redirect to the home page."""
        stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))

        answer = http.get("/over", headers=BROWSER)

        assert (answer.status_code, answer.headers["Content-Type"]) == (410, "text/html; charset=utf-8")
        assert b"This link has expired" in answer.body
        assert "Location" not in answer.headers

    def test_expired_link_is_a_problem_for_json_clients(self, http: Http) -> None:
        """410 as a problem document."""
        stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))

        answer = http.get("/over", headers=PROGRAM)

        assert (answer.status_code, answer.json_body["code"]) == (410, "link-expired")

    def test_cached_link_expires_on_time(self, http: Http) -> None:
        """Expiry is checked when the visitor arrives, also for a link that was read before it ended."""
        link = stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        link_cache.put(link, datetime.now(UTC) - timedelta(seconds=30))

        assert http.get("/over").status_code == 410

    def test_head_of_an_expired_link_has_no_body(self, http: Http) -> None:
        """A HEAD answers 410 without a body."""
        stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))

        answer = http.head("/over", headers=BROWSER)

        assert (answer.status_code, answer.body) == (410, b"")


class TestTableDown:
    """The table does not answer."""

    def test_cached_link_works_without_the_table(self, http: Http) -> None:
        """A container redirects by its cache while the table does not respond."""
        link = stored("sale")
        link_cache.put(link, datetime.now(UTC) - timedelta(minutes=9))

        with table_down() as tried:
            answer = http.get("/sale")

        assert (answer.status_code, answer.headers["Location"]) == (302, link.url)
        # The link twice, the day's salt once, the row of the click twice.
        assert tried == [*["GetItem"] * 2, "UpdateItem", *["PutItem"] * 2]

    def test_unknown_link_without_the_table_is_503(self, http: Http) -> None:
        """503 with Retry-After, as a page; no redirect to the home page, which would hide the fault."""
        with table_down() as tried:
            answer = http.get("/sale", headers=BROWSER)

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert b"cannot be reached right now" in answer.body
        assert tried == ["GetItem"] * 2

    def test_second_visitor_does_not_wait_for_the_table(self, http: Http) -> None:
        """The next visitor gets 503 at once, without another read."""
        with table_down() as tried:
            answers = [http.get(f"/{code}") for code in ("sale", "sale", "other")]

        assert [answer.status_code for answer in answers] == [503] * 3
        assert tried == ["GetItem"] * 2


@contextmanager
def reads_noted() -> Iterator[list[bool]]:
    """Yield the reads of items, each with whether it is consistent."""
    reads: list[bool] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        reads.append(b'"ConsistentRead": true' in params["body"])

    events = clients.reads.meta.events
    events.register("before-call.dynamodb.GetItem", note, "note")
    try:
        yield reads
    finally:
        events.unregister("before-call.dynamodb.GetItem", note, "note")


def test_new_link_is_found_by_a_consistent_read(http: Http) -> None:
    """A missing link is read again consistently, so that a new link works at once."""
    http.get("/anybody")  # what the domain is set to is cached from now on

    with reads_noted() as reads:
        http.get("/nobody")

    assert reads == [False, True]


@pytest.mark.parametrize(
    ("path", "reads"),
    [("/sale", 1), ("/sale+", 2), ("/v1", 2), ("/v1/typo", 0), ("/api/a/b", 0), ("/v1/qr", 0), ("/no.code", 0)],
)
def test_table_is_asked_no_more_than_needed(http: Http, path: str, reads: int) -> None:
    """A link once, an unknown code twice, and below a reserved word never; a preview asks which days are open, too.

    What the domain is set to is cached.
    """
    stored("sale")
    domain_settings.find("", datetime.now(UTC))

    with reads_noted() as noted:
        http.get(path, headers={**BROWSER, "DNT": "1"})

    assert len(noted) == reads
