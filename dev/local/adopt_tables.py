"""Adopts tables in the local AWS from before their stack: an older version created them, and they hold links.

The local CloudFormation would replace them by empty tables. So their items are moved to tables of other names, and back
into the tables that CloudFormation creates. If that is interrupted, the next deployment resumes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dev.admin.copy_table import copy_missing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ASIDE = "-before-the-stack"


@contextmanager
def items(dynamodb: DynamoDBClient, tables: set[str], of_the_stack: set[str]) -> Iterator[None]:
    """Keep the items of those ``tables`` that the stack does not have yet, while the ``with`` deploys it."""
    for table in sorted((tables - of_the_stack) & _existing(dynamodb)):
        _make_like(dynamodb, table, f"{table}{_ASIDE}")
        _move(dynamodb, table, f"{table}{_ASIDE}")
    yield
    for table in sorted(tables):
        if f"{table}{_ASIDE}" in _existing(dynamodb):
            _move(dynamodb, f"{table}{_ASIDE}", table)


def _make_like(dynamodb: DynamoDBClient, table: str, name: str) -> None:
    described = dynamodb.describe_table(TableName=table)["Table"]
    keys = {key["AttributeName"] for key in described["KeySchema"]}
    attributes = [each for each in described["AttributeDefinitions"] if each["AttributeName"] in keys]
    with suppress(dynamodb.exceptions.ResourceInUseException):  # created before an interruption
        dynamodb.create_table(
            TableName=name,
            KeySchema=described["KeySchema"],
            AttributeDefinitions=attributes,
            BillingMode="PAY_PER_REQUEST",
        )


def _move(dynamodb: DynamoDBClient, source: str, target: str) -> None:
    copy_missing(dynamodb, source, target)
    dynamodb.delete_table(TableName=source)


def _existing(dynamodb: DynamoDBClient) -> set[str]:
    pages = dynamodb.get_paginator("list_tables").paginate()
    return {name for page in pages for name in page["TableNames"]}
