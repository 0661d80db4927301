"""API keys: how one is written, what it allows, and for how long. Only digests are kept: a key is shown once."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import codes, times
from chalicelib.core.fields import Fields, names_of
from chalicelib.errors import KeyWishInvalid

SCOPES = ("create", "read", "manage", "admin")
MAX_NAME = 64
_ID_LENGTH = 10
_SECRET_LENGTH = 24  # of 58 letters: 140 bits
_KEY = re.compile(r"sk_([1-9A-HJ-NP-Za-km-z]{10})_([1-9A-HJ-NP-Za-km-z]{24})")
_ID = re.compile(r"[1-9A-HJ-NP-Za-km-z]{10}")
_MANAGE_KEY = re.compile(r"mk_[1-9A-HJ-NP-Za-km-z]{24}")
_NAMES = names_of(("name", "owner", "scopes", "expiresAt", "expiresIn"))
_OWNER = re.compile(r"[A-Za-z0-9._@-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key. Times are aware, in UTC. Who has it acts for ``owner``, and its name stands in the history of links."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    digest: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute, more or less."""

    def is_good(self, secret: str, now: datetime) -> bool:
        """Tell whether ``secret`` is this key's, and it is neither revoked nor over. Takes as long for a wrong one."""
        over = self.revoked_at is not None or (self.expires_at is not None and now >= self.expires_at)
        return hmac.compare_digest(digest_of(secret), self.digest) and not over

    def as_json(self) -> dict[str, Any]:
        """Return the key as admins see it: all but itself."""
        return {
            "id": self.id,
            "name": self.name,
            "owner": self.owner,
            "scopes": list(self.scopes),
            "createdAt": times.to_text(self.created_at),
            "expiresAt": times.text_of(self.expires_at),
            "revokedAt": times.text_of(self.revoked_at),
            "lastUsedAt": times.text_of(self.last_used_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A wish for a key. Without an owner named, a key is its own owner's: its name's."""

    name: str
    owner: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None

    @classmethod
    def from_json(cls, body: dict[str, Any], now: datetime) -> NewKey:
        """Read a request body.

        Raises:
            KeyWishInvalid: with every field that is wrong.
        """
        fields = Fields(body, _NAMES)
        name = fields.text("name", MAX_NAME) or ""
        wanted = cls(
            name=name,
            owner=fields.text("owner", MAX_NAME) or name,
            scopes=fields.choices("scopes", SCOPES),
            expires_at=fields.expiry(now),
        )
        if not name:
            fields.refuse("name", "missing", "Please give the key a name: it stands in the history of links.")
        elif not _OWNER.fullmatch(wanted.owner):
            given = "owner" if fields.has("owner") else "name"
            fields.refuse(given, "invalid", "An owner is 1 to 64 of the letters A-Z and a-z, digits and . _ @ -.")
        if fields.errors:
            raise KeyWishInvalid(fields.errors)
        return wanted

    def drawn(self, now: datetime) -> tuple[Key, str]:
        """Return the key this becomes, and its text, which nobody can read again."""
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
    """Tell whether links may belong to ``text``."""
    return _OWNER.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Tell whether a key may have this id."""
    return _ID.fullmatch(text) is not None


def parts_of(text: str) -> tuple[str, str] | None:
    """Return id and secret of a key's text, or None if it is none."""
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


def is_manage_key(text: str) -> bool:
    """Tell whether ``text`` may be the key to one anonymous link."""
    return _MANAGE_KEY.fullmatch(text) is not None


def draw_manage_key() -> str:
    """Return a key to one link, for who has no other."""
    return f"mk_{codes.unguessable_text(_SECRET_LENGTH)}"


def digest_of(secret: str) -> str:
    """Return what is kept of a secret. A fast digest is right for 140 random bits: nobody can try them all."""
    return hashlib.sha256(secret.encode()).hexdigest()
