"""A link: what it is made of, and where it sends a visitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import target_url, times
from chalicelib.errors import LinkExpired, LinkOff, LinkUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A short link. All times are aware, in UTC, to the millisecond.

    Only ``code`` and ``url`` are certain: tables older than this service hold nothing else.
    """

    code: str
    url: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    permanent: bool = False
    unguessable: bool = False
    title: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    enabled: bool = True
    owner: str | None = None
    """Whose it is. None: it was made without a key, or by an older service."""
    created_by: str | None = None
    """The name of the key it was made with."""
    external_id: str | None = None
    """What its owner calls it elsewhere; no two links of an owner have the same."""
    manage_digest: str | None = None
    """Of the key to this one link, where it was made without another."""
    version: int = 0
    """Counts the changes; 0 in tables that are older than this service."""

    def target_at(self, now: datetime) -> str:
        """Return where to send a visitor who arrives at ``now`` (aware), as pure ASCII.

        Raises:
            LinkOff: it is switched off.
            LinkExpired: ``now`` is at or past ``expires_at``.
            LinkUnknown: an older table holds something here that no browser could open.
        """
        if not self.enabled:
            raise LinkOff(self.code)
        if self.expires_at is not None and now >= self.expires_at:
            raise LinkExpired(self.code)
        target = target_url.servable(self.url)
        if target is None:
            raise LinkUnknown(self.code)
        return target

    def seconds_left(self, now: datetime) -> float | None:
        """Return the seconds until it expires, or None if it never does."""
        return None if self.expires_at is None else (self.expires_at - now).total_seconds()

    @property
    def etag(self) -> str:
        """Return the entity tag of its present version, in quotes."""
        return f'"{self.code}.{self.version}"'

    def short_url(self, base_url: str) -> str:
        """Return the address people share."""
        return f"{base_url}/{self.code}"

    def as_json(self, base_url: str, visits: Mapping[str, int]) -> dict[str, Any]:
        """Return the link as clients see it, and how often it was visited."""
        return {
            "code": self.code,
            "shortUrl": self.short_url(base_url),
            **self.described(),
            "createdAt": times.text_of(self.created_at),
            "updatedAt": times.text_of(self.updated_at),
            "unguessable": self.unguessable,
            "owner": self.owner,
            "visits": {**visits},
        }

    def beginning(self) -> dict[str, Any]:
        """Return the first entry of its history."""
        return {"at": times.text_of(self.created_at), "by": self.created_by, "action": "created", "changes": {}}

    def described(self) -> dict[str, Any]:
        """Return what clients can change of it."""
        return {
            "url": self.url,
            "title": self.title,
            "note": self.note,
            "tags": list(self.tags),
            "expiresAt": times.text_of(self.expires_at),
            "enabled": self.enabled,
            "permanent": self.permanent,
            "externalId": self.external_id,
        }
