"""Whatever goes wrong is a problem document, Chalice's own errors included."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.app import Response
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as doors
from chalicelib.doorway import App, reply
from chalicelib.errors import StoreUnavailable


def test_a_wrong_method_is_a_problem(http: Http) -> None:
    """405 names what is allowed, and other sites' scripts may read it."""
    answer = http.delete("/links")

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json_body["code"], answer.headers["Allow"]) == (
        405,
        "method-not-allowed",
        "POST",
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json_body["type"] == "https://sho.rt/problems/method-not-allowed"


def broken() -> App:
    """Make an app whose doors are broken, each in its own way."""
    app = App(app_name="broken", configure_logs=False)

    @app.route("/raises")
    def raises() -> Response:
        raise RuntimeError("a secret detail")

    @app.route("/store")
    def store() -> Response:
        raise StoreUnavailable from ConnectionError("table\nunreachable")

    @app.route("/headers/{kind}")
    def headers(kind: str) -> Response:
        values: dict[str, Any] = {
            "cr": {"X-Odd": "a\rSet-Cookie: x=1"},
            "list": {"X-Odd": ["fine", "a\r\nSet-Cookie: x=1"]},
            "unicode": {"Location": "https://example.com/ü"},
            "space": {"Location": "https://example.com/a b"},
            "wide": {"X-Odd": "\u560d\u560aSet-Cookie: x=1"},
        }
        return Response("", values[kind], 302)

    @app.route("/typed", methods=["POST"])
    def typed() -> Response:
        return reply("", {})

    return app


def test_an_exception_is_a_500_that_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The client gets a problem; the traceback goes to the log only."""
    with Client(broken()) as client:
        answer = client.http.get("/raises")

    assert (answer.status_code, answer.json_body["code"]) == (500, "internal-error")
    assert b"secret" not in answer.body
    assert '"status":500' in capsys.readouterr().out


def test_the_cause_of_a_503_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """One line of it, so that whoever runs this knows what to mend."""
    with Client(broken()) as client:
        answer = client.http.get("/store")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert '"cause":"ConnectionError: table"' in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["cr", "list", "unicode", "space", "wide"])
def test_no_header_can_start_another(kind: str) -> None:
    """The last step out refuses what Chalice lets pass: CR, lists, other alphabets."""
    with Client(broken()) as client:
        answer = client.http.get(f"/headers/{kind}")

    assert (answer.status_code, answer.json_body["code"]) == (500, "internal-error")
    assert "Set-Cookie" not in str(answer.headers)


def test_chalices_own_content_type_check_speaks_our_language() -> None:
    """A 415 by the framework is a problem as well."""
    with Client(broken()) as client:
        answer = client.http.post("/typed", body=b"x", headers={"Content-Type": "text/csv"})

    assert (answer.status_code, answer.json_body["code"]) == (415, "media-type-unsupported")


def test_debug_is_off() -> None:
    """With it on, visitors would read our stack traces."""
    assert doors.app.debug is False
