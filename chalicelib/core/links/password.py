"""Passwords of links: stored as scrypt digests together with their parameters, which can be raised later."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata

SHORTEST, LONGEST = 8, 128  # of new passwords; older, shorter ones still work
# The scrypt paper's parameters for interactive logins: 16 MB, about 40 ms an attempt. 30 an hour are allowed.
_N, _R, _P = 2**14, 8, 1
_SALT_BYTES = 16
_MEMORY = 64 * 1024 * 1024  # bytes that OpenSSL may use: 128 * N * r, with a margin

_DIGEST = re.compile(rf"scrypt\${_N}\${_R}\${_P}\$[0-9a-f]{{32}}\$[0-9a-f]{{64}}")


def digest_of(password: str) -> str:
    """Return the digest to store: ``scrypt$16384$8$1$<salt>$<digest>``, with a new salt each time."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${_scrypt(password, salt, _N, _R, _P).hex()}"


def is_digest(text: str) -> bool:
    """Tell whether ``text`` is a digest with the parameters used here: an attempt must not cost more than that."""
    return _DIGEST.fullmatch(text) is not None


def matches(password: str, digest: str) -> bool:
    """Tell whether ``digest`` is that of ``password``."""
    _, n, r, p, salt, expected = digest.split("$")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p)), bytes.fromhex(expected))


def derive(data: bytes, salt: bytes, n: int = _N, r: int = _R, p: int = _P) -> bytes:
    """Return 32 bytes derived from ``data`` by scrypt, which makes guessing slow."""
    return hashlib.scrypt(data, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # Keyboards differ in whether they produce composed or decomposed letters.
    text = unicodedata.normalize("NFC", password).encode("utf-8", "replace")
    return derive(text, salt, n, r, p)
