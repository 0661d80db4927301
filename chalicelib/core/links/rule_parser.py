"""Rules as somebody writes them, read once; each mistake is said by its place: ``rules[2].if.country``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.core import rules, target_url, times
from chalicelib.core.rules import Rule
from chalicelib.core.target_url import TargetPolicy, TargetRefused
from chalicelib.core.visitor import DEVICES, SYSTEMS

Refuse = Callable[[str, str, str], None]

MAX_BYTES = 32 * 1024  # of all rules of a link as they are stored: a page of a hundred links fits into one answer
_KNOWN = ("if", "weight", "url")
_CONDITIONS = ("device", "country", "language", "query", "from", "to")
_MOST_VALUES = 50
_MOST_PARAMETERS = 10
_LONGEST = 200  # characters of a parameter's name or value
_COUNTRY = re.compile(r"[A-Z]{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}")
_ANY_OF = {"device": (*DEVICES, *SYSTEMS)}


def read(value: Any, policy: TargetPolicy, refuse: Refuse) -> tuple[Rule, ...]:
    """Return the rules that ``value`` is; what is wrong is told to ``refuse``, by place, code and message."""
    if not isinstance(value, list):
        refuse("rules", "wrong-type", "rules is a list of rules.")
        return ()
    if len(value) > rules.MOST:
        refuse("rules", "too-many", f"There are {len(value)} rules; {rules.MOST} are allowed.")
        return ()
    read_all = [_Reader(f"rules[{place}]", policy, refuse).rule(each) for place, each in enumerate(value)]
    wanted = tuple(rule for rule in read_all if rule is not None)
    if len(rules.to_text(wanted).encode()) > MAX_BYTES:
        refuse("rules", "too-long", f"All rules together take more than {MAX_BYTES // 1024} KiB.")
        return ()
    return wanted


class _Reader:
    """Reads one rule."""

    def __init__(self, place: str, policy: TargetPolicy, refuse: Refuse) -> None:
        self._place, self._policy, self._refuse = place, policy, refuse

    def rule(self, value: Any) -> Rule | None:
        if not self._is_object("", value, _KNOWN):
            return None
        # As everywhere, null is the same as leaving something out.
        conditions = {} if value.get("if") is None else value["if"]
        if not self._is_object(".if", conditions, _CONDITIONS):
            conditions = {}
        rule = Rule(
            url=self._url(value.get("url")),
            device=self._values(conditions, "device", lambda text: text in _ANY_OF["device"], str.lower),
            country=self._values(conditions, "country", _COUNTRY.fullmatch, str.upper),
            language=self._values(
                conditions, "language", _LANGUAGE.fullmatch, lambda text: text.lower().replace("_", "-")
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
            message = f"There is no {shown!r} here; there are {', '.join(known)}."
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
        self, conditions: dict[str, Any], name: str, fits: Callable[[str], Any], written: Callable[[str], str]
    ) -> tuple[str, ...]:
        value = conditions.get(name)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        texts = self._texts(values) if isinstance(values, list) and values else None
        wanted = None if texts is None else tuple(dict.fromkeys(written(text) for text in texts))
        if texts is None or wanted is None or not all(text.isascii() for text in texts) or not all(map(fits, wanted)):
            self._refuse(f"{self._place}.if.{name}", "invalid", _EXPECTED[name])
            return ()
        return wanted

    def _query(self, value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
        place = f"{self._place}.if.query"
        if not isinstance(value, dict) or len(value) > _MOST_PARAMETERS:
            self._refuse(place, "invalid", f"query is an object of up to {_MOST_PARAMETERS} parameters.")
            return ()
        wanted = []
        for name, given in value.items():
            texts = [] if given is True else self._texts([given] if isinstance(given, str) else given)
            if texts is None or not 0 < len(name) <= _LONGEST or (given is not True and not texts):
                self._refuse(place, "invalid", _EXPECTED["query"])
                return ()
            wanted.append((name, tuple(texts)))
        return tuple(wanted)

    def _texts(self, values: Any) -> list[str] | None:
        """Return ``values`` if they are texts, and not too many or too long."""
        if not isinstance(values, list) or len(values) > _MOST_VALUES:
            return None
        return values if all(isinstance(each, str) and len(each) <= _LONGEST for each in values) else None

    def _moment(self, conditions: dict[str, Any], name: str) -> datetime | None:
        value = conditions.get(name)
        if value is None:
            return None
        try:
            return times.moment_in(value)
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
