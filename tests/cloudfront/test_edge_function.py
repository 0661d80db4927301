"""The function for requests of visitors: the packaged one, and what CloudFront allows any."""

from __future__ import annotations

import json
import time
from contextlib import closing
from urllib.parse import parse_qs

import pytest

from tests.cloudfront import Edge
from tests.cloudfront.sample import HOST, SECRET, VISITOR, Recorder, ask, ask_on, connected, with_function


def facts_of(edge: Edge) -> dict[str, list[str]]:
    """Return what the packaged function wrote of the last request."""
    return parse_qs(edge.forwarded[-1].headers["x-front"], keep_blank_values=True, strict_parsing=True)


def test_the_packaged_function_writes_who_asked(edge: Edge) -> None:
    """The visitor's address, the request's id and time, over what the visitor says; the id differs each time."""
    ids, begun = set(), int(time.time())
    for _ in range(2):
        ask(edge, "/abc", X_Front="address=198.51.100.1&id=forged&dnt=1", X_Forwarded_For="198.51.100.1")
        facts = facts_of(edge)
        ids.add(facts.pop("id")[0])
        assert begun <= int(facts.pop("at")[0]) / 1000 <= time.time()
        assert facts == {"address": [VISITOR]}
        assert edge.forwarded[-1].headers["x-amz-cf-id"] in ids

    assert len(ids) == 2


def test_without_a_header_of_the_test_the_address_is_the_peers(edge: Edge) -> None:
    """A connection from loopback comes from there."""
    with closing(connected(edge)) as connection:
        connection.request("GET", "/abc", headers={"Host": HOST})
        connection.getresponse().read()

    assert facts_of(edge)["address"] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("name", "sent", "written"),
    [
        ("DNT", "1", "1"),
        ("Sec-GPC", "1", "1"),
        ("Sec-Fetch-Mode", "navigate", "navigate"),
        ("Sec-Fetch-Site", "cross-site", "cross-site"),
        ("Sec-CH-UA-Mobile", "?1", "?1"),
        ("Sec-CH-UA-Platform", '"Android"', '"Android"'),
        ("Purpose", "prefetch", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender", "prefetch;prerender"),
        ("X-Moz", "", ""),
        ("X-Purpose", "a&address=198.51.100.1", "a&address=198.51.100.1"),
        ("X-Purpose", "a" * 5000, "a" * 100),
        ("X-Purpose", "é%C3%A9😀", "??%C3%A9????"),
        ("Sec-Fetch-Dest", "document", None),
        ("Accept", "text/html", None),
    ],
)
def test_the_packaged_function_writes_what_counting_reads(
    edge: Edge, name: str, sent: str, written: str | None
) -> None:
    """Its headers travel in one, at most a hundred letters of each, none that ends the value or the header."""
    ask(edge, "/abc", **{name: sent})

    facts = facts_of(edge)
    assert facts.get(name.lower()) == ([written] if written is not None else None)
    assert facts["address"] == [VISITOR]
    assert edge.forwarded[-1].headers["x-front"].isascii()


def test_a_repeated_header_is_overwritten_as_a_whole(edge: Edge) -> None:
    """A visitor who sends a header of ours twice gets neither through."""
    with closing(connected(edge)) as connection:
        ask_on(connection, "/v1/me", headers=[("X-Front-Host", "a.example"), ("X-Front-Host", "b.example")])

    assert edge.forwarded[-1].headers["x-front-host"] == HOST


