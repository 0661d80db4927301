"""Read and change workspaces. Containers cache a record for half a minute, as they do keys (decision 0015)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb import audit_log_store, key_store, transactions, workspace_store
from chalicelib.aws.dynamodb.errors import WriteContended
from chalicelib.core.access.audit_log import Entry
from chalicelib.core.access.caller import Caller
from chalicelib.core.access.roles import INSTALLATION
from chalicelib.core.access.workspace import Workspace, WorkspaceChange
from chalicelib.core.ttl_cache import TtlCache
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import domains

_LASTS = 30  # seconds that a record is cached in a container
_STALE_LASTS = 600  # seconds that the cache replaces a table that does not respond
_SECONDS = 4.0  # for retries while others change the same workspace

_cache: TtlCache[Workspace] = TtlCache(1000)


def find(workspace_id: str, now: datetime) -> Workspace:
    """Return a workspace as it was within the last half minute; without a record it has the defaults.

    Raises:
        StoreUnavailable
    """
    return _cache.get_or_read(
        workspace_id, now, lambda: workspace_store.find(workspace_id), lasts=_LASTS, stale_lasts=_STALE_LASTS
    )


def see(workspace_id: str, caller: Caller) -> Workspace:
    """Return a workspace as it is now.

    Raises:
        ScopeMissing, StoreUnavailable
    """
    caller.require_workspace(workspace_id)
    return workspace_store.find(workspace_id, consistent=True)


def change(workspace_id: str, changes: WorkspaceChange, caller: Caller, now: datetime) -> Workspace:
    """Change a workspace, and return it. Concurrent changes of different fields all succeed.

    Raises:
        KeyRefused: the caller's key was revoked a moment ago.
        ScopeMissing: limits are set by the installation's administrators.
        DomainRefused: the workspace may make no links at its default domain.
        StoreUnavailable: it may or may not have been changed.
    """
    caller.require_workspace(workspace_id)
    change_id = uuid.uuid4().hex

    def attempt() -> Workspace:
        before = workspace_store.find(workspace_id, consistent=True)
        after = changes.applied_to(before, now)
        if after is before:
            return before
        if after.defaults.get("domain") != before.defaults.get("domain"):
            _require_default_domain(after, now)
        logs: list[str | None] = [workspace_id]
        if not after.has_limits_of(before):
            caller.require(INSTALLATION)
            logs.append(None)
        shown, was = after.as_json(), before.as_json()
        details = {name: shown[name] for name in ("name", "defaults", "limits") if shown[name] != was[name]}
        entry = Entry(at=now, action="workspace-changed", subject=workspace_id, who=caller.who, details=details)
        entries = [audit_log_store.entry_for(log, entry) for log in logs]
        workspace_store.put(before, after, change_id, [*key_store.checks_of(caller.who.key_id), *entries])
        _cache.put(workspace_id, after, now)
        return after

    try:
        return transactions.retry(attempt, _SECONDS)
    except WriteContended as contended:
        raise StoreUnavailable from contended


def _require_default_domain(workspace: Workspace, now: datetime) -> None:
    domain = settings.domains.named(workspace.defaults.get("domain", ""))
    if domain is not None:
        domains.require_open(domain, workspace.id, now)


def with_defaults(body: Mapping[str, Any], caller: Caller, now: datetime) -> dict[str, Any]:
    """Return the body of a request for a new link with the defaults of the caller's workspace.

    Raises:
        StoreUnavailable: a link without its defaults would be another one than was asked for.
    """
    return dict(body) if caller.workspace is None else find(caller.workspace, now).with_defaults(body)


def reset() -> None:
    """Empty the cache, as in a new container."""
    _cache.clear()
