"""The shares of a link's day that its owners have: what each was credited, and what each is to be corrected by.

A share is counts by name, with ``visitors`` among them. A day that has none was credited to its one owner as a whole;
or the version before folded it, which credits each owner by its counters, and records nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from chalicelib.core.visits import counters
from chalicelib.core.visits.counters import Counts, Day

_MOST_BYTES = 100_000  # of 400 KB that an item may have, in which the counts of the day are as well

Shares = Mapping[str, Counts]
"""By owner."""


def credited(day: Day, owner: str | None) -> Shares:
    """Return what the owners of a link were credited for a ``day`` by the nights before.

    Of a day that is not folded that is the visitors alone: what counters have added for whom, no link's day knows. Of a
    day without shares it is all, for ``owner``; ``are_unknown`` tells of which one that may be wrong.
    """
    if day.shares is not None:
        return day.shares
    if owner is None or day.visitors is None:
        return {}
    return {owner: Counts({**(day.counts if day.is_folded else {}), "visitors": day.visitors})}


def are_unknown(day: Day, owner: str | None, owners: AbstractSet[str | None]) -> bool:
    """Tell whether nobody knows what a folded ``day`` credited to whom, if its rows are of ``owners``.

    The version before folded it: counters credited each owner its own visits, whichever one the day names.
    """
    return day.is_folded and day.shares is None and not day.is_whole and not owners <= {owner}


def additions(link_id: str, owner: str | None, before: Day, after: Day) -> dict[str, Counts]:
    """Return what the days of owners are to be corrected by, of a day of which it is unknown what each was credited.

    That is what is new to the link's day, for the one whose row is late; of several, or if that was not recorded, for
    the ``owner`` that the day names. Nobody is taken what the counters have credited.
    """
    late = next(iter(before.late_owners)) if len(before.late_owners) == 1 else owner
    if late is None:
        return {}
    was, now = [Counts({**day.counts, "visitors": day.visitors or 0}) for day in (before, after)]
    return corrections(link_id, {late: was}, {late: now})


def corrections(link_id: str, before: Shares, after: Shares) -> dict[str, Counts]:
    """Return what the day of each owner is to be corrected by, if its share is the one ``after``, not ``before``."""
    found = {}
    for owner in {**before, **after}:
        was, now = before.get(owner, Counts()), after.get(owner, Counts())
        different = counters.difference_for_owner(link_id, was, now)
        if "visitors" not in was:  # also by none, where they were not known: the owner's may not be, either
            different["visitors"] = now["visitors"]
        if different:
            found[owner] = different
    return found


def only_visitors(shares: Shares) -> Shares:
    """Return ``shares`` without their other counts."""
    return {owner: Counts(visitors=counts["visitors"]) for owner, counts in shares.items()}


def to_text(shares: Shares) -> str:
    """Return the stored form: 100 KB at most, for which the rarest names of each share may go to the rest."""
    most = counters.MAX_NAMES
    while True:
        limited = {owner: counters.limit_names(counts, most=most) for owner, counts in shares.items()}
        text = json.dumps(limited, separators=(",", ":"), ensure_ascii=False)
        if len(text.encode()) < _MOST_BYTES or not most:
            return text
        most //= 2


def from_text(text: str) -> Shares:
    """Read the stored form."""
    return {owner: Counts(counts) for owner, counts in json.loads(text).items()}
