"""Blocked hosts, in the access table. ``id``: ``blocked#<host>``. Blocking a host blocks its subdomains as well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import all_items, items_by_key, kind_query
from chalicelib.core import times
from chalicelib.settings import settings


@dataclass(frozen=True, slots=True)
class Blocked:
    """A host that links may not lead to, and the ``reason`` that visitors are shown."""

    host: str
    reason: str
    at: datetime


def add(blocked: Blocked) -> None:
    """Block a host, or change the reason if it is blocked already.

    Raises:
        StoreUnavailable: it may or may not have been blocked.
    """
    item = {
        "id": {"S": f"blocked#{blocked.host}"},
        "kind": {"S": "blocked"},
        "reason": {"S": blocked.reason},
        "createdAt": {"S": times.to_text(blocked.at)},
    }
    with translating_errors():
        clients.writes.put_item(TableName=settings.access_table, Item=item)


def remove(host: str) -> bool:
    """Unblock a host. False: it was not blocked.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        gone = clients.writes.delete_item(
            TableName=settings.access_table, Key={"id": {"S": f"blocked#{host}"}}, ReturnValues="ALL_OLD"
        )
    return "Attributes" in gone


def all_blocked() -> list[Blocked]:
    """Return all blocked hosts, the latest first; one blocked within the last second may be missing.

    Raises:
        StoreUnavailable
    """
    return [_blocked_from_item(item) for item in all_items(settings.access_table, kind_query("blocked"))]


def blocked_among(hosts: Iterable[str]) -> list[Blocked]:
    """Return which of ``hosts`` are blocked, parent domains not considered; strongly consistent.

    Raises:
        StoreUnavailable
    """
    keys = [{"id": {"S": f"blocked#{host}"}} for host in dict.fromkeys(hosts)]
    return [_blocked_from_item(item) for item in items_by_key(settings.access_table, keys, consistent=True)]


def _blocked_from_item(item: Any) -> Blocked:
    host = item["id"]["S"].removeprefix("blocked#")
    return Blocked(host, item["reason"]["S"], times.parse_time(item["createdAt"]["S"]))
