"""API keys: their format, scopes and lifetime. Only digests are stored: a key is shown once, when it is created."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import times
from chalicelib.core.links import codes
from chalicelib.core.validation import Fields, names_of
from chalicelib.errors import KeyRequestInvalid

SCOPES = ("create", "read", "manage", "admin")
MAX_NAME = 64
_ID_LENGTH = 10
_SECRET_LENGTH = 24  # of 58 letters: 140 bits
KEY = re.compile(r"sk_[1-9A-HJ-NP-Za-km-z]{10}_[1-9A-HJ-NP-Za-km-z]{24}")
ID = re.compile(r"[1-9A-HJ-NP-Za-km-z]{10}")
MANAGE_KEY = re.compile(r"mk_[1-9A-HJ-NP-Za-km-z]{24}")
NAMES = names_of(("name", "owner", "scopes", "expiresAt", "expiresIn"))
OWNER = re.compile(r"[A-Za-z0-9._@-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key. Times are aware, in UTC. Its calls act for ``owner``; its name is shown in the history of links."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    digest: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """Accurate to about a minute."""

    def is_valid(self, secret: str, now: datetime) -> bool:
        """Tell whether ``secret`` is correct and the key neither revoked nor expired, in constant time."""
        ended = self.revoked_at is not None or (self.expires_at is not None and now >= self.expires_at)
        return hmac.compare_digest(digest_of(secret), self.digest) and not ended

    def as_json(self) -> dict[str, Any]:
        """Return the key as administrators see it, without its secret."""
        return {
            "id": self.id,
            "name": self.name,
            "owner": self.owner,
            "scopes": list(self.scopes),
            "createdAt": times.to_text(self.created_at),
            "expiresAt": times.to_text_or_none(self.expires_at),
            "revokedAt": times.to_text_or_none(self.revoked_at),
            "lastUsedAt": times.to_text_or_none(self.last_used_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A validated request to create an API key. Without an ``owner`` field, the owner is the name of the key."""

    name: str
    owner: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None

    @classmethod
    def from_json(cls, body: dict[str, Any], now: datetime) -> NewKey:
        """Read a request body.

        Raises:
            KeyRequestInvalid: with every invalid field.
        """
        fields = Fields(body, NAMES)
        name = fields.text("name", MAX_NAME) or ""
        new_key = cls(
            name=name,
            owner=fields.text("owner", MAX_NAME) or name,
            scopes=fields.choices("scopes", SCOPES),
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

    def generate(self, now: datetime) -> tuple[Key, str]:
        """Return the new key, and its text, which cannot be recovered later."""
        key_id, secret = codes.unguessable_text(_ID_LENGTH), codes.unguessable_text(_SECRET_LENGTH)
        key = Key(
            id=key_id,
            name=self.name,
            owner=self.owner,
            scopes=self.scopes,
            digest=digest_of(secret),
            created_at=now,
            expires_at=self.expires_at,
        )
        return key, f"sk_{key_id}_{secret}"


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
