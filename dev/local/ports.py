"""Free ports of this machine, for tests and benchmarks that run at the same time."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

_OURS = range(20_000, 30_000)
"""Below the ports that systems give to outgoing connections: none of those is ever one to listen on."""
_held: list[int] = []
"""Locks on the ports that this process was given: descriptors, which are held until it ends."""


def own_port() -> int:
    """Return a free port that no other process is given as long as this one lives."""
    folder = Path(tempfile.gettempdir()) / f"url-shortener-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in _OURS:
        lock = os.open(folder / str(port), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if is_free(port):
            _held.append(lock)
            return port
        os.close(lock)
    raise AssertionError(f"Every port from {_OURS.start} to {_OURS.stop - 1} is taken.")


def is_free(port: int) -> bool:
    """Tell whether a server could listen at ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
