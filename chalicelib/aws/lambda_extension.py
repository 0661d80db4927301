"""What is done when the visitor has gone, after the answer and before the environment may be frozen: clicks go out.

A thread of the redirect's function registers as an internal extension of Lambda. Lambda gives the function's answer to
the caller at once, and freezes the environment only when function *and* extension have asked for the next event; so
what a handler leaves here is sent while nobody waits. Where there is no Lambda, or it refuses, nothing is taken.
"""

from __future__ import annotations

import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_NAME = "clicks"
_OK = 200
_PATH = "/2020-01-01/extension"
_SECONDS_TO_REGISTER = 2
_PAUSE = 0.1  # seconds, where Lambda does not take the call
_EVENT = 65536  # bytes, more than any
_NEXT = (
    f"GET {_PATH}/event/next HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n"
    "Lambda-Extension-Identifier: {id}\r\n\r\n"
)

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
        """Ask for an invocation, wait for its answer, then send; and only then let the environment be frozen."""
        host, _, port = self._runtime_api.partition(":")
        request = _NEXT.format(host=self._runtime_api, id=extension_id).encode()
        while True:
            with _asking((host, int(port or 80)), request):
                left = self._answered.get()
            if left:
                self._send(left)


@contextmanager
def _asking(address: tuple[str, int], request: bytes) -> Iterator[None]:
    """Ask for the next event, and be seen to wait for it meanwhile; on a connection of its own, which cannot be stale.

    The event is not read when it comes, for at that very moment the function is asked as well: a thread that woke up
    for it would take the interpreter from the one a visitor waits for. It is read, and not looked at, once the function
    has answered.
    """
    while True:
        try:
            connection = socket.create_connection(address)
            connection.sendall(request)
            break
        except OSError:
            time.sleep(_PAUSE)
    with connection:
        yield
        with suppress(OSError):
            connection.recv(_EVENT)
