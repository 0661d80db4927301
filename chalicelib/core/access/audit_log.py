"""The log of a workspace, and of the installation: who did what to keys, settings and the ownership of links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.core import times
from chalicelib.core.access.caller import Who

KEPT = timedelta(days=366)
INSTALLATION = "?installation"
"""The log of what concerns all workspaces. No workspace can be called so."""
FIELDS = ("at", "action", "subject", "by", "key", "person", "details")
"""The fields of an entry, in this order."""

Action = Literal[
    "key-made",
    "key-revoked",
    "workspace-changed",
    "domain-changed",
    "link-offered",
    "offer-withdrawn",
    "offer-declined",
    "link-sent",
    "link-received",
    "link-adopted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was done to ``subject``: a key's id, a link's address, a workspace or a domain. ``at`` is aware, in UTC."""

    at: datetime
    action: Action
    subject: str
    who: Who
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the entry as readers of the log see it."""
        values = (
            times.to_text(self.at),
            self.action,
            self.subject,
            self.who.name,
            self.who.key_id,
            self.who.person,
            dict(self.details),
        )
        return dict(zip(FIELDS, values, strict=True))
