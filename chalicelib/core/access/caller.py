"""Who calls the API, and what they may do."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from chalicelib.core import key
from chalicelib.core.link import Link
from chalicelib.errors import KeyMissing, ScopeMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: with a key, with the key to one link, or with none."""

    principal: str
    """What is counted and remembered of them goes by this; an address only as a hash."""
    name: str
    """What the history of a link shows."""
    owner: str | None = None
    scopes: tuple[str, ...] = ()
    manage_digest: str | None = None

    @property
    def is_anonymous(self) -> bool:
        """Tell whether they brought no key at all."""
        return not self.scopes and self.manage_digest is None

    @property
    def is_admin(self) -> bool:
        """Tell whether every link is theirs to manage."""
        return "admin" in self.scopes

    def require(self, scope: str) -> None:
        """Let pass who has ``scope``.

        Raises:
            KeyMissing: they have no key.
            ScopeMissing: their key does not allow it.
        """
        if not self.scopes:
            raise KeyMissing
        if scope not in self.scopes and not self.is_admin:
            raise ScopeMissing(scope)

    def require_for_a_link(self, scope: str) -> None:
        """Let pass who has ``scope``, or the key to some link: which one is asked when the link is there."""
        if self.manage_digest is None:
            self.require(scope)

    def manages(self, link: Link) -> bool:
        """Tell whether ``link`` is theirs: by its owner, by its own key, or because all of them are."""
        if self.manage_digest is not None:
            return link.manage_digest is not None and hmac.compare_digest(link.manage_digest, self.manage_digest)
        return self.is_admin or (self.owner is not None and link.owner == self.owner)


def with_key(found: key.Key) -> Caller:
    """Return who calls with a key that is good."""
    return Caller(principal=f"key#{found.id}", name=found.name, owner=found.owner, scopes=found.scopes)


def with_manage_key(text: str) -> Caller:
    """Return who calls with the key to one link."""
    digest = key.digest_of(text)
    return Caller(principal=f"link#{digest[:32]}", name="manageKey", manage_digest=digest)
