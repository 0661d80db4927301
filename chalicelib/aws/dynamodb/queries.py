"""Reads that take more than one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.aws import clients, transactions
from chalicelib.aws.store_errors import in_our_words
from chalicelib.errors import StoreUnavailable

_AT_ONCE = 100  # keys that DynamoDB reads in one call


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


def items_under(table: str, keys: Sequence[Any], *, consistent: bool = False) -> Iterator[Any]:
    """Yield the items under ``keys``, those that are there, in no order.

    Raises:
        StoreUnavailable
    """
    wanted, pauses = list(keys), iter(transactions.PAUSES)
    while wanted:
        request: Any = {"Keys": wanted[:_AT_ONCE], **({"ConsistentRead": True} if consistent else {})}
        with in_our_words():
            answer = clients.reads.batch_get_item(RequestItems={table: request})
        yield from answer["Responses"][table]
        unread: Any = answer["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
        wanted = [*unread, *wanted[_AT_ONCE:]]
        if unread:
            longest_pause = next(pauses, None)
            if longest_pause is None:
                raise StoreUnavailable
            transactions.pause(longest_pause)


def of_kind(kind: str) -> dict[str, Any]:
    """Return the query for what the access table has of a kind, the newest first; the index may be a second behind."""
    return {
        "IndexName": "byKind",
        "KeyConditionExpression": "kind = :kind",
        "ExpressionAttributeValues": {":kind": {"S": kind}},
        "ScanIndexForward": False,
    }
