"""A Lambda on one machine: its Runtime and Extensions API, and a DynamoDB and an SQS over TLS, in one loop, no threads.

One thread serves everything, so that nothing here competes with the function for a core. A function is frozen (SIGSTOP)
as on Lambda: once its runtime and every extension of it have asked for what comes next; and woken for an invocation.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.loopback import Aws, Connection, Request

_PATIENCE = 30  # seconds for whatever a function does
_RUNTIME_HEADERS = {  # where one is missing, the native client crashes
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:bench",
    "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
    "Lambda-Runtime-Client-Context": "{}",
    "Lambda-Runtime-Cognito-Identity": "{}",
    "Content-Type": "application/json",
}


class FunctionFailed(Exception):
    """A function failed; the message has its last output."""


class Function:
    """One start of a function, from its process to its end.

    ``late`` are the ids of the clicks that were not sent yet when an extension of it asked for its next event, or when
    it was frozen.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], tls: ssl.SSLContext, *, counts: bool
    ) -> None:
        self._aws = Aws()
        self._tls = tls
        self.late: set[str] = set()
        self.extensions = 0
        self._counts = counts
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._aws_listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._selector.register(self._aws_listener, selectors.EVENT_READ)
        self._runtime: Connection | None = None
        self._waiting: dict[str, Connection | None] = {}
        self._answer = b""
        self._answered_at = 0
        self._started = False
        self._log = (folder / f"log-{self._listener.getsockname()[1]}").open("w+")
        aws = f"https://127.0.0.1:{self._aws_listener.getsockname()[1]}"
        given = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._listener.getsockname()[1]}",
            "AWS_ENDPOINT_URL": aws,
            "CLICKS_QUEUE_URL": f"{aws}/000000000000/clicks" if counts else "",
        }
        started = time.perf_counter_ns()
        self._process = subprocess.Popen(
            command, cwd=folder, env={**environ, **given}, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._serve_until(self._is_ready)
        self.init = (time.perf_counter_ns() - started) / 1e6
        """From the start of the process until it could be frozen: milliseconds."""
        self._started = True
        self._freeze()

    def invoke(self, event: bytes, request_id: str) -> tuple[int, dict[str, Any]]:
        """Return the latency in nanoseconds, and the response; afterwards the function is frozen."""
        if self._runtime is None:
            raise FunctionFailed("It never asked for work.")
        if self._counts:
            self._aws.owed.add(request_id)
        self._answer = b""
        deadline = {"Lambda-Runtime-Deadline-Ms": str(int((time.time() + 15) * 1000))}
        headers = {"Lambda-Runtime-Aws-Request-Id": request_id, **_RUNTIME_HEADERS, **deadline}
        asked, self._runtime = self._runtime, None
        extensions = [waiting for waiting in self._waiting.values() if waiting is not None]
        self._waiting = dict.fromkeys(self._waiting)
        invoke = json.dumps({"eventType": "INVOKE", "requestId": request_id, "deadlineMs": 15000}).encode()
        self._process.send_signal(signal.SIGCONT)
        began = time.perf_counter_ns()
        asked.answer(200, event, headers)
        for extension in extensions:
            extension.answer(200, invoke, {"Content-Type": "application/json"})
        self._serve_until(self._is_ready)
        self._freeze()
        answer: dict[str, Any] = json.loads(self._answer)
        return self._answered_at - began, answer

    @property
    def cpu(self) -> float:
        """Return the CPU that all its threads have used so far: microseconds."""
        return time.clock_gettime((~self._process.pid << 3) | 2) * 1e6  # Linux' clock of another process

    @property
    def peak(self) -> float:
        """Return its peak memory: MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    @property
    def clicks(self) -> int:
        """Return how many clicks are in its queue."""
        return self._aws.clicks

    @property
    def lost(self) -> int:
        """Return how many clicks are not in its queue."""
        return len(self._aws.owed)

    def end(self) -> None:
        """Kill it, as Lambda does."""
        self._process.kill()
        self._process.wait()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # all of them are sockets
        self._selector.close()
        self._log.close()

    def _is_ready(self) -> bool:
        return self._runtime is not None and all(waiting is not None for waiting in self._waiting.values())

    def _freeze(self) -> None:
        self.late |= self._aws.owed
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def _serve_until(self, done: Callable[[], bool]) -> None:
        patience_ends = time.monotonic() + _PATIENCE
        while not done():
            for key, _ in self._selector.select(1):
                if key.fileobj is self._listener:
                    self._accept(Connection(self._listener.accept()[0]))
                elif key.fileobj is self._aws_listener:
                    self._accept(Connection(self._aws_listener.accept()[0], self._tls))
                else:
                    self._serve(key.data)
            if self._process.poll() is not None or time.monotonic() > patience_ends:
                raise FunctionFailed(self._last_words())

    def _accept(self, connection: Connection) -> None:
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _serve(self, connection: Connection) -> None:
        try:
            request = connection.received()
        except (OSError, EOFError):
            self._selector.unregister(connection.socket)
            connection.socket.close()
            return
        if request is None:
            return
        if request.path.startswith("/2018-06-01/runtime/"):
            self._serve_runtime(connection, request)
        elif request.path.startswith("/2020-01-01/extension/"):
            self._serve_extension(connection, request)
        else:
            self._aws.serve(connection, request)

    def _serve_runtime(self, connection: Connection, request: Request) -> None:
        if request.path.endswith("/next"):
            self._runtime = connection
            return
        self._answered_at = time.perf_counter_ns()
        self._answer = request.body
        connection.answer(202, b"", {})
        if not request.path.endswith("/response"):
            raise FunctionFailed(request.body.decode())

    def _serve_extension(self, connection: Connection, request: Request) -> None:
        if request.path.endswith("/register"):
            if self._started:
                connection.answer(403, b'{"errorType": "Extension.RegistrationClosed"}', {})
                return
            identifier = str(uuid.uuid4())
            self._waiting[identifier] = None
            self.extensions += 1
            about = b'{"functionName": "bench", "functionVersion": "1", "handler": "bench"}'
            connection.answer(200, about, {"Lambda-Extension-Identifier": identifier})
            return
        self.late |= self._aws.owed
        self._waiting[request.headers["lambda-extension-identifier"]] = connection

    def _last_words(self) -> str:
        self._log.flush()
        self._log.seek(0)
        return self._log.read()[-3000:] or f"No word from it; its status is {self._process.returncode}."
