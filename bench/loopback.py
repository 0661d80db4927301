"""HTTP on loopback in one thread, and the AWS of a redirect: a DynamoDB of one link, an SQS that counts."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.canned import LINK

_SALT = base64.b64encode(b"s" * 32).decode()


@dataclass
class Request:
    """A whole HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class Connection:
    """The connection of one client. A request for an event that does not exist yet gets its response later."""

    def __init__(self, connected: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._secure: ssl.SSLSocket | None = None
        self.socket = connected
        if tls is not None:
            connected.settimeout(0)  # a handshake goes on whenever its next part has arrived
            self._secure = tls.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
            self.socket = self._secure
        self._is_open = tls is None
        self._read = b""

    def received(self) -> Request | None:
        """Read received bytes; return the request that they complete. An OSError or an EOFError ends the connection."""
        try:
            if self._secure is not None and not self._is_open:
                self._secure.do_handshake()
                self._is_open = True
            piece = self.socket.recv(65536)
        except ssl.SSLWantReadError:
            return None
        if not piece:
            raise EOFError
        self._read += piece
        head, found, rest = self._read.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            if not rest and headers.get("expect") == "100-continue":
                self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        self._read = rest[length:]
        method, path, _ = first.split(" ")
        return Request(method, path, headers, rest[:length])

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Respond, with head and body in one write."""
        lines = [f"HTTP/1.1 {status} .", *(f"{name}: {value}" for name, value in headers.items())]
        self.socket.sendall("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)


class Aws:
    """The AWS of one function. ``owed`` are the ids of the clicks that should be in its queue and are not."""

    def __init__(self) -> None:
        self.clicks = 0
        self.owed: set[str] = set()

    def serve(self, connection: Connection, request: Request) -> None:
        """Respond to one call."""
        operation = request.headers.get("x-amz-target", "").partition(".")[2]
        status, answer = self._answer(operation, json.loads(request.body))
        connection.answer(status, json.dumps(answer).encode(), {"Content-Type": "application/x-amz-json-1.0"})

    def _answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match operation:
            case "GetItem":
                return 200, {"Item": {**LINK, **request["Key"]}}
            case "UpdateItem":
                return 200, {"Attributes": {**request["Key"], "salt": {"B": _SALT}}}
            case "SendMessage":
                return 200, self._queued(request)
            case "SendMessageBatch":
                queued = [{"Id": each["Id"], **self._queued(each)} for each in request["Entries"]]
                return 200, {"Successful": queued, "Failed": []}
        return 400, {"__type": "com.amazon.coral.service#UnknownOperationException", "message": operation}

    def _queued(self, entry: dict[str, Any]) -> dict[str, str]:
        body: str = entry["MessageBody"]
        self.clicks += 1
        self.owed.discard(json.loads(body)["id"])
        checksum = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return {"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": checksum}
