"""Move a link to another workspace: offered by one side and accepted by the other, or adopted by the key to it.

What is the link's own goes with it: its code, history, visits and all-time numbers. What it was to its workspace stays
there: the days of that workspace's statistics, which show it as moved, without its code. Everything of a move is one
transaction: owner, externalId, history, both logs and the end of the offer.

A container credits visits to the workspace that it last read the link with: for as long as its cache lasts.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import (
    audit_log_store,
    history_store,
    link_store,
    moved_store,
    offer_store,
    transactions,
)
from chalicelib.aws.dynamodb.claim_store import Claim
from chalicelib.aws.dynamodb.errors import WriteContended
from chalicelib.core.access.audit_log import Action, Entry
from chalicelib.core.access.caller import Caller, Who
from chalicelib.core.access.offer import NewOffer, Offer
from chalicelib.core.links.link import Link
from chalicelib.errors import FieldError, LinkBusy, LinkUnknown, OfferInvalid, OfferUnknown
from chalicelib.settings import settings
from chalicelib.usecases import domains, find_link
from chalicelib.usecases.find_link import LinkName

_SECONDS = 4.0  # for retries while others change the same link

Result = TypeVar("Result")


def offer(new_offer: NewOffer, caller: Caller, now: datetime) -> Offer:
    """Offer a link that the caller may manage to a workspace. It takes the place of an earlier offer of the link.

    Raises:
        LinkUnknown: it does not exist, or the caller may not manage it.
        OfferInvalid: the link is in that workspace already.
        LinkBusy: it kept changing its owner.
        StoreUnavailable: it may or may not be on offer.
    """

    def attempt() -> Offer:
        link = find_link.find(LinkName(new_offer.link, new_offer.domain), caller)
        if link.owner == new_offer.to:
            raise OfferInvalid(
                [FieldError("to", "conflict", f"The link is in the workspace {new_offer.to!r} already.")]
            )
        made = Offer(id=uuid.uuid4().hex, link_id=link.id, of=link.owner, to=new_offer.to, created_at=now)
        offer_store.add(made, _log("link-offered", made, caller, now, [made.of]))
        return made

    return _retry(attempt)


def offers_for(caller: Caller, now: datetime) -> list[Offer]:
    """Return the offers that the caller's workspace made or was made, the newest first.

    Raises:
        StoreUnavailable
    """
    return [] if caller.workspace is None else offer_store.offers_of(caller.workspace, now)


def end_offer(name: LinkName, caller: Caller, now: datetime) -> None:
    """Withdraw an offer that the caller's workspace made, or decline one that it was made.

    Raises:
        OfferUnknown: there is none that concerns the caller.
        StoreUnavailable: it may or may not have ended.
    """
    found = _find(name, now)
    if found is None or not (caller.is_admin or caller.workspace in {found.of, found.to}):
        raise OfferUnknown
    is_declined = caller.workspace == found.to
    action: Action = "offer-declined" if is_declined else "offer-withdrawn"
    # The log of the workspace that is offered a link has nothing of it before its answer: others cannot fill it.
    logs = [found.of, found.to] if is_declined else [found.of]
    if not offer_store.end(found, _log(action, found, caller, now, logs)):
        raise OfferUnknown


def accept(name: LinkName, caller: Caller, now: datetime) -> Link:
    """Move a link that the caller's workspace was offered into it, and return it. It can be repeated.

    Raises:
        OfferUnknown: there is no such offer, or the link is gone.
        DomainRefused: the workspace may not use the domain of the link.
        ExternalIdTaken: another link of the workspace has the link's externalId.
        LinkBusy: other writers kept changing it; it was not moved.
        StoreUnavailable: it may or may not have been moved.
    """
    change_id = uuid.uuid4().hex

    def attempt() -> Link:
        found, link_id = _find(name, now), find_link.id_of_code(name)
        link = None if link_id is None else link_store.find_now(link_id)
        if link is not None and found is None and _was_moved_to(caller, link):
            return link
        if found is None or not (caller.is_admin or caller.workspace == found.to):
            raise OfferUnknown
        domains.require_open(settings.domains.of(found.link_id), found.to, now)
        if link is None or link.owner != found.of:
            offer_store.end(found)
            raise OfferUnknown
        sent = _log("link-sent", found, caller, now, [found.of])
        received = _log("link-received", found, caller, now, [found.to])
        alongside = [*offer_store.removals(found), *sent, *received]
        return _Move(found.to, "moved", caller, change_id, now).write(link, alongside)

    return _retry(attempt)


def adopt(name: LinkName, holder: Caller, caller: Caller, now: datetime) -> Link:
    """Move a link without an owner into the workspace of ``caller``, and return it. It can be repeated.

    ``holder`` is the caller with the manage key, which opens nothing any more.

    Raises:
        LinkUnknown: there is no such link, or the manage key is not its.
        TooManyRequests: too many unknown keys from the network of the caller.
        LinkBusy: other writers kept changing it; it was not moved.
        StoreUnavailable: it may or may not have been moved.
    """
    workspace = caller.workspace
    if workspace is None:
        raise LinkUnknown(name.text)
    change_id = uuid.uuid4().hex

    def attempt() -> Link:
        link_id = find_link.id_of_code(name)
        link = None if link_id is None else link_store.find_now(link_id)
        if link is not None and _was_moved_to(caller, link):
            return link
        link = find_link.find(name, holder)
        entry = Entry(at=now, action="link-adopted", subject=_address_of(link.id), who=caller.who)
        alongside = [audit_log_store.entry_for(workspace, entry)]
        return _Move(workspace, "adopted", caller, change_id, now).write(link, alongside)

    return _retry(attempt)


@dataclass(frozen=True, slots=True)
class _Move:
    """A link's move to another workspace, as one request asks for it."""

    to: str
    action: str
    caller: Caller
    change_id: str
    now: datetime

    def write(self, link: Link, alongside: Sequence[Any]) -> Link:
        """Write the link with its new owner and everything that depends on it, in one transaction."""
        now, version = self.now, link.version + 1
        after = replace(link, owner=self.to, manage_digest=None, moved_at=now, updated_at=now, version=version)
        if after.created_at is None:  # of a table that is older than this service: lists of an owner are in its order
            after = replace(after, created_at=now)
        owners = {"owner": {"from": link.owner, "to": self.to}}
        actions = [history_store.entry(link.id, version, self.caller.who.name, now, self.action, owners), *alongside]
        actions += [claim.release() for claim in find_link.held_claims(link, now)]
        if link.owner is not None:
            actions.append(moved_store.put_action(link.owner, link.id, is_moved=True))
        if moved_store.moved_of(self.to, [link.id], consistent=True):  # it was here before
            actions.append(moved_store.put_action(self.to, link.id, is_moved=False))

        def write(claims: Sequence[Claim]) -> None:
            link_store.change(link, after, self.change_id, actions, claims)

        find_link.claiming(after, find_link.claims_for(after, now), write)
        link_cache.put(after, now)
        return after


