"""The smoke test: it waits for a new API, and checks the scripted of API Gateway."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from dev.deploy import smoke
from tests.loopback import serving

PROBLEM = {"Content-Type": "application/problem+json", "Access-Control-Allow-Origin": "*"}


class Canned(BaseHTTPRequestHandler):
    """Answers from a list, and then its last entry for ever."""

    scripted: list[tuple[int, dict[str, str]]]

    def do_GET(self) -> None:
        """Give the next response."""
        status, headers = self.scripted.pop(0) if len(self.scripted) > 1 else self.scripted[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """Where the canned scripted are given."""
    with serving(Canned) as server:
        yield server.address


def test_a_new_api_is_waited_for(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is polled, with a dot each time, until it is healthy."""
    Canned.scripted = [(403, {}), (503, {}), (200, {})]

    smoke.wait_until_healthy(address, pause=0)

    assert capsys.readouterr().out == ".."


def test_an_unhealthy_api_fails(address: str) -> None:
    """With its last response."""
    Canned.scripted = [(503, {})]

    with pytest.raises(smoke.SmokeFailed, match=r"healthz: expected 200, got 503, for 0\.1 seconds"):
        smoke.wait_until_healthy(address, patience=0.1, pause=0.02)


def test_an_unreachable_api_fails() -> None:
    """With the reason of the system."""
    with pytest.raises(smoke.SmokeFailed, match="refused"):
        smoke.wait_until_healthy("http://127.0.0.1:9", patience=0)


@pytest.mark.parametrize(
    ("statuses", "answer"),
    [
        ([302], (302, "/target")),
        ([403, 403, 302], (302, "/target")),
        ([403, 503], (503, "/target")),
        ([404], (404, "/target")),
    ],
)
def test_a_refusal_is_asked_again(address: str, statuses: list[int], answer: tuple[int, str]) -> None:
    """Any other answer is final, a wrong one too."""
    Canned.scripted = [(status, {"Location": "/target"}) for status in statuses]

    assert smoke.answer_when_allowed(address, "GET", "/code", pause=0) == answer


def test_a_refusal_that_stays_is_the_answer(address: str) -> None:
    """After the time that one waits."""
    Canned.scripted = [(403, {})]

    assert smoke.answer_when_allowed(address, "GET", "/code", patience=0.1, pause=0.02) == (403, None)


def test_an_unknown_route_is_a_problem_document(address: str) -> None:
    """As the template configures API Gateway."""
    Canned.scripted = [(404, PROBLEM)]

    smoke.expect_unknown_route(address)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, PROBLEM),
        (404, PROBLEM | {"Content-Type": "application/json"}),
        (404, {"Content-Type": "application/problem+json"}),
    ],
)
def test_a_default_response_of_api_gateway_fails(address: str, status: int, headers: dict[str, str]) -> None:
    """Its own 403, its own JSON, or no CORS: the gateway scripted were not deployed."""
    Canned.scripted = [(status, headers)]

    with pytest.raises(smoke.SmokeFailed, match="unknown route"):
        smoke.expect_unknown_route(address)
