"""The queue between the redirect and the table of clicks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused, Unreachable
from chalicelib.errors import ClickNotSent
from chalicelib.settings import settings


def send(message: Mapping[str, Any]) -> None:
    """Put ``message`` into the queue: half a second to connect, half to hear back, one try.

    It goes as ASCII, for the queue refuses control characters.

    Raises:
        ClickNotSent: it may or may not be in the queue; sending it again later does no harm.
    """
    body = json.dumps(message, separators=(",", ":"))
    try:
        clients.queue.send_message(QueueUrl=settings.clicks_queue_url, MessageBody=body)
    except (Unreachable, Refused) as failure:
        raise ClickNotSent from failure
