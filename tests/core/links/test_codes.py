"""Codes: valid and reserved ones, and how new ones are generated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shortid import ShortId

from chalicelib.core.links import codes


@pytest.mark.parametrize("text", ["a", "Z9", "_", "-", "a-b_c", "x" * 64])
def test_letters_digits_hyphens_and_underscores_are_valid(text: str) -> None:
    """A code has one to 64 of them."""
    assert codes.is_code(text)


@pytest.mark.parametrize(
    "text", ["", "x" * 65, "a b", "a/b", "a%2Fb", "é", "a\u200bb", "..", "a\n", "\n", "a+", "a.png"]
)
def test_other_texts_are_not_codes(text: str) -> None:
    """Not even one with a line break at the end."""
    assert not codes.is_code(text)


@pytest.mark.parametrize(
    ("text", "code", "punctuation"),
    [
        ("MyLink", "MyLink", ""),
        ("MyLink.", "MyLink", "."),
        ("MyLink)", "MyLink", ")"),
        ("MyLink,", "MyLink", ","),
        ("MyLink).", "MyLink", ")."),
        ("MyLink!?", "MyLink", "!?"),
        ("MyLink ", "MyLink", " "),
        ("MyLink%20", "MyLink", " "),
        ("MyLink%E2%80%9D", "MyLink", "\u201d"),
        ("MyLink\u00bb", "MyLink", "\u00bb"),
        ("MyLink'", "MyLink", "'"),
        ("MyLink\u3002", "MyLink", "\u3002"),
        ("MyLink\u3092", "MyLink", "\u3092"),
        ("MyLink>", "MyLink", ">"),
        ("MyLink*", "MyLink", "*"),
        ("MyLink+", "MyLink", "+"),
        ("MyLink+.", "MyLink", "+."),
        ("My-Link_", "My-Link_", ""),
        ("MyLink.html", "MyLink.html", ""),
        ("My.Link.", "My.Link.", ""),
        (".MyLink", ".MyLink", ""),
        ("MyLink%2Ehtml", "MyLink%2Ehtml", ""),
        ("My%4Cink", "My%4Cink", ""),
        ("MyLink%00", "MyLink%00", ""),
        ("MyLink%ff", "MyLink%ff", ""),
        ("MyLink\r\n", "MyLink\r\n", ""),
        ("...", "...", ""),
        ("", "", ""),
        ("a" * 65 + ".", "a" * 65 + ".", ""),
        ("a" + "." * 65, "a" + "." * 65, ""),
    ],
)
def test_punctuation_after_a_code_is_split_off(text: str, code: str, punctuation: str) -> None:
    """Chat and mail programs include it in links; characters in the middle are not split off."""
    assert codes.split_punctuation(text) == (code, punctuation)


@given(st.text(max_size=80))
def test_codes_need_no_encoding(text: str) -> None:
    """Every valid code is ASCII, and safe in paths."""
    if codes.is_code(text):
        assert text.isascii()
        assert 1 <= len(text) <= codes.MAX_CODE_LENGTH
        assert text.replace("-", "").replace("_", "a").isalnum() or set(text) == {"-"}


@pytest.mark.parametrize("unguessable", [False, True])
def test_generated_codes_are_valid(unguessable: bool) -> None:  # noqa: FBT001  # the case of the table
    """A valid code, not reserved, with a letter or digit at both ends."""
    for _ in range(2000):
        code = codes.generate(unguessable=unguessable)

        assert codes.is_code(code)
        assert not codes.is_reserved(code)
        assert code[0].isalnum()
        assert code[-1].isalnum()


@pytest.mark.parametrize(("process_id", "longest"), [(8, 8), (4_194_303, 13)])
def test_codes_are_short(monkeypatch: pytest.MonkeyPatch, process_id: int, longest: int) -> None:
    """Five to eight characters on Lambda; up to five more where process ids are as large as they can be."""
    monkeypatch.setattr("os.getpid", lambda: process_id)
    monkeypatch.setattr(codes, "_short_id", ShortId())  # codes of other tests within the same second make these longer

    assert all(5 <= len(codes.generate(unguessable=False)) <= longest for _ in range(500))


def test_unguessable_codes_are_twelve_of_58_letters() -> None:
    """Every letter occurs, except confusable ones, and no code occurs twice."""
    generated = [codes.generate(unguessable=True) for _ in range(2000)]

    assert {len(code) for code in generated} == {12}
    assert len(set("".join(generated))) == 58
    assert not set("".join(generated)) & set("0OIl")
    assert len(set(generated)) == len(generated)


def test_reserved_words_are_never_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    """If `shortid` returns one, another is generated; also if an end is one that mail programs would drop."""
    results = iter(["links", "PING", "-abc1", "abc1_", "free1"])
    monkeypatch.setattr(codes._short_id, "generate", lambda: next(results))  # noqa: SLF001  # the random source

    assert codes.generate(unguessable=False) == "free1"


def test_reserved_words_are_lower_case_codes() -> None:
    """They are compared in lower case; an invalid code would not need to be reserved."""
    assert all(word == word.lower() and codes.is_code(word) for word in codes.RESERVED)
