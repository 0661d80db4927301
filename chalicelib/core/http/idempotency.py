"""An answer to a request that makes something: remembered, so that the same request can be answered the same again."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.core import password

LASTS = timedelta(hours=24)
MAX_KEY = 255
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told of a link that it asked for."""

    status: int
    document: dict[str, Any]
    etag: str
    is_replayed: bool = False

    def to_json(self) -> str:
        """Write the answer down."""
        return json.dumps({"status": self.status, "document": self.document, "etag": self.etag}, ensure_ascii=False)

    @classmethod
    def replayed(cls, text: str) -> Answer:
        """Read an answer that was given before."""
        return cls(**json.loads(text), is_replayed=True)


@dataclass(frozen=True, slots=True)
class Once:
    """A request that must not be done twice: who asks, the key they gave it, and a digest of what they ask."""

    id: str
    digest: str

    @classmethod
    def of(cls, principal: str, key: str, body: bytes) -> Once:
        """Return what a request with ``key`` as its Idempotency-Key is remembered by."""
        name = hashlib.sha256(f"{principal} {key}".encode()).hexdigest()
        return cls(f"answer#{name}", _digest_of(body, name))

    def row(self, number: int) -> Once:
        """Return the same for one row of a bulk request."""
        return Once(f"{self.id}#{number}", self.digest)


def _digest_of(body: bytes, name: str) -> str:
    """Return what a body is known by. One that holds a password is not to be guessed from it, so that takes longer."""
    if b"password" not in body:
        return hashlib.sha256(body).hexdigest()
    return password.stretched(body, name.encode()).hex()


def is_key(text: str) -> bool:
    """Tell whether ``text`` can be an Idempotency-Key: 1 to 255 visible ASCII characters."""
    return _KEY.fullmatch(text) is not None
