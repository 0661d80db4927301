"""A change to a link, merged into it: omitted fields are unchanged, ``null`` clears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.core.links import option_table, password
from chalicelib.core.links.conflicts import conflicts_in
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_fields import MAX_REASON, LinkFields, names_in
from chalicelib.core.links.new_link import NAMES as NAMES_OF_NEW_LINK
from chalicelib.core.links.option_table import Context
from chalicelib.core.links.options import targets_in
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.errors import LinkInvalid

NAMES = names_in((*option_table.field_names(option_table.CHANGEABLE), "blocked", "password"))
"""Every accepted name of a field that can be changed, and its field."""
_ONLY_AT_FIRST = set(NAMES_OF_NEW_LINK) - set(NAMES)


@dataclass(frozen=True, slots=True)
class Change:
    """A validated request to change a link: attributes and their new values."""

    values: Mapping[str, Any]
    password: str | None = field(default=None, repr=False)
    """The new password, until it is replaced by its digest."""

    @classmethod
    def from_json(cls, body: dict[str, Any], policy: TargetPolicy, now: datetime) -> Change:
        """Read a request body.

        Raises:
            LinkInvalid: with every invalid field.
        """
        fields = LinkFields({name: value for name, value in body.items() if name not in _ONLY_AT_FIRST}, NAMES)
        for name in sorted(_ONLY_AT_FIRST & body.keys()):
            fields.refuse(name, "only-at-first", f"{name} can only be set when a link is created.")
        values = option_table.read_changes(fields, Context(policy, now))
        if fields.has("blocked"):
            values["blocked"] = fields.text("blocked", MAX_REASON)
            values["blocked_host"] = (
                None  # an administrator decides; the nightly pass blocks it again if its host is listed
            )
        if fields.has("password"):
            values["password_digest"] = values["guessed_at"] = None
        new_password = fields.password()
        if fields.errors:
            raise LinkInvalid(fields.errors)
        return cls(values, new_password)

    def with_digest(self) -> Change:
        """Return the change with the digest of its password, which takes 40 ms and 16 MB to compute.

        Call it only after the caller is authorised.
        """
        if self.password is None:
            return self
        return Change({**self.values, "password_digest": password.digest_of(self.password)})

    @property
    def targets(self) -> dict[str, str]:
        """Return the new target URLs, by field."""
        found = targets_in(self.values.get("url", ""), self.values.get("rules", ()), self.values.get("fallback_url"))
        return {field: url for field, url in found.items() if url}

    def applied_to(self, link: Link, now: datetime) -> Link:
        """Return the next version of ``link``, or ``link`` itself if nothing changes.

        Raises:
            LinkInvalid: the resulting options contradict each other.
        """
        changed = replace(link, **self.values)
        conflicts = conflicts_in(changed, is_protected=changed.password_digest is not None)
        if conflicts:
            raise LinkInvalid(conflicts)
        return link if changed == link else replace(changed, version=link.version + 1, updated_at=now)


def differences(before: Link, after: Link) -> dict[str, dict[str, Any]]:
    """Return the old and new value of each changed field, as clients see it: ``{"title": {"from": 1, "to": 2}}``."""
    old, new = (
        {**link.editable_fields(), "blocked": link.blocked, "visitsSpent": link.visits_spent}
        for link in (before, after)
    )
    found = {name: {"from": old[name], "to": new[name]} for name in new if new[name] != old[name]}
    if before.password_digest and after.password_digest and before.password_digest != after.password_digest:
        found["password"] = {"from": "***", "to": "***"}
    return found
