"""The log: one JSON object a line, without secrets, IP addresses and target URLs."""

from __future__ import annotations

import functools
import json
import logging
import sys
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from chalicelib import settings

METRICS = {
    "RedirectLatency": "Milliseconds",
    "CacheHit": "Count",
    "Unknown": "Count",
    "ClicksSpilled": "Count",
    "ClicksSetAside": "Count",
    "CountDrift": "Count",
    "Reports": "Count",
}
"""The metrics and their units. CacheHit and Unknown are 0 or 1 for each redirect: their average is a rate."""
MOST_VALUES = 100
"""Values of a metric that CloudWatch reads from one line."""

Line = dict[str, Any]
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
_noted: ContextVar[dict[str, Any] | None] = ContextVar("noted", default=None)


def begin(**facts: Any) -> None:
    """Start the fields of a request's, batch's or job's log line with ``facts``."""
    _noted.set(facts)


def note(**facts: Any) -> None:
    """Add ``facts`` to the log line of the current request, batch or job."""
    noted = _noted.get()
    if noted is not None:
        noted.update(facts)


def build_line(**facts: Any) -> Line:
    """Return the log line of a request, a batch or a job: noted fields and ``facts``; ``at`` (aware) is its time."""
    line = _noted.get() or {}
    line.update(facts)
    return line


def publish(service: str, line: Line) -> None:
    """Write a line. All work on it is done here, which may be after the response.

    Its metrics are declared in CloudWatch's embedded metric format under the name of ``service``: CloudWatch reads them
    from the log, without a call. An empty ``service`` declares none.
    """
    if "at" in line:
        line["time"] = line.pop("at").isoformat(timespec="milliseconds")
    if "Unknown" in line and "ms" in line:  # the line of a redirect
        line["RedirectLatency"] = line["ms"]
    measured = tuple(name for name in METRICS if name in line)
    if service and measured:
        declared = _declared(service, measured)
        sys.stdout.write(f'{_encode(line)[:-1]},"_aws":{{"Timestamp":{time.time_ns() // 1_000_000},{declared}\n')
    else:
        write(**line)


@functools.cache
def _declared(service: str, metrics: tuple[str, ...]) -> str:
    """Return the constant end of a line that declares ``metrics``; cached, as encoding it takes 4 us a redirect."""
    units = [{"Name": name, "Unit": METRICS[name]} for name in metrics]
    directive = {"Namespace": "UrlShortener", "Dimensions": [["Service"]], "Metrics": units}
    return f'"CloudWatchMetrics":{_encode([directive])}}},"Service":{_encode(service)}}}'


def write(**facts: Any) -> None:
    """Write one line. ``ensure_ascii`` escapes all line breaks, Unicode's included."""
    sys.stdout.write(_encode(facts) + "\n")


class JsonLines(logging.Formatter):
    """Formats log records of libraries, tracebacks included, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line, with the id of the request."""
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
    """Make every logger write JSON lines, from level WARNING; warn of settings that have a new name."""
    root = logging.getLogger()
    if not root.handlers:  # Lambda has one, which writes to CloudWatch
        root.addHandler(logging.StreamHandler(sys.stdout))
    for handler in root.handlers:
        handler.setFormatter(JsonLines())
    root.setLevel(logging.WARNING)
    for sentence in settings.renamed:
        logging.getLogger("settings").warning(sentence)
