"""Request an import or an export, and read its state. Those of other owners are reported as missing."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb import transfer_store
from chalicelib.aws.s3 import file_urls
from chalicelib.aws.sqs import file_queue
from chalicelib.core import limits
from chalicelib.core.access.caller import Caller
from chalicelib.core.transfers.export_job import Export, NewExport
from chalicelib.core.transfers.file_message import is_id
from chalicelib.core.transfers.import_job import Import, NewImport
from chalicelib.errors import ExportUnknown, ImportUnknown, NoStorage
from chalicelib.settings import settings
from chalicelib.usecases import domains, workspaces


def with_default_domain(body: dict[str, Any], caller: Caller, now: datetime) -> dict[str, Any]:
    """Return the body of a request for an import with the domain of the caller's workspace, if it names none.

    Raises:
        StoreUnavailable
    """
    if body.get("domain") is not None or caller.workspace is None:
        return body
    return {**body, "domain": workspaces.find(caller.workspace, now).defaults.get("domain")}


def ask_for_import(new_import: NewImport, caller: Caller, now: datetime) -> dict[str, Any]:
    """Create an import, and return it with ``upload``, the form to send the file with.

    Raises:
        DomainRefused, NoStorage
        ScopeMissing: mending changes existing links.
        StoreUnavailable: the job may or may not be stored; nothing is imported before a file is uploaded.
    """
    _check_storage()
    if new_import.on_taken == "mend":
        caller.require("manage")
    domains.require_use(new_import.domain, caller, now)
    job = Import(
        id=uuid.uuid4().hex,
        owner=caller.workspace,
        by=caller.who.name,
        created_at=now,
        on_taken=new_import.on_taken,
        dry_run=new_import.dry_run,
        space="" if new_import.domain is None else new_import.domain.space,
        is_trusted=caller.is_admin,
        tells_differences=caller.may("read"),
    )
    transfer_store.add_import(job)
    return job.as_json(settings.domains, None) | {"upload": file_urls.upload_form(job.key, limits.FILE_BYTES, now)}


def see_import(import_id: str, caller: Caller, now: datetime) -> dict[str, Any]:
    """Return an import of the caller, with the URL of its report once it is done.

    Raises:
        ImportUnknown, NoStorage, StoreUnavailable
    """
    _check_storage()
    job = transfer_store.find_import(import_id, now) if is_id(import_id) else None
    if job is None or not (caller.is_admin or (job.owner is not None and job.owner == caller.workspace)):
        raise ImportUnknown
    is_done = job.ended == "done"
    name = "dry-run-report.csv" if job.dry_run else "import-report.csv"
    report = file_urls.download_url(job.report_key, name, now) if is_done else None
    return job.as_json(settings.domains, report)


def ask_for_export(new_export: NewExport, caller: Caller, now: datetime) -> dict[str, Any]:
    """Create an export, queue it and return it.

    Raises:
        NoStorage
        ScopeMissing: only administrators export links of others.
        StoreUnavailable: the export may or may not exist; a retry creates another one.
    """
    _check_storage()
    own = caller.workspace or ""
    job = Export(
        id=uuid.uuid4().hex,
        owner=new_export.owner or own,
        asked_by=own,
        created_at=now,
        format=new_export.format,
        days=new_export.days,
        space=None if new_export.domain is None else new_export.domain.space,
    )
    if job.owner != own:
        caller.require("admin")
    transfer_store.add_export(job)
    file_queue.send({"export": job.id})
    return job.as_json(settings.domains, None)


def see_export(export_id: str, caller: Caller, now: datetime) -> dict[str, Any]:
    """Return an export that the caller requested, with the URL of its file once it is done.

    An export of other owners' links was requested by an administrator: only administrators see it, not the other keys
    of the same owner.

    Raises:
        ExportUnknown, NoStorage, StoreUnavailable
    """
    _check_storage()
    job = transfer_store.find_export(export_id, now) if is_id(export_id) else None
    if job is None or not (caller.is_admin or job.asked_by == job.owner == caller.workspace):
        raise ExportUnknown
    name = f"links-{job.created_at:%Y-%m-%d}.{job.format}"
    file = file_urls.download_url(job.key, name, now) if job.ended == "done" else None
    return job.as_json(settings.domains, file)


def _check_storage() -> None:
    if not settings.files_bucket:
        raise NoStorage
