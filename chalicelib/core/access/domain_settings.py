"""What a domain's space is set to: which workspaces may use it, where it sends requests that match no link.

All hosts of a space have the same settings. What a redirect needs before its one read is in ``domains``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import times

ALL = "*"
"""Stands for every workspace."""
ASSETLINKS, APPLE = "assetlinks", "appleAppSiteAssociation"
"""The files for apps, by their fields. Each is an item of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSettings:
    """The settings of a space. Without a record, nobody but the installation's administrators may make links there."""

    space: str
    workspaces: tuple[str, ...] = ()
    """Which may make links there; ``*``: all. Everybody may in the default space, whatever it says."""
    bare_url: str | None = None
    """Where the address without a code leads."""
    unknown_url: str | None = None
    """Where codes that no link has lead."""
    ended_url: str | None = None
    """Where links lead that have expired, are used up or off, and have no ``fallbackUrl``."""
    robots: str | None = None
    """robots.txt. None: it allows everything."""
    updated_at: datetime | None = None
    version: int = 0

    def may_be_used_by(self, workspace: str | None) -> bool:
        """Tell whether ``workspace`` may make links there; those without one only in the default space."""
        if not self.space:
            return True
        return workspace is not None and not {workspace, ALL}.isdisjoint(self.workspaces)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as administrators see them, without the files for apps."""
        return {
            "workspaces": [ALL] if not self.space else list(self.workspaces),
            "bareUrl": self.bare_url,
            "unknownUrl": self.unknown_url,
            "endedUrl": self.ended_url,
            "robots": self.robots,
            "updatedAt": times.to_text_or_none(self.updated_at),
        }
