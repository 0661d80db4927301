"""Rules of a link: who is sent elsewhere, and where. In order; the first that holds wins, else the link's own URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from chalicelib.core import times
from chalicelib.core.visitor import Visitor

MOST = 20
ALL = 100  # percent
_FINE = 10_000  # what shares are drawn from: hundredths of a percent
OWN = "default"
"""The name of the link's own URL among the variants of a link with rules; the others are numbered from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where visitors go of whom all conditions hold. An empty condition holds of everybody.

    ``weight`` is the share of those of whom they hold, in percent, 1 to 100; the rest go on to the next rule.
    """

    url: str
    device: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    """Lower case. ``pt`` is all Portuguese, ``pt-br`` that of Brazil alone."""
    query: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Parameters and the values that will do; no values: any will."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weight: int = ALL

    def holds(self, visitor: Visitor, now: datetime) -> bool:
        """Tell whether all conditions hold of ``visitor`` at ``now`` (aware, UTC); the weight is not drawn here."""
        return (
            (self.starts_at is None or now >= self.starts_at)
            and (self.ends_at is None or now < self.ends_at)
            and (not self.country or visitor.country in self.country)
            and (not self.device or not visitor.kinds.isdisjoint(self.device))
            and (not self.language or any(_is_a(tag, wanted) for tag in visitor.languages for wanted in self.language))
            and all(_has(visitor.query.get(name), values) for name, values in self.query)
        )

    def as_json(self) -> dict[str, Any]:
        """Return the rule as clients write it."""
        conditions = {
            "device": list(self.device),
            "country": list(self.country),
            "language": list(self.language),
            "query": {name: list(values) if values else True for name, values in self.query},
            "from": times.text_of(self.starts_at),
            "to": times.text_of(self.ends_at),
        }
        weight = {"weight": self.weight} if self.weight < ALL else {}
        return {"if": {name: wanted for name, wanted in conditions.items() if wanted}, **weight, "url": self.url}


def chosen(rules: Sequence[Rule], visitor: Visitor, now: datetime, who: Callable[[], str]) -> int | None:
    """Return the place of the rule that ``visitor`` is sent by, or None: none holds.

    ``who`` is asked only where shares are drawn, for who the visitor is today: the same visitor draws the same share
    all day long, without a cookie.
    """
    for place, rule in enumerate(rules):
        if rule.holds(visitor, now) and (rule.weight == ALL or _drawn(f"{who()} {place}") < rule.weight * _FINE // ALL):
            return place
    return None


def to_text(rules: Sequence[Rule]) -> str:
    """Write rules as they are stored."""
    return json.dumps([rule.as_json() for rule in rules], ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> tuple[Rule, ...]:
    """Read stored rules, which were checked when they were made; of anything else, none."""
    try:
        return tuple(_read(each) for each in json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()


def _read(stored: dict[str, Any]) -> Rule:
    conditions = stored["if"]
    query = conditions.get("query", {}).items()
    return Rule(
        url=stored["url"],
        device=tuple(conditions.get("device", ())),
        country=tuple(conditions.get("country", ())),
        language=tuple(conditions.get("language", ())),
        query=tuple((name, () if values is True else tuple(values)) for name, values in query),
        starts_at=_moment(conditions.get("from")),
        ends_at=_moment(conditions.get("to")),
        weight=stored.get("weight", ALL),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else times.moment_in(text)


def _is_a(tag: str, wanted: str) -> bool:
    return tag == wanted or tag.startswith(f"{wanted}-")


def _has(given: Sequence[str] | None, wanted: Sequence[str]) -> bool:
    return given is not None and (not wanted or any(value in wanted for value in given))


def _drawn(who: str) -> int:
    """Return a number below 10,000, the same for the same ``who``, as good as random over all of them."""
    return int.from_bytes(blake2b(who.encode(), digest_size=8).digest(), "big") % _FINE
