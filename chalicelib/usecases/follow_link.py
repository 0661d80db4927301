"""Deed: a code and a visitor become a destination, or the reason there is none."""

from __future__ import annotations

from datetime import datetime

from chalicelib import logs, track
from chalicelib.aws import link_cache
from chalicelib.aws.link_cache import Found
from chalicelib.core import codes
from chalicelib.core.destination import Destination, destination_of, fallback_of
from chalicelib.core.link import Link
from chalicelib.core.visitor import Visitor
from chalicelib.errors import LinkExpired, LinkOff, LinkUnknown, LinkUsedUp, StoreUnavailable

_TRIES = 3  # while the link is being changed at the same moment


def follow(code: str, visitor: Visitor, now: datetime) -> Destination:
    """Find and judge the link of ``code`` for ``visitor``, who arrives at ``now`` (aware, UTC).

    Raises:
        LinkUnknown, LinkNotYet, LinkExpired, LinkOff, LinkUsedUp, LinkBlocked
        PasswordNeeded, PasswordWrong, TooManyRequests, ConfirmationNeeded
        StoreUnavailable: neither table nor memory could tell; or whether the visit was spent is not known.
    """
    found = _found(code, now)
    logs.note(CacheHit=int(found.source == "hit"))
    link = found.link
    for _ in range(_TRIES):
        if link is None:
            raise LinkUnknown(code)
        try:
            link.check_open(now)
        except (LinkOff, LinkExpired, LinkUsedUp):
            fallback = fallback_of(link)
            if fallback is None:
                raise
            return fallback
        destination = destination_of(link, visitor, now, lambda: track.who(visitor, now))
        if link.is_remembered and not link.confirm:
            return destination
        from chalicelib import admit  # few links need it

        link = admit.admit(link, visitor, now)
        if link is None:
            return destination
    raise StoreUnavailable


def find(code: str, now: datetime) -> Link:
    """Return the link of ``code``, whatever its state.

    Raises:
        LinkUnknown, StoreUnavailable
    """
    link = _found(code, now).link
    if link is None:
        raise LinkUnknown(code)
    return link


def _found(code: str, now: datetime) -> Found:
    if not codes.is_code(code):
        raise LinkUnknown(code)
    found = link_cache.find(code, now)
    logs.note(cache=found.source)
    return found
