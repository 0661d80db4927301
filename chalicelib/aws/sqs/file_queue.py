"""The queue of files: what is to be imported, gone on with, or exported; a JSON document each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.store_errors import in_our_words
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

TRIES = 8  # as .chalice/resources.yaml has it
FIRST_PAUSE = 30  # seconds; then twice as long each time: eight tries take an hour
_queue: Any = clients.sqs(seconds_to_connect=1, seconds_to_read=2, attempts=3)


def send(document: Mapping[str, Any], *, after_seconds: int = 0) -> None:
    """Put ``document`` into the queue, to be delivered after a while; if the answer is lost, it may be there twice.

    Raises:
        StoreUnavailable: it may or may not be there.
    """
    with in_our_words():
        _queue.send_message(
            QueueUrl=settings.files_queue_url, MessageBody=json.dumps(document), DelaySeconds=after_seconds
        )


def come_again_soon(receipt: str, tries: int) -> None:
    """Let a message that failed for the ``tries``-th time (from 1) come again after a pause, not when its time is up.

    If that cannot be said, it comes again later.
    """
    with suppress(StoreUnavailable), in_our_words():
        _queue.change_message_visibility(
            QueueUrl=settings.files_queue_url,
            ReceiptHandle=receipt,
            VisibilityTimeout=FIRST_PAUSE * 2 ** (tries - 1),
        )
