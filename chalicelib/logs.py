"""The log: one JSON object a line. Never a secret, never an IP address, never where a link leads."""

from __future__ import annotations

import functools
import json
import logging
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

METRICS = {
    "RedirectLatency": "Milliseconds",
    "CacheHit": "Count",
    "Unknown": "Count",
    "ClicksSpilled": "Count",
    "CountDrift": "Count",
    "Reports": "Count",
}
"""What is measured, and its unit. CacheHit and Unknown are 0 or 1 for each redirect: their average is a share."""

Line = dict[str, Any]
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
_noted: ContextVar[dict[str, Any] | None] = ContextVar("noted", default=None)


def begin(**facts: Any) -> None:
    """Start the notes of a request, a batch or a night with ``facts``."""
    _noted.set(facts)


def note(**facts: Any) -> None:
    """Add ``facts`` to the line that this request will leave."""
    noted = _noted.get()
    if noted is not None:
        noted.update(facts)


def line_of(**facts: Any) -> Line:
    """Return the line of a request, a batch or a night: what was noted, and ``facts``; ``at`` (aware) is its time."""
    line = _noted.get() or {}
    line.update(facts)
    return line


def publish(service: str, line: Line) -> None:
    """Write a line. What it costs to write one is paid here, which may be after the answer.

    Metrics in it are declared in CloudWatch's embedded metric format, in the name of ``service``: CloudWatch reads them
    from the log, which costs no call. An empty ``service`` declares none.
    """
    if "at" in line:
        line["time"] = line.pop("at").isoformat(timespec="milliseconds")
    if "Unknown" in line:
        line["RedirectLatency"] = line["ms"]
    measured = tuple(name for name in METRICS if name in line)
    if service and measured:
        declared = _declared(service, measured)
        sys.stdout.write(f'{_encode(line)[:-1]},"_aws":{{"Timestamp":{time.time_ns() // 1_000_000},{declared}\n')
    else:
        write(**line)


@functools.cache
def _declared(service: str, metrics: tuple[str, ...]) -> str:
    """Return the constant rest of a line that declares ``metrics``, encoded once: encoding it cost 4 us a redirect."""
    units = [{"Name": name, "Unit": METRICS[name]} for name in metrics]
    directive = {"Namespace": "UrlShortener", "Dimensions": [["Service"]], "Metrics": units}
    return f'"CloudWatchMetrics":{_encode([directive])}}},"Service":{_encode(service)}}}'


def write(**facts: Any) -> None:
    """Write one line. ``ensure_ascii`` keeps line breaks of any alphabet inside their string."""
    sys.stdout.write(_encode(facts) + "\n")


class JsonLines(logging.Formatter):
    """Formats what libraries log, tracebacks included, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line; with the id by which whoever made the request will ask for it."""
        noted = _noted.get() or {}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if "requestId" in noted:
            line["requestId"] = noted["requestId"]
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
