"""Items of the access table with a version: a change is stored if the item has not changed since it was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import LinkChanged
from chalicelib.errors import KeyRefused
from chalicelib.settings import settings


def put(item: dict[str, Any], seen: int, change_id: str, alongside: Sequence[Any]) -> None:
    """Put ``item`` in the place of the one of version ``seen``, 0: of none, with the actions ``alongside``.

    All of it is one transaction; a retry with the same ``change_id`` succeeds.

    Raises:
        LinkChanged: a concurrent change came first.
        KeyRefused: a condition of ``alongside`` failed, which is that of the caller's key.
        StoreUnavailable: it may or may not have been stored.
    """
    action = {
        "TableName": settings.access_table,
        "Item": {**item, "changeId": {"S": change_id}},
        "ConditionExpression": "version = :seen" if seen else "attribute_not_exists(id)",
        **({"ExpressionAttributeValues": {":seen": {"N": str(seen)}}} if seen else {}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    reasons = transactions.write([{"Put": action}, *alongside])
    if not reasons or reasons[0].get("Item", {}).get("changeId") == {"S": change_id}:
        return
    if reasons[0].get("Code") == "ConditionalCheckFailed":
        raise LinkChanged
    raise KeyRefused
