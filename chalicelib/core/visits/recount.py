"""The recount of a link's day from its rows: bounded in memory, and resumable between any two rows.

Each row belongs to the owner that its link had at that moment. On most days that is one; when a link has moved there
are several, and each has a *share* of the day, with visitors of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.core.visits import counters
from chalicelib.core.visits.counters import ClassifiedClick, Counts
from chalicelib.core.visits.open_counter import counts_from_bytes, counts_to_bytes
from chalicelib.core.visits.unique_visitors import UniqueVisitors

MOST_OWNERS = 16
"""Of a day; the rows of further ones are counted with those of no owner. Each is an action of one transaction."""
_MOST_NAMES = 2_000
"""In a breakdown while it is counted: what is rarer when there are more is counted as the rest."""
_CHECK_EVERY = 10_000  # rows
_MOST_BYTES = 299_000  # of 400 KB that an item may have; clients choose the names of referrers, of up to 253 characters
_MOST_BYTES_OF_VISITORS = 150_000  # the exact ids of one share are 131 KB at most


@dataclass(slots=True)
class Share:
    """What the rows of one owner add up to."""

    counts: Counts = field(default_factory=Counter)
    visitors: UniqueVisitors = field(default_factory=UniqueVisitors)


@dataclass(slots=True)
class Recount:
    """What was counted up to a row: the slot of the row and its entry; an empty entry is before the first row."""

    shares: dict[str | None, Share] = field(default_factory=dict)
    """By owner; None: of no owner."""
    slot: int = 0
    entry: str = ""
    rows: int = 0

    @classmethod
    def with_owners(cls, owners: Iterable[str]) -> Recount:
        """Return a recount in which ``owners`` have room before others, in whatever order their rows come."""
        return cls({owner: Share() for owner in owners})

    def add(self, click: ClassifiedClick) -> None:
        """Count a row. Clicks with do-not-track are counted, but not as visitors."""
        share = self._share_of(click.click.owner)
        share.counts.update(counters.names_of(click, with_link=False))
        if click.kind == "humans" and click.click.visitor:
            share.visitors.add(click.click.visitor)
        self.rows += 1
        if self.rows % _CHECK_EVERY == 0:
            self._limit_names(_MOST_NAMES)

    def result(self) -> tuple[Counts, int]:
        """Return the counts, with the biggest names of each breakdown, and the number of unique visitors."""
        visitors = UniqueVisitors()
        for share in self.shares.values():
            visitors.add_all(share.visitors)
        counts = counters.summed(share.counts for share in self.shares.values())
        return counters.limit_names(counts), visitors.number()

    def by_owner(self) -> dict[str, Counts]:
        """Return the same for each owner by itself, with ``visitors`` among the counts."""
        return {
            owner: Counts({**counters.limit_names(share.counts), "visitors": share.visitors.number()})
            for owner, share in self.shares.items()
            if owner is not None
        }

    def to_bytes(self) -> bytes:
        """Return the stored form: 300 KB at most.

        For that, the rarest of very long names may go to the rest, and of several owners the visitors of those with the
        most become an estimate.
        """
        visitors = self._visitors_to_bytes()
        most = _MOST_NAMES
        while True:
            self._limit_names(most)
            counted = [counts_to_bytes(share.counts) for share in self.shares.values()]
            if sum(map(len, [*counted, *visitors])) < _MOST_BYTES or not most:
                break
            most //= 2
        lengths = [(owner, len(counted[at]), len(visitors[at])) for at, owner in enumerate(self.shares)]
        head = json.dumps([self.slot, self.entry, self.rows, lengths]).encode()
        return head + b"\0" + b"".join([*counted, *visitors])

    @classmethod
    def from_bytes(cls, stored: bytes) -> Recount:
        """Read the stored form."""
        head, _, rest = stored.partition(b"\0")
        slot, entry, rows, lengths = json.loads(head)
        found, counts_at = cls({}, slot, entry, rows), 0
        visitors_at = sum(of_counts for _, of_counts, _ in lengths)
        for owner, of_counts, of_visitors in lengths:
            counts = counts_from_bytes(rest[counts_at : counts_at + of_counts])
            visitors = UniqueVisitors.from_bytes(rest[visitors_at : visitors_at + of_visitors])
            found.shares[owner] = Share(counts, visitors)
            counts_at, visitors_at = counts_at + of_counts, visitors_at + of_visitors
        return found

    def _share_of(self, owner: str | None) -> Share:
        if owner not in self.shares and len(self.shares) - (None in self.shares) >= MOST_OWNERS:
            owner = None
        return self.shares.setdefault(owner, Share())

    def _limit_names(self, most: int) -> None:
        for share in self.shares.values():
            if len(share.counts) > most:
                share.counts = counters.limit_names(share.counts, most=most)

    def _visitors_to_bytes(self) -> list[bytes]:
        """Return the visitors of each share; while all of them are too long, those of the longest become a sketch."""
        shares = list(self.shares.values())
        stored = [share.visitors.to_bytes() for share in shares]
        for at in sorted(range(len(stored)), key=lambda at: -len(stored[at])):
            if sum(map(len, stored)) < _MOST_BYTES_OF_VISITORS:
                break
            shares[at].visitors.sketch()
            stored[at] = shares[at].visitors.to_bytes()
        return stored
