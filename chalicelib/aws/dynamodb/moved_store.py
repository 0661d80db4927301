"""Which links an owner no longer has, in the table of ``click_store``. Key: ``@<owner>``, and ``moved#<code>``.

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


def put_action(owner: str, code: str, *, is_moved: bool) -> dict[str, Any]:
    """Return the action of a transaction that records that a link has left ``owner``, or has come back."""
    item = {**_key(owner, code), "moved": {"BOOL": is_moved}}
    return {"Put": {"TableName": settings.clicks_table, "Item": item}}


def moved_of(owner: str, codes: Iterable[str], *, consistent: bool = False) -> set[str]:
    """Return those of ``codes`` that have left ``owner``; unless ``consistent``, one of the last second may be missing.

    Raises:
        StoreUnavailable
    """
    items = items_by_key(settings.clicks_table, [_key(owner, code) for code in codes], consistent=consistent)
    return {item["entry"]["S"].removeprefix(_PREFIX) for item in items if item["moved"]["BOOL"]}


def _key(owner: str, code: str) -> dict[str, Any]:
    return {"code": {"S": counters.owner_subject(owner)}, "entry": {"S": f"{_PREFIX}{code}"}}
