"""The tables that .chalice/resources.yaml describes, created where they are missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RESOURCES = Path(__file__).parent.parent / ".chalice" / "resources.yaml"
_NOT_AT_CREATION = {"TimeToLiveSpecification"}


def described() -> list[dict[str, Any]]:
    """Return the properties of every table, as CloudFormation names them."""
    resources = yaml.safe_load(RESOURCES.read_text("utf-8"))["Resources"].values()
    return [resource["Properties"] for resource in resources if resource["Type"] == "AWS::DynamoDB::Table"]


def create(dynamodb: DynamoDBClient) -> list[str]:
    """Create every table that is not there yet; return the names of those that were created."""
    there = set(dynamodb.list_tables()["TableNames"])
    missing = [table for table in described() if table["TableName"] not in there]
    for table in missing:
        dynamodb.create_table(**{name: value for name, value in table.items() if name not in _NOT_AT_CREATION})
        if "TimeToLiveSpecification" in table:
            dynamodb.update_time_to_live(
                TableName=table["TableName"], TimeToLiveSpecification=table["TimeToLiveSpecification"]
            )
    return [table["TableName"] for table in missing]
