"""A DynamoDB in a process of its own that answers at once and never changes: reads find what it was filled with.

So every batch is counted against the same state, and the CPU of the store is not that of the process that counts.
"""

from __future__ import annotations

import base64
import http.client
import json
import multiprocessing
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from bench.canned import QuietServer

_FILL = "Fill"
_START_SECONDS = 30

Item = dict[str, Any]
Key = tuple[str, str]


def key_of(item: Mapping[str, Any]) -> Key:
    """Return the key of an item of the table of clicks."""
    return item["code"]["S"], item["entry"]["S"]


class FrozenTable:
    """What the table holds, here and in its process."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.items: dict[Key, Item] = {}

    def held(self, key: Mapping[str, Any]) -> Item:
        """Return the item with ``key``, empty if there is none."""
        return self.items.get(key_of(key), {})

    def fill(self, items: list[Item]) -> None:
        """Hold ``items`` from now on, beside those there are."""
        self.items |= {key_of(item): item for item in items}
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection.request("POST", "/", json.dumps(items, default=_base64), {"X-Amz-Target": f"Bench.{_FILL}"})
        connection.getresponse().read()
        connection.close()


@contextmanager
def running(port: int) -> Iterator[FrozenTable]:
    """Run a table at ``port`` for the length of a ``with``."""
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
    process.start()
    try:
        _wait_for(port)
        yield FrozenTable(port)
    finally:
        process.terminate()
        process.join()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("The table does not start.")


def _serve(port: int) -> None:
    items: dict[Key, bytes] = {}

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet an answer

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            body = b"{}"
            if operation == _FILL:
                items.update({key_of(item): json.dumps(item).encode() for item in request})
            elif operation == "BatchGetItem":
                body = _found(items, request["RequestItems"])
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)
            self.wfile.flush()

        def log_message(self, *args: object) -> None:
            pass

    QuietServer(("127.0.0.1", port), Answers).serve_forever()


def _found(items: dict[Key, bytes], asked: dict[str, Any]) -> bytes:
    ((table, wanted),) = asked.items()
    found = b",".join(items[key] for key in map(key_of, wanted["Keys"]) if key in items)
    return b'{"Responses":{"%s":[%s]},"UnprocessedKeys":{}}' % (table.encode(), found)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
