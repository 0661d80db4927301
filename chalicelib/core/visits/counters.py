"""Counters: from clicks to the counts of a day. Reports are made in ``statistics``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from chalicelib.core import domains
from chalicelib.core.visits.click import Click

MAX_NAMES = 200
"""The most names in a breakdown of a day; the rest are counted together, so that the size of the item is limited."""
REST = ""  # the name that the rest is counted under: a link may be called "other", but no name is empty
UNKNOWN_NAME = "unknown"
KINDS = ("humans", "bots", "prefetches")
BREAKDOWNS = ("countries", "devices", "browsers", "systems", "referrers", "languages")
_ALL_BREAKDOWNS = (*BREAKDOWNS, "links", "variants")
Kind = Literal["humans", "bots", "prefetches"]
Counts = Counter[str]
"""Counts by name: ``visits``, the kinds, ``humans@13`` for an hour, ``countries#PT`` for a breakdown."""

# Limits of a DynamoDB transaction: 100 actions, and 4 KB of expression for the names that one of them adds to.
_MAX_ACTIONS = 100
_MAX_ROWS = 48
_MOST_CORRECTED, _MOST_OF_BREAKDOWN = 300, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifiedClick:
    """A click, with what its user agent tells: a person or a program, and which device, browser and system."""

    click: Click
    kind: Kind
    device: str | None
    browser: str | None
    system: str | None


class CounterKey(NamedTuple):
    """Identifies the counts of a link, or of all links of an owner, on one day."""

    subject: str
    """A link's id, or ``@`` and the name of an owner, with ``//space`` behind it for its links in a space. No id begins
    with ``@``."""
    day: str


def is_owner_subject(subject: str) -> bool:
    """Tell whether ``subject`` stands for all links of an owner, not for one link."""
    return subject.startswith("@")


def owner_subject(owner: str, space: str = "") -> str:
    """Return the subject that stands for all links of ``owner``, or for those in ``space``."""
    return f"@{owner}//{space}" if space else f"@{owner}"


def owner_and_space(subject: str) -> tuple[str, str]:
    """Return the owner and the space that an owner's subject stands for; no space: all of its links."""
    owner, _, space = subject.removeprefix("@").partition("//")
    return owner, space


def owner_subjects(owner: str | None, link_id: str) -> tuple[str, ...]:
    """Return the subjects of ``owner`` that the visits of a link count for: only those in spaces count for two."""
    if owner is None:
        return ()
    space = domains.space_of(link_id)
    return (owner_subject(owner), owner_subject(owner, space)) if space else (owner_subject(owner),)


def counter_keys(click: Click) -> tuple[CounterKey, ...]:
    """Return the keys that a click counts for: the day of its link, and those of its owner if it has one."""
    subjects = (click.link_id, *owner_subjects(click.owner, click.link_id))
    return tuple(CounterKey(subject, click.day) for subject in subjects)


def batches(clicks: Iterable[ClassifiedClick]) -> Iterator[list[ClassifiedClick]]:
    """Yield ``clicks`` in batches that fit into one transaction each, with their rows, daily counts and totals."""
    batch: list[ClassifiedClick] = []
    counters: set[CounterKey | str] = set()
    for classified in sorted(clicks, key=lambda each: (each.click.link_id, each.click.day)):
        needed: set[CounterKey | str] = {*counter_keys(classified.click), classified.click.link_id}
        if len(batch) == _MAX_ROWS or len(batch) + 1 + len(counters | needed) > _MAX_ACTIONS:
            yield batch
            batch, counters = [], set()
        batch.append(classified)
        counters |= needed
    if batch:
        yield batch


def counts_by_key(clicks: Iterable[ClassifiedClick]) -> dict[CounterKey, Counts]:
    """Return what ``clicks`` add to each counter. Breakdowns count people only: bots would outnumber them."""
    found: dict[CounterKey, Counts] = {}
    for classified in clicks:
        for key in counter_keys(classified.click):
            found.setdefault(key, Counter()).update(names_of(classified, with_link=is_owner_subject(key.subject)))
    return found


def counts_of(clicks: Iterable[ClassifiedClick], *, with_links: bool) -> Counts:
    """Return what ``clicks`` add to one counter: ``with_links``, an owner's."""
    found: Counts = Counter()
    for classified in clicks:
        found.update(names_of(classified, with_link=with_links))
    return found


def names_of(classified: ClassifiedClick, *, with_link: bool) -> Iterator[str]:
    """Yield the names that a click adds one to; ``with_link``, for an owner, in whose counts links are names."""
    click = classified.click
    yield from ("visits", classified.kind, f"{classified.kind}@{click.at.hour:02}")
    if with_link:
        yield f"links#{click.link_id}"
    if classified.kind == "humans":
        names = {
            "countries": click.country,
            "devices": classified.device,
            "browsers": classified.browser,
            "systems": classified.system,
            "referrers": click.referrer or "direct",
            "languages": click.language,
        }
        yield from (f"{breakdown}#{name or UNKNOWN_NAME}" for breakdown, name in names.items())
        if click.variant and not with_link:
            yield f"variants#{click.variant}"


