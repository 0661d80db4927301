"""Imports and exports in the access table. ``id``: ``import#<id>``, ``export#<id>``; they expire with their files.

A dry run of an import is ``dry-run#<id>``: a version of this service without dry runs finds no import to run.

A worker may be killed, doubled or become stale at any time: each write has a condition on the state it continues from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb.errors import StaleWorker, translating_errors
from chalicelib.core import times
from chalicelib.core.transfers.export_job import Export
from chalicelib.core.transfers.import_job import OUTCOMES, Import
from chalicelib.core.transfers.import_summary import Summary
from chalicelib.core.transfers.job_problem import Problem
from chalicelib.settings import settings

Item = dict[str, Any]
_IMPORT, _DRY_RUN = "import#", "dry-run#"
IMPORT_KEPT = timedelta(days=30)  # as long as .chalice/resources.yaml keeps its report
EXPORT_KEPT = timedelta(days=7)  # and the file of an export


def add_import(job: Import) -> None:
    """Store a new import; an existing one stays as it is.

    Raises:
        StoreUnavailable: it may or may not be stored.
    """
    texts = {"owner": job.owner, "by": job.by, "onTaken": job.on_taken, "fileVersion": job.version}
    rights = {"trusted": job.is_trusted, "reads": job.tells_differences}
    texts |= {name: "yes" for name, has in rights.items() if has}
    texts |= {"space": job.space or None}
    _add(_import_key(job), texts, job.created_at, IMPORT_KEPT)


def find_import(import_id: str, now: datetime) -> Import | None:
    """Return the current state of an import (a consistent read), or None.

    Raises:
        StoreUnavailable
    """
    item = _current_item(f"{_IMPORT}{import_id}", now) or _current_item(f"{_DRY_RUN}{import_id}", now)
    return None if item is None else _import_from_item(item)


def bind_to_version(import_id: str, version: str) -> Import | None:
    """Bind an import to the version of its file, if it has none; None: it has another, or does not exist.

    Raises:
        StoreUnavailable
    """
    changes = {"fileVersion": {"S": version}}
    condition = "attribute_exists(id) AND (attribute_not_exists(fileVersion) OR fileVersion = :fileVersion)"
    for kind in (_IMPORT, _DRY_RUN):
        item = _update(f"{kind}{import_id}", changes, condition)
        if item is not None:
            return _import_from_item(item)
    return None


def store_row_count(job: Import, name: str, total: int) -> Import:
    """Store the format of the file and the number of its rows; return the updated job.

    Raises:
        StoreUnavailable
    """
    changes = {"format": {"S": name}, "total": {"N": str(total)}}
    item = _update(_import_key(job), changes, "attribute_exists(id)")
    return job if item is None else _import_from_item(item)


def checkpoint(before: Import, after: Import) -> None:
    """Store the progress of an import, unless another worker came first.

    Raises:
        StaleWorker: another worker came first; this one is stale.
        StoreUnavailable: the checkpoint may or may not be stored.
    """
    changes: Item = {
        "rowsDone": {"N": str(after.rows)},
        "parts": {"L": [{"S": part} for part in after.parts]},
        **{name: {"N": str(after.outcomes.get(name, 0))} for name in OUTCOMES},
        "leftOutRows": {"N": str(after.summary.rows_left_out)},
        "leftOut": _counts(after.summary.columns),
        "refusals": _counts(after.summary.refusals),
    }
    seen = {":seen": {"N": str(before.rows)}}
    condition = "attribute_exists(id) AND attribute_not_exists(ended) AND "
    condition += "rowsDone = :seen" if before.rows else "(attribute_not_exists(rowsDone) OR rowsDone = :seen)"
    if _update(_import_key(before), changes, condition, seen) is None:
        item = _read(_import_key(before)) or {}
        if item.get("parts") != changes["parts"]:  # equal: it was written, and the response was lost
            raise StaleWorker


def mark_stuck(kind: Literal["import", "export"], job_id: str) -> None:
    """Mark an import or an export as stuck, unless it has ended; a worker that resumes it may still end it.

    Raises:
        StoreUnavailable
    """
    for name in (_IMPORT, _DRY_RUN) if kind == "import" else ("export#",):
        _update(f"{name}{job_id}", {"stuck": {"S": "yes"}}, "attribute_exists(id) AND attribute_not_exists(ended)")


def end_import(job: Import, problem: Problem | None = None) -> None:
    """Mark an import as done or failed; the first end is final.

    Raises:
        StoreUnavailable
    """
    _end(_import_key(job), problem, {})


def add_export(job: Export) -> None:
    """Store a new export.

    Raises:
        StoreUnavailable
    """
    texts = {"owner": job.owner, "askedBy": job.asked_by, "format": job.format}
    limits = {"days": "yes" if job.days else None, "space": job.space}
    _add(f"export#{job.id}", texts | limits, job.created_at, EXPORT_KEPT)


def find_export(export_id: str, now: datetime) -> Export | None:
    """Return the current state of an export (a consistent read), or None.

    Raises:
        StoreUnavailable
    """
    item = _current_item(f"export#{export_id}", now)
    if item is None:
        return None
    return Export(
        id=export_id,
        owner=item["owner"]["S"],
        asked_by=item["askedBy"]["S"],
        created_at=times.parse_time(item["createdAt"]["S"]),
        format=item["format"]["S"],
        days="days" in item,
        space=_text(item, "space"),
        links=_number(item, "links"),
        ended=_text(item, "ended"),
        problem=_problem_from_item(item),
        is_stuck="stuck" in item,
    )


def end_export(job: Export, links: int, problem: Problem | None = None) -> None:
    """Mark an export as done or failed, with the number of its links; the first end is final.

    Raises:
        StoreUnavailable
    """
    _end(f"export#{job.id}", problem, {"links": {"N": str(links)}})


def _add(item_id: str, texts: Mapping[str, str | None], created_at: datetime, kept: timedelta) -> None:
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    item |= {"id": {"S": item_id}, "createdAt": {"S": times.to_text(created_at)}}
    item["expiresAt"] = {"N": str(int((created_at + kept).timestamp()))}
    try:
        with translating_errors("ConditionalCheckFailedException"):
            clients.writes.put_item(
                TableName=settings.access_table, Item=item, ConditionExpression="attribute_not_exists(id)"
            )
    except Refused:
        return


def _read(item_id: str) -> Item | None:
    with translating_errors():
        found = clients.reads.get_item(TableName=settings.access_table, Key={"id": {"S": item_id}}, ConsistentRead=True)
    return found.get("Item")


def _current_item(item_id: str, now: datetime) -> Item | None:
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
    """Set ``changes`` and return the updated item, or None: the condition does not hold."""
    try:
        with translating_errors("ConditionalCheckFailedException"):
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


def _import_from_item(item: Item) -> Import:
    return Import(
        id=item["id"]["S"].partition("#")[2],
        owner=_text(item, "owner"),
        by=item["by"]["S"],
        created_at=times.parse_time(item["createdAt"]["S"]),
        on_taken=item["onTaken"]["S"],
        dry_run=item["id"]["S"].startswith(_DRY_RUN),
        space=_text(item, "space") or "",
        version=_text(item, "fileVersion"),
        format=_text(item, "format"),
        total=_number(item, "total"),
        rows=_number(item, "rowsDone") or 0,
        outcomes={name: _number(item, name) or 0 for name in OUTCOMES},
        summary=Summary(
            _number(item, "leftOutRows") or 0, _counts_from_item(item, "leftOut"), _counts_from_item(item, "refusals")
        ),
        parts=tuple(part["S"] for part in item.get("parts", {}).get("L", ())),
        ended=_text(item, "ended"),
        problem=_problem_from_item(item),
        is_stuck="stuck" in item,
        is_trusted="trusted" in item,
        tells_differences="reads" in item,
    )


def _import_key(job: Import) -> str:
    return f"{_DRY_RUN if job.dry_run else _IMPORT}{job.id}"


def _counts(counts: Mapping[str, int]) -> Item:
    return {"M": {name: {"N": str(count)} for name, count in counts.items()}}


def _counts_from_item(item: Item, name: str) -> dict[str, int]:
    return {key: int(count["N"]) for key, count in item.get(name, {}).get("M", {}).items()}


def _problem_from_item(item: Item) -> Problem | None:
    return Problem(item["problemCode"]["S"], item["problemDetail"]["S"]) if "problemCode" in item else None


def _text(item: Item, name: str) -> Any:
    return item.get(name, {}).get("S")


def _number(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
