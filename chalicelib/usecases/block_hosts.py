"""Deed: no link leads to a blocked host. New ones are refused, those that are there are stopped, or let go again."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib import logs
from chalicelib.aws import block_list, history_table, link_cache, link_table
from chalicelib.aws.block_list import Blocked
from chalicelib.core import change as changes
from chalicelib.core import hosts, target_url
from chalicelib.core.link import Link
from chalicelib.errors import FieldError, LinkChanged, LinkInvalid, StoreUnavailable

_BY = "the list of blocked hosts"  # what the history of a link says
_TRIES = 3  # while somebody changes the same link


@dataclass(frozen=True, slots=True)
class Swept:
    """What a pass over all links did."""

    looked_at: int
    stopped: int
    let_go: int
    is_whole: bool
    """False: time was up before the last link."""


def refuse(targets: Mapping[str, str]) -> None:
    """Let pass ``targets``, URLs by the field that has them, if none of their hosts is blocked.

    While nobody can look, all pass: who has a key goes on, who has none was stopped before, and the night looks again.

    Raises:
        LinkInvalid: with every field whose host is.
    """
    names = _hosts_in(targets)
    try:
        found = block_list.those_of(name for above in names.values() for name in above if name)
    except StoreUnavailable as failure:
        logs.note(blockedHosts=str(failure.__cause__)[:200])
        return
    _refuse_among(frozenset(each.host for each in found), names)


def listed() -> frozenset[str]:
    """Return all blocked hosts, for who has many targets to judge; one blocked within this second may be missing.

    Raises:
        StoreUnavailable
    """
    return frozenset(each.host for each in block_list.everything())


def refuse_among(blocked: frozenset[str], targets: Mapping[str, str]) -> None:
    """Let pass ``targets`` if none of their hosts, and nothing above one, is among ``blocked``.

    Raises:
        LinkInvalid: with every field whose host is.
    """
    if blocked:
        _refuse_among(blocked, _hosts_in(targets))


def sweep(
    now: datetime, has_time: Callable[[], bool], just_changed: Mapping[str, Blocked | None] | None = None
) -> Swept:
    """Go over all links: stop those that lead to a blocked host, let go those whose host is not blocked any more.

    What an administrator blocked by hand stays so. Run twice, or beside another, it does what is left to do.
    ``just_changed`` are hosts that were blocked, or unblocked (None), within this second: the list may lag behind.

    Raises:
        StoreUnavailable
    """
    listed: dict[str, Blocked | None] = {each.host: each for each in block_list.everything()}
    blocked = {host: each for host, each in {**listed, **(just_changed or {})}.items() if each is not None}
    looked_at = stopped = let_go = 0
    for link in link_table.all_links():
        if not has_time():
            return Swept(looked_at, stopped, let_go, is_whole=False)
        looked_at += 1
        if _due(link, blocked) is not link:
            after = _settle(link.code, blocked, now)
            stopped += after is not None and after.blocked is not None
            let_go += after is not None and after.blocked is None
    return Swept(looked_at, stopped, let_go, is_whole=True)


def _hosts_in(targets: Mapping[str, str]) -> dict[str, list[str]]:
    return {field: hosts.above(target_url.host_of(url)) for field, url in targets.items()}


def _refuse_among(blocked: frozenset[str], names: Mapping[str, list[str]]) -> None:
    wrong = [
        FieldError(field, "blocked-host", "Links to this host are not made here: it has been blocked.")
        for field, above in names.items()
        if not blocked.isdisjoint(above)
    ]
    if wrong:
        raise LinkInvalid(wrong)


def _due(link: Link, blocked: Mapping[str, Blocked]) -> Link:
    """Return ``link`` as it should be; itself, if it is."""
    if link.blocked is not None and link.blocked_host is None:
        return link
    names = (name for url in link.targets.values() for name in hosts.above(target_url.host_of(url)))
    found = next((blocked[name] for name in names if name in blocked), None)
    if (found.host if found else None) == link.blocked_host:
        return link
    return replace(link, blocked=found.reason if found else None, blocked_host=found.host if found else None)


def _settle(code: str, blocked: Mapping[str, Blocked], now: datetime) -> Link | None:
    """Bring a link to what is due, and return it; None: it is so by now, or gone, or is being changed all the time."""
    change_id = uuid.uuid4().hex
    for _ in range(_TRIES):
        link = link_table.find_now(code)
        due = link and _due(link, blocked)
        if link is None or due is None or due is link:
            return None
        after = replace(due, version=link.version + 1, updated_at=now)
        differences = changes.differences(link, after)
        entry = history_table.entry(
            code, after.version, _BY, now, "blocked" if after.blocked else "let go", differences
        )
        try:
            link_table.change(link, after, change_id, [entry])
        except LinkChanged:
            continue
        link_cache.learn(after, now)
        return after
    return None
