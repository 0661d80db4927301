"""An unreliable network: a loopback proxy in front of DynamoDB, with faults drawn from a seed.

The store behind it answers one request at a time, so that it is atomic itself, and whatever goes wrong is ours.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import serving

_CONFLICT = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": [{"Code": "TransactionConflict"}],
    }
).encode()


@dataclass
class Faults:
    """The share of requests for each fault, and the number of faults so far."""

    seed: int
    request_lost: float = 0.0
    """The connection is cut before the store receives the request."""
    reply_lost: float = 0.0
    """The connection is cut after the store has applied the request."""
    conflict: float = 0.0
    """A transaction is cancelled as if it conflicted with another."""
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  # the same faults for the same seed

    def drawn(self, operation: str) -> str:
        """Return the fault of the next request."""
        number = self._random.random()
        for fault, share in (("request lost", self.request_lost), ("reply lost", self.reply_lost)):
            if number < share:
                self.happened[fault] += 1
                return fault
            number -= share
        if operation == "TransactWriteItems" and number < self.conflict:
            self.happened["conflict"] += 1
            return "conflict"
        return "none"


@contextmanager
def between(store_port: int, faults: Faults) -> Iterator[str]:
    """Run the proxy for the store at ``store_port``; yields its address."""
    one_at_a_time = threading.Lock()
    store = http.client.HTTPConnection("127.0.0.1", store_port, timeout=10)

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 64 * 1024
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with one_at_a_time:
                fault = faults.drawn(self.headers.get("X-Amz-Target", "").rpartition(".")[2])
                answer = self._forwarded(body) if fault in {"none", "reply lost"} else (400, _CONFLICT)
            if fault.endswith("lost"):
                self.close_connection = True
                self.connection.close()
                return
            self._answer(*answer)

        def _forwarded(self, body: bytes) -> tuple[int, bytes]:
            store.request("POST", self.path, body, dict(self.headers))
            response = store.getresponse()
            return response.status, response.read()

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with closing(store), serving(Proxy) as server:
        yield server.address
