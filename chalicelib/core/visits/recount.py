"""The recount of a link's day from its rows: bounded in memory, and resumable between any two rows."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from chalicelib.core.visits import counters
from chalicelib.core.visits.counters import ClassifiedClick, Counts
from chalicelib.core.visits.open_counter import counts_from_bytes, counts_to_bytes
from chalicelib.core.visits.unique_visitors import UniqueVisitors

_MOST_NAMES = 2_000
"""In a breakdown while it is counted: what is rarer when there are more is counted as the rest."""
_CHECK_EVERY = 10_000  # rows
_MOST_BYTES = 299_000  # of 400 KB that an item may have; clients choose the names of referrers, of up to 253 characters


@dataclass(slots=True)
class Recount:
    """What was counted up to a row: the slot of the row and its entry; an empty entry is before the first row."""

    counts: Counts = field(default_factory=Counter)
    visitors: UniqueVisitors = field(default_factory=UniqueVisitors)
    slot: int = 0
    entry: str = ""
    rows: int = 0

    def add(self, click: ClassifiedClick) -> None:
        """Count a row. Clicks with do-not-track are counted, but not as visitors."""
        self.counts.update(counters.names_of(click, with_link=False))
        if click.kind == "humans" and click.click.visitor:
            self.visitors.add(click.click.visitor)
        self.rows += 1
        if self.rows % _CHECK_EVERY == 0 and len(self.counts) > _MOST_NAMES:
            self.counts = counters.limit_names(self.counts, most=_MOST_NAMES)

    def result(self) -> tuple[Counts, int]:
        """Return the counts, with the biggest names of each breakdown, and the number of unique visitors."""
        return counters.limit_names(self.counts), self.visitors.number()

    def to_bytes(self) -> bytes:
        """Return the stored form: 300 KB at most, for which the rarest of very long names may go to the rest."""
        most, visitors = _MOST_NAMES, self.visitors.to_bytes()
        while True:
            self.counts = counters.limit_names(self.counts, most=most)
            counted = counts_to_bytes(self.counts)
            if len(counted) + len(visitors) < _MOST_BYTES or most <= counters.MAX_NAMES:
                head = json.dumps([self.slot, self.entry, self.rows, len(counted)]).encode()
                return head + b"\0" + counted + visitors
            most //= 2

    @classmethod
    def from_bytes(cls, stored: bytes) -> Recount:
        """Read the stored form."""
        head, _, rest = stored.partition(b"\0")
        slot, entry, rows, length = json.loads(head)
        return cls(counts_from_bytes(rest[:length]), UniqueVisitors.from_bytes(rest[length:]), slot, entry, rows)
