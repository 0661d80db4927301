"""Deed: many links in one request; each is made, or says why not, and none stands in another's way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib import block, find_link
from chalicelib.aws import claims, link_table
from chalicelib.aws.claims import Claim
from chalicelib.core import answer as answers
from chalicelib.core import problems, stats
from chalicelib.core.answer import Once
from chalicelib.core.caller import Caller
from chalicelib.core.new_link import MadeBy, NewLink
from chalicelib.errors import (
    AliasTaken,
    ExternalIdTaken,
    FieldError,
    IdempotencyMismatch,
    LinkInvalid,
    RequestAnswered,
    ShortenerError,
    StoreUnavailable,
)
from chalicelib.settings import settings
from chalicelib.shorten import shorten

MOST = 100

Read = Callable[[dict[str, Any]], NewLink]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each row, in order, and whether all of it had been answered before."""

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
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST:
        errors.append(FieldError("links", "invalid", f"links is a list of 1 to {MOST} links to make."))
    if errors or not isinstance(rows, list):
        raise LinkInvalid(errors)
    return rows


def shorten_many(
    rows: list[Any], read: Read, caller: Caller, now: datetime, once: Once | None, has_time: Callable[[], bool]
) -> Outcome:
    """Make the links of ``rows``. With ``once`` it may run again, or twice at once: each is still made once.

    Raises:
        IdempotencyMismatch: ``once`` was used for something else.
    """
    if once is not None:
        _begin(once, now)
    replayed = []

    def make(row: Any, number: int) -> dict[str, Any]:
        if not has_time():
            raise StoreUnavailable
        answer = shorten(read(_object(row)), caller, now, once and once.row(number))
        replayed.append(answer.is_replayed)
        return {"link": answer.document}

    made = [_or_problem(make, row, number) for number, row in enumerate(rows)]
    return Outcome(made, is_replayed=bool(replayed) and all(replayed))


def try_many(rows: list[Any], read: Read, caller: Caller, now: datetime) -> Outcome:
    """Tell what would become of ``rows``, and make nothing. A code that would be drawn is null."""
    seen: set[str | None] = set()
    known: set[str | None] = set()

    def judge(row: Any, _: int) -> dict[str, Any]:
        wanted = read(_object(row))
        alias, external_id = wanted.alias, wanted.external_id
        if alias is not None and (alias in seen or link_table.is_given_out(alias)):
            raise AliasTaken(alias, f"{settings.base_url}/{alias}")
        if external_id is not None and (external_id in known or _is_called(caller, external_id)):
            raise ExternalIdTaken(external_id)
        seen.add(alias)
        known.add(external_id)
        block.refuse(wanted.targets)
        link = replace(wanted, password=None).named(alias or "", now, MadeBy(caller.owner, caller.name))
        document = link.as_json(settings.base_url, stats.totals({})) | {"protected": wanted.password is not None}
        return {"link": document if alias else document | {"code": None, "shortUrl": None, "qr": None}}

    return Outcome([_or_problem(judge, row, number) for number, row in enumerate(rows)], is_replayed=False)


def _begin(once: Once, now: datetime) -> None:
    """Let the whole request stand under its key, before any row of it is made.

    Raises:
        IdempotencyMismatch: another request does.
    """
    try:
        claims.add(
            Claim(once.id, now, lambda _: RequestAnswered(), {"digest": {"S": once.digest}}, now + answers.LASTS)
        )
    except RequestAnswered:
        begun = claims.find(once.id, now)
        if begun is not None and begun["digest"]["S"] != once.digest:
            raise IdempotencyMismatch from None


def _is_called(caller: Caller, external_id: str) -> bool:
    return caller.owner is not None and find_link.code_of_external(caller.owner, external_id) is not None


def _or_problem(work: Callable[[Any, int], dict[str, Any]], row: Any, number: int) -> dict[str, Any]:
    try:
        return work(row, number)
    except ShortenerError as error:
        return {"problem": problems.document(error, settings.base_url)}


def _object(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise LinkInvalid(
            [FieldError("links", "wrong-type", 'Each link is an object, such as {"url": "https://..."}.')]
        )
    return row
