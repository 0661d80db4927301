"""How long each kind of call to AWS may take, and how often it is tried."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypedDict

    class Timeouts(TypedDict):
        """The limits of a client: of each attempt in seconds, and of the number of attempts."""

        seconds_to_connect: float
        seconds_to_read: float
        attempts: int


READ: Timeouts = {"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 2}
"""A visitor waits for a read: two attempts of half a second, with hardly a pause."""
WRITE: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 2, "attempts": 3}
"""A write may take longer, within API Gateway's 29 seconds."""
BEST_EFFORT: Timeouts = {"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 1}
"""For optional calls, whose failure the caller ignores."""
QUEUE_CLICK: Timeouts = {"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 1}
"""A visitor may wait for it; a click that is not queued goes into the log. After the response: see ``no_one_waits``."""
QUEUE_FILE: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 2, "attempts": 3}
STORE_FILE: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 10, "attempts": 4}
BACKGROUND: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 5, "attempts": 4}
"""For any call to DynamoDB of a background function: up to 20 seconds, which it has left when it starts one."""

AFTER_RESPONSE_ATTEMPTS = 3
"""The least number of attempts of a call that is made after the response."""
_SECONDS_ON_THIS_MACHINE = 2.0

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def on_this_machine(limits: Timeouts) -> Timeouts:
    """Return ``limits`` for a local AWS. It shares its cores with browsers, tests and compilers: a pause is no failure.

    Two attempts to read are still within the five seconds of the redirect's function.
    """
    return {
        "seconds_to_connect": max(limits["seconds_to_connect"], _SECONDS_ON_THIS_MACHINE),
        "seconds_to_read": max(limits["seconds_to_read"], _SECONDS_ON_THIS_MACHINE),
        "attempts": limits["attempts"],
    }


@contextmanager
def no_one_waits(until: float) -> Iterator[None]:
    """Give each call of this thread three attempts, and all of them together the time until ``until`` (monotonic)."""
    token = _deadline.set(until)
    try:
        yield
    finally:
        _deadline.reset(token)


def deadline() -> float | None:
    """Return when the calls of this thread must have ended (monotonic); None: their own limits hold."""
    return _deadline.get()


def seconds_within(until: float, most: float) -> float:
    """Return the limit of a step: ``most`` seconds, or what is left until ``until`` (monotonic).

    Raises:
        TimeoutError: nothing is left.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time is left")
    return min(most, left)
