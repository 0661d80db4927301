"""Passwords of links: kept as scrypt digests, with what they were made with, so that it may be raised later."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata

SHORTEST, LONGEST = 4, 128
# The scrypt paper's parameters for who waits: 16 MB and about 40 ms a try. Online there are five tries a minute.
_N, _R, _P = 2**14, 8, 1
_SALT_BYTES = 16
_MEMORY = 64 * 1024 * 1024  # bytes that OpenSSL may take: 128 * N * r, and room

_DIGEST = re.compile(rf"scrypt\${_N}\${_R}\${_P}\$[0-9a-f]{{32}}\$[0-9a-f]{{64}}")


def digest_of(password: str) -> str:
    """Return what is stored of ``password``: ``scrypt$16384$8$1$<salt>$<digest>``, another each time."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${_scrypt(password, salt, _N, _R, _P).hex()}"


def is_digest(text: str) -> bool:
    """Tell whether ``text`` is what is stored of a password, made as ours are: one try is not to cost more."""
    return _DIGEST.fullmatch(text) is not None


def fits(password: str, digest: str) -> bool:
    """Tell whether ``digest`` is that of ``password``."""
    _, n, r, p, salt, wanted = digest.split("$")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p)), bytes.fromhex(wanted))


def stretched(data: bytes, salt: bytes, n: int = _N, r: int = _R, p: int = _P) -> bytes:
    """Return 32 bytes from which ``data`` can only be guessed slowly."""
    return hashlib.scrypt(data, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # The same word may be typed with composed or decomposed letters, by the keyboard's taste.
    text = unicodedata.normalize("NFC", password).encode("utf-8", "replace")
    return stretched(text, salt, n, r, p)
