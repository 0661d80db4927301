"""Create, list and revoke API keys: those of a workspace by its administrators, all by the installation's.

A caller gives a new key no scope that it does not have itself. Each key that is made or revoked is in the log of its
workspace; one that has every scope is in the installation's as well.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb import audit_log_store, key_store
from chalicelib.core.access import roles
from chalicelib.core.access.api_key import Key, NewKey, is_id
from chalicelib.core.access.audit_log import Action, Entry
from chalicelib.core.access.caller import Caller, Who
from chalicelib.errors import KeyUnknown, TooManyKeys
from chalicelib.usecases import authenticate, workspaces

_INDEX_LAGS = 1.0  # seconds at most that a key which was just made is missing in a list


def make(new_key: NewKey, caller: Caller, now: datetime) -> tuple[Key, str]:
    """Create a key for a caller who has the scope ``keys``. Return it with its text, which cannot be read again.

    Calls at the same time may exceed the maximum of keys by their number.

    Raises:
        ScopeMissing: it is of another workspace, or would have a scope that the caller lacks.
        TooManyKeys: the workspace has as many as it may have.
        StoreUnavailable: it may have been stored, but no one has its text.
    """
    caller.require_workspace(new_key.owner)
    for scope in new_key.scopes:
        caller.require(scope)
    if not caller.is_admin:
        most = workspaces.find(new_key.owner, now).most_keys
        if sum(not key.has_ended(now) for key in key_store.all_keys(new_key.owner)) >= most:
            raise TooManyKeys(most)
    return issue(new_key, caller.who, now)


def issue(new_key: NewKey, by: Who, now: datetime) -> tuple[Key, str]:
    """Create a key, whoever may have asked for it. Return it with its text, which cannot be read again.

    Raises:
        StoreUnavailable: it may have been stored, but no one has its text.
    """
    key, text = new_key.generate(now, by.name)
    key_store.add(key, _log("key-made", key, by, now))
    return key, text


def list_keys(caller: Caller, owner: str | None) -> list[Key]:
    """Return the keys of ``owner``, if the caller may see them; None: all that it may see.

    Raises:
        StoreUnavailable
    """
    return key_store.all_keys(owner if caller.is_admin else caller.workspace)


def revoke(key_id: str, caller: Caller, now: datetime) -> None:
    """Revoke a key. Other containers may accept it for up to half a minute. A key that is revoked stays so.

    Raises:
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

    The keys of integrations stay, whoever made them. The list of keys may lag behind, so it is read until nothing was
    left in it twice: also a key that was made a moment ago is revoked.

    Raises:
        ScopeMissing: one of them is the installation's. All others are revoked.
        StoreUnavailable: some may be revoked; the call can be repeated.
    """
    ended: dict[str, Key] = {}
    was_empty = False
    while True:
        keys = (key for key in key_store.all_keys(owner) if key.person == person and key.id not in ended)
        left = [key for key in keys if key.revoked_at is None]
        for key in sorted(left, key=lambda each: roles.INSTALLATION in each.scopes):
            _end(key, caller, now)
            ended[key.id] = replace(key, revoked_at=now)
        if was_empty and not left:
            return list(ended.values())
        was_empty = not left
        time.sleep(_INDEX_LAGS)


def _end(key: Key, caller: Caller, now: datetime) -> None:
    if roles.INSTALLATION in key.scopes:
        caller.require(roles.INSTALLATION)
    key_store.revoke(key, now, _log("key-revoked", key, caller.who, now))
    authenticate.evict_key(key.id)


def _log(action: Action, key: Key, by: Who, now: datetime) -> list[Any]:
    """Return what adds to the logs that a key was made or revoked."""
    details = {"name": key.name, "scopes": list(key.scopes), "person": key.person, "owner": key.owner}
    entry = Entry(at=now, action=action, subject=key.id, who=by, details=details)
    logs = [key.owner, *([None] if roles.INSTALLATION in key.scopes else [])]
    return [audit_log_store.entry_for(log, entry) for log in logs]
