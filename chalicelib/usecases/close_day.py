"""Close one day of a link or an owner: publish its unique visitors, then fold it.

*Publishing* counts the unique visitors from the rows, and changes no sum. *Folding* counts everything from the rows and
replaces the counters by the sums; whatever the counters were off by is drift, which is corrected and raises an alarm.
A row counts for the owner its link had then; on a day on which a link moved, each owner has a share of its own.
An owner has no rows: its day is the sum of its counters. A day whose rows were erased, or have begun to end, is not
counted again: a row that comes after that counts for nothing.

A job may be killed and begun again anywhere. While it reads rows it saves how far it has come; each change is one
transaction on the condition that nothing has changed since it was read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from chalicelib import logs
from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import click_store, counter_store, link_store, row_store
from chalicelib.aws.dynamodb.counter_store import Place, Stored
from chalicelib.aws.dynamodb.row_store import RowUnreadable
from chalicelib.core.links.link import Link
from chalicelib.core.visits import counters, open_days, shares, user_agents
from chalicelib.core.visits.counters import CounterKey, Counts, Day
from chalicelib.core.visits.night_job import NightJob
from chalicelib.core.visits.recount import Recount
from chalicelib.core.visits.shares import Shares
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases.judge_row import judge

_ATTEMPTS = 5  # for a day that changes while it is being closed
SAVE_EVERY = 60.0
"""Seconds between two times that a recount saves how far it has come."""
_LINKS_AT_ONCE = 100
# Names of what saved recounts are of. The version before has others, and cannot read recounts with shares.
PUBLISH, FOLD = "publish shares", "fold shares"


class OutOfTime(Exception):
    """The job has not come to its end in time; how far it has come is saved."""


def run(job: NightJob, now: datetime, has_time: Callable[[], bool] = lambda: True) -> int:
    """Do a job; return by how many visits the day was off.

    Raises:
        OutOfTime: the same job goes on where this one was.
        StoreUnavailable: some of it may have been done; the same job does the rest.
    """
    key = CounterKey(job.subject, job.day)
    if open_days.end_of(job.day) < now - timedelta(days=settings.click_retention_days - 3):
        logs.note(tooOld=1)  # some of its rows have ended: what would be counted is less than what there was
        click_store.forget_recount(key)
        return 0
    for attempt in range(_ATTEMPTS):
        if counters.is_owner_subject(job.subject):
            drift: int | None = _fold_owner(key) if job.step == "fold" else 0
        elif job.step == "publish":
            drift = _publish(key, now, has_time)
        else:
            drift = _fold_link(key, now, has_time)
        if drift is not None:
            return drift
        time.sleep(0.2 * attempt)
    raise StoreUnavailable


def _publish(key: CounterKey, now: datetime, has_time: Callable[[], bool]) -> int | None:
    """Publish the visitors of a link's day; None: it has changed meanwhile."""
    seen, _ = click_store.day_now(key)
    if seen.is_folded or seen.rows_erased or seen.visitors is not None:
        return 0
    # Consistent where it decides. What is published may miss a row of the last second, at half the price.
    recount = _recount(key, PUBLISH, now, has_time, (), consistent=False)
    _, visitors = recount.result()
    if not click_store.publish(key, seen, visitors, shares.only_visitors(recount.by_owner())):
        return None
    click_store.end_recount(key)
    return 0


def _fold_link(key: CounterKey, now: datetime, has_time: Callable[[], bool]) -> int | None:
    """Fold a link's day; return by how many visits its counters were off, or None: it has changed meanwhile."""
    seen, owner = click_store.day_now(key)
    found = _counters(key)
    if seen.is_folded and not seen.is_open:  # by this job, which came twice
        counter_store.remove(found)
        return 0
    owner = owner or next((stored.owner for stored in found.values() if stored.owner), None)
    counted = _sum_of(seen, found)
    folded, of_owners = _folded(key, seen, owner, counted, now, has_time)
    if not click_store.fold(key, seen, folded, owner, of_owners):
        click_store.end_recount(key)  # a row may have come in front of what was counted
        return None
    counter_store.remove(found)
    click_store.end_recount(key)
    drift = counters.drift_between(counted, folded.counts)
    if seen.is_folded and seen.asked:  # of late rows, which no counter could have taken
        logs.note(late=drift["visits"])
        return 0
    # Judged by other patterns, another kind is no error; another number of visits always is.
    off = sum(map(abs, drift.values())) if _are_judged_alike(found) else abs(drift["visits"])
    if off:
        logs.write(drift=drift, **settings.domains.names_of(key.subject), day=key.day)
    return off


