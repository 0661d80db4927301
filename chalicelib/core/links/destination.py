"""Where a link leads a visitor: its own URL or a rule's, with what the visitor brings along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core import target_url
from chalicelib.core.link import Link
from chalicelib.core.visitor import Visitor
from chalicelib.errors import LinkUnknown

CACHED_AT_MOST = 3600  # seconds a browser may keep a permanent redirect: longer, and an edit would never reach it


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a visitor goes. ``url`` is pure ASCII; ``cache_seconds`` is 0 where every visit should come here first."""

    url: str
    permanent: bool = False
    cache_seconds: int = 0
    owner: str | None = None
    """Whose link led here."""
    variant: str | None = None
    """Which of several targets it is, of a link with rules: its rule's number, from 1, or ``default``."""
    is_visit: bool = True
    """Whether this counts: nobody has visited a link that is over."""


def destination_of(link: Link, visitor: Visitor, now: datetime, who: Callable[[], str]) -> Destination:
    """Return where ``link``, which is open, leads ``visitor`` at ``now`` (aware, UTC); ``who`` tells visitors apart.

    Raises:
        LinkUnknown: it takes no path behind its code; or an older table holds what no browser could open.
    """
    url, variant = link.url, None
    if link.rules:
        from chalicelib.core import rules  # few links have any

        # Each link draws for itself, or the same people would be the one percent of all of them.
        place = rules.chosen(link.rules, visitor, now, lambda: f"{who()} {link.code}")
        variant = rules.OWN if place is None else str(place + 1)
        url = link.url if place is None else link.rules[place].url
    if link.forward_query or visitor.path:
        url = _with_what_they_bring(link, url, visitor)
    target = target_url.servable(url)
    if target is None:
        raise LinkUnknown(link.code)
    if not link.permanent:
        return Destination(target, owner=link.owner, variant=variant)
    left = link.seconds_left(now)
    cache_seconds = int(min(CACHED_AT_MOST, CACHED_AT_MOST if left is None else left))
    return Destination(target, permanent=True, cache_seconds=cache_seconds, owner=link.owner)


def fallback_of(link: Link) -> Destination | None:
    """Return where a link leads that is over, or None."""
    target = None if link.fallback_url is None else target_url.servable(link.fallback_url)
    return None if target is None else Destination(target, owner=link.owner, is_visit=False)


def _with_what_they_bring(link: Link, url: str, visitor: Visitor) -> str:
    from chalicelib.core import forwarding  # few links need it

    if visitor.path:
        longer = forwarding.with_path(url, visitor.path) if link.forward_path else None
        if longer is None:
            raise LinkUnknown(link.code)
        url = longer
    return forwarding.with_query(url, visitor.query) if link.forward_query else url