def test_a_function_sees_the_request(edge: Edge) -> None:
    """Lower-case names, cookies by themselves, several values of one name; nothing that CloudFront hides."""
    edge.template = with_function(
        "function handler(event) { event.request.headers['x-front'] = {value: JSON.stringify(event)};"
        " return event.request; }"
    )

    with closing(connected(edge)) as connection:
        sent = [("Cookie", "a=1; b=x=y"), ("X-Real-IP", "198.51.100.1"), ("X-Two", "1"), ("X-Two", "2")]
        sent.append(("CloudFront-Viewer-City", "forged"))
        ask_on(connection, "/abc?q=1&q=2&r=%20&s", headers=sent)

    event = json.loads(edge.forwarded[-1].headers["x-front"])
    headers = event["request"].pop("headers")
    assert headers == {
        "host": {"value": HOST},
        "x-two": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
        "cloudfront-viewer-country": {"value": "PT"},
        "cloudfront-is-mobile-viewer": {"value": "false"},
    }
    assert event["request"] == {
        "method": "GET",
        "uri": "/abc",
        "querystring": {
            "q": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
            "r": {"value": "%20"},
            "s": {"value": ""},
        },
        "cookies": {"a": {"value": "1"}, "b": {"value": "x=y"}},
    }
    assert event["viewer"] == {"ip": VISITOR}
    assert event["context"]["eventType"] == "viewer-request"


def test_a_header_that_a_function_leaves_keeps_all_values(edge: Edge) -> None:
    """A function that changes nothing changes nothing, though what the origin adds overwrites the visitor's."""
    edge.template = with_function("function handler(event) { return event.request; }")

    with closing(connected(edge)) as connection:
        sent = [("X-Two", "1"), ("X-Two", "2"), ("X-Front-Host", "forged"), ("X-Front-Secret", "forged")]
        ask_on(connection, "/v1/me?a=1&a=2&b", headers=[*sent, ("Cookie", "a=1; a=2")])

    headers = edge.forwarded[-1].headers
    assert (headers["x-two"], headers["cookie"], headers["x-front-host"]) == ("1, 2", "a=1; a=2", "forged")
    assert headers["x-front-secret"] == SECRET
    assert edge.forwarded[-1].path == "/stage/v1/me?a=1&a=2&b"


def test_a_function_changes_the_request(edge: Edge) -> None:
    """Path, query and cookies go on as it left them; the behaviour stays."""
    edge.template = with_function(
        "async function handler(event) { var r = event.request; r.uri = '/v1/other'; r.querystring.b = {value: '2'};"
        " r.cookies = {unlocked: {value: 'yes'}}; return r; }"
    )

    ask(edge, "/abc?a=1", Cookie="session=1")

    forwarded = edge.forwarded[-1]
    assert (forwarded.behaviour, forwarded.path) == ("*", "/v1/other?a=1&b=2")
    assert forwarded.headers["cookie"] == "unlocked=yes"


def test_a_function_may_answer(edge: Edge, recorder: Recorder) -> None:
    """The origin is not asked then."""
    edge.template = with_function(
        "function handler(event) { return {statusCode: 308, headers: {location: {value: 'https://a.example/'}},"
        " cookies: {a: {value: '1'}}, body: 'moved'}; }"
    )

    answered = ask(edge, "/abc")

    assert (answered.status, answered.headers["Location"], answered.body) == (308, "https://a.example/", b"moved")
    assert answered.headers["Set-Cookie"] == "a=1"
    assert recorder.seen == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 502),
        ("return null;", 502),
        ("return {};", 502),
        ("return event;", 502),
        ("throw new Error('no');", 503),
        ("return unknown;", 503),
        ("return process.env;", 503),
        ("return require('fs');", 503),
        ("r.method = 'POST'; return r;", 502),
        ("r.headers.host = {value: 'other.example'}; return r;", 502),
        ("delete r.headers.host; return r;", 502),
        ("r.headers.via = {value: 'x'}; return r;", 502),
        ("r.headers['x-real-ip'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-edge-a'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-amz-cf-id'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-cache'] = {value: 'x'}; return r;", 502),
        ("r.headers['X-Front'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-front'] = 'x'; return r;", 502),
        ("r.headers['x-front'] = {value: 'a\\nb'}; return r;", 502),
        ("r.headers['x-front'] = {value: 'x'}; return r;", 200),
        ("console.log('seen'); return r;", 200),
    ],
)
def test_functions_that_cloudfront_refuses(edge: Edge, recorder: Recorder, body: str, status: int) -> None:
    """What throws is 503; what is neither a request nor allowed is 502. The origin is not asked."""
    edge.template = with_function(f"function handler(event) {{ var r = event.request; {body} }}")

    assert ask(edge, "/abc").status == status
    assert len(recorder.seen) == (status == 200)
