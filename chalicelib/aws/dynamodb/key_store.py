"""API keys in the access table. ``id``: ``key#<id>``. Only digests are kept; a key never goes away, it is revoked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.pages import all_items, of_kind
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core import times
from chalicelib.core.key import Key
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]


def add(key: Key) -> None:
    """Store a new key.

    Raises:
        StoreUnavailable: it may or may not have been stored; nobody has seen its text, so it harms nobody.
    """
    with in_our_words():
        clients.writes.put_item(TableName=settings.access_table, Item=_item_of(key))


def find(key_id: str) -> Key | None:
    """Return a key, or None.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        found = clients.reads.get_item(TableName=settings.access_table, Key=_id(key_id), ConsistentRead=True)
    return _key_in(found["Item"]) if "Item" in found else None


def all_keys() -> list[Key]:
    """Return all keys, the newest first; one made within this second may be missing.

    Raises:
        StoreUnavailable
    """
    return [_key_in(item) for item in all_items(settings.access_table, of_kind("key"))]


def revoke(key_id: str, now: datetime) -> bool:
    """Revoke a key; one that was revoked stays so since then. False: there is none.

    Raises:
        StoreUnavailable: it may or may not be revoked.
    """
    try:
        with in_our_words("ConditionalCheckFailedException"):
            clients.writes.update_item(
                TableName=settings.access_table,
                Key=_id(key_id),
                UpdateExpression="SET revokedAt = if_not_exists(revokedAt, :now)",
                ConditionExpression="attribute_exists(id)",
                ExpressionAttributeValues={":now": {"S": times.to_text(now)}},
            )
    except Refused:
        return False
    return True


def note_use(key_id: str, now: datetime, before: datetime) -> None:
    """Note that a key was used just now, if it was last used ``before``. Nothing depends on it."""
    try:
        with in_our_words("ConditionalCheckFailedException"):
            clients.glances.update_item(
                TableName=settings.access_table,
                Key=_id(key_id),
                UpdateExpression="SET lastUsedAt = :now",
                ConditionExpression="attribute_exists(id) AND NOT lastUsedAt > :before",
                ExpressionAttributeValues={
                    ":now": {"S": times.to_text(now)},
                    ":before": {"S": times.to_text(before)},
                },
            )
    except (StoreUnavailable, Refused):
        return


def _id(key_id: str) -> Any:
    return {"id": {"S": f"key#{key_id}"}}


def _item_of(key: Key) -> Item:
    texts = {
        "id": f"key#{key.id}",
        "kind": "key",
        "name": key.name,
        "owner": key.owner,
        "digest": key.digest,
        "createdAt": times.to_text(key.created_at),
        "endsAt": times.text_of(key.expires_at),
        "revokedAt": times.text_of(key.revoked_at),
        "lastUsedAt": times.text_of(key.last_used_at),
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    item["scopes"] = {"L": [{"S": scope} for scope in key.scopes]}
    return item


def _key_in(item: Item) -> Key:
    moments = {name: times.moment_in(item[name]["S"]) for name in ("endsAt", "revokedAt", "lastUsedAt") if name in item}
    return Key(
        id=item["id"]["S"].removeprefix("key#"),
        name=item["name"]["S"],
        owner=item["owner"]["S"],
        scopes=tuple(scope["S"] for scope in item["scopes"]["L"]),
        digest=item["digest"]["S"],
        created_at=times.moment_in(item["createdAt"]["S"]),
        expires_at=moments.get("endsAt"),
        revoked_at=moments.get("revokedAt"),
        last_used_at=moments.get("lastUsedAt"),
    )
