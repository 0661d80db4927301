"""Whether an existing link satisfies a request for a new one.

For each new option, it is decided here whether it matters. The ``repr`` of these keys is hashed into names of items and
into codes of imported rows: their elements and the order of them must not change.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from chalicelib.core.links.link import Link
from chalicelib.core.links.new_link import NewLink
from chalicelib.core.links.options import LinkOptions


def is_satisfied_by(request: NewLink, link: Link, owner: str | None, now: datetime) -> bool:
    """Tell whether ``link`` satisfies ``request`` of ``owner``: it behaves the same, and has the requested description.

    The behaviour must be equal, defaults included: a link that expires does not satisfy a request for a lasting one.
    The description (title, note, tags) must be equal only where it was given. Links without an owner must have no
    other description, which would reveal to one caller what another has written.
    """
    same_behaviour = link.owner == owner and behaviour_key(link) == behaviour_key(request)
    open_to_all = request.password is None and link.password_digest is None and link.blocked is None
    same_end = link.expires_at == request.expires_at or (
        request.good_until is not None and link.expires_at is not None and link.expires_at >= request.good_until
    )
    pairs = (
        (request.title, link.title),
        (request.note, link.note),
        (sorted(request.tags) if request.says_tags else None, sorted(link.tags)),
        (request.external_id, link.external_id),
    )
    described = all(asked == there or (asked is None and (owner is not None or not there)) for asked, there in pairs)
    expired = link.expires_at is not None and now >= link.expires_at
    guessable_enough = link.unguessable or not request.unguessable
    untouched = link.max_visits is None or link.visits_spent == 0
    return (
        same_behaviour
        and open_to_all
        and same_end
        and described
        and guessable_enough
        and untouched
        and not expired
        and link.space == request.space
        and (request.alias is None or request.id_of(request.alias) == link.id)
    )


def behaviour_key(options: LinkOptions) -> tuple[Any, ...]:
    """Return the options that decide what a link does, apart from its expiry and password."""
    return (
        *(options.url, options.permanent, options.enabled, options.starts_at, options.max_visits, options.asks_first),
        *(options.rules, options.forward_query, options.forward_path, options.fallback_url),
    )


def request_key(request: NewLink, owner: str | None) -> tuple[Any, ...]:
    """Return a key that is equal for all requests of ``owner`` that one link satisfies."""
    tags = sorted(request.tags) if request.says_tags else None
    described = (request.expires_at, request.unguessable, request.title, request.note, tags, request.external_id)
    # Of the default space, the key is what it was before there were others.
    return (owner, *behaviour_key(request), *described, *((request.space,) if request.space else ()))


def request_digest(request: NewLink, owner: str | None) -> str:
    """Return the digest of `request_key`, in hexadecimal digits."""
    return hashlib.sha256(repr(request_key(request, owner)).encode()).hexdigest()
