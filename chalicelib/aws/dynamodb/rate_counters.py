"""Rate counters in the access table. ``id``: ``rate#<subject>#<window>#<start>``; they expire by TTL."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.core.limits import Window
from chalicelib.settings import settings


def spend(
    subject: str, window: Window, cost: int, now: datetime, *, timeout: Literal["read", "write"] = "write"
) -> int | None:
    """Add ``cost`` to the counter of ``subject`` in ``window``; return the count, or None: it would exceed the limit.

    One conditional update checks and counts. If its response is lost, it may be counted twice, but never too little.
    ``timeout="read"``: a visitor waits, so the shorter timeout of reads applies.

    Raises:
        StoreUnavailable
    """
    if cost > window.most:
        return None
    start = window.start(now)
    try:
        with translating_errors("ConditionalCheckFailedException"):
            counted = (clients.reads if timeout == "read" else clients.writes).update_item(
                TableName=settings.access_table,
                Key=_key(subject, window, now),
                UpdateExpression="ADD spent :cost SET expiresAt = :end",
                ConditionExpression="attribute_not_exists(spent) OR spent <= :left",
                ExpressionAttributeValues={
                    ":cost": {"N": str(cost)},
                    ":left": {"N": str(window.most - cost)},
                    ":end": {"N": str(start + 2 * window.seconds)},
                },
                ReturnValues="UPDATED_NEW",
            )
    except Refused:
        return None
    return int(counted["Attributes"]["spent"]["N"])


def begin(subject: str, window: Window, attempt: str, now: datetime) -> int | None:
    """Register ``attempt``, a unique id, of ``subject``; the number that may fail is limited. A visitor waits.

    Pending and failed attempts together never exceed the limit, even concurrently. Returns None if the attempt may
    proceed; at the limit, the number of failed attempts: pending ones may succeed, and make room.

    Raises:
        StoreUnavailable: it may or may not be registered.
    """
    try:
        with translating_errors("ConditionalCheckFailedException"):
            clients.reads.update_item(
                TableName=settings.access_table,
                Key=_key(subject, window, now),
                UpdateExpression="ADD attempts :ids SET expiresAt = :end",
                ConditionExpression="attribute_not_exists(attempts) OR size(attempts) < :most"
                " OR contains(attempts, :id)",
                ExpressionAttributeValues={
                    ":ids": {"SS": [attempt]},
                    ":id": {"S": attempt},
                    ":most": {"N": str(window.most)},
                    ":end": {"N": str(window.start(now) + 2 * window.seconds)},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
    except Refused as refused:
        response: Any = refused.response
        return len(response.get("Item", {}).get("failed", {}).get("SS", ()))
    return None


def end(subject: str, window: Window, attempt: str, now: datetime, *, failed: bool) -> None:
    """Record the result of ``attempt``, which began at ``now``: it ``failed``, or makes room for another.

    Idempotent, so it is retried. If that fails, the attempt counts as pending until the end of the window.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        clients.reads.update_item(
            TableName=settings.access_table,
            Key=_key(subject, window, now),
            UpdateExpression="ADD failed :ids" if failed else "DELETE attempts :ids",
            ExpressionAttributeValues={":ids": {"SS": [attempt]}},
        )


def _key(subject: str, window: Window, now: datetime) -> Any:
    return {"id": {"S": f"rate#{subject}#{window.name}#{window.start(now)}"}}
