"""The file queue: files to import, imports to resume, exports to write; each message is a JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import timeouts
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

TRIES = 8  # as .chalice/resources.yaml has it
FIRST_PAUSE = 30  # seconds, doubled each time: eight tries take an hour
_queue: Any = clients.sqs(**timeouts.QUEUE_FILE)


def send(document: Mapping[str, Any], *, after_seconds: int = 0) -> None:
    """Send ``document``, to be delivered after a delay; if the response is lost, it may be sent twice.

    Raises:
        StoreUnavailable: it may or may not have been sent.
    """
    with translating_errors():
        _queue.send_message(
            QueueUrl=settings.files_queue_url, MessageBody=json.dumps(document), DelaySeconds=after_seconds
        )


def retry_with_backoff(receipt: str, tries: int) -> None:
    """Deliver a message that failed for the ``tries``-th time (from 1) again after a pause that doubles each time.

    If this call fails, the message returns when its visibility timeout ends.
    """
    with suppress(StoreUnavailable), translating_errors():
        _queue.change_message_visibility(
            QueueUrl=settings.files_queue_url,
            ReceiptHandle=receipt,
            VisibilityTimeout=FIRST_PAUSE * 2 ** (tries - 1),
        )
