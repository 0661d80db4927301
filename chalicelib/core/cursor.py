"""Cursors: where a list goes on, signed, so that nobody can make one up or use another's."""

from __future__ import annotations

import base64
import hashlib
import hmac

_SIGNATURE_BYTES = 12


def sealed(position: str, whose: str, secret: bytes) -> str:
    """Return ``position`` in a list of ``whose`` as a client carries it."""
    text = position.encode()
    return base64.urlsafe_b64encode(_signature(text, whose, secret) + text).decode().rstrip("=")


def opened(cursor: str, whose: str, secret: bytes) -> str:
    """Return the position in ``cursor``.

    Raises:
        ValueError: it was not sealed for ``whose`` by us.
    """
    padded = cursor + "=" * (-len(cursor) % 4)
    signed = base64.b64decode(padded.encode(), altchars=b"-_", validate=True)
    signature, text = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(text, whose, secret)):
        raise ValueError(cursor)
    return text.decode()


def _signature(text: bytes, whose: str, secret: bytes) -> bytes:
    return hmac.new(secret, whose.encode() + b"\0" + text, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
