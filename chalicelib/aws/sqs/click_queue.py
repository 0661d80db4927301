"""The queue between the redirect and the table of clicks."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused, Unreachable
from chalicelib.settings import settings

AT_ONCE = 10  # messages that SQS takes in one call
_COMES_AGAIN = (30, 300)  # seconds
_encode = json.JSONEncoder(separators=(",", ":")).encode


class ClickNotSent(Exception):
    """The queue did not accept a click in time."""


def send(messages: Sequence[Mapping[str, Any]]) -> None:
    """Send up to ``AT_ONCE`` messages: half a second to connect and to respond; one try while a visitor waits.

    They are sent as ASCII, because the queue refuses control characters.

    Raises:
        ClickNotSent: some may have been sent; sending all of them again later does no harm.
    """
    _send(messages, {})


def send_again(messages: Sequence[Mapping[str, Any]]) -> None:
    """Send up to ``AT_ONCE`` messages that could not be worked on; they come again within some minutes, spread out.

    Raises:
        ClickNotSent: some may have been sent.
    """
    _send(messages, {"DelaySeconds": random.randint(*_COMES_AGAIN)})  # noqa: S311  # not used for security


def _send(messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> None:
    bodies = [_encode(message) for message in messages]
    try:
        if len(bodies) == 1:
            clients.queue.send_message(QueueUrl=settings.clicks_queue_url, MessageBody=bodies[0], **options)
            return
        entries: Any = [{"Id": str(place), "MessageBody": body, **options} for place, body in enumerate(bodies)]
        response = clients.queue.send_message_batch(QueueUrl=settings.clicks_queue_url, Entries=entries)
    except (Unreachable, Refused) as failure:
        raise ClickNotSent from failure
    if response.get("Failed"):
        raise ClickNotSent
