"""The responses of HTTP/1.1 that a server may send, in one piece or many."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from chalicelib.aws.clients.http_connection import Connection, ResponseUnreadable


@contextmanager
def connected(*pieces: bytes) -> Iterator[tuple[Connection, bytearray]]:
    """Connect to a server that sends ``pieces`` after a request, then closes; yields what it received as well."""
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while not received.endswith(b"{}"):
                    received.extend(accepted.recv(65536))
                for piece in pieces:
                    accepted.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(urlsplit(f"http://127.0.0.1:{listener.getsockname()[1]}"), 5)
        with closing(connection):
            yield connection, received
        thread.join(5)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("response", "status", "body", "is_open"),
    [
        pytest.param(OK + b"Content-Length: 2\r\n\r\n{}", 200, b"{}", True, id="length"),
        pytest.param(OK + b"content-LENGTH:2\r\nX: a:b\r\n\r\n{}", 200, b"{}", True, id="case and spaces"),
        pytest.param(b"HTTP/1.1 400\r\nContent-Length: 0\r\n\r\n", 400, b"", True, id="no reason, no body"),
        pytest.param(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", False, id="last one"),
        pytest.param(OK + b"\r\n{}", 200, b"{}", False, id="until the end"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
            200,
            b"abc0123456789",
            True,
            id="chunks",
        ),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\n\r\n", 200, b"a", True, id="trailers"
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_responses_are_read(response: bytes, status: int, body: bytes, size: int, *, is_open: bool) -> None:
    """However the network cuts them into pieces."""
    pieces = [response[start : start + size] for start in range(0, len(response), size)]

    with connected(*pieces) as (connection, received):
        assert connection.post({"host": "h", "x": "y"}, b"{}", 5) == (status, body)
        assert connection.is_open == is_open

    assert received == b"POST / HTTP/1.1\r\nhost: h\r\nx: y\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(OK + b"Content-Length: 5\r\n\r\n{}", id="too short"),
        pytest.param(OK + b"Content-Length: x\r\n\r\n{}", id="no number"),
        pytest.param(OK + b"Content-Length", id="cut in a header"),
        pytest.param(OK, id="cut before the headers' end"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="no HTTP"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", id="cut in a chunk"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", id="longer than its chunk"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", id="no last chunk"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", id="cut after the last chunk"),
    ],
)
def test_broken_responses_are_errors(response: bytes) -> None:
    """Half a response is never taken for a whole one."""
    with connected(response) as (connection, _), pytest.raises(ResponseUnreadable):
        connection.post({}, b"{}", 5)


def test_addresses_are_tried_in_turn_within_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused address leads to the next; all of them have one time together, so none is tried after its end."""
    tcp = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
    tried: list[int] = []

    class Recorded(socket.socket):
        def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override]  # these addresses are pairs
            tried.append(address[1])
            super().connect(address)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        good = listener.getsockname()[1]
        addresses = [(*tcp, ("127.0.0.1", port)) for port in (1, 2, good, 3)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        monkeypatch.setattr(socket, "socket", Recorded)
        Connection(urlsplit("http://several.example"), 5).close()
        assert tried == [1, 2, good]

        tried.clear()
        with pytest.raises(OSError, match=r"no time|timed out|refused"):
            Connection(urlsplit("http://several.example"), 0.000001)
        assert len(tried) <= 1


def test_end_before_a_response_is_an_ended_connection() -> None:
    """It may have ended while the environment was frozen."""
    with connected() as (connection, _), pytest.raises(ConnectionResetError):
        connection.post({}, b"{}", 5)
