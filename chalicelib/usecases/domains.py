"""See, change and use the domains of this service."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.aws.dynamodb import audit_log_store, domain_store, key_store, link_store, transactions
from chalicelib.aws.dynamodb.errors import WriteContended
from chalicelib.core.access.audit_log import Entry
from chalicelib.core.access.caller import Caller
from chalicelib.core.access.domain_settings import APPLE, ASSETLINKS
from chalicelib.core.domains import Domain
from chalicelib.errors import DomainRefused, DomainUnknown, StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import domain_settings

if TYPE_CHECKING:
    from chalicelib.core.access.domain_change import DomainChange

_SECONDS = 4.0  # for retries while others change the same settings


def require_use(domain: Domain | None, caller: Caller, now: datetime) -> None:
    """Check that ``caller`` may make links at ``domain``; None: the default one, where everybody may.

    Raises:
        DomainRefused, StoreUnavailable
    """
    if domain is not None and not is_usable_by(domain, caller, now):
        raise DomainRefused(domain.host)


def require_open(domain: Domain, workspace: str | None, now: datetime) -> None:
    """Check that ``workspace`` may have links at ``domain``, even if an administrator asks.

    Raises:
        DomainRefused, StoreUnavailable
    """
    if not _is_open_to(domain, workspace, now):
        raise DomainRefused(domain.host)


def is_usable_by(domain: Domain, caller: Caller, now: datetime) -> bool:
    """Tell whether ``caller`` may make links at ``domain``.

    Raises:
        StoreUnavailable
    """
    return caller.is_admin or _is_open_to(domain, caller.workspace, now)


def _is_open_to(domain: Domain, workspace: str | None, now: datetime) -> bool:
    # The default domain is open to all: nothing is read.
    return not domain.space or domain_settings.find(domain.space, now).may_be_used_by(workspace)


def usable_by(caller: Caller, now: datetime) -> list[Domain]:
    """Return the domains that ``caller`` may make links at, one of each space, the default one first.

    Raises:
        StoreUnavailable
    """
    spaces = dict.fromkeys(domain.space for domain in settings.domains.active())
    first = map(settings.domains.of_space, spaces)
    return [domain for domain in first if is_usable_by(domain, caller, now)]


def named(host: str, caller: Caller, now: datetime) -> Domain:
    """Return the domain called ``host``, which ``caller`` may use.

    Raises:
        DomainUnknown, StoreUnavailable
    """
    domain = settings.domains.named(host)
    if domain is None or not is_usable_by(domain, caller, now):
        raise DomainUnknown(host)
    return domain


def summary(domain: Domain) -> dict[str, Any]:
    """Return what everybody who may use a domain needs to know of it."""
    return {
        "host": domain.host,
        "url": domain.url,
        "isDefault": not domain.space,
        "ignoresCase": domain.any_case,
        "hosts": hosts_of(domain.space),
    }


def see(domain: Domain, caller: Caller) -> dict[str, Any]:
    """Return a domain as ``caller`` sees it now: only administrators see which workspaces may use it.

    Raises:
        StoreUnavailable
    """
    found = domain_store.find(domain.space, consistent=True).as_json()
    files = {name: domain_store.find_file(domain.space, name, consistent=True) for name in (ASSETLINKS, APPLE)}
    shown = {**found, **{name: None if text is None else json.loads(text) for name, text in files.items()}}
    if not caller.is_admin:
        shown["workspaces"] = None
    return {**summary(domain), **shown, "links": link_store.number_in(domain.space) if domain.space else None}


def change(domain: Domain, changes: DomainChange, caller: Caller, now: datetime) -> None:
    """Change the settings of a domain's space. Concurrent changes of different fields all succeed.

    The caller is an administrator of the installation, or an operator.

    Raises:
        KeyRefused: the caller's key was revoked a moment ago.
        StoreUnavailable: they may or may not have been changed.
    """
    change_id = uuid.uuid4().hex

    def attempt() -> None:
        before = domain_store.find(domain.space, consistent=True)
        after = changes.applied_to(before, now)
        if after is before:
            return
        shown, was = after.as_json(), before.as_json()
        details = {name: shown[name] for name in shown if shown[name] != was[name] and name != "updatedAt"}
        details |= dict.fromkeys(changes.files, "changed")
        entry = Entry(at=now, action="domain-changed", subject=domain.host, who=caller.who, details=details)
        alongside = [*key_store.checks_of(caller.who.key_id), audit_log_store.entry_for(None, entry)]
        domain_store.put(before, after, changes.files, change_id, alongside)

    try:
        transactions.retry(attempt, _SECONDS)
    except WriteContended as contended:
        raise StoreUnavailable from contended
    domain_settings.reset()


def hosts_of(space: str) -> list[str]:
    """Return the hosts that lead to a space and are not retired, in the order in which they are listed."""
    known = settings.domains
    own = [known.default.host, *sorted(known.others)] if not space else []
    return [*own, *(each.host for each in known.listed.values() if each.space == space and not each.is_retired)]
