"""A wish for a link, read from JSON once; afterwards its types can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import password
from chalicelib.core.conflicts import conflicts_in
from chalicelib.core.fields import MAX_NOTE, MAX_TITLE, MAX_VISITS, Fields, names_of
from chalicelib.core.link import Link, targets_in
from chalicelib.core.rules import Rule
from chalicelib.core.target_url import TargetPolicy
from chalicelib.errors import FieldError, LinkInvalid

NAMES = names_of(
    (
        *("url", "alias", "title", "note", "tags", "expiresAt", "expiresIn"),
        *("permanent", "unguessable", "findExisting", "enabled", "externalId", "startsAt", "maxVisits", "confirm"),
        *("password", "rules", "forwardQuery", "forwardPath", "fallbackUrl"),
    )
)
"""Every name that a field of a new link may have, and the field that it means."""


_NO_EXTERNAL_ID = FieldError("externalId", "key-needed", "An externalId needs a key: it is an owner's name for a link.")
_NOT_PERMANENT = FieldError(
    "permanent", "key-needed", "Without a key a redirect is not permanent: browsers would keep it."
)


@dataclass(frozen=True, slots=True)
class MadeBy:
    """Who makes a link: its owner, the name its history shows, and the digest of a key to it for who has no other."""

    owner: str | None
    name: str
    manage_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """What somebody asks for. Times are aware, in UTC; None means that the field was not given."""

    url: str
    alias: str | None = None
    title: str | None = None
    note: str | None = None
    tags: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    permanent: bool = False
    unguessable: bool = False
    find_existing: bool = False
    enabled: bool = True
    external_id: str | None = None
    starts_at: datetime | None = None
    max_visits: int | None = None
    confirm: bool = False
    password: str | None = field(default=None, repr=False)
    rules: tuple[Rule, ...] = ()
    forward_query: bool = False
    forward_path: bool = False
    fallback_url: str | None = None
    good_until: datetime | None = None
    """No end was asked for, and there must be one: a link that is there already will do if it lasts until then."""

    @classmethod
    def from_json(
        cls, body: dict[str, Any], policy: TargetPolicy, now: datetime, rules: AnonymousRules | None = None
    ) -> NewLink:
        """Read a request body; ``rules`` are those for who has no key.

        Raises:
            LinkInvalid: with every field that is wrong, not just the first.
        """
        fields = Fields(body, NAMES)
        wanted = cls(
            url=fields.url(policy),
            alias=fields.alias(),
            title=fields.text("title", MAX_TITLE),
            note=fields.text("note", MAX_NOTE),
            tags=fields.tags(),
            expires_at=fields.expiry(now),
            permanent=fields.flag("permanent"),
            unguessable=fields.flag("unguessable"),
            find_existing=fields.flag("findExisting"),
            enabled=fields.flag("enabled", default=True),
            external_id=fields.external_id(),
            starts_at=fields.moment("startsAt"),
            max_visits=fields.number("maxVisits", MAX_VISITS),
            confirm=fields.flag("confirm"),
            password=fields.password(),
            rules=fields.rules(policy),
            forward_query=fields.flag("forwardQuery"),
            forward_path=fields.flag("forwardPath"),
            fallback_url=fields.target("fallbackUrl", policy),
        )
        if wanted.alias and wanted.unguessable:
            fields.refuse("unguessable", "conflict", "An alias is never unguessable: give either alias or unguessable.")
        if rules is not None:
            wanted = rules.applied_to(wanted, fields, now)
        fields.errors += conflicts_in(wanted, is_protected=wanted.password is not None)
        if fields.errors:
            raise LinkInvalid(fields.errors)
        return wanted

    @property
    def targets(self) -> dict[str, str]:
        """Return every URL it may lead to, by the field that says so."""
        return targets_in(self.url, self.rules, self.fallback_url)

    def named(self, code: str, now: datetime, made_by: MadeBy) -> Link:
        """Return the link this becomes under ``code``."""
        return Link(
            code=code,
            url=self.url,
            created_at=now,
            updated_at=now,
            expires_at=self.expires_at,
            permanent=self.permanent,
            unguessable=self.unguessable,
            title=self.title,
            note=self.note,
            tags=self.tags or (),
            enabled=self.enabled,
            external_id=self.external_id,
            starts_at=self.starts_at,
            max_visits=self.max_visits,
            confirm=self.confirm,
            password_digest=None if self.password is None else password.digest_of(self.password),
            rules=self.rules,
            forward_query=self.forward_query,
            forward_path=self.forward_path,
            fallback_url=self.fallback_url,
            owner=made_by.owner,
            created_by=made_by.name,
            manage_digest=made_by.manage_digest,
            version=1,
        )

    def is_met_by(self, link: Link, owner: str | None, now: datetime) -> bool:
        """Tell whether ``link`` is as good as a new one of ``owner``: it does the same, and says what this wish says.

        What a link does must be equal, given or not: nobody who asked for a lasting link wants one that ends tomorrow.
        What describes it (title, note, tags) must be equal only where it was given; but for links of nobody's: what
        one stranger noted is not for the next.
        """
        same_deed = link.owner == owner and deed_of(link) == deed_of(self)
        nobody_is_kept_out = self.password is None and link.password_digest is None and link.blocked is None
        same_end = link.expires_at == self.expires_at or (
            self.good_until is not None and link.expires_at is not None and link.expires_at >= self.good_until
        )
        pairs = (
            (self.title, link.title),
            (self.note, link.note),
            (None if self.tags is None else sorted(self.tags), sorted(link.tags)),
            (self.external_id, link.external_id),
        )
        described = all(wish == there or (wish is None and (owner is not None or not there)) for wish, there in pairs)
        expired = link.expires_at is not None and now >= link.expires_at
        guessable_enough = link.unguessable or not self.unguessable
        untouched = link.max_visits is None or link.visits_spent == 0
        return (
            same_deed
            and nobody_is_kept_out
            and same_end
            and described
            and guessable_enough
            and untouched
            and not expired
            and self.alias in {None, link.code}
        )


def deed_of(wanted: NewLink | Link) -> tuple[Any, ...]:
    """Return what a link does, without its end and its password."""
    return (
        *(wanted.url, wanted.permanent, wanted.enabled, wanted.starts_at, wanted.max_visits, wanted.confirm),
        *(wanted.rules, wanted.forward_query, wanted.forward_path, wanted.fallback_url),
    )


def wish_of(wanted: NewLink, owner: str | None) -> tuple[Any, ...]:
    """Return what is the same in all wishes of ``owner`` that one link would meet."""
    tags = None if wanted.tags is None else sorted(wanted.tags)
    described = (wanted.expires_at, wanted.unguessable, wanted.title, wanted.note, tags, wanted.external_id)
    return (owner, *deed_of(wanted), *described)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymousRules:
    """What keeps a public instance from being abused: links of who has no key end, and can be found and stopped."""

    shortest_alias: int = 1
    longest_life: timedelta | None = None
    """None: a link may last, and may be permanent."""

    def applied_to(self, wanted: NewLink, fields: Fields, now: datetime) -> NewLink:
        """Return ``wanted`` with an end; what is against the rules is noted in ``fields``."""
        if wanted.alias is not None and len(wanted.alias) < self.shortest_alias:
            message = f"Without a key an alias has {self.shortest_alias} characters at least."
            fields.refuse("alias", "too-short", message)
        if wanted.external_id is not None:
            fields.errors.append(_NO_EXTERNAL_ID)
        if self.longest_life is None:
            return wanted
        last = now + self.longest_life
        if wanted.permanent:
            fields.errors.append(_NOT_PERMANENT)
        if wanted.expires_at is not None and wanted.expires_at > last:
            fields.errors.append(self._too_late("expiresIn" if fields.has("expiresIn") else "expiresAt"))
        if wanted.expires_at is not None:
            return wanted
        return replace(wanted, expires_at=last.replace(microsecond=0), good_until=now + self.longest_life / 2)

    def refuse_in(self, changed: Mapping[str, Any], made_at: datetime) -> None:
        """Let a change pass, by attributes of a link made at ``made_at``, if it could have been made like that then.

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
