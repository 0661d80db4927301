"""A kept HTTP/1.1 connection to an endpoint of AWS, over TLS: POST requests of JSON, and nothing else of HTTP.

`http.client` takes three times as long for a request and its response: it is made for any server, and parses headers as
those of e-mails.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections.abc import Mapping
from urllib.parse import SplitResult

from chalicelib.aws.clients.timeouts import seconds_within
from chalicelib.aws.clients.tls import trust

_LONGEST_LINE = 65536
_PORTS = {"http": 80, "https": 443}


class ResponseUnreadable(OSError):
    """What the server sent is no whole HTTP response."""


class Connection:
    """An open connection. After any error it must be closed."""

    def __init__(self, url: SplitResult, seconds: float) -> None:
        """Connect to the host of ``url``, within ``seconds`` for connection and handshake together.

        Raises:
            OSError: also if the certificate is not of that host, or of no authority that is trusted.
        """
        try:
            self._socket = _connected(url, seconds)
        except ssl.SSLCertVerificationError:
            if not trust.widen():
                raise
            self._socket = _connected(url, seconds)
        self._received = self._socket.makefile("rb")
        self.is_open = True
        """The server takes another request."""

    def post(self, headers: Mapping[str, str], body: bytes, seconds: float) -> tuple[int, bytes]:
        """Send a request, and return the status and the body of its response; each step may take ``seconds``.

        Raises:
            OSError
        """
        self._socket.settimeout(seconds)
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(["POST / HTTP/1.1", *lines, f"content-length: {len(body)}", "", ""])
        self._socket.sendall(head.encode("ascii") + body)
        status = self._status()
        return status, self._body(self._headers())

    def close(self) -> None:
        """Close it."""
        self.is_open = False
        self._received.close()
        self._socket.close()

    def _status(self) -> int:
        line = self._received.readline(_LONGEST_LINE)
        if not line:
            raise ConnectionResetError("The connection was closed before a response.")
        try:
            return int(line.split(None, 2)[1])
        except (IndexError, ValueError):
            raise ResponseUnreadable(f"This is no status: {line[:100]!r}") from None

    def _headers(self) -> dict[bytes, bytes]:
        headers: dict[bytes, bytes] = {}
        while (line := self._received.readline(_LONGEST_LINE)) not in {b"\r\n", b"\n"}:
            name, colon, value = line.partition(b":")
            if not colon:
                raise ResponseUnreadable(f"This is no header: {line[:100]!r}")
            headers[name.lower()] = value.strip()
        if headers.get(b"connection", b"").lower() == b"close":
            self.is_open = False
        return headers

    def _body(self, headers: Mapping[bytes, bytes]) -> bytes:
        try:
            if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
                return b"".join(iter(self._chunk, b""))
            if b"content-length" in headers:
                return self._bytes(int(headers[b"content-length"]))
        except ValueError:
            raise ResponseUnreadable("The length of the response cannot be read.") from None
        self.is_open = False
        return self._received.read()

    def _chunk(self) -> bytes:
        length = int(self._received.readline(_LONGEST_LINE).partition(b";")[0], 16)
        chunk = self._bytes(length)
        while (line := self._received.readline(_LONGEST_LINE)) != b"\r\n":  # after the last chunk, trailers may follow
            if length or not line:
                raise ResponseUnreadable("A chunk of the response has no end.")
        return chunk

    def _bytes(self, length: int) -> bytes:
        body = self._received.read(length)
        if len(body) < length:
            raise ResponseUnreadable(f"The response has {len(body)} bytes of {length}.")
        return body


def _connected(url: SplitResult, seconds: float) -> socket.socket:
    host = url.hostname or ""
    until = time.monotonic() + seconds
    connected = _connected_to_one(host, url.port or _PORTS[url.scheme], until)
    try:
        connected.settimeout(seconds_within(until, math.inf))  # what is left is for the handshake
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return trust.context().wrap_socket(connected, server_hostname=host) if url.scheme == "https" else connected
    except OSError:
        connected.close()
        raise


def _connected_to_one(host: str, port: int, until: float) -> socket.socket:
    """Connect to one of the addresses of ``host``, before ``until`` (monotonic) for all of them together.

    AWS's names have up to eight addresses, and `socket.create_connection` would give each the whole time.
    """
    failed: OSError = TimeoutError("no time is left")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connecting = socket.socket(family, kind, protocol)
        try:
            connecting.settimeout(seconds_within(until, math.inf))
            connecting.connect(address)
        except OSError as failure:
            connecting.close()
            failed = failure
            if time.monotonic() >= until:
                break
        else:
            return connecting
    raise failed
