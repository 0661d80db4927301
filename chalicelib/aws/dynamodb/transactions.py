"""Writes that happen together or not at all, tried again for as long as only a rival is in the way."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.store_errors import in_our_words
from chalicelib.errors import StoreUnavailable, WriteRefused

# Seconds, each drawn from zero up: rivals for one item meet again else. Five seconds in the mean, all in all.
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.2)

Reason = dict[str, Any]
"""Why an action was not done: ``Code`` is ConditionalCheckFailed or None, ``Item`` what is there instead."""


def write(actions: Sequence[Any]) -> list[Reason]:
    """Do ``actions`` together; return nothing, or why not, a reason for each, where a condition does not hold.

    Raises:
        WriteRefused: they will not be taken as they are, however often they are sent.
        StoreUnavailable: it may or may not have been written.
    """
    for longest_pause in PAUSES:
        reasons = _tried(actions)
        codes = {reason.get("Code") for reason in reasons}
        if not reasons or "ConditionalCheckFailed" in codes:
            return reasons
        if "ValidationError" in codes:
            raise WriteRefused
        pause(longest_pause)
    raise StoreUnavailable


def pause(longest: float) -> None:
    """Wait a random part of ``longest`` seconds, which spreads rivals."""
    time.sleep(random.uniform(0, longest))  # noqa: S311  # no secret


def _tried(actions: Sequence[Any]) -> list[Reason]:
    try:
        with in_our_words("TransactionCanceledException", "ValidationException"):
            clients.writes.transact_write_items(TransactItems=actions)
    except Refused as cancelled:
        response: Any = cancelled.response
        if "CancellationReasons" not in response:
            raise WriteRefused from cancelled
        reasons: list[Reason] = response["CancellationReasons"]
        return reasons
    return []
