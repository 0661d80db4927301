"""Passwords of links, and their stored digests."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest

from chalicelib.core.links import password

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Café Ångström ñ 각") for form in ("NFC", "NFD"))
SALT = bytes(range(16))


@pytest.fixture(autouse=True)
def quick_passwords() -> None:
    """The digests are the real ones here."""


def digest_with(text: str, n: int, r: int, p: int) -> str:
    """Return a digest with other parameters, as of another version of this service."""
    digest = hashlib.scrypt(text.encode(), salt=SALT, n=n, r=r, p=p, maxmem=2**26, dklen=32)
    return f"scrypt${n}${r}${p}${SALT.hex()}${digest.hex()}"


@pytest.mark.parametrize(
    "text", ["open", "correct horse battery staple", "   x", "a$b$c", "пароль", "😀😀😀😀", "x" * 128]
)
def test_password_matches_its_digest(text: str) -> None:
    """Whatever its characters, including spaces."""
    assert password.matches(text, password.digest_of(text))


@pytest.mark.parametrize("text", ["Sesame", "sesam", "sesamee", " sesame", "sesame ", "", "SESAME", "sésame"])
def test_other_passwords_do_not_match(text: str) -> None:
    """Case, spaces and accents matter."""
    assert not password.matches(text, password.digest_of("sesame"))


def test_letters_may_be_composed_or_not() -> None:
    """Keyboards differ in how they encode accents; both forms match."""
    assert COMPOSED != DECOMPOSED

    assert password.matches(DECOMPOSED, password.digest_of(COMPOSED))
    assert password.matches(COMPOSED, password.digest_of(DECOMPOSED))


def test_compatibility_forms_do_not_match() -> None:
    """A ligature is not equal to its letters."""
    assert not password.matches("\ufb01ne", password.digest_of("fine"))


def test_digests_of_equal_passwords_differ() -> None:
    """The table does not reveal that two links have the same password."""
    digests = [password.digest_of("sesame") for _ in range(3)]

    assert len({digest.split("$")[4] for digest in digests}) == 3
    assert len({digest.split("$")[5] for digest in digests}) == 3
    assert all(password.matches("sesame", digest) for digest in digests)


def test_digest_has_its_parameters() -> None:
    """And not the password."""
    name, n, r, p, salt, digest = password.digest_of("sesame").split("$")

    assert (name, n, r, p) == ("scrypt", "16384", "8", "1")
    assert (len(salt), len(digest)) == (32, 64)
    assert "sesame" not in bytes.fromhex(salt + digest).decode("latin-1")


@pytest.mark.parametrize(("n", "r", "p"), [(2, 1, 1), (1024, 8, 1), (2**14, 8, 1), (2**10, 4, 3), (2**15, 8, 1)])
def test_digest_is_checked_with_its_own_parameters(n: int, r: int, p: int) -> None:
    """Existing passwords keep working when the parameters change."""
    digest = digest_with("sesame", n, r, p)

    assert password.matches("sesame", digest)
    assert not password.matches("Sesame", digest)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83d\ude00 in halves", "\0", "\uffff", "a\u0301" * 64])
def test_odd_characters_do_not_raise(text: str) -> None:
    """A form may contain anything; such passwords match only themselves."""
    assert password.matches(text, password.digest_of(text))
    assert not password.matches(text, password.digest_of("sesame"))