def _folded(
    key: CounterKey, seen: Day, owner: str | None, counted: Counts, now: datetime, has_time: Callable[[], bool]
) -> tuple[Day, Shares]:
    """Return a link's day as it is to be stored, and what the days of its owners are to be corrected by."""
    before = shares.credited(seen, owner)
    if seen.rows_erased:
        counts, visitors = counters.limit_names(counted), seen.visitors or 0
        after: Shares = before or ({} if owner is None else {owner: Counts(visitors=visitors)})
        return replace(seen, counts=counts, visitors=visitors), shares.corrections(key.subject, before, after)
    # Who has a share keeps it, and a day that is full gives no further ones: counters have credited those.
    recount = _recount(key, f"{FOLD}#{seen.asked}", now, has_time, before, consistent=True)
    counts, visitors = recount.result()
    after = recount.by_owner()
    # Of no owner, too: a late row might bring the day one, who was credited nothing.
    is_shared = owner is None or not set(recount.shares) <= {owner}
    folded = replace(
        seen, counts=counts, visitors=visitors, shares=after if is_shared else None, is_whole=not is_shared
    )
    if shares.are_unknown(seen, owner, set(recount.shares)):
        return folded, shares.additions(key.subject, owner, seen, folded)
    if seen.is_folded or not counted:
        return folded, shares.corrections(key.subject, before, after)
    # Counters of a link are not split by owner: what they were off by is its owner's, and what they had is right.
    found = shares.corrections(key.subject, shares.only_visitors(before), shares.only_visitors(after))
    if owner is not None and (off := counters.difference_for_owner(key.subject, counted, counts)):
        found.setdefault(owner, Counts()).update(off)
    return folded, found


def _fold_owner(key: CounterKey) -> int | None:
    """Fold the day of an owner, the sum of its counters; None: it has changed meanwhile."""
    seen, _ = click_store.day_now(key)
    found = _counters(key)
    counts = _sum_of(seen, found)
    if not seen.is_folded:
        counts = _with_biggest_links(key, counts)
    folded = replace(seen, counts=counters.limit_names(counts), visitors=seen.visitors or 0)
    if not click_store.fold(key, seen, folded, None, {}):
        return None
    counter_store.remove(found)
    return 0


def _sum_of(seen: Day, found: Mapping[Place, Stored]) -> Counts:
    """Return the counts of a day: those of its item and, until it is folded, those of its counters."""
    return counters.summed([seen.counts, *([] if seen.is_folded else (each.counter.counts for each in found.values()))])


def _with_biggest_links(key: CounterKey, counts: Counts) -> Counts:
    """Return the counts of an owner's day with all its links, if there were too many for the counters.

    Of links that were another owner's on that day or on a part of it, only what the counters know.
    """
    if f"links#{counters.REST}" not in counts:
        return counts
    others = Counts({name: number for name, number in counts.items() if not name.startswith("links#")})
    left = sum(number for name, number in counts.items() if name.startswith("links#"))
    owner, space = counters.owner_and_space(key.subject)
    links = (link for link in link_store.links_of(owner) if not space or link.space == space)
    ids = (link.id for link in links if not _was_moved_since(link, key.day))
    while batch := list(islice(ids, _LINKS_AT_ONCE)):
        for link_id, visits in click_store.visits_on(key.day, batch).items():
            others[f"links#{link_id}"] = visits
            left -= visits
    for name, visits in counts.items():  # of links that are not folded yet, or were deleted or moved since
        if name.startswith("links#") and name != f"links#{counters.REST}" and name not in others:
            others[name] = visits
            left -= visits
    if left > 0:
        others[f"links#{counters.REST}"] = left
    return others


def _was_moved_since(link: Link, day: str) -> bool:
    """Tell whether others may have had visits of a link on ``day``, for which caches name the old owner for a while."""
    if link.moved_at is None:
        return False
    lasts = max(settings.link_cache_seconds, link_cache.STALE_LASTS)  # the latter while the table does not respond
    return (link.moved_at + timedelta(seconds=lasts)).date().isoformat() >= day


def _recount(
    key: CounterKey,
    step: str,
    now: datetime,
    has_time: Callable[[], bool],
    owners: Iterable[str],
    *,
    consistent: bool,
) -> Recount:
    """Count the rows of a link's day, from where the same step had come to; ``owners`` have shares before others.

    Folding after it was asked to count again is another step: the late row may be in front of where that had come to.
    """
    saved = click_store.find_recount(key, step)
    recount = Recount.with_owners(owners) if saved is None else Recount.from_bytes(saved)
    save_at = time.monotonic() + SAVE_EVERY
    for slot in range(recount.slot, click_store.slots_of(key.subject)):
        if slot != recount.slot:
            recount.slot, recount.entry = slot, ""
        more = True
        while more:
            items, more = row_store.page(key.subject, slot, key.day, recount.entry, consistent=consistent)
            for item in items:
                try:
                    recount.add(judge(item))
                except RowUnreadable as unreadable:  # it was set aside by the function that counts
                    names = settings.domains.names_of(key.subject)
                    logs.write(unreadable=str(unreadable)[:200], **names, day=key.day)
            recount.entry = items[-1]["entry"]["S"] if items else recount.entry
            if more and (not has_time() or time.monotonic() > save_at):
                click_store.save_recount(key, step, recount.to_bytes(), now)
                save_at = time.monotonic() + SAVE_EVERY
                if not has_time():
                    raise OutOfTime
    return recount


def _counters(key: CounterKey) -> dict[Place, Stored]:
    places = (Place(key.subject, slot, key.day) for slot in range(click_store.slots_of(key.subject)))
    return counter_store.find(places, consistent=True)


def _are_judged_alike(found: Mapping[Place, Stored]) -> bool:
    return all(stored.counter.patterns == user_agents.PATTERNS for stored in found.values())
