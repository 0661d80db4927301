"""Options of a link that contradict each other, in a new link or in a change."""

from __future__ import annotations

from chalicelib.core.links.options import LinkOptions
from chalicelib.errors import FieldError


def conflicts_in(options: LinkOptions, *, is_protected: bool) -> list[FieldError]:
    """Return an error for each of ``options`` that contradicts another; ``is_protected``: the link has a password."""
    found = []
    excluded = {
        "rules": options.rules,
        "password": is_protected,
        "maxVisits": options.max_visits,
        "confirm": options.confirm,
    }
    conflicting = [name for name, is_on in excluded.items() if is_on]
    if options.permanent and conflicting:
        names = ", ".join(conflicting)
        message = f"Browsers keep a permanent redirect and send no more requests: it excludes {names}."
        found.append(FieldError("permanent", "conflict", message))
    if options.starts_at and options.expires_at and options.starts_at >= options.expires_at:
        found.append(FieldError("startsAt", "conflict", "The link would end before it starts."))
    return found
