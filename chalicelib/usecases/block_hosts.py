"""Block hosts: refuse new links to a blocked host, and block or unblock the existing ones."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib import logs
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import blocked_host_store, history_store, link_store, transactions
from chalicelib.aws.dynamodb.blocked_host_store import Blocked
from chalicelib.aws.dynamodb.errors import WriteContended
from chalicelib.core.links import hosts, link_patch, target_url
from chalicelib.core.links.link import Link
from chalicelib.errors import FieldError, LinkInvalid, StoreUnavailable

_BY = "the list of blocked hosts"  # the author in the history of a link
_SECONDS = 10.0  # time limit for one link that others keep changing


@dataclass(frozen=True, slots=True)
class SweepResult:
    """The result of a pass over all links: how many were read, blocked and unblocked."""

    scanned: int
    blocked: int
    unblocked: int
    is_whole: bool
    """False if links were left, because time was up or a link kept changing."""


def refuse(targets: Mapping[str, str]) -> None:
    """Refuse ``targets``, URLs by field name, if one of their hosts is blocked.

    If the list cannot be read, all targets are allowed: callers without a key have been refused by then, and the
    nightly pass checks again.

    Raises:
        LinkInvalid: with every field whose host is blocked.
    """
    names = _hosts_in(targets)
    try:
        found = blocked_host_store.blocked_among(name for above in names.values() for name in above if name)
    except StoreUnavailable as failure:
        logs.note(blockedHosts=str(failure.__cause__)[:200])
        return
    _refuse_among(frozenset(each.host for each in found), names)


def blocked_hosts() -> frozenset[str]:
    """Return all blocked hosts, for ``refuse_among``; one that was blocked within the last second may be missing.

    Raises:
        StoreUnavailable
    """
    return frozenset(each.host for each in blocked_host_store.all_blocked())


def refuse_among(blocked: frozenset[str], targets: Mapping[str, str]) -> None:
    """Refuse ``targets``, URLs by field name, if one of their hosts or of its parent domains is in ``blocked``.

    Raises:
        LinkInvalid: with every field whose host is blocked.
    """
    if blocked:
        _refuse_among(blocked, _hosts_in(targets))


def sweep(
    now: datetime, has_time: Callable[[], bool], just_changed: Mapping[str, Blocked | None] | None = None
) -> SweepResult:
    """Go through all links: block those to blocked hosts, unblock those whose host is no longer blocked.

    Links that an administrator blocked stay blocked. It can be repeated and run concurrently: it does what is left.
    ``just_changed`` are hosts that were just blocked, or unblocked (None): the list may be a second behind.

    Raises:
        StoreUnavailable
    """
    stored: dict[str, Blocked | None] = {each.host: each for each in blocked_host_store.all_blocked()}
    blocked = {host: each for host, each in {**stored, **(just_changed or {})}.items() if each is not None}
    scanned = newly_blocked = unblocked = contended = 0
    for link in link_store.all_links():
        if not has_time():
            return SweepResult(scanned, newly_blocked, unblocked, is_whole=False)
        scanned += 1
        if _expected(link, blocked) is not link:
            try:
                after = _update(link.id, blocked, now)
            except WriteContended:
                contended += 1
                continue
            newly_blocked += after is not None and after.blocked is not None
            unblocked += after is not None and after.blocked is None
    return SweepResult(scanned, newly_blocked, unblocked, is_whole=contended == 0)


def _hosts_in(targets: Mapping[str, str]) -> dict[str, list[str]]:
    return {field: hosts.with_parents(target_url.host_of(url)) for field, url in targets.items()}


def _refuse_among(blocked: frozenset[str], names: Mapping[str, list[str]]) -> None:
    errors = [
        FieldError(field, "blocked-host", "Links to this host cannot be created: it has been blocked.")
        for field, above in names.items()
        if not blocked.isdisjoint(above)
    ]
    if errors:
        raise LinkInvalid(errors)


def _expected(link: Link, blocked: Mapping[str, Blocked]) -> Link:
    """Return ``link`` blocked or unblocked as its hosts require; ``link`` itself if it already is."""
    if link.blocked is not None and link.blocked_host is None:
        return link
    names = (name for url in link.targets.values() for name in hosts.with_parents(target_url.host_of(url)))
    found = next((blocked[name] for name in names if name in blocked), None)
    if (found.host if found else None) == link.blocked_host:
        return link
    return replace(link, blocked=found.reason if found else None, blocked_host=found.host if found else None)


def _update(code: str, blocked: Mapping[str, Blocked], now: datetime) -> Link | None:
    """Block or unblock a link as its hosts require, and return it; None if there is nothing to change or it is gone.

    Raises:
        WriteContended: other writers kept changing it.
        StoreUnavailable
    """
    change_id = uuid.uuid4().hex

    def attempt() -> Link | None:
        link = link_store.find_now(code)
        expected = link and _expected(link, blocked)
        if link is None or expected is None or expected is link:
            return None
        after = replace(expected, version=link.version + 1, updated_at=now)
        differences = link_patch.differences(link, after)
        action = "blocked" if after.blocked else "let go"
        link_store.change(
            link, after, change_id, [history_store.entry(code, after.version, _BY, now, action, differences)]
        )
        link_cache.put(after, now)
        return after

    return transactions.retry(attempt, _SECONDS)
