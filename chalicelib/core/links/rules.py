"""Rules of a link, which choose the target by visitor: the first that applies, otherwise the link's own URL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from chalicelib.core import times
from chalicelib.core.visits.visitor import Visitor

MOST = 20
ALL = 100  # percent
_FINE = 10_000  # shares are drawn in hundredths of a percent
OWN = "default"
"""The name of the link's own URL among the variants of a link with rules; the others are numbered from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A target for the visitors that meet all conditions. An empty condition is met by all visitors.

    ``weight`` is the share of these visitors, in percent, 1 to 100; for the rest, the next rule is tried.
    """

    url: str
    device: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    """Lower case. ``pt`` is any Portuguese, ``pt-br`` only that of Brazil."""
    query: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Parameters and their accepted values; without values, any is accepted."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weight: int = ALL

    def holds(self, visitor: Visitor, now: datetime) -> bool:
        """Tell whether ``visitor`` meets all conditions at ``now`` (aware, UTC), whatever the weight."""
        return (
            (self.starts_at is None or now >= self.starts_at)
            and (self.ends_at is None or now < self.ends_at)
            and (not self.country or visitor.country in self.country)
            and (not self.device or not visitor.kinds.isdisjoint(self.device))
            and (
                not self.language
                or any(_is_a(tag, language) for tag in visitor.languages for language in self.language)
            )
            and all(_has(visitor.query.get(name), values) for name, values in self.query)
        )

    def as_json(self) -> dict[str, Any]:
        """Return the rule as clients write it in JSON."""
        conditions = {
            "device": list(self.device),
            "country": list(self.country),
            "language": list(self.language),
            "query": {name: list(values) if values else True for name, values in self.query},
            "from": times.to_text_or_none(self.starts_at),
            "to": times.to_text_or_none(self.ends_at),
        }
        weight = {"weight": self.weight} if self.weight < ALL else {}
        return {"if": {name: value for name, value in conditions.items() if value}, **weight, "url": self.url}


def draws_share(rules: Sequence[Rule], visitor: Visitor, now: datetime) -> bool:
    """Tell whether `choose` draws a share for ``visitor``: whether the first rule that applies has a weight."""
    first = next((rule for rule in rules if rule.holds(visitor, now)), None)
    return first is not None and first.weight < ALL


def choose(rules: Sequence[Rule], visitor: Visitor, now: datetime, share_id: str) -> int | None:
    """Return the index of the rule for ``visitor``, or None if no rule applies.

    If `draws_share`, ``share_id`` decides: the same id always draws the same share, without a cookie.
    """
    for place, rule in enumerate(rules):
        if rule.holds(visitor, now) and (
            rule.weight == ALL or _draw(f"{share_id} {place}") < rule.weight * _FINE // ALL
        ):
            return place
    return None


def to_text(rules: Sequence[Rule]) -> str:
    """Return rules as they are stored."""
    return json.dumps([rule.as_json() for rule in rules], ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> tuple[Rule, ...]:
    """Return stored rules, which were validated before; none if ``text`` is not valid."""
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
    return None if text is None else times.parse_time(text)


def _is_a(tag: str, language: str) -> bool:
    return tag == language or tag.startswith(f"{language}-")


def _has(given: Sequence[str] | None, accepted: Sequence[str]) -> bool:
    return given is not None and (not accepted or any(value in accepted for value in given))


def _draw(text: str) -> int:
    """Return a number below 10,000: a hash of ``text``, evenly distributed."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") % _FINE
