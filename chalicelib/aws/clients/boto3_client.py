"""DynamoDB and SQS through boto3, for every function but the redirect's own.

Left to itself botocore would wait 60 seconds for a connection and 60 for an answer; API Gateway gives up after 29.
"""

from __future__ import annotations

from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError as Unreachable
from botocore.exceptions import ClientError as Refused

from chalicelib.settings import Credentials

_AT_ONCE = 2  # tries of what a visitor waits for

__all__ = ["Refused", "Unreachable", "credentials", "dynamodb", "made", "sqs"]


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


def dynamodb(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> Any:
    """Return a client of DynamoDB; one that tries twice does so at once, for somebody waits."""
    mode: Literal["standard", "legacy"] = "legacy" if attempts == _AT_ONCE else "standard"
    return made(
        "dynamodb", mode, seconds_to_connect=seconds_to_connect, seconds_to_read=seconds_to_read, attempts=attempts
    )


def sqs(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> Any:
    """Return a client of SQS."""
    return made("sqs", seconds_to_connect=seconds_to_connect, seconds_to_read=seconds_to_read, attempts=attempts)


def credentials() -> Credentials:
    """Return what requests are signed with now; boto3 finds it wherever it may be, and renews it."""
    found = (boto3.DEFAULT_SESSION or boto3.Session()).get_credentials()
    if found is None:
        return Credentials("", "", "")
    frozen = found.get_frozen_credentials()
    return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token or "")
