"""Deed: change a link, or take it away, if it still is what was seen."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib import block, find_link
from chalicelib.aws import history_table, link_cache, link_table
from chalicelib.core import change as changes
from chalicelib.core.caller import Caller
from chalicelib.core.change import Change
from chalicelib.core.link import Link
from chalicelib.core.new_link import AnonymousRules
from chalicelib.errors import LinkChanged, StoreUnavailable, VersionChanged
from chalicelib.settings import settings

_TRIES = 8  # while others change the same link; each time one of them got through


def anonymous_rules() -> AnonymousRules:
    """Return what holds for links that are made without a key."""
    life = timedelta(days=settings.anonymous_max_days) if settings.anonymous_max_days else None
    return AnonymousRules(shortest_alias=settings.anonymous_min_alias, longest_life=life)


def change(name: str, wanted: Change, caller: Caller, if_match: str | None, now: datetime) -> Link:
    """Change the link called ``name``, and return it as it is now.

    What is wanted is applied to the link as it is, so that two who change different things both get their way; with
    ``if_match`` (an entity tag) only the version that was seen is changed.

    Raises:
        LinkUnknown, VersionChanged, ExternalIdTaken
        ScopeMissing, KeyMissing: only administrators block a link.
        LinkInvalid: a link of nobody's must not become that, or a host is blocked.
        StoreUnavailable: it may or may not have been changed.
    """
    if "blocked" in wanted.values:
        caller.require("admin")
    block.refuse(wanted.targets)
    change_id = uuid.uuid4().hex

    def attempt(link: Link) -> Link:
        after = wanted.applied_to(link, now)
        if after is link:
            return link
        if link.owner is None:  # an externalId is a name of an owner's; the rest an admin may
            allowed = anonymous_rules() if caller.manage_digest is not None else AnonymousRules()
            allowed.refuse_in(wanted.values, link.created_at or now)
        old, new = (find_link.claim_of(each, now) for each in (link, after))
        moved = link.external_id != after.external_id
        alongside = [_history(after, caller, now, "changed", changes.differences(link, after))]
        alongside += [claim.give_up() for claim in old if moved]
        link_table.change(link, after, change_id, alongside, new if moved else ())
        link_cache.learn(after, now)
        return after

    changed: Link = _while_it_changes(name, caller, if_match, attempt)
    return changed


def remove(name: str, caller: Caller, if_match: str | None, now: datetime) -> None:
    """Take the link called ``name`` away; its code is never given out again.

    Raises:
        LinkUnknown, VersionChanged
        StoreUnavailable: it may or may not be gone.
    """
    change_id = uuid.uuid4().hex

    def attempt(link: Link) -> None:
        claims = find_link.claim_of(link, now)
        after = Link(code=link.code, url="", version=link.version + 1)
        alongside = [_history(after, caller, now, "removed", {}), *(claim.give_up() for claim in claims)]
        link_table.remove(link, change_id, now, alongside)
        link_cache.forget(link.code, now)

    _while_it_changes(name, caller, if_match, attempt)


def history(name: str, caller: Caller) -> list[dict[str, Any]]:
    """Return what became of the link called ``name``: its last fifty changes, the newest first, and how it began.

    Raises:
        LinkUnknown, StoreUnavailable
    """
    link = find_link.find(name, caller)
    found = history_table.of(link.code)
    if len(found) < history_table.KEPT:
        found.append(link.beginning())
    return found


def _while_it_changes(name: str, caller: Caller, if_match: str | None, attempt: Callable[[Link], Any]) -> Any:
    for _ in range(_TRIES):
        link = find_link.find(name, caller)
        if if_match not in {None, "*", link.etag}:
            raise VersionChanged(link.etag)
        try:
            return attempt(link)
        except LinkChanged:
            continue
    raise StoreUnavailable


def _history(after: Link, caller: Caller, now: datetime, action: str, changed: dict[str, Any]) -> Any:
    return history_table.entry(after.code, after.version, caller.name, now, action, changed)
