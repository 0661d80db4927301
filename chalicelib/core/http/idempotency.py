"""Idempotency: the response to a request is stored, so that a repetition gets the same response."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.core.links import password

LASTS = timedelta(hours=24)
MAX_KEY = 255
KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to a request to create a link."""

    status: int
    document: dict[str, Any]
    etag: str
    is_replayed: bool = False

    def to_json(self) -> str:
        """Return the response as it is stored."""
        return json.dumps({"status": self.status, "document": self.document, "etag": self.etag}, ensure_ascii=False)

    @classmethod
    def replayed(cls, text: str) -> StoredResponse:
        """Return a stored response, marked as replayed."""
        return cls(**json.loads(text), is_replayed=True)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request with an Idempotency-Key: an id made of the caller and the key, and a digest of the body."""

    id: str
    digest: str

    @classmethod
    def from_key(cls, principal: str, key: str, body: bytes) -> IdempotentRequest:
        """Return the identity of the request of ``principal`` with ``key`` as its Idempotency-Key."""
        name = hashlib.sha256(f"{principal} {key}".encode()).hexdigest()
        return cls(f"answer#{name}", _digest_of(body, name))

    def row(self, number: int) -> IdempotentRequest:
        """Return the identity of one row of a bulk request."""
        return IdempotentRequest(f"{self.id}#{number}", self.digest)


def _digest_of(body: bytes, name: str) -> str:
    """Return a digest of a body. If it contains a password, a slow hash keeps that from being guessed."""
    if b"password" not in body:
        return hashlib.sha256(body).hexdigest()
    return password.derive(body, name.encode()).hex()


def is_key(text: str) -> bool:
    """Tell whether ``text`` can be an Idempotency-Key: 1 to 255 visible ASCII characters."""
    return KEY.fullmatch(text) is not None
