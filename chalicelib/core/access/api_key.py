"""API keys: their format, scopes and lifetime. Only digests are stored: a key is shown once, when it is created."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import times
from chalicelib.core.access.roles import ROLES, SCOPES, role_of
from chalicelib.core.links import codes
from chalicelib.core.validation import Fields, names_of
from chalicelib.errors import KeyRequestInvalid

MAX_NAME = 64
_ID_LENGTH = 10
_SECRET_LENGTH = 24  # of 58 letters: 140 bits
KEY = re.compile(r"sk_[1-9A-HJ-NP-Za-km-z]{10}_[1-9A-HJ-NP-Za-km-z]{24}")
ID = re.compile(r"[1-9A-HJ-NP-Za-km-z]{10}")
MANAGE_KEY = re.compile(r"mk_[1-9A-HJ-NP-Za-km-z]{24}")
NAMES = names_of(("name", "owner", "scopes", "role", "person", "expiresAt", "expiresIn"))
OWNER = re.compile(r"[A-Za-z0-9._@-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key. Times are aware, in UTC. Its calls act for the workspace ``owner``; histories show its name."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    digest: str
    created_at: datetime
    person: str | None = None
    """For whom a personal key is; None: it is for an integration, and stays when people leave."""
    created_by: str | None = None
    """Who made it, as the log names them; None: a version that did not record it."""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """Accurate to about a minute."""

    def is_valid(self, secret: str, now: datetime) -> bool:
        """Tell whether ``secret`` is correct and the key neither revoked nor expired, in constant time."""
        return hmac.compare_digest(digest_of(secret), self.digest) and not self.has_ended(now)

    def has_ended(self, now: datetime) -> bool:
        """Tell whether the key is revoked or expired at ``now`` (aware)."""
        return self.revoked_at is not None or (self.expires_at is not None and now >= self.expires_at)

    def has_ended_by(self, moment: datetime) -> bool:
        """Tell whether the key had been revoked or had expired by ``moment`` (aware)."""
        return any(end is not None and end <= moment for end in (self.revoked_at, self.expires_at))

    def is_for(self, person: str) -> bool:
        """Tell whether it is a personal key of ``person``, however that is written."""
        return self.person is not None and _folded(self.person) == _folded(person)

    def as_json(self) -> dict[str, Any]:
        """Return the key as administrators see it, without its secret."""
        return {
            "id": self.id,
            "name": self.name,
            "owner": self.owner,
            "kind": "integration" if self.person is None else "personal",
            "person": self.person,
            "scopes": list(self.scopes),
            "role": role_of(self.scopes),
            "createdAt": times.to_text(self.created_at),
            "createdBy": self.created_by,
            "expiresAt": times.to_text_or_none(self.expires_at),
            "revokedAt": times.to_text_or_none(self.revoked_at),
            "lastUsedAt": times.to_text_or_none(self.last_used_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A validated request to create an API key."""

    name: str
    owner: str
    scopes: tuple[str, ...]
    person: str | None = None
    expires_at: datetime | None = None

    @classmethod
    def from_json(cls, body: dict[str, Any], now: datetime, workspace: str | None = None) -> NewKey:
        """Read a request body. Without an ``owner`` field, the owner is ``workspace`` or, if that is None, the name.

        Raises:
            KeyRequestInvalid: with every invalid field.
        """
        fields = Fields(body, NAMES)
        name = fields.text("name", MAX_NAME) or ""
        new_key = cls(
            name=name,
            owner=fields.text("owner", MAX_NAME) or workspace or name,
            scopes=_scopes_in(fields),
            person=fields.text("person", MAX_NAME),
            expires_at=fields.expiry(now),
        )
        if not name:
            fields.refuse("name", "missing", "Please give the key a name: it stands in the history of links.")
        elif not OWNER.fullmatch(new_key.owner):
            given = "owner" if fields.has("owner") else "name"
            fields.refuse(given, "invalid", "An owner is 1 to 64 of the letters A-Z and a-z, digits and . _ @ -.")
        if fields.errors:
            raise KeyRequestInvalid(fields.errors)
        return new_key

    def generate(self, now: datetime, created_by: str) -> tuple[Key, str]:
        """Return the new key, and its text, which cannot be recovered later."""
        key_id, secret = codes.unguessable_text(_ID_LENGTH), codes.unguessable_text(_SECRET_LENGTH)
        key = Key(
            id=key_id,
            name=self.name,
            owner=self.owner,
            scopes=self.scopes,
            digest=digest_of(secret),
            created_at=now,
            person=self.person,
            created_by=created_by,
            expires_at=self.expires_at,
        )
        return key, f"sk_{key_id}_{secret}"


def _scopes_in(fields: Fields) -> tuple[str, ...]:
    """Return the scopes of a request: those listed, or those of its role."""
    if not fields.is_given("role"):
        return fields.choices("scopes", SCOPES)
    if fields.is_given("scopes"):
        fields.refuse("role", "conflict", "Give either a role or scopes.")
        return ()
    return ROLES.get(fields.choice("role", tuple(ROLES)), ())


def _folded(person: str) -> str:
    return unicodedata.normalize("NFKC", person).casefold().strip()


def is_owner(text: str) -> bool:
    """Tell whether ``text`` is a valid owner name."""
    return OWNER.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Tell whether ``text`` has the format of a key id."""
    return ID.fullmatch(text) is not None


def parse(text: str) -> tuple[str, str] | None:
    """Return the id and the secret in the text of a key, or None if it is malformed."""
    if not KEY.fullmatch(text):
        return None
    _, key_id, secret = text.split("_")
    return key_id, secret


def is_manage_key(text: str) -> bool:
    """Tell whether ``text`` has the format of a manage key, the key to one anonymous link."""
    return MANAGE_KEY.fullmatch(text) is not None


def generate_manage_key() -> str:
    """Return a new key to one link, for a caller without an API key."""
    return f"mk_{codes.unguessable_text(_SECRET_LENGTH)}"


def digest_of(secret: str) -> str:
    """Return the stored digest of a secret. A fast hash is enough: 140 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()
