"""Update or delete a link, if it is still the version that the client saw."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from chalicelib import logs
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import history_store, link_store, transactions
from chalicelib.aws.dynamodb.errors import WriteContended
from chalicelib.core.access.caller import Caller
from chalicelib.core.http import pagination
from chalicelib.core.links import link_patch
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_patch import Change
from chalicelib.core.links.new_link import AnonymousRules
from chalicelib.errors import LinkBusy, StoreUnavailable, VersionChanged
from chalicelib.usecases import block_hosts, find_link, policies
from chalicelib.usecases.find_link import LinkName

# For retries while others change the same link; one of them succeeds each time. Lambda gives a request 15 seconds, of
# which the last attempt may need nine while DynamoDB is slow (see ``clients``).
_SECONDS = 4.0

Result = TypeVar("Result")


def change(name: LinkName, changes: Change, caller: Caller, if_match: str | None, now: datetime) -> Link:
    """Change the link called ``name``, and return the new version.

    The changes are merged into the current version, so concurrent changes of different fields all succeed; with
    ``if_match`` (an entity tag) the link is changed only if that version is current.

    Raises:
        LinkUnknown, VersionChanged, ExternalIdTaken
        LinkBusy: other writers kept changing it; nothing was changed.
        ScopeMissing, KeyMissing: only administrators block a link.
        LinkInvalid: the change is not allowed for a link without an owner, or a host is blocked.
        StoreUnavailable: it may or may not have been changed.
    """
    if "blocked" in changes.values:
        caller.require("admin")
    change_id = uuid.uuid4().hex

    def attempt(link: Link) -> Link:
        nonlocal changes
        block_hosts.refuse(changes.targets)
        changes = changes.with_digest()  # 40 ms of work, so only after the caller is authorised
        after = changes.applied_to(link, now)
        if after is link:
            return link
        if link.owner is None:  # an externalId needs an owner; an admin may change the rest
            allowed = policies.anonymous_rules() if caller.manage_digest is not None else AnonymousRules()
            allowed.refuse_in(changes.values, link.created_at or now)
        moved = link.external_id != after.external_id
        old, new = (find_link.held_claims(link, now), find_link.claims_for(after, now)) if moved else ([], [])
        differences = link_patch.differences(link, after)
        actions = [history_store.entry(after.id, after.version, caller.who.name, now, "changed", differences)]
        actions += [claim.release() for claim in old]
        find_link.claiming(after, new, lambda claimed: link_store.change(link, after, change_id, actions, claimed))
        link_cache.put(after, now)
        return after

    return _retry_on_conflict(name, caller, if_match, attempt)


def remove(name: LinkName, caller: Caller, if_match: str | None, now: datetime) -> None:
    """Delete the link called ``name``; its code is never reused.

    With ``if_match`` only that version is deleted; without, the link is deleted whatever others change meanwhile.

    Raises:
        LinkUnknown, VersionChanged
        LinkBusy: other writers kept changing it; it still exists.
        StoreUnavailable: it may or may not have been deleted.
    """
    change_id = uuid.uuid4().hex

    def attempt(link: Link) -> None:
        claims = find_link.held_claims(link, now)
        entry = history_store.removal(link.id, link.version + 1, caller.who.name, now)
        actions = [entry, *(claim.release() for claim in claims)]
        link_store.remove(link, change_id, now, actions, whatever_changed=if_match is None or if_match.strip() == "*")
        link_cache.evict(link.id, now)
        try:
            history_store.set_expiry(link.id, now)
        except StoreUnavailable as failure:  # the link is deleted all the same; `make erase` deletes what is left
            logs.note(historyStays=str(failure.__cause__)[:200])

    _retry_on_conflict(name, caller, if_match, attempt)


def history(name: LinkName, caller: Caller) -> list[dict[str, Any]]:
    """Return the history of the link called ``name``: its last fifty changes, the newest first, and its creation.

    The oldest changes are left out if all of them would exceed the size of a response.

    Raises:
        LinkUnknown, StoreUnavailable
    """
    link = find_link.find(name, caller)
    found = history_store.history_for(link.id)
    if len(found) < history_store.KEPT:
        found.append(link.creation_entry())
    return pagination.fit_response(found)


def _retry_on_conflict(
    name: LinkName, caller: Caller, if_match: str | None, change_it: Callable[[Link], Result]
) -> Result:
    """Return the result of ``change_it`` for the current link, retried while other writers get in first."""

    def attempt() -> Result:
        link = find_link.find(name, caller)
        if not _matches(if_match, link):
            raise VersionChanged(link.etag)
        return change_it(link)

    try:
        return transactions.retry(attempt, _SECONDS)
    except WriteContended as contended:
        raise LinkBusy from contended


def _matches(if_match: str | None, link: Link) -> bool:
    """Tell whether ``if_match``, a list of entity tags or ``*`` (RFC 9110, 13.1.1), matches the current version."""
    return if_match is None or if_match.strip() == "*" or link.etag in (tag.strip() for tag in if_match.split(","))
