"""Find a link that the caller may manage. Links of other owners are reported as missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from chalicelib.aws.dynamodb import claim_store, link_store
from chalicelib.aws.dynamodb.claim_store import Claim
from chalicelib.core.access.caller import Caller
from chalicelib.core.domains import Domain
from chalicelib.core.links import codes, link_fields
from chalicelib.core.links.link import Link
from chalicelib.errors import ExternalIdTaken, LinkUnknown

EXTERNAL = "ext:"


class LinkName(NamedTuple):
    """What a caller calls a link: a code and its domain; or ``ext:`` and an externalId, whatever the domain."""

    text: str
    domain: Domain


def find(name: LinkName, caller: Caller) -> Link:
    """Return the current version of the link called ``name``.

    Raises:
        LinkUnknown: it does not exist, or the caller may not manage it.
        TooManyRequests: too many unknown keys from the network of the caller.
        StoreUnavailable
    """
    link_id = id_of(name, caller)
    link = None if link_id is None else link_store.find_now(link_id)
    if link is not None and not _is_called(link, name):
        link = None
    if link is None or not caller.manages(link):
        if caller.count_refusal is not None:
            caller.count_refusal()
        raise LinkUnknown(name.text)
    return link


def id_of(name: LinkName, caller: Caller) -> str | None:
    """Return the id that ``name`` stands for, or None: no link can have it, or ``caller`` none with that externalId.

    Raises:
        StoreUnavailable
    """
    if not name.text.startswith(EXTERNAL):
        return id_of_code(name)
    external_id = name.text.removeprefix(EXTERNAL)
    if caller.workspace is None or not link_fields.is_external_id(external_id):
        return None
    return id_of_external(caller.workspace, external_id)


def id_of_code(name: LinkName) -> str | None:
    """Return the id of the link whose code ``name`` is, or None: no link can have it."""
    return name.domain.id_of(name.text) if codes.is_code(name.text) else None


def _is_called(link: Link, name: LinkName) -> bool:
    """Tell whether ``name`` names ``link``: a claim may be left over from a link that was lost with its table."""
    return not name.text.startswith(EXTERNAL) or link.external_id == name.text.removeprefix(EXTERNAL)


def id_of_external(owner: str, external_id: str) -> str | None:
    """Return the id of the link of ``owner`` with ``external_id``, or None.

    Raises:
        StoreUnavailable
    """
    return claim_store.find_external(owner, external_id)


def claims_for(link: Link, now: datetime) -> list[Claim]:
    """Return the claims of a link: one on its externalId, if it has one."""
    if link.owner is None or link.external_id is None:
        return []
    return [claim_store.external_id_claim(link.owner, link.external_id, link.id, now)]


def held_claims(link: Link, now: datetime) -> list[Claim]:
    """Return the claims that a link holds: one on its externalId, unless it was lost and another link has it now.

    Raises:
        StoreUnavailable
    """
    if link.owner is None or link.external_id is None:
        return []
    holder = claim_store.find_external(link.owner, link.external_id)
    return claims_for(link, now) if holder == link.id else []


def is_external_id_taken(owner: str, external_id: str) -> bool:
    """Tell whether a link of ``owner`` has ``external_id``.

    Raises:
        StoreUnavailable
    """
    link_id = claim_store.find_external(owner, external_id)
    return link_id is not None and not _is_lost(link_id, owner, external_id)


def claiming(link: Link, claims: Sequence[Claim], write: Callable[[Sequence[Claim]], None]) -> None:
    """Call ``write`` with ``claims`` of ``link``; again, if its externalId is claimed by a link that was lost.

    That is so after the table of links was restored to an earlier time.

    Raises:
        ExternalIdTaken
        Exception: those of ``write``.
    """
    try:
        write(claims)
    except ExternalIdTaken:
        if link.owner is None or link.external_id is None:
            raise
        there = claim_store.external_item(link.owner, link.external_id)
        if there and not _is_lost(there["code"]["S"], link.owner, link.external_id):
            raise
        name = claim_store.external_claim_name(link.owner, link.external_id)
        write([replace(claim, lost=there) if claim.id == name else claim for claim in claims])


def _is_lost(link_id: str, owner: str, external_id: str) -> bool:
    """Tell whether the link that claimed an externalId does not have it: both are written and released together."""
    link = link_store.find_now(link_id)
    return link is None or (link.owner, link.external_id) != (owner, external_id)
