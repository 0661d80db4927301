"""The smoke test itself: it waits for a new API, and sees what API Gateway should answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dev import smoke

PROBLEM = {"Content-Type": "application/problem+json", "Access-Control-Allow-Origin": "*"}


class Canned(BaseHTTPRequestHandler):
    """Answers from a list, and then its last entry for ever."""

    answers: list[tuple[int, dict[str, str]]]

    def do_GET(self) -> None:
        """Give the next answer."""
        status, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """Where the canned answers are given."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_new_api_is_given_a_moment(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is asked again, with a dot each time, until it is well."""
    Canned.answers = [(403, {}), (503, {}), (200, {})]

    smoke.wait_until_healthy(address, pause=0)

    assert capsys.readouterr().out == ".."


def test_an_api_that_stays_ill_fails(address: str) -> None:
    """With what it answered last."""
    Canned.answers = [(503, {})]

    with pytest.raises(smoke.SmokeFailed, match=r"healthz: expected 200, got 503, for 0\.1 seconds"):
        smoke.wait_until_healthy(address, patience=0.1, pause=0.02)


def test_nobody_there_fails() -> None:
    """With the reason that the system gives."""
    with pytest.raises(smoke.SmokeFailed, match="refused"):
        smoke.wait_until_healthy("http://127.0.0.1:9", patience=0)


def test_an_unknown_route_is_a_problem_for_all(address: str) -> None:
    """As the template tells API Gateway to answer it."""
    Canned.answers = [(404, PROBLEM)]

    smoke.expect_unknown_route(address)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, PROBLEM),
        (404, PROBLEM | {"Content-Type": "application/json"}),
        (404, {"Content-Type": "application/problem+json"}),
    ],
)
def test_a_bare_answer_of_api_gateway_fails(address: str, status: int, headers: dict[str, str]) -> None:
    """Its own 403, its own JSON, or no CORS: the gateway responses were not deployed."""
    Canned.answers = [(status, headers)]

    with pytest.raises(smoke.SmokeFailed, match="unknown route"):
        smoke.expect_unknown_route(address)
