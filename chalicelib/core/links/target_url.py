r"""Target URLs: which are allowed, and their canonical form.

They are parsed as browsers do (the WHATWG URL standard, by Ada). In ``https://evil.com\@google.com/`` ``urllib`` would
find the host ``google.com``, while every browser goes to ``evil.com``. The order of the checks matters: each may rely
on those before it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_URL_BYTES = 8_000  # RFC 9110, section 4.1; API Gateway sends 10,240 bytes of headers
_MAX_AUTHORITY = 1_000  # characters; Ada takes quadratic time for hosts with non-ASCII letters
_MAX_HOST, _MAX_LABEL = 253, 63  # RFC 1035, section 2.3.4, without the final dot and the length bytes

# What browsers trim (WHATWG: C0 and space), and other spaces that keyboards and spreadsheets leave at either end.
_EDGES = "".join(map(chr, range(0x21))) + "\xa0\u3000"
_HOST = re.compile(r"[a-z0-9._-]*")  # in ASCII form; the URL standard also allows quotes, commas and brackets
_CUT = re.compile(r"[\t\n\r]")
_TWO = re.compile(r"[^?#]*[ \u3000]https?://", re.IGNORECASE)
_WEB = re.compile(r"https?://[^/]", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

# Names that do not exist on the public internet: IANA's special-use domain names, and those that private networks use
# and that will never be delegated: ICANN's `internal`, `corp`, `home`, `mail`, and RFC 6762's (appendix G).
_SPECIAL_USE = re.compile(
    r"(?:.*\.)?(?:alt|arpa|corp|example|home|internal|intranet|invalid|lan|local|localdomain|localhost|mail|onion"
    r"|private|test)"
)

# Public shorteners: a link to a link hides its target, and two of them can form a loop. Only hosts that do nothing but
# shorten: youtu.be and t.me lead to their own pages, and are hosts like any other.
KNOWN_SHORTENERS = frozenset(
    {
        *("1url.com", "2no.co", "7.ly", "adf.ly", "adfoc.us", "alturl.com", "amzn.to", "apple.co", "bc.vc", "bit.do"),
        *("bit.ly", "bitly.com", "bitly.ws", "bityl.co", "bl.ink", "budurl.com", "buff.ly", "chilp.it", "clck.ru"),
        *("cli.re", "clicky.me", "cutt.ly", "cutt.us", "da.gd", "dlvr.it", "dub.sh", "dwz.cn", "fb.me", "gg.gg"),
        *("goo.by", "goo.gl", "goo.su", "hyperurl.co", "ibit.ly", "ift.tt", "is.gd", "ity.im", "j.mp", "kutt.it"),
        *("lc.chat", "lnkd.in", "lstu.fr", "mcaf.ee", "me2.do", "mz.cm", "n9.cl", "ouo.io", "ow.ly", "po.st"),
        *("ppt.cc", "q.gs", "qr.ae", "rb.gy", "rebrand.ly", "reurl.cc", "rlu.ru", "rotf.lol", "s.id", "sh.st"),
        *("short.cm", "short.gy", "short.io", "shorte.st", "shorturl.asia", "shorturl.at", "shorturl.gg"),
        *("shrtco.de", "snip.ly", "snipurl.com", "soo.gd", "su.pr", "suo.im", "surl.li", "t.cn", "t.co", "t.ly"),
        *("t1p.de", "t2m.io", "tiny.cc", "tiny.one", "tiny.pl", "tinylink.net", "tinyurl.com", "tny.im", "tr.im"),
        *("trib.al", "twit.ac", "u.to", "ulvis.net", "url.cn", "url.ie", "urlz.fr", "urlzs.com", "v.gd", "v.ht"),
        *("vk.cc", "vzturl.com", "w.wiki", "wp.me", "x.co", "x.gd", "zpr.io"),
    }
)


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """Which targets are allowed.

    ``own_hosts``: host names of this service in lower case, never allowed; ``any_host``: intranet names are allowed;
    ``short_links``: links of other shorteners are allowed.
    """

    own_hosts: frozenset[str]
    any_host: bool = False
    short_links: bool = False


class TargetRefused(Exception):
    """The URL is not allowed as a target. ``code`` is stable and kebab-case, ``message`` says what to change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def canonical(text: str, policy: TargetPolicy) -> str:
    """Return ``text`` as it is stored and served: the WHATWG ``href``, pure ASCII.

    As in a browser, surrounding whitespace is trimmed, and spaces and non-ASCII letters are percent-encoded. Unlike in
    a browser, a tab or line break within the URL is refused, not dropped: it may be a broken URL or two URLs, which
    would go unnoticed in the link. Misleading characters are refused as well.

    Raises:
        TargetRefused: it is not a valid URL, or is not allowed.
    """
    text = text.strip(_EDGES)
    _check_text(text)
    href, written_host, host_is_ip = _parse(text)
    host = written_host.removesuffix(".")  # the same host: the dot only keeps resolvers from appending a search domain
    _check_own(host, policy)
    if not host_is_ip and not _HOST.fullmatch(host):
        raise TargetRefused("host-invalid", "The host is not a valid domain name: it has invalid characters.")
    if not policy.any_host:
        if host_is_ip:
            raise TargetRefused("ip-address", "The URL leads to an IP address; links may lead to host names only.")
        _check_public(host)
    if len(href) > MAX_URL_BYTES:
        raise TargetRefused("too-long", f"The URL is longer than {MAX_URL_BYTES:,} bytes once it is percent-encoded.")
    if not _HEADER_SAFE.fullmatch(href):
        raise TargetRefused("invalid-url", "This URL cannot be written in plain ASCII.")
    return href


