"""Clicks go out after the answer and before the freeze; Lambda's side is played by a small server."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.aws import after_answer
from chalicelib.aws.after_answer import Outbox


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

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
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


@pytest.mark.parametrize("event", [b"", b'{"eventType": "INVOKE"}', b"x" * 100_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_event_is_read_to_its_end(event: bytes, chunked: bool) -> None:  # noqa: FBT001  # a table of cases
    """However long it is, and whichever way it says so: the next answer begins where this one ends."""
    chunk = b"%x\r\n%s\r\n" % (len(event), event) if event else b""
    head = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(event)
    body = chunk + b"0\r\n\r\n" if chunked else event
    with socket.create_server(("127.0.0.1", 0)) as api:
        events = after_answer._Events(f"127.0.0.1:{api.getsockname()[1]}", "the-id")  # noqa: SLF001  # what a thread runs

        def thrice() -> None:
            for _ in range(3):
                events.wait()

        waiting = threading.Thread(target=thrice, daemon=True)
        waiting.start()
        connection, _ = api.accept()
        with connection:
            for _ in range(3):
                assert connection.recv(65536).startswith(b"GET /2020-01-01/extension/event/next HTTP/1.1\r\n")
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
            waiting.join(5)
        events._hang_up()  # noqa: SLF001  # as the end of the process does

    assert not waiting.is_alive()


def test_many_clicks_go_ten_at_a_time(aws_lambda: Lambda) -> None:
    """As many as SQS takes in one call."""
    outbox = outbox_in(aws_lambda)
    outbox.open()
    aws_lambda.next()
    for number in range(23):
        outbox.leave({"n": number})
    outbox.answered()

    aws_lambda.invoke()

    assert [len(json.loads(aws_lambda.next().removeprefix("sent "))) for _ in range(3)] == [10, 10, 3]


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
