"""Work for the functions that import and export, in their queues: a JSON document each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.store_errors import in_our_words

_queue = clients.sqs(seconds_to_connect=1, seconds_to_read=2, attempts=3)


def send(queue_url: str, document: Mapping[str, Any]) -> None:
    """Put ``document`` into a queue; if the answer is lost, it may be there twice.

    Raises:
        StoreUnavailable: it may or may not be there.
    """
    with in_our_words():
        _queue.send_message(QueueUrl=queue_url, MessageBody=json.dumps(document))
