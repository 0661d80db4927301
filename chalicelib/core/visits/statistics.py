"""Counting: from clicks to counts of a day, from days to a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from chalicelib.core.click import Click

MAX_NAMES = 200
"""How many names a breakdown of a day keeps; the rest are ``other``. It bounds the item, whatever the traffic."""
OTHER = "other"
_REST = ""  # what the rest is counted under: a link may be called other, but nothing has no name at all
NOT_TOLD = "unknown"
KINDS = ("humans", "bots", "prefetches")
BREAKDOWNS = ("countries", "devices", "browsers", "systems", "referrers", "languages")
_ALL_BREAKDOWNS = (*BREAKDOWNS, "links", "variants")
Kind = Literal["humans", "bots", "prefetches"]
Unit = Literal["hour", "day", "month"]
Counts = Counter[str]
"""Counts by name: ``visits``, the kinds, ``humans@13`` for an hour, ``countries#PT`` for a breakdown."""

# Of a transaction: DynamoDB takes 100 actions, and 4 KB of expression for the names that one of them adds to.
_MAX_ACTIONS = 100
_MAX_ROWS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedClick:
    """A click, and what its user agent tells: person or program, and which."""

    click: Click
    kind: Kind
    device: str | None
    browser: str | None
    system: str | None


class Tally(NamedTuple):
    """What is counted together: the visits of a link, or of all links of an owner, on one day."""

    whose: str
    """A code, or ``@`` and an owner's name: no code begins like that."""
    day: str


def is_owners(whose: str) -> bool:
    """Tell whether ``whose`` are all links of an owner, not one link."""
    return whose.startswith("@")


def owners(owner: str) -> str:
    """Return what all links of ``owner`` are counted under."""
    return f"@{owner}"


def tallies_of(click: Click) -> tuple[Tally, ...]:
    """Return what a click counts towards: its link's day, and its owner's if it has one."""
    link = Tally(click.code, click.day)
    return (link,) if click.owner is None else (link, Tally(owners(click.owner), click.day))


def packs(clicks: Iterable[JudgedClick]) -> Iterator[list[JudgedClick]]:
    """Yield ``clicks`` in lists that fit into one transaction each: a row for each, a tally, a link's total."""
    pack: list[JudgedClick] = []
    places: set[Tally | str] = set()
    for judged in sorted(clicks, key=lambda each: (each.click.code, each.click.day)):
        wanted: set[Tally | str] = {*tallies_of(judged.click), judged.click.code}
        if len(pack) == _MAX_ROWS or len(pack) + 1 + len(places | wanted) > _MAX_ACTIONS:
            yield pack
            pack, places = [], set()
        pack.append(judged)
        places |= wanted
    if pack:
        yield pack


def counted(clicks: Iterable[JudgedClick]) -> dict[Tally, Counts]:
    """Return what ``clicks`` add to each tally. Breakdowns are of people: bots would drown them."""
    found: dict[Tally, Counts] = {}
    for judged in clicks:
        for tally in tallies_of(judged.click):
            found.setdefault(tally, Counter()).update(_names_of(judged, with_link=is_owners(tally.whose)))
    return found


def _names_of(judged: JudgedClick, *, with_link: bool) -> Iterator[str]:
    click = judged.click
    yield from ("visits", judged.kind, f"{judged.kind}@{click.at.hour:02}")
    if with_link:
        yield f"links#{click.code}"
    if judged.kind == "humans":
        named = {
            "countries": click.country,
            "devices": judged.device,
            "browsers": judged.browser,
            "systems": judged.system,
            "referrers": click.referrer or "direct",
            "languages": click.language,
        }
        yield from (f"{breakdown}#{name or NOT_TOLD}" for breakdown, name in named.items())
        if click.variant and not with_link:
            yield f"variants#{click.variant}"


def only_totals(counts: Mapping[str, int]) -> Counts:
    """Return the visits and their kinds, without hours and breakdowns."""
    return Counter({name: counts[name] for name in ("visits", *KINDS) if counts.get(name)})


def bounded(counts: Mapping[str, int], known: Iterable[str] = ()) -> Counts:
    """Return ``counts`` with at most 200 names in each breakdown, the biggest; names that are ``known`` stay.

    What falls out is added to ``other``, so that every breakdown still sums to what it breaks down.
    """
    known = set(known)
    kept: Counts = Counter()
    room = dict.fromkeys(_ALL_BREAKDOWNS, MAX_NAMES)
    for name in known:
        if not name.endswith(f"#{_REST}") and (breakdown := name.partition("#")[0]) in room:
            room[breakdown] -= 1
    for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        breakdown, in_breakdown, _ = name.partition("#")
        if not in_breakdown or name in known or name.endswith(f"#{_REST}"):
            kept[name] += count
        elif room[breakdown] > 0:
            kept[name] += count
            room[breakdown] -= 1
        else:
            kept[f"{breakdown}#{_REST}"] += count
    return kept


