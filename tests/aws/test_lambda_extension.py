"""Pending work is sent after the response and before the environment freezes; a small server plays Lambda."""

from __future__ import annotations

import json
import os
import queue
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from chalicelib.aws.lambda_extension import Outbox
from tests.loopback import serving


class Lambda:
    """An Extensions API: a test releases invocations one by one, and reads the events in order."""

    def __init__(self) -> None:
        self.address = ""
        """The value of AWS_LAMBDA_RUNTIME_API."""
        self.events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.invocations: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.registered: list[tuple[dict[str, str], Any]] = []

    def invoke(self) -> None:
        """Release one invocation: the extension's call for the next event returns."""
        self.invocations.put("go")

    def next(self) -> str:
        """Return the next event."""
        return self.events.get(timeout=5)


@contextmanager
def lambda_of(status: int = 200) -> Iterator[Lambda]:
    """A Lambda that responds to the registration of an extension with ``status``."""
    machine = Lambda()

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            machine.registered.append((dict(self.headers), body))
            self.answer(status, {"Lambda-Extension-Identifier": "the-id"})

        def do_GET(self) -> None:
            machine.events.put(f"next by {self.headers['Lambda-Extension-Identifier']}")
            machine.invocations.get()
            self.answer(200, {})

        def answer(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "2"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    with serving(Api) as server:
        machine.address = f"127.0.0.1:{server.server_port}"
        yield machine


@pytest.fixture
def aws_lambda() -> Iterator[Lambda]:
    """A Lambda that accepts extensions."""
    with lambda_of() as machine:
        yield machine


def outbox_in(machine: Lambda) -> Outbox:
    """Return an outbox that records what it sends as events."""
    return Outbox(machine.address, lambda messages, _: machine.events.put(f"sent {[m['n'] for m in messages]}"))


def test_click_is_sent_between_the_response_and_the_next_event(aws_lambda: Lambda) -> None:
    """Not before the response; and the environment cannot freeze before it is sent."""
    outbox = outbox_in(aws_lambda)
    assert outbox.open()
    assert aws_lambda.registered[0][1] == {"events": ["INVOKE"]}
    assert aws_lambda.next() == "next by the-id"

    aws_lambda.invoke()
    outbox.add({"n": 1})
    aws_lambda.events.put("answered")
    outbox.flush(5)

    assert [aws_lambda.next() for _ in range(3)] == ["answered", "sent [1]", "next by the-id"]


@pytest.mark.skipif(
    sys.platform != "linux", reason="NOT TESTED: the priority of a thread. Only Linux has one for each."
)
def test_sending_has_the_lowest_priority(aws_lambda: Lambda) -> None:
    """It must not take the core from the thread that serves the visitor, which keeps its own."""

    def send(*_: object) -> None:
        aws_lambda.events.put(f"at {os.getpriority(os.PRIO_PROCESS, threading.get_native_id())}")

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    outbox = Outbox(aws_lambda.address, send)
    assert outbox.open()
    aws_lambda.next()

    aws_lambda.invoke()
    outbox.add("a click")
    outbox.flush(5)

    assert aws_lambda.next() == "at 19"
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before < 19


def test_invocation_without_a_click_only_asks_for_the_next_event(aws_lambda: Lambda) -> None:
    """A HEAD, an unknown page, a warm-up event."""
    outbox = outbox_in(aws_lambda)
    outbox.open()
    aws_lambda.next()

    for _ in range(3):
        outbox.flush(5)
        aws_lambda.invoke()
        assert aws_lambda.next() == "next by the-id"


def test_response_before_its_event_is_not_lost(aws_lambda: Lambda) -> None:
    """The function may respond before the extension hears of the invocation."""
    outbox = outbox_in(aws_lambda)
    outbox.open()
    aws_lambda.next()
    for number in range(2):
        outbox.add({"n": number})
        outbox.flush(5)

    aws_lambda.invoke()
    aws_lambda.invoke()

    assert [aws_lambda.next() for _ in range(4)] == ["sent [0]", "next by the-id", "sent [1]", "next by the-id"]


def test_each_call_has_its_own_connection(aws_lambda: Lambda) -> None:
    """Lambda may close a connection after each response: the pending click is sent, and the next event requested."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        calls = []

        def answer_one(identifier: bytes) -> None:
            connection, _ = api.accept()
            with connection:
                calls.append(connection.recv(65536).partition(b" HTTP")[0])
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + identifier + b"Content-Length: 2\r\n\r\n{}")

        def answer_three() -> None:
            for header in (b"Lambda-Extension-Identifier: the-id\r\n", b"", b""):
                answer_one(header)

        machine = threading.Thread(target=answer_three)
        machine.start()
        outbox = Outbox(f"127.0.0.1:{api.getsockname()[1]}", lambda left, _: aws_lambda.events.put(*left))
        assert outbox.open()
        outbox.add("a click")
        outbox.flush(5)
        machine.join(5)

    assert aws_lambda.next() == "a click"
    assert calls == [b"POST /2020-01-01/extension/register", *[b"GET /2020-01-01/extension/event/next"] * 2]


@pytest.mark.parametrize("status", [403, 500])
def test_refused_extension_is_not_open(status: int) -> None:
    """Then clicks are sent before the response, as everywhere else."""
    with lambda_of(status) as machine:
        outbox = outbox_in(machine)

        assert not outbox.open()
        assert not outbox.is_open


def test_outbox_is_not_open_without_lambda() -> None:
    """No server is listening."""
    assert not Outbox("127.0.0.1:9", lambda *_: None).open()
