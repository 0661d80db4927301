"""What this installation allows, from its settings: which targets, and what callers without a key may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from chalicelib.core.access.caller import Caller
from chalicelib.core.links.new_link import AnonymousRules
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.settings import settings


def targets() -> TargetPolicy:
    """Return the policy for the targets of links."""
    return TargetPolicy(settings.own_hosts, any_host=settings.target_hosts == "any")


def imported_targets() -> TargetPolicy:
    """Return the policy for the targets of imported links.

    New links to other shorteners are refused. Imported ones exist already, and are better kept than lost.
    """
    return replace(targets(), short_links=settings.import_short_links)


def rules_for(caller: Caller) -> AnonymousRules | None:
    """Return the rules for links that ``caller`` creates; None: there are none, because the links have an owner."""
    return None if caller.workspace else anonymous_rules()


def require_create(caller: Caller) -> None:
    """Check that ``caller`` may create links.

    Raises:
        KeyMissing: this installation requires a key.
        ScopeMissing
    """
    if not (caller.is_anonymous and settings.open_create):
        caller.require("create")


def anonymous_rules() -> AnonymousRules:
    """Return the rules for links created without a key."""
    life = timedelta(days=settings.anonymous_max_days) if settings.anonymous_max_days else None
    return AnonymousRules(shortest_alias=settings.anonymous_min_alias, longest_life=life)
