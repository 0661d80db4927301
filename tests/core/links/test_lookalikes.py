"""Warnings about hosts that look like others."""

from __future__ import annotations

import unicodedata

import pytest

from chalicelib.core.links.lookalikes import warning_about


def ace(label: str) -> str:
    """Return a label in Punycode, valid or not."""
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
def test_ascii_host_gets_no_warning(host: str) -> None:
    """Nor does an IP address."""
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
def test_non_ascii_host_is_shown_in_both_forms(host: str, shown: str) -> None:
    """In Punycode, and in Unicode as browsers show it."""
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
    """A word in two alphabets is hardly ever legitimate."""
    assert f"({alphabets})" in (warning_about(f"www.{ace(label)}.com") or "")


@pytest.mark.parametrize(
    "host", ["xn--bcher-kva.de", "xn--e1afmkfd.xn--p1ai", f"{ace('naïve')}.com", f"{ace('ñandú-2')}.es"]
)
def test_single_alphabet_is_not_called_mixed(host: str) -> None:
    """Accents, digits and hyphens belong to every alphabet."""
    assert "mixes" not in (warning_about(host) or "")


@pytest.mark.parametrize(
    "host", ["xn--99999999.com", "xn--.com", "xn---.com", "xn--é.com", "xn--\ud800.com", "xn--a_b.com"]
)
def test_invalid_punycode_gets_a_warning(host: str) -> None:
    """Tables may hold anything; it must not raise."""
    assert host in (warning_about(host) or "")


@pytest.mark.parametrize("hidden", ["\ud800", "\u202e", "\u200b", "\x80"], ids=ascii)
def test_warning_has_only_visible_characters(hidden: str) -> None:
    """A decoded name may contain lone surrogates or text direction marks, which must not be shown."""
    warning = warning_about(f"{ace(f'a{hidden}b')}.com") or ""

    assert {unicodedata.category(letter) for letter in warning}.isdisjoint({"Cc", "Cf", "Cs"})
