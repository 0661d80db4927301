"""GET and HEAD /{code}: the redirect."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.config import Config
from chalice.test import TestHTTPClient as Http

import app as doors
from chalicelib import redirect_door
from chalicelib.aws import clients, link_cache, link_table
from chalicelib.core.link import Link
from chalicelib.settings import settings
from dev.chalice_local import Gateway
from tests.faults import table_down

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}


def stored(code: str, **fields: Any) -> Link:
    """Put a link into the table, unknown to the container's memory."""
    link = Link(code=code, **{"url": f"https://example.com/{code}", "created_at": datetime.now(UTC), **fields})
    link_table.add(link, f"request-{code}")
    return link


def test_a_visitor_is_sent_on(http: Http) -> None:
    """302, not to be cached, not to be indexed, open to other sites' scripts."""
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


def test_head_answers_the_same_head(http: Http) -> None:
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
def test_what_people_add_to_a_link_does_not_break_it(http: Http, path: str) -> None:
    """A trailing slash and a query leave the link as it is, and its target's own query untouched."""
    stored("sale", url="https://example.com/?sig=a%2Fb+c&x=%C3%BC#f")

    assert http.get(path).headers["Location"] == "https://example.com/?sig=a%2Fb+c&x=%C3%BC#f"


def test_a_table_of_the_talk_works_unchanged(http: Http) -> None:
    """`code` and `originalUrl` are all a link needs, whatever letters the URL holds."""
    table = boto3.client("dynamodb")
    for code, url in {"old": "https://example.com/old", "uml": "https://bücher.example.com/ü b"}.items():
        table.put_item(TableName="url-shortener", Item={"code": {"S": code}, "originalUrl": {"S": url}})

    assert http.get("/old").headers["Location"] == "https://example.com/old"
    assert http.get("/uml").headers["Location"] == "https://xn--bcher-kva.example.com/%C3%BC%20b"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "not a url", "https://exa\r\nSet-Cookie: x=1", "\r\nSet-Cookie: x=1"]
)
def test_nothing_stored_can_write_a_header(http: Http, url: str) -> None:
    """A table that was filled elsewhere may hold anything; what leaves is a clean Location."""
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item={"code": {"S": "odd"}, "originalUrl": {"S": url}})

    answer = http.get("/odd")

    assert answer.headers["Location"] in {"https://sho.rt", "https://exaset-cookie/"}
    assert "Set-Cookie" not in answer.headers


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
def test_a_code_may_arrive_percent_encoded(path: str, url: str) -> None:
    """Some programs encode more than they must: `chalice local` decodes once, as API Gateway does."""
    stored("wiki")

    answer = Gateway(doors.app, Config.create()).handle_request("GET", path, {}, None)

    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, url)


def test_items_of_other_programs_are_no_defect(http: Http) -> None:
    """Without a URL an item is unknown; an end in seconds, as TTL wants it, is an end."""
    table = boto3.client("dynamodb")
    over = {"code": {"S": "over"}, "originalUrl": {"S": "https://example.com/"}, "expiresAt": {"N": "1600000000"}}
    for item in ({"code": {"S": "empty"}}, over):
        table.put_item(TableName="url-shortener", Item=item)

    assert http.get("/empty", headers=BROWSER).headers["Location"] == "https://sho.rt"
    assert http.get("/empty", headers=PROGRAM).json_body["code"] == "link-unknown"
    assert http.get("/over").json_body["code"] == "link-expired"


class TestPermanent:
    """301 for links marked permanent."""

    def test_it_may_be_cached_for_an_hour(self, http: Http) -> None:
        """Not for ever: an edited link must reach everybody some day."""
        stored("moved", permanent=True)

        answer = http.get("/moved")

        assert (answer.status_code, answer.headers["Cache-Control"]) == (301, "public, max-age=3600")

    def test_no_cache_outlives_the_link(self, http: Http) -> None:
        """A link with ten minutes to live is cached for no longer."""
        stored("moved", permanent=True, expires_at=datetime.now(UTC) + timedelta(minutes=10))

        seconds = int(http.get("/moved").headers["Cache-Control"].rpartition("=")[2])

        assert 590 <= seconds <= 600


