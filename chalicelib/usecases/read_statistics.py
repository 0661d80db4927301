"""Deed: the counts of days become statistics; the rows of clicks become a list of visits."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from chalicelib.aws import click_table
from chalicelib.core import stats, times
from chalicelib.core.click import UNKNOWN
from chalicelib.core.paging import Paging
from chalicelib.core.period import Period
from chalicelib.core.stats import Day, JudgedClick

_ENTRY = re.compile(r"click#[0-9TZ:.-]{24}#[A-Za-z0-9_=-]{1,128}")
VISIT = ("at", "kind", "referrer", "country", "device", "browser", "system", "language", "variant", "userAgent")
"""What is told of a visit, in this order. Who it was is not."""
_KINDS = {"humans": "human", "bots": "bot", "prefetches": "prefetch"}


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the visits of a link, the newest first, and the cursor of the next page if there is one."""

    visits: list[dict[str, Any]]
    next: str | None


def of_link(code: str, period: Period) -> dict[str, Any]:
    """Return the statistics of a link.

    Raises:
        StoreUnavailable
    """
    days = _days(code, period)
    report = stats.report(days, period.first, period.last, period.unit)
    return {**report, "variants": stats.variants_among(days)}


def of_owner(owner: str, period: Period) -> dict[str, Any]:
    """Return the statistics of all links of ``owner`` together, and which of them are visited most.

    Raises:
        StoreUnavailable
    """
    days = _days(stats.owners(owner), period)
    report = stats.report(days, period.first, period.last, period.unit)
    return {**report, "links": stats.links_among(days)}


def of_unknown_codes(period: Period) -> dict[str, Any]:
    """Return how often somebody asked for a code that nobody made; of a day, the first ten thousand.

    Raises:
        StoreUnavailable
    """
    total: dict[str, Any] = stats.report(_days(UNKNOWN, period), period.first, period.last, "day")["total"]
    return {name: total[name] for name in ("visits", *stats.KINDS)}


def visits(code: str, wanted: Paging) -> Page:
    """Return a page of a link's visits.

    Raises:
        StoreUnavailable
    """
    clicks, more = click_table.page_of_rows(code, wanted.limit, wanted.after)
    return Page([_visit(each) for each in clicks], more and base64.urlsafe_b64encode(more.encode()).decode())


def entry_in(cursor: str) -> str:
    """Return where a cursor goes on.

    Raises:
        ValueError: it is none of ours.
    """
    entry = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    if not _ENTRY.fullmatch(entry):
        raise ValueError(entry)
    return entry


def _days(whose: str, period: Period) -> list[Day]:
    return click_table.days_of(whose, period.first.isoformat(), period.last.isoformat())


def _visit(judged: JudgedClick) -> dict[str, Any]:
    click = judged.click
    seen = (times.to_text(click.at), _KINDS[judged.kind], click.referrer, click.country, judged.device)
    return dict(
        zip(VISIT, (*seen, judged.browser, judged.system, click.language, click.variant, click.agent), strict=True)
    )
