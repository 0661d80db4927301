"""``make erase``: deletes the history and visits of a deleted link now, instead of when they expire.

The visits of a day that is not folded stay until it is: in the second night after it all is counted from these rows.
Every other day is marked first as having no rows, because a late click may ask for it to be counted again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dev.admin import domains
from dev.deploy import stack, stages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_AT_ONCE = 25  # items that DynamoDB deletes in one call


def main() -> None:
    """Erase the history and visits of a deleted link; every failure is one sentence."""
    stage, code, host = (*sys.argv[1:], "")[:3]
    cloud, outputs = stages.find(stage or "local")
    if not code:
        sys.exit("Which link? make erase CODE=...; where it is not at the default domain, also DOMAIN=...")
    shown = f"{host}/{code}" if host else code
    link_id = domains.named(cloud, stage or "local", host).id_of(code) if host else code
    links = cloud.client("dynamodb").get_item(
        TableName=outputs["LinksTable"], Key={"code": {"S": link_id}}, ConsistentRead=True
    )
    if "originalUrl" in links.get("Item", {}):
        sys.exit(f"{shown} is still a link. Remove it first: its history and visits are its owner's.")
    erased, open_days = erase(cloud, outputs["ClicksTable"], link_id)
    print(f"{erased} changes and visits of {shown} are erased. Counts by day stay: they identify no one.")
    if open_days:
        days = ", ".join(open_days)
        print(f"Visits stay of days that are not closed yet: {days}. Run this again after 3 AM UTC, two days later.")


def erase(cloud: stack.Cloud, table: str, link_id: str) -> tuple[int, list[str]]:
    """Delete the history of a link, and its single visits except those of days that are not closed.

    Return the number of deleted items, and the days whose visits stay. It may run again.
    """
    dynamodb = cloud.client("dynamodb")
    changes = list(_entries(dynamodb, table, link_id, "change#"))
    _delete(dynamodb, table, link_id, changes)
    erased, open_days, last_night = len(changes), set[str](), _last_night(dynamodb, table)
    for slot in range(_slots_of(dynamodb, table, link_id)):
        key = f"{link_id}#{slot}" if slot else link_id  # as chalicelib/core/visits/slots.py has it
        for day, visits in groupby(_entries(dynamodb, table, key, "click#"), key=_day_of):
            if _is_closed(dynamodb, table, link_id, day, last_night):
                entries = list(visits)
                _delete(dynamodb, table, key, entries)
                erased += len(entries)
            else:
                open_days.add(day)
    return erased, sorted(open_days)


def _slots_of(dynamodb: DynamoDBClient, table: str, link_id: str) -> int:
    key: Any = {"code": {"S": link_id}, "entry": {"S": "total"}}
    return int(dynamodb.get_item(TableName=table, Key=key).get("Item", {}).get("slots", {"N": "1"})["N"])


def _last_night(dynamodb: DynamoDBClient, table: str) -> str:
    """Return the day up to which all are folded; nothing if there was no night yet."""
    key: Any = {"code": {"S": "?night"}, "entry": {"S": "folded"}}
    return dynamodb.get_item(TableName=table, Key=key).get("Item", {}).get("through", {"S": ""})["S"]


def _entries(dynamodb: DynamoDBClient, table: str, link_id: str, kind: str) -> Iterator[str]:
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="code = :code AND begins_with(entry, :kind)",
        ExpressionAttributeValues={":code": {"S": link_id}, ":kind": {"S": kind}},
        ProjectionExpression="entry",
        ConsistentRead=True,
    )
    return (item["entry"]["S"] for page in pages for item in page["Items"])


def _day_of(entry: str) -> str:
    return entry.removeprefix("click#")[: len("2026-11-24")]


def _is_closed(dynamodb: DynamoDBClient, table: str, link_id: str, day: str, last_night: str) -> bool:
    """Tell whether a day is folded, or was closed by a version before; if it is, mark its rows as erased."""
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"code": {"S": link_id}, "entry": {"S": f"day#{day}"}},
            UpdateExpression="SET rowsErased = :yes",
            ConditionExpression="attribute_exists(entry) AND attribute_not_exists(openDay)"
            " AND (attribute_exists(folded) OR :day <= :night)",
            ExpressionAttributeValues={":yes": {"BOOL": True}, ":day": {"S": day}, ":night": {"S": last_night}},
        )
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _delete(dynamodb: DynamoDBClient, table: str, link_id: str, entries: list[str]) -> None:
    for first in range(0, len(entries), _AT_ONCE):
        keys: Any = [{"code": {"S": link_id}, "entry": {"S": entry}} for entry in entries[first : first + _AT_ONCE]]
        unprocessed: Any = {table: [{"DeleteRequest": {"Key": key}} for key in keys]}
        while unprocessed:
            unprocessed = dynamodb.batch_write_item(RequestItems=unprocessed)["UnprocessedItems"]


if __name__ == "__main__":
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    main()
