"""Read statistics from daily counts, and lists of visits from click rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from chalicelib import logs
from chalicelib.aws.dynamodb import click_store, moved_store, row_store, salt_store
from chalicelib.aws.dynamodb.row_store import RowUnreadable
from chalicelib.core import times
from chalicelib.core.domains import Domain, code_of, id_in
from chalicelib.core.http import pagination
from chalicelib.core.http.pagination import Paging
from chalicelib.core.visits import counters, statistics
from chalicelib.core.visits.click import BARE, UNKNOWN
from chalicelib.core.visits.counters import ClassifiedClick, Day
from chalicelib.core.visits.period import Period
from chalicelib.settings import settings

VISIT = ("at", "kind", "referrer", "country", "device", "browser", "system", "language", "variant", "userAgent")
"""The fields of a visit, in this order; none identifies the visitor."""
KINDS = {"humans": "human", "bots": "bot", "prefetches": "prefetch"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the visits of a link, the newest first, and the cursor of the next page, if any."""

    visits: list[dict[str, Any]]
    next: str | None


def link_report(link_id: str, period: Period, now: datetime) -> dict[str, Any]:
    """Return the statistics of a link, as they are at ``now`` (aware).

    Raises:
        StoreUnavailable
    """
    days = _days(link_id, period, now)
    report = statistics.report(days, period.first, period.last, period.unit)
    return {**report, "variants": statistics.top_variants(days)}


def owner_report(owner: str, period: Period, now: datetime, domain: Domain | None = None) -> dict[str, Any]:
    """Return the statistics of all links of ``owner`` together at ``now`` (aware), with the most visited links.

    With ``domain``, of those that are there. The default domain has no counts of its own: it is what is left of all.

    They include those that were its own at the time, and are another owner's by now.

    Raises:
        StoreUnavailable
    """
    days = _days_of_owner(owner, domain, period, now)
    report = statistics.report(days, period.first, period.last, period.unit)
    links = statistics.top_links(days, lambda ids: moved_store.moved_of(owner, ids), _name_and_domain)
    return {**report, "links": links}


def _days_of_owner(owner: str, domain: Domain | None, period: Period, now: datetime) -> list[Day]:
    if domain is not None and domain.space:
        return _days(counters.owner_subject(owner, domain.space), period, now)
    days = _days(counters.owner_subject(owner), period, now)
    if domain is None:
        return days
    spaces = {each.space for each in settings.domains.listed.values() if each.space}
    others = (_days(counters.owner_subject(owner, space), period, now) for space in sorted(spaces))
    return statistics.without(days, chain.from_iterable(others))


def _name_and_domain(link_id: str) -> dict[str, str]:
    return {"name": code_of(link_id), "domain": settings.domains.of(link_id).host}


def no_link_totals(space: str, period: Period, now: datetime) -> dict[str, Any]:
    """Return the visits of unknown codes of a space, and of its bare address; at most ten thousand a day are counted.

    The bare address of the default domain is the web page, and is not counted.

    Raises:
        StoreUnavailable
    """
    names = {"unknownCodes": UNKNOWN, **({"bareAddress": BARE} if space else {})}
    return {name: _total(id_in(space, place), period, now) for name, place in names.items()}


def _total(subject: str, period: Period, now: datetime) -> dict[str, Any]:
    total: dict[str, Any] = statistics.report(_days(subject, period, now), period.first, period.last, "day")["total"]
    return {name: total[name] for name in ("visits", *counters.KINDS)}


def list_visits(link_id: str, paging: Paging) -> Page:
    """Return a page of a link's visits. A row that is none is left out, as it was when clicks were counted.

    Raises:
        StoreUnavailable
    """
    rows = _newest_rows(link_id, paging.limit + 1, paging.after)
    shown = rows[: paging.limit]
    next_cursor = None
    if len(rows) > len(shown):
        next_cursor = pagination.sign_cursor(shown[-1]["entry"]["S"], _scope(link_id), salt_store.secret("cursors"))
    from chalicelib.usecases.judge_row import judge  # patterns of a tenth of a second, which no other call needs

    visits = []
    for row in shown:
        try:
            visits.append(_visit(judge(row)))
        except RowUnreadable as unreadable:
            logs.note(unreadable=str(unreadable)[:200])
    return Page(visits, next_cursor)


def cursor_reader(link_id: str) -> Callable[[str], str]:
    """Return a function that reads cursors of the visits of a link, and raises ValueError for any other."""
    return lambda text: pagination.read_cursor(text, _scope(link_id), salt_store.secret("cursors"))


def _scope(link_id: str) -> str:
    return f"visits of {link_id}"  # the scope of lists of links is an owner, whose name cannot have spaces


def _days(subject: str, period: Period, now: datetime) -> list[Day]:
    return click_store.days_of(subject, period.first.isoformat(), period.last.isoformat(), now)


def _newest_rows(link_id: str, limit: int, before: str | None) -> list[dict[str, Any]]:
    """Return the items of the newest rows of a link, whichever slots they are in."""
    rows = [
        row for slot in range(click_store.slots_of(link_id)) for row in row_store.newest(link_id, slot, limit, before)
    ]
    return sorted(rows, key=lambda row: str(row["entry"]["S"]), reverse=True)[:limit]


def _visit(classified: ClassifiedClick) -> dict[str, Any]:
    click = classified.click
    seen = (times.to_text(click.at), KINDS[classified.kind], click.referrer, click.country, classified.device)
    return dict(
        zip(
            VISIT,
            (*seen, classified.browser, classified.system, click.language, click.variant, click.agent),
            strict=True,
        )
    )