def _retry(attempt: Callable[[], Result]) -> Result:
    try:
        return transactions.retry(attempt, _SECONDS)
    except WriteContended as contended:
        raise LinkBusy from contended


def _find(name: LinkName, now: datetime) -> Offer | None:
    link_id = find_link.id_of_code(name)
    return None if link_id is None else offer_store.find(link_id, now)


def _address_of(link_id: str) -> str:
    """Return what logs call a link: its code; outside the default domain with the host that it is at now."""
    names = settings.domains.names_of(link_id)
    return "/".join(filter(None, (names.get("domain"), names["code"])))


def _was_moved_to(caller: Caller, link: Link) -> bool:
    """Tell whether a link has come to where the caller may move it: the response to that may have been lost."""
    is_there = link.owner is not None and (caller.is_admin or link.owner == caller.workspace)
    return is_there and link.moved_at is not None


def _log(action: Action, about: Offer, caller: Caller, now: datetime, workspaces: Sequence[str | None]) -> list[Any]:
    """Return what adds to the logs of ``workspaces``, None: the installation's, what was done about an offer.

    Another workspace than the caller's sees which one did it, and not by which key or which person.
    """
    details = {"from": about.of, "to": about.to}
    stranger = Who(name=caller.workspace or caller.who.name)
    return [
        audit_log_store.entry_for(
            workspace,
            Entry(
                at=now,
                action=action,
                subject=_address_of(about.link_id),
                who=caller.who if workspace in {None, caller.workspace} else stranger,
                details=details,
            ),
        )
        for workspace in workspaces
    ]
