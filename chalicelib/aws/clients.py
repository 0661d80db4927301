"""How this service talks to AWS: time limits and retries. Made once per container, at the import of who uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def dynamodb(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> DynamoDBClient:
    """Make a DynamoDB client. Left to itself botocore would wait 60 seconds, twice API Gateway's patience."""
    client: DynamoDBClient = boto3.client(
        "dynamodb",
        config=Config(
            connect_timeout=seconds_to_connect,
            read_timeout=seconds_to_read,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=64,  # one is used on Lambda; a local server has a thread per visitor
            parameter_validation=False,  # our requests have one form, tested; DynamoDB checks them again
            tcp_keepalive=True,
            user_agent=f"Boto3/{boto3.__version__} url-shortener",  # else built anew each time: a tenth of a read
        ),
    )
    return client
