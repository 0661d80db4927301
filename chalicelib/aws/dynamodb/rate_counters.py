"""How often somebody did something, in the access table. ``id``: ``rate#<who>#<window>#<start>``; ends by TTL."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core.limits import Window
from chalicelib.settings import settings


def spend(who: str, window: Window, cost: int, now: datetime, *, hurried: bool = False) -> int | None:
    """Let ``who`` do something ``cost`` times within ``window``; return how often they have now, or None: too often.

    One conditional update decides and counts. If its answer is lost it may have counted for nothing; never too little.
    ``hurried``: a visitor waits for it, as long as for a read.

    Raises:
        StoreUnavailable
    """
    if cost > window.most:
        return None
    start = window.start(now)
    try:
        with in_our_words("ConditionalCheckFailedException"):
            counted = (clients.reads if hurried else clients.writes).update_item(
                TableName=settings.access_table,
                Key={"id": {"S": f"rate#{who}#{window.name}#{start}"}},
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
