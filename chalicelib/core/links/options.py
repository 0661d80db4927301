"""What of a link does not go together, whichever way it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import FieldError

if TYPE_CHECKING:
    from chalicelib.core.link import Link
    from chalicelib.core.new_link import NewLink


def conflicts_in(wanted: NewLink | Link, *, is_protected: bool) -> list[FieldError]:
    """Return what contradicts itself in a link as it is ``wanted``."""
    found = []
    asked = {"rules": wanted.rules, "password": is_protected, "maxVisits": wanted.max_visits, "confirm": wanted.confirm}
    asking = [name for name, is_on in asked.items() if is_on]
    if wanted.permanent and asking:
        message = f"Browsers keep a permanent redirect and do not ask again: it does not go with {', '.join(asking)}."
        found.append(FieldError("permanent", "conflict", message))
    if wanted.starts_at and wanted.expires_at and wanted.starts_at >= wanted.expires_at:
        found.append(FieldError("startsAt", "conflict", "The link would end before it starts."))
    return found
