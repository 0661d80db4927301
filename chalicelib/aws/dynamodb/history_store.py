"""The history of a link: its last fifty changes, in the table of clicks. ``entry``: ``change#<slot>``.

An entry and its change are written in one transaction. There are fifty slots: the fifty-first overwrites the first.
The history of a deleted link expires as its single visits do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import all_items
from chalicelib.core import times
from chalicelib.settings import settings

KEPT = 50


def entry(link_id: str, version: int, by: str, at: datetime, action: str, changes: dict[str, Any]) -> Any:
    """Return the write that records the change of a link to ``version``."""
    return {
        "Put": {
            "TableName": settings.clicks_table,
            "Item": {
                "code": {"S": link_id},
                "entry": {"S": f"change#{version % KEPT:02}"},
                "version": {"N": str(version)},
                "by": {"S": by},
                "at": {"S": times.to_text(at)},
                "action": {"S": action},
                "changes": {"S": json.dumps(changes, ensure_ascii=False)},
            },
        }
    }


def removal(link_id: str, version: int, by: str, at: datetime) -> Any:
    """Return the write that records the deletion of a link, in a slot of its own, as its last change."""
    action = entry(link_id, version, by, at, "removed", {})
    action["Put"]["Item"]["entry"] = {"S": "change#removed"}
    return action


def with_change_id(entry_action: Any, change_id: str) -> Any:
    """Return an ``entry`` with the id that ``changes_by`` looks for."""
    return {"Put": {**entry_action["Put"], "Item": {**entry_action["Put"]["Item"], "changeId": {"S": change_id}}}}


def history_for(link_id: str) -> list[dict[str, Any]]:
    """Return the changes of a link, the newest first.

    Raises:
        StoreUnavailable
    """
    return [
        {
            "at": item["at"]["S"],
            "by": item["by"]["S"],
            "action": item["action"]["S"],
            "changes": json.loads(item["changes"]["S"]),
        }
        for item in sorted(_items_of(link_id), key=lambda item: -int(item["version"]["N"]))
    ]


def changes_by(link_id: str, change_id: str) -> dict[str, Any] | None:
    """Return what the change ``change_id`` changed of a link, if it is among the last fifty; otherwise None.

    Raises:
        StoreUnavailable
    """
    found = (item for item in _items_of(link_id) if item.get("changeId") == {"S": change_id})
    return next((json.loads(item["changes"]["S"]) for item in found), None)


def set_expiry(link_id: str, now: datetime) -> None:
    """Let the history of a deleted link expire, as long after ``now`` as single visits are kept.

    It can be repeated. If it is interrupted, the other entries stay until they are erased.

    Raises:
        StoreUnavailable
    """
    end = str(int((now + timedelta(days=settings.click_retention_days)).timestamp()))
    for item in _items_of(link_id):
        with suppress(Refused), translating_errors("ConditionalCheckFailedException"):  # erased meanwhile
            clients.writes.put_item(
                TableName=settings.clicks_table,
                Item={**item, "expiresAt": {"N": end}},
                ConditionExpression="attribute_exists(code)",
            )


def _items_of(link_id: str) -> Iterator[dict[str, Any]]:
    return all_items(
        settings.clicks_table,
        {
            "KeyConditionExpression": "code = :code AND begins_with(entry, :change)",
            "ExpressionAttributeValues": {":code": {"S": link_id}, ":change": {"S": "change#"}},
            "ConsistentRead": True,
        },
    )
