"""How this service talks to AWS: clients, time limits, retries. Made once per container, at import.

Left to itself botocore would wait 60 seconds for a connection and 60 for an answer; API Gateway gives up after 29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient


def made(
    service: str,
    retries: Literal["standard", "legacy"] = "standard",
    /,
    *,
    seconds_to_connect: float,
    seconds_to_read: float,
    attempts: int,
    **options: Any,
) -> Any:
    """Return a client of ``service`` with these time limits; ``options`` are boto3's own.

    Before a second attempt ``standard`` waits up to a second, drawn at random; with DynamoDB ``legacy`` waits 50 ms.
    """
    return boto3.client(
        service,
        config=Config(
            connect_timeout=seconds_to_connect,
            read_timeout=seconds_to_read,
            retries={"mode": retries, "total_max_attempts": attempts},
            max_pool_connections=64,  # one is used on Lambda; a local server has a thread per visitor
            parameter_validation=False,  # our requests have one form, tested; AWS checks them again
            tcp_keepalive=True,
            user_agent=f"Boto3/{boto3.__version__} url-shortener",  # else built anew each time: a tenth of a read
        ),
        **options,
    )


# A visitor waits for a read: two tries of half a second, with no pause worth the name. A write may take its time within
# API Gateway's 29 seconds.
reads: DynamoDBClient = made("dynamodb", "legacy", seconds_to_connect=0.5, seconds_to_read=0.5, attempts=2)
writes: DynamoDBClient = made("dynamodb", seconds_to_connect=1, seconds_to_read=2, attempts=3)
# A visitor waits for these as well, for something that is not theirs: one try.
glances: DynamoDBClient = made("dynamodb", seconds_to_connect=0.5, seconds_to_read=0.5, attempts=1)
queue: SQSClient = made("sqs", seconds_to_connect=0.5, seconds_to_read=0.5, attempts=1)
