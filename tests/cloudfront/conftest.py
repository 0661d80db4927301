"""The stand-in of a file of tests, and the origin behind it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests import cloudfront
from tests.cloudfront import Edge, Origin
from tests.cloudfront.sample import CLOCK, TEMPLATE, VALUES, Recorder, Seen
from tests.loopback import serving


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    """The origin, on loopback."""
    record = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 64 * 1024

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            record.seen.append(Seen(self.command, self.path, headers, body))
            if record.cuts > 0:
                record.cuts -= 1
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            said = json.dumps({"host": headers.get("x-front-host", ""), "path": self.path}).encode()
            self.send_response_only(record.status)
            for name, value in {"Content-Length": str(len(said)), **record.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.do_GET
            raise AttributeError(name)

        def log_message(self, *args: Any) -> None:
            pass

    with serving(Handler) as server:
        record.port = server.server_port
        yield record


@pytest.fixture(scope="module")
def running(recorder: Recorder) -> Iterator[Edge]:
    """One stand-in for all tests of this file."""
    origins = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}
    with cloudfront.running(TEMPLATE, origins, VALUES, country={"192.0.2.9": "DE"}, clock=CLOCK) as edge:
        yield edge


@pytest.fixture
def edge(running: Edge, recorder: Recorder) -> Iterator[Edge]:
    """The stand-in as it started: with its template, nothing recorded, and nothing kept that is still good."""
    origins = running.origins
    running.deploy(TEMPLATE, VALUES)
    running.forwarded.clear()
    recorder.seen.clear()
    recorder.status, recorder.headers, recorder.cuts = 200, {}, 0
    CLOCK.now += 1e6
    yield running
    running.origins = origins
