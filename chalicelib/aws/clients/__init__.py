"""How this service talks to AWS: who waits how long for what. Clients are made once per container, at import.

What somebody waits for, redirects and the API, speaks by hand when deployed; all else through boto3. What they call is
the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from chalicelib.aws import by_boto3 as chosen
elif settings.aws_client == "by-hand":
    from chalicelib.aws import by_hand as chosen
else:
    from chalicelib.aws import by_boto3 as chosen

Refused = chosen.Refused
"""AWS answered with an error; ``response`` has it."""
Unreachable = chosen.Unreachable
"""AWS did not answer within the time limits."""

credentials = chosen.credentials
sqs = chosen.sqs


def _dynamodb(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> Any:
    if settings.nobody_waits:  # 20 seconds at the most, which every such function has left when it begins anything
        return chosen.dynamodb(seconds_to_connect=1, seconds_to_read=5, attempts=4)
    return chosen.dynamodb(seconds_to_connect=seconds_to_connect, seconds_to_read=seconds_to_read, attempts=attempts)


# A visitor waits for a read: two tries of half a second, with no pause worth the name. A write may take its time within
# API Gateway's 29 seconds.
reads: DynamoDBClient = _dynamodb(seconds_to_connect=0.5, seconds_to_read=0.5, attempts=2)
writes: DynamoDBClient = _dynamodb(seconds_to_connect=1, seconds_to_read=2, attempts=3)
# A visitor waits for these as well, for something that is not theirs: one try.
glances: DynamoDBClient = _dynamodb(seconds_to_connect=0.5, seconds_to_read=0.5, attempts=1)
if settings.clicks_queue_url:  # the API's own function, when deployed, follows no codes: 20 ms of its start saved
    queue: SQSClient = chosen.sqs(seconds_to_connect=0.5, seconds_to_read=0.5, attempts=1)
