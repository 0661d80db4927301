"""The queue between the redirect and the table of clicks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused, Unreachable
from chalicelib.errors import ClickNotSent
from chalicelib.settings import settings

AT_ONCE = 10  # messages that SQS takes in one call


def send(messages: Sequence[Mapping[str, Any]]) -> None:
    """Put ``messages``, ``AT_ONCE`` at the most, into the queue: half a second to connect, half to hear back, one try.

    They go as ASCII, for the queue refuses control characters.

    Raises:
        ClickNotSent: some may be in the queue and some not; sending all of them again later does no harm.
    """
    bodies = [json.dumps(message, separators=(",", ":")) for message in messages]
    try:
        if len(bodies) == 1:
            clients.queue.send_message(QueueUrl=settings.clicks_queue_url, MessageBody=bodies[0])
            return
        entries: Any = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)]
        answer = clients.queue.send_message_batch(QueueUrl=settings.clicks_queue_url, Entries=entries)
    except (Unreachable, Refused) as failure:
        raise ClickNotSent from failure
    if answer.get("Failed"):
        raise ClickNotSent
