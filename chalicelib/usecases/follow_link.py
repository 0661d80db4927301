"""Find the destination of a code for a visitor, or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib import logs
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import link_store, transactions
from chalicelib.aws.link_cache import Found
from chalicelib.core import domains
from chalicelib.core.links import codes
from chalicelib.core.links.destination import Destination, destination_of, fallback_of, needs_visitor_id
from chalicelib.core.links.link import Link
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import LinkExpired, LinkOff, LinkUnknown, LinkUsedUp, StoreUnavailable
from chalicelib.usecases import identify_visitor

_LONGEST_PAUSES = (0.0, 0.02, 0.05, 0.1, 0.2)  # seconds, before retries while the link is being changed concurrently


def follow(link_id: str, visitor: Visitor, now: datetime) -> Destination:
    """Return where the link of ``link_id`` leads ``visitor``, who arrives at ``now`` (aware, UTC).

    Raises:
        LinkUnknown, LinkNotYet, LinkExpired, LinkOff, LinkUsedUp, LinkBlocked
        PasswordNeeded, PasswordWrong, TooManyRequests, ConfirmationNeeded
        StoreUnavailable: the link could not be read, or it is unknown whether the visit was counted.
    """
    found = _read_link(link_id, now)
    logs.note(CacheHit=int(found.source == "hit"))
    link = found.link
    for longest_pause in _LONGEST_PAUSES:
        if link is None:
            raise LinkUnknown(domains.code_of(link_id))
        was_let_in = False
        try:
            link.check_open(now)
        except (LinkOff, LinkExpired, LinkUsedUp) as ended:
            was_let_in = isinstance(ended, LinkUsedUp) and _was_let_in(link, visitor)
            if not was_let_in:
                fallback = fallback_of(link)
                if fallback is None:
                    raise
                return fallback
        visitor_id = identify_visitor.id_for_shares(visitor, now) if needs_visitor_id(link, visitor, now) else None
        destination = destination_of(link, visitor, now, visitor_id)
        if was_let_in or (link.is_cacheable and not link.asks_first):
            return destination
        from chalicelib.usecases import unlock_link  # few links need it

        result = unlock_link.unlock(link, visitor, now)
        if result.changed is None:
            return replace(destination, proof=result.proof)
        link = result.changed
        transactions.pause(longest_pause)
    raise StoreUnavailable


def find(link_id: str, now: datetime) -> Link:
    """Return the link of ``link_id``, open or not.

    Raises:
        LinkUnknown, StoreUnavailable
    """
    link = _read_link(link_id, now).link
    if link is None:
        raise LinkUnknown(domains.code_of(link_id))
    return link


def _was_let_in(link: Link, visitor: Visitor) -> bool:
    """Tell whether CloudFront asks again for a visit of a link that has a maximum, which this visit has reached."""
    return visitor.certain_id is not None and link_store.has_spent(link.id, visitor.certain_id)


def _read_link(link_id: str, now: datetime) -> Found:
    if not codes.is_code(domains.code_of(link_id)):
        raise LinkUnknown(domains.code_of(link_id))
    found = link_cache.get(link_id, now)
    logs.note(cache=found.source)
    return found
