"""Items are copied between tables: missing ones are added, existing ones stay."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from dev.admin.copy_table import copy_missing
from dev.local import adopt_tables, tables
from tests.paths import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    """DynamoDB with a table as the first version made it, of three links."""
    with mock_aws():
        client = boto3.client("dynamodb")
        make_plain(client, "url-shortener")
        for code in ("a", "b", "c"):
            client.put_item(TableName="url-shortener", Item=link(code, "old"))
        yield client


def make_plain(dynamodb: DynamoDBClient, name: str) -> None:
    """Make a table with a key and nothing else."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "code", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "code", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def link(code: str, path: str) -> dict[str, Any]:
    """Return the item of a link."""
    return {"code": {"S": code}, "originalUrl": {"S": f"https://example.com/{path}"}}


def links_in(dynamodb: DynamoDBClient, table: str) -> dict[str, str]:
    """Return which code leads where."""
    items = dynamodb.scan(TableName=table)["Items"]
    return {item["code"]["S"]: item["originalUrl"]["S"].rpartition("/")[2] for item in items}


def test_only_missing_items_are_copied(dynamodb: DynamoDBClient) -> None:
    """A link that was changed since stays changed; a second run finds nothing to do."""
    make_plain(dynamodb, "damaged")
    dynamodb.put_item(TableName="damaged", Item=link("b", "new"))
    seen: list[tuple[int, int]] = []

    first = copy_missing(dynamodb, "url-shortener", "damaged", lambda *numbers: seen.append(numbers))
    second = copy_missing(dynamodb, "url-shortener", "damaged")

    assert (first, second) == (2, 0)
    assert links_in(dynamodb, "damaged") == {"a": "old", "b": "new", "c": "old"}
    assert seen == [(3, 2)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [([], "From which table, to which?"), (["here", "there"], "The copy stopped; run it again")],
)
def test_a_failed_copy_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """Without a traceback."""
    env = os.environ | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}

    ran = subprocess.run(
        [sys.executable, "-m", "dev.admin.copy_table", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert ran.stderr.strip().startswith(sentence)
    assert "Traceback" not in ran.stderr


def test_links_from_before_the_stack_stay(dynamodb: DynamoDBClient) -> None:
    """The tables are created again, with their indexes; the links are moved, and no other table remains."""
    names = {table["TableName"] for table in tables.described()}

    with adopt_tables.items(dynamodb, names, of_the_stack=set()):
        tables.create(dynamodb)

    assert links_in(dynamodb, "url-shortener") == {"a": "old", "b": "old", "c": "old"}
    assert "GlobalSecondaryIndexes" in dynamodb.describe_table(TableName="url-shortener")["Table"]
    assert set(dynamodb.list_tables()["TableNames"]) == names


def test_a_deployment_that_fails_halfway_loses_no_link(dynamodb: DynamoDBClient) -> None:
    """The next one resumes where it stopped."""
    names = {table["TableName"] for table in tables.described()}
    with pytest.raises(RuntimeError), adopt_tables.items(dynamodb, names, of_the_stack=set()):
        raise RuntimeError("the power went out")
    tables.create(dynamodb)

    with adopt_tables.items(dynamodb, names, of_the_stack=names):
        pass

    assert links_in(dynamodb, "url-shortener") == {"a": "old", "b": "old", "c": "old"}


def test_tables_of_the_stack_are_left_alone(dynamodb: DynamoDBClient) -> None:
    """An ordinary deployment moves nothing: the table exists all the time."""
    with adopt_tables.items(dynamodb, {"url-shortener"}, of_the_stack={"url-shortener"}):
        assert links_in(dynamodb, "url-shortener") == {"a": "old", "b": "old", "c": "old"}
