"""Blocked hosts, in the access table. ``id``: ``blocked#<host>``. With a host all names below it are blocked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.pages import all_items, items_under, of_kind
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core import times
from chalicelib.settings import settings


@dataclass(frozen=True, slots=True)
class Blocked:
    """A host that no link may lead to, and why; ``reason`` is shown to visitors."""

    host: str
    reason: str
    at: datetime


def add(blocked: Blocked) -> None:
    """Block a host; again is to give another reason.

    Raises:
        StoreUnavailable: it may or may not be blocked.
    """
    item = {
        "id": {"S": f"blocked#{blocked.host}"},
        "kind": {"S": "blocked"},
        "reason": {"S": blocked.reason},
        "createdAt": {"S": times.to_text(blocked.at)},
    }
    with in_our_words():
        clients.writes.put_item(TableName=settings.access_table, Item=item)


def remove(host: str) -> bool:
    """Let links lead to a host again. False: it was not blocked.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        gone = clients.writes.delete_item(
            TableName=settings.access_table, Key={"id": {"S": f"blocked#{host}"}}, ReturnValues="ALL_OLD"
        )
    return "Attributes" in gone


def everything() -> list[Blocked]:
    """Return all blocked hosts, the latest first; one blocked within this second may be missing.

    Raises:
        StoreUnavailable
    """
    return [_blocked_in(item) for item in all_items(settings.access_table, of_kind("blocked"))]


def those_of(hosts: Iterable[str]) -> list[Blocked]:
    """Return which of ``hosts``, as they stand and no others, are blocked as of this moment.

    Raises:
        StoreUnavailable
    """
    wanted = [{"id": {"S": f"blocked#{host}"}} for host in dict.fromkeys(hosts)]
    return [_blocked_in(item) for item in items_under(settings.access_table, wanted, consistent=True)]


def _blocked_in(item: Any) -> Blocked:
    host = item["id"]["S"].removeprefix("blocked#")
    return Blocked(host, item["reason"]["S"], times.moment_in(item["createdAt"]["S"]))
