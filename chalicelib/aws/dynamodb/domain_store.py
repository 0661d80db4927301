"""The settings of domains, in the access table. ``id``: ``domain#<space>``; of a file, ``domain#<space>#<file>``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import versioned_items
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.core import times
from chalicelib.core.access.domain_settings import DomainSettings
from chalicelib.settings import settings

_TEXTS = {"bareUrl": "bare_url", "unknownUrl": "unknown_url", "endedUrl": "ended_url", "robots": "robots"}


def find(space: str, *, consistent: bool = False) -> DomainSettings:
    """Return the settings of a space, by a read that may be a second behind unless it is to be ``consistent``.

    Raises:
        StoreUnavailable
    """
    item = _item(_key(space), consistent=consistent)
    if item is None:
        return DomainSettings(space=space)
    return DomainSettings(
        space=space,
        workspaces=tuple(sorted(item.get("workspaces", {}).get("SS", ()))),
        updated_at=times.parse_time(item["updatedAt"]["S"]),
        version=int(item["version"]["N"]),
        **{attribute: item[name]["S"] for name, attribute in _TEXTS.items() if name in item},
    )


def find_file(space: str, file: str, *, consistent: bool = False) -> str | None:
    """Return a file for apps, a JSON text, or None.

    Raises:
        StoreUnavailable
    """
    item = _item(_key(space, file), consistent=consistent)
    return None if item is None else str(item["text"]["S"])


def put(
    before: DomainSettings,
    after: DomainSettings,
    files: Mapping[str, str | None],
    change_id: str,
    alongside: Sequence[Any],
) -> None:
    """Store changed settings and ``files``, with the actions ``alongside`` in one transaction; a retry succeeds.

    Raises:
        LinkChanged: a concurrent change came first.
        KeyRefused: a condition of ``alongside`` failed, which is that of the caller's key.
        StoreUnavailable: it may or may not have been stored.
    """
    writes = [_file_action(after.space, name, text) for name, text in files.items()]
    versioned_items.put(_to_item(after), before.version, change_id, [*writes, *alongside])


def _key(space: str, *file: str) -> dict[str, Any]:
    return {"id": {"S": "#".join(("domain", space, *file))}}


def _item(key: dict[str, Any], *, consistent: bool) -> dict[str, Any] | None:
    with translating_errors():
        found = clients.reads.get_item(TableName=settings.access_table, Key=key, ConsistentRead=consistent)
    item: dict[str, Any] | None = found.get("Item")
    return item


def _file_action(space: str, name: str, text: str | None) -> dict[str, Any]:
    key = _key(space, name)
    if text is None:
        return {"Delete": {"TableName": settings.access_table, "Key": key}}
    return {"Put": {"TableName": settings.access_table, "Item": {**key, "text": {"S": text}}}}


def _to_item(found: DomainSettings) -> dict[str, Any]:
    texts = {name: getattr(found, attribute) for name, attribute in _TEXTS.items()}
    texts["updatedAt"] = times.to_text_or_none(found.updated_at)
    return {
        **_key(found.space),
        "version": {"N": str(found.version)},
        **({"workspaces": {"SS": list(found.workspaces)}} if found.workspaces else {}),
        **{name: {"S": text} for name, text in texts.items() if text},
    }
