"""A change to a link: merge semantics. What is absent stays, what is ``null`` is cleared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.core.fields import MAX_NOTE, MAX_TITLE, Fields, names_of
from chalicelib.core.link import Link
from chalicelib.core.new_link import NAMES as NAMES_OF_NEW_LINK
from chalicelib.core.target_url import TargetPolicy
from chalicelib.errors import LinkInvalid

NAMES = names_of(("url", "title", "note", "tags", "expiresAt", "expiresIn", "permanent", "enabled", "externalId"))
"""Every name that a field to change may have, and the field that it means."""
_ABSENT: Any = object()
_ONLY_AT_FIRST = set(NAMES_OF_NEW_LINK) - set(NAMES)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different: attributes of a link and their new values."""

    values: Mapping[str, Any]

    @classmethod
    def from_json(cls, body: dict[str, Any], policy: TargetPolicy, now: datetime) -> Change:
        """Read a request body.

        Raises:
            LinkInvalid: with every field that is wrong.
        """
        fields = Fields({name: value for name, value in body.items() if name not in _ONLY_AT_FIRST}, NAMES)
        for name in sorted(_ONLY_AT_FIRST & body.keys()):
            fields.refuse(name, "only-at-first", f"{name} can be given when a link is made, and not be changed.")
        values: dict[str, Any] = {
            "url": fields.url(policy) if fields.has("url") else _ABSENT,
            "title": fields.text("title", MAX_TITLE) if fields.has("title") else _ABSENT,
            "note": fields.text("note", MAX_NOTE) if fields.has("note") else _ABSENT,
            "tags": (fields.tags() or ()) if fields.has("tags") else _ABSENT,
            "expires_at": fields.expiry(now) if fields.has("expiresAt", "expiresIn") else _ABSENT,
            "permanent": fields.flag("permanent") if fields.has("permanent") else _ABSENT,
            "enabled": fields.flag("enabled", default=True) if fields.has("enabled") else _ABSENT,
            "external_id": fields.external_id() if fields.has("externalId") else _ABSENT,
        }
        if fields.errors:
            raise LinkInvalid(fields.errors)
        return cls({attribute: value for attribute, value in values.items() if value is not _ABSENT})

    def applied_to(self, link: Link, now: datetime) -> Link:
        """Return the next version of ``link``, or ``link`` itself if nothing would be different."""
        changed = replace(link, **self.values)
        return link if changed == link else replace(changed, version=link.version + 1, updated_at=now)


def differences(before: Link, after: Link) -> dict[str, dict[str, Any]]:
    """Return what became of each field that differs, as clients know it: ``{"title": {"from": ..., "to": ...}}``."""
    old, new = before.described(), after.described()
    return {name: {"from": old[name], "to": new[name]} for name in new if new[name] != old[name]}
