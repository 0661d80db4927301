"""All errors are problem documents, Chalice's own included."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from chalice.app import Request, Response
from chalice.config import Config
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as service
from chalicelib.api.application import App
from chalicelib.api.responses import text_response
from chalicelib.errors import StoreUnavailable
from dev.local.chalice_local import Gateway, Handler


def test_wrong_method_is_a_problem(http: Http) -> None:
    """405 lists the allowed methods, and has CORS headers."""
    answer = http.delete("/stats")

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json_body["code"], answer.headers["Allow"]) == (
        405,
        "method-not-allowed",
        "GET, HEAD",
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json_body["type"] == "https://sho.rt/problems/method-not-allowed"


def broken() -> App:
    """Return an app whose routes fail, each in its own way."""
    app = App(app_name="broken")

    @app.route("/raises")
    def raises(_: Request) -> Response:
        raise RuntimeError("a secret detail")

    @app.route("/store")
    def store(_: Request) -> Response:
        raise StoreUnavailable from ConnectionError("table\nunreachable")

    @app.route("/headers/{kind}")
    def headers(_: Request, kind: str) -> Response:
        values: dict[str, Any] = {
            "cr": {"X-Odd": "a\rSet-Cookie: x=1"},
            "list": {"X-Odd": ["fine", "a\r\nSet-Cookie: x=1"]},
            "unicode": {"Location": "https://example.com/ü"},
            "space": {"Location": "https://example.com/a b"},
            "wide": {"X-Odd": "\u560d\u560aSet-Cookie: x=1"},
        }
        return Response("", values[kind], 302)

    @app.route("/typed", methods=["POST"])
    def typed(_: Request) -> Response:
        return text_response("", {})

    return app


def test_exception_is_a_500_without_details(capsys: pytest.CaptureFixture[str]) -> None:
    """The client gets a problem; the traceback goes to the log only."""
    with Client(broken()) as client:
        answer = client.http.get("/raises")

    assert (answer.status_code, answer.json_body["code"]) == (500, "internal-error")
    assert b"secret" not in answer.body
    assert '"status":500' in capsys.readouterr().out


def test_the_cause_of_a_503_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """It is logged in one line, so that the operator knows what to fix."""
    with Client(broken()) as client:
        answer = client.http.get("/store")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert '"cause":"ConnectionError: table"' in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["cr", "list", "unicode", "space", "wide"])
def test_header_injection_is_refused(kind: str) -> None:
    """A response with CR, lists or non-ASCII in a header becomes a 500; Chalice accepts them."""
    with Client(broken()) as client:
        answer = client.http.get(f"/headers/{kind}")

    assert (answer.status_code, answer.json_body["code"]) == (500, "internal-error")
    assert "Set-Cookie" not in str(answer.headers)


def test_chalices_content_type_error_is_a_problem() -> None:
    """A 415 of the framework is a problem document."""
    with Client(broken()) as client:
        answer = client.http.post("/typed", body=b"x", headers={"Content-Type": "text/csv"})

    assert (answer.status_code, answer.json_body["code"]) == (415, "media-type-unsupported")


def test_debug_is_off() -> None:
    """In debug mode visitors would see stack traces."""
    assert service.app.debug is False


class TestLocalServer:
    """Responses of `chalice local` itself."""

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer \u00e9"}], ids=["plain", "with a key"])
    def test_unknown_route_is_a_problem(
        self, capsys: pytest.CaptureFixture[str], method: str, headers: dict[str, str]
    ) -> None:
        """404 with the headers of every response, and a log line."""
        answer = Gateway(service.app, Config.create()).handle_request(method, "/no/such/place/at/all", headers, None)

        line = json.loads(capsys.readouterr().out)
        expected = {
            "Content-Type": "application/problem+json",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Access-Control-Allow-Origin": "*",
            "X-Request-Id": line["requestId"],
        }
        assert (answer["statusCode"], line["status"], line["error"]) == (404, 404, "page-unknown")
        assert expected.items() <= answer["headers"].items()
        assert (answer["body"] == "") == (method == "HEAD")

    @pytest.mark.parametrize(
        ("request_line", "status", "code"),
        [
            ("FOO /links HTTP/1.1", 405, "method-not-allowed"),
            ("TRACE / HTTP/1.1", 405, "method-not-allowed"),
            ("FOO /no/such/place/at/all HTTP/1.1", 404, "page-unknown"),
            (f"GET /{'a' * 70_000} HTTP/1.1", 400, "malformed-request"),
            ("GET / HTTP/9.9", 400, "malformed-request"),
            ("GET / / / HTTP/1.1", 400, "malformed-request"),
            ("{}", 400, "malformed-request"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_unreadable_request_is_a_problem(self, request_line: str, status: int, code: str) -> None:
        """The response is a problem document with CORS headers, never a page of Python's server."""
        head, _, body = asked(f"{request_line}\r\nHost: x\r\n\r\n").partition("\r\n\r\n")

        lines = head.split("\r\n")
        assert lines[0].startswith(f"HTTP/1.1 {status} ")
        assert {"Content-Type: application/problem+json", "Access-Control-Allow-Origin: *"} <= set(lines)
        assert any(line.startswith("X-Request-Id: ") for line in lines)
        assert any(line.startswith("Allow: ") for line in lines) == (status == 405)
        assert json.loads(body)["code"] == code


def asked(request: str) -> str:
    """Return the local server's response to ``request``."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    with client, server:
        client.sendall(request.encode())
        client.shutdown(socket.SHUT_WR)
        Handler(server, ("127.0.0.1", 1), None, service.app, Config.create())
        server.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()
