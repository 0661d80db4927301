"""A link: what it is made of, and where it sends a visitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.core import times
from chalicelib.errors import LinkBlocked, LinkExpired, LinkNotYet, LinkOff, LinkUsedUp

if TYPE_CHECKING:  # few links have rules, and a redirect starts sooner without them
    from chalicelib.core.rules import Rule


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
    starts_at: datetime | None = None
    max_visits: int | None = None
    """How many visitors it leads on; the rest find it used up."""
    visits_spent: int = 0
    """How many of them it has led on, counted by the table itself."""
    confirm: bool = False
    """Whether a visitor is asked to press a button first, which scanners of mail do not."""
    password_digest: str | None = None
    rules: tuple[Rule, ...] = ()
    forward_query: bool = False
    forward_path: bool = False
    fallback_url: str | None = None
    """Where visitors go once it is expired, used up or switched off."""
    blocked: str | None = None
    """Why an administrator, or the list of blocked hosts, stopped it; visitors are told."""
    blocked_host: str | None = None
    """The host on that list because of which it is blocked."""
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
    imported_visits: int = 0
    """How often it was visited where it was imported from; none of them was counted here."""
    version: int = 0
    """Counts the changes; 0 in tables that are older than this service."""

    def check_open(self, now: datetime) -> None:
        """Let pass who arrives at ``now`` (aware).

        Raises:
            LinkBlocked: an administrator stopped it.
            LinkOff: it is switched off.
            LinkNotYet: ``now`` is before ``starts_at``.
            LinkExpired: ``now`` is at or past ``expires_at``.
            LinkUsedUp: it has led on as many as it was to.
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
    def is_remembered(self) -> bool:
        """Tell whether a container may remember it for a while: not if it is limited, or protected."""
        return self.max_visits is None and self.password_digest is None

    @property
    def targets(self) -> dict[str, str]:
        """Return every URL it may lead to, by the field that says so."""
        return targets_in(self.url, self.rules, self.fallback_url)

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
            "visitsLeft": None if self.max_visits is None else max(0, self.max_visits - self.visits_spent),
            "blocked": self.blocked,
            "qr": f"{self.short_url(base_url)}/qr",
            "importedVisits": self.imported_visits,
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
            "startsAt": times.text_of(self.starts_at),
            "maxVisits": self.max_visits,
            "confirm": self.confirm,
            "protected": self.password_digest is not None,
            "rules": [rule.as_json() for rule in self.rules],
            "forwardQuery": self.forward_query,
            "forwardPath": self.forward_path,
            "fallbackUrl": self.fallback_url,
            "externalId": self.external_id,
        }


def targets_in(url: str, rules: Sequence[Rule], fallback_url: str | None) -> dict[str, str]:
    """Return every URL of a link, by the field that has it: ``url``, ``rules[0].url``, ``fallbackUrl``."""
    of_rules = {f"rules[{place}].url": rule.url for place, rule in enumerate(rules)}
    return {"url": url, **of_rules, **({} if fallback_url is None else {"fallbackUrl": fallback_url})}
