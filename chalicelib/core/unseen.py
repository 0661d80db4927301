"""Invisible characters: which of them belong to words, and which only mislead readers."""

from __future__ import annotations

import re

# C0, DEL, C1, spaces that look like an ordinary one, soft hyphen, Arabic letter mark, fillers, zero-width
# space, line separators, bidi controls, BOM, tags; and lone surrogates, which are not characters.
# Not included: the joiners U+200C and U+200D and Mongolian's U+180E, without which Persian or Hindi words become
# other words and emoji families fall apart; and the ideographic space, which is as wide as a letter.
_MISLEADING = (
    "\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"  # Scotland: a flag, then the tags gbsct
# Thai, Lao, Tibetan, Myanmar and Khmer have no spaces between words; U+200B may mark where a word ends.
_NO_SPACES = "[\u0e00-\u109f\u1780-\u17b3\u17b6-\u17ff]"
_BETWEEN_WORDS = f"(?<={_NO_SPACES})\u200b(?={_NO_SPACES})"
_JOINERS = "\u200c\u200d\u180e"
_UNSEEN = re.compile(f"{_FLAG}|{_BETWEEN_WORDS}|([{_MISLEADING}])")


def find_misleading(text: str) -> int:
    """Return the index in ``text`` of the first misleading character, or -1 if there is none."""
    return next((found.start() for found in _UNSEEN.finditer(text) if found[1] is not None), -1)


def is_legible(text: str) -> bool:
    """Tell whether ``text`` has visible characters, and no misleading ones."""
    return text.strip(_JOINERS) != "" and find_misleading(text) < 0
