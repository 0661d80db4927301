"""Create many links in one request. Each succeeds or fails on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb import claim_store, link_store
from chalicelib.aws.dynamodb.errors import RequestAnswered
from chalicelib.core import limits
from chalicelib.core.access.caller import Caller
from chalicelib.core.http import idempotency, problem_details
from chalicelib.core.http.idempotency import IdempotentRequest
from chalicelib.core.links.new_link import MadeBy, NewLink
from chalicelib.core.visits import statistics
from chalicelib.errors import (
    ExternalIdTaken,
    FieldError,
    IdempotencyMismatch,
    LinkInvalid,
    ShortenerError,
    StoreUnavailable,
)
from chalicelib.settings import settings
from chalicelib.usecases import block_hosts, domains, find_link
from chalicelib.usecases.create_link import alias_taken, check_may_find, shorten

Read = Callable[[dict[str, Any]], NewLink]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of each row, in order, and whether all of them are replayed responses."""

    rows: list[dict[str, Any]]
    is_replayed: bool


def rows_in(body: dict[str, Any]) -> list[Any]:
    """Return the rows of a bulk request: ``{"links": [...]}``, 1 to 100.

    Raises:
        LinkInvalid
    """
    rows = body.get("links")
    errors = [
        FieldError(name[:64], "unknown-field", f"There is no field {name[:64]!r}.") for name in body if name != "links"
    ]
    if not isinstance(rows, list) or not 0 < len(rows) <= limits.BULK_LINKS:
        errors.append(FieldError("links", "invalid", f"links is a list of 1 to {limits.BULK_LINKS} links to create."))
    if errors or not isinstance(rows, list):
        raise LinkInvalid(errors)
    return rows


def shorten_many(
    rows: list[Any],
    read: Read,
    caller: Caller,
    now: datetime,
    request: IdempotentRequest | None,
    has_time: Callable[[], bool],
) -> Outcome:
    """Create the links of ``rows``. With ``request``, retries and concurrent calls create each link once.

    Raises:
        IdempotencyMismatch: the Idempotency-Key was used for another request.
    """
    if request is not None:
        _begin(request, now)
    replayed = []

    def create(row: Any, number: int) -> dict[str, Any]:
        if not has_time():
            raise StoreUnavailable
        response = shorten(read(_object(row)), caller, now, request and request.row(number))
        replayed.append(response.is_replayed)
        return {"link": response.document}

    results = [_or_problem(create, row, number) for number, row in enumerate(rows)]
    return Outcome(results, is_replayed=bool(replayed) and all(replayed))


def dry_run_many(rows: list[Any], read: Read, caller: Caller, now: datetime) -> Outcome:
    """Return the results that ``rows`` would have, and store nothing. Codes that would be generated are null."""
    aliases: set[str | None] = set()
    external_ids: set[str | None] = set()

    def preview(row: Any, _: int) -> dict[str, Any]:
        new_link = read(_object(row))
        check_may_find(new_link, caller)
        domains.require_use(new_link.domain, caller, now)
        external_id = new_link.external_id
        alias = None if new_link.alias is None else new_link.id_of(new_link.alias)
        if alias is not None and (alias in aliases or link_store.is_code_used(alias)):
            raise alias_taken(new_link)
        if external_id is not None and (external_id in external_ids or _is_in_use(caller, external_id)):
            raise ExternalIdTaken(external_id)
        aliases.add(alias)
        external_ids.add(external_id)
        block_hosts.refuse(new_link.targets)
        link = replace(new_link, password=None).to_link(
            new_link.alias or "", now, MadeBy(caller.workspace, caller.who.name)
        )
        document = link.as_json(settings.domains, statistics.totals({})) | {"protected": new_link.password is not None}
        return {"link": document if alias else document | {"code": None, "shortUrl": None, "qr": None}}

    return Outcome([_or_problem(preview, row, number) for number, row in enumerate(rows)], is_replayed=False)


def _begin(request: IdempotentRequest, now: datetime) -> None:
    """Claim the Idempotency-Key for the whole request, before any row is created.

    Raises:
        IdempotencyMismatch: the key was used for another request.
    """
    try:
        claim_store.add(claim_store.started_request_claim(request.id, request.digest, now, now + idempotency.LASTS))
    except RequestAnswered:
        started = claim_store.find_response(request.id, now)
        if started is not None and started.digest != request.digest:
            raise IdempotencyMismatch from None


def _is_in_use(caller: Caller, external_id: str) -> bool:
    return caller.workspace is not None and find_link.is_external_id_taken(caller.workspace, external_id)


def _or_problem(action: Callable[[Any, int], dict[str, Any]], row: Any, number: int) -> dict[str, Any]:
    try:
        return action(row, number)
    except ShortenerError as error:
        return {"problem": problem_details.document(error, settings.base_url)}


def _object(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise LinkInvalid(
            [FieldError("links", "wrong-type", 'Each link is an object, such as {"url": "https://..."}.')]
        )
    return row
