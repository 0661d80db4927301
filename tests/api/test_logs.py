"""The log: one JSON object a line, and nothing in it that does not belong there."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from typing import Any

import pytest
from chalice.app import Response
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as doors
from chalicelib import doorway, logs
from chalicelib.settings import settings


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was logged, parsed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_redirect_leaves_one_line(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """Request id, route, code, status, milliseconds, and whether memory knew."""
    http.post("/links", body=b'{"url": "https://example.com/?token=s3cret", "alias": "sale"}')

    answer = http.get("/sale")

    created, followed = lines(capsys)
    assert (created["route"], created["code"], created["status"]) == ("POST /links", "sale", 201)
    expected = {"route": "GET /{code}", "code": "sale", "status": 302, "cache": "hit"}
    assert expected.items() <= followed.items()
    assert followed["requestId"] == answer.headers["X-Request-Id"]
    assert followed["ms"] >= 0


def test_no_address_and_no_target_is_logged(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither who came nor where the link leads: a URL may hold a secret."""
    headers = {"X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer sk_secret", "User-Agent": "agent"}
    http.post("/links", body=b'{"url": "https://example.com/?token=s3cret", "alias": "sale"}', headers=headers)

    http.get("/sale", headers=headers)

    logged = capsys.readouterr().out
    assert not any(word in logged for word in ("203.0.113.7", "127.0.0.1", "sk_secret", "s3cret", "example.com"))


def test_a_line_break_stays_inside_its_line(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can write a line of their own."""
    http.get("/x\u2028\n{}")

    assert len(lines(capsys)) == 1


def test_what_libraries_log_is_json_too() -> None:
    """A traceback is one line."""
    try:
        int("two\nlines")
    except ValueError:
        record = logging.LogRecord("lib", logging.ERROR, "f.py", 1, "it %s", ("broke\nbadly",), sys.exc_info())

    line = logs.JsonLines().format(record)

    assert "\n" not in line
    assert json.loads(line)["message"] == "it broke\nbadly"
    assert "ValueError" in json.loads(line)["traceback"]


def test_a_traceback_is_found_by_the_id_the_client_was_given(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line of a request carries its X-Request-Id; a 500 tells people so."""
    app = doorway.App(app_name="broken", configure_logs=False)

    @app.route("/raises")
    def raises() -> Response:
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
def test_a_long_path_makes_no_long_line(http: Http, capsys: pytest.CaptureFixture[str], path: str) -> None:
    """Of what might have been a code the first 64 characters are logged: nobody fills a log with one request."""
    http.get(path.format("x" * 5000))

    assert lines(capsys)[-1]["code"] == "x" * 64


class TestMetrics:
    """Metrics ride in the log line, in CloudWatch's embedded format."""

    @pytest.fixture(autouse=True)
    def named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give the service a name, as its stack does."""
        monkeypatch.setattr(doorway, "settings", dataclasses.replace(settings, service="shortener-test"))

    @pytest.mark.parametrize(("code", "unknown", "hit"), [("sale", 0, 1), ("nobody", 1, 0)])
    def test_a_redirect_is_measured(
        self, http: Http, capsys: pytest.CaptureFixture[str], code: str, unknown: int, hit: int
    ) -> None:
        """Milliseconds, found in memory, unknown: each declared with its unit, under the service's name."""
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

    def test_other_requests_are_not(self, http: Http, capsys: pytest.CaptureFixture[str]) -> None:
        """A health check is no redirect."""
        http.get("/healthz")

        assert "_aws" not in lines(capsys)[-1]


def test_without_a_name_there_are_no_metrics(http: Http, capsys: pytest.CaptureFixture[str]) -> None:
    """A laptop's terminal stays readable."""
    http.get("/nobody")

    assert "_aws" not in lines(capsys)[-1]


def test_the_event_that_warms_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no visit and no error."""
    answer = doors.app({"warm": True}, None)

    assert answer == {"warm": True}
    assert capsys.readouterr().out == ""