class TestUnknown:
    """Codes that lead nowhere."""

    @pytest.mark.parametrize(
        "path", ["/nobody", "/wp-login.php", "/caf%C3%A9", "/a%2Fb", "/..", "/" + "x" * 65, "/a+b"]
    )
    def test_a_browser_is_sent_home(self, http: Http, path: str) -> None:
        """302 to BASE_URL, as in the talk; never cached."""
        answer = http.get(path, headers=BROWSER)

        assert (answer.status_code, answer.headers["Location"]) == (302, "https://sho.rt")
        assert answer.headers["Cache-Control"] == "private, no-store"

    def test_a_program_is_told(self, http: Http) -> None:
        """Who asks for JSON gets a 404 it can read."""
        answer = http.get("/nobody", headers=PROGRAM)

        assert (answer.status_code, answer.json_body["code"]) == (404, "link-unknown")

    def test_a_page_may_be_shown_instead(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """`UNKNOWN_CODE=404`: dead links show as dead, to people and monitors."""
        monkeypatch.setattr(redirect_door, "settings", dataclasses.replace(settings, unknown_code="404"))

        answer = http.get("/nobody", headers=BROWSER)

        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert b"No such short link" in answer.body

    def test_what_cannot_be_a_code_costs_no_read(self, http: Http) -> None:
        """Probes for other people's holes are answered without the table."""
        with table_down() as tried:
            answer = http.get("/wp-login.php")

        assert (answer.status_code, tried) == (302, [])


class TestExpired:
    """Links whose time is over."""

    def test_a_visitor_sees_a_page(self, http: Http) -> None:
        """410 and a sentence, not the home page: people ask for the difference."""
        stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))

        answer = http.get("/over", headers=BROWSER)

        assert (answer.status_code, answer.headers["Content-Type"]) == (410, "text/html; charset=utf-8")
        assert b"This link has expired" in answer.body
        assert "Location" not in answer.headers

    def test_a_program_gets_a_problem(self, http: Http) -> None:
        """The same as JSON."""
        stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))

        answer = http.get("/over", headers=PROGRAM)

        assert (answer.status_code, answer.json_body["code"]) == (410, "link-expired")

    def test_memory_does_not_keep_a_link_alive(self, http: Http) -> None:
        """Expiry is judged when the visitor arrives, also for a link that was read before it ended."""
        link = stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        link_cache.learn(link, datetime.now(UTC) - timedelta(seconds=30))

        assert http.get("/over").status_code == 410

    def test_head_has_no_page(self, http: Http) -> None:
        """A HEAD answers 410 without a body."""
        stored("over", expires_at=datetime.now(UTC) - timedelta(seconds=1))

        answer = http.head("/over", headers=BROWSER)

        assert (answer.status_code, answer.body) == (410, b"")


class TestTableDown:
    """The table does not answer."""

    def test_a_link_seen_before_still_works(self, http: Http) -> None:
        """Warm containers carry their visitors over the gap."""
        link = stored("sale")
        link_cache.learn(link, datetime.now(UTC) - timedelta(minutes=9))

        with table_down() as tried:
            answer = http.get("/sale")

        assert (answer.status_code, answer.headers["Location"]) == (302, link.url)
        assert tried == [*["GetItem"] * 2, "UpdateItem"]  # the link twice, the day's salt once

    def test_others_are_asked_to_come_back(self, http: Http) -> None:
        """503 with Retry-After, as a page for people; never home, which would hide the fault."""
        with table_down() as tried:
            answer = http.get("/sale", headers=BROWSER)

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert b"cannot be reached right now" in answer.body
        assert tried == ["GetItem"] * 2

    def test_only_the_first_waits_for_the_table(self, http: Http) -> None:
        """Whoever comes in the next moment is told at once, without another try."""
        with table_down() as tried:
            answers = [http.get(f"/{code}") for code in ("sale", "sale", "other")]

        assert [answer.status_code for answer in answers] == [503] * 3
        assert tried == ["GetItem"] * 2


def test_a_link_made_elsewhere_is_found_despite_a_late_replica(http: Http) -> None:
    """A miss is read once more, consistently, so that a link works the moment it was created."""
    reads: list[bool] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        reads.append(b'"ConsistentRead": true' in params["body"])

    events = clients.reads.meta.events
    events.register("before-call.dynamodb.GetItem", note, "note")
    http.get("/nobody")
    events.unregister("before-call.dynamodb.GetItem", note, "note")

    assert reads == [False, True]
