"""Allowed target URLs, and their canonical form."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import ada_url
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.core.links.target_url import (
    KNOWN_SHORTENERS,
    MAX_URL_BYTES,
    TargetPolicy,
    TargetRefused,
    canonical,
    servable,
)
from tests.paths import SHARED
from tests.sizes import usual_or_long

POLICY = TargetPolicy(frozenset({"sho.rt", "xn--bcher-kva.rt"}))
ANYWHERE = TargetPolicy(frozenset({"sho.rt"}), any_host=True)


def refusal(url: str, policy: TargetPolicy = POLICY) -> str:
    """Return the code that ``url`` is refused with."""
    with pytest.raises(TargetRefused) as refused:
        canonical(url, policy)
    assert refused.value.message
    return refused.value.code


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "missing"),
        # Schemes.
        ("javascript:alert(1)", "scheme-not-allowed"),
        ("JaVaScRiPt:alert(1)", "scheme-not-allowed"),
        ("data:text/html,x", "scheme-not-allowed"),
        ("ftp://example.com/", "scheme-not-allowed"),
        ("mailto:a@example.com", "scheme-not-allowed"),
        (" javascript:alert(1)", "scheme-not-allowed"),
        (" \n\u3000", "missing"),
        ("java\tscript:alert(1)", "forbidden-character"),
        ("//evil.com", "scheme-missing"),
        ("example.com/path", "scheme-missing"),
        ("example.com:8080/path", "scheme-missing"),
        ("https:evil.com", "scheme-not-allowed"),
        ("https:/evil.com", "scheme-not-allowed"),
        ("https:///evil.com", "scheme-not-allowed"),
        # User info, backslashes, and other things that make people and parsers disagree about the host.
        ("https://google.com@evil.com/", "user-info"),
        ("https://user:secret@example.com/", "user-info"),
        ("https://evil.com;@google.com/", "user-info"),
        ("https://@example.com/", "user-info"),
        ("https://evil.com%23@google.com/", "user-info"),
        ("https://evil.com\\@google.com/", "forbidden-character"),
        ("https:\\\\evil.com", "forbidden-character"),
        ("https://exa mple.com/", "invalid-url"),
        ("https://example.com /", "invalid-url"),
        ("https://exa\u3000mple.com/", "invalid-url"),
        # What came apart on its way, or is two.
        ("https://example.com/a\tb", "forbidden-character"),
        ("https://example.com/a\nb", "forbidden-character"),
        ("https://example.com/a\r\nb", "forbidden-character"),
        ("https://example.com/a https://example.com/b", "invalid-url"),
        ("https://example.com/a,  HTTP://example.com/b", "invalid-url"),
        # Response splitting.
        ("https://example.com/\r\nSet-Cookie:x=1", "forbidden-character"),
        ("https://example.com/\rx", "forbidden-character"),
        ("https://example.com/\x00x", "forbidden-character"),
        ("https://evil\n.com/", "forbidden-character"),
        # Invisible characters.
        ("https://exa\u00admple.com/", "forbidden-character"),
        ("https://example.com/\u200bx", "forbidden-character"),
        ("https://example.com/\u202egpj.exe", "forbidden-character"),
        ("\ufeffhttps://example.com/", "forbidden-character"),
        ("https://example.com/\x85", "forbidden-character"),
        ("https://example.com/\ud800", "forbidden-character"),
        ("https://example.com/a\u200bb", "forbidden-character"),
        ("https://example.com/\U0001f3f4\U000e0067", "forbidden-character"),
        ("https://ex\u200cample.com/", "invalid-url"),
        ("https://ex\u200dample.com/", "invalid-url"),
        # Hosts.
        ("https://a..example.com/", "host-invalid"),
        ("https://example.com../", "host-invalid"),
        ("https://./", "host-not-public"),
        ('https://"example.com/a', "host-invalid"),
        ("https://exa,mple.com/", "host-invalid"),
        ("https://(example.com)/", "host-invalid"),
        ("https://example.com'/", "host-invalid"),
        ("https://com./", "host-not-public"),
        ("http://printer.local./", "host-not-public"),
        ("https://" + "a" * 64 + ".com/", "host-invalid"),
        ("https://" + "a." * 127 + "com/", "host-invalid"),
        ("https://exa%00mple.com/", "invalid-url"),
        ("https://1.2.3.4.5/", "invalid-url"),
        ("https://example.com:99999/", "invalid-url"),
        ("https://[::1/", "invalid-url"),
        # Server-side request forgery, in case targets are ever fetched.
        ("http://169.254.169.254/latest/meta-data", "ip-address"),
        ("http://0x7f.1/", "ip-address"),
        ("http://2130706433/", "ip-address"),
        ("http://017700000001/", "ip-address"),
        ("http://[fd00:ec2::254]/", "ip-address"),
        ("http://[::ffff:127.0.0.1]/", "ip-address"),
        ("http://localhost/", "host-not-public"),
        ("http://localhost./", "host-not-public"),
        ("http://intranet/", "host-not-public"),
        ("http://metadata.google.internal/", "host-not-public"),
        ("http://printer.local/", "host-not-public"),
        ("http://a.test/", "host-not-public"),
        ("http://x.onion/", "host-not-public"),
        ("http://router.home.arpa/", "host-not-public"),
        ("http://nas.lan/", "host-not-public"),
        ("http://fritz.home/", "host-not-public"),
        ("http://wiki.corp/", "host-not-public"),
        ("http://LOCALHOST.localdomain/", "host-not-public"),
        ("http://hr.intranet./", "host-not-public"),
        ("http://db.private/", "host-not-public"),
        ("http://mx.mail/", "host-not-public"),
        # Loops.
        ("https://sho.rt/x", "own-domain"),
        ("https://SHO.RT/x", "own-domain"),
        ("https://sho.rt:8443/x", "own-domain"),
        ("https://sho.rt./x", "own-domain"),
        ("https://bücher.rt/x", "own-domain"),
        ("https://xn--bcher-kva.rt/x", "own-domain"),
        ("https://bit.ly/x", "known-shortener"),
        ("https://bit.ly./x", "known-shortener"),
        ("https://www.TinyURL.com/x", "known-shortener"),
        *(
            (f"https://{host}/x", "known-shortener")
            for host in ("j.mp", "ift.tt", "amzn.to", "x.gd", "shorte.st", "wp.me", "kutt.it", "u.to", "2no.co", "t.cn")
        ),
        # Size, before and after percent-encoding.
        ("https://example.com/" + "a" * 7981, "too-long"),
        ("https://example.com/" + "é" * 1400, "too-long"),
        ("https://example.com/" + "é" * 2_000_000, "too-long"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_invalid_targets_are_refused_with_a_code(url: str, code: str) -> None:
    """Each kind of error has its own code."""
    assert refusal(url) == code


def test_all_known_shorteners_are_refused() -> None:
    """The list must have hosts in canonical form and without www, or they would never match."""
    for host in KNOWN_SHORTENERS:
        assert refusal(f"https://{host}/x", ANYWHERE) == "known-shortener"
        assert refusal(f"https://www.{host}/x") == "known-shortener"


@pytest.mark.parametrize(
    "character",
    [
        *("\x00", "\x1f", "\x7f", "\x80", "\xa0", "\xad", "\u034f", "\u061c", "\u115f", "\u1160"),
        *("\u17b4", "\u17b5", "\u2000", "\u200b", "\u200e", "\u200f", "\u2028", "\u202e", "\u202f", "\u205f"),
        *("\u2060", "\u206f", "\u3164", "\ud800", "\udfff", "\ufeff", "\uffa0", "\ufff9", "\ufffa", "\ufffb"),
        *("\U000e0000", "\U000e007f", "\\"),
    ],
    ids=ascii,
)
def test_invisible_characters_are_refused_everywhere(character: str) -> None:
    """In path, query and fragment; the first and last of each range."""
    for url in ("https://example.com/{}x", "https://example.com/?{}x", "https://example.com/#{}x"):
        assert refusal(url.format(character)) == "forbidden-character"


@pytest.mark.parametrize(
    ("url", "href"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.com:443/A/../b?Q=1#F", "https://example.com/b?Q=1#F"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        ("https://evil.com?@google.com/", "https://evil.com/?@google.com/"),
        ("https://example.com/%0d%0aSet-Cookie:x", "https://example.com/%0d%0aSet-Cookie:x"),
        ("https://example.com/ü?ä=ö", "https://example.com/%C3%BC?%C3%A4=%C3%B6"),
        ("https://example.com/?sig=a%2Fb+c==&x=%zz", "https://example.com/?sig=a%2Fb+c==&x=%zz"),
        ("https://\u0430pple.com/", "https://xn--pple-43d.com/"),
        ("https://\uff45\uff58ample.com/", "https://example.com/"),
        ("https://faß.de/", "https://xn--fa-hia.de/"),
        # Trimmed at the ends and percent-encoded inside, as browsers do.
        (" https://example.com/x", "https://example.com/x"),
        ("\t\r\n https://example.com/x \r\n", "https://example.com/x"),
        ("\x00https://example.com/x\x1f", "https://example.com/x"),
        ("\u3000https://example.com/x\xa0", "https://example.com/x"),
        ("https://example.com/my file.txt", "https://example.com/my%20file.txt"),
        ("https://example.com/a  b?c d#e f", "https://example.com/a%20%20b?c%20d#e%20f"),
        ("https://example.com/?q=\u6771\u3000x", "https://example.com/?q=%E6%9D%B1%E3%80%80x"),
        ("https://example.com/?text=see https://example.org/", "https://example.com/?text=see%20https://example.org/"),
        # Letters of all languages, including joiners that are invisible alone.
        (
            "https://fa.wikipedia.org/wiki/\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "https://fa.wikipedia.org/wiki/%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88%D8%A7%D9%87%D9%85",
        ),
        ("https://example.com/\u0995\u09cd\u200d\u09b7", "https://example.com/%E0%A6%95%E0%A7%8D%E2%80%8D%E0%A6%B7"),
        ("https://example.com/?\u0915\u094d\u200d", "https://example.com/?%E0%A4%95%E0%A5%8D%E2%80%8D"),
        ("https://example.com/#\u1820\u180e\u1820", "https://example.com/#%E1%A0%A0%E1%A0%8E%E1%A0%A0"),
        ("https://example.com/\u1780\u200b\u1781", "https://example.com/%E1%9E%80%E2%80%8B%E1%9E%81"),
        ("https://example.com/\u0e01\u200b\u0e02", "https://example.com/%E0%B8%81%E2%80%8B%E0%B8%82"),
        (
            "https://example.com/\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "https://example.com/%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7",
        ),
        (
            "https://example.com/\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
            "https://example.com/%F0%9F%8F%B4%F3%A0%81%A7%F3%A0%81%A2%F3%A0%81%B3%F3%A0%81%A3%F3%A0%81%B4%F3%A0%81%BF",
        ),
        # Joiners in a host, only where IDNA allows them.
        ("https://\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com/", "https://xn--mgba3gch31f060k.com/"),
        ("https://\u0915\u094d\u200d\u0937.com/", "https://xn--11b2ezcw70k.com/"),
        ("https://my_host.example.com/", "https://my_host.example.com/"),
        ("https://notbit.ly/", "https://notbit.ly/"),
        ("https://www.Example.com./x", "https://www.example.com./x"),
        ("https://example.com\u3002:8080/x", "https://example.com.:8080/x"),
        ("https://" + "a." * 126 + "b./", "https://" + "a." * 126 + "b./"),
        ("https://mysho.rt/", "https://mysho.rt/"),
        ("https://youtu.be/x", "https://youtu.be/x"),
        ("https://linktr.ee/x", "https://linktr.ee/x"),
        ("https://mylan.com/", "https://mylan.com/"),
        ("https://corp.example.com/", "https://corp.example.com/"),
        ("https://mail.com/", "https://mail.com/"),
        ("https://example.com/" + "a" * 7980, "https://example.com/" + "a" * 7980),
        ("https://example.com/" + "é" * 1330, "https://example.com/" + "%C3%A9" * 1330),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_accepted_urls_are_stored_in_canonical_form(url: str, href: str) -> None:
    """The form is pure ASCII, as browsers have it, and keeps every byte of a signed query."""
    assert canonical(url, POLICY) == href


def test_line_break_is_reported_with_its_position() -> None:
    """A browser would drop it, which could change the target."""
    with pytest.raises(TargetRefused, match="a tab or a line break within it, at position 22"):
        canonical(" https://example.com/a\nb", POLICY)


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost:3000/", "http://192.168.0.1/", "http://wiki/x", "http://[::1]/"),
        *("http://nas.lan/", "http://wiki.corp/"),
    ],
)
def test_intranet_hosts_can_be_allowed(url: str) -> None:
    """`TARGET_HOSTS=any` only lifts the restriction to the public internet."""
    assert canonical(url, ANYWHERE) == url
    assert refusal("https://sho.rt/x", ANYWHERE) == "own-domain"
    assert refusal("https://sho.rt./x", ANYWHERE) == "own-domain"
    assert refusal("javascript:alert(1)", ANYWHERE) == "scheme-not-allowed"
    assert refusal("http://a@wiki/", ANYWHERE) == "user-info"


def test_long_non_ascii_hosts_are_refused_early() -> None:
    """Encoding them takes quadratic time, so their length is checked before."""
    letters = "".join(chr(0x4E00 + place) for place in range(1_001))

    assert refusal(f"https://{letters}/", ANYWHERE) == "host-invalid"


def vectors() -> list[dict[str, Any]]:
    """Return the cases of web-platform-tests."""
    file = SHARED / "vectors" / "urltestdata.json"
    if not file.exists():
        pytest.skip(f"NOT TESTED: the web platform's URL cases. {file} is not there.")
    return [case for case in json.loads(file.read_text("utf-8")) if isinstance(case, dict)]


def test_parser_follows_the_url_standard() -> None:
    """All 891 cases of web-platform-tests, with their base URLs."""
    cases = vectors()

    wrong = []
    for case in cases:
        try:
            href = ada_url.URL(case["input"], base=case["base"]).href
        except ValueError:
            href = None
        if href != (None if case.get("failure") else case["href"]):
            wrong.append(case["input"])

    assert len(cases) == 891
    assert wrong == []


def test_urls_invalid_by_the_standard_are_refused() -> None:
    """Accepted URLs are read the same by the test vectors, by urllib, and when parsed again."""
    accepted = 0
    for case in vectors():
        try:
            href = canonical(case["input"], POLICY)
        except TargetRefused:
            continue
        accepted += 1
        assert not case.get("failure"), case["input"]
        assert href == case["href"]
        assert canonical(href, POLICY) == href
        assert urlsplit(href).hostname == case["hostname"]

    assert accepted > 40


_WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FFF), max_size=12)
_LABELS = st.from_regex(r"[a-zA-Z0-9]{1,8}|[a-z]{1,3}\.[a-z]{2,4}|[äßÉа-я]{1,4}|%[0-9a-f]{2}", fullmatch=True)
_HOSTS = st.lists(_LABELS, min_size=1, max_size=4).map(".".join)
_URLS = st.builds(
    "{}{}{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTPS://", "https:/", "//", "ftp://", "https://a@", ""]),
    _HOSTS,
    st.sampled_from(["", ":443", ":8080", ":0", ":99999", "."]),
    st.sampled_from(["", "/", "/a/../b", "/%2e%2E/", "/;p"]) | _WORDS.map("/{}".format),
    st.just("") | _WORDS.map("?{}".format),
    st.just("") | _WORDS.map("#{}".format),
)


@settings(max_examples=usual_or_long(500, 20_000))
@given(st.text(max_size=60) | _URLS)
@example("https://evil.com\\@google.com/")
def test_accepted_urls_are_safe_to_serve(url: str) -> None:
    """Pure ASCII, bounded, canonical, http or https, no user info, and the same host for every parser."""
    try:
        href = canonical(url, POLICY)
    except TargetRefused:
        return

    parts = urlsplit(href)
    assert all("\x21" <= character <= "\x7e" for character in href)
    assert len(href) <= MAX_URL_BYTES
    assert canonical(href, POLICY) == href
    assert servable(href) == href
    assert parts.scheme in {"http", "https"}
    assert parts.username is None
    assert parts.hostname == ada_url.URL(href).hostname


@pytest.mark.parametrize(
    ("stored", "served"),
    [
        ("https://example.com/%zz?a b".replace(" ", "+"), "https://example.com/%zz?a+b"),
        ("HTTP://Example.com", "HTTP://Example.com"),
        ("https://example.com/ü", "https://example.com/%C3%BC"),
        ("https://example.com/a b", "https://example.com/a%20b"),
        ("https://evil.com\\@google.com/", "https://evil.com/@google.com/"),
        ("https:\\\\evil.com\\x", "https://evil.com/x"),
        ("https://example.com/?a=b\\c#d\\e", "https://example.com/?a=b%5Cc#d%5Ce"),
        ("javascript:alert(1)", None),
        ("/relative", None),
        ("https://", None),
        ("https://user:secret@example.com/ü", None),
        ("", None),
    ],
)
def test_stored_targets_of_older_tables_are_served_if_possible(stored: str, served: str | None) -> None:
    """Unchanged if they are safe, percent-encoded otherwise; not at all if they are not web addresses."""
    assert servable(stored) == served


def test_real_urls_are_accepted_or_refused_with_a_code() -> None:
    """Each of 1,201 lines from public projects becomes ASCII or gets an error code."""
    file = SHARED / "vectors" / "real-urls.txt"
    if not file.exists():
        pytest.skip(f"NOT TESTED: real URLs. {file} is not there.")
    outcomes = []
    for line in file.read_text("utf-8").split("\n"):
        try:
            outcomes.append(canonical(line, POLICY).isascii())
        except TargetRefused as refused:
            outcomes.append(bool(refused.code))

    assert len(outcomes) == 1201
    assert all(outcomes)
