"""A change to a link: merge semantics. What is absent stays, what is ``null`` is cleared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.core import password
from chalicelib.core.conflicts import conflicts_in
from chalicelib.core.fields import MAX_NOTE, MAX_REASON, MAX_TITLE, MAX_VISITS, Fields, names_of
from chalicelib.core.link import Link, targets_in
from chalicelib.core.new_link import NAMES as NAMES_OF_NEW_LINK
from chalicelib.core.target_url import TargetPolicy
from chalicelib.errors import LinkInvalid

NAMES = names_of(
    (
        *("url", "title", "note", "tags", "expiresAt", "expiresIn", "permanent", "enabled", "externalId"),
        *("startsAt", "maxVisits", "confirm", "password", "rules", "forwardQuery", "forwardPath", "fallbackUrl"),
        "blocked",
    )
)
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
            "starts_at": fields.moment("startsAt") if fields.has("startsAt") else _ABSENT,
            "max_visits": fields.number("maxVisits", MAX_VISITS) if fields.has("maxVisits") else _ABSENT,
            "confirm": fields.flag("confirm") if fields.has("confirm") else _ABSENT,
            "rules": fields.rules(policy) if fields.has("rules") else _ABSENT,
            "forward_query": fields.flag("forwardQuery") if fields.has("forwardQuery") else _ABSENT,
            "forward_path": fields.flag("forwardPath") if fields.has("forwardPath") else _ABSENT,
            "fallback_url": fields.target("fallbackUrl", policy) if fields.has("fallbackUrl") else _ABSENT,
            "blocked": fields.text("blocked", MAX_REASON) if fields.has("blocked") else _ABSENT,
        }
        word = fields.password() if fields.has("password") else _ABSENT
        if fields.errors:
            raise LinkInvalid(fields.errors)
        if word is not _ABSENT:
            values["password_digest"] = None if word is None else password.digest_of(word)
        if values["blocked"] is not _ABSENT:
            values["blocked_host"] = None  # by hand now; while its host is listed, the night stops it again
        return cls({attribute: value for attribute, value in values.items() if value is not _ABSENT})

    @property
    def targets(self) -> dict[str, str]:
        """Return the URLs it brings, by the field that has them."""
        found = targets_in(self.values.get("url", ""), self.values.get("rules", ()), self.values.get("fallback_url"))
        return {field: url for field, url in found.items() if url}

    def applied_to(self, link: Link, now: datetime) -> Link:
        """Return the next version of ``link``, or ``link`` itself if nothing would be different.

        Raises:
            LinkInvalid: what it would become contradicts itself.
        """
        changed = replace(link, **self.values)
        conflicts = conflicts_in(changed, is_protected=changed.password_digest is not None)
        if conflicts:
            raise LinkInvalid(conflicts)
        return link if changed == link else replace(changed, version=link.version + 1, updated_at=now)


def differences(before: Link, after: Link) -> dict[str, dict[str, Any]]:
    """Return what became of each field that differs, as clients know it: ``{"title": {"from": ..., "to": ...}}``."""
    old, new = ({**link.described(), "blocked": link.blocked} for link in (before, after))
    found = {name: {"from": old[name], "to": new[name]} for name in new if new[name] != old[name]}
    if before.password_digest and after.password_digest and before.password_digest != after.password_digest:
        found["password"] = {"from": "***", "to": "***"}
    return found
