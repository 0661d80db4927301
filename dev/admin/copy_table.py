"""``python -m dev.admin.copy_table FROM TO``: copy the items that a table lacks from another; existing items stay.

To recover lost items from a table that was restored beside it. It may be stopped and run again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WRITERS = 8


def main() -> None:
    """Copy and show the progress; every failure is one sentence."""
    if len(sys.argv) != 3:  # noqa: PLR2004  # the program, FROM, TO
        sys.exit("From which table, to which? python -m dev.admin.copy_table url-shortener-restored url-shortener")
    _, source, target = sys.argv
    try:
        # AWS_REGION is the only variable that boto3 does not read itself.
        dynamodb = boto3.client("dynamodb", region_name=os.environ.get("AWS_REGION"))
        added = copy_missing(dynamodb, source, target, _show)
    except (BotoCoreError, ClientError) as failure:
        sys.exit(f"\nThe copy stopped; run it again when this is fixed: {failure}")
    print(f"\n{target} received {added:,} items that it lacked.")


def copy_missing(
    dynamodb: DynamoDBClient, source: str, target: str, show: Callable[[int, int], None] = lambda *_: None
) -> int:
    """Copy the items of ``source`` that ``target`` lacks; ``show`` receives how many were read and added.

    Return how many were added.
    """
    key = dynamodb.describe_table(TableName=target)["Table"]["KeySchema"][0]["AttributeName"]
    add = partial(_add_if_missing, dynamodb, target, key)
    read = added = 0
    with ThreadPoolExecutor(_WRITERS) as writers:
        for page in dynamodb.get_paginator("scan").paginate(TableName=source, ConsistentRead=True):
            added += sum(writers.map(add, page["Items"]))
            read += len(page["Items"])
            show(read, added)
    return added


def _add_if_missing(dynamodb: DynamoDBClient, target: str, key: str, item: Any) -> bool:
    try:
        dynamodb.put_item(
            TableName=target,
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": key},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _show(read: int, added: int) -> None:
    print(f"\r  {read:,} read, {added:,} added", end="", flush=True)


if __name__ == "__main__":
    main()
