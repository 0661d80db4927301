"""Transactional writes, retried on conflicts with other writers while there is time."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from itertools import chain, repeat
from typing import Any, TypeVar

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb.errors import LinkChanged, WriteContended, WriteRefused, translating_errors

# Upper bounds of random pauses, in seconds; the randomness separates competing writers. Five seconds on average in all.
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.2)

_CONFLICT_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)

_time_ends: ContextVar[float] = ContextVar("time_ends", default=math.inf)  # on the monotonic clock

Result = TypeVar("Result")
Reason = dict[str, Any]
"""Why an action failed: ``Code`` is ConditionalCheckFailed or None, ``Item`` is the stored item."""


def write(actions: Sequence[Any]) -> list[Reason]:
    """Write ``actions`` in one transaction. If a condition fails, return a reason for each action; otherwise nothing.

    Raises:
        WriteRefused: DynamoDB rejects them; a retry will not help.
        StoreUnavailable: it may or may not have been written.
        WriteContended: other writers kept conflicting; nothing was written.
    """
    pauses = iter(PAUSES)
    while True:
        reasons = _attempt(actions)
        codes = {reason.get("Code") for reason in reasons}
        if not reasons or "ConditionalCheckFailed" in codes:
            return reasons
        if "ValidationError" in codes:
            raise WriteRefused
        if not wait_to_retry(pauses):
            raise WriteContended


def retry(attempt: Callable[[], Result], seconds: float) -> Result:
    """Return the result of ``attempt``, retried for ``seconds`` while others change the same link.

    Each attempt reads the link again. One of the competing writers succeeds each time; random pauses separate the rest.

    Raises:
        WriteContended: other writers always got in first; nothing was written.
    """
    pauses = chain(_CONFLICT_PAUSES, repeat(_CONFLICT_PAUSES[-1]))
    with within(seconds):
        while True:
            try:
                return attempt()
            except (LinkChanged, WriteContended):
                if not wait_to_retry(pauses):
                    raise WriteContended from None


class within:  # noqa: N801  # used as the functions of contextlib are, and every request passes it
    """Limit all retries in a ``with`` block to ``seconds`` from now, or to the outer limit if that is earlier."""

    __slots__ = ("_before", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._before = _time_ends.set(min(_time_ends.get(), time.monotonic() + self._seconds))

    def __exit__(self, *_: object) -> None:
        _time_ends.reset(self._before)


def wait_to_retry(pauses: Iterator[float]) -> bool:
    """Wait for the next of ``pauses``, as ``pause`` does. False, without waiting: none is left, or time would be up."""
    longest = next(pauses, None)
    if longest is None or time.monotonic() + longest > _time_ends.get():
        return False
    pause(longest)
    return True


def pause(longest: float) -> None:
    """Wait a random part of ``longest`` seconds, to separate competing writers."""
    time.sleep(random.uniform(0, longest))  # noqa: S311  # not used for security


def _attempt(actions: Sequence[Any]) -> list[Reason]:
    try:
        with translating_errors("TransactionCanceledException", "ValidationException"):
            clients.writes.transact_write_items(TransactItems=actions)
    except Refused as cancelled:
        response: Any = cancelled.response
        if "CancellationReasons" not in response:
            raise WriteRefused from cancelled
        reasons: list[Reason] = response["CancellationReasons"]
        return reasons
    return []
