"""/links: create, list, show, change and delete links, and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalice.app import Request, Response

from chalicelib import clock, logs
from chalicelib.api import auth
from chalicelib.api.auth import DOMAIN
from chalicelib.api.requests import accept_of, json_of, query_of
from chalicelib.api.responses import NO_STORE, json_response, text_response
from chalicelib.core import limits
from chalicelib.core.http import content_negotiation
from chalicelib.core.http.pagination import PARAMETERS as PAGING
from chalicelib.core.http.pagination import Paging
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_patch import Change
from chalicelib.core.links.new_link import NewLink
from chalicelib.errors import FieldError, QueryInvalid
from chalicelib.settings import settings
from chalicelib.usecases import find_link, policies, update_link, workspaces
from chalicelib.usecases.create_link import shorten, visits_of
from chalicelib.usecases.create_links import dry_run_many, rows_in, shorten_many
from chalicelib.usecases.list_links import Filter, cursor_reader, list_page


def create_link(request: Request) -> Response:
    """Shorten a URL."""
    moment = clock.now()
    caller = auth.creator_of(request, moment)
    body = workspaces.with_defaults(json_of(request), caller, moment)
    new_link = NewLink.from_json(body, policies.targets(), moment, policies.rules_for(caller), settings.domains)
    created = shorten(new_link, caller, moment, auth.once_of(request, caller))
    place = settings.domains.called(created.document.get("domain", "")) or settings.domains.default
    logs.note(**settings.domains.names_of(place.id_of(created.document["code"])))
    short_url = created.document["shortUrl"]
    headers = {"Location": short_url, **_replayed(created.is_replayed)}
    if content_negotiation.best_match(accept_of(request), ("application/json", "text/plain")) == "text/plain":
        return text_response(short_url, {"Content-Type": "text/plain; charset=utf-8", **headers}, created.status)
    return json_response(created.document, {"ETag": created.etag, **headers}, created.status)


def list_links(request: Request) -> Response:
    """List the caller's links, the newest first."""
    moment = clock.now()
    caller = auth.caller_of(request, "read", moment, ("owner", "domain", "tag", "q", *PAGING))
    query = query_of(request)
    owner = auth.owner_of(caller, query)
    paging = Paging.from_query(query, cursor_reader(owner))
    space = auth.domain_in(query).space if "domain" in query else None
    page = list_page(owner, paging, Filter(query.get("tag"), query.get("q"), space), moment)
    return json_response({"data": page.links, "lookedAt": page.scanned, "next": page.next}, NO_STORE)


def create_links(request: Request) -> Response:
    """Shorten up to a hundred URLs; the result of each is the link or its error."""
    moment = clock.now()
    rows: list[Any] = []

    def count() -> int:
        rows.extend(rows_in(json_of(request, limits.BULK_BYTES)))
        return len(rows)

    caller = auth.creator_of(request, moment, count, ("dryRun",))

    def read(row: dict[str, Any]) -> NewLink:
        body = workspaces.with_defaults(row, caller, moment)
        return NewLink.from_json(body, policies.targets(), moment, policies.rules_for(caller), settings.domains)

    if _is_on("dryRun", query_of(request)):
        outcome = dry_run_many(rows, read, caller, moment)
    else:
        has_time = clock.has_seconds(3, request.lambda_context)
        outcome = shorten_many(rows, read, caller, moment, auth.once_of(request, caller), has_time)
    return json_response({"data": outcome.rows}, _replayed(outcome.is_replayed))


def show_link(request: Request, code: str) -> Response:
    """Show a link."""
    moment = clock.now()
    caller = auth.caller_of(request, "read", moment, DOMAIN, or_manage_key=True)
    link = find_link.find(auth.link_named(request, code), caller)
    return link_response(link, moment)


def change_link(request: Request, code: str) -> Response:
    """Change a link: omitted fields are unchanged, null clears."""
    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment, DOMAIN, or_manage_key=True)
    changes = Change.from_json(json_of(request), policies.targets(), moment)
    link = update_link.change(auth.link_named(request, code), changes, caller, request.headers.get("if-match"), moment)
    return link_response(link, moment)


def delete_link(request: Request, code: str) -> Response:
    """Delete a link; its code is never given out again."""
    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment, DOMAIN, or_manage_key=True)
    update_link.remove(auth.link_named(request, code), caller, request.headers.get("if-match"), moment)
    return text_response("", {}, 204)


def show_history(request: Request, code: str) -> Response:
    """List the changes of a link, with their authors and times."""
    caller = auth.caller_of(request, "read", clock.now(), DOMAIN, or_manage_key=True)
    return json_response({"data": update_link.history(auth.link_named(request, code), caller)}, NO_STORE)


def link_response(link: Link, now: datetime) -> Response:
    """Return the response that shows a link as it is at ``now``."""
    document = link.as_json(settings.domains, visits_of(link, now))
    return json_response(document, {"ETag": link.etag, **NO_STORE})


def _replayed(is_replayed: bool) -> dict[str, str]:  # noqa: FBT001  # the function's name explains the argument
    return {"Idempotency-Replayed": "true"} if is_replayed else {}


def _is_on(name: str, query: dict[str, str]) -> bool:
    if query.get(name, "false") not in {"true", "false"}:
        raise QueryInvalid([FieldError(name, "invalid", f"{name} is true or false.")])
    return query.get(name) == "true"
