"""How a link changes its workspace: it is offered and accepted, or adopted by the key to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import times
from chalicelib.core.access.api_key import OWNER, is_manage_key
from chalicelib.core.domains import Domain, Domains, code_of
from chalicelib.core.links.link_fields import LinkFields
from chalicelib.core.validation import Fields, names_of
from chalicelib.errors import OfferInvalid

LASTS = timedelta(days=14)
NAMES = names_of(("code", "domain", "to"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An offer of a link. Times are aware, in UTC."""

    id: str
    """Tells it from a later offer of the same link."""
    link_id: str
    of: str | None
    """The workspace that the link is in; None: it has no owner, and the installation offers it."""
    to: str
    created_at: datetime

    @property
    def expires_at(self) -> datetime:
        """Return when it can no longer be accepted."""
        return self.created_at + LASTS

    def as_json(self, known: Domains) -> dict[str, Any]:
        """Return the offer as both sides see it."""
        code, domain = code_of(self.link_id), known.of(self.link_id)
        return {
            "code": code,
            "domain": domain.host,
            "shortUrl": f"{domain.url}/{code}",
            "from": self.of,
            "to": self.to,
            "createdAt": times.to_text(self.created_at),
            "expiresAt": times.to_text(self.expires_at),
        }


@dataclass(frozen=True, slots=True)
class NewOffer:
    """A validated request to offer a link, by its code or ``ext:`` and its externalId, to a workspace."""

    link: str
    to: str
    domain: Domain

    @classmethod
    def from_json(cls, body: dict[str, Any], known: Domains) -> NewOffer:
        """Read a request body. ``known`` are the domains of this service.

        Raises:
            OfferInvalid: with every invalid field.
        """
        fields = LinkFields(body, NAMES)
        domain = fields.domain(known) or known.default
        link, to = fields.string("code") or "", fields.string("to") or ""
        if not link:
            fields.refuse("code", "missing", "Please give the code of the link to offer.")
        if not OWNER.fullmatch(to):
            fields.refuse("to", "invalid", "to is the id of a workspace: 1 to 64 letters, digits and . _ @ -.")
        if fields.errors:
            raise OfferInvalid(fields.errors)
        return cls(link, to, domain)


@dataclass(frozen=True, slots=True)
class Adoption:
    """A validated request to take over a link that was made without a key, by the key to it."""

    manage_key: str

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Adoption:
        """Read a request body.

        Raises:
            OfferInvalid
        """
        fields = Fields(body, names_of(("manageKey",)))
        text = fields.string("manageKey") or ""
        if not is_manage_key(text):
            fields.refuse("manageKey", "invalid", "manageKey is the key that was shown when the link was made: mk_....")
        if fields.errors:
            raise OfferInvalid(fields.errors)
        return cls(text)
