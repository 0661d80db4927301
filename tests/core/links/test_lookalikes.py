"""Hosts that may be taken for others."""

from __future__ import annotations

import unicodedata

import pytest

from chalicelib.core.look_alikes import warning_about


def ace(label: str) -> str:
    """Return a label as host names have it, valid or not."""
    return "xn--" + label.encode("punycode").decode()


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "www.example.com",
        "paypa1.com",
        "xn.example.com",
        "axn--b.com",
        "192.0.2.1",
        "[::1]",
        "localhost",
        "",
    ],
)
def test_a_host_in_plain_letters_is_what_it_looks_like(host: str) -> None:
    """Nothing is said of it."""
    assert warning_about(host) is None


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("xn--bcher-kva.de", "bücher.de"),
        ("www.xn--bcher-kva.de", "www.bücher.de"),
        ("xn--e1afmkfd.xn--p1ai", "пример.рф"),
        ("xn--80ak6aa92e.com", "\u0430\u0440\u0440\u04cf\u0435.com"),
        ("xn--pple-43d.com", "\u0430pple.com"),
        ("xn--fiqs8s", "中国"),
    ],
)
def test_a_host_in_other_letters_is_shown_both_ways(host: str, shown: str) -> None:
    """As it is written in the address, and as a browser shows it."""
    warning = warning_about(host)

    assert warning is not None
    assert host in warning
    assert shown in warning


@pytest.mark.parametrize(
    ("label", "alphabets"),
    [
        ("\u0430pple", "Cyrillic, Latin"),
        ("g\u03bf\u03bfgle", "Greek, Latin"),
        ("\u0430\u0440\u0440l\u0435", "Cyrillic, Latin"),
        ("\u03b1\u0440\u0440le", "Cyrillic, Greek, Latin"),
        ("p\u0430ypal", "Cyrillic, Latin"),
    ],
)
def test_mixed_alphabets_are_named(label: str, alphabets: str) -> None:
    """Hardly anybody who means well writes one word in two of them."""
    assert f"({alphabets})" in (warning_about(f"www.{ace(label)}.com") or "")


@pytest.mark.parametrize(
    "host", ["xn--bcher-kva.de", "xn--e1afmkfd.xn--p1ai", f"{ace('naïve')}.com", f"{ace('ñandú-2')}.es"]
)
def test_one_alphabet_is_no_mixture(host: str) -> None:
    """Accents, digits and hyphens belong to all of them."""
    assert "mixes" not in (warning_about(host) or "")


@pytest.mark.parametrize(
    "host", ["xn--99999999.com", "xn--.com", "xn---.com", "xn--é.com", "xn--\ud800.com", "xn--a_b.com"]
)
def test_what_is_no_name_at_all_does_not_raise(host: str) -> None:
    """A table may hold anything; the visitor is warned of it as of any other."""
    assert host in (warning_about(host) or "")


@pytest.mark.parametrize("hidden", ["\ud800", "\u202e", "\u200b", "\x80"], ids=ascii)
def test_a_warning_holds_nothing_that_cannot_be_seen(hidden: str) -> None:
    """Decoded, a name may hold halves of characters, which no page can, or marks that turn the warning around."""
    warning = warning_about(f"{ace(f'a{hidden}b')}.com") or ""

    assert {unicodedata.category(letter) for letter in warning}.isdisjoint({"Cc", "Cf", "Cs"})
