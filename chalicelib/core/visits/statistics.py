"""Reports on daily counts: totals, series by hour, day or month, and breakdowns by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Literal

from chalicelib.core.visits import counters
from chalicelib.core.visits.counters import BREAKDOWNS, KINDS, REST, Counts, Day

OTHER = "other"
Unit = Literal["hour", "day", "month"]


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
    """Return the visits of every hour, day or month from ``first`` to ``last``, including those without any."""
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


def without(days: Iterable[Day], others: Iterable[Day]) -> list[Day]:
    """Return ``days`` without what ``others`` of the same dates have: parts of them.

    Where a breakdown of a part has names that the whole counts as ``other``, less than that is taken away.
    """
    parts: dict[str, list[Day]] = {}
    for each in others:
        parts.setdefault(each.date, []).append(each)
    return [_difference(day, parts.get(day.date, ())) for day in days]


def _difference(day: Day, parts: Sequence[Day]) -> Day:
    left = Counter(day.counts) - _sum(part.counts for part in parts)
    visitors = [part.visitors for part in parts]
    known = [number for number in visitors if number is not None]
    is_known = day.visitors is not None and len(known) == len(visitors)
    return replace(day, counts=left, visitors=max(0, (day.visitors or 0) - sum(known)) if is_known else None)


def day_totals(day: Day) -> dict[str, int | None]:
    """Return the totals of a day: ``visits``, each kind, and ``visitors``, which is None until the day is closed."""
    return _summed([day])


def top_links(
    days: Iterable[Day], moved_of: Callable[[list[str]], Container[str]], shown: Callable[[str], Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return the most visited links of an owner's ``days``, the biggest first, the rest as ``other``.

    ``shown`` returns the name and the domain of a link by its id. Those that ``moved_of`` returns are another owner's
    by now: they are shown without both.
    """
    biggest, rest = _ranked(_sum(day.counts for day in days), "links")
    moved = moved_of([link_id for link_id, _ in biggest])
    nothing = {"name": None, "domain": None}
    links: list[dict[str, Any]] = [
        {**(nothing if link_id in moved else shown(link_id)), "visits": count, "moved": link_id in moved}
        for link_id, count in biggest
    ]
    return [*links, {"name": OTHER, "domain": None, "visits": rest, "moved": False}] if rest else links


def top_variants(days: Iterable[Day]) -> list[dict[str, Any]]:
    """Return how many people a link with rules has led to each of its targets, the biggest first."""
    return _biggest(_sum(day.counts for day in days), "variants")


def totals(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the visits of a link as clients see them: in all, and by kind."""
    return {"total": counts.get("visits", 0), **{kind: counts.get(kind, 0) for kind in KINDS}}


def _hour(day: Day, hour: int) -> dict[str, Any]:
    by_kind = {kind: day.counts.get(f"{kind}@{hour:02}", 0) for kind in KINDS}
    return {"at": f"{day.date}T{hour:02}:00:00Z", "visits": sum(by_kind.values()), **by_kind}


def _summed(days: Sequence[Day]) -> dict[str, int | None]:
    """Return the sums of ``days``; visitors are summed over closed days, None if no day is closed.

    Each day identifies visitors by a key of its own: a visitor on three days counts three times.
    """
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
    biggest, rest = _ranked(counts, breakdown)
    shown = [{"name": name, "visits": count} for name, count in biggest]
    return [*shown, {"name": OTHER, "visits": rest}] if rest else shown


def _ranked(counts: Mapping[str, int], breakdown: str) -> tuple[list[tuple[str, int]], int]:
    """Return the biggest names of a breakdown with their counts, and the sum of the rest."""
    names = {name.partition("#")[2]: count for name, count in counts.items() if name.startswith(f"{breakdown}#")}
    rest = names.pop(REST, 0)
    biggest = sorted(names.items(), key=lambda each: (-each[1], each[0]))
    rest += sum(count for _, count in biggest[counters.MAX_NAMES :])
    return biggest[: counters.MAX_NAMES], rest
