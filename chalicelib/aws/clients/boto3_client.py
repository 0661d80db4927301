"""DynamoDB and SQS through boto3, for background functions and the local server.

By default, botocore waits 60 seconds for a connection and 60 for a response; API Gateway times out after 29.
"""

from __future__ import annotations

from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError as Unreachable
from botocore.exceptions import ClientError as Refused

from chalicelib.settings import Credentials

_READ_ATTEMPTS = 2  # of calls that a visitor waits for

__all__ = ["Refused", "Unreachable", "credentials", "dynamodb", "make_client", "sqs"]


def make_client(
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

    Before the second attempt, ``standard`` waits up to a second (random); with DynamoDB, ``legacy`` waits 50 ms.
    """
    return boto3.client(
        service,
        config=Config(
            connect_timeout=seconds_to_connect,
            read_timeout=seconds_to_read,
            retries={"mode": retries, "total_max_attempts": attempts},
            max_pool_connections=64,  # Lambda uses one; the local server has a thread per request
            parameter_validation=False,  # the form of the requests is fixed and tested; AWS validates them as well
            tcp_keepalive=True,
            # otherwise built for each request, which takes a tenth of a read
            user_agent=f"Boto3/{boto3.__version__} url-shortener",
        ),
        **options,
    )


def dynamodb(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> Any:
    """Return a client of DynamoDB. With two attempts, the pause between them is 50 ms: a visitor waits."""
    mode: Literal["standard", "legacy"] = "legacy" if attempts == _READ_ATTEMPTS else "standard"
    return make_client(
        "dynamodb", mode, seconds_to_connect=seconds_to_connect, seconds_to_read=seconds_to_read, attempts=attempts
    )


def sqs(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> Any:
    """Return a client of SQS."""
    return make_client("sqs", seconds_to_connect=seconds_to_connect, seconds_to_read=seconds_to_read, attempts=attempts)


def credentials() -> Credentials:
    """Return the current credentials; boto3 finds and renews them."""
    found = (boto3.DEFAULT_SESSION or boto3.Session()).get_credentials()
    if found is None:
        return Credentials("", "", "")
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token or "")
