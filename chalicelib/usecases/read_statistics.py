"""Read statistics from daily counts, and lists of visits from click rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import logs
from chalicelib.aws.dynamodb import click_store, moved_store, row_store, salt_store
from chalicelib.aws.dynamodb.row_store import RowUnreadable
from chalicelib.core import times
from chalicelib.core.http import pagination
from chalicelib.core.http.pagination import Paging
from chalicelib.core.visits import counters, statistics
from chalicelib.core.visits.click import UNKNOWN
from chalicelib.core.visits.counters import ClassifiedClick, Day
from chalicelib.core.visits.period import Period

VISIT = ("at", "kind", "referrer", "country", "device", "browser", "system", "language", "variant", "userAgent")
"""The fields of a visit, in this order; none identifies the visitor."""
KINDS = {"humans": "human", "bots": "bot", "prefetches": "prefetch"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the visits of a link, the newest first, and the cursor of the next page, if any."""

    visits: list[dict[str, Any]]
    next: str | None


def link_report(code: str, period: Period, now: datetime) -> dict[str, Any]:
    """Return the statistics of a link, as they are at ``now`` (aware).

    Raises:
        StoreUnavailable
    """
    days = _days(code, period, now)
    report = statistics.report(days, period.first, period.last, period.unit)
    return {**report, "variants": statistics.top_variants(days)}


def owner_report(owner: str, period: Period, now: datetime) -> dict[str, Any]:
    """Return the statistics of all links of ``owner`` together at ``now`` (aware), with the most visited links.

    They include those that were its own at the time, and are another owner's by now.

    Raises:
        StoreUnavailable
    """
    days = _days(counters.owner_subject(owner), period, now)
    report = statistics.report(days, period.first, period.last, period.unit)
    return {**report, "links": statistics.top_links(days, lambda codes: moved_store.moved_of(owner, codes))}


def unknown_code_totals(period: Period, now: datetime) -> dict[str, Any]:
    """Return the visits of unknown codes; at most ten thousand a day are counted.

    Raises:
        StoreUnavailable
    """
    total: dict[str, Any] = statistics.report(_days(UNKNOWN, period, now), period.first, period.last, "day")["total"]
    return {name: total[name] for name in ("visits", *counters.KINDS)}


def list_visits(code: str, paging: Paging) -> Page:
    """Return a page of a link's visits. A row that is none is left out, as it was when clicks were counted.

    Raises:
        StoreUnavailable
    """
    rows = _newest_rows(code, paging.limit + 1, paging.after)
    shown = rows[: paging.limit]
    next_cursor = None
    if len(rows) > len(shown):
        next_cursor = pagination.sign_cursor(shown[-1]["entry"]["S"], _scope(code), salt_store.secret("cursors"))
    from chalicelib.usecases.judge_row import judge  # patterns of a tenth of a second, which no other call needs

    visits = []
    for row in shown:
        try:
            visits.append(_visit(judge(row)))
        except RowUnreadable as unreadable:
            logs.note(unreadable=str(unreadable)[:200])
    return Page(visits, next_cursor)


def cursor_reader(code: str) -> Callable[[str], str]:
    """Return a function that reads cursors of the visits of ``code``, and raises ValueError for any other."""
    return lambda text: pagination.read_cursor(text, _scope(code), salt_store.secret("cursors"))


def _scope(code: str) -> str:
    return f"visits of {code}"  # the scope of lists of links is an owner, whose name cannot have spaces


def _days(subject: str, period: Period, now: datetime) -> list[Day]:
    return click_store.days_of(subject, period.first.isoformat(), period.last.isoformat(), now)


def _newest_rows(code: str, limit: int, before: str | None) -> list[dict[str, Any]]:
    """Return the items of the newest rows of a link, whichever slots they are in."""
    rows = [row for slot in range(click_store.slots_of(code)) for row in row_store.newest(code, slot, limit, before)]
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
