"""The clock of an invocation: what time it is, and how much time is left.

Entry points read it once; everything below them takes the time as an argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


def now() -> datetime:
    """Return the present time (aware, UTC)."""
    return datetime.now(UTC)


def seconds_left(context: Any) -> float:
    """Return how long the invocation of ``context`` may still take; without a context, any time."""
    return math.inf if context is None else context.get_remaining_time_in_millis() / 1000


def has_seconds(seconds: int, context: Any) -> Callable[[], bool]:
    """Return a check whether the invocation of ``context`` has ``seconds`` left; without a context it always has."""
    return lambda: seconds_left(context) > seconds
