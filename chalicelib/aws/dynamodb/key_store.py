"""API keys in the access table. ``id``: ``key#<id>``. Only digests are stored.

A key that has ended, revoked or expired, stays in lists for 90 days; then the table deletes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import all_items, kind_query
from chalicelib.core import times
from chalicelib.core.access.api_key import Key
from chalicelib.errors import KeyRefused, StoreUnavailable
from chalicelib.settings import settings

_LISTED = timedelta(days=90)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]


def add(key: Key, alongside: Sequence[Any] = ()) -> None:
    """Store a new key, with the actions ``alongside`` in one transaction.

    Raises:
        KeyRefused: a condition of ``alongside`` failed, which is that of the caller's key.
        StoreUnavailable: it may or may not have been stored; no one has its text, so it does no harm.
    """
    put = {"TableName": settings.access_table, "Item": _item_from_key(key)}
    if transactions.write([{"Put": put}, *alongside]):
        raise KeyRefused


def checks_of(key_id: str | None) -> list[Any]:
    """Return the actions of a transaction that fail if a key was revoked, which containers learn half a minute later.

    None: the caller has no key, being a command of an operator.
    """
    if key_id is None:
        return []
    check = {
        "TableName": settings.access_table,
        "Key": _key_id(key_id),
        "ConditionExpression": "attribute_exists(id) AND attribute_not_exists(revokedAt)",
    }
    return [{"ConditionCheck": check}]


def find_key(key_id: str) -> Key | None:
    """Return a key, or None.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.reads.get_item(TableName=settings.access_table, Key=_key_id(key_id), ConsistentRead=True)
    return _key_from_item(found["Item"]) if "Item" in found else None


def all_keys(owner: str | None = None) -> list[Key]:
    """Return the keys of ``owner``, or all, the newest first; one created within the last second may be missing.

    Those of one owner are found by reading all: an index of their own would cost more than it saves (decision 0015).

    Raises:
        StoreUnavailable
    """
    query = kind_query("key")
    if owner is not None:
        query["FilterExpression"] = "#owner = :owner"
        query["ExpressionAttributeNames"] = {"#owner": "owner"}
        query["ExpressionAttributeValues"] = {**query["ExpressionAttributeValues"], ":owner": {"S": owner}}
    return [_key_from_item(item) for item in all_items(settings.access_table, query)]


def revoke(key: Key, now: datetime, alongside: Sequence[Any] = ()) -> bool:
    """Revoke a key, with the actions ``alongside`` in one transaction. False: it was revoked before.

    A revoked key keeps the time of its first revocation, and is deleted 90 days after it.

    Raises:
        KeyRefused: a condition of ``alongside`` failed, which is that of the caller's key.
        StoreUnavailable: it may or may not have been revoked.
    """
    update = {
        "TableName": settings.access_table,
        "Key": _key_id(key.id),
        "UpdateExpression": "SET revokedAt = :now, expiresAt = :deleted",
        "ConditionExpression": "attribute_exists(id) AND attribute_not_exists(revokedAt)",
        "ExpressionAttributeValues": {":now": {"S": times.to_text(now)}, ":deleted": _deleted_at(now)},
    }
    reasons = transactions.write([{"Update": update}, *alongside])
    if reasons and reasons[0].get("Code") != "ConditionalCheckFailed":
        raise KeyRefused
    return not reasons


def record_use(key_id: str, now: datetime, before: datetime) -> None:
    """Record that a key was used just now, if its last use was ``before``. Failures are ignored."""
    try:
        with translating_errors("ConditionalCheckFailedException"):
            clients.best_effort.update_item(
                TableName=settings.access_table,
                Key=_key_id(key_id),
                UpdateExpression="SET lastUsedAt = :now",
                ConditionExpression="attribute_exists(id) AND NOT lastUsedAt > :before",
                ExpressionAttributeValues={
                    ":now": {"S": times.to_text(now)},
                    ":before": {"S": times.to_text(before)},
                },
            )
    except (StoreUnavailable, Refused):
        return


def _deleted_at(ended_at: datetime) -> Any:
    return {"N": str(int((ended_at + _LISTED).timestamp()))}


def _key_id(key_id: str) -> Any:
    return {"id": {"S": f"key#{key_id}"}}


def _item_from_key(key: Key) -> Item:
    texts = {
        "id": f"key#{key.id}",
        "kind": "key",
        "name": key.name,
        "owner": key.owner,
        "digest": key.digest,
        "person": key.person,
        "createdAt": times.to_text(key.created_at),
        "createdBy": key.created_by,
        "endsAt": times.to_text_or_none(key.expires_at),
        "revokedAt": times.to_text_or_none(key.revoked_at),
        "lastUsedAt": times.to_text_or_none(key.last_used_at),
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    if key.expires_at is not None:
        item["expiresAt"] = _deleted_at(key.expires_at)
    item["scopes"] = {"L": [{"S": scope} for scope in key.scopes]}
    return item


def _key_from_item(item: Item) -> Key:
    times_by_name = {
        name: times.parse_time(item[name]["S"]) for name in ("endsAt", "revokedAt", "lastUsedAt") if name in item
    }
    return Key(
        id=item["id"]["S"].removeprefix("key#"),
        name=item["name"]["S"],
        owner=item["owner"]["S"],
        scopes=tuple(scope["S"] for scope in item["scopes"]["L"]),
        digest=item["digest"]["S"],
        created_at=times.parse_time(item["createdAt"]["S"]),
        person=item["person"]["S"] if "person" in item else None,
        created_by=item["createdBy"]["S"] if "createdBy" in item else None,
        expires_at=times_by_name.get("endsAt"),
        revoked_at=times_by_name.get("revokedAt"),
        last_used_at=times_by_name.get("lastUsedAt"),
    )
