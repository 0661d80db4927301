"""Which links have left a workspace, beside its statistics. ``code``: ``@<owner>``; ``entry``: ``moved#<code>``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.aws.dynamodb.queries import items_by_key
from chalicelib.core.visits import counters
from chalicelib.settings import settings

_PREFIX = "moved#"


def put_action(owner: str, code: str, *, is_moved: bool) -> Any:
    """Return the action of a transaction that records that a link has left ``owner``, or has come back."""
    return {
        "Put": {
            "TableName": settings.clicks_table,
            "Item": {
                "code": {"S": counters.owner_subject(owner)},
                "entry": {"S": f"{_PREFIX}{code}"},
                "moved": {"BOOL": is_moved},
            },
        }
    }


def moved_of(owner: str, codes: Iterable[str]) -> set[str]:
    """Return which of ``codes`` have left ``owner``.

    Raises:
        StoreUnavailable
    """
    subject = counters.owner_subject(owner)
    keys = [{"code": {"S": subject}, "entry": {"S": f"{_PREFIX}{code}"}} for code in dict.fromkeys(codes)]
    items = items_by_key(settings.clicks_table, keys)
    return {item["entry"]["S"].removeprefix(_PREFIX) for item in items if item.get("moved") == {"BOOL": True}}
