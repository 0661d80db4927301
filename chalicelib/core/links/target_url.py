r"""Target URLs: which a link may lead to, and how each is written.

Parsed by the rules browsers follow (WHATWG, by Ada). ``urllib`` would see ``google.com`` where every browser goes to
``evil.com``: ``https://evil.com\@google.com/``. The order of the checks is part of the policy: each may rely on those
before it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

MAX_URL_BYTES = 2048
_MAX_HOST, _MAX_LABEL = 253, 63  # RFC 1035, section 2.3.4, less the final dot and the lengths

# What a browser drops, hides or turns around, so that people read another address than the one they go to: C0, space,
# DEL, C1, no-break space, soft hyphen, Arabic letter mark, fillers, zero-width, line separators, bidi, BOM; backslash.
# And halves of surrogate pairs, which are no characters.
_FORBIDDEN = re.compile(
    "[\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3000\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f\\\\]"
)
_WEB = re.compile(r"https?://[^/]", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

# Names that lead nowhere on the public internet: IANA's special-use domain names, and ICANN's `internal`.
_SPECIAL_USE = re.compile(r"(?:.*\.)?(?:alt|arpa|example|internal|invalid|local|localhost|onion|test)")

# Public shorteners: a link to a link hides where it leads, and two of them can make a loop.
KNOWN_SHORTENERS = frozenset(
    {
        *("adf.ly", "bit.do", "bit.ly", "bitly.com", "buff.ly", "clck.ru", "cutt.ly"),
        *("dub.sh", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "qr.ae", "rb.gy"),
        *("rebrand.ly", "s.id", "short.io", "shorturl.at", "soo.gd", "t.co", "t.ly"),
        *("tiny.cc", "tinyurl.com", "trib.al", "v.gd", "x.co"),
    }
)


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """Where links may lead. ``own_hosts``: lower-case host names of this service; ``any_host``: intranet names too."""

    own_hosts: frozenset[str]
    any_host: bool = False


class TargetRefused(Exception):
    """The URL may not become a link. ``code`` is stable and kebab-case, ``message`` says what to change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def canonical(text: str, policy: TargetPolicy) -> str:
    """Return ``text`` as it is stored and served: the WHATWG ``href``, pure ASCII.

    Raises:
        TargetRefused: it is no URL, or not one that a link may lead to.
    """
    _check_text(text)
    href, host, host_is_ip = _parse(text)
    _check_own(host, policy)
    if not policy.any_host:
        if host_is_ip:
            raise TargetRefused("ip-address", "The URL leads to an IP address; links may lead to host names only.")
        _check_public(host)
    if len(href) > MAX_URL_BYTES:
        raise TargetRefused("too-long", f"The URL is longer than {MAX_URL_BYTES} bytes once it is percent-encoded.")
    if not _HEADER_SAFE.fullmatch(href):
        raise TargetRefused("invalid-url", "This URL cannot be written in plain ASCII.")
    return href


@functools.lru_cache(maxsize=4096)
def servable(stored: str) -> str | None:
    """Return a stored target as it can stand in a ``Location`` header, or None if it cannot.

    What this service stored is returned as it is. Tables from elsewhere may hold anything; of a backslash browsers and
    parsers make different things, so none is served.
    """
    if _HEADER_SAFE.fullmatch(stored) and _WEB.match(stored) and "\\" not in stored:
        return stored
    try:
        href, _, _ = _parse(stored)
    except TargetRefused:
        return None
    return href.replace("\\", "%5C")


def host_of(stored: str) -> str:
    """Return the host that a browser would go to, without a final dot; nothing, if it would go nowhere."""
    try:
        return _parse(stored)[1].removesuffix(".")
    except TargetRefused:
        return ""


def _check_text(text: str) -> None:
    if not text:
        raise TargetRefused("missing", "Please give a URL.")
    if found := _FORBIDDEN.search(text):
        where = f"U+{ord(found[0]):04X} at position {found.start() + 1}"
        raise TargetRefused("forbidden-character", f"The URL holds a character that must be percent-encoded: {where}.")
    if len(text.encode()) > MAX_URL_BYTES:
        raise TargetRefused("too-long", f"The URL is longer than {MAX_URL_BYTES} bytes.")
    if not _WEB.match(text):
        raise _without_web_scheme(text)
    authority = _AUTHORITY.match(text)
    if authority and "@" in authority[1]:
        raise TargetRefused("user-info", "The URL holds a user name or password before an @; links may not.")


def _without_web_scheme(text: str) -> TargetRefused:
    if _SCHEME.match(text) and not re.match(r"[^/?#]*:\d", text):
        return TargetRefused("scheme-not-allowed", "The URL must begin with http:// or https://.")
    return TargetRefused(
        "scheme-missing", f"The URL must begin with http:// or https:// (https://{text.lstrip('/')[:80]}?)."
    )


def _parse(text: str) -> tuple[str, str, bool]:
    """Return ``href``, host name, and whether the host is an IP address in any notation."""
    import ada_url  # 2 ms, and a redirect never needs it

    try:
        parsed = ada_url.URL(text)
    except ValueError as refused:
        raise TargetRefused("invalid-url", "This is not a valid URL: a browser would not open it.") from refused
    if parsed.protocol not in {"http:", "https:"}:
        raise TargetRefused("scheme-not-allowed", "The URL must begin with http:// or https://.")
    if parsed.username or parsed.password:
        raise TargetRefused("user-info", "The URL holds a user name or password before an @; links may not.")
    return parsed.href, parsed.hostname, parsed.host_type != ada_url.HostType.DEFAULT


def _check_own(host: str, policy: TargetPolicy) -> None:
    bare = host.removesuffix(".")
    if bare in policy.own_hosts:
        raise TargetRefused("own-domain", "The URL leads back to this service; a link to a link would go in circles.")
    if bare.removeprefix("www.") in KNOWN_SHORTENERS:
        raise TargetRefused("known-shortener", f"{bare} shortens links itself. Please give the address it leads to.")


def _check_public(host: str) -> None:
    labels = host.split(".")
    if len(labels) == 1:
        raise TargetRefused(
            "host-not-public", f"The host {host!r} has no dot in it: it is no name of the public internet."
        )
    if len(host) > _MAX_HOST or not all(1 <= len(label) <= _MAX_LABEL for label in labels):
        raise TargetRefused(
            "host-invalid", "The host is not a valid domain name: an empty or overlong part, or a final dot."
        )
    if _SPECIAL_USE.fullmatch(host):
        raise TargetRefused("host-not-public", f"Names that end in .{labels[-1]} lead nowhere on the public internet.")
