"""What a link can do, through the doors that visitors and owners use."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
import zxingcpp
from chalice.test import TestHTTPClient as Http
from PIL import Image

import app as doors
from chalicelib import block, track
from chalicelib.aws import block_list, clients, link_cache, link_table
from chalicelib.aws.block_list import Blocked
from chalicelib.core.link import Link
from tests.callers import Keyed, make_key

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
    """Let a browser come to ``path``, as API Gateway tells of it."""
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
    answer: dict[str, Any] = doors.app(event, None)
    return answer


def outcome(answer: dict[str, Any]) -> tuple[int, str | None]:
    """Return the status, and where it leads."""
    return answer["statusCode"], answer["headers"].get("Location")


def made(ann: Keyed, code: str, **fields: Any) -> dict[str, Any]:
    """Make a link to ``TARGET`` and return it."""
    return ann.make(TARGET, alias=code, **fields)


class TestFromAndUntil:
    """``startsAt``, ``expiresAt``, ``fallbackUrl``."""

    def test_before_its_time_a_link_says_when(self, ann: Keyed) -> None:
        """404 with the seconds to wait; a page that names the moment, and a document with startsAt for programs."""
        start = datetime.now(UTC) + timedelta(hours=1)
        made(ann, "later", startsAt=start.isoformat())

        page, document = arrive("/later"), arrive("/later", accept="application/json")

        assert (page["statusCode"], document["statusCode"]) == (404, 404)
        assert 3500 < int(page["headers"]["Retry-After"]) <= 3600
        assert "This link does not work yet" in page["body"]
        assert json.loads(document["body"])["startsAt"].startswith(start.strftime("%Y-%m-%dT%H:%M:%S"))
        assert TARGET not in page["body"] + document["body"]

    def test_from_its_time_on_it_leads_on(self, ann: Keyed) -> None:
        """A moment that is past changes nothing."""
        made(ann, "now", startsAt="2020-01-01T00:00:00Z", expiresAt=NEXT_YEAR.isoformat())

        assert outcome(arrive("/now")) == (302, TARGET)

    @pytest.mark.parametrize("over", [{"enabled": False}, {"expiresAt": "2020"}, {"maxVisits": 1}])
    def test_what_is_over_leads_to_its_fallback(self, ann: Keyed, over: dict[str, Any]) -> None:
        """Switched off, expired or used up: 302 to where its owner wants; without a fallback 410."""
        for code, fallback in (("with", {"fallbackUrl": "https://example.com/over"}), ("without", {})):
            if "expiresAt" in over:
                url = fallback.get("fallbackUrl")
                past = datetime(2020, 1, 1, tzinfo=UTC)
                link_table.add(Link(code=code, url=TARGET, expires_at=past, fallback_url=url), "made")
            else:
                made(ann, code, **over, **fallback)
            if "maxVisits" in over:
                assert outcome(arrive(f"/{code}")) == (302, TARGET)

        assert outcome(arrive("/with")) == (302, "https://example.com/over")
        assert outcome(arrive("/without")) == (410, None)

    def test_nobody_visits_a_link_that_is_over(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its fallback is no visit of it."""
        visits: list[Any] = []
        monkeypatch.setattr("chalicelib.redirect_door.track", visits.append)
        made(ann, "off", enabled=False, fallbackUrl="https://example.com/over")

        arrive("/off")

        assert visits == []


