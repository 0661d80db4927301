"""Changes tables that CloudFormation adopted to match the template: CloudFormation assumes that they do, unchecked.

A table from before the stack may have a key and nothing else. Tables that a stack created need no change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Say = Callable[[str], None]


def complete(dynamodb: DynamoDBClient, expected: Mapping[str, Any], poll_seconds: float, say: Say) -> None:
    """Change a table to match ``expected``, its properties in the template, one change after the other."""
    name = expected["TableName"]
    for change in _changes(dynamodb.describe_table(TableName=name)["Table"], expected):
        say(f"{name} was there before: it gets {', '.join(change)} ...")
        dynamodb.update_table(TableName=name, **change)
        while not _is_active(dynamodb, name):
            time.sleep(poll_seconds)
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        recovery = expected["PointInTimeRecoverySpecification"]
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)


def _changes(described: Any, expected: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the changes, each for its own call: DynamoDB creates one index at a time."""
    changes: list[dict[str, Any]] = []
    if described.get("BillingModeSummary", {}).get("BillingMode") != expected["BillingMode"]:
        changes.append({"BillingMode": expected["BillingMode"]})  # first: else each index needs a provisioned capacity
    if described.get("DeletionProtectionEnabled", False) != expected["DeletionProtectionEnabled"]:
        changes.append({"DeletionProtectionEnabled": expected["DeletionProtectionEnabled"]})
    has = {index["IndexName"] for index in described.get("GlobalSecondaryIndexes", [])}
    for index in expected.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] not in has:
            keys = {key["AttributeName"] for key in [*expected["KeySchema"], *index["KeySchema"]]}
            attributes = [each for each in expected["AttributeDefinitions"] if each["AttributeName"] in keys]
            changes.append({"AttributeDefinitions": attributes, "GlobalSecondaryIndexUpdates": [{"Create": index}]})
    return changes


def _is_active(dynamodb: DynamoDBClient, name: str) -> bool:
    described = dynamodb.describe_table(TableName=name)["Table"]
    indexes = described.get("GlobalSecondaryIndexes", [])
    return described["TableStatus"] == "ACTIVE" and all(index.get("IndexStatus") == "ACTIVE" for index in indexes)
