"""The destination of a visitor: the URL of the link or of a rule, with the forwarded path and query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.links import target_url
from chalicelib.core.links.link import Link
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import LinkUnknown

CACHED_AT_MOST = 3600  # seconds a browser may keep a permanent redirect: longer, and an edit would never reach it


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a visitor is redirected. ``url`` is pure ASCII; ``cache_seconds`` is 0 if browsers must not cache it."""

    url: str
    permanent: bool = False
    cache_seconds: int = 0
    owner: str | None = None
    """The owner of the link."""
    variant: str | None = None
    """The target chosen by a link with rules: the number of the rule, from 1, or ``default``."""
    proof: str | None = None
    """The value of the unlock cookie, for a browser that has just given the password."""
    slots: int = 0
    """Over how many keys the rows of the link's clicks are spread."""
    is_visit: bool = True
    """Whether the visit counts; the fallback of an expired link is no visit."""


def needs_visitor_id(link: Link, visitor: Visitor, now: datetime) -> bool:
    """Tell whether `destination_of` needs the id of ``visitor``: only if a rule applies to a share of the visitors."""
    if not link.rules:
        return False
    from chalicelib.core.links import rules  # few links have any

    return rules.draws_share(link.rules, visitor, now)


def destination_of(link: Link, visitor: Visitor, now: datetime, visitor_id: str | None = None) -> Destination:
    """Return the destination of ``visitor`` at ``now`` (aware, UTC); ``link`` must be open.

    ``visitor_id`` identifies the visitor; it is only used if `needs_visitor_id`.

    Raises:
        LinkUnknown: the link forwards no path; or its URL, of an older table, cannot be opened by browsers.
    """
    url, variant = link.url, None
    if link.rules:
        from chalicelib.core.links import rules  # few links have any

        # The code is part of the id, or the same visitors would be the one percent of every link.
        place = rules.choose(link.rules, visitor, now, f"{visitor_id} {link.id}")
        variant = rules.OWN if place is None else str(place + 1)
        url = link.url if place is None else link.rules[place].url
    if link.forward_query or visitor.path:
        url = _with_forwarded_parts(link, url, visitor)
    target = target_url.servable(url)
    if target is None:
        raise LinkUnknown(link.code)
    if not link.permanent:
        return Destination(target, owner=link.owner, variant=variant, slots=link.slots)
    left = link.seconds_left(now)
    cache_seconds = int(min(CACHED_AT_MOST, CACHED_AT_MOST if left is None else left))
    return Destination(target, permanent=True, cache_seconds=cache_seconds, owner=link.owner, slots=link.slots)


def fallback_of(link: Link) -> Destination | None:
    """Return the fallback destination of a link that is expired, used up or off, or None."""
    target = None if link.fallback_url is None else target_url.servable(link.fallback_url)
    return None if target is None else Destination(target, owner=link.owner, is_visit=False)


def _with_forwarded_parts(link: Link, url: str, visitor: Visitor) -> str:
    from chalicelib.core.links import forwarding  # few links need it

    if visitor.path:
        longer = forwarding.with_path(url, visitor.path) if link.forward_path else None
        if longer is None:
            raise LinkUnknown(link.code)
        url = longer
    return forwarding.with_query(url, visitor.query) if link.forward_query else url
