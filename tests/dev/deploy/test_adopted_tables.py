"""A table from before its stack is changed to match the template, and keeps its items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from dev.deploy import adopted_tables
from dev.local import tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def expected() -> dict[str, Any]:
    """Return what the template says of the table of links, in prod."""
    described = next(each for each in tables.described() if each["TableName"] == "url-shortener")
    return {**described, "DeletionProtectionEnabled": True}


def completed(dynamodb: DynamoDBClient) -> list[str]:
    """Complete the table; return what was said."""
    said: list[str] = []
    adopted_tables.complete(dynamodb, expected(), 0, said.append)
    return said


def test_an_adopted_table_is_completed() -> None:
    """Indexes, billing mode, protection and recovery, as a table of a stack; once."""
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName="url-shortener",
            KeySchema=[{"AttributeName": "code", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "code", "AttributeType": "S"}],
            ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        )
        dynamodb.put_item(
            TableName="url-shortener", Item={"code": {"S": "a"}, "originalUrl": {"S": "https://a.example/"}}
        )

        first, second = completed(dynamodb), completed(dynamodb)

        there = dynamodb.describe_table(TableName="url-shortener")["Table"]
        backups = dynamodb.describe_continuous_backups(TableName="url-shortener")["ContinuousBackupsDescription"]
        by_url = dynamodb.query(
            TableName="url-shortener",
            IndexName="byUrl",
            KeyConditionExpression="originalUrl = :url",
            ExpressionAttributeValues={":url": {"S": "https://a.example/"}},
        )
    indexes = {index["IndexName"] for index in expected()["GlobalSecondaryIndexes"]}
    assert {index["IndexName"] for index in there["GlobalSecondaryIndexes"]} == indexes
    assert there["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert there["DeletionProtectionEnabled"] is True
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert by_url["Count"] == 0  # older links have no createdAt: this index does not have them
    assert (len(first), second) == (2 + len(indexes), [])
