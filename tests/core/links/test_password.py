"""Passwords of links, and what is stored of them."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest

from chalicelib.core import password

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Café Ångström ñ 각") for form in ("NFC", "NFD"))
SALT = bytes(range(16))


def digest_with(word: str, n: int, r: int, p: int) -> str:
    """Return a digest as another version of this service may have made it."""
    made = hashlib.scrypt(word.encode(), salt=SALT, n=n, r=r, p=p, maxmem=2**26, dklen=32)
    return f"scrypt${n}${r}${p}${SALT.hex()}${made.hex()}"


@pytest.mark.parametrize(
    "word", ["open", "correct horse battery staple", "   x", "a$b$c", "пароль", "😀😀😀😀", "x" * 128]
)
def test_a_password_fits_its_digest(word: str) -> None:
    """Whatever it is made of, spaces and all."""
    assert password.fits(word, password.digest_of(word))


@pytest.mark.parametrize("word", ["Sesame", "sesam", "sesamee", " sesame", "sesame ", "", "SESAME", "sésame"])
def test_another_word_does_not(word: str) -> None:
    """Capitals, spaces and accents matter."""
    assert not password.fits(word, password.digest_of("sesame"))


def test_letters_may_be_composed_or_not() -> None:
    """Keyboards differ in how they write an accent; the word is the same."""
    assert COMPOSED != DECOMPOSED

    assert password.fits(DECOMPOSED, password.digest_of(COMPOSED))
    assert password.fits(COMPOSED, password.digest_of(DECOMPOSED))


def test_letters_that_only_look_alike_are_others() -> None:
    """A ligature is another word than its letters."""
    assert not password.fits("\ufb01ne", password.digest_of("fine"))


def test_no_two_digests_are_the_same() -> None:
    """Nobody sees in the table that two links have the same password."""
    digests = [password.digest_of("sesame") for _ in range(3)]

    assert len({digest.split("$")[4] for digest in digests}) == 3
    assert len({digest.split("$")[5] for digest in digests}) == 3
    assert all(password.fits("sesame", digest) for digest in digests)


def test_a_digest_says_how_it_was_made() -> None:
    """And does not hold the word."""
    name, n, r, p, salt, made = password.digest_of("sesame").split("$")

    assert (name, n, r, p) == ("scrypt", "16384", "8", "1")
    assert (len(salt), len(made)) == (32, 64)
    assert "sesame" not in bytes.fromhex(salt + made).decode("latin-1")


@pytest.mark.parametrize(("n", "r", "p"), [(2, 1, 1), (1024, 8, 1), (2**14, 8, 1), (2**10, 4, 3), (2**15, 8, 1)])
def test_a_digest_is_checked_as_it_was_made(n: int, r: int, p: int) -> None:
    """Links that were made with other costs keep their passwords when the costs change."""
    digest = digest_with("sesame", n, r, p)

    assert password.fits("sesame", digest)
    assert not password.fits("Sesame", digest)


@pytest.mark.parametrize("word", ["\ud800", "a\udfffb", "\ud83d\ude00 in halves", "\0", "\uffff", "a\u0301" * 64])
def test_odd_characters_do_not_raise(word: str) -> None:
    """A form may hold anything; what is no word fits no digest of another."""
    assert password.fits(word, password.digest_of(word))
    assert not password.fits(word, password.digest_of("sesame"))
