"""HTTP servers on loopback for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LOOKS_EVERY = 0.01  # seconds until a server notices that it should stop; the default is half a second


class Server(ThreadingHTTPServer):
    """A server on loopback at a free port; its threads end with the program."""

    daemon_threads = True
    request_queue_size = 1024
    """Crowds connect at once. A connection beyond this number is dropped, and repeated after one, three, seven seconds:
    later than the time limits of clients allow."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def address(self) -> str:
        """Return its URL, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Log nothing: tests cut connections on purpose."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[Server]:
    """Run a server with ``handler`` within a ``with`` block."""
    server = Server(handler)
    threading.Thread(target=server.serve_forever, args=(_LOOKS_EVERY,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
