"""What is left goes out after the answer and before the freeze; Lambda's side is played by a small server."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.aws.after_answer import Outbox


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of a connection that a test has ended."""


class Lambda:
    """An Extensions API: invocations are let go one by one; what happens is told in order."""

    def __init__(self, status: int = 200) -> None:
        self.happened: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.invocations: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.registered: list[tuple[dict[str, str], Any]] = []
        machine = self

        class Api(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                machine.registered.append((dict(self.headers), body))
                self.answer(status, {"Lambda-Extension-Identifier": "the-id"})

            def do_GET(self) -> None:
                machine.happened.put(f"next by {self.headers['Lambda-Extension-Identifier']}")
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

        self.server = _Quiet(("127.0.0.1", 0), Api)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Return what AWS_LAMBDA_RUNTIME_API says."""
        return f"127.0.0.1:{self.server.server_port}"

    def invoke(self) -> None:
        """Let one invocation go: the extension's call for the next event is answered."""
        self.invocations.put("go")

    def next(self) -> str:
        """Return what happened next."""
        return self.happened.get(timeout=5)

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def aws_lambda() -> Iterator[Lambda]:
    """A Lambda that takes extensions."""
    machine = Lambda()
    yield machine
    machine.stop()


def outbox_in(machine: Lambda) -> Outbox:
    """Return an outbox that tells what it sends."""
    return Outbox(machine.address, lambda messages: machine.happened.put(f"sent {[m['n'] for m in messages]}"))


def test_a_click_goes_out_between_the_answer_and_the_next_event(aws_lambda: Lambda) -> None:
    """Not before the answer; and the environment cannot be frozen before it is gone."""
    outbox = outbox_in(aws_lambda)
    assert outbox.open()
    assert aws_lambda.registered[0][1] == {"events": ["INVOKE"]}
    assert aws_lambda.next() == "next by the-id"

    aws_lambda.invoke()
    outbox.leave({"n": 1})
    with pytest.raises(queue.Empty):
        aws_lambda.happened.get(timeout=0.1)
    outbox.answered()

    assert [aws_lambda.next(), aws_lambda.next()] == ["sent [1]", "next by the-id"]


def test_an_invocation_without_a_click_only_asks_for_the_next(aws_lambda: Lambda) -> None:
    """A HEAD, an unknown page, the event that keeps it warm."""
    outbox = outbox_in(aws_lambda)
    outbox.open()
    aws_lambda.next()

    for _ in range(3):
        outbox.answered()
        aws_lambda.invoke()
        assert aws_lambda.next() == "next by the-id"


def test_answers_that_are_faster_than_their_event_are_not_lost(aws_lambda: Lambda) -> None:
    """The function may have answered before the extension hears of the invocation."""
    outbox = outbox_in(aws_lambda)
    outbox.open()
    aws_lambda.next()
    for number in range(2):
        outbox.leave({"n": number})
        outbox.answered()

    aws_lambda.invoke()
    aws_lambda.invoke()

    assert [aws_lambda.next() for _ in range(4)] == ["sent [0]", "next by the-id", "sent [1]", "next by the-id"]


def test_each_call_has_a_connection_of_its_own(aws_lambda: Lambda) -> None:
    """Lambda may hang up whenever it has answered: what was left is sent, and the next event is asked for."""
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
        outbox = Outbox(f"127.0.0.1:{api.getsockname()[1]}", lambda left: aws_lambda.happened.put(*left))
        assert outbox.open()
        outbox.leave("a click")
        outbox.answered()
        machine.join(5)

    assert aws_lambda.next() == "a click"
    assert calls == [b"POST /2020-01-01/extension/register", *[b"GET /2020-01-01/extension/event/next"] * 2]


@pytest.mark.parametrize("status", [403, 500])
def test_where_lambda_refuses_nothing_is_taken(status: int) -> None:
    """Then clicks are sent before the answer, as everywhere."""
    machine = Lambda(status)
    outbox = outbox_in(machine)

    assert not outbox.open()
    assert not outbox.is_open
    machine.stop()


def test_where_nobody_listens_nothing_is_taken() -> None:
    """The same without any Lambda."""
    assert not Outbox("127.0.0.1:9", lambda _: None).open()
