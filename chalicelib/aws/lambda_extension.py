"""Sends clicks and log lines after the response has gone out, and before Lambda may freeze the environment.

A thread of the redirect's function registers as an internal extension of Lambda. Lambda returns the function's response
to the caller at once, and freezes the environment only when function *and* extension have asked for the next event; so
what a handler adds here is sent without delaying the visitor. Outside Lambda, or if it refuses, the outbox is closed.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_NAME = "clicks"
_LOWEST_PRIORITY = 19
_OK = 200
_PATH = "/2020-01-01/extension"
_SECONDS_TO_REGISTER = 2
_PAUSE = 0.1  # seconds, before a refused call is repeated
_EVENT = 65536  # bytes, more than any event has
_NEXT = (
    f"GET {_PATH}/event/next HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n"
    "Lambda-Extension-Identifier: {id}\r\n\r\n"
)

_SECONDS_TO_SPILL = 0.5
Item = Any
"""What a handler adds: as raw as possible, because the visitor waits; the sender converts it."""
Send = Callable[[list[Item], float], None]
"""Sends items until a time (monotonic), which leaves a moment to write to the log what could not be sent."""


class Outbox:
    """The items that one environment has to send, and the thread that sends them between response and freeze."""

    def __init__(self, runtime_api: str, send: Send) -> None:
        self._runtime_api = runtime_api
        self._send = send
        self._pending: list[Item] = []
        self._released: queue.SimpleQueue[tuple[list[Item], float]] = queue.SimpleQueue()
        self.is_open = False

    def open(self) -> bool:
        """Register, while the function starts; False: items must be sent before the response."""
        try:
            extension_id = self._register()
        except (OSError, http.client.HTTPException):
            return False
        self.is_open = extension_id is not None
        if extension_id is not None:
            threading.Thread(target=self._run, args=(extension_id,), daemon=True).start()
        return self.is_open

    def add(self, item: Item) -> None:
        """Add an item to send after the response of this invocation. This wakes no thread yet."""
        self._pending.append(item)

    def flush(self, seconds_left: float) -> None:
        """Release the items of this invocation for sending: call it once for each, whatever its result.

        Lambda kills the environment in ``seconds_left``: its time limit is for function and extension together.
        """
        self._released.put((self._pending, time.monotonic() + seconds_left - _SECONDS_TO_SPILL))
        self._pending = []

    def _register(self) -> str | None:
        connection = http.client.HTTPConnection(self._runtime_api, timeout=_SECONDS_TO_REGISTER)
        try:
            headers = {"Lambda-Extension-Name": _NAME}
            connection.request("POST", f"{_PATH}/register", json.dumps({"events": ["INVOKE"]}), headers)
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        return response.headers["Lambda-Extension-Identifier"] if response.status == _OK else None

    def _run(self, extension_id: str) -> None:
        """Wait for an invocation and its response, then send; only then may the environment be frozen.

        With the lowest priority: where there is one core, the response is on its way before this thread begins.
        """
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        host, _, port = self._runtime_api.partition(":")
        request = _NEXT.format(host=self._runtime_api, id=extension_id).encode()
        while True:
            with _next_event((host, int(port or 80)), request):
                items, until = self._released.get()
            if items:
                self._send(items, until)


@contextmanager
def _next_event(address: tuple[str, int], request: bytes) -> Iterator[None]:
    """Request the next event, and hold the request open meanwhile; on a new connection, which cannot be stale.

    The event is not read when it arrives, because the function is invoked at the same moment: a thread that woke up for
    it would take the interpreter from the one that serves the visitor. It is read and discarded after the response.
    """
    while True:
        connection = socket.socket()  # not create_connection, which would look the name of an address up
        try:
            connection.connect(address)
            connection.sendall(request)
            break
        except OSError:
            connection.close()
            time.sleep(_PAUSE)
    with connection:
        yield
        with suppress(OSError):
            connection.recv(_EVENT)
