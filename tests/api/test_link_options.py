"""The options of a link, through the routes that visitors and owners use."""

from __future__ import annotations

import base64
import io
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
import zxingcpp
from botocore.exceptions import ReadTimeoutError
from chalice.test import TestHTTPClient as Http
from PIL import Image

import app as service
from chalicelib.aws import clients, link_cache
from chalicelib.aws.dynamodb import abuse_report_store, blocked_host_store, link_store, salt_store
from chalicelib.aws.dynamodb.blocked_host_store import Blocked
from chalicelib.core import limits
from chalicelib.core.links import password, unlock_cookie
from chalicelib.core.links.link import Link
from chalicelib.errors import StoreUnavailable
from chalicelib.usecases import block_hosts, identify_visitor
from tests.callers import Keyed, make_key
from tests.core.visits.test_navigation import PEOPLE, PROGRAMS
from tests.sizes import grows, usual_or_long

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
HTML = "text/html,application/xhtml+xml"
TARGET = "https://example.com/secret-place"
NEXT_YEAR = datetime.now(UTC) + timedelta(days=366)


def arrive(
    path: str,
    method: str = "GET",
    query: dict[str, list[str]] | None = None,
    form: dict[str, str] | None = None,
    address: str = "203.0.113.1",
    **headers: str,
) -> dict[str, Any]:
    """Visit ``path`` with a browser's request, as API Gateway sends it."""
    code, *more = path.removeprefix("/").split("/")
    known = {"qr", "report"} & set(more[:1])
    names = [] if known else [f"path{place + 1}" for place in range(len(more))]
    resource = "/{code}" + "".join(f"/{{{name}}}" for name in names) + "".join(f"/{name}" for name in known)
    sent = {"user-agent": FIREFOX, "accept": HTML} | {name.replace("_", "-"): text for name, text in headers.items()}
    event = {
        "requestContext": {"httpMethod": method, "resourcePath": resource, "identity": {"sourceIp": address}},
        "headers": sent | ({"content-type": "application/x-www-form-urlencoded"} if form is not None else {}),
        "pathParameters": {"code": code, **dict(zip(names, more, strict=False))},
        "multiValueQueryStringParameters": query,
        "body": None if form is None else urlencode(form),
        "stageVariables": None,
    }
    answer: dict[str, Any] = service.app(event, None)
    return answer


def outcome(answer: dict[str, Any]) -> tuple[int, str | None]:
    """Return the status and the Location."""
    return answer["statusCode"], answer["headers"].get("Location")


def made(ann: Keyed, code: str, **fields: Any) -> dict[str, Any]:
    """Create a link to ``TARGET`` and return it."""
    return ann.make(TARGET, alias=code, **fields)


