"""Pages of lists: the parameters of a query, cursors, and how much fits into one response.

A cursor is the position after which the next page begins. It is signed, so that clients can neither make one up nor use
the cursor of another list.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core import limits
from chalicelib.errors import FieldError, QueryInvalid

PARAMETERS = ("limit", "cursor")
DEFAULT_LIMIT = 20
_SIGNATURE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Paging:
    """The size of a page, and the position after which it begins; None: from the start."""

    limit: int
    after: str | None

    @classmethod
    def from_query(cls, query: Mapping[str, str], read_cursor: Callable[[str], str]) -> Paging:
        """Read ``limit`` and ``cursor``; ``read_cursor`` returns the position, or raises ValueError.

        Raises:
            QueryInvalid: with every invalid parameter.
        """
        wrong: list[FieldError] = []
        limit, after = query.get("limit", str(DEFAULT_LIMIT)), None
        most = limits.PAGE_ENTRIES
        if not (limit.isascii() and limit.isdigit() and len(limit) <= len(str(most)) and 1 <= int(limit) <= most):
            wrong.append(FieldError("limit", "invalid", f"limit is a whole number from 1 to {most}."))
        try:
            after = read_cursor(query["cursor"]) if "cursor" in query else None
        except ValueError:
            message = "This is no valid cursor. Use `next` of the previous page, or omit it to begin at the start."
            wrong.append(FieldError("cursor", "invalid", message))
        if wrong:
            raise QueryInvalid(wrong)
        return cls(int(limit), after)


def fit_response(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many of ``documents``, from the first, as fit into one response; at least one, if there is any.

    Lambda counts the size of JSON within JSON, where a quotation mark takes four bytes.
    """
    left = limits.RESPONSE_BYTES
    for place, document in enumerate(documents):
        left -= len(json.dumps(json.dumps(document)))
        if left < 0:
            return list(documents[: max(1, place)])
    return list(documents)


def sign_cursor(position: str, scope: str, secret: bytes) -> str:
    """Return the cursor for ``position`` in the list that ``scope`` names."""
    text = position.encode()
    return _encode(_signature(text, scope, secret) + text)


def read_cursor(cursor: str, scope: str, secret: bytes) -> str:
    """Return the position in ``cursor``.

    Raises:
        ValueError: it was not signed here for ``scope``.
    """
    padded = cursor + "=" * (-len(cursor) % 4)
    signed = base64.b64decode(padded.encode(), altchars=b"-_", validate=True)
    signature, text = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    # The last character may have unused bits: of the cursors that decode to the same bytes, only one is valid.
    if not hmac.compare_digest(signature, _signature(text, scope, secret)) or cursor != _encode(signed):
        raise ValueError(cursor)
    return text.decode()


def _encode(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _signature(text: bytes, scope: str, secret: bytes) -> bytes:
    return hmac.new(secret, scope.encode() + b"\0" + text, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