def recounted(clicks: Iterable[JudgedClick]) -> tuple[Counts, int]:
    """Return the counts of all ``clicks`` of a link's day, and how many different people there were.

    Who asked not to be tracked is counted, and is none of them. Names and people stand in memory, the clicks do not.
    """
    counts: Counts = Counter()
    people = set()
    for judged in clicks:
        counts.update(_names_of(judged, with_link=False))
        if judged.kind == "humans" and judged.click.visitor:
            people.add(judged.click.visitor)
    return bounded(counts), len(people)


def drift_between(seen: Mapping[str, int], counts: Mapping[str, int]) -> Counts:
    """Return what must be added to ``seen`` to have the visits and kinds of ``counts``; empty if they are the same."""
    names = ("visits", *KINDS)
    return Counter({name: off for name in names if (off := counts.get(name, 0) - seen.get(name, 0))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day's counts. ``visitors`` is None until the day is closed: they are counted in the night after it."""

    date: str
    counts: Mapping[str, int]
    visitors: int | None = None


def report(days: Sequence[Day], first: date, last: date, unit: Unit) -> dict[str, Any]:
    """Return the statistics of ``days`` from ``first`` to ``last``, both included, as clients see them."""
    total = _sum(day.counts for day in days)
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "unit": unit,
        "total": _summed(days),
        "series": series(days, first, last, unit),
        **{breakdown: _biggest(total, breakdown) for breakdown in BREAKDOWNS},
    }


def series(days: Iterable[Day], first: date, last: date, unit: Unit) -> list[dict[str, Any]]:
    """Return the visits of every hour, day or month from ``first`` to ``last``, those without any included."""
    found = {day.date: day for day in days}
    every = [found.get(day, Day(date=day, counts={}, visitors=0)) for day in _dates(first, last)]
    if unit == "hour":
        return [_hour(day, hour) for day in every for hour in range(24)]
    if unit == "day":
        return [{"at": day.date, **_summed([day])} for day in every]
    months: dict[str, list[Day]] = {}
    for day in every:
        months.setdefault(day.date[:7], []).append(day)
    return [{"at": month, **_summed(each)} for month, each in months.items()]


def counted_on(day: Day) -> dict[str, int | None]:
    """Return what was counted on a day: ``visits``, the kinds and ``visitors``, which are None until it is closed."""
    return _summed([day])


def links_among(days: Iterable[Day]) -> list[dict[str, Any]]:
    """Return the most visited links of an owner's ``days``, the biggest first, the rest as ``other``."""
    return _biggest(_sum(day.counts for day in days), "links")


def variants_among(days: Iterable[Day]) -> list[dict[str, Any]]:
    """Return how many people a link with rules led to which of its targets, the biggest first."""
    return _biggest(_sum(day.counts for day in days), "variants")


def totals(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts that a link shows of itself."""
    return {"total": counts.get("visits", 0), **{kind: counts.get(kind, 0) for kind in KINDS}}


def _hour(day: Day, hour: int) -> dict[str, Any]:
    by_kind = {kind: day.counts.get(f"{kind}@{hour:02}", 0) for kind in KINDS}
    return {"at": f"{day.date}T{hour:02}:00:00Z", "visits": sum(by_kind.values()), **by_kind}


def _summed(days: Sequence[Day]) -> dict[str, int | None]:
    """Return the sums of ``days``; visitors are those of the days that are closed, or None if none of them is."""
    counts = _sum(day.counts for day in days)
    visited = [day.visitors for day in days if day.counts]
    known = [visitors for visitors in visited if visitors is not None]
    by_kind = {kind: counts[kind] for kind in KINDS}
    return {"visits": counts["visits"], **by_kind, "visitors": sum(known) if known or not visited else None}


def _sum(all_counts: Iterable[Mapping[str, int]]) -> Counts:
    total: Counts = Counter()
    for counts in all_counts:
        total.update(counts)
    return total


def _dates(first: date, last: date) -> Iterator[str]:
    return ((first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1))


def _biggest(counts: Mapping[str, int], breakdown: str) -> list[dict[str, Any]]:
    names = {name.partition("#")[2]: count for name, count in counts.items() if name.startswith(f"{breakdown}#")}
    rest = names.pop(_REST, 0)
    biggest = sorted(names.items(), key=lambda each: (-each[1], each[0]))
    rest += sum(count for _, count in biggest[MAX_NAMES:])
    shown = [{"name": name, "visits": count} for name, count in biggest[:MAX_NAMES]]
    return [*shown, {"name": OTHER, "visits": rest}] if rest else shown
