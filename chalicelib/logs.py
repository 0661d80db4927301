"""The log: one JSON object a line. Never a secret, never an IP address, never where a link leads."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
_noted: ContextVar[dict[str, Any] | None] = ContextVar("noted", default=None)


def begin() -> None:
    """Start the notes of a request."""
    _noted.set({})


def note(**facts: Any) -> None:
    """Add ``facts`` to the line that this request will leave."""
    noted = _noted.get()
    if noted is not None:
        noted.update(facts)


def finish(**facts: Any) -> None:
    """Write the line of a request: what was noted, and ``facts``."""
    write(**(_noted.get() or {}), **facts)
    _noted.set(None)


def write(**facts: Any) -> None:
    """Write one line. ``ensure_ascii`` keeps line breaks of any alphabet inside their string."""
    sys.stdout.write(_encode(facts) + "\n")


class JsonLines(logging.Formatter):
    """Formats what libraries log, tracebacks included, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure() -> None:
    """Make every logger write JSON lines; warnings and worse."""
    root = logging.getLogger()
    if not root.handlers:  # Lambda brings its own, which writes where CloudWatch reads
        root.addHandler(logging.StreamHandler(sys.stdout))
    for handler in root.handlers:
        handler.setFormatter(JsonLines())
    root.setLevel(logging.WARNING)
