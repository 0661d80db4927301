"""Deed: the counts of days become statistics; the rows of clicks become a list of visits."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from chalicelib.aws import click_table, link_table
from chalicelib.core import codes, stats, times
from chalicelib.core.click import UNKNOWN
from chalicelib.core.link import Link
from chalicelib.core.paging import Paging
from chalicelib.core.period import Period
from chalicelib.core.stats import Day, JudgedClick
from chalicelib.errors import LinkUnknown

_ENTRY = re.compile(r"click#[0-9TZ:.-]{24}#[A-Za-z0-9_=-]{1,128}")
VISIT = ("at", "kind", "referrer", "country", "device", "browser", "system", "language", "userAgent")
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
        LinkUnknown, StoreUnavailable
    """
    find(code)
    return stats.report(_days(code, period), period.first, period.last, period.unit)


def of_owner(owner: str | None, period: Period) -> dict[str, Any]:
    """Return the statistics of all links of ``owner`` together, and which of them are visited most.

    Raises:
        StoreUnavailable
    """
    days = _days(stats.owners(owner), period)
    unknown = stats.report(_days(UNKNOWN, period), period.first, period.last, "day")["total"]
    return {
        **stats.report(days, period.first, period.last, period.unit),
        "links": stats.links_among(days),
        "unknownCodes": {name: unknown[name] for name in ("visits", *stats.KINDS)},
    }


def visits(code: str, wanted: Paging) -> Page:
    """Return a page of a link's visits.

    Raises:
        LinkUnknown, StoreUnavailable
    """
    find(code)
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


def find(code: str) -> Link:
    """Return a link as of this moment.

    Raises:
        LinkUnknown, StoreUnavailable
    """
    link = link_table.find_now(code) if codes.is_code(code) else None
    if link is None:
        raise LinkUnknown(code)
    return link


def visits_of(link: Link) -> dict[str, int]:
    """Return how often a link was visited, by kind.

    Raises:
        StoreUnavailable
    """
    return stats.totals(click_table.totals_of([link.code]).get(link.code, {}))


def _days(whose: str, period: Period) -> list[Day]:
    return click_table.days_of(whose, period.first.isoformat(), period.last.isoformat())


def _visit(judged: JudgedClick) -> dict[str, Any]:
    click = judged.click
    seen = (times.to_text(click.at), _KINDS[judged.kind], click.referrer, click.country, judged.device)
    return dict(zip(VISIT, (*seen, judged.browser, judged.system, click.language, click.agent), strict=True))