def only_totals(counts: Mapping[str, int]) -> Counts:
    """Return the visits, in all and by kind, without hours and breakdowns."""
    return Counter({name: counts[name] for name in ("visits", *KINDS) if counts.get(name)})


def limit_names(counts: Mapping[str, int], known: Iterable[str] = (), most: int | None = None) -> Counts:
    """Return ``counts`` with at most ``most`` names (200) in each breakdown, the biggest; ``known`` ones are all kept.

    The rest is added to ``other``, so that every breakdown still sums to its total.
    """
    known = known if isinstance(known, (Mapping, set)) else set(known)
    if all(name in known for name in counts):  # as most are in a counter that has seen a day
        return Counter(counts)
    kept: Counts = Counter()
    room = dict.fromkeys(_ALL_BREAKDOWNS, MAX_NAMES if most is None else most)
    for name in known:
        if not name.endswith(f"#{REST}") and (breakdown := name.partition("#")[0]) in room:
            room[breakdown] -= 1
    for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        breakdown, in_breakdown, _ = name.partition("#")
        if not in_breakdown or name in known or name.endswith(f"#{REST}"):
            kept[name] += count
        elif room[breakdown] > 0:
            kept[name] += count
            room[breakdown] -= 1
        else:
            kept[f"{breakdown}#{REST}"] += count
    return kept


def summed(parts: Iterable[Mapping[str, int]]) -> Counts:
    """Return the sums by name; those that are zero are left out."""
    total: Counts = Counter()
    for each in parts:
        total.update(each)
    return Counter({name: count for name, count in total.items() if count})


def difference_for_owner(link_id: str, before: Mapping[str, int], after: Mapping[str, int]) -> Counts:
    """Return what the day of the owner of a link is to be corrected by, if the link's is ``after``, not ``before``.

    Variants are a link's alone. Of a breakdown with too many names, each day has chosen its own: it is left as it is.
    """
    limited = {breakdown for breakdown in BREAKDOWNS if f"{breakdown}#{REST}" in {**before, **after}}
    names = [
        name
        for name in {**before, **after}
        if (breakdown := name.partition("#")[0]) != "variants" and breakdown not in limited
    ]
    different = {name: off for name in names if (off := after.get(name, 0) - before.get(name, 0))}
    if len(different) > _MOST_CORRECTED:
        different = _shortened(different)
    if more := different.get("visits"):
        different[f"links#{link_id}"] = more
    return Counter(different)


def _shortened(different: Mapping[str, int]) -> dict[str, int]:
    """Return the biggest differences of each breakdown, and the others of it together: they fit one expression."""
    kept: Counts = Counter()
    room = dict.fromkeys(BREAKDOWNS, _MOST_OF_BREAKDOWN)
    for name, off in sorted(different.items(), key=lambda each: (-abs(each[1]), each[0])):
        breakdown, in_breakdown, _ = name.partition("#")
        if in_breakdown and room.get(breakdown, 1) <= 0:
            kept[f"{breakdown}#{REST}"] += off
        else:
            kept[name] += off
            if in_breakdown:
                room[breakdown] -= 1
    return {name: off for name, off in kept.items() if off}


def drift_between(seen: Mapping[str, int], counts: Mapping[str, int]) -> Counts:
    """Return the differences of the visits and kinds in ``counts`` from those in ``seen``; empty if they are equal."""
    names = ("visits", *KINDS)
    return Counter({name: off for name in names if (off := counts.get(name, 0) - seen.get(name, 0))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The counts of a day. ``visitors`` is None until the night after it."""

    date: str
    counts: Mapping[str, int]
    visitors: int | None = None
    rows_erased: bool = False
    """Its rows were erased on request, so that the day cannot be recounted."""
    is_folded: bool = False
    """It was counted from its rows after the stream had ended: nothing is in counters any more."""
    is_open: bool = False
    """It is to be counted again from its rows."""
    asked: int = 0
    """How often it was asked to be counted again."""
    corrected: int = 0
    """How often a link's day has corrected it, if it is an owner's."""
    shares: Mapping[str, Counts] | None = None
    """What each owner was credited of a link's day; None if that was not recorded, or ``is_whole``."""
    is_whole: bool = False
    """All of a link's day was credited to its one owner."""
    late_owners: frozenset[str | None] = frozenset()
    """Whose rows came since it was folded, as far as that is known; None: those of no owner."""
