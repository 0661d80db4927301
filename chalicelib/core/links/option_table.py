"""The options of a link as clients know them: name, kind, how each is read from a request, and if it can be changed.

Requests, changes, links as JSON, exports and imports of our own files use this table. A new option needs a field of
``LinkOptions``, a row here and one in ``aws/dynamodb/link_item``, and code for what it does. ``find_existing`` decides
whether links that differ in it are equivalent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from chalicelib.core import times
from chalicelib.core.links.link_fields import MAX_NOTE, MAX_TITLE, MAX_VISITS, LinkFields
from chalicelib.core.links.options import LinkOptions
from chalicelib.core.links.rules import Rule
from chalicelib.core.links.target_url import TargetPolicy

Kind = Literal["text", "tags", "time", "number", "flag", "rules"]


class Context(NamedTuple):
    """What is needed to read a request: the policy for targets, and the time (aware, UTC)."""

    policy: TargetPolicy
    now: datetime


@dataclass(frozen=True, slots=True)
class Option:
    """One option. ``name`` is the field of JSON and the column of an export, ``attribute`` that of ``LinkOptions``."""

    name: str
    attribute: str
    kind: Kind
    read: Callable[[LinkFields, Context], Any]
    """Returns the value in a body, or the default; adds errors to the fields."""
    also_read_from: tuple[str, ...] = ()
    """Alternative fields for the same option."""
    can_change: bool = True
    shown_as: str = ""
    """The property that clients see instead, if any."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Return all fields of a body that it is read from."""
        return (self.name, *self.also_read_from)

    def as_json(self, options: LinkOptions) -> Any:
        """Return the value that ``options`` has, as clients see it."""
        value = getattr(options, self.shown_as or self.attribute)
        to_json = _TO_JSON.get(self.kind)
        return value if to_json is None else to_json(value)


def _rules_as_json(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    return [rule.as_json() for rule in rules]


_TO_JSON: dict[Kind, Callable[[Any], Any]] = {"time": times.to_text_or_none, "tags": list, "rules": _rules_as_json}

OPTIONS = (
    Option("url", "url", "text", lambda fields, at: fields.url(at.policy)),
    Option("title", "title", "text", lambda fields, _: fields.text("title", MAX_TITLE)),
    Option("note", "note", "text", lambda fields, _: fields.text("note", MAX_NOTE)),
    Option("tags", "tags", "tags", lambda fields, _: fields.tags() or ()),
    Option("expiresAt", "expires_at", "time", lambda fields, at: fields.expiry(at.now), also_read_from=("expiresIn",)),
    Option("enabled", "enabled", "flag", lambda fields, _: fields.flag("enabled", default=True)),
    Option("permanent", "permanent", "flag", lambda fields, _: fields.flag("permanent")),
    Option("startsAt", "starts_at", "time", lambda fields, _: fields.moment("startsAt")),
    Option("maxVisits", "max_visits", "number", lambda fields, _: fields.number("maxVisits", MAX_VISITS)),
    Option("confirm", "confirm", "flag", lambda fields, _: fields.flag_or_none("confirm"), shown_as="asks_first"),
    Option("rules", "rules", "rules", lambda fields, at: fields.rules(at.policy)),
    Option("forwardQuery", "forward_query", "flag", lambda fields, _: fields.flag("forwardQuery")),
    Option("forwardPath", "forward_path", "flag", lambda fields, _: fields.flag("forwardPath")),
    Option("fallbackUrl", "fallback_url", "text", lambda fields, at: fields.target("fallbackUrl", at.policy)),
    Option("externalId", "external_id", "text", lambda fields, _: fields.external_id()),
    Option("unguessable", "unguessable", "flag", lambda fields, _: fields.flag("unguessable"), can_change=False),
)
"""In the order of the JSON documents."""
CHANGEABLE = tuple(option for option in OPTIONS if option.can_change)


def field_names(options: Sequence[Option]) -> tuple[str, ...]:
    """Return every field of a body that ``options`` are read from."""
    return tuple(name for option in options for name in option.fields)


def names_of_kind(kind: Kind) -> frozenset[str]:
    """Return the names of the options of one kind."""
    return frozenset(option.name for option in OPTIONS if option.kind == kind)


def read_all(fields: LinkFields, context: Context) -> dict[str, Any]:
    """Return every option by its attribute, with defaults where nothing was given."""
    return {option.attribute: option.read(fields, context) for option in OPTIONS}


def read_changes(fields: LinkFields, context: Context) -> dict[str, Any]:
    """Return the changeable options that were given, including those given as ``null``, by attribute."""
    given = [option for option in CHANGEABLE if fields.has(*option.fields)]
    return {option.attribute: option.read(fields, context) for option in given}
