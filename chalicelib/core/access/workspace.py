"""A workspace: what an owner's links have in common. An owner without a record of its own has the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from chalicelib.core import times
from chalicelib.core.domains import ONLY_DEFAULT, Domains
from chalicelib.core.links.new_link import NAMES as LINK_NAMES
from chalicelib.core.links.new_link import NewLink
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.validation import Fields, names_of
from chalicelib.errors import FieldError, LinkInvalid, WorkspaceInvalid

MAX_NAME = 100
MOST_CALLS = 1_000_000
"""Calls a minute that each key of a workspace may be allowed."""
MOST_KEYS = 10_000
KEYS = 100
"""Keys that are good or ended within a day, where the workspace's limits say nothing."""
NAMES = names_of(("name", "defaults", "limits"))
LIMITS = names_of(("callsPerMinute", "keys"))


class _Default(NamedTuple):
    also_said_by: tuple[str, ...] = ()
    """Other fields for the same option."""
    excluded_by: tuple[str, ...] = ()
    """Fields that contradict it: a request that has one of them does not take the default."""


DEFAULTS: Mapping[str, _Default] = {
    "domain": _Default(),
    "tags": _Default(),
    "expiresIn": _Default(also_said_by=("expiresAt",), excluded_by=("startsAt",)),
    "permanent": _Default(excluded_by=("password", "rules", "maxVisits", "confirm")),
    "forwardQuery": _Default(),
    "forwardPath": _Default(),
    "fallbackUrl": _Default(),
    "unguessable": _Default(excluded_by=("alias",)),
}
"""The fields of new links that a workspace can give a default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace. Its id is the name that its links and keys call their owner, and never changes."""

    id: str
    name: str | None = None
    """For people. None: the id."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Fields of requests for new links, as JSON, for what a request does not say."""
    calls_per_minute: int | None = None
    """How often each of its keys may call. None: as often as the installation's setting allows."""
    keys: int | None = None
    created_at: datetime | None = None
    """When the record was made. None: there is none."""
    updated_at: datetime | None = None
    version: int = 0

    @property
    def most_keys(self) -> int:
        """Return how many keys it may have that are good or ended within a day."""
        return KEYS if self.keys is None else self.keys

    def with_defaults(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a request for a new link with the defaults for what it does not say.

        A field that is ``null`` says something: that there is to be none.
        """
        said = {LINK_NAMES.get(name, name) for name in body}
        has = {LINK_NAMES.get(name, name) for name, value in body.items() if value}
        missing = {
            name: value
            for name, value in self.defaults.items()
            if name in DEFAULTS
            and said.isdisjoint({name, *DEFAULTS[name].also_said_by})
            and has.isdisjoint(DEFAULTS[name].excluded_by)
        }
        return {**missing, **body}

    def has_limits_of(self, other: Workspace) -> bool:
        """Tell whether both have the same limits, which a workspace cannot change itself."""
        return (self.calls_per_minute, self.keys) == (other.calls_per_minute, other.keys)

    def as_json(self) -> dict[str, Any]:
        """Return the workspace as clients see it."""
        return {
            "id": self.id,
            "name": self.name or self.id,
            "defaults": dict(self.defaults),
            "limits": {"callsPerMinute": self.calls_per_minute, "keys": self.most_keys},
            "createdAt": times.to_text_or_none(self.created_at),
            "updatedAt": times.to_text_or_none(self.updated_at),
        }


@dataclass(frozen=True, slots=True)
class WorkspaceChange:
    """A validated change: fields that were not given stay; ``null`` returns to what there is without a record."""

    values: Mapping[str, Any]
    """By attribute of ``Workspace``."""

    @classmethod
    def from_json(
        cls, body: dict[str, Any], policy: TargetPolicy, now: datetime, known: Domains = ONLY_DEFAULT
    ) -> WorkspaceChange:
        """Read a request body. ``known`` are the domains of this service.

        Raises:
            WorkspaceInvalid: with every invalid field.
        """
        fields = Fields(body, NAMES)
        values: dict[str, Any] = {}
        if fields.has("name"):
            values["name"] = fields.text("name", MAX_NAME)
        if fields.has("defaults"):
            values["defaults"] = _defaults_in(fields, policy, now, known)
        if fields.has("limits"):
            given = fields.object("limits")
            limits = Fields(dict.fromkeys(LIMITS) if given is None else given, LIMITS)
            if limits.has("callsPerMinute"):
                values["calls_per_minute"] = limits.number("callsPerMinute", MOST_CALLS)
            if limits.has("keys"):
                values["keys"] = limits.number("keys", MOST_KEYS)
            fields.errors += [replace(error, field=f"limits.{error.field}") for error in limits.errors]
        if fields.errors:
            raise WorkspaceInvalid(fields.errors)
        return cls(values)

    def applied_to(self, workspace: Workspace, now: datetime) -> Workspace:
        """Return the changed workspace, or the same if nothing is different."""
        after = replace(workspace, **self.values)
        if after == workspace:
            return workspace
        made_at = workspace.created_at or now
        return replace(after, created_at=made_at, updated_at=now, version=workspace.version + 1)


def _defaults_in(fields: Fields, policy: TargetPolicy, now: datetime, known: Domains) -> dict[str, Any]:
    """Return the defaults in a body; they are checked as the fields of a link to a page that exists."""
    defaults = fields.object("defaults") or {}
    for name in defaults.keys() - DEFAULTS.keys():
        allowed = ", ".join(DEFAULTS)
        fields.refuse(f"defaults.{name[:64]}", "unknown-field", f"There are defaults for: {allowed}.")
    given = {name: value for name, value in defaults.items() if name in DEFAULTS and value is not None}
    try:
        NewLink.from_json({"url": "https://example.com/", **given}, policy, now, known=known)
    except LinkInvalid as invalid:
        fields.errors += [FieldError(f"defaults.{each.field}", each.code, each.message) for each in invalid.errors]
    return given
