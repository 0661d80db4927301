"""The caller of the API, and what it may do."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.core.access import api_key
from chalicelib.core.access.roles import INSTALLATION
from chalicelib.core.links.link import Link
from chalicelib.errors import KeyMissing, ScopeMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who does something, as histories and logs show it."""

    name: str
    """The name of the key; ``manageKey`` or ``anonymous``; the command of an operator."""
    key_id: str | None = None
    person: str | None = None
    """For whom the key is, if it is a personal one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of a request: with an API key, with the key to one link, or without a key.

    Its workspace, its scopes and who it is are all that any call may depend on. They are put together here alone.
    """

    principal: str
    """Identifies the caller in rate counters and Idempotency-Keys; an IP address only as a hash."""
    who: Who
    workspace: str | None = None
    """The workspace it acts for, which links call their owner; None without an API key."""
    scopes: tuple[str, ...] = ()
    manage_digest: str | None = None
    count_refusal: Callable[[], object] | None = field(default=None, repr=False, compare=False)
    """Called when the key to a link matches no link: anyone can make one up, so failures are counted."""

    @property
    def is_anonymous(self) -> bool:
        """Tell whether the request has no key at all."""
        return not self.scopes and self.manage_digest is None

    @property
    def is_admin(self) -> bool:
        """Tell whether the caller is an administrator of the installation, who may manage every link."""
        return INSTALLATION in self.scopes

    def require(self, scope: str | None, *, or_manage_key: bool = False) -> None:
        """Check that the caller has ``scope``, None: any; or, with ``or_manage_key``, the key to a single link.

        Whether that key belongs to the link is checked when the link is read.

        Raises:
            KeyMissing: there is no key.
            ScopeMissing: the key lacks the scope.
        """
        if or_manage_key and self.manage_digest is not None:
            return
        if not self.scopes:
            raise KeyMissing
        if scope is not None and not self.may(scope):
            raise ScopeMissing(scope)

    def may(self, scope: str) -> bool:
        """Tell whether the key has ``scope``; administrators have all scopes."""
        return scope in self.scopes or self.is_admin

    def manages(self, link: Link) -> bool:
        """Tell whether the caller may manage ``link``: as its owner, with its manage key, or as an administrator."""
        if self.manage_digest is not None:
            return link.manage_digest is not None and hmac.compare_digest(link.manage_digest, self.manage_digest)
        return self.is_admin or (self.workspace is not None and link.owner == self.workspace)

    def require_workspace(self, workspace: str) -> None:
        """Check that the caller acts for ``workspace``: administrators of the installation act for all.

        Raises:
            KeyMissing, ScopeMissing
        """
        if workspace != self.workspace:
            self.require(INSTALLATION)


def with_key(found: api_key.Key) -> Caller:
    """Return the caller with a valid API key."""
    who = Who(name=found.name, key_id=found.id, person=found.person)
    return Caller(principal=f"key#{found.id}", who=who, workspace=found.owner, scopes=found.scopes)


def without_key() -> Caller:
    """Return the caller without any key."""
    return Caller(principal="", who=Who(name="anonymous"))


def with_manage_key(text: str) -> Caller:
    """Return the caller with the key to one link."""
    digest = api_key.digest_of(text)
    return Caller(principal=f"link#{digest[:32]}", who=Who(name="manageKey"), manage_digest=digest)


def operator(command: str) -> Caller:
    """Return the caller of a command such as ``make revoke``: who may write to the tables may do everything."""
    return Caller(principal=f"operator#{command}", who=Who(name=command), scopes=(INSTALLATION,))
