"""Creates the tables of .chalice/resources.yaml without the rest of the stack, for tests and benchmarks."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from chalice.package import YAMLTemplateSerializer

from dev.paths import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WHAT_A_KEY_VALUE_STORE_NEEDS = {
    "TableName",
    "BillingMode",
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
}


@functools.cache
def described() -> list[dict[str, Any]]:
    """Return the properties of every table, as CloudFormation names them, with the default parameters.

    Read once: the template takes longer to read than its tables to make.
    """
    made = template()
    tables = [each["Properties"] for each in made["Resources"].values() if each.get("Type") == "AWS::DynamoDB::Table"]
    for table in tables:
        table["TableName"] = made["Parameters"][table["TableName"]["Ref"]]["Default"]
    return tables


def template() -> dict[str, Any]:
    """Return .chalice/resources.yaml."""
    text = (ROOT / ".chalice" / "resources.yaml").read_text("utf-8")
    read: dict[str, Any] = YAMLTemplateSerializer().load_template(text)
    return read


def create(dynamodb: DynamoDBClient) -> None:
    """Create every table, empty; one that is there already is made anew."""
    there = dynamodb.list_tables()["TableNames"]
    for table in described():
        if table["TableName"] in there:
            dynamodb.delete_table(TableName=table["TableName"])
        dynamodb.create_table(**{name: table[name] for name in _WHAT_A_KEY_VALUE_STORE_NEEDS & table.keys()})
