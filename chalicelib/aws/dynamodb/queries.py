"""Reads that may take more than one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.errors import StoreUnavailable

_KEYS_PER_CALL = 100  # keys that DynamoDB reads in one call


def all_items(table: str, query: Mapping[str, Any]) -> Iterator[Any]:
    """Yield every item of ``table`` that matches ``query``, page by page.

    Raises:
        StoreUnavailable
    """
    start: dict[str, Any] = {}
    while True:
        with translating_errors():
            page = clients.reads.query(TableName=table, **query, **start)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def items_by_key(
    table: str, keys: Sequence[Any], *, consistent: bool = False, attributes: Sequence[str] = ()
) -> Iterator[Any]:
    """Yield the items with these ``keys`` that exist, in no particular order; of each, all or some ``attributes``.

    Raises:
        StoreUnavailable
    """
    names = {f"#{place}": name for place, name in enumerate(attributes)}
    only = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if names else {}
    remaining, pauses = list(keys), iter(transactions.PAUSES)
    while remaining:
        request: Any = {"Keys": remaining[:_KEYS_PER_CALL], **({"ConsistentRead": True} if consistent else {}), **only}
        with translating_errors():
            response = clients.reads.batch_get_item(RequestItems={table: request})
        yield from response["Responses"][table]
        unread: Any = response["UnprocessedKeys"].get(table, {"Keys": []})["Keys"]
        remaining = [*unread, *remaining[_KEYS_PER_CALL:]]
        if unread and not transactions.wait_to_retry(pauses):
            raise StoreUnavailable


def kind_query(kind: str) -> dict[str, Any]:
    """Return a query for all items of a kind in the access table, the newest first; it may be a second behind."""
    return {
        "IndexName": "byKind",
        "KeyConditionExpression": "kind = :kind",
        "ExpressionAttributeValues": {":kind": {"S": kind}},
        "ScanIndexForward": False,
    }
