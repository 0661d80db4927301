"""Which links an owner no longer has, in the table of ``click_store``. Key: ``@<owner>``, and ``moved#<id>``.

The past days of an owner keep the codes of its links as names. One that has moved to another owner is not shown by them
any more: ``moved`` is true, and false if it came back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.aws.dynamodb.queries import items_by_key
from chalicelib.core.visits import counters
from chalicelib.settings import settings

_PREFIX = "moved#"


def put_action(owner: str, link_id: str, *, is_moved: bool) -> dict[str, Any]:
    """Return the action of a transaction that records that a link has left ``owner``, or has come back."""
    item = {**_key(owner, link_id), "moved": {"BOOL": is_moved}}
    return {"Put": {"TableName": settings.clicks_table, "Item": item}}


def moved_of(owner: str, link_ids: Iterable[str], *, consistent: bool = False) -> set[str]:
    """Return those links that have left ``owner``; unless ``consistent``, one of the last second may be missing.

    Raises:
        StoreUnavailable
    """
    items = items_by_key(settings.clicks_table, [_key(owner, link_id) for link_id in link_ids], consistent=consistent)
    return {item["entry"]["S"].removeprefix(_PREFIX) for item in items if item["moved"]["BOOL"]}


def _key(owner: str, link_id: str) -> dict[str, Any]:
    return {"code": {"S": counters.owner_subject(owner)}, "entry": {"S": f"{_PREFIX}{link_id}"}}
