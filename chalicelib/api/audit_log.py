"""/audit-log: who did what to keys, settings and the ownership of links."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import accept_of, query_of
from chalicelib.api.responses import add_headers, page_response
from chalicelib.core.access.audit_log import FIELDS
from chalicelib.core.http.pagination import PARAMETERS as PAGING
from chalicelib.core.http.pagination import Paging
from chalicelib.errors import FieldError, QueryInvalid
from chalicelib.usecases import read_audit_log


def list_entries(request: Request) -> Response:
    """List the log of a workspace, or of the installation, the newest first."""
    caller = auth.caller_of(request, "settings", clock.now(), ("owner", "installation", *PAGING))
    query = query_of(request)
    log = _installation(query)
    workspace = None if log else auth.owner_of(caller, query)
    if workspace is None:
        caller.require("admin")
    paging = Paging.from_query(query, read_audit_log.cursor_reader(workspace))
    page = read_audit_log.list_page(workspace, paging)
    if page.next:
        kept = "".join(f"&{name}={query[name]}" for name in ("owner", "installation") if name in query)
        add_headers({"Link": f'<?limit={paging.limit}&cursor={page.next}{kept}>; rel="next"'})
    return page_response(accept_of(request), FIELDS, page.entries, page.next)


def _installation(query: dict[str, str]) -> bool:
    text = query.get("installation", "false")
    if text not in {"true", "false"} or (text == "true" and "owner" in query):
        message = "installation is true or false; with true there is no owner."
        raise QueryInvalid([FieldError("installation", "invalid", message)])
    return text == "true"