class TestMaximum:
    """``maxVisits`` and ``confirm``."""

    def test_it_leads_on_as_often_as_it_says(self, ann: Keyed) -> None:
        """Then it is used up; its owner sees how many are left, and may allow more."""
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
        ],
    )
    def test_programs_neither_spend_a_visit_nor_learn_the_target(self, ann: Keyed, look: dict[str, Any]) -> None:
        """They get a page with a button, which people who are taken for programs can press."""
        made(ann, "one", maxVisits=1)

        looks = [arrive("/one", **look) for _ in range(3)]

        assert {each["statusCode"] for each in looks} == {200}
        assert all(TARGET not in str(each) for each in looks)
        assert outcome(arrive("/one", "POST", form={}, user_agent=look.get("user_agent", FIREFOX))) == (303, TARGET)
        assert outcome(arrive("/one")) == (410, None)

    def test_a_client_cannot_pass_as_somebody_who_was_counted(self, ann: Keyed) -> None:
        """Two requests with one id, as a client may choose, are two visits."""
        made(ann, "one", maxVisits=1)
        event = {
            "requestContext": {"httpMethod": "GET", "resourcePath": "/{code}", "requestId": "mine"},
            "headers": {"user-agent": FIREFOX},
            "pathParameters": {"code": "one"},
            **dict.fromkeys(("multiValueQueryStringParameters", "body", "stageVariables")),
        }

        assert [doors.app(event, None)["statusCode"] for _ in range(2)] == [302, 410]

    def test_a_link_that_asks_first_waits_for_the_button(self, ann: Keyed) -> None:
        """Also from people, also of a link for one visit; no program that only looks at links opens it."""
        made(ann, "careful", maxVisits=1, confirm=True)

        page = arrive("/careful")

        assert (page["statusCode"], 'method="post"' in page["body"], TARGET in str(page)) == (200, True, False)
        assert "form-action http: https:" in page["headers"]["Content-Security-Policy"]
        assert outcome(arrive("/careful", "POST", form={})) == (303, TARGET)
        assert outcome(arrive("/careful", "POST", form={})) == (410, None)

    def test_programs_are_told_in_their_words(self, ann: Keyed) -> None:
        """Who asks for JSON gets a problem; a HEAD of theirs the same."""
        made(ann, "careful", confirm=True)

        answers = [arrive("/careful", method, accept="application/json") for method in ("GET", "HEAD")]

        assert [each["statusCode"] for each in answers] == [403, 403]
        assert json.loads(answers[0]["body"])["code"] == "confirmation-needed"

    def test_who_counts_visits_gets_a_link_of_their_own(self, http: Http) -> None:
        """Strangers with the same wish do not share one visit."""
        wish = {"url": TARGET, "maxVisits": 1, "findExisting": True}

        codes = {Keyed(http, None)("POST", "/links", wish).json_body["code"] for _ in range(2)}

        assert len(codes) == 2

    def test_it_is_never_remembered(self, ann: Keyed) -> None:
        """A container that knows it asks the table all the same: another one may have spent its visits."""
        made(ann, "two", maxVisits=2)
        arrive("/two")
        boto3.client("dynamodb").update_item(
            TableName="url-shortener",
            Key={"code": {"S": "two"}},
            UpdateExpression="SET spent = :two",
            ExpressionAttributeValues={":two": {"N": "2"}},
        )

        assert outcome(arrive("/two")) == (410, None)

    def test_what_was_switched_off_meanwhile_is_off(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the read and the count its owner was faster."""
        made(ann, "busy", maxVisits=2)
        spend_visit = link_table.spend_visit

        def too_late(link: Link) -> Link | None:
            monkeypatch.setattr(link_table, "spend_visit", spend_visit)
            ann("PATCH", "/links/busy", {"enabled": False})
            return spend_visit(link)

        monkeypatch.setattr(link_table, "spend_visit", too_late)

        assert outcome(arrive("/busy")) == (410, None)
        assert ann.get("/links/busy").json_body["visitsLeft"] == 2

    def test_the_fallback_is_that_of_the_moment(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not the one that the link had when it was read."""
        made(ann, "busy", maxVisits=2, fallbackUrl="https://example.com/old")

        def too_late(_: Link) -> Link | None:
            ann("PATCH", "/links/busy", {"enabled": False, "fallbackUrl": "https://example.com/new"})
            return link_table.find_now("busy")

        monkeypatch.setattr(link_table, "spend_visit", too_late)

        assert outcome(arrive("/busy")) == (302, "https://example.com/new")

    def test_while_the_table_cannot_count_nobody_passes(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Better one visitor too few, who may try again in a second."""
        made(ann, "one", maxVisits=1)
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
    """``password``: the form, the tries, and that nothing leaks before."""

    @pytest.fixture(autouse=True)
    def protected(self, ann: Keyed) -> None:
        """A link with a password."""
        made(ann, "shut", password="open sesame", title="Budget")

    def test_the_right_word_opens(self) -> None:
        """By POST, with 303: the browser goes on with a GET."""
        assert outcome(arrive("/shut", "POST", form={"password": "open sesame"})) == (303, TARGET)

    @pytest.mark.parametrize("form", [{"password": "Open Sesame"}, {"password": ""}, {"pass": "open sesame"}, {}])
    def test_no_other_word_does(self, form: dict[str, str]) -> None:
        """The page again, with 401."""
        answer = arrive("/shut", "POST", form=form)

        assert (answer["statusCode"], 'type="password"' in answer["body"]) == (401, True)
        assert TARGET not in str(answer)

    @pytest.mark.parametrize("path", ["/shut", "/shut+", "/shut%2B", "/shut/qr", "/shut/report"])
    @pytest.mark.parametrize("accept", [HTML, "application/json"])
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_nothing_tells_the_target_before(self, path: str, accept: str, method: str) -> None:
        """Neither the link nor its preview, its QR code, its form of reports, to people or programs."""
        answer = arrive(path, method, accept=accept)

        assert TARGET not in str(answer)
        assert "Budget" not in str(answer)
        assert "Location" not in answer["headers"]

    def test_programs_get_a_document(self) -> None:
        """A problem that names what is missing."""
        answer = arrive("/shut", accept="application/json")

        assert json.loads(answer["body"])["code"] == "password-needed"

    def test_five_wrong_words_a_minute_and_another_visitor_still_gets_in(self) -> None:
        """The sixth try is not looked at, right or wrong; who comes from elsewhere is not touched by it."""
        guesses = [arrive("/shut", "POST", form={"password": f"guess {n}"})["statusCode"] for n in range(5)]
        sixth = arrive("/shut", "POST", form={"password": "open sesame"})
        other = arrive("/shut", "POST", form={"password": "open sesame"}, address="198.51.100.7")

        assert guesses == [401] * 5
        assert (sixth["statusCode"], 1 <= int(sixth["headers"]["Retry-After"]) <= 60) == (429, True)
        assert outcome(other) == (303, TARGET)

    def test_tries_are_counted_by_network_and_kept_as_a_hash(self) -> None:
        """Another address of the same IPv6 network is the same visitor; no address is stored."""
        for number in range(5):
            arrive("/shut", "POST", form={"password": "x"}, address=f"2001:db8::{number}")

        sixth = arrive("/shut", "POST", form={"password": "x"}, address="2001:db8::abcd")

        assert sixth["statusCode"] == 429
        assert "2001:db8" not in str(boto3.client("dynamodb").scan(TableName="url-shortener-access"))

    def test_while_tries_cannot_be_counted_nobody_guesses(self) -> None:
        """Without the table of tries not even the right word opens."""
        boto3.client("dynamodb").delete_table(TableName="url-shortener-access")
        track.forget_all()

        assert arrive("/shut", "POST", form={"password": "open sesame"})["statusCode"] == 503

    def test_it_is_never_shown_or_stored(self, ann: Keyed) -> None:
        """Owners see that there is one, and a history that it changed."""
        ann("PATCH", "/links/shut", {"password": "another word"})

        seen = str([ann.get("/links/shut").json_body, ann.get("/links/shut/history").json_body])
        stored = str(boto3.client("dynamodb").scan(TableName="url-shortener")["Items"])

        assert "scrypt" not in seen
        assert not any(word in seen + stored for word in ("open sesame", "another word"))
        assert "'protected': True" in seen
        assert outcome(arrive("/shut", "POST", form={"password": "another word"})) == (303, TARGET)

    def test_what_is_kept_of_the_request_does_not_tell_it(self, ann: Keyed) -> None:
        """With an Idempotency-Key a digest of the request is kept: one that nobody can guess the word from."""
        body = {"url": TARGET, "password": "1234"}
        first = ann("POST", "/links", body, Idempotency_Key="once")
        again = ann("POST", "/links", body, Idempotency_Key="once")

        kept = str(boto3.client("dynamodb").scan(TableName="url-shortener-access")["Items"])
        sent = b"/links [] " + json.dumps(body).encode()
        assert first.json_body["code"] == again.json_body["code"]
        assert sha256(sent).hexdigest() not in kept

    def test_null_takes_it_away(self, ann: Keyed) -> None:
        """Then the link leads on as others do."""
        ann("PATCH", "/links/shut", {"password": None})

        assert outcome(arrive("/shut")) == (302, TARGET)


class TestRules:
    """``rules``: through the doors; all their cases are in tests/core/test_rules.py."""

    RULES = (
        {"if": {"device": "ios"}, "url": "https://apps.apple.com/app"},
        {"if": {"language": ["pt", "es"], "query": {"ref": "mail"}}, "url": "https://example.com/iberia"},
    )

    def test_the_first_that_holds_wins(self, ann: Keyed) -> None:
        """Else the link's own URL."""
        made(ann, "smart", rules=list(self.RULES))
        iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"

        assert outcome(arrive("/smart", user_agent=iphone)) == (302, "https://apps.apple.com/app")
        assert outcome(arrive("/smart", query={"ref": ["mail"]}, accept_language="pt-BR")) == (
            302,
            "https://example.com/iberia",
        )
        assert outcome(arrive("/smart", accept_language="pt-BR")) == (302, TARGET)

    def test_what_is_stored_is_what_was_wished(self, ann: Keyed) -> None:
        """Single values become lists; a link is changed by a whole new list."""
        rules = made(ann, "smart", rules=list(self.RULES))["rules"]
        ann("PATCH", "/links/smart", {"rules": rules[1:]})

        assert [rule["url"] for rule in ann.get("/links/smart").json_body["rules"]] == ["https://example.com/iberia"]
        assert rules[0]["if"] == {"device": ["ios"]}

    def test_every_mistake_is_said_by_its_place(self, ann: Keyed) -> None:
        """Targets of rules pass the same policy as every other."""
        wish = {"url": TARGET, "rules": [{"url": "javascript:alert(1)"}, {"if": {"device": "toaster"}, "url": TARGET}]}

        answer = ann("POST", "/links", wish)

        assert answer.status_code == 422
        assert [(each["field"], each["code"]) for each in answer.json_body["errors"]] == [
            ("rules[0].url", "scheme-not-allowed"),
            ("rules[1].if.device", "invalid"),
        ]

    def test_each_target_is_counted(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """By the number of its rule, or as the default."""
        visits: list[Any] = []
        monkeypatch.setattr("chalicelib.redirect_door.track", visits.append)
        made(ann, "split", rules=[{"weight": 50, "url": "https://example.com/b"}])

        answers = [outcome(arrive("/split", address=f"198.51.100.{number}"))[1] for number in range(40)]

        names = {TARGET: "default", "https://example.com/b": "1"}
        assert [visit.variant for visit in visits] == [names[str(url)] for url in answers]
        assert {visit.variant for visit in visits} == {"default", "1"}

    def test_a_visitor_meets_the_same_target_all_day(self, ann: Keyed) -> None:
        """Without a cookie."""
        made(ann, "split", rules=[{"weight": 50, "url": "https://example.com/b"}])

        for number in range(10):
            address = f"198.51.100.{number}"
            assert len({outcome(arrive("/split", address=address)) for _ in range(5)}) == 1

    def test_what_contradicts_itself_is_refused_also_as_a_change(self, ann: Keyed) -> None:
        """A permanent redirect is kept by browsers, which would never see a rule, a password or a maximum again."""
        made(ann, "kept", permanent=True)

        for fields in ({"rules": [{"url": TARGET}]}, {"password": "word"}, {"maxVisits": 1}, {"confirm": True}):
            assert ann("POST", "/links", {"url": TARGET, "permanent": True, **fields}).status_code == 422
            assert ann("PATCH", "/links/kept", fields).json_body["errors"][0]["field"] == "permanent"


class TestForwarding:
    """``forwardQuery`` and ``forwardPath``."""

    def test_the_visitors_query_goes_along(self, ann: Keyed) -> None:
        """It overrides what has the same name; only where that is wanted."""
        ann.make("https://example.com/x?a=1&b=%7e#part", alias="with", forwardQuery=True)
        ann.make("https://example.com/x?a=1", alias="without")

        assert outcome(arrive("/with", query={"a": ["2", "3"], "utm": ["é &"]})) == (
            302,
            "https://example.com/x?b=%7e&a=2&a=3&utm=%C3%A9%20%26#part",
        )
        assert outcome(arrive("/without", query={"a": ["2"]})) == (302, "https://example.com/x?a=1")

    def test_a_path_goes_along(self, ann: Keyed) -> None:
        """Up to three segments, behind the target's own path."""
        ann.make("https://example.com/docs?v=2", alias="guide", forwardPath=True)

        assert outcome(arrive("/guide/a/b%20c/d")) == (302, "https://example.com/docs/a/b%20c/d?v=2")

    def test_a_path_goes_along_without_a_query(self, ann: Keyed) -> None:
        """Each is wanted on its own."""
        ann.make("https://example.com/docs", alias="guide", forwardPath=True)

        assert outcome(arrive("/guide/a", query={"x": ["1"]})) == (302, "https://example.com/docs/a")

    @pytest.mark.parametrize("path", ["/guide/..", "/guide/%2e%2e/x", "/guide/a/..", "/plain/a", "/none/a"])
    def test_no_path_leads_elsewhere(self, ann: Keyed, path: str) -> None:
        """Not upwards, and not of a link that takes none."""
        ann.make("https://example.com/docs", alias="guide", forwardPath=True)
        ann.make("https://example.com/docs", alias="plain")

        assert outcome(arrive(path)) == (404, None)

    def test_a_path_to_nothing_is_no_visit_of_an_unknown_code(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Programs try paths all day."""
        visits: list[Any] = []
        monkeypatch.setattr("chalicelib.redirect_door.track", visits.append)
        made(ann, "plain")

        statuses = [arrive(path)["statusCode"] for path in ("/wp-admin/setup.php", "/plain/a")]

        assert (statuses, visits) == ([404, 404], [])

    def test_nothing_a_visitor_brings_breaks_the_header(self, ann: Keyed) -> None:
        """Line breaks, other alphabets and halves of characters arrive encoded."""
        ann.make("https://example.com/", alias="all", forwardQuery=True, forwardPath=True)

        status, location = outcome(arrive("/all/x%0d%0aSet-Cookie:a", query={"a\r\nb": ["\ud800", "ü\n"]}))

        assert status == 302
        assert location is not None
        assert location.isascii()
        assert location.isprintable()


class TestQr:
    """``/{code}/qr``."""

    def test_it_is_svg(self, ann: Keyed) -> None:
        """For browsers and whoever does not ask for anything else first."""
        made(ann, "sale")

        for accept in ("*/*", "image/avif,image/webp,image/png,*/*", ""):
            answer = arrive("/sale/qr", accept=accept)
            assert answer["headers"]["Content-Type"] == "image/svg+xml"
            assert answer["body"].startswith("<svg ")

    def test_who_asks_for_png_gets_png(self, ann: Keyed) -> None:
        """As API Gateway wants bytes to be sent; it decodes to the short URL."""
        made(ann, "sale")

        answer = arrive("/sale/qr", accept="image/png", query={"size": ["400"]})

        picture = Image.open(io.BytesIO(base64.b64decode(answer["body"])))
        assert (answer["isBase64Encoded"], answer["headers"]["Content-Type"]) == (True, "image/png")
        assert "x-encoded" not in answer["headers"]
        assert [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))] == ["https://sho.rt/sale"]

    def test_the_local_server_sends_bytes(self, ann: Keyed, http: Http) -> None:
        """As API Gateway does."""
        made(ann, "sale")

        answer = http.get("/sale/qr", headers={"Accept": "image/png"})

        assert answer.body.startswith(b"\x89PNG")

    @pytest.mark.parametrize(("path", "status"), [("/none/qr", 404), ("/sale/qr", 422)])
    def test_what_cannot_be_drawn_is_refused(self, ann: Keyed, path: str, status: int) -> None:
        """No such link; colours that no camera tells apart."""
        made(ann, "sale")

        assert arrive(path, query={"dark": ["777"], "light": ["888"]})["statusCode"] == status


class TestPreview:
    """``/{code}+``."""

    def test_people_see_where_it_leads(self, ann: Keyed) -> None:
        """With its title, and that nothing was counted."""
        made(ann, "sale", title="<Sale>", rules=[{"if": {"device": "ios"}, "url": "https://example.org/app"}])

        page = arrive("/sale+")

        assert page["statusCode"] == 200
        assert all(part in page["body"] for part in (TARGET, "https://example.org/app", "&lt;Sale&gt;"))

    def test_programs_get_a_document(self, ann: Keyed) -> None:
        """By Accept."""
        made(ann, "sale")

        document = json.loads(arrive("/sale+", accept="application/json")["body"])

        assert (document["url"], document["visits"]["total"], document["warnings"]) == (TARGET, 0, [])

    @pytest.mark.parametrize("stored", ["javascript:alert(1)", "https:[bad", "ftp://example.com/"])
    def test_what_is_not_served_is_not_shown(self, ann: Keyed, stored: str) -> None:
        """An older table may hold anything."""
        del ann
        link_table.add(Link(code="old", url=stored), "made")

        answers = [arrive("/old+", accept=accept) for accept in (HTML, "application/json")]

        assert [each["statusCode"] for each in answers] == [404, 404]
        assert all(stored not in each["body"] for each in answers)

    def test_look_alikes_are_told(self, ann: Keyed) -> None:
        """A host in other letters is shown in both writings."""
        ann.make("https://xn--pple-43d.com/", alias="fake")

        (warning,) = json.loads(arrive("/fake+", accept="application/json")["body"])["warnings"]

        assert "xn--pple-43d.com" in warning
        assert "\u0430pple.com" in warning

    def test_what_is_over_or_unknown_is_so_here_too(self, ann: Keyed) -> None:
        """The same statuses as for visitors."""
        made(ann, "off", enabled=False)

        assert [arrive(path)["statusCode"] for path in ("/off+", "/none+", "/+", "/a b+")] == [410, 404, 404, 404]


class TestAbuse:
    """Reports, blocked links, blocked hosts."""

    def test_a_visitor_reports_a_link(self, ann: Keyed, http: Http) -> None:
        """Administrators see it, without who it was."""
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
    def test_a_form_that_is_none_comes_back(self, ann: Keyed, form: dict[str, str]) -> None:
        """With what is wrong."""
        made(ann, "bad")

        answer = arrive("/bad/report", "POST", form=form)

        assert (answer["statusCode"], "Please" in answer["body"]) == (422, True)

    def test_reports_are_limited(self, ann: Keyed) -> None:
        """Ten an hour from one network."""
        made(ann, "bad")

        statuses = [arrive("/bad/report", "POST", form={"reason": "spam"})["statusCode"] for _ in range(11)]

        assert statuses == [200] * 10 + [429]

    def test_many_reports_of_one_link_shut_nobody_up(self, ann: Keyed, http: Http) -> None:
        """After sixty an hour one more says nothing new; who sends it is thanked all the same."""
        made(ann, "bad")

        statuses = {
            arrive("/bad/report", "POST", form={"reason": "spam"}, address=f"198.51.{number}.1")["statusCode"]
            for number in range(62)
        }

        assert statuses == {200}
        assert len(Keyed(http, make_key("root", "admin")).get("/reports").json_body["data"]) == 60

    def test_only_what_is_there_can_be_reported(self, ann: Keyed) -> None:
        """A link that nobody made is none."""
        del ann
        assert arrive("/none/report", "POST", form={"reason": "spam"}, address="198.51.100.1")["statusCode"] == 404

    def test_an_administrator_blocks_a_link(self, ann: Keyed, http: Http) -> None:
        """Visitors read why, with 451, fallback or not; its owner cannot undo it."""
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

    def test_no_link_is_made_to_a_blocked_host(self, ann: Keyed) -> None:
        """Nor changed to lead there, by any of its targets; the names below it are blocked as well."""
        block_list.add(Blocked("evil.com", "phishing", datetime.now(UTC)))
        made(ann, "good")
        wishes = (
            {"url": "https://evil.com/x"},
            {"url": "https://a.b.evil.com."[:-1]},
            {"url": TARGET, "rules": [{"url": "https://evil.com/"}]},
            {"url": TARGET, "fallbackUrl": "https://www.evil.com/"},
        )

        for wish in wishes:
            answer = ann("POST", "/links", wish)
            assert [each["code"] for each in answer.json_body["errors"]] == ["blocked-host"]
            assert ann("PATCH", "/links/good", wish).status_code == 422
        assert ann("POST", "/links", {"url": "https://notevil.com/"}).status_code == 201
        dry = ann("POST", "/links/bulk?dryRun=true", {"links": [wishes[0]]}).json_body["data"]
        assert dry[0]["problem"]["code"] == "link-invalid"

    def test_a_pass_stops_and_lets_go(self, ann: Keyed, http: Http) -> None:
        """Links that were there before their host was blocked; what an administrator blocked stays blocked."""
        ann.make("https://evil.com/a", alias="one")
        ann.make(TARGET, alias="two", rules=[{"weight": 1, "url": "https://x.evil.com/"}])
        made(ann, "good")
        made(ann, "by-hand")
        Keyed(http, make_key("root", "admin"))("PATCH", "/links/by-hand", {"blocked": "spam"})
        block_list.add(Blocked("evil.com", "phishing", datetime.now(UTC)))

        stopped = block.sweep(datetime.now(UTC), lambda: True)
        again = block.sweep(datetime.now(UTC), lambda: True)
        statuses = [arrive(f"/{code}")["statusCode"] for code in ("one", "two", "good", "by-hand")]
        block_list.remove("evil.com")
        let_go = block.sweep(datetime.now(UTC), lambda: True)

        assert (stopped.looked_at, stopped.stopped, again.stopped, let_go.let_go) == (4, 2, 0, 2)
        assert statuses == [451, 451, 302, 451]
        assert [arrive(f"/{code}")["statusCode"] for code in ("one", "two", "by-hand")] == [302, 302, 451]
        actions = [each["action"] for each in ann.get("/links/one/history").json_body["data"]]
        assert actions == ["let go", "blocked", "created"]

    def test_what_was_blocked_just_now_is_known_though_the_list_lags(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An index may be a second behind its table: `make block` says itself what it has changed."""
        ann.make("https://evil.com/a", alias="one")
        evil = Blocked("evil.com", "phishing", datetime.now(UTC))
        monkeypatch.setattr(block_list, "everything", list)

        stopped = block.sweep(datetime.now(UTC), lambda: True, {"evil.com": evil}).stopped
        monkeypatch.setattr(block_list, "everything", lambda: [evil])
        let_go = block.sweep(datetime.now(UTC), lambda: True, {"evil.com": None}).let_go

        assert (stopped, let_go) == (1, 1)

    @pytest.mark.parametrize(
        "stored",
        ["https://evil%2Ecom/", "https://evil.com\\@google.com/", "https:\\\\evil.com/", "HTTPS://EVIL.com./"],
    )
    def test_a_host_is_what_a_browser_makes_of_it(self, ann: Keyed, stored: str) -> None:
        """Tables from elsewhere hold URLs that other parsers read in other ways."""
        del ann
        link_table.add(Link(code="old", url=stored), "made")
        block_list.add(Blocked("evil.com", "phishing", datetime.now(UTC)))

        assert block.sweep(datetime.now(UTC), lambda: True).stopped == 1

    def test_what_was_blocked_by_hand_stays_so(self, ann: Keyed, http: Http) -> None:
        """Also if its host is blocked, and let go, afterwards."""
        ann.make("https://evil.com/a", alias="one")
        Keyed(http, make_key("root", "admin"))("PATCH", "/links/one", {"blocked": "by hand"})
        block_list.add(Blocked("evil.com", "phishing", datetime.now(UTC)))

        block.sweep(datetime.now(UTC), lambda: True)
        block_list.remove("evil.com")
        block.sweep(datetime.now(UTC), lambda: True)

        assert ann.get("/links/one").json_body["blocked"] == "by hand"

    def test_a_pass_that_is_cut_says_so(self, ann: Keyed) -> None:
        """The function fails, so that it runs again."""
        made(ann, "one")

        assert not block.sweep(datetime.now(UTC), lambda: False).is_whole


def test_a_plain_link_costs_one_read(ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    """No power of other links is paid for by it: neither a second read nor a write."""
    made(ann, "plain")
    link_cache.forget_all()
    calls: list[str] = []
    for name in ("reads", "writes", "glances"):
        events = getattr(clients, name).meta.events
        events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name), unique_id="calls")
    monkeypatch.setattr("chalicelib.redirect_door.track", lambda _: None)

    try:
        assert outcome(arrive("/plain")) == (302, TARGET)
    finally:
        for name in ("reads", "writes", "glances"):
            getattr(clients, name).meta.events.unregister("before-call.dynamodb.*", unique_id="calls")
    assert calls == ["GetItem"]
