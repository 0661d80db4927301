"""The queue between the redirect and the table of clicks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused, Unreachable
from chalicelib.settings import settings

AT_ONCE = 10  # messages that SQS takes in one call
_encode = json.JSONEncoder(separators=(",", ":")).encode


class ClickNotSent(Exception):
    """The queue did not accept a click in time."""


def send(messages: Sequence[Mapping[str, Any]]) -> None:
    """Send up to ``AT_ONCE`` messages: half a second to connect and to respond; one try while a visitor waits.

    They are sent as ASCII, because the queue refuses control characters.

    Raises:
        ClickNotSent: some may have been sent; sending all of them again later does no harm.
    """
    bodies = [_encode(message) for message in messages]
    try:
        if len(bodies) == 1:
            clients.queue.send_message(QueueUrl=settings.clicks_queue_url, MessageBody=bodies[0])
            return
        entries: Any = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)]
        response = clients.queue.send_message_batch(QueueUrl=settings.clicks_queue_url, Entries=entries)
    except (Unreachable, Refused) as failure:
        raise ClickNotSent from failure
    if response.get("Failed"):
        raise ClickNotSent
