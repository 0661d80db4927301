"""Queries that take more than one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.store_errors import in_our_words


def all_items(table: str, query: Mapping[str, Any]) -> Iterator[Any]:
    """Yield every item of ``table`` that ``query`` finds, page by page.

    Raises:
        StoreUnavailable
    """
    start: dict[str, Any] = {}
    while True:
        with in_our_words():
            page = clients.reads.query(TableName=table, **query, **start)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def of_kind(kind: str) -> dict[str, Any]:
    """Return the query for what the access table has of a kind, the newest first; the index may be a second behind."""
    return {
        "IndexName": "byKind",
        "KeyConditionExpression": "kind = :kind",
        "ExpressionAttributeValues": {":kind": {"S": kind}},
        "ScanIndexForward": False,
    }
