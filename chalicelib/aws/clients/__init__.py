"""The AWS clients and their timeouts, created once per container, at import.

``AWS_CLIENT`` selects one of two implementations: ``http_client`` for the functions that respond to requests (the
redirect and the API), and ``boto3_client`` for everything else.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from chalicelib.aws.clients import timeouts
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from chalicelib.aws.clients import boto3_client as implementation
    from chalicelib.aws.clients.timeouts import Timeouts
elif settings.aws_client == "http":
    from chalicelib.aws.clients import http_client as implementation
else:
    from chalicelib.aws.clients import boto3_client as implementation

Refused = implementation.Refused
"""AWS responded with an error, which is in ``response``."""
Unreachable = implementation.Unreachable
"""AWS did not respond within the time limits."""

credentials = implementation.credentials
sqs = implementation.sqs


def _limits(limits: Timeouts) -> Timeouts:
    return timeouts.on_this_machine(limits) if settings.aws.endpoint_url else limits


def _dynamodb(limits: Timeouts) -> Any:
    return implementation.dynamodb(**(timeouts.BACKGROUND if settings.background_function else _limits(limits)))


reads: DynamoDBClient = _dynamodb(timeouts.READ)
writes: DynamoDBClient = _dynamodb(timeouts.WRITE)
best_effort: DynamoDBClient = _dynamodb(timeouts.BEST_EFFORT)
_own = threading.local()


def writes_of_thread() -> DynamoDBClient:
    """Return ``writes``, or where that has one connection only, a client of the calling thread with the same limits."""
    if settings.aws_client != "http":
        return writes  # boto3's clients may be shared
    if not hasattr(_own, "writes"):
        _own.writes = _dynamodb(timeouts.WRITE)
    client: DynamoDBClient = _own.writes
    return client


if settings.clicks_queue_url:  # not set for the deployed API function, whose start is 20 ms faster for it
    queue: SQSClient = implementation.sqs(**_limits(timeouts.QUEUE_CLICK))
