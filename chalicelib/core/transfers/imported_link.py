"""A link in an uploaded file: the fields of any new link, and those that only an existing link has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.domains import ONLY_DEFAULT, Domain, Domains
from chalicelib.core.links import find_existing, password
from chalicelib.core.links.conflicts import conflicts_in
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_fields import MAX_REASON, MAX_VISITS, LinkFields, names_in
from chalicelib.core.links.new_link import NAMES, MadeBy, NewLink
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.transfers.file_formats import (
    NOT_PORTABLE,
    PAST,
    LeftOut,
    code_from_short_url,
    host_in,
    host_of_short_url,
    is_foreign_digest,
    is_url,
)
from chalicelib.core.validation import Fields
from chalicelib.errors import FieldError, LinkInvalid

_PAST = names_in(("createdAt", "updatedAt", "visits", "visitsSpent", "passwordDigest", "blocked", "blockedHost"))
_CODE = names_in(("alias",)) | {"code": "alias"}
# In exports, derived from the other fields. The owner is that of the import; the one in the file is ignored.
_IGNORED = {"shortUrl", "owner", "days", "findExisting"}
_ANY_TIME = datetime.min.replace(tzinfo=UTC)  # to check the end of a link against: expired links are imported too
MEMBERS = frozenset({*NAMES, *_PAST, *_CODE, *_IGNORED})
"""Every field name of a link that this service itself writes or accepts in a line of a file."""
MAX_FIELDS = 100
_PLACEHOLDER_DIGEST = "a digest that was not made"
_FAST_CLOCK = timedelta(days=1)  # also the largest error of a time without its zone


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLink:
    """A validated row of a file, with the code of the link if it had one."""

    new_link: NewLink
    alias: str | None
    unusable: str | None
    """Why ``alias`` is not a valid code here; None: it is."""
    past: Mapping[str, Any]
    """Attributes of a link that no request can set."""
    left_out: tuple[LeftOut, ...] = ()
    """Fields of its past that could not be read, and a domain that is none of this service."""
    given: frozenset[str] = frozenset()
    """The fields that the file sets."""

    @classmethod
    def from_body(
        cls, body: Mapping[str, Any], policy: TargetPolicy, now: datetime, known: Domains = ONLY_DEFAULT
    ) -> ImportedLink:
        """Read a row. ``known`` are the domains of this service.

        Raises:
            LinkInvalid: with every invalid field.
        """
        if len(body) > MAX_FIELDS:
            message = f"It has {len(body):,} fields; a link has a few."
            raise LinkInvalid([FieldError("url", "too-many", message)])
        fields = {name: value for name, value in body.items() if name not in _PAST.keys() | _CODE.keys() | _IGNORED}
        if isinstance(given_password := fields.get("password"), str) and password.is_digest(given_password):
            del fields["password"]  # not a typed password: a stored digest, from an export
            body = {**body, "passwordDigest": given_password}
        body, named = _without_own_url(body, known)
        domain, foreign = _parse_domain(fields, named or _short_host(body), known)
        alias, unusable = _parse_alias(body)
        is_unguessable = alias is not None and fields.pop("unguessable", False) is True  # it keeps its code
        past, errors = _parse_past(body)
        metadata, left_out = _parse_metadata(body, now)
        past |= metadata
        if isinstance(given_password, str) and is_foreign_digest(given_password):
            errors.append(FieldError("password", "invalid", NOT_PORTABLE))
            del fields["password"]
        if "expiresIn" in fields:
            errors.append(FieldError("expiresIn", "unknown-field", "A file says when a link ends: expiresAt."))
            del fields["expiresIn"]
        try:
            new_link = replace(NewLink.from_json(fields, policy, _ANY_TIME), domain=domain)
        except LinkInvalid as invalid:
            raise LinkInvalid([*invalid.errors, *errors]) from None
        if new_link.confirm == (new_link.max_visits == 1):  # exports write the default explicitly
            new_link = replace(new_link, confirm=None)
        errors += conflicts_in(new_link, is_protected="password_digest" in past or new_link.password is not None)
        if errors:
            raise LinkInvalid(errors)
        return cls(
            new_link=new_link,
            alias=alias,
            unusable=unusable,
            past=past | ({"unguessable": True} if is_unguessable else {}),
            left_out=(*left_out, *foreign),
            given=frozenset(NAMES.get(name, name) for name, value in fields.items() if value not in (None, "", [])),
        )

    def to_link(self, code: str, now: datetime, made_by: MadeBy) -> Link:
        """Return the link of this row under ``code``."""
        return replace(self.new_link.to_link(code, now, made_by), **self.past)

    def at(self, target: Domain) -> ImportedLink:
        """Return the same at ``target``, unless the file names a domain of this service."""
        if self.new_link.domain is not None:
            return self
        return replace(self, new_link=replace(self.new_link, domain=target))

    def untrusted(self) -> ImportedLink:
        """Return the same without its own text for visitors, which only administrators may set."""
        if "blocked" not in self.past:
            return self
        return replace(self, past={**self.past, "blocked": "It was stopped where it comes from."})

    @property
    def is_unguessable(self) -> bool:
        """Tell whether its code must be hard to guess."""
        return self.new_link.unguessable or self.past.get("unguessable") is True

    @property
    def asks_password(self) -> bool:
        """Tell whether visitors need a password."""
        return self.new_link.password is not None or "password_digest" in self.past

    @property
    def protects(self) -> bool:
        """Tell whether it has any protection that ``missing_from`` could return."""
        new_link = self.new_link
        limits = (new_link.expires_at, new_link.starts_at, new_link.max_visits, self.past.get("blocked"))
        return self.asks_password or any(limits) or self.asks_for_confirmation or not new_link.enabled

    @property
    def asks_for_confirmation(self) -> bool:
        """Tell whether the file itself asks for confirmation; ``new_link.confirm`` is None for the default."""
        new_link = self.new_link
        return bool(new_link.confirm) or (
            new_link.confirm is None and new_link.max_visits == 1 and "confirm" in self.given
        )

    def with_placeholder_digest(self) -> ImportedLink:
        """Return the same with a placeholder for its password, where no digest is needed: computing one is slow."""
        if self.new_link.password is None:
            return self
        return replace(
            self,
            new_link=replace(self.new_link, password=None),
            past={**self.past, "password_digest": _PLACEHOLDER_DIGEST},
        )

    def missing_from(self, link: Link) -> dict[str, Any]:
        """Return the attributes that would give ``link`` each protection it lacks. Existing ones are left unchanged."""
        limits: dict[str, Any] = {"expires_at": self.new_link.expires_at, "starts_at": self.new_link.starts_at}
        limits |= {"max_visits": self.new_link.max_visits, "password_digest": self.past.get("password_digest")}
        limits |= {"blocked": self.past.get("blocked")}
        missing = {name: value for name, value in limits.items() if value is not None and getattr(link, name) is None}
        if "blocked" in missing and "blocked_host" in self.past:
            missing["blocked_host"] = self.past["blocked_host"]
        if self._has_more_visits_spent(replace(link, **missing)):
            missing["visits_spent"] = self.past["visits_spent"]
        if link.enabled and not self.new_link.enabled:
            missing["enabled"] = False
        if self.asks_for_confirmation and not replace(link, **missing).asks_first:
            missing["confirm"] = True
        return missing

    def _has_more_visits_spent(self, link: Link) -> bool:
        """Tell whether the file has more visits spent than ``link``, of the same maximum."""
        is_same_limit = link.max_visits is not None and link.max_visits == self.new_link.max_visits
        return is_same_limit and self.past.get("visits_spent", 0) > link.visits_spent

    def differs_in(self, link: Link) -> tuple[str, ...]:
        """Return the fields of the file that ``link`` has with other values.

        A password differs if the link has none, or another digest. It is not tried: that would be a password guess.
        """
        imported = self.with_placeholder_digest().to_link(
            link.code, link.created_at or _ANY_TIME, MadeBy(link.owner, "")
        )
        expected, current = imported.editable_fields(), link.editable_fields()
        differs = [name for name in expected if name in self.given and expected[name] != current[name]]
        if self.asks_password and (
            link.password_digest is None or _digests_differ(imported.password_digest, link.password_digest)
        ):
            differs.append("password")
        if imported.blocked is not None and link.blocked is None:
            differs.append("blocked")
        if self._has_more_visits_spent(link):
            differs.append("visitsSpent")
        return tuple(differs)

    def code_seed(self, owner: str | None, row: int) -> tuple[Any, ...]:
        """Return the same value whenever ``owner`` imports the same link; ``row`` counts from 1.

        Rows with a password or a maximum of visits get a link each, even if they are equal.
        """
        secret = self.new_link.password or self.past.get("password_digest")
        own = (row, secret) if secret or self.new_link.max_visits is not None else ()
        # Codes are derived from it, so it is stable over versions: defaults of a link may change and are not in it.
        said = replace(self.new_link, confirm=self.asks_for_confirmation)
        return (self.alias, *own, *find_existing.request_key(said, owner))


def _digests_differ(digest: str | None, other: str) -> bool:
    return digest != other and _PLACEHOLDER_DIGEST not in {digest, other}


def _parse_alias(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    named = {name: value for name, value in body.items() if name in _CODE and value not in (None, "")}
    short = body.get("shortUrl")
    if not named and isinstance(short, str) and short:
        named = {"alias": code_from_short_url(short)}
        if not named["alias"]:
            return None, f"{short[:64]!r} has no code in it."
    fields = LinkFields(named, _CODE)
    alias = fields.alias()
    return alias or None, " ".join(error.message for error in fields.errors) or None


def _without_own_url(body: Mapping[str, Any], known: Domains) -> tuple[Mapping[str, Any], str]:
    """Return a row with the bare code in place of a short URL of this service, and the host of that; empty: none."""
    for name in _CODE.keys() & body.keys():
        text = body[name]
        if not isinstance(text, str) or not is_url(text) or known.named(host_in(text)) is None:
            continue
        if code := code_from_short_url(text):
            return {**body, name: code}, host_in(text)
    return body, ""


def _short_host(body: Mapping[str, Any]) -> str:
    short = body.get("shortUrl")
    return host_of_short_url(short) if isinstance(short, str) else ""


def _parse_domain(fields: dict[str, Any], short_host: str, known: Domains) -> tuple[Domain | None, tuple[LeftOut, ...]]:
    """Remove the domain from ``fields``, unless it is no text, and return it.

    The host of a short URL counts where no domain of this service is named. None, as of most files of other services:
    neither is of this service.

    Raises:
        LinkInvalid: the domain is retired, and the default one is another.
    """
    given = fields.pop("domain") if isinstance(fields.get("domain"), str) else ""
    found = known.named(host_in(given)) if given.strip() else None
    if given.strip() and found is None and known.called(host_in(given)) is not None:
        raise LinkInvalid(
            [FieldError("domain", "retired", f"{host_in(given)[:64]} is retired; its links stay in its space.")]
        )
    left_out = (LeftOut("domain"),) if given.strip() and found is None else ()
    return found or (known.named(short_host) if short_host else None), left_out


def _parse_past(body: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
    """Return the fields of a link's past that still affect how it works, and their errors."""
    given = {name: value for name, value in body.items() if name in _PAST and name not in PAST}
    none = {"visitsSpent": None} if given.get("visitsSpent") == 0 else {}
    fields = LinkFields(given | none, _PAST)
    digest = fields.text("passwordDigest", password.LONGEST)
    if digest is not None and not password.is_digest(digest):
        fields.refuse("passwordDigest", "invalid", "That is no digest of a password as this service makes them.")
    past: dict[str, Any] = {
        "visits_spent": fields.number("visitsSpent", MAX_VISITS),
        "password_digest": digest,
        "blocked": fields.text("blocked", MAX_REASON),
        "blocked_host": fields.text("blockedHost", MAX_REASON),
    }
    return {attribute: value for attribute, value in past.items() if value is not None}, fields.errors


def _parse_metadata(body: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], tuple[LeftOut, ...]]:
    """Return the informational fields of a link's past, and those left out: a bad one does not refuse the row."""
    none = {"visits": None} if body.get("visits") == 0 else {}
    fields = LinkFields({name: value for name, value in body.items() if name in PAST} | none, _PAST)
    metadata: dict[str, Any] = {
        "created_at": _past_time("createdAt", fields, now),
        "updated_at": _past_time("updatedAt", fields, now),
        "imported_visits": fields.number("visits", MAX_VISITS),
    }
    left_out = tuple(LeftOut(error.field, error.message) for error in fields.errors)
    return {attribute: value for attribute, value in metadata.items() if value is not None}, left_out


def _past_time(name: str, fields: Fields, now: datetime) -> datetime | None:
    moment = fields.moment(name)
    if moment is None or moment <= now + _FAST_CLOCK:
        return moment
    fields.errors = [error for error in fields.errors if error.field != name]
    fields.refuse(name, "future", f"{name} has not come yet.")
    return None
