"""Parses the rules in a request; errors name the position: ``rules[2].if.country``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.core import times
from chalicelib.core.links import rules, target_url
from chalicelib.core.links.rules import Rule
from chalicelib.core.links.target_url import TargetPolicy, TargetRefused
from chalicelib.core.visits.visitor import COUNTRY, DEVICES, SYSTEMS

Refuse = Callable[[str, str, str], None]

MAX_BYTES = 32 * 1024  # of all rules of a link as stored: four of the longest URLs, or twenty usual ones
_KNOWN = ("if", "weight", "url")
_CONDITIONS = ("device", "country", "language", "query", "from", "to")
MOST_VALUES = 50
MOST_PARAMETERS = 10
LONGEST_PARAMETER = 200  # characters of a parameter's name or value
LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")
_ANY_OF = {"device": (*DEVICES, *SYSTEMS)}


def read(value: Any, policy: TargetPolicy, refuse: Refuse) -> tuple[Rule, ...]:
    """Return the rules in ``value``; ``refuse`` is called with the position, code and message of each error."""
    if not isinstance(value, list):
        refuse("rules", "wrong-type", "rules is a list of rules.")
        return ()
    if len(value) > rules.MOST:
        refuse("rules", "too-many", f"There are {len(value)} rules; {rules.MOST} are allowed.")
        return ()
    parsed = [_Reader(f"rules[{place}]", policy, refuse).rule(each) for place, each in enumerate(value)]
    valid = tuple(rule for rule in parsed if rule is not None)
    size = len(rules.to_text(valid).encode())
    if size > MAX_BYTES:
        refuse("rules", "too-long", f"All rules together take {size:,} bytes; {MAX_BYTES:,} are allowed.")
        return ()
    return valid


class _Reader:
    """Reads one rule."""

    def __init__(self, place: str, policy: TargetPolicy, refuse: Refuse) -> None:
        self._place, self._policy, self._refuse = place, policy, refuse

    def rule(self, value: Any) -> Rule | None:
        if not self._is_object("", value, _KNOWN):
            return None
        # As in all requests, null means the same as an omitted field.
        conditions = {} if value.get("if") is None else value["if"]
        if not self._is_object(".if", conditions, _CONDITIONS):
            conditions = {}
        rule = Rule(
            url=self._url(value.get("url")),
            device=self._values(conditions, "device", lambda text: text in _ANY_OF["device"], str.lower),
            country=self._values(conditions, "country", COUNTRY.fullmatch, str.upper),
            language=self._values(
                conditions, "language", LANGUAGE.fullmatch, lambda text: text.lower().replace("_", "-")
            ),
            query=self._query({} if conditions.get("query") is None else conditions["query"]),
            starts_at=self._moment(conditions, "from"),
            ends_at=self._moment(conditions, "to"),
            weight=self._weight(rules.ALL if value.get("weight") is None else value["weight"]),
        )
        if rule.starts_at and rule.ends_at and rule.starts_at >= rule.ends_at:
            self._refuse(f"{self._place}.if.to", "conflict", "The rule would end before it starts.")
        return rule

    def _is_object(self, where: str, value: Any, known: tuple[str, ...]) -> bool:
        if not isinstance(value, dict):
            self._refuse(f"{self._place}{where}", "wrong-type", f"This is an object with some of: {', '.join(known)}.")
            return False
        for name in (name for name in value if name not in known):
            shown = str(name)[:64]
            message = f"There is no field {shown!r} here; the fields are {', '.join(known)}."
            self._refuse(f"{self._place}{where}.{shown}", "unknown-field", message)
        return True

    def _url(self, value: Any) -> str:
        if not isinstance(value, str):
            code = "missing" if value is None else "wrong-type"
            self._refuse(f"{self._place}.url", code, "A rule needs the URL it leads to, a string.")
            return ""
        try:
            return target_url.canonical(value, self._policy)
        except TargetRefused as refused:
            self._refuse(f"{self._place}.url", refused.code, refused.message)
            return ""

    def _values(
        self, conditions: dict[str, Any], name: str, is_valid: Callable[[str], Any], normalise: Callable[[str], str]
    ) -> tuple[str, ...]:
        value = conditions.get(name)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        texts = self._texts(values) if isinstance(values, list) and values else None
        found = None if texts is None else tuple(dict.fromkeys(normalise(text) for text in texts))
        if texts is None or found is None or not all(text.isascii() for text in texts) or not all(map(is_valid, found)):
            self._refuse(f"{self._place}.if.{name}", "invalid", _EXPECTED[name])
            return ()
        return found

    def _query(self, value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
        place = f"{self._place}.if.query"
        if not isinstance(value, dict) or len(value) > MOST_PARAMETERS:
            self._refuse(place, "invalid", f"query is an object of up to {MOST_PARAMETERS} parameters.")
            return ()
        parameters = []
        for name, given in value.items():
            texts = [] if given is True else self._texts([given] if isinstance(given, str) else given)
            if texts is None or not 0 < len(name) <= LONGEST_PARAMETER or (given is not True and not texts):
                self._refuse(place, "invalid", _EXPECTED["query"])
                return ()
            parameters.append((name, tuple(texts)))
        return tuple(parameters)

    def _texts(self, values: Any) -> list[str] | None:
        """Return ``values`` if they are strings, and neither too many nor too long; otherwise None."""
        if not isinstance(values, list) or len(values) > MOST_VALUES:
            return None
        return values if all(isinstance(each, str) and len(each) <= LONGEST_PARAMETER for each in values) else None

    def _moment(self, conditions: dict[str, Any], name: str) -> datetime | None:
        value = conditions.get(name)
        if value is None:
            return None
        try:
            return times.parse_time(value)
        except (ValueError, TypeError):
            self._refuse(f"{self._place}.if.{name}", "invalid", f"{name} must look like this: 2030-12-31T23:59:00Z.")
            return None

    def _weight(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= rules.ALL:
            self._refuse(f"{self._place}.weight", "invalid", "weight is a whole number of percent, 1 to 100.")
            return rules.ALL
        return value


_EXPECTED = {
    "device": f"device is one or a list of: {', '.join(_ANY_OF['device'])}.",
    "country": "country is one or a list of two letters (ISO 3166): PT.",
    "language": "language is one or a list of language tags: pt, or pt-BR.",
    "query": 'query names parameters, each with a value, a list of values, or true for any: {"ref": "x"}.',
}
