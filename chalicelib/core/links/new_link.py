"""Requests to create a link, validated once, so that all other code can rely on their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.domains import ONLY_DEFAULT, Domain, Domains
from chalicelib.core.links import option_table, password
from chalicelib.core.links.conflicts import conflicts_in
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_fields import LinkFields, names_in
from chalicelib.core.links.option_table import Context
from chalicelib.core.links.options import LinkOptions
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.errors import FieldError, LinkInvalid

NAMES = names_in((*option_table.field_names(option_table.OPTIONS), "alias", "domain", "findExisting", "password"))
"""Every accepted name of a field of a new link, and its field."""


_NO_EXTERNAL_ID = FieldError("externalId", "key-needed", "An externalId needs a key: it is an owner's name for a link.")
_NOT_PERMANENT = FieldError(
    "permanent", "key-needed", "Without a key, a redirect cannot be permanent: browsers would cache it."
)


@dataclass(frozen=True, slots=True)
class MadeBy:
    """The creator of a link: owner, name in the history, and the digest of a manage key if there is no owner."""

    owner: str | None
    name: str
    manage_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink(LinkOptions):
    """A validated request to create a link. None means that the field was not given."""

    alias: str | None = None
    domain: Domain | None = None
    """Where it is to be. None: the default domain."""
    find_existing: bool = False
    password: str | None = field(default=None, repr=False)
    says_tags: bool = False
    """Whether tags were given, even an empty list."""
    good_until: datetime | None = None
    """Set if the link must expire and no expiry was requested: an existing link that lasts until then will do."""

    @classmethod
    def from_json(
        cls,
        body: dict[str, Any],
        policy: TargetPolicy,
        now: datetime,
        rules: AnonymousRules | None = None,
        known: Domains = ONLY_DEFAULT,
    ) -> NewLink:
        """Read a request body; ``rules`` apply to callers without a key. ``known`` are the domains of this service.

        Raises:
            LinkInvalid: with every invalid field, not just the first.
        """
        fields = LinkFields(body, NAMES)
        new_link = cls(
            **option_table.read_all(fields, Context(policy, now)),
            alias=fields.alias(),
            domain=fields.domain(known),
            find_existing=fields.flag("findExisting"),
            password=fields.password(),
            says_tags=fields.is_given("tags"),
        )
        if new_link.alias and new_link.unguessable:
            fields.refuse("unguessable", "conflict", "An alias is never unguessable: give either alias or unguessable.")
        if rules is not None:
            new_link = rules.applied_to(new_link, fields, now)
        fields.errors += conflicts_in(new_link, is_protected=new_link.password is not None)
        if fields.errors:
            raise LinkInvalid(fields.errors)
        return new_link

    @property
    def space(self) -> str:
        """Return the space that its code will be in; empty: the default one."""
        return "" if self.domain is None else self.domain.space

    @property
    def any_case(self) -> bool:
        """Tell whether its code ignores case."""
        return self.domain is not None and self.domain.any_case

    def spelled(self, code: str) -> str:
        """Return ``code`` as it is stored in its domain."""
        return code if self.domain is None else self.domain.spelled(code)

    def id_of(self, code: str) -> str:
        """Return the id of the link with ``code`` in its domain."""
        return code if self.domain is None else self.domain.id_of(code)

    def to_link(self, code: str, now: datetime, made_by: MadeBy) -> Link:
        """Return the link under ``code``, in its domain."""
        return Link(
            **self.as_arguments(),
            id=self.id_of(code),
            created_at=now,
            updated_at=now,
            password_digest=None if self.password is None else password.digest_of(self.password),
            owner=made_by.owner,
            created_by=made_by.name,
            manage_digest=made_by.manage_digest,
            version=1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymousRules:
    """Rules for links created without a key, against abuse of public instances: such links expire."""

    shortest_alias: int = 1
    longest_life: timedelta | None = None
    """None: links may last for ever, and may be permanent."""

    def applied_to(self, new_link: NewLink, fields: LinkFields, now: datetime) -> NewLink:
        """Return ``new_link`` with an expiry; violations of the rules are added to the errors of ``fields``."""
        if new_link.alias is not None and len(new_link.alias) < self.shortest_alias:
            message = f"Without a key an alias has {self.shortest_alias} characters at least."
            fields.refuse("alias", "too-short", message)
        if new_link.external_id is not None:
            fields.errors.append(_NO_EXTERNAL_ID)
        if self.longest_life is None:
            return new_link
        last = now + self.longest_life
        if new_link.permanent:
            fields.errors.append(_NOT_PERMANENT)
        if new_link.expires_at is not None and new_link.expires_at > last:
            fields.errors.append(self._too_late("expiresIn" if fields.has("expiresIn") else "expiresAt"))
        if new_link.expires_at is not None:
            return new_link
        return replace(new_link, expires_at=last.replace(microsecond=0), good_until=now + self.longest_life / 2)

    def refuse_in(self, changed: Mapping[str, Any], made_at: datetime) -> None:
        """Refuse a change, by attribute, if the link created at ``made_at`` could not have been created with it.

        Raises:
            LinkInvalid
        """
        wrong = [_NO_EXTERNAL_ID] if changed.get("external_id") is not None else []
        if self.longest_life is not None:
            if changed.get("permanent"):
                wrong.append(_NOT_PERMANENT)
            if "expires_at" in changed and not self._ends_in_time(changed["expires_at"], made_at + self.longest_life):
                wrong.append(self._too_late("expiresAt"))
        if wrong:
            raise LinkInvalid(wrong)

    def _ends_in_time(self, end: datetime | None, last: datetime) -> bool:
        return end is not None and end <= last

    def _too_late(self, field: str) -> FieldError:
        days = self.longest_life.days if self.longest_life else 0
        return FieldError(field, "too-late", f"Without a key a link lasts {days} days at the most.")