@functools.lru_cache(maxsize=4096)
def servable(stored: str) -> str | None:
    """Return a stored target in a form that is safe in a ``Location`` header, or None if there is none.

    What this service has stored is returned unchanged. Older tables may hold anything; browsers and parsers disagree on
    backslashes, so none is served.
    """
    if _HEADER_SAFE.fullmatch(stored) and _WEB.match(stored) and "\\" not in stored:
        return stored
    try:
        href, _, _ = _parse(stored)
    except TargetRefused:
        return None
    return href.replace("\\", "%5C")


def host_of(stored: str) -> str:
    """Return the host that a browser would go to, without a final dot; empty if the URL is not valid."""
    try:
        return _parse(stored)[1].removesuffix(".")
    except TargetRefused:
        return ""


def shorteners_among(urls: Iterable[str]) -> list[str]:
    """Return the hosts of ``urls`` that belong to other shorteners, each once."""
    return list(dict.fromkeys(host for url in urls if _shortens(host := host_of(url))))


def _check_text(text: str) -> None:
    if not text:
        raise TargetRefused("missing", "Please give a URL.")
    if found := _CUT.search(text):
        message = f"The URL has a tab or a line break within it, at position {found.start() + 1}. Write it as one."
        raise TargetRefused("forbidden-character", message)
    _check_seen(text)
    if len(text.encode()) > MAX_URL_BYTES:
        raise TargetRefused("too-long", f"The URL is longer than {MAX_URL_BYTES:,} bytes.")
    if not _WEB.match(text):
        raise _without_web_scheme(text)
    if _TWO.match(text):
        raise TargetRefused("invalid-url", "There are two URLs with a space between them. Give one.")
    authority = _AUTHORITY.match(text)
    if authority and "@" in authority[1]:
        raise TargetRefused("user-info", "The URL holds a user name or password before an @; links may not.")
    if authority and len(authority[1]) > _MAX_AUTHORITY:
        raise TargetRefused("host-invalid", "The host is not a valid domain name: it is too long.")


def _check_seen(text: str) -> None:
    from chalicelib.core import unseen  # like the parser, not needed by redirects

    place = unseen.find_misleading(text)
    place = text.find("\\") if place < 0 else place
    if place < 0:
        return
    where = f"U+{ord(text[place]):04X} at position {place + 1}"
    raise TargetRefused("forbidden-character", f"The URL holds a character that must be percent-encoded: {where}.")


def _without_web_scheme(text: str) -> TargetRefused:
    if _SCHEME.match(text) and not re.match(r"[^/?#]*:\d", text):
        return TargetRefused("scheme-not-allowed", "The URL must begin with http:// or https://.")
    return TargetRefused(
        "scheme-missing", f"The URL must begin with http:// or https:// (https://{text.lstrip('/')[:80]}?)."
    )


def _parse(text: str) -> tuple[str, str, bool]:
    """Return the ``href``, the host name, and whether the host is an IP address in any notation."""
    import ada_url  # 2 ms, and not needed by redirects

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
    if host in policy.own_hosts:
        raise TargetRefused("own-domain", "The URL leads back to this service; a link to a link would go in circles.")
    if _shortens(host) and not policy.short_links:
        raise TargetRefused("known-shortener", f"{host} shortens links itself. Please give the address it leads to.")


def _shortens(host: str) -> bool:
    return host.removeprefix("www.") in KNOWN_SHORTENERS


def _check_public(host: str) -> None:
    labels = host.split(".")
    if len(labels) == 1:
        raise TargetRefused(
            "host-not-public", f"The host {host!r} has no dot in it: it is not a name of the public internet."
        )
    if len(host) > _MAX_HOST or not all(1 <= len(label) <= _MAX_LABEL for label in labels):
        raise TargetRefused("host-invalid", "The host is not a valid domain name: it has an empty or overlong part.")
    if _SPECIAL_USE.fullmatch(host):
        raise TargetRefused("host-not-public", f"Names that end in .{labels[-1]} do not exist on the public internet.")
