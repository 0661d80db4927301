"""An open counter: the counts of a link or an owner on one day, in one slot, and how far the stream has been counted.

A mark is the sequence number of the last record counted from one shard. Counts and marks are stored together, so that a
record which the stream brings again is recognised. Within a shard, numbers rise; across shards they mean nothing.

The stored form is one binary attribute: a byte with the version of the form; the patterns that judged the clicks; the
marks; and the names and numbers of the counts, compressed. It must stay small: DynamoDB is paid by the KB.
"""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from chalicelib.core.visits import counters
from chalicelib.core.visits.counters import ClassifiedClick, Counts

MIXED = 0
"""The patterns of a counter whose clicks were judged by several versions of them."""
_FORM = 1
_SHARD_BYTES = 8
_NUMBER_BYTES = 17  # 40 digits, the longest sequence number
_MARK_BYTES = _SHARD_BYTES + _NUMBER_BYTES
_HEADER_BYTES = 7
# Raw, because a header would be an eighth of a small counter. The fastest preset, which is also a third smaller than
# zlib's best: 1.3 KB instead of 2.0 for the 480 names of a busy day.
_FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 0, "dict_size": 1 << 18, "lc": 3, "lp": 0, "pb": 0}]
_CONTINUES = 0x80


class CounterUnreadable(Exception):
    """A stored counter has a form that this version does not know."""


@dataclass(frozen=True, slots=True)
class OpenCounter:
    """Counts by name, and the marks by shard, as ``shard_id`` returns it."""

    counts: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[bytes, int] = field(default_factory=dict)
    patterns: int | None = None
    """The version of the patterns that judged its clicks, ``MIXED``, or None if there are none yet."""

    def add(
        self, shard: bytes, clicks: Sequence[tuple[int, ClassifiedClick]], patterns: int, *, of_owner: bool
    ) -> tuple[OpenCounter, list[ClassifiedClick]]:
        """Return the counter with those ``clicks`` whose number is above the mark of ``shard``, and these clicks.

        The numbers must rise.
        """
        mark = self.marks.get(shard, 0)
        new = [click for number, click in clicks if number > mark]
        if not new:
            return self, []
        added = counters.limit_names(counters.counts_of(new, with_links=of_owner), self.counts)
        judged = patterns if self.patterns in {None, patterns} else MIXED
        marks = {**self.marks, shard: clicks[-1][0]}
        return OpenCounter(Counter(self.counts) + added, marks, judged), new

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        marks = b"".join(shard + number.to_bytes(_NUMBER_BYTES, "big") for shard, number in sorted(self.marks.items()))
        patterns = (self.patterns or MIXED).to_bytes(4, "big")
        return bytes([_FORM]) + patterns + len(self.marks).to_bytes(2, "big") + marks + counts_to_bytes(self.counts)

    @classmethod
    def from_bytes(cls, stored: bytes) -> OpenCounter:
        """Read the stored form.

        Raises:
            CounterUnreadable: a newer version of this service wrote it.
        """
        if stored[:1] != bytes([_FORM]):
            raise CounterUnreadable(stored[:1])
        patterns, number_of_marks = int.from_bytes(stored[1:5], "big"), int.from_bytes(stored[5:7], "big")
        end = _HEADER_BYTES + number_of_marks * _MARK_BYTES
        marks = {
            stored[at : at + _SHARD_BYTES]: int.from_bytes(stored[at + _SHARD_BYTES : at + _MARK_BYTES], "big")
            for at in range(_HEADER_BYTES, end, _MARK_BYTES)
        }
        return cls(counts_from_bytes(stored[end:]), marks, patterns)


def shard_id(text: str) -> bytes:
    """Return a shard's id as marks have it: eight bytes, where the text has forty characters."""
    return blake2b(text.encode(), digest_size=_SHARD_BYTES).digest()


def counts_to_bytes(counts: Mapping[str, int]) -> bytes:
    """Return ``counts`` in few bytes: the names by breakdown and in order, then the numbers, all compressed."""
    names: dict[str, list[str]] = {}
    numbers = bytearray()
    for name in sorted(counts):
        breakdown, has_breakdown, rest = name.partition("#")
        names.setdefault(breakdown if has_breakdown else "", []).append(rest if has_breakdown else name)
    for breakdown, listed in names.items():
        for name in listed:
            number = counts[f"{breakdown}#{name}" if breakdown else name]
            while number >= _CONTINUES:
                numbers.append(number % _CONTINUES | _CONTINUES)
                number //= _CONTINUES
            numbers.append(number)
    text = json.dumps(names, separators=(",", ":"), ensure_ascii=False).encode()
    return lzma.compress(text + b"\0" + numbers, lzma.FORMAT_RAW, filters=_FILTERS)


def counts_from_bytes(stored: bytes) -> Counts:
    """Return the counts that ``counts_to_bytes`` was given."""
    text, _, numbers = lzma.decompress(stored, lzma.FORMAT_RAW, filters=_FILTERS).partition(b"\0")
    found, at = Counts(), 0
    for breakdown, listed in json.loads(text).items():
        for name in listed:
            number, shift = 0, 0
            while numbers[at] >= _CONTINUES:
                number |= (numbers[at] - _CONTINUES) << shift
                at, shift = at + 1, shift + 7
            found[f"{breakdown}#{name}" if breakdown else name] = number | numbers[at] << shift
            at += 1
    return found
