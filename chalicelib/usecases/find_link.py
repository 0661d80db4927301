"""Deed: find a link for who may see it. Somebody else's and none at all are the same answer."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws import claims, link_table
from chalicelib.aws.claims import Claim
from chalicelib.core import codes, fields
from chalicelib.core.caller import Caller
from chalicelib.core.link import Link
from chalicelib.errors import ExternalIdTaken, LinkUnknown

EXTERNAL = "ext:"


def find(name: str, caller: Caller) -> Link:
    """Return the link called ``name``, a code or ``ext:`` and an externalId, as of this moment.

    Raises:
        LinkUnknown: there is none, or it is not the caller's.
        StoreUnavailable
    """
    code = code_of(name, caller)
    link = link_table.find_now(code) if code is not None and codes.is_code(code) else None
    if link is None or not caller.manages(link):
        raise LinkUnknown(name)
    return link


def code_of(name: str, caller: Caller) -> str | None:
    """Return the code that ``name`` means to ``caller``, or None: they have nothing of that externalId.

    Raises:
        StoreUnavailable
    """
    if not name.startswith(EXTERNAL):
        return name
    external_id = name.removeprefix(EXTERNAL)
    if caller.owner is None or not fields.is_external_id(external_id):
        return None
    return code_of_external(caller.owner, external_id)


def code_of_external(owner: str, external_id: str) -> str | None:
    """Return the code of the link that ``owner`` calls ``external_id``, or None.

    Raises:
        StoreUnavailable
    """
    claimed = claims.find(_claim_id(owner, external_id))
    return None if claimed is None else str(claimed["code"]["S"])


def claim_of(link: Link, now: datetime) -> list[Claim]:
    """Return the claim of a link on its externalId, if it has one."""
    if link.owner is None or link.external_id is None:
        return []
    taken = ExternalIdTaken(link.external_id)
    return [Claim(_claim_id(link.owner, link.external_id), now, lambda _: taken, {"code": {"S": link.code}})]


def _claim_id(owner: str, external_id: str) -> str:
    return f"ext#{owner}#{external_id}"
