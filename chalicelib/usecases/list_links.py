"""Deed: the links of an owner, page by page, the newest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.aws import click_table, link_table, salts
from chalicelib.core import cursor, stats, times
from chalicelib.core.link import Link
from chalicelib.core.paging import Paging
from chalicelib.settings import settings

_READ_AT_ONCE = 250  # where not every link is wanted
_LOOKED_AT = 1000  # links that one call looks at for those that are wanted; its page may be short, and not the last


@dataclass(frozen=True, slots=True)
class Page:
    """Links as clients see them, and the cursor of the next page if there may be one."""

    links: list[dict[str, Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which links are wanted: those with a tag, those with a text in their URL, title or code."""

    tag: str | None = None
    text: str | None = None

    @property
    def lets_all_through(self) -> bool:
        """Tell whether nothing is asked for."""
        return not self.tag and not self.text

    def wants(self, link: Link) -> bool:
        """Tell whether ``link`` is wanted; upper and lower case are the same."""
        text = (self.text or "").casefold()
        here = (link.url, link.title or "", link.code)
        return (not self.tag or self.tag in link.tags) and any(text in each.casefold() for each in here)


def page_of(owner: str, wanted: Paging, only: Filter) -> Page:
    """Return a page of the links of ``owner``.

    Raises:
        StoreUnavailable
    """
    found: list[Link] = []
    at_once = wanted.limit + 1 if only.lets_all_through else _READ_AT_ONCE
    last, looked_at, more = _position(wanted.after), 0, True
    while more and len(found) < wanted.limit and looked_at < _LOOKED_AT:
        links, more = link_table.page_of(owner, at_once, last)
        for link in links:
            if len(found) == wanted.limit:
                more = True
                break
            last, looked_at = link, looked_at + 1
            found += [link] if only.wants(link) else []
    return Page(_shown(found), _sealed(last, owner) if more and last is not None else None)


def opener(owner: str) -> Callable[[str], str]:
    """Return what reads a cursor of ``owner``; it raises ValueError for every other."""
    return lambda text: cursor.opened(text, owner, salts.secret("cursors"))


def _shown(links: list[Link]) -> list[dict[str, Any]]:
    totals = click_table.totals_of(link.code for link in links)
    return [link.as_json(settings.base_url, stats.totals(totals.get(link.code, {}))) for link in links]


def _sealed(last: Link, owner: str) -> str:
    return cursor.sealed(json.dumps([times.text_of(last.created_at), last.code]), owner, salts.secret("cursors"))


def _position(after: str | None) -> Link | None:
    if after is None:
        return None
    created_at, code = json.loads(after)
    return Link(code=code, url="", created_at=times.moment_in(created_at))
