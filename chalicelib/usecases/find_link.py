"""Find a link that the caller may manage. Links of other owners are reported as missing."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws.dynamodb import claim_store, link_store
from chalicelib.aws.dynamodb.claim_store import Claim
from chalicelib.core.access.caller import Caller
from chalicelib.core.links import codes, link_fields
from chalicelib.core.links.link import Link
from chalicelib.errors import LinkUnknown

EXTERNAL = "ext:"


def find(name: str, caller: Caller) -> Link:
    """Return the current version of the link called ``name``: a code, or ``ext:`` and an externalId.

    Raises:
        LinkUnknown: it does not exist, or the caller may not manage it.
        TooManyRequests: too many unknown keys from the network of the caller.
        StoreUnavailable
    """
    code = code_of(name, caller)
    link = link_store.find_now(code) if code is not None and codes.is_code(code) else None
    if link is None or not caller.manages(link):
        if caller.count_refusal is not None:
            caller.count_refusal()
        raise LinkUnknown(name)
    return link


def code_of(name: str, caller: Caller) -> str | None:
    """Return the code that ``name`` stands for, or None: ``caller`` has no link with that externalId.

    Raises:
        StoreUnavailable
    """
    if not name.startswith(EXTERNAL):
        return name
    external_id = name.removeprefix(EXTERNAL)
    if caller.owner is None or not link_fields.is_external_id(external_id):
        return None
    return code_of_external(caller.owner, external_id)


def code_of_external(owner: str, external_id: str) -> str | None:
    """Return the code of the link of ``owner`` with ``external_id``, or None.

    Raises:
        StoreUnavailable
    """
    return claim_store.find_external(owner, external_id)


def claims_for(link: Link, now: datetime) -> list[Claim]:
    """Return the claims of a link: one on its externalId, if it has one."""
    if link.owner is None or link.external_id is None:
        return []
    return [claim_store.external_id_claim(link.owner, link.external_id, link.code, now)]
