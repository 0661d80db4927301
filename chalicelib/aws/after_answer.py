"""What is done when the visitor has gone: clicks go out after the answer, before the environment may be frozen.

A thread of the redirect's function registers as an internal extension of Lambda. Lambda gives the function's answer to
the caller at once, and freezes the environment only when function *and* extension have asked for the next event; so
what a handler leaves here is sent while nobody waits. Where there is no Lambda, or it refuses, nothing is taken.
"""

from __future__ import annotations

import http.client
import json
import queue
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

_NAME = "clicks"
_AT_ONCE = 10  # messages that SQS takes in one call
_OK = 200
_PATH = "/2020-01-01/extension"
_SECONDS_TO_REGISTER = 2
_PAUSE = 0.1  # seconds, where Lambda does not take the call
_MOST = 65536  # bytes of an event read at once
_LAST_CHUNK = b"0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)

Left = Any
"""What a handler leaves: as little as it can, for a visitor waits; what is made of it is the sender's."""
Send = Callable[[list[Left]], None]


class Outbox:
    """What one environment has to send, and the thread that sends them between an answer and the freeze."""

    def __init__(self, runtime_api: str, send: Send) -> None:
        self._runtime_api = runtime_api
        self._send = send
        self._now: list[Left] = []
        self._answered: queue.SimpleQueue[list[Left]] = queue.SimpleQueue()
        self.is_open = False

    def open(self) -> bool:
        """Register, while the function starts; False: messages must be sent before the answer."""
        try:
            extension_id = self._register()
        except (OSError, http.client.HTTPException):
            return False
        self.is_open = extension_id is not None
        if extension_id is not None:
            threading.Thread(target=self._run, args=(extension_id,), daemon=True).start()
        return self.is_open

    def leave(self, thing: Left) -> None:
        """Leave what goes out when this invocation has been answered. It wakes nobody yet."""
        self._now.append(thing)

    def answered(self) -> None:
        """Say that this invocation has its answer: once for each, whatever came of it."""
        self._answered.put(self._now)
        self._now = []

    def _register(self) -> str | None:
        connection = http.client.HTTPConnection(self._runtime_api, timeout=_SECONDS_TO_REGISTER)
        try:
            headers = {"Lambda-Extension-Name": _NAME}
            connection.request("POST", f"{_PATH}/register", json.dumps({"events": ["INVOKE"]}), headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        return answer.headers["Lambda-Extension-Identifier"] if answer.status == _OK else None

    def _run(self, extension_id: str) -> None:
        """Wait for an invocation, then for its answer, then send; and only then let the environment be frozen."""
        events = _Events(self._runtime_api, extension_id)
        while True:
            events.wait()
            left = self._answered.get()
            for first in range(0, len(left), _AT_ONCE):
                self._send(left[first : first + _AT_ONCE])


class _Events:
    """The calls for the next event, on one connection, and no more of HTTP than they need.

    An event comes at the very moment at which the function is asked as well: what is read of it here, the visitor waits
    for. ``http.client`` would take 100 us of them to read headers that nobody looks at.
    """

    def __init__(self, runtime_api: str, extension_id: str) -> None:
        host, _, port = runtime_api.partition(":")
        self._address = (host, int(port or 80))
        lines = (
            f"GET {_PATH}/event/next HTTP/1.1",
            f"Host: {runtime_api}",
            f"Lambda-Extension-Identifier: {extension_id}",
        )
        self._request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self._socket: socket.socket | None = None

    def wait(self) -> None:
        """Ask for the next event, and wait until it is there, for as long as the environment is frozen."""
        while True:
            try:
                if self._socket is None:
                    self._socket = socket.create_connection(self._address)
                self._socket.sendall(self._request)
                if self._read(self._socket):
                    return
            except OSError:
                time.sleep(_PAUSE)
            self._hang_up()

    def _read(self, connection: socket.socket) -> bool:
        """Read an answer to its end; False: it is none, or the last on this connection."""
        answer = b""
        while b"\r\n\r\n" not in answer:
            if not (piece := connection.recv(_MOST)):
                return False
            answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        while len(body) < int(length[1]) if length else not body.endswith(_LAST_CHUNK):
            if not (piece := connection.recv(_MOST)):
                return False
            body += piece
        return head.startswith(b"HTTP/1.1 200")

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
