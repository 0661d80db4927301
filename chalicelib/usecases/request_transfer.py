"""Deed: ask for an import or an export, and see how far it is. What is somebody else's is not there."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from chalicelib.aws import file_links, transfer_table, work_queue
from chalicelib.core.caller import Caller
from chalicelib.core.transfer import Export, Import, NewExport, NewImport
from chalicelib.core.upload import MAX_BYTES
from chalicelib.core.work import is_id
from chalicelib.errors import ExportUnknown, ImportUnknown, NoStorage
from chalicelib.settings import settings


def ask_for_import(wanted: NewImport, caller: Caller, now: datetime) -> dict[str, Any]:
    """Keep that somebody will send a file, and return the import with where to send it: ``upload``.

    Raises:
        NoStorage
        StoreUnavailable: it may or may not be kept; nothing is imported before there is a file.
    """
    _check_storage()
    order = Import(
        id=uuid.uuid4().hex,
        owner=caller.owner,
        by=caller.name,
        created_at=now,
        on_taken=wanted.on_taken,
        is_trusted=caller.is_admin,
    )
    transfer_table.add_import(order)
    return order.as_json(None) | {"upload": file_links.to_put(order.key, MAX_BYTES, now)}


def see_import(import_id: str, caller: Caller, now: datetime) -> dict[str, Any]:
    """Return an import of the caller's, with where its report can be fetched once it is done.

    Raises:
        ImportUnknown, NoStorage, StoreUnavailable
    """
    _check_storage()
    order = transfer_table.find_import(import_id, now) if is_id(import_id) else None
    if order is None or not (caller.is_admin or (order.owner is not None and order.owner == caller.owner)):
        raise ImportUnknown
    is_done = order.ended == "done"
    return order.as_json(file_links.to_fetch(order.report_key, "import-report.csv", now) if is_done else None)


def ask_for_export(wanted: NewExport, caller: Caller, now: datetime) -> dict[str, Any]:
    """Ask for a file of links, and return the export.

    Raises:
        NoStorage
        ScopeMissing: only administrators export what is not theirs.
        StoreUnavailable: there may or may not be an export; asking again makes another.
    """
    _check_storage()
    own = caller.owner or ""
    order = Export(
        id=uuid.uuid4().hex,
        owner=wanted.owner or own,
        asked_by=own,
        created_at=now,
        format=wanted.format,
        days=wanted.days,
    )
    if order.owner != own:
        caller.require("admin")
    transfer_table.add_export(order)
    work_queue.send({"export": order.id})
    return order.as_json(None)


def see_export(export_id: str, caller: Caller, now: datetime) -> dict[str, Any]:
    """Return an export that the caller asked for, with where its file can be fetched once it is done.

    One of what is not theirs an administrator asked for: it is nothing for other keys of the same owner.

    Raises:
        ExportUnknown, NoStorage, StoreUnavailable
    """
    _check_storage()
    order = transfer_table.find_export(export_id, now) if is_id(export_id) else None
    if order is None or not (caller.is_admin or order.asked_by == order.owner == caller.owner):
        raise ExportUnknown
    name = f"links-{order.created_at:%Y-%m-%d}.{order.format}"
    return order.as_json(file_links.to_fetch(order.key, name, now) if order.ended == "done" else None)


def _check_storage() -> None:
    if not settings.files_bucket:
        raise NoStorage
