"""Codes: which are valid, which are reserved, and how new ones are generated."""

from __future__ import annotations

import re
import secrets
from urllib.parse import unquote

from shortid import ShortId

from chalicelib.errors import PageUnknown

MAX_CODE_LENGTH = 64
CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PUNCTUATED = re.compile(r"([A-Za-z0-9_-]{1,64})([^A-Za-z0-9_\x00-\x1f\x7f\ufffd-]{1,64})")

RESERVED = frozenset(
    {
        # First path segments of the service's own routes, present and announced: an alias must never hide one.
        *("assets", "bulk", "docs", "exports", "healthz", "imports", "keys", "links", "openapi", "problems", "reports"),
        "stats",
        # Reserved for future routes. An existing link with such a code keeps working.
        *(
            "_",
            "admin",
            "api",
            "app",
            "callback",
            "domains",
            "events",
            "hooks",
            "login",
            "logout",
            "mcp",
            "me",
            "people",
        ),
        *("rest", "s", "sessions", "static", "tags", "webhooks", "well-known", "workspaces"),
        *("v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"),
        # API Gateway answers these two itself under a custom domain.
        *("ping", "sping"),
    }
)
"""Lower case; compared case-insensitively, so that ``/Links`` and ``/links`` are never different pages."""

# Base 58: without 0 O I l, which are easily confused.
_UNGUESSABLE_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_UNGUESSABLE_LENGTH = 12  # 58^12 = 1.4e21: with a million links, 1e15 guesses for one hit
# The same without capitals, for spaces whose codes ignore case: longer, for as many codes.
_SMALL_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_SMALL_LENGTH = 9  # 31^9 = 2.6e13, for a code of `shortid`, and a derived one
_SMALL_UNGUESSABLE_LENGTH = 15  # 31^15 = 2.3e22
_DERIVED_LENGTH = 7  # 58^7 = 2.2e12: with a million links, one imported row in two million collides

_short_id = ShortId()


def is_code(text: str) -> bool:
    """Tell whether ``text`` is a valid code. Anything else is unknown without reading the table."""
    return CODE.fullmatch(text) is not None


def split_punctuation(text: str) -> tuple[str, str]:
    """Split ``text``, the last segment of a path, into a code and the punctuation after it.

    Chat and mail programs turn URLs in sentences into links, and include a full stop, a bracket, a quotation mark or a
    space. Trailing characters that no code can contain are cut off, percent-encoded or not. If letters follow them,
    nothing is cut off: ``MyLink.html`` is a different path.
    """
    match = _PUNCTUATED.fullmatch(unquote(text))
    return (match[1], match[2]) if match else (text, "")


def is_reserved(code: str) -> bool:
    """Tell whether ``code`` is reserved for the service itself."""
    return code.lower() in RESERVED


def refuse_reserved(segment: str) -> None:
    """Refuse a longer address that begins with ``segment`` if that is reserved: no part of a link is below it.

    Raises:
        PageUnknown
    """
    if is_reserved(segment):
        raise PageUnknown("Nothing is served at this address.")


def generate(*, unguessable: bool, any_case: bool = False) -> str:
    """Generate a random code: five to eight characters of ``shortid``, or twelve that cannot be guessed.

    ``shortid`` encodes the process id. On Lambda that is one digit; elsewhere it may add up to five characters.
    The code may be in use already: only the table knows. It is never reserved, and never begins or ends with ``-`` or
    ``_``, which mail and chat programs drop from links. ``any_case``: it has small letters only, and is longer.
    """
    while True:
        if any_case:
            length = _SMALL_UNGUESSABLE_LENGTH if unguessable else _SMALL_LENGTH
            code = "".join(secrets.choice(_SMALL_ALPHABET) for _ in range(length))
        else:
            code = unguessable_text(_UNGUESSABLE_LENGTH) if unguessable else _short_id.generate()
        if code[0].isalnum() and code[-1].isalnum() and not is_reserved(code):
            return str(code)


def unguessable_text(length: int) -> str:
    """Return ``length`` random characters of 58, 5.86 bits each, from the system's secure random generator."""
    return "".join(secrets.choice(_UNGUESSABLE_ALPHABET) for _ in range(length))


def derive(seed: bytes, *, unguessable: bool, any_case: bool = False) -> str:
    """Derive a code as long as those that are generated from ``seed``, random bytes. It may be in use.

    ``any_case``: it has small letters only.
    """
    alphabet, length = _UNGUESSABLE_ALPHABET, _UNGUESSABLE_LENGTH if unguessable else _DERIVED_LENGTH
    if any_case:
        alphabet, length = _SMALL_ALPHABET, _SMALL_UNGUESSABLE_LENGTH if unguessable else _SMALL_LENGTH
    number, letters = int.from_bytes(seed, "big"), ""
    for _ in range(length):
        number, place = divmod(number, len(alphabet))
        letters += alphabet[place]
    return letters
