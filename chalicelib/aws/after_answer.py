"""What is done when the visitor has gone: clicks go out after the answer, before the environment may be frozen.

A thread of the redirect's function registers as an internal extension of Lambda. Lambda gives the function's answer to
the caller at once, and freezes the environment only when function *and* extension have asked for the next event; so
what a handler leaves here is sent while nobody waits. Where there is no Lambda, or it refuses, nothing is taken.
"""

from __future__ import annotations

import http.client
import json
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

_NAME = "clicks"
_AT_ONCE = 10  # messages that SQS takes in one call
_OK = 200

Message = Mapping[str, Any]
Send = Callable[[list[Message]], None]


class Outbox:
    """Messages of one environment, and the thread that sends them between an answer and the freeze."""

    def __init__(self, runtime_api: str, send: Send) -> None:
        self._runtime_api = runtime_api
        self._send = send
        self._left: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
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

    def leave(self, message: Message) -> None:
        """Leave a message; it goes out when this invocation has been answered."""
        self._left.put(message)

    def answered(self) -> None:
        """Say that this invocation has its answer: once for each, whatever came of it."""
        self._left.put(None)

    def _register(self) -> str | None:
        answer = self._ask("POST", "register", {"Lambda-Extension-Name": _NAME}, {"events": ["INVOKE"]})
        return answer.headers["Lambda-Extension-Identifier"] if answer.status == _OK else None

    def _run(self, extension_id: str) -> None:
        """Wait for an invocation, then for its answer, then send; and only then let the environment be frozen."""
        while True:
            self._ask("GET", "event/next", {"Lambda-Extension-Identifier": extension_id})
            messages = []
            while (message := self._left.get()) is not None:
                messages.append(message)
            for first in range(0, len(messages), _AT_ONCE):
                self._send(messages[first : first + _AT_ONCE])

    def _ask(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._runtime_api)  # waits for as long as the environment is frozen
        try:
            connection.request(method, f"/2020-01-01/extension/{path}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()
