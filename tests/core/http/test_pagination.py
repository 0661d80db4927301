"""Cursors are signed, and valid only exactly as issued."""

from __future__ import annotations

import string

import pytest

from chalicelib.core.http import pagination

SECRET = b"s" * 32
LETTERS = string.ascii_letters + string.digits + "-_"


@pytest.mark.parametrize("position", ["a", "ab", "abc", "2026-11-24T12:00:00.000Z sale", "\u00fc"])
def test_changed_cursor_is_rejected(position: str) -> None:
    """A change of any one character makes it invalid, even where base64 has spare bits."""
    signed = pagination.sign_cursor(position, "ann", SECRET)

    assert pagination.read_cursor(signed, "ann", SECRET) == position
    for place, letter in enumerate(signed):
        for other in LETTERS:
            if other != letter:
                with pytest.raises(ValueError):  # noqa: PT011  # what it raises
                    pagination.read_cursor(signed[:place] + other + signed[place + 1 :], "ann", SECRET)


@pytest.mark.parametrize("change", ["{}=", "{}==", " {}", "{}\n", "{}A"])
def test_cursor_with_additions_is_rejected(change: str) -> None:
    """Even with characters that decoders ignore."""
    with pytest.raises(ValueError):  # noqa: PT011  # what it raises
        pagination.read_cursor(change.format(pagination.sign_cursor("sale", "ann", SECRET)), "ann", SECRET)
