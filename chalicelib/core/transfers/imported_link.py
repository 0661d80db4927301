"""A link as a file describes it: what any wish for a link can say, and what only its past can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core import password
from chalicelib.core.conflicts import conflicts_in
from chalicelib.core.fields import MAX_REASON, MAX_VISITS, Fields, names_of
from chalicelib.core.link import Link
from chalicelib.core.new_link import MadeBy, NewLink, wish_of
from chalicelib.core.target_url import TargetPolicy
from chalicelib.errors import FieldError, LinkInvalid

_PAST = names_of(("createdAt", "updatedAt", "visits", "visitsSpent", "passwordDigest", "blocked", "blockedHost"))
_CODE = names_of(("alias",)) | {"code": "alias"}
# Of exports: what follows from the rest. The owner is the import's, whatever a file says.
_IGNORED = {"shortUrl", "owner", "days", "findExisting"}
_ANY_TIME = datetime.min.replace(tzinfo=UTC)  # as far as the end of a link goes: links that are over are links too
_MOST_FIELDS = 100
_FAST_CLOCK = timedelta(days=1)  # also the most that a time without its zone may be off


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLink:
    """What a row of a file asks for, under the code it had if it had one."""

    wanted: NewLink
    alias: str | None
    unusable: str | None
    """Why ``alias`` can be no code here."""
    past: Mapping[str, Any]
    """Attributes of a link that nobody can wish for."""

    @classmethod
    def from_body(cls, body: Mapping[str, Any], policy: TargetPolicy, now: datetime) -> ImportedLink:
        """Read a row.

        Raises:
            LinkInvalid: with every field that is wrong.
        """
        if len(body) > _MOST_FIELDS:
            message = f"It has {len(body):,} fields; a link has a few."
            raise LinkInvalid([FieldError("url", "too-many", message)])
        wish = {name: value for name, value in body.items() if name not in _PAST.keys() | _CODE.keys() | _IGNORED}
        alias, unusable = _alias_in(body)
        is_unguessable = alias is not None and wish.pop("unguessable", False) is True  # its code is what it was
        past, errors = _past_in(body, now)
        if "expiresIn" in wish:
            errors.append(FieldError("expiresIn", "unknown-field", "A file says when a link ends: expiresAt."))
            del wish["expiresIn"]
        try:
            wanted = NewLink.from_json(wish, policy, _ANY_TIME)
        except LinkInvalid as invalid:
            raise LinkInvalid([*invalid.errors, *errors]) from None
        errors += conflicts_in(wanted, is_protected="password_digest" in past or wanted.password is not None)
        if errors:
            raise LinkInvalid(errors)
        return cls(
            wanted=wanted,
            alias=alias,
            unusable=unusable,
            past=past | ({"unguessable": True} if is_unguessable else {}),
        )

    def named(self, code: str, now: datetime, made_by: MadeBy) -> Link:
        """Return the link this becomes under ``code``."""
        return replace(self.wanted.named(code, now, made_by), **self.past)

    def untrusted(self) -> ImportedLink:
        """Return the same, as of somebody who must not speak to visitors in the name of this service."""
        if "blocked" not in self.past:
            return self
        return replace(self, past={**self.past, "blocked": "It was stopped where it comes from."})

    @property
    def is_unguessable(self) -> bool:
        """Tell whether its code must not be guessed, whichever it gets."""
        return self.wanted.unguessable or self.past.get("unguessable") is True

    def wish(self, owner: str | None, place: int) -> tuple[Any, ...]:
        """Return what is the same whenever ``owner`` imports the same; ``place`` is its row, from 1.

        Whoever asks for a password, or counts visits, wants a link for each row.
        """
        secret = self.wanted.password or self.past.get("password_digest")
        own = (place, secret) if secret or self.wanted.max_visits is not None else ()
        return (self.alias, *own, *wish_of(self.wanted, owner))


def _alias_in(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    fields = Fields({name: value for name, value in body.items() if name in _CODE}, _CODE)
    alias = fields.alias()
    return alias or None, " ".join(error.message for error in fields.errors) or None


def _past_in(body: Mapping[str, Any], now: datetime) -> tuple[dict[str, Any], list[FieldError]]:
    given = {name: value for name, value in body.items() if name in _PAST}
    none = {name: None for name in ("visits", "visitsSpent") if given.get(name) == 0}
    fields = Fields(given | none, _PAST)
    digest = fields.text("passwordDigest", password.LONGEST)
    if digest is not None and not password.is_digest(digest):
        fields.refuse("passwordDigest", "invalid", "That is no digest of a password as this service makes them.")
    created_at, updated_at = fields.moment("createdAt"), fields.moment("updatedAt")
    past: dict[str, Any] = {
        "created_at": created_at,
        "updated_at": updated_at,
        "imported_visits": fields.number("visits", MAX_VISITS),
        "visits_spent": fields.number("visitsSpent", MAX_VISITS),
        "password_digest": digest,
        "blocked": fields.text("blocked", MAX_REASON),
        "blocked_host": fields.text("blockedHost", MAX_REASON),
    }
    for field, moment in (("createdAt", created_at), ("updatedAt", updated_at)):
        if moment is not None and moment > now + _FAST_CLOCK:
            fields.refuse(field, "future", f"{field} has not come yet.")
    return {attribute: value for attribute, value in past.items() if value is not None}, fields.errors
