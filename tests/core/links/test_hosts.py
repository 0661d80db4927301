"""Hosts of URLs, and the names above them."""

from __future__ import annotations

import pytest

from chalicelib.core import hosts


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
        # What an older table may hold.
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
def test_a_url_leads_to_a_host(url: str, host: str) -> None:
    """Without port, brackets and final dot; of what is no URL none is told, and nothing is raised."""
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
def test_above_a_host_are_the_names_it_belongs_to(host: str, names: list[str]) -> None:
    """Itself first; an address belongs to none."""
    assert hosts.above(host) == names


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
def test_a_host_is_written_in_one_way(text: str, *, is_host: bool) -> None:
    """Lower case, ASCII, no final dot; parts of up to 63 characters and 253 in all."""
    assert hosts.is_host(text) is is_host
