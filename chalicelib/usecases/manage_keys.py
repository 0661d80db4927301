"""Create, list and revoke API keys: those of a workspace by its administrators, all by the installation's.

A caller gives a new key no scope that it does not have itself. Each key that is made or revoked is in the log of its
workspace; one that has every scope is in the installation's as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.dynamodb import audit_log_store, key_store, salt_store
from chalicelib.core.access import roles
from chalicelib.core.access.api_key import Key, NewKey, is_id
from chalicelib.core.access.audit_log import Action, Entry
from chalicelib.core.access.caller import Caller, Who
from chalicelib.core.http import pagination
from chalicelib.errors import KeyUnknown, ScopeMissing, TooManyKeys
from chalicelib.usecases import authenticate, workspaces

_INDEX_LAGS = 1.0  # seconds at most that a key which was just made is missing in a list


@dataclass(frozen=True, slots=True)
class Page:
    """Keys as administrators see them, the newest first, and the cursor of the next page, if any."""

    keys: list[dict[str, Any]]
    next: str | None


def make(new_key: NewKey, caller: Caller, now: datetime) -> tuple[Key, str]:
    """Create a key for a caller who has the scope ``keys``. Return it with its text, which cannot be read again.

    Keys that ended within a day count towards the maximum as well: each key has a limit of calls of its own, so making
    and revoking keys must not be a way around it. Calls at the same time may exceed the maximum by their number.

    Raises:
        KeyRefused: the caller's key was revoked a moment ago.
        ScopeMissing: it is of another workspace, or would have a scope that the caller lacks.
        TooManyKeys: the workspace has as many as it may have.
        StoreUnavailable: it may have been stored, but no one has its text.
    """
    caller.require_workspace(new_key.owner)
    for scope in new_key.scopes:
        caller.require(scope)
    if not caller.is_admin:
        most, yesterday = workspaces.find(new_key.owner, now).most_keys, now - timedelta(days=1)
        if sum(not key.has_ended_by(yesterday) for key in key_store.all_keys(new_key.owner)) >= most:
            raise TooManyKeys(most)
    return issue(new_key, caller.who, now)


def issue(new_key: NewKey, by: Who, now: datetime) -> tuple[Key, str]:
    """Create a key without asking what ``by`` may do. Return it with its text, which cannot be read again.

    Raises:
        KeyRefused: the key of the one who asks was revoked a moment ago.
        StoreUnavailable: it may have been stored, but no one has its text.
    """
    key, text = new_key.generate(now, by.name)
    key_store.add(key, [*key_store.checks_of(by.key_id), *_log("key-made", key, by, now)])
    return key, text


def list_page(owner: str | None, after: str | None) -> Page:
    """Return the keys of ``owner``, None: of all workspaces, from the one ``after``.

    A page has as many as fit into a response.

    Raises:
        StoreUnavailable
    """
    keys = [key.as_json() for key in key_store.all_keys(owner)]
    ids = [key["id"] for key in keys]
    rest = keys[ids.index(after) + 1 :] if after in ids else keys
    shown = pagination.fit_response(rest)
    more = None
    if len(shown) < len(rest):
        more = pagination.sign_cursor(shown[-1]["id"], _scope(owner), salt_store.secret("cursors"))
    return Page(shown, more)


def cursor_reader(owner: str | None) -> Callable[[str], str]:
    """Return a function that reads cursors of this list, and raises ValueError for any other."""
    return lambda text: pagination.read_cursor(text, _scope(owner), salt_store.secret("cursors"))


def _scope(owner: str | None) -> str:
    return "all keys" if owner is None else f"keys of {owner}"  # no owner's name has a space


def revoke(key_id: str, caller: Caller, now: datetime) -> None:
    """Revoke a key. Other containers may accept it for up to half a minute. A key that is revoked stays so.

    Raises:
        KeyRefused: the caller's key was revoked a moment ago.
        KeyUnknown: there is none, or it is of another workspace.
        ScopeMissing: a key of the installation is revoked by another one.
        StoreUnavailable: it may or may not be revoked.
    """
    key = key_store.find_key(key_id) if is_id(key_id) else None
    if key is None or not (caller.is_admin or key.owner == caller.workspace):
        raise KeyUnknown
    _end(key, caller, now)


def end_keys_of(person: str, owner: str, caller: Caller, now: datetime) -> list[Key]:
    """Revoke all personal keys of ``person`` in the workspace ``owner``; return those that were not revoked before.

    The keys of integrations stay, also those that the person made. The list of keys may lag behind, so it is read until
    nothing was left in it twice: also a key that was made a moment ago is revoked.

    Raises:
        KeyUnknown: no key is or was this person's. A name that is mistyped must not look like success.
        KeyRefused: the caller's key was revoked a moment ago.
        ScopeMissing: one of them is the installation's. All others are revoked.
        StoreUnavailable: some may be revoked; the call can be repeated.
    """
    ended: dict[str, Key] = {}
    is_known, was_empty = False, False
    while True:
        keys = [key for key in key_store.all_keys(owner) if key.is_for(person)]
        is_known |= bool(keys)
        left = [key for key in keys if key.revoked_at is None and key.id not in ended]
        mine = [key for key in left if caller.is_admin or roles.INSTALLATION not in key.scopes]
        # One's own comes last: the others are revoked on the condition that it is good.
        for key in sorted(mine, key=lambda each: each.id == caller.who.key_id):
            _end(key, caller, now)
            ended[key.id] = replace(key, revoked_at=now)
        if was_empty and not mine:
            break
        was_empty = not mine
        time.sleep(_INDEX_LAGS)
    if left:
        raise ScopeMissing(roles.INSTALLATION)
    if not is_known:
        raise KeyUnknown(f"No key in this workspace is for {person!r}.")
    return list(ended.values())


def _end(key: Key, caller: Caller, now: datetime) -> None:
    if roles.INSTALLATION in key.scopes:
        caller.require(roles.INSTALLATION)
    checks = [] if key.id == caller.who.key_id else key_store.checks_of(caller.who.key_id)
    key_store.revoke(key, now, [*checks, *_log("key-revoked", key, caller.who, now)])
    authenticate.evict_key(key.id)


def _log(action: Action, key: Key, by: Who, now: datetime) -> list[Any]:
    """Return what adds to the logs that a key was made or revoked."""
    details = {"name": key.name, "scopes": list(key.scopes), "person": key.person, "owner": key.owner}
    entry = Entry(at=now, action=action, subject=key.id, who=by, details=details)
    logs = [key.owner, *([None] if roles.INSTALLATION in key.scopes else [])]
    return [audit_log_store.entry_for(log, entry) for log in logs]
