"""List the links of an owner, page by page, the newest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb import click_store, link_store, salt_store
from chalicelib.core import limits, times
from chalicelib.core.http import pagination
from chalicelib.core.http.pagination import Paging
from chalicelib.core.links.link import Link
from chalicelib.core.visits import statistics
from chalicelib.settings import settings

_FILTER_PAGE_SIZE = 250  # links to read in one query when a filter is set


@dataclass(frozen=True, slots=True)
class Page:
    """Links as clients see them, the number of links read, and the cursor of the next page, if any."""

    links: list[dict[str, Any]]
    scanned: int
    next: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which links to list: those with a tag, with a text in their URL, title or code, in a space."""

    tag: str | None = None
    text: str | None = None
    space: str | None = None
    """None: in every space; empty: in the default one."""

    @property
    def is_empty(self) -> bool:
        """Tell whether no filter is set."""
        return not self.tag and not self.text and self.space is None

    def matches(self, link: Link) -> bool:
        """Tell whether ``link`` passes the filter; the text is compared case-insensitively."""
        text = (self.text or "").casefold()
        texts = (link.url, link.title or "", link.code)
        is_in = self.space is None or link.space == self.space
        return is_in and (not self.tag or self.tag in link.tags) and any(text in each.casefold() for each in texts)


def list_page(owner: str, paging: Paging, filters: Filter, now: datetime) -> Page:
    """Return a page of the links of ``owner`` at ``now`` (aware).

    It has fewer than the limit if more would exceed the size of a response.

    Raises:
        StoreUnavailable
    """
    found: list[tuple[Link, int]] = []  # each with the number of links read so far
    page_size = paging.limit + 1 if filters.is_empty else _FILTER_PAGE_SIZE
    last, scanned, more = _position(paging.after), 0, True
    while more and len(found) < paging.limit and scanned < limits.LINKS_SCANNED:
        links, more = link_store.page_of(owner, page_size, last)
        for link in links:
            if len(found) == paging.limit:
                more = True
                break
            last, scanned = link, scanned + 1
            found += [(link, scanned)] if filters.matches(link) else []
    shown = pagination.fit_response(_to_json([link for link, _ in found], now))
    if len(shown) < len(found):
        (last, scanned), more = found[len(shown) - 1], True
    return Page(shown, scanned, _cursor_after(last, owner) if more and last is not None else None)


def cursor_reader(owner: str) -> Callable[[str], str]:
    """Return a function that reads cursors of ``owner``, and raises ValueError for any other."""
    return lambda text: pagination.read_cursor(text, owner, salt_store.secret("cursors"))


def _to_json(links: list[Link], now: datetime) -> list[dict[str, Any]]:
    totals = click_store.totals_of((link.id for link in links), now)
    return [link.as_json(settings.domains, statistics.totals(totals.get(link.id, {}))) for link in links]


def _cursor_after(last: Link, owner: str) -> str:
    return pagination.sign_cursor(
        json.dumps([times.to_text_or_none(last.created_at), last.id]), owner, salt_store.secret("cursors")
    )


def _position(after: str | None) -> Link | None:
    if after is None:
        return None
    created_at, code = json.loads(after)
    return Link(id=code, url="", created_at=times.parse_time(created_at))
