"""What became of a link, change by change: its last fifty, in the table of clicks. ``entry``: ``change#<slot>``.

A change is written together with the change itself. There are fifty slots: the fifty-first overwrites the first.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from chalicelib.aws.pages import all_items
from chalicelib.core import times
from chalicelib.settings import settings

KEPT = 50


def entry(code: str, version: int, by: str, at: datetime, action: str, changes: dict[str, Any]) -> Any:
    """Return the action that records how a link came to its ``version``."""
    return {
        "Put": {
            "TableName": settings.clicks_table,
            "Item": {
                "code": {"S": code},
                "entry": {"S": f"change#{version % KEPT:02}"},
                "version": {"N": str(version)},
                "by": {"S": by},
                "at": {"S": times.to_text(at)},
                "action": {"S": action},
                "changes": {"S": json.dumps(changes, ensure_ascii=False)},
            },
        }
    }


def of(code: str) -> list[dict[str, Any]]:
    """Return the changes of a link, the newest first.

    Raises:
        StoreUnavailable
    """
    items = all_items(
        settings.clicks_table,
        {
            "KeyConditionExpression": "code = :code AND begins_with(entry, :change)",
            "ExpressionAttributeValues": {":code": {"S": code}, ":change": {"S": "change#"}},
            "ConsistentRead": True,
        },
    )
    return [
        {
            "at": item["at"]["S"],
            "by": item["by"]["S"],
            "action": item["action"]["S"],
            "changes": json.loads(item["changes"]["S"]),
        }
        for item in sorted(items, key=lambda item: -int(item["version"]["N"]))
    ]
