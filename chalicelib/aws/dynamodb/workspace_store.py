"""Workspaces in the access table. ``id``: ``workspace#<owner>``. Most owners have no record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import versioned_items
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import all_items, kind_query
from chalicelib.core import times
from chalicelib.core.access.workspace import Workspace
from chalicelib.settings import settings


def find(workspace_id: str, *, consistent: bool = False) -> Workspace:
    """Return a workspace, by a read that may be a second behind unless it is to be ``consistent``.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.reads.get_item(
            TableName=settings.access_table, Key=_key(workspace_id), ConsistentRead=consistent
        )
    return _from_item(found["Item"]) if "Item" in found else Workspace(id=workspace_id)


def all_workspaces() -> list[Workspace]:
    """Return all workspaces that have a record, the newest first; one of the last second may be missing.

    Raises:
        StoreUnavailable
    """
    return [_from_item(item) for item in all_items(settings.access_table, kind_query("workspace"))]


def put(before: Workspace, after: Workspace, change_id: str, alongside: Sequence[Any]) -> None:
    """Store a changed workspace, with the actions ``alongside`` in one transaction; a retry succeeds.

    Raises:
        LinkChanged: a concurrent change came first.
        KeyRefused: a condition of ``alongside`` failed, which is that of the caller's key.
        StoreUnavailable: it may or may not have been stored.
    """
    versioned_items.put(_to_item(after), before.version, change_id, alongside)


def _key(workspace_id: str) -> Any:
    return {"id": {"S": f"workspace#{workspace_id}"}}


def _to_item(workspace: Workspace) -> dict[str, Any]:
    texts = {
        "kind": "workspace",
        "name": workspace.name,
        "defaults": json.dumps(dict(workspace.defaults), ensure_ascii=False),
        "createdAt": times.to_text_or_none(workspace.created_at),
        "updatedAt": times.to_text_or_none(workspace.updated_at),
    }
    numbers = {
        "callsPerMinute": workspace.calls_per_minute,
        "keys": workspace.keys,
        "version": workspace.version,
    }
    return {
        **_key(workspace.id),
        **{name: {"S": text} for name, text in texts.items() if text is not None},
        **{name: {"N": str(number)} for name, number in numbers.items() if number is not None},
    }


def _from_item(item: Any) -> Workspace:
    return Workspace(
        id=item["id"]["S"].removeprefix("workspace#"),
        name=item["name"]["S"] if "name" in item else None,
        defaults=json.loads(item["defaults"]["S"]),
        calls_per_minute=int(item["callsPerMinute"]["N"]) if "callsPerMinute" in item else None,
        keys=int(item["keys"]["N"]) if "keys" in item else None,
        created_at=times.parse_time(item["createdAt"]["S"]),
        updated_at=times.parse_time(item["updatedAt"]["S"]),
        version=int(item["version"]["N"]),
    )
