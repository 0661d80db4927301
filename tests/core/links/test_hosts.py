"""Hosts of URLs, and their parent domains."""

from __future__ import annotations

import pytest

from chalicelib.core.links import hosts


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/", "example.com"),
        ("https://www.example.com:8443/a?b#c", "www.example.com"),
        ("http://EXAMPLE.com/", "example.com"),
        ("https://example.com./", "example.com"),
        ("https://example.com.:8080/", "example.com"),
        ("https://xn--bcher-kva.de/", "xn--bcher-kva.de"),
        ("https://192.0.2.1:81/", "192.0.2.1"),
        ("https://[2001:db8::1]/", "2001:db8::1"),
        ("https://[2001:db8::1]:8080/", "2001:db8::1"),
        ("https://a_b.example.com/", "a_b.example.com"),
        ("https://example.com?@evil.example/", "example.com"),
        ("https://example.com#@evil.example/", "example.com"),
        ("https://localhost/", "localhost"),
        # Possible in older tables.
        ("", ""),
        ("/path", ""),
        ("example.com", ""),
        ("mailto:a@example.com", ""),
        ("https://", ""),
        ("https://[::1", ""),
        ("https://[nonsense]/", ""),
        ("https://exa\u2100mple.com/", ""),
    ],
    ids=ascii,
)
def test_host_of_a_url(url: str, host: str) -> None:
    """Without port, brackets and final dot; empty for anything that is not a URL."""
    assert hosts.host_of(url) == host


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("a.b.example", ["a.b.example", "b.example", "example"]),
        ("example.com", ["example.com", "com"]),
        ("localhost", ["localhost"]),
        ("xn--bcher-kva.de", ["xn--bcher-kva.de", "de"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("::ffff:192.0.2.1", ["::ffff:192.0.2.1"]),
        ("192.0.2.1", ["192.0.2.1"]),
        ("1.2.3.4.example", ["1.2.3.4.example", "2.3.4.example", "3.4.example", "4.example", "example"]),
    ],
)
def test_host_and_its_parent_domains(host: str, names: list[str]) -> None:
    """The host comes first; an IP address has no parents."""
    assert hosts.with_parents(host) == names


@pytest.mark.parametrize(
    ("text", "is_host"),
    [
        ("example.com", True),
        ("localhost", True),
        ("a", True),
        ("a-b.example", True),
        ("_dmarc.example.com", True),
        ("a--b.example", True),
        ("xn--bcher-kva.de", True),
        ("192.0.2.1", True),
        ("a" * 63 + ".example", True),
        (".".join(["a" * 63] * 3) + "." + "a" * 61, True),
        (".".join(["a" * 63] * 3) + "." + "a" * 62, False),
        ("a" * 64 + ".example", False),
        ("", False),
        (".", False),
        ("example.com.", False),
        (".example.com", False),
        ("a..example", False),
        ("-a.example", False),
        ("a-.example", False),
        ("Example.com", False),
        ("bücher.de", False),
        ("*.example.com", False),
        ("example.com:443", False),
        ("example.com/", False),
        ("https://example.com", False),
        ("a b.example", False),
        ("example.com\n", False),
        ("[::1]", False),
        ("::1", False),
        ("a." * 100_000, False),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_canonical_host_names(text: str, *, is_host: bool) -> None:
    """Lower case, ASCII, no final dot; labels of up to 63 characters, and 253 in all."""
    assert hosts.is_host(text) is is_host
