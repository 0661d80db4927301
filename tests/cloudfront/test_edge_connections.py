"""Connections with origins and visitors, and the start."""

from __future__ import annotations

import copy
import json
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests import cloudfront
from tests.cloudfront import Edge, Origin
from tests.cloudfront.sample import TEMPLATE, VALUES, Recorder, ask, ask_on, connected


def test_what_can_be_repeated_is_repeated(edge: Edge, recorder: Recorder) -> None:
    """An origin that does not answer is asked three times, with one id: it must count as one visit."""
    recorder.cuts = 2

    assert ask(edge, "/abc").status == 200
    assert len(edge.forwarded) == 3
    assert len({seen.headers["x-front"] for seen in recorder.seen}) == 1


@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("HEAD", 3), ("POST", 1), ("DELETE", 1)])
def test_an_origin_that_does_not_answer(edge: Edge, recorder: Recorder, method: str, times: int) -> None:
    """The visitor gets 502; what changes something is not repeated."""
    recorder.cuts = 3

    assert ask(edge, "/v1/links", method).status == 502
    assert len(recorder.seen) == times


def test_an_origin_that_is_not_there(edge: Edge) -> None:
    """The visitor gets 502."""
    with socket.socket() as bound:  # takes no connections
        bound.bind(("127.0.0.1", 0))
        edge.origins = {**edge.origins, "redirect": Origin("127.0.0.1", bound.getsockname()[1])}

        assert ask(edge, "/abc").status == 502


@pytest.mark.parametrize("status", [201, 204, 301, 304, 404, 500])
def test_answers_come_back(edge: Edge, recorder: Recorder, status: int) -> None:
    """The status and headers of the origin, and CloudFront's own; the connection lives on."""
    recorder.status = status
    recorder.headers = {"Location": "https://a.example/", "Connection": "keep-alive"}
    if status in {204, 304}:
        recorder.headers["Content-Length"] = "0"

    with closing(connected(edge)) as connection:
        answers = [ask_on(connection, "/abc") for _ in range(2)]

    assert [each.status for each in answers] == [status, status]
    assert answers[0].headers["Location"] == "https://a.example/"
    assert "CloudFront" in answers[0].headers["Via"]
    assert answers[0].headers["X-Amz-Cf-Id"] != answers[1].headers["X-Amz-Cf-Id"]
    assert answers[0].headers["Connection"] is None


def test_a_connection_serves_many_requests(edge: Edge, recorder: Recorder) -> None:
    """Also after requests that were refused with their bodies unread by anybody."""
    with closing(connected(edge)) as connection:
        answers = [
            ask_on(connection, "/v1/links", "POST", b"x" * 100_000),
            ask_on(connection, "/abc", "POST", b"x" * 100_000),
            ask_on(connection, "/abc", headers=[("Host", "unknown.example")]),
            ask_on(connection, "/abc", "HEAD"),
            ask_on(connection, "/abc"),
        ]
        port = connection.sock.getsockname()[1]
        ask_on(connection, "/abc")
        assert connection.sock.getsockname()[1] == port

    assert [each.status for each in answers] == [200, 403, 403, 200, 200]
    assert len(recorder.seen) == 4


def test_a_crowd_gets_its_own_answers(edge: Edge, recorder: Recorder) -> None:
    """Two hundred visitors at once, each with another path and address, and no answer for another's request."""
    at_once = threading.Barrier(200)

    def visit(number: int) -> Any:
        with closing(connected(edge)) as connection:
            connection.connect()
            at_once.wait(60)  # one that cannot connect breaks it for all
            return json.loads(ask_on(connection, f"/{number}", headers=[("Test_Viewer_Address", f"::{number}")]).body)

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(visit, range(200)))

    assert [each["path"] for each in answers] == [f"/{number}" for number in range(200)]
    told = {seen.path: parse_qs(seen.headers["x-front"])["address"][0] for seen in recorder.seen}
    assert told == {f"/{number}": f"::{number}" for number in range(200)}


def test_it_says_what_it_is(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    """One line when it starts, so that nobody takes it for CloudFront."""
    origins: Mapping[str, Origin] = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}
    template = copy.deepcopy(TEMPLATE)
    config = template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    for each in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        del each["FunctionAssociations"]

    with cloudfront.running(template, origins, VALUES, country=lambda address: address[:2]) as edge:
        assert ask(edge, "/abc", Test_Viewer_Address="XY").status == 200
        assert capsys.readouterr().out.count(edge.url) == 1

    assert edge.forwarded[-1].headers["cloudfront-viewer-country"] == "XY"
    assert "x-front-host" not in edge.forwarded[-1].headers


def test_without_node_it_says_what_is_not_tested(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A skip that REQUIRE_ALL turns into a failure."""
    monkeypatch.setenv("PATH", "")
    origins = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}

    with pytest.raises(pytest.skip.Exception, match=r"^NOT TESTED: "), cloudfront.running(TEMPLATE, origins, VALUES):
        pass


def test_functions_that_have_ended_are_no_answers(recorder: Recorder) -> None:
    """Without node a request is refused, as where a function fails at CloudFront."""
    origins = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}
    with cloudfront.running(TEMPLATE, origins, VALUES) as edge:
        edge.close()

        assert ask(edge, "/abc").status == 503
