"""/imports and /exports: request a transfer of links by file, and follow its progress."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import optional_json
from chalicelib.api.responses import NO_STORE, json_response
from chalicelib.settings import settings


def start_import(request: Request) -> Response:
    """Begin an import: the response has the form to upload the file with."""
    from chalicelib.core.transfers.import_job import NewImport
    from chalicelib.usecases import request_transfer

    moment = clock.now()
    caller = auth.caller_of(request, "create", moment)
    body = request_transfer.with_default_domain(optional_json(request), caller, moment)
    new_import = NewImport.from_json(body, settings.domains)
    return json_response(request_transfer.ask_for_import(new_import, caller, moment), NO_STORE, 201)


def show_import(request: Request, import_id: str) -> Response:
    """Show the progress of an import."""
    from chalicelib.usecases import request_transfer

    moment = clock.now()
    caller = auth.caller_of(request, "create", moment)
    return json_response(request_transfer.see_import(import_id, caller, moment), NO_STORE)


def start_export(request: Request) -> Response:
    """Begin an export of the caller's links; its file holds password digests, so the scope to read is not enough."""
    from chalicelib.core.transfers.export_job import NewExport
    from chalicelib.usecases import request_transfer

    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment)
    new_export = NewExport.from_json(optional_json(request), settings.domains)
    return json_response(request_transfer.ask_for_export(new_export, caller, moment), NO_STORE, 202)


def show_export(request: Request, export_id: str) -> Response:
    """Show the progress of an export, and where its file can be downloaded."""
    from chalicelib.usecases import request_transfer

    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment)
    return json_response(request_transfer.see_export(export_id, caller, moment), NO_STORE)