class TestFromAndUntil:
    """``startsAt``, ``expiresAt``, ``fallbackUrl``."""

    def test_early_link_says_when_it_starts(self, ann: Keyed) -> None:
        """404 with Retry-After, as a page with the time, or as a problem document with startsAt."""
        start = datetime.now(UTC) + timedelta(hours=1)
        made(ann, "later", startsAt=start.isoformat())

        page, document = arrive("/later"), arrive("/later", accept="application/json")

        assert (page["statusCode"], document["statusCode"]) == (404, 404)
        assert 3500 < int(page["headers"]["Retry-After"]) <= 3600
        assert "This link does not work yet" in page["body"]
        assert json.loads(document["body"])["startsAt"].startswith(start.strftime("%Y-%m-%dT%H:%M:%S"))
        assert TARGET not in page["body"] + document["body"]

    def test_link_works_from_its_start(self, ann: Keyed) -> None:
        """A start in the past has no effect."""
        made(ann, "now", startsAt="2020-01-01T00:00:00Z", expiresAt=NEXT_YEAR.isoformat())

        assert outcome(arrive("/now")) == (302, TARGET)

    @pytest.mark.parametrize("over", [{"enabled": False}, {"expiresAt": "2020"}, {"maxVisits": 1, "confirm": False}])
    def test_ended_link_redirects_to_its_fallback(self, ann: Keyed, over: dict[str, Any]) -> None:
        """Switched off, expired or used up: 302 to the fallback, or 410 without one."""
        for code, fallback in (("with", {"fallbackUrl": "https://example.com/over"}), ("without", {})):
            if "expiresAt" in over:
                url = fallback.get("fallbackUrl")
                past = datetime(2020, 1, 1, tzinfo=UTC)
                link_store.add(Link(id=code, url=TARGET, expires_at=past, fallback_url=url), "made")
            else:
                made(ann, code, **over, **fallback)
            if "maxVisits" in over:
                assert outcome(arrive(f"/{code}")) == (302, TARGET)

        assert outcome(arrive("/with")) == (302, "https://example.com/over")
        assert outcome(arrive("/without")) == (410, None)

    def test_fallback_is_not_counted_as_a_visit(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A redirect to the fallback is not counted."""
        visits: list[Any] = []
        monkeypatch.setattr("chalicelib.api.redirect.track", lambda visit, _: visits.append(visit))
        made(ann, "off", enabled=False, fallbackUrl="https://example.com/over")

        arrive("/off")

        assert visits == []


class TestMaximum:
    """``maxVisits`` and ``confirm``."""

    def test_maximum_allows_that_many_visits(self, ann: Keyed) -> None:
        """Then the link is used up; its owner sees how many visits are left, and can allow more."""
        made(ann, "two", maxVisits=2)

        outcomes = [outcome(arrive("/two")) for _ in range(3)]
        left = ann.get("/links/two").json_body["visitsLeft"]
        ann("PATCH", "/links/two", {"maxVisits": 3})

        assert outcomes == [(302, TARGET), (302, TARGET), (410, None)]
        assert left == 0
        assert [outcome(arrive("/two")) for _ in range(2)] == [(302, TARGET), (410, None)]

    @pytest.mark.parametrize(
        "look",
        [
            {"method": "HEAD"},
            {"user_agent": GOOGLEBOT},
            {"user_agent": ""},
            {"sec_purpose": "prefetch;prerender"},
            {"purpose": "prefetch"},
            {"accept": "*/*"},
            {"sec_fetch_mode": "no-cors"},
            {"user_agent": "GuzzleHttp/7"},
            {"user_agent": f"{FIREFOX} Bluesky Cardyb/1.1"},
        ],
    )
    def test_programs_use_up_no_visit_and_see_no_target(self, ann: Keyed, look: dict[str, Any]) -> None:
        """They get a page with a button, which people mistaken for programs can press."""
        made(ann, "one", maxVisits=1, confirm=False)

        looks = [arrive("/one", **look) for _ in range(3)]

        assert {each["statusCode"] for each in looks} == {200}
        assert all(TARGET not in str(each) for each in looks)
        assert outcome(arrive("/one", "POST", form={}, user_agent=look.get("user_agent", FIREFOX))) == (303, TARGET)
        assert outcome(arrive("/one")) == (410, None)

    def test_client_chosen_request_id_does_not_save_a_visit(self, ann: Keyed) -> None:
        """Two requests with the same client-chosen id are two visits."""
        made(ann, "one", maxVisits=1, confirm=False)
        event = {
            "requestContext": {"httpMethod": "GET", "resourcePath": "/{code}", "requestId": "mine"},
            "headers": {"user-agent": FIREFOX, "accept": HTML},
            "pathParameters": {"code": "one"},
            **dict.fromkeys(("multiValueQueryStringParameters", "body", "stageVariables")),
        }

        assert [service.app(event, None)["statusCode"] for _ in range(2)] == [302, 410]

    def test_single_visit_link_asks_for_confirmation(self, ann: Keyed) -> None:
        """Confirmation is the default; ``confirm`` overrides it at creation or later, and ``null`` resets it."""
        made(ann, "once", maxVisits=1)
        made(ann, "ten", maxVisits=10)
        made(ann, "open", maxVisits=1, confirm=False)

        shown = [ann.get(f"/links/{code}").json_body["confirm"] for code in ("once", "ten", "open")]
        fewer = ann("PATCH", "/links/ten", {"maxVisits": 1}).json_body["confirm"]
        off = ann("PATCH", "/links/ten", {"confirm": False}).json_body["confirm"]
        more = ann("PATCH", "/links/ten", {"confirm": None}).json_body["confirm"]

        assert shown == [True, False, False]
        assert (fewer, off, more) == (True, False, True)
        assert [arrive(f"/{code}")["statusCode"] for code in ("once", "ten", "open")] == [200, 200, 302]
        assert outcome(arrive("/once", "POST", form={})) == (303, TARGET)

    def test_earlier_single_visit_link_asks_for_confirmation(self, ann: Keyed) -> None:
        """A stored link without ``confirm`` asks too; and links of this version can be read by the earlier one."""
        made(ann, "open", maxVisits=1, confirm=False)
        boto3.client("dynamodb").put_item(
            TableName="url-shortener",
            Item={"code": {"S": "old"}, "originalUrl": {"S": TARGET}, "maxVisits": {"N": "1"}, "version": {"N": "1"}},
        )
        stored = boto3.client("dynamodb").get_item(TableName="url-shortener", Key={"code": {"S": "open"}})["Item"]

        assert arrive("/old")["statusCode"] == 200
        assert stored["confirm"] == {"BOOL": False}

    @grows
    def test_three_hundred_programs_use_up_no_visit(self, ann: Keyed) -> None:
        """Programs with a browser's Accept use up no visit, also without a confirmation; people pass at once."""
        made(ann, "one", maxVisits=1, confirm=False)
        people, programs = (agents[:: usual_or_long(10, 1)] for agents in (PEOPLE, PROGRAMS))
        crowds = [people[first : first + 10] for first in range(0, len(people), 10)]
        for number in range(len(crowds)):
            made(ann, f"ten{number}", maxVisits=10)

        by_programs = {arrive("/one", user_agent=agent)["statusCode"] for agent in programs}
        by_people = {
            outcome(arrive(f"/ten{number}", user_agent=agent)) for number, crowd in enumerate(crowds) for agent in crowd
        }

        assert by_programs == {200}
        assert ann.get("/links/one").json_body["visitsLeft"] == 1
        assert by_people == {(302, TARGET)}

    def test_confirmation_needs_the_button(self, ann: Keyed) -> None:
        """People must press the button too; no program that only requests the link passes."""
        made(ann, "careful", maxVisits=1, confirm=True)

        page = arrive("/careful")

        assert (page["statusCode"], 'method="post"' in page["body"], TARGET in str(page)) == (200, True, False)
        assert "form-action http: https:" in page["headers"]["Content-Security-Policy"]
        assert outcome(arrive("/careful", "POST", form={})) == (303, TARGET)
        assert outcome(arrive("/careful", "POST", form={})) == (410, None)

    def test_confirmation_is_a_problem_for_json_clients(self, ann: Keyed) -> None:
        """Clients that accept JSON get a problem document; a HEAD the same."""
        made(ann, "careful", confirm=True)

        answers = [arrive("/careful", method, accept="application/json") for method in ("GET", "HEAD")]

        assert [each["statusCode"] for each in answers] == [403, 403]
        assert json.loads(answers[0]["body"])["code"] == "confirmation-needed"

    def test_limited_links_are_not_shared(self, http: Http) -> None:
        """Equal requests of two clients without a key create two links."""
        body = {"url": TARGET, "maxVisits": 1, "findExisting": True}

        codes = {Keyed(http, None)("POST", "/links", body).json_body["code"] for _ in range(2)}

        assert len(codes) == 2

    def test_limited_link_is_never_cached(self, ann: Keyed) -> None:
        """Each visit reads the table, because other containers may have used up the visits."""
        made(ann, "two", maxVisits=2)
        arrive("/two")
        boto3.client("dynamodb").update_item(
            TableName="url-shortener",
            Key={"code": {"S": "two"}},
            UpdateExpression="SET spent = :two",
            ExpressionAttributeValues={":two": {"N": "2"}},
        )

        assert outcome(arrive("/two")) == (410, None)

    def test_link_switched_off_before_the_count_is_off(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A link switched off between read and count is not followed."""
        made(ann, "busy", maxVisits=2)
        spend_visit = link_store.spend_visit

        def too_late(link: Link, visit_id: str | None) -> Link | None:
            monkeypatch.setattr(link_store, "spend_visit", spend_visit)
            ann("PATCH", "/links/busy", {"enabled": False})
            return spend_visit(link, visit_id)

        monkeypatch.setattr(link_store, "spend_visit", too_late)

        assert outcome(arrive("/busy")) == (410, None)
        assert ann.get("/links/busy").json_body["visitsLeft"] == 2

    def test_fallback_changed_before_the_count_is_used(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The fallback at the time of the count is used, not the one that was read."""
        made(ann, "busy", maxVisits=2, fallbackUrl="https://example.com/old")

        def too_late(*_: object) -> Link | None:
            ann("PATCH", "/links/busy", {"enabled": False, "fallbackUrl": "https://example.com/new"})
            return link_store.find_now("busy")

        monkeypatch.setattr(link_store, "spend_visit", too_late)

        assert outcome(arrive("/busy")) == (302, "https://example.com/new")

    def test_limited_link_is_503_while_visits_cannot_be_counted(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Visitors get 503 and can retry, rather than exceed the maximum."""
        made(ann, "one", maxVisits=1, confirm=False)
        monkeypatch.setattr(clients, "reads", _ReadsOnly(clients.reads))

        answer = arrive("/one")

        assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")


class _ReadsOnly:
    """A client that cannot write."""

    def __init__(self, client: Any) -> None:
        self.get_item = client.get_item

    def update_item(self, **_: Any) -> None:
        raise clients.Unreachable(error="gone")


class TestPassword:
    """``password``: the form, the attempts, and that the target is hidden before."""

    @pytest.fixture(autouse=True)
    def protected(self, ann: Keyed) -> None:
        """A link with a password."""
        made(ann, "shut", password="open sesame", title="Budget")

    def test_correct_password_redirects(self) -> None:
        """The form's POST is answered with 303, so that the browser sends a GET."""
        assert outcome(arrive("/shut", "POST", form={"password": "open sesame"})) == (303, TARGET)

    @pytest.mark.parametrize("form", [{"password": "Open Sesame"}, {"password": ""}, {"pass": "open sesame"}, {}])
    def test_wrong_password_is_401(self, form: dict[str, str]) -> None:
        """A wrong password gets the page again, with 401."""
        answer = arrive("/shut", "POST", form=form)

        assert (answer["statusCode"], 'type="password"' in answer["body"]) == (401, True)
        assert TARGET not in str(answer)

    @pytest.mark.parametrize("path", ["/shut", "/shut+", "/shut%2B", "/shut/qr", "/shut/report"])
    @pytest.mark.parametrize("accept", [HTML, "application/json"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_target_is_hidden_before_the_password(self, path: str, accept: str, method: str) -> None:
        """Redirect, preview, QR code and report form show no target, as a page or as JSON."""
        answer = arrive(path, method, accept=accept)

        assert TARGET not in str(answer)
        assert "Budget" not in str(answer)
        assert "Location" not in answer["headers"]

    def test_programs_get_a_document(self) -> None:
        """A problem document with the code."""
        answer = arrive("/shut", accept="application/json")

        assert json.loads(answer["body"])["code"] == "password-needed"

    @pytest.mark.usefixtures("one_moment")
    def test_five_attempts_a_minute_per_visitor(self) -> None:
        """The sixth attempt is refused unchecked; other networks are not affected."""
        guesses = [arrive("/shut", "POST", form={"password": f"guess {n}"})["statusCode"] for n in range(5)]
        sixth = arrive("/shut", "POST", form={"password": "open sesame"})
        other = arrive("/shut", "POST", form={"password": "open sesame"}, address="198.51.100.7")

        assert guesses == [401] * 5
        assert (sixth["statusCode"], 1 <= int(sixth["headers"]["Retry-After"]) <= 60) == (429, True)
        assert outcome(other) == (303, TARGET)

    @pytest.mark.usefixtures("one_moment")
    def test_attempts_are_counted_by_network_hash(self) -> None:
        """Addresses of one IPv6 network are one visitor; no address is stored."""
        for number in range(5):
            arrive("/shut", "POST", form={"password": "x"}, address=f"2001:db8::{number}")

        sixth = arrive("/shut", "POST", form={"password": "x"}, address="2001:db8::abcd")

        assert sixth["statusCode"] == 429
        assert "2001:db8" not in str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))

    @pytest.mark.usefixtures("one_moment")
    def test_few_of_five_hundred_guesses_are_checked(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """From a hundred addresses; browsers with the cookie still get in, others get 429."""
        looked_at: list[str] = []
        fits = password.matches

        def looks(word: str, digest: str) -> bool:
            looked_at.append(word)
            return fits(word, digest)

        monkeypatch.setattr(password, "matches", looks)
        monkeypatch.setattr(password, "derive", lambda data, salt, *_: sha256(salt + data).digest())
        ann("PATCH", "/links/shut", {"password": "open sesame"})
        cookie = cookie_of(arrive("/shut", "POST", form={"password": "open sesame"}, address="192.0.2.7"))
        looked_at.clear()

        guesses = [
            arrive("/shut", "POST", form={"password": f"{number:04}"}, address=f"198.51.100.{number % 100}")
            for number in range(500)
        ]
        other, known = (
            arrive("/shut", "POST", form={"password": "open sesame"}, address="192.0.2.7", cookie=cookies)
            for cookies in ("a=b", f"a=b; {cookie}")
        )

        assert len(looked_at) == limits.WRONG_PASSWORDS.most + 1
        assert Counter(each["statusCode"] for each in guesses) == {401: 15, 429: 485}
        assert (other["statusCode"], 1 <= int(other["headers"]["Retry-After"]) <= 3600) == (429, True)
        assert outcome(known) == (303, TARGET)
        link = ann.get("/links/shut").json_body
        assert (link["url"], link["guessedAt"] is not None) == (TARGET, True)

    def test_correct_passwords_do_not_lock_a_link(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Forty people open the link within an hour, some with a mistyped attempt first."""
        monkeypatch.setattr(password, "matches", lambda word, _: word == "open sesame")
        for number in range(40):
            address = f"198.51.100.{number}"
            if number % 4 == 0:
                arrive("/shut", "POST", form={"password": "open sesam"}, address=address)
            assert outcome(arrive("/shut", "POST", form={"password": "open sesame"}, address=address)) == (303, TARGET)

    def test_correct_password_is_uncounted_despite_table_errors(
        self, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> None:
        """The write that uncounts a correct attempt is retried."""
        monkeypatch.setattr(password, "matches", lambda *_: True)
        monkeypatch.setattr(time, "sleep", lambda _: None)
        tried: list[bytes] = []

        def lose_each_first(request: Any, **_: Any) -> None:
            if b"DELETE attempts" in request.body:
                tried.append(request.body)
                if len(tried) % 2:
                    raise ReadTimeoutError(endpoint_url=request.url)

        events = clients.reads.meta.events
        events.register_first("before-send.dynamodb.UpdateItem", lose_each_first, "lose")
        request.addfinalizer(lambda: events.unregister("before-send.dynamodb.UpdateItem", lose_each_first, "lose"))
        for number in range(limits.WRONG_PASSWORDS.most + 1):
            answer = arrive("/shut", "POST", form={"password": "open sesame"}, address=f"198.51.100.{number}")
            assert outcome(answer) == (303, TARGET)

        assert len(tried) == 2 * (limits.WRONG_PASSWORDS.most + 1)

    def test_cookie_key_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also for a browser with a cookie, and when the read fails: visitors then pass without a cookie."""
        asked: list[str] = []

        def fails(name: str) -> bytes:
            asked.append(name)
            raise StoreUnavailable

        cookie = cookie_of(arrive("/shut", "POST", form={"password": "open sesame"}))
        monkeypatch.setattr(salt_store, "secret", fails)
        answer = arrive("/shut", "POST", form={"password": "open sesame"}, cookie=cookie)

        assert outcome(answer) == (303, TARGET)
        assert asked == [unlock_cookie.NAME]
        assert "Set-Cookie" not in answer["headers"]

    @pytest.mark.usefixtures("one_moment")
    @pytest.mark.parametrize(
        ("word", "answers", "guessed"),
        [("open sesame", {303: 15, 429: 5}, False), ("open sesam", {401: 15, 429: 5}, True)],
    )
    def test_concurrent_correct_passwords_lock_nothing(
        self,
        ann: Keyed,
        monkeypatch: pytest.MonkeyPatch,
        word: str,
        answers: dict[int, int],
        guessed: bool,  # noqa: FBT001  # the case of the table
    ) -> None:
        """Of twenty concurrent attempts fifteen are checked, and the others may retry in a moment.

        Only where those were wrong the link is locked from then on, and its owner told.
        """
        answered: list[dict[str, Any]] = []
        addresses = (f"198.51.100.{number}" for number in range(20))

        def come(address: str) -> None:
            answered.append(arrive("/shut", "POST", form={"password": word}, address=address))

        def all_come() -> None:
            for address in addresses:
                come(address)

        def looks(tried: str, _: str) -> bool:
            all_come()  # while this one is being looked at
            return tried == "open sesame"

        monkeypatch.setattr(password, "matches", looks)
        all_come()
        again = arrive("/shut", "POST", form={"password": "open sesame"}, address="192.0.2.1")

        assert Counter(each["statusCode"] for each in answered) == answers
        assert {each["headers"]["Retry-After"] for each in answered if each["statusCode"] == 429} == {"1"}
        assert again["statusCode"] == (429 if guessed else 303)
        assert (ann.get("/links/shut").json_body["guessedAt"] is not None) == guessed

    def test_link_is_locked_for_an_hour_at_most(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Then attempts are checked again; the owner sees ``guessedAt`` until the password is changed."""
        monkeypatch.setattr(password, "matches", lambda word, _: word == "open sesame")
        started = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
        clock = {"now": started}
        monkeypatch.setattr("chalicelib.clock.now", lambda: clock["now"])
        for number in range(16):
            arrive("/shut", "POST", form={"password": "no"}, address=f"198.51.100.{number}")
        locked = arrive("/shut", "POST", form={"password": "open sesame"})["statusCode"]
        clock["now"] = started + timedelta(hours=1)

        assert locked == 429
        assert outcome(arrive("/shut", "POST", form={"password": "open sesame"})) == (303, TARGET)
        assert ann.get("/links/shut").json_body["guessedAt"] == "2026-11-24T12:00:00.000Z"
        assert ann("PATCH", "/links/shut", {"password": "another word"}).json_body["guessedAt"] is None

    def test_cookie_is_bound_to_link_and_password(self, ann: Keyed) -> None:
        """It is HttpOnly and SameSite, sent to this link only, and invalid after a change of password."""
        made(ann, "other", password="open sesame")
        answer = arrive("/shut", "POST", form={"password": "open sesame"})
        cookie = cookie_of(answer)

        attributes = set(answer["headers"]["Set-Cookie"].split("; ")[1:])
        assert attributes == {"Path=/shut", f"Max-Age={90 * 86400}", "HttpOnly", "SameSite=Lax", "Secure"}
        assert is_known("shut", cookie)
        assert not is_known("other", cookie)
        for tampered in ("", "opened=", cookie[:-1], cookie[:-1] + "!", cookie.replace("opened=1", "opened=2")):
            assert not is_known("shut", tampered)
        ann("PATCH", "/links/shut", {"password": "another word"})
        assert not is_known("shut", cookie)

    @pytest.mark.usefixtures("one_moment")
    def test_attempts_with_a_cookie_are_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Attempts with a cookie have their own limits."""
        cookie = cookie_of(arrive("/shut", "POST", form={"password": "open sesame"}))
        monkeypatch.setattr(password, "matches", lambda *_: False)

        tries = [
            arrive("/shut", "POST", form={"password": "no"}, address=f"198.51.100.{n}", cookie=cookie)["statusCode"]
            for n in range(7)
        ]

        assert tries == [401] * 5 + [429] * 2

    def test_shorter_passwords_of_earlier_links_still_work(self, ann: Keyed) -> None:
        """New passwords need at least eight characters."""
        link_store.add(Link(id="old", url=TARGET, password_digest=password.digest_of("1234"), version=1), "made")

        assert outcome(arrive("/old", "POST", form={"password": "1234"})) == (303, TARGET)
        refused = ann("POST", "/links", {"url": TARGET, "password": "1234567"}).json_body["errors"]
        assert [(each["field"], each["code"]) for each in refused] == [("password", "invalid")]

    def test_no_attempt_is_checked_that_cannot_be_counted(self) -> None:
        """Without the table of attempts, even the correct password is refused."""
        boto3.client("dynamodb").delete_table(TableName="url-shortener-access")
        identify_visitor.reset()

        assert arrive("/shut", "POST", form={"password": "open sesame"})["statusCode"] == 503

    def test_password_is_never_shown_or_stored(self, ann: Keyed) -> None:
        """Owners see that there is a password, and in the history that it changed."""
        ann("PATCH", "/links/shut", {"password": "another word"})

        seen = str([ann.get("/links/shut").json_body, ann.get("/links/shut/history").json_body])
        stored = str(boto3.client("dynamodb").scan(TableName="url-shortener")["Items"])

        assert "scrypt" not in seen
        assert not any(word in seen + stored for word in ("open sesame", "another word"))
        assert "'protected': True" in seen
        assert outcome(arrive("/shut", "POST", form={"password": "another word"})) == (303, TARGET)

    def test_stored_request_digest_does_not_reveal_the_password(self, ann: Keyed) -> None:
        """With an Idempotency-Key a keyed digest of the request is stored: the password cannot be guessed from it."""
        body = {"url": TARGET, "password": "12345678"}
        first = ann("POST", "/links", body, Idempotency_Key="once")
        again = ann("POST", "/links", body, Idempotency_Key="once")

        kept = str(boto3.client("dynamodb").scan(TableName="url-shortener-access")["Items"])
        sent = b"/links [] " + json.dumps(body).encode()
        assert first.json_body["code"] == again.json_body["code"]
        assert sha256(sent).hexdigest() not in kept

    def test_null_removes_the_password(self, ann: Keyed) -> None:
        """Then the link redirects at once."""
        ann("PATCH", "/links/shut", {"password": None})

        assert outcome(arrive("/shut")) == (302, TARGET)


class TestOtherSites:
    """Cross-site form posts."""

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "?"])
    def test_cross_site_form_opens_nothing(self, ann: Keyed, site: str) -> None:
        """Neither confirmation nor password is accepted: the service's own page is shown."""
        made(ann, "careful", maxVisits=1)
        made(ann, "shut", password="open sesame")
        made(ann, "bad")

        pressed = arrive("/careful", "POST", form={}, sec_fetch_site=site)
        typed = arrive("/shut", "POST", form={"password": "open sesame"}, sec_fetch_site=site)
        form = arrive("/bad/report", "POST", form={"reason": "spam"}, sec_fetch_site=site)

        assert [each["statusCode"] for each in (pressed, typed, form)] == [200, 401, 200]
        assert all('method="post"' in each["body"] for each in (pressed, typed, form))
        assert ann.get("/links/careful").json_body["visitsLeft"] == 1
        assert abuse_report_store.latest() == []

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    def test_own_forms_and_programs_are_accepted(self, ann: Keyed, site: str) -> None:
        """Requests without Sec-Fetch-Site are accepted: programs and old browsers send none."""
        made(ann, "careful", maxVisits=2, confirm=True)

        own, other = arrive("/careful", "POST", form={}, sec_fetch_site=site), arrive("/careful", "POST", form={})

        assert outcome(own) == outcome(other) == (303, TARGET)


def cookie_of(answer: dict[str, Any]) -> str:
    """Return the Cookie header for a response's Set-Cookie."""
    cookie: str = answer["headers"]["Set-Cookie"].partition(";")[0]
    return cookie


def is_known(code: str, cookies: str) -> bool:
    """Tell whether the cookies prove that the browser has opened the link."""
    digest = (link_store.find_now(code) or Link(id="", url="")).password_digest or ""
    return (
        unlock_cookie.browser_in(cookies, code, digest, salt_store.secret(unlock_cookie.NAME), datetime.now(UTC))
        is not None
    )


class TestRules:
    """``rules``, through the routes; all their cases are in tests/core/links/test_rules.py."""

    RULES = (
        {"if": {"device": "ios"}, "url": "https://apps.apple.com/app"},
        {"if": {"language": ["pt", "es"], "query": {"ref": "mail"}}, "url": "https://example.com/iberia"},
    )

    def test_first_matching_rule_decides(self, ann: Keyed) -> None:
        """Without a match, the link's own URL is used."""
        made(ann, "smart", rules=list(self.RULES))
        iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"

        assert outcome(arrive("/smart", user_agent=iphone)) == (302, "https://apps.apple.com/app")
        assert outcome(arrive("/smart", query={"ref": ["mail"]}, accept_language="pt-BR")) == (
            302,
            "https://example.com/iberia",
        )
        assert outcome(arrive("/smart", accept_language="pt-BR")) == (302, TARGET)

    def test_rules_are_stored_as_requested(self, ann: Keyed) -> None:
        """Single values become lists; a change replaces the whole list."""
        rules = made(ann, "smart", rules=list(self.RULES))["rules"]
        ann("PATCH", "/links/smart", {"rules": rules[1:]})

        assert [rule["url"] for rule in ann.get("/links/smart").json_body["rules"]] == ["https://example.com/iberia"]
        assert rules[0]["if"] == {"device": ["ios"]}

    def test_rule_errors_name_their_place(self, ann: Keyed) -> None:
        """Targets of rules follow the policy of all targets."""
        body = {"url": TARGET, "rules": [{"url": "javascript:alert(1)"}, {"if": {"device": "toaster"}, "url": TARGET}]}

        answer = ann("POST", "/links", body)

        assert answer.status_code == 422
        assert [(each["field"], each["code"]) for each in answer.json_body["errors"]] == [
            ("rules[0].url", "scheme-not-allowed"),
            ("rules[1].if.device", "invalid"),
        ]

    def test_each_variant_is_counted(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each is counted by its rule's number, or as the default."""
        visits: list[Any] = []
        monkeypatch.setattr("chalicelib.api.redirect.track", lambda visit, _: visits.append(visit))
        made(ann, "split", rules=[{"weight": 50, "url": "https://example.com/b"}])

        answers = [outcome(arrive("/split", address=f"198.51.100.{number}"))[1] for number in range(40)]

        names = {TARGET: "default", "https://example.com/b": "1"}
        assert [visit.variant for visit in visits] == [names[str(url)] for url in answers]
        assert {visit.variant for visit in visits} == {"default", "1"}

    def test_visitor_gets_the_same_variant_all_day(self, ann: Keyed) -> None:
        """The variant is stable for a day, without a cookie."""
        made(ann, "split", rules=[{"weight": 50, "url": "https://example.com/b"}])

        for number in range(10):
            address = f"198.51.100.{number}"
            assert len({outcome(arrive("/split", address=address)) for _ in range(5)}) == 1

    def test_conflicting_change_is_refused(self, ann: Keyed) -> None:
        """Rules, passwords and maxima conflict with a permanent redirect, which browsers cache."""
        made(ann, "kept", permanent=True)

        for fields in ({"rules": [{"url": TARGET}]}, {"password": "some words"}, {"maxVisits": 1}, {"confirm": True}):
            assert ann("POST", "/links", {"url": TARGET, "permanent": True, **fields}).status_code == 422
            assert ann("PATCH", "/links/kept", fields).json_body["errors"][0]["field"] == "permanent"


class TestForwarding:
    """``forwardQuery`` and ``forwardPath``."""

    def test_query_is_forwarded(self, ann: Keyed) -> None:
        """The visitor's parameters override those of the same name, if the option is on."""
        ann.make("https://example.com/x?a=1&b=%7e#part", alias="with", forwardQuery=True)
        ann.make("https://example.com/x?a=1", alias="without")

        assert outcome(arrive("/with", query={"a": ["2", "3"], "utm": ["é &"]})) == (
            302,
            "https://example.com/x?b=%7e&a=2&a=3&utm=%C3%A9%20%26#part",
        )
        assert outcome(arrive("/without", query={"a": ["2"]})) == (302, "https://example.com/x?a=1")

    def test_path_is_forwarded(self, ann: Keyed) -> None:
        """Up to three segments are appended to the target's path."""
        ann.make("https://example.com/docs?v=2", alias="guide", forwardPath=True)

        assert outcome(arrive("/guide/a/b%20c/d")) == (302, "https://example.com/docs/a/b%20c/d?v=2")

    def test_path_is_forwarded_without_a_query(self, ann: Keyed) -> None:
        """The two options are independent."""
        ann.make("https://example.com/docs", alias="guide", forwardPath=True)

        assert outcome(arrive("/guide/a", query={"x": ["1"]})) == (302, "https://example.com/docs/a")

    @pytest.mark.parametrize("path", ["/guide/..", "/guide/%2e%2e/x", "/guide/a/..", "/plain/a", "/none/a"])
    def test_path_cannot_leave_the_target(self, ann: Keyed, path: str) -> None:
        """Paths upwards, and paths of links without the option, are refused."""
        ann.make("https://example.com/docs", alias="guide", forwardPath=True)
        ann.make("https://example.com/docs", alias="plain")

        assert outcome(arrive(path)) == (404, None)

    def test_path_behind_an_unknown_code_is_not_counted(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Scanners try paths; they are no visits of unknown codes."""
        visits: list[Any] = []
        monkeypatch.setattr("chalicelib.api.redirect.track", lambda visit, _: visits.append(visit))
        made(ann, "plain")

        statuses = [arrive(path)["statusCode"] for path in ("/wp-admin/setup.php", "/plain/a")]

        assert (statuses, visits) == ([404, 404], [])

    def test_forwarded_values_are_encoded(self, ann: Keyed) -> None:
        """Line breaks, non-ASCII letters and lone surrogates are percent-encoded."""
        ann.make("https://example.com/", alias="all", forwardQuery=True, forwardPath=True)

        status, location = outcome(arrive("/all/x%0d%0aSet-Cookie:a", query={"a\r\nb": ["\ud800", "ü\n"]}))

        assert status == 302
        assert location is not None
        assert location.isascii()
        assert location.isprintable()


class TestQr:
    """``/{code}/qr``."""

    def test_qr_code_is_svg(self, ann: Keyed) -> None:
        """SVG is the default."""
        made(ann, "sale")

        for accept in ("*/*", "image/avif,image/webp,image/png,*/*", ""):
            answer = arrive("/sale/qr", accept=accept)
            assert answer["headers"]["Content-Type"] == "image/svg+xml"
            assert answer["body"].startswith("<svg ")

    def test_qr_code_is_png_on_request(self, ann: Keyed) -> None:
        """PNG in base64, as API Gateway needs it; it decodes to the short URL."""
        made(ann, "sale")

        answer = arrive("/sale/qr", accept="image/png", query={"size": ["400"]})

        picture = Image.open(io.BytesIO(base64.b64decode(answer["body"])))
        assert (answer["isBase64Encoded"], answer["headers"]["Content-Type"]) == (True, "image/png")
        assert "x-encoded" not in answer["headers"]
        assert [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))] == ["https://sho.rt/sale"]

    def test_local_server_sends_bytes(self, ann: Keyed, http: Http) -> None:
        """The local server decodes base64, as API Gateway does."""
        made(ann, "sale")

        answer = http.get("/sale/qr", headers={"Accept": "image/png"})

        assert answer.body.startswith(b"\x89PNG")

    @pytest.mark.parametrize(("path", "status"), [("/none/qr", 404), ("/sale/qr", 422)])
    def test_what_cannot_be_drawn_is_refused(self, ann: Keyed, path: str, status: int) -> None:
        """Unknown links, and colours without contrast, are refused."""
        made(ann, "sale")

        assert arrive(path, query={"dark": ["777"], "light": ["888"]})["statusCode"] == status


class TestPreview:
    """``/{code}+``."""

    def test_preview_page_shows_the_target(self, ann: Keyed) -> None:
        """With its title; the preview is not counted as a visit."""
        made(ann, "sale", title="<Sale>", rules=[{"if": {"device": "ios"}, "url": "https://example.org/app"}])

        page = arrive("/sale+")

        assert page["statusCode"] == 200
        assert all(part in page["body"] for part in (TARGET, "https://example.org/app", "&lt;Sale&gt;"))

    def test_programs_get_a_document(self, ann: Keyed) -> None:
        """Clients that accept JSON get JSON."""
        made(ann, "sale")

        document = json.loads(arrive("/sale+", accept="application/json")["body"])

        assert (document["url"], document["visits"]["total"], document["warnings"]) == (TARGET, 0, [])

    @pytest.mark.parametrize("stored", ["javascript:alert(1)", "https:[bad", "ftp://example.com/"])
    def test_preview_hides_targets_that_are_not_served(self, ann: Keyed, stored: str) -> None:
        """Tables of other programs may hold any URL."""
        del ann
        link_store.add(Link(id="old", url=stored), "made")

        answers = [arrive("/old+", accept=accept) for accept in (HTML, "application/json")]

        assert [each["statusCode"] for each in answers] == [404, 404]
        assert all(stored not in each["body"] for each in answers)

    def test_preview_warns_of_lookalikes(self, ann: Keyed) -> None:
        """A host in non-ASCII letters is shown in both forms."""
        ann.make("https://xn--pple-43d.com/", alias="fake")

        (warning,) = json.loads(arrive("/fake+", accept="application/json")["body"])["warnings"]

        assert "xn--pple-43d.com" in warning
        assert "\u0430pple.com" in warning

    @pytest.mark.parametrize("mark", ["+.", "+)", ".+", "%2B,"])
    def test_punctuation_after_a_preview_is_ignored(self, ann: Keyed, mark: str) -> None:
        """Punctuation after a preview's address is ignored."""
        made(ann, "sale")

        assert arrive(f"/sale{mark}")["statusCode"] == 200

    def test_preview_has_the_status_of_the_link(self, ann: Keyed) -> None:
        """Preview and redirect have the same status."""
        made(ann, "off", enabled=False)

        assert [arrive(path)["statusCode"] for path in ("/off+", "/none+", "/+", "/a b+")] == [410, 404, 404, 404]


class TestAbuse:
    """Reports, blocked links, blocked hosts."""

    def test_visitor_can_report_a_link(self, ann: Keyed, http: Http) -> None:
        """Admins see the report, without its sender."""
        made(ann, "bad")
        form = {"reason": "phishing", "comment": "<b>asks for my card</b>"}

        page = arrive("/bad/report")
        sent = arrive("/bad/report", "POST", form=form, address="203.0.113.99")

        admin = Keyed(http, make_key("root", "admin"))
        (report,) = admin.get("/reports").json_body["data"]
        assert ('name="reason"' in page["body"], sent["statusCode"]) == (True, 200)
        assert {name: report[name] for name in ("code", "reason", "comment")} == {"code": "bad", **form}
        assert "203.0.113" not in str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))

    @pytest.mark.parametrize("form", [{}, {"reason": "dislike"}, {"reason": "spam", "comment": "x" * 1001}])
    def test_invalid_report_shows_the_form_again(self, ann: Keyed, form: dict[str, str]) -> None:
        """The form is shown again with the error."""
        made(ann, "bad")

        answer = arrive("/bad/report", "POST", form=form)

        assert (answer["statusCode"], "Please" in answer["body"]) == (422, True)

    @pytest.mark.usefixtures("one_moment")
    def test_reports_are_limited(self, ann: Keyed) -> None:
        """Ten reports an hour are accepted from one network."""
        made(ann, "bad")

        statuses = [arrive("/bad/report", "POST", form={"reason": "spam"})["statusCode"] for _ in range(11)]

        assert statuses == [200] * 10 + [429]

    @pytest.mark.usefixtures("one_moment")
    def test_reports_over_the_links_limit_are_thanked(self, ann: Keyed, http: Http) -> None:
        """After sixty an hour more reports are dropped; their senders are thanked as well."""
        made(ann, "bad")

        statuses = {
            arrive("/bad/report", "POST", form={"reason": "spam"}, address=f"198.51.{number}.1")["statusCode"]
            for number in range(62)
        }

        assert statuses == {200}
        assert len(Keyed(http, make_key("root", "admin")).get("/reports").json_body["data"]) == 60

    def test_unknown_code_cannot_be_reported(self, ann: Keyed) -> None:
        """An unknown code has no report form."""
        del ann
        assert arrive("/none/report", "POST", form={"reason": "spam"}, address="198.51.100.1")["statusCode"] == 404

    def test_admin_can_block_a_link(self, ann: Keyed, http: Http) -> None:
        """Visitors get 451 with the reason, with or without a fallback; the owner cannot unblock it."""
        made(ann, "bad", fallbackUrl="https://example.com/over")
        admin = Keyed(http, make_key("root", "admin"))

        refused = ann("PATCH", "/links/bad", {"blocked": None})
        admin("PATCH", "/links/bad", {"blocked": "it was <phishing>"})
        page = arrive("/bad")
        ann("PATCH", "/links/bad", {"enabled": True})

        assert refused.status_code == 403
        assert (page["statusCode"], "it was &lt;phishing&gt;" in page["body"]) == (451, True)
        assert ann.get("/links/bad").json_body["blocked"] == "it was <phishing>"
        assert outcome(arrive("/bad")) == (451, None)
        admin("PATCH", "/links/bad", {"blocked": None})
        assert outcome(arrive("/bad")) == (302, TARGET)

    def test_link_to_a_blocked_host_is_refused(self, ann: Keyed) -> None:
        """Creating and changing any target to a blocked host or its subdomains is refused."""
        blocked_host_store.add(Blocked("evil.com", "phishing", datetime.now(UTC)))
        made(ann, "good")
        bodies = (
            {"url": "https://evil.com/x"},
            {"url": "https://a.b.evil.com./"},
            {"url": TARGET, "rules": [{"url": "https://evil.com/"}]},
            {"url": TARGET, "fallbackUrl": "https://www.evil.com/"},
        )

        for body in bodies:
            answer = ann("POST", "/links", body)
            assert [each["code"] for each in answer.json_body["errors"]] == ["blocked-host"]
            assert ann("PATCH", "/links/good", body).status_code == 422
        assert ann("POST", "/links", {"url": "https://notevil.com/"}).status_code == 201
        dry = ann("POST", "/links/bulk?dryRun=true", {"links": [bodies[0]]}).json_body["data"]
        assert dry[0]["problem"]["code"] == "link-invalid"

    def test_sweep_blocks_and_unblocks_links(self, ann: Keyed, http: Http) -> None:
        """Existing links to a blocked host are blocked, and unblocked with it; those an admin blocked stay blocked."""
        ann.make("https://evil.com/a", alias="one")
        ann.make(TARGET, alias="two", rules=[{"weight": 1, "url": "https://x.evil.com/"}])
        made(ann, "good")
        made(ann, "by-hand")
        Keyed(http, make_key("root", "admin"))("PATCH", "/links/by-hand", {"blocked": "spam"})
        blocked_host_store.add(Blocked("evil.com", "phishing", datetime.now(UTC)))

        stopped = block_hosts.sweep(datetime.now(UTC), lambda: True)
        again = block_hosts.sweep(datetime.now(UTC), lambda: True)
        statuses = [arrive(f"/{code}")["statusCode"] for code in ("one", "two", "good", "by-hand")]
        blocked_host_store.remove("evil.com")
        let_go = block_hosts.sweep(datetime.now(UTC), lambda: True)

        assert (stopped.scanned, stopped.blocked, again.blocked, let_go.unblocked) == (4, 2, 0, 2)
        assert statuses == [451, 451, 302, 451]
        assert [arrive(f"/{code}")["statusCode"] for code in ("one", "two", "by-hand")] == [302, 302, 451]
        actions = [each["action"] for each in ann.get("/links/one/history").json_body["data"]]
        assert actions == ["let go", "blocked", "created"]

    def test_new_block_is_known_despite_a_late_index(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The index may be a second behind the table: the caller passes what it has just changed."""
        ann.make("https://evil.com/a", alias="one")
        evil = Blocked("evil.com", "phishing", datetime.now(UTC))
        monkeypatch.setattr(blocked_host_store, "all_blocked", list)

        stopped = block_hosts.sweep(datetime.now(UTC), lambda: True, {"evil.com": evil}).blocked
        monkeypatch.setattr(blocked_host_store, "all_blocked", lambda: [evil])
        let_go = block_hosts.sweep(datetime.now(UTC), lambda: True, {"evil.com": None}).unblocked

        assert (stopped, let_go) == (1, 1)

    @pytest.mark.parametrize(
        "stored",
        ["https://evil%2Ecom/", "https://evil.com\\@google.com/", "https:\\\\evil.com/", "HTTPS://EVIL.com./"],
    )
    def test_hosts_are_parsed_as_browsers_do(self, ann: Keyed, stored: str) -> None:
        """Stored URLs that other parsers read differently are blocked too."""
        del ann
        link_store.add(Link(id="old", url=stored), "made")
        blocked_host_store.add(Blocked("evil.com", "phishing", datetime.now(UTC)))

        assert block_hosts.sweep(datetime.now(UTC), lambda: True).blocked == 1

    def test_link_blocked_by_an_admin_stays_blocked(self, ann: Keyed, http: Http) -> None:
        """It stays blocked also if its host is blocked and unblocked afterwards."""
        ann.make("https://evil.com/a", alias="one")
        Keyed(http, make_key("root", "admin"))("PATCH", "/links/one", {"blocked": "an admin"})
        blocked_host_store.add(Blocked("evil.com", "phishing", datetime.now(UTC)))

        block_hosts.sweep(datetime.now(UTC), lambda: True)
        blocked_host_store.remove("evil.com")
        block_hosts.sweep(datetime.now(UTC), lambda: True)

        assert ann.get("/links/one").json_body["blocked"] == "an admin"

    def test_incomplete_sweep_fails(self, ann: Keyed) -> None:
        """The function fails, so that Lambda retries it."""
        made(ann, "one")

        assert not block_hosts.sweep(datetime.now(UTC), lambda: False).is_whole


def test_plain_link_costs_one_read(ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link without options costs no second read and no write."""
    made(ann, "plain")
    link_cache.reset()
    calls: list[str] = []
    for name in ("reads", "writes", "best_effort"):
        events = getattr(clients, name).meta.events
        events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name), unique_id="calls")
    monkeypatch.setattr("chalicelib.api.redirect.track", lambda *_: None)

    try:
        assert outcome(arrive("/plain")) == (302, TARGET)
    finally:
        for name in ("reads", "writes", "best_effort"):
            getattr(clients, name).meta.events.unregister("before-call.dynamodb.*", unique_id="calls")
    assert calls == ["GetItem"]
