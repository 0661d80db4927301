"""The log: one JSON object a line, without secrets, IP addresses and targets."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from typing import Any

import pytest
from chalice.app import Request, Response
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as routes
from chalicelib import logs
from chalicelib.api import application
from chalicelib.settings import settings


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the log lines, parsed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_redirect_leaves_one_line(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """Request id, route, code, status, milliseconds, and whether it was a cache hit."""
    http.post("/links", body=b'{"url": "https://example.com/?token=s3cret", "alias": "sale"}')

    answer = http.get("/sale")

    created, followed = lines(capsys)
    assert (created["route"], created["code"], created["status"]) == ("POST /links", "sale", 201)
    expected = {"route": "GET /{code}", "code": "sale", "status": 302, "cache": "hit"}
    assert expected.items() <= followed.items()
    assert followed["requestId"] == answer.headers["X-Request-Id"]
    assert followed["ms"] >= 0


def test_no_ip_address_and_no_target_is_logged(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the visitor nor the target appears: a URL may contain a secret."""
    headers = {"X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer sk_secret", "User-Agent": "agent"}
    http.post("/links", body=b'{"url": "https://example.com/?token=s3cret", "alias": "sale"}', headers=headers)

    http.get("/sale", headers=headers)

    logged = capsys.readouterr().out
    assert not any(word in logged for word in ("203.0.113.7", "127.0.0.1", "sk_secret", "s3cret", "example.com"))


def test_line_break_does_not_split_a_line(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """Clients cannot forge log lines."""
    http.get("/x\u2028\n{}")

    assert len(lines(capsys)) == 1


def test_library_logs_are_json() -> None:
    """A traceback is one line."""
    try:
        int("two\nlines")
    except ValueError:
        record = logging.LogRecord("lib", logging.ERROR, "f.py", 1, "it %s", ("broke\nbadly",), sys.exc_info())

    line = logs.JsonLines().format(record)

    assert "\n" not in line
    assert json.loads(line)["message"] == "it broke\nbadly"
    assert "ValueError" in json.loads(line)["traceback"]


def test_traceback_has_the_request_id_of_the_response(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every log line of a request has its X-Request-Id, which a 500 asks users to quote."""
    app = application.App(app_name="broken")

    @app.route("/raises")
    def raises(_: Request) -> Response:
        raise RuntimeError

    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logs.JsonLines())
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])

    with Client(app) as client:
        answers = [client.http.get("/raises") for _ in range(2)]

    logged = lines(capsys)
    traced = [line["requestId"] for line in logged if "RuntimeError" in line.get("traceback", "")]
    finished = [line["requestId"] for line in logged if "status" in line]
    assert traced == finished == [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(traced)) == 2


@pytest.mark.parametrize("path", ["/{}", "/links/{}", "/links/{}/stats", "/links/{}/visits"])
def test_long_path_is_cut(http: Http, capsys: pytest.CaptureFixture[str], path: str) -> None:
    """At most 64 characters of a possible code are logged, so a request cannot fill the log."""
    http.get(path.format("x" * 5000))

    assert lines(capsys)[-1]["code"] == "x" * 64


class TestMetrics:
    """Metrics are part of the log line, in CloudWatch's embedded format."""

    @pytest.fixture(autouse=True)
    def named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give the service a name, as its stack does."""
        monkeypatch.setattr(application, "settings", dataclasses.replace(settings, service="shortener-test"))

    @pytest.mark.parametrize(("code", "unknown", "hit"), [("sale", 0, 1), ("nobody", 1, 0)])
    def test_redirect_is_measured(
        self, http: Http, capsys: pytest.CaptureFixture[str], code: str, unknown: int, hit: int
    ) -> None:
        """Latency, cache hit, unknown: each declared with its unit, under the service's name."""
        http.post("/links", body=b'{"url": "https://example.com/", "alias": "sale"}')

        http.get(f"/{code}")

        line = lines(capsys)[-1]
        directive = line["_aws"]["CloudWatchMetrics"][0]
        assert (line["Unknown"], line["CacheHit"], line["Service"]) == (unknown, hit, "shortener-test")
        assert line["RedirectLatency"] == line["ms"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("UrlShortener", [["Service"]])
        measured = ("RedirectLatency", "CacheHit", "Unknown")
        assert directive["Metrics"] == [{"Name": name, "Unit": logs.METRICS[name]} for name in measured]
        assert isinstance(line["_aws"]["Timestamp"], int)

    def test_other_requests_are_not_measured(self, http: Http, capsys: pytest.CaptureFixture[str]) -> None:
        """A health check is not a redirect."""
        http.get("/healthz")

        assert "_aws" not in lines(capsys)[-1]


def test_without_a_name_there_are_no_metrics(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """The local log stays readable."""
    http.get("/nobody")

    assert "_aws" not in lines(capsys)[-1]


def test_warm_up_event_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It is neither a visit nor an error."""
    answer = routes.app({"warm": True}, None)

    assert answer == {"warm": True}
    assert capsys.readouterr().out == ""
