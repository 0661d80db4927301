"""Codes: which are possible, which are reserved, and how one is drawn. All chance of this house is in ``draw``."""

from __future__ import annotations

import re
import secrets

from shortid import ShortId

MAX_CODE_LENGTH = 64
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")

RESERVED = frozenset(
    {
        # First segments of our own addresses, and of those promised for later: an alias must never hide one.
        *("assets", "bulk", "docs", "exports", "healthz", "imports", "keys", "links", "openapi", "problems", "reports"),
        "stats",
        # API Gateway answers these two itself under a custom domain.
        *("ping", "sping"),
    }
)
"""Lower case; compared without regard to case, for nobody should have to tell ``/Links`` from ``/links``."""

# Base 58: no 0 O I l, which people confuse when they read a code aloud.
_UNGUESSABLE_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_UNGUESSABLE_LENGTH = 12  # 58^12 = 1.4e21: with a million links, 1e15 guesses for one hit
_DERIVED_LENGTH = 7  # 58^7 = 2.2e12: of a million links, one in two million imports meets one by chance

_short_id = ShortId()


def is_code(text: str) -> bool:
    """Tell whether ``text`` can be a code at all. Whatever cannot is unknown without a look at the table."""
    return _CODE.fullmatch(text) is not None


def is_reserved(code: str) -> bool:
    """Tell whether ``code`` belongs to the service itself."""
    return code.lower() in RESERVED


def draw(*, unguessable: bool) -> str:
    """Draw a code: five to eight characters of ``shortid``, or twelve that cannot be guessed.

    ``shortid`` writes the process id into a code. Lambda's is one digit long; a laptop's may make it five longer.
    It may be in use already: only the table knows. It is never reserved, and never begins or ends with ``-`` or ``_``,
    which mail programs and chats leave out of the links they make.
    """
    while True:
        code = unguessable_text(_UNGUESSABLE_LENGTH) if unguessable else _short_id.generate()
        if code[0].isalnum() and code[-1].isalnum() and not is_reserved(code):
            return str(code)


def unguessable_text(length: int) -> str:
    """Draw ``length`` of 58 letters, 5.86 bits each, from the system's own randomness."""
    return "".join(secrets.choice(_UNGUESSABLE_ALPHABET) for _ in range(length))


def derived(seed: bytes, *, unguessable: bool) -> str:
    """Return the code that follows from ``seed``, random bytes: seven letters of 58, or twelve. It may be in use."""
    number, letters = int.from_bytes(seed, "big"), ""
    for _ in range(_UNGUESSABLE_LENGTH if unguessable else _DERIVED_LENGTH):
        number, place = divmod(number, len(_UNGUESSABLE_ALPHABET))
        letters += _UNGUESSABLE_ALPHABET[place]
    return letters
