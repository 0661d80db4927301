"""Imports and exports in the access table. ``id``: ``import#<id>``, ``export#<id>``; gone when their files are.

Whoever works at one may be killed, doubled or overtaken at any time; each write says what it goes on from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core import times
from chalicelib.core.transfer import OUTCOMES, Export, Import, Problem
from chalicelib.errors import ImportOvertaken
from chalicelib.settings import settings

Item = dict[str, Any]
_IMPORT_KEPT = timedelta(days=30)  # as long as .chalice/resources.yaml keeps its report
_EXPORT_KEPT = timedelta(days=7)  # and the file of an export


def add_import(wanted: Import) -> None:
    """Keep a new import; one that is there already stays as it is.

    Raises:
        StoreUnavailable: it may or may not be kept.
    """
    texts = {"owner": wanted.owner, "by": wanted.by, "onTaken": wanted.on_taken, "fileVersion": wanted.version}
    trusted = {"trusted": "yes"} if wanted.is_trusted else {}
    _add(f"import#{wanted.id}", texts | trusted, wanted.created_at, _IMPORT_KEPT)


def find_import(import_id: str, now: datetime) -> Import | None:
    """Return an import as of this moment, or None.

    Raises:
        StoreUnavailable
    """
    item = _found(f"import#{import_id}", now)
    return None if item is None else _import_in(item)


def pin(import_id: str, version: str) -> Import | None:
    """Give an import the file it is of, in its version, if it has none; None: it has another, or is none.

    Raises:
        StoreUnavailable
    """
    changes = {"fileVersion": {"S": version}}
    item = _update(
        f"import#{import_id}",
        changes,
        "attribute_exists(id) AND (attribute_not_exists(fileVersion) OR fileVersion = :fileVersion)",
    )
    return None if item is None else _import_in(item)


def begin(known: Import, name: str, total: int) -> Import:
    """Keep what a first look at the file told: its format, and how many rows it has.

    Raises:
        StoreUnavailable
    """
    changes = {"format": {"S": name}, "total": {"N": str(total)}}
    item = _update(f"import#{known.id}", changes, "attribute_exists(id)")
    return known if item is None else _import_in(item)


def advance(before: Import, after: Import) -> None:
    """Keep how far an import is, if nobody was faster.

    Raises:
        ImportOvertaken: somebody was.
        StoreUnavailable: it may or may not be kept.
    """
    changes: Item = {
        "rowsDone": {"N": str(after.rows)},
        "parts": {"L": [{"S": part} for part in after.parts]},
        **{name: {"N": str(after.outcomes.get(name, 0))} for name in OUTCOMES},
    }
    seen = {":seen": {"N": str(before.rows)}}
    condition = "attribute_exists(id) AND attribute_not_exists(ended) AND "
    condition += "rowsDone = :seen" if before.rows else "(attribute_not_exists(rowsDone) OR rowsDone = :seen)"
    if _update(f"import#{before.id}", changes, condition, seen) is None:
        item = _read(f"import#{before.id}") or {}
        if item.get("parts") != changes["parts"]:  # else it was written, and the answer was lost
            raise ImportOvertaken


def mark_stuck(kind: Literal["import", "export"], order_id: str) -> None:
    """Keep that nobody works at an import or an export any more, if it is not over; whoever does so again may end it.

    Raises:
        StoreUnavailable
    """
    _update(f"{kind}#{order_id}", {"stuck": {"S": "yes"}}, "attribute_exists(id) AND attribute_not_exists(ended)")


def end_import(known: Import, problem: Problem | None = None) -> None:
    """Keep that an import is over; how it ended first is how it ended.

    Raises:
        StoreUnavailable
    """
    _end(f"import#{known.id}", problem, {})


def add_export(wanted: Export) -> None:
    """Keep a new export.

    Raises:
        StoreUnavailable
    """
    texts = {"owner": wanted.owner, "askedBy": wanted.asked_by, "format": wanted.format}
    _add(f"export#{wanted.id}", texts | ({"days": "yes"} if wanted.days else {}), wanted.created_at, _EXPORT_KEPT)


def find_export(export_id: str, now: datetime) -> Export | None:
    """Return an export as of this moment, or None.

    Raises:
        StoreUnavailable
    """
    item = _found(f"export#{export_id}", now)
    if item is None:
        return None
    return Export(
        id=export_id,
        owner=item["owner"]["S"],
        asked_by=item["askedBy"]["S"],
        created_at=times.moment_in(item["createdAt"]["S"]),
        format=item["format"]["S"],
        days="days" in item,
        links=_number(item, "links"),
        ended=_text(item, "ended"),
        problem=_problem_in(item),
        is_stuck="stuck" in item,
    )


def end_export(known: Export, links: int, problem: Problem | None = None) -> None:
    """Keep that an export is over, and how many links are in it; how it ended first is how it ended.

    Raises:
        StoreUnavailable
    """
    _end(f"export#{known.id}", problem, {"links": {"N": str(links)}})


def _add(item_id: str, texts: Mapping[str, str | None], created_at: datetime, kept: timedelta) -> None:
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    item |= {"id": {"S": item_id}, "createdAt": {"S": times.to_text(created_at)}}
    item["expiresAt"] = {"N": str(int((created_at + kept).timestamp()))}
    try:
        with in_our_words("ConditionalCheckFailedException"):
            clients.writes.put_item(
                TableName=settings.access_table, Item=item, ConditionExpression="attribute_not_exists(id)"
            )
    except Refused:
        return


def _read(item_id: str) -> Item | None:
    with in_our_words():
        found = clients.reads.get_item(TableName=settings.access_table, Key={"id": {"S": item_id}}, ConsistentRead=True)
    return found.get("Item")


def _found(item_id: str, now: datetime) -> Item | None:
    item = _read(item_id)
    if item is None or int(item["expiresAt"]["N"]) < int(now.timestamp()):  # TTL deletes late
        return None
    return item


def _end(item_id: str, problem: Problem | None, more: Item) -> None:
    changes = {"ended": {"S": "done" if problem is None else "failed"}, **more}
    if problem is not None:
        changes |= {"problemCode": {"S": problem.code}, "problemDetail": {"S": problem.detail}}
    _update(item_id, changes, "attribute_exists(id) AND attribute_not_exists(ended)")


def _update(item_id: str, changes: Item, condition: str, seen: Item | None = None) -> Item | None:
    """Set ``changes`` and return the item as it is then, or None: the condition does not hold."""
    try:
        with in_our_words("ConditionalCheckFailedException"):
            updated: Any = clients.writes.update_item(
                TableName=settings.access_table,
                Key={"id": {"S": item_id}},
                UpdateExpression=f"SET {', '.join(f'#{name} = :{name}' for name in changes)}",
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in changes},
                ExpressionAttributeValues={**{f":{name}": value for name, value in changes.items()}, **(seen or {})},
                ReturnValues="ALL_NEW",
            )
    except Refused:
        return None
    item: Item = updated["Attributes"]
    return item


def _import_in(item: Item) -> Import:
    return Import(
        id=item["id"]["S"].removeprefix("import#"),
        owner=_text(item, "owner"),
        by=item["by"]["S"],
        created_at=times.moment_in(item["createdAt"]["S"]),
        on_taken=item["onTaken"]["S"],
        version=_text(item, "fileVersion"),
        format=_text(item, "format"),
        total=_number(item, "total"),
        rows=_number(item, "rowsDone") or 0,
        outcomes={name: _number(item, name) or 0 for name in OUTCOMES},
        parts=tuple(part["S"] for part in item.get("parts", {}).get("L", ())),
        ended=_text(item, "ended"),
        problem=_problem_in(item),
        is_stuck="stuck" in item,
        is_trusted="trusted" in item,
    )


def _problem_in(item: Item) -> Problem | None:
    return Problem(item["problemCode"]["S"], item["problemDetail"]["S"]) if "problemCode" in item else None


def _text(item: Item, name: str) -> Any:
    return item.get(name, {}).get("S")


def _number(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
