"""``make recount DAY=2026-11-20``: count a day again from its rows, of every link that has any.

For what no counter ever saw: rows that the stream forgot because nothing was counted for 24 hours. Nobody knows which
links they are of, so the whole table of clicks is read; what that takes is said before it begins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from dev.deploy import stages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BYTES_A_UNIT = 8192  # of an eventually consistent read
_DOLLARS_A_MILLION_UNITS = 0.125  # us-east-1, on demand, 2026-11-27
_LINKS_AT_ONCE = 10


def main() -> None:
    """Recount a day of a stage; every failure is one sentence."""
    stage, day, answer = (*sys.argv[1:], "", "", "")[:3]
    if not _is_day(day):
        sys.exit("Which day? make recount DAY=2026-11-20 STAGE=prod")
    cloud, outputs = stages.find(stage or "local")
    names = {"BASE_URL": "BaseUrl", "CLICKS_TABLE": "ClicksTable", "NIGHT_QUEUE_URL": "NightQueueUrl"}
    os.environ.update({name: outputs[output] for name, output in names.items()}, AWS_DEFAULT_REGION=cloud.region)
    from chalicelib.core.visits import open_days

    if not open_days.may_be_folded(day, datetime.now(UTC)):
        sys.exit(f"{day} is still open: it is counted from its rows in the second night after it, at 2 AM UTC.")
    dynamodb = cloud.client("dynamodb")
    try:
        print(cost_of(dynamodb, outputs["ClicksTable"]), flush=True)
        if answer != "yes" and not (sys.stdin.isatty() and input("Go on? [yes] ") in {"", "yes"}):
            sys.exit("Nothing was done. To go on without a question: YES=yes")
        links = recount(dynamodb, outputs["ClicksTable"], day)
    except (BotoCoreError, ClientError) as failure:
        sys.exit(f"{failure} Doing all of it again does no harm.")
    print(f"{links} links have visits on {day}. They are being counted again, which takes some minutes.")


def cost_of(dynamodb: DynamoDBClient, table: str) -> str:
    """Return the sentence that says what reading a table takes. AWS updates its size every six hours."""
    found = dynamodb.describe_table(TableName=table)["Table"]
    size, items = found.get("TableSizeBytes", 0), found.get("ItemCount", 0)
    units = -(-size // _BYTES_A_UNIT)
    dollars = units / 1_000_000 * _DOLLARS_A_MILLION_UNITS
    return (
        f"This reads the whole table {table}: about {items:,} items, {size / 1e6:,.0f} MB, {units:,} read units,"
        f" {dollars:,.2f} dollars in us-east-1."
    )


def recount(dynamodb: DynamoDBClient, table: str, day: str) -> int:
    """Ask for ``day`` of every link that has rows of it, and queue the jobs; return how many links that are."""
    from chalicelib.aws.dynamodb import click_store
    from chalicelib.aws.sqs import night_queue
    from chalicelib.core.visits.counters import CounterKey
    from chalicelib.core.visits.night_job import NightJob

    found = dict.fromkeys(_links_with_rows(dynamodb, table, day))
    remaining = iter(found)
    while batch := list(islice(remaining, _LINKS_AT_ONCE)):
        for code, owner in batch:
            click_store.ask_recount(CounterKey(code, day), owner)
        night_queue.send([NightJob("fold", code, day) for code in dict.fromkeys(code for code, _ in batch)])
    return len({code for code, _ in found})


def _links_with_rows(dynamodb: DynamoDBClient, table: str, day: str) -> Iterator[tuple[str, str | None]]:
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="begins_with(entry, :day)",
        ProjectionExpression="code, #owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":day": {"S": f"click#{day}"}},
    )
    read = 0
    for page in pages:
        read += page["ScannedCount"]
        if sys.stderr.isatty():
            print(f"\r  {read:,} items read", end="", file=sys.stderr, flush=True)
        for item in page["Items"]:
            found: Any = item
            yield found["code"]["S"].partition("#")[0], found["owner"]["S"] if "owner" in found else None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


if __name__ == "__main__":
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    main()
