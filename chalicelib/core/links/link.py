"""A link: its options, its state, and whether it is open to visitors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import domains, times
from chalicelib.core.domains import Domains
from chalicelib.core.links import codes
from chalicelib.core.links.options import LinkOptions
from chalicelib.errors import LinkBlocked, LinkExpired, LinkNotYet, LinkOff, LinkUsedUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(LinkOptions):
    """A short link: its options and its state. All times are aware, in UTC, to the millisecond.

    Only ``id`` and ``url`` are always set: tables older than this service have nothing else.
    """

    id: str
    """The address it was born at: its code, or ``//space/code`` (``domains``)."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    visits_spent: int = 0
    """How many of ``max_visits`` are used, counted by a conditional update of the table."""
    password_digest: str | None = None
    guessed_at: datetime | None = None
    """When the limit of wrong passwords was last exceeded."""
    blocked: str | None = None
    """Why an administrator or the list of blocked hosts has blocked it; shown to visitors."""
    blocked_host: str | None = None
    """The host on that list because of which it is blocked."""
    owner: str | None = None
    """The owner. None: it was created without a key, or by an older service."""
    moved_at: datetime | None = None
    """When it last changed its owner; None: it never did."""
    created_by: str | None = None
    """The name of the key that created it."""
    manage_digest: str | None = None
    """The digest of its manage key, if it was created without an API key."""
    imported_visits: int = 0
    """The visits in the service it was imported from, which were not counted here."""
    version: int = 0
    """Counts the changes; 0 in tables that are older than this service."""
    slots: int = 0
    """Over how many keys the rows of its clicks are spread; 0, or 1: it is not hot."""

    def check_open(self, now: datetime) -> None:
        """Check that the link is open to visitors at ``now`` (aware).

        Raises:
            LinkBlocked: it is blocked.
            LinkOff: it is switched off.
            LinkNotYet: ``now`` is before ``starts_at``.
            LinkExpired: ``now`` is at or past ``expires_at``.
            LinkUsedUp: it has reached ``max_visits``.
        """
        if self.blocked is not None:
            raise LinkBlocked(self.blocked)
        if not self.enabled:
            raise LinkOff(self.code)
        if self.starts_at is not None and now < self.starts_at:
            raise LinkNotYet(self.starts_at, now)
        if self.expires_at is not None and now >= self.expires_at:
            raise LinkExpired(self.code)
        if self.max_visits is not None and self.visits_spent >= self.max_visits:
            raise LinkUsedUp(self.code)

    @property
    def code(self) -> str:
        """Return its code."""
        return domains.code_of(self.id)

    @property
    def space(self) -> str:
        """Return the space that its code is in; empty: the default one."""
        return domains.space_of(self.id)

    @property
    def is_cacheable(self) -> bool:
        """Tell whether containers may cache it: not if it has a maximum of visits or a password."""
        return self.max_visits is None and self.password_digest is None

    def seconds_left(self, now: datetime) -> float | None:
        """Return the seconds until it expires, or None if it never does."""
        return None if self.expires_at is None else (self.expires_at - now).total_seconds()

    @property
    def etag(self) -> str:
        """Return the entity tag of its current version, in quotes."""
        in_space = f".{self.space}" if self.space else ""
        return f'"{self.code}.{self.version}{in_space}"'

    def short_url(self, known: Domains) -> str:
        """Return the short URL, under the domain of its space."""
        return f"{known.of(self.id).url}/{self.code}"

    def as_json(self, known: Domains, visits: Mapping[str, int]) -> dict[str, Any]:
        """Return the link as clients see it, with ``visits`` by kind."""
        return {
            "code": self.code,
            "domain": known.of(self.id).host,
            "shortUrl": self.short_url(known),
            **self.editable_fields(),
            "createdAt": times.to_text_or_none(self.created_at),
            "updatedAt": times.to_text_or_none(self.updated_at),
            "unguessable": self.unguessable,
            "owner": self.owner,
            "visitsLeft": None if self.max_visits is None else max(0, self.max_visits - self.visits_spent),
            "blocked": self.blocked,
            "guessedAt": times.to_text_or_none(self.guessed_at),
            "qr": self._qr_url(known),
            "importedVisits": self.imported_visits,
            "visits": {**visits},
        }

    def _qr_url(self, known: Domains) -> str:
        # Below a reserved segment nothing is a link's; the API draws those as well, and those of other domains: pages
        # show no pictures from there.
        if self.space:
            return f"{known.default.url}/v1/links/{self.code}/qr?domain={known.of(self.id).host}"
        return f"{known.default.url}{'/v1/links' if codes.is_reserved(self.code) else ''}/{self.code}/qr"

    def creation_entry(self) -> dict[str, Any]:
        """Return the first entry of its history: its creation."""
        return {"at": times.to_text_or_none(self.created_at), "by": self.created_by, "action": "created", "changes": {}}

    def editable_fields(self) -> dict[str, Any]:
        """Return the fields that clients can change, as they see them."""
        from chalicelib.core.links import option_table  # imports the parsers of requests, which a redirect never needs

        options = {option.name: option.as_json(self) for option in option_table.CHANGEABLE}
        return options | {"protected": self.password_digest is not None}
