"""Tables that CloudFormation took over, made what the template says: it believes that they are, and never looks.

The talk's table has a key and nothing else. For tables that a stack made there is nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Say = Callable[[str], None]


def table(dynamodb: DynamoDBClient, wanted: Mapping[str, Any], poll_seconds: float, say: Say) -> None:
    """Give a table what it lacks of ``wanted``, its properties in the template: one change after the other."""
    name = wanted["TableName"]
    for change in _changes(dynamodb.describe_table(TableName=name)["Table"], wanted):
        say(f"{name} was there before: it gets {', '.join(change)} ...")
        dynamodb.update_table(TableName=name, **change)
        while not _is_at_rest(dynamodb, name):
            time.sleep(poll_seconds)
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        recovery = wanted["PointInTimeRecoverySpecification"]
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)


def _changes(there: Any, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what must be changed, each for a call of its own: DynamoDB makes one index at a time."""
    changes: list[dict[str, Any]] = []
    if there.get("BillingModeSummary", {}).get("BillingMode") != wanted["BillingMode"]:
        changes.append({"BillingMode": wanted["BillingMode"]})  # first: an index would want a capacity of its own
    if there.get("DeletionProtectionEnabled", False) != wanted["DeletionProtectionEnabled"]:
        changes.append({"DeletionProtectionEnabled": wanted["DeletionProtectionEnabled"]})
    has = {index["IndexName"] for index in there.get("GlobalSecondaryIndexes", [])}
    for index in wanted.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] not in has:
            keys = {key["AttributeName"] for key in [*wanted["KeySchema"], *index["KeySchema"]]}
            attributes = [each for each in wanted["AttributeDefinitions"] if each["AttributeName"] in keys]
            changes.append({"AttributeDefinitions": attributes, "GlobalSecondaryIndexUpdates": [{"Create": index}]})
    return changes


def _is_at_rest(dynamodb: DynamoDBClient, name: str) -> bool:
    there = dynamodb.describe_table(TableName=name)["Table"]
    indexes = there.get("GlobalSecondaryIndexes", [])
    return there["TableStatus"] == "ACTIVE" and all(index.get("IndexStatus") == "ACTIVE" for index in indexes)
