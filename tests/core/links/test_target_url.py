"""Which URLs a link may lead to, and how each is written."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import ada_url
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.core.target_url import MAX_URL_BYTES, TargetPolicy, TargetRefused, canonical, servable
from tests.paths import SHARED

POLICY = TargetPolicy(frozenset({"sho.rt", "xn--bcher-kva.rt"}))
ANYWHERE = TargetPolicy(frozenset({"sho.rt"}), any_host=True)


def refusal(url: str, policy: TargetPolicy = POLICY) -> str:
    """Return the code ``url`` is refused with."""
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
        (" javascript:alert(1)", "forbidden-character"),
        ("java\tscript:alert(1)", "forbidden-character"),
        ("//evil.com", "scheme-missing"),
        ("example.com/path", "scheme-missing"),
        ("example.com:8080/path", "scheme-missing"),
        ("https:evil.com", "scheme-not-allowed"),
        ("https:/evil.com", "scheme-not-allowed"),
        ("https:///evil.com", "scheme-not-allowed"),
        # User info, backslashes, and what else makes people and parsers disagree about the host.
        ("https://google.com@evil.com/", "user-info"),
        ("https://user:secret@example.com/", "user-info"),
        ("https://evil.com;@google.com/", "user-info"),
        ("https://@example.com/", "user-info"),
        ("https://evil.com%23@google.com/", "user-info"),
        ("https://evil.com\\@google.com/", "forbidden-character"),
        ("https:\\\\evil.com", "forbidden-character"),
        ("https://exa mple.com/", "forbidden-character"),
        # Response splitting.
        ("https://example.com/\r\nSet-Cookie:x=1", "forbidden-character"),
        ("https://example.com/\rx", "forbidden-character"),
        ("https://example.com/\x00", "forbidden-character"),
        ("https://evil\n.com/", "forbidden-character"),
        # What nobody can see.
        ("https://exa\u00admple.com/", "forbidden-character"),
        ("https://example.com/\u200bx", "forbidden-character"),
        ("https://example.com/\u202egpj.exe", "forbidden-character"),
        ("\ufeffhttps://example.com/", "forbidden-character"),
        ("https://example.com/\x85", "forbidden-character"),
        ("https://example.com/\ud800", "forbidden-character"),
        # Hosts.
        ("https://evil.com\u3002", "host-invalid"),
        ("https://example.com./", "host-invalid"),
        ("https://a..example.com/", "host-invalid"),
        ("https://" + "a" * 64 + ".com/", "host-invalid"),
        ("https://" + "a." * 127 + "com/", "host-invalid"),
        ("https://exa%00mple.com/", "invalid-url"),
        ("https://1.2.3.4.5/", "invalid-url"),
        ("https://example.com:99999/", "invalid-url"),
        ("https://[::1/", "invalid-url"),
        # Server-side request forgery, should anybody ever fetch one.
        ("http://169.254.169.254/latest/meta-data", "ip-address"),
        ("http://0x7f.1/", "ip-address"),
        ("http://2130706433/", "ip-address"),
        ("http://017700000001/", "ip-address"),
        ("http://[fd00:ec2::254]/", "ip-address"),
        ("http://[::ffff:127.0.0.1]/", "ip-address"),
        ("http://localhost/", "host-not-public"),
        ("http://localhost./", "host-invalid"),
        ("http://intranet/", "host-not-public"),
        ("http://metadata.google.internal/", "host-not-public"),
        ("http://printer.local/", "host-not-public"),
        ("http://a.test/", "host-not-public"),
        ("http://x.onion/", "host-not-public"),
        ("http://router.home.arpa/", "host-not-public"),
        # Loops.
        ("https://sho.rt/x", "own-domain"),
        ("https://SHO.RT/x", "own-domain"),
        ("https://sho.rt:8443/x", "own-domain"),
        ("https://sho.rt./x", "own-domain"),
        ("https://bücher.rt/x", "own-domain"),
        ("https://xn--bcher-kva.rt/x", "own-domain"),
        ("https://bit.ly/x", "known-shortener"),
        ("https://www.TinyURL.com/x", "known-shortener"),
        # Size, before and after percent-encoding.
        ("https://example.com/" + "a" * 2029, "too-long"),
        ("https://example.com/" + "é" * 400, "too-long"),
        ("https://example.com/" + "é" * 2_000_000, "too-long"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_what_is_refused_says_why(url: str, code: str) -> None:
    """Every way to be wrong has a code of its own."""
    assert refusal(url) == code


@pytest.mark.parametrize(
    "character",
    [
        *("\x00", "\x1f", "\x20", "\x7f", "\x80", "\xa0", "\xad", "\u034f", "\u061c", "\u115f", "\u1160"),
        *("\u17b4", "\u17b5", "\u180e", "\u2000", "\u200f", "\u2028", "\u202f", "\u205f", "\u206f", "\u3000"),
        *("\u3164", "\ud800", "\udfff", "\ufeff", "\uffa0", "\ufff9", "\ufffa", "\ufffb"),
        *("\U000e0000", "\U000e007f", "\\"),
    ],
    ids=ascii,
)
def test_whatever_people_cannot_see_is_refused_everywhere(character: str) -> None:
    """In path, query and fragment, the first and last of each kind: a browser would only percent-encode most."""
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
        ("https://my_host.example.com/", "https://my_host.example.com/"),
        ("https://notbit.ly/", "https://notbit.ly/"),
        ("https://mysho.rt/", "https://mysho.rt/"),
        ("https://example.com/" + "a" * 2028, "https://example.com/" + "a" * 2028),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_what_is_accepted_is_stored_as_browsers_read_it(url: str, href: str) -> None:
    """The canonical form, pure ASCII, every byte of a signed query in its place."""
    assert canonical(url, POLICY) == href


@pytest.mark.parametrize("url", ["http://localhost:3000/", "http://192.168.0.1/", "http://wiki/x", "http://[::1]/"])
def test_an_intranet_may_have_its_names(url: str) -> None:
    """`TARGET_HOSTS=any` lifts what is about the public internet, and nothing else."""
    assert canonical(url, ANYWHERE) == url
    assert refusal("https://sho.rt/x", ANYWHERE) == "own-domain"
    assert refusal("javascript:alert(1)", ANYWHERE) == "scheme-not-allowed"
    assert refusal("http://a@wiki/", ANYWHERE) == "user-info"


def vectors() -> list[dict[str, Any]]:
    """Return the cases of web-platform-tests."""
    file = SHARED / "vectors" / "urltestdata.json"
    if not file.exists():
        pytest.skip(f"NOT TESTED: the web platform's URL cases. {file} is not there.")
    return [case for case in json.loads(file.read_text("utf-8")) if isinstance(case, dict)]


def test_the_parser_is_the_browsers() -> None:
    """All 891 cases of the web platform, with their bases, as browsers have them."""
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


def test_nothing_the_web_platform_refuses_is_accepted() -> None:
    """And whatever is accepted is agreed upon: by the vectors, by urllib, and by a second reading."""
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


@settings(max_examples=3000, deadline=None)
@given(st.text(max_size=60) | _URLS)
@example("https://evil.com\\@google.com/")
def test_whatever_is_accepted_is_safe_to_serve(url: str) -> None:
    """Pure ASCII, bounded, canonical, http or https, no user info, and one host for every parser."""
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
def test_what_an_older_table_holds_is_served_if_a_browser_could(stored: str, served: str | None) -> None:
    """As it is where it is clean, percent-encoded where it is not, and not at all where it is no web address."""
    assert servable(stored) == served


def test_real_urls_are_accepted_or_refused_and_nothing_else() -> None:
    """1,200 lines as they stand in public projects: each becomes ASCII or gets a reason."""
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
