"""A table that was there before its stack becomes what the template says, and keeps what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from dev import complete
from tests import tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def wanted() -> dict[str, Any]:
    """Return what the template says of the table of links, in prod."""
    described = next(each for each in tables.described() if each["TableName"] == "url-shortener")
    return {**described, "DeletionProtectionEnabled": True}


def completed(dynamodb: DynamoDBClient) -> list[str]:
    """Complete the table; return what was said."""
    said: list[str] = []
    complete.table(dynamodb, wanted(), 0, said.append)
    return said


def test_the_talks_table_gets_what_it_lacks() -> None:
    """Indexes, a bill by the request, protection and recovery: all that a table made by a stack has; once."""
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
    indexes = {index["IndexName"] for index in wanted()["GlobalSecondaryIndexes"]}
    assert {index["IndexName"] for index in there["GlobalSecondaryIndexes"]} == indexes
    assert there["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert there["DeletionProtectionEnabled"] is True
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert by_url["Count"] == 0  # the talk's links have no createdAt: this index does not know them
    assert (len(first), second) == (2 + len(indexes), [])
