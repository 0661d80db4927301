"""Codes: which are possible, which are reserved, and how one is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shortid import ShortId

from chalicelib.core import codes


@pytest.mark.parametrize("text", ["a", "Z9", "_", "-", "a-b_c", "x" * 64])
def test_letters_digits_hyphens_and_underscores_make_a_code(text: str) -> None:
    """One to 64 of them."""
    assert codes.is_code(text)


@pytest.mark.parametrize(
    "text", ["", "x" * 65, "a b", "a/b", "a%2Fb", "é", "a\u200bb", "..", "a\n", "\n", "a+", "a.png"]
)
def test_nothing_else_does(text: str) -> None:
    """A line break at the end neither."""
    assert not codes.is_code(text)


@given(st.text(max_size=80))
def test_a_code_is_plain(text: str) -> None:
    """Whatever passes needs no encoding, in a path or anywhere."""
    if codes.is_code(text):
        assert text.isascii()
        assert 1 <= len(text) <= codes.MAX_CODE_LENGTH
        assert text.replace("-", "").replace("_", "a").isalnum() or set(text) == {"-"}


@pytest.mark.parametrize("unguessable", [False, True])
def test_what_is_drawn_can_be_a_link(unguessable: bool) -> None:  # noqa: FBT001  # the case of the table
    """A possible code, not reserved, with a letter or digit at both ends."""
    for _ in range(2000):
        code = codes.draw(unguessable=unguessable)

        assert codes.is_code(code)
        assert not codes.is_reserved(code)
        assert code[0].isalnum()
        assert code[-1].isalnum()


@pytest.mark.parametrize(("process_id", "longest"), [(8, 8), (4_194_303, 13)])
def test_codes_are_short(monkeypatch: pytest.MonkeyPatch, process_id: int, longest: int) -> None:
    """Five to eight characters on Lambda; up to five more where process ids are as large as they can be."""
    monkeypatch.setattr("os.getpid", lambda: process_id)
    monkeypatch.setattr(codes, "_short_id", ShortId())  # what others drew within the same second makes codes longer

    assert all(5 <= len(codes.draw(unguessable=False)) <= longest for _ in range(500))


def test_unguessable_codes_are_twelve_of_58_letters() -> None:
    """Over many draws every letter turns up, none that people confuse, and no code twice."""
    drawn = [codes.draw(unguessable=True) for _ in range(2000)]

    assert {len(code) for code in drawn} == {12}
    assert len(set("".join(drawn))) == 58
    assert not set("".join(drawn)) & set("0OIl")
    assert len(set(drawn)) == len(drawn)


def test_a_reserved_word_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """`shortid` could spell one; then it is asked again. So it is for an end that mail programs would drop."""
    spelt = iter(["links", "PING", "-abc1", "abc1_", "free1"])
    monkeypatch.setattr(codes._short_id, "generate", lambda: next(spelt))  # noqa: SLF001  # the chance itself

    assert codes.draw(unguessable=False) == "free1"


def test_reserved_words_are_lower_case_codes() -> None:
    """They are compared in lower case, so they must be; and what can be no code needs no reserving."""
    assert all(word == word.lower() and codes.is_code(word) for word in codes.RESERVED)
