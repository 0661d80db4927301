"""Claims: unique constraints, as items of the access table, written in one transaction with a link.

url#<digest>               a link for this request is being created; for a minute
ext#<owner>#<externalId>   the link of an owner with this externalId; until it is released
answer#<request>           the response to a request with an Idempotency-Key; for a day
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb.errors import RequestAnswered, UrlClaimed, translating_errors
from chalicelib.errors import ExternalIdTaken
from chalicelib.settings import settings

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on ``id``, made at ``made_at`` (aware, UTC). Without an end it is valid until it is released."""

    id: str
    made_at: datetime
    conflict: Callable[[Item], Exception]
    """Returns the error to raise if another claim is valid, from its item."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ends_at: datetime | None = None
    has_priority: bool = False
    """Whether its error has priority over `CodeTaken`. Such claims come before all others."""
    lost: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of a claim whose link is lost: it is replaced, unless another request has replaced it meanwhile."""

    def put(self) -> Any:
        """Return the action of a transaction that makes the claim, unless another one is valid."""
        item = {"id": {"S": self.id}, **self.attributes}
        if self.ends_at is not None:
            item["expiresAt"] = {"N": str(int(self.ends_at.timestamp()))}
        # TTL deletes late, so an expired claim may still exist.
        condition = "attribute_not_exists(id) OR expiresAt < :now"
        if self.lost:
            condition += f" OR ({' AND '.join(f'{name} = :{name}' for name in self.lost)})"
        return {
            "Put": {
                "TableName": settings.access_table,
                "Item": item,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": {
                    ":now": {"N": str(int(self.made_at.timestamp()))},
                    **{f":{name}": value for name, value in self.lost.items()},
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def release(self) -> Any:
        """Return the action of a transaction that deletes the claim."""
        return {"Delete": {"TableName": settings.access_table, "Key": {"id": {"S": self.id}}}}


def url_claim(digest: str, code: str, now: datetime, ends_at: datetime) -> Claim:
    """Return the claim of the request with ``digest`` to create ``code``; UrlClaimed has the code of another one."""
    return Claim(f"url#{digest}", now, lambda item: UrlClaimed(item["code"]["S"]), {"code": {"S": code}}, ends_at)


def external_id_claim(owner: str, external_id: str, code: str, now: datetime) -> Claim:
    """Return the claim of the link of ``code`` on ``external_id``, unique for ``owner``; it is valid until released."""
    conflict = ExternalIdTaken(external_id)
    # An id tells it from a later claim of the same link.
    attributes = {"code": {"S": code}, "claimId": {"S": uuid.uuid4().hex}}
    return Claim(external_claim_name(owner, external_id), now, lambda _: conflict, attributes)


def started_request_claim(request: str, digest: str, now: datetime, ends_at: datetime) -> Claim:
    """Return the claim on the Idempotency-Key of ``request``, for a body of ``digest``, without a response yet."""
    return Claim(request, now, lambda _: RequestAnswered(), {"digest": {"S": digest}}, ends_at)


def response_claim(request: str, digest: str, response: str, now: datetime, ends_at: datetime) -> Claim:
    """Return the claim that stores ``response`` to ``request``, for a body of ``digest``."""
    stored = {"digest": {"S": digest}, "answer": {"S": response}}
    return Claim(request, now, lambda _: RequestAnswered(), stored, ends_at, has_priority=True)


class StoredRequest(NamedTuple):
    """The digest of the body of a request, and the response; empty: there is none yet."""

    digest: str
    response: str


def find_response(request: str, now: datetime) -> StoredRequest | None:
    """Return a request that is stored and has not expired at ``now``, or None.

    Raises:
        StoreUnavailable
    """
    item = _find(request, now)
    return None if item is None else StoredRequest(item["digest"]["S"], item.get("answer", {}).get("S", ""))


def find_external(owner: str, external_id: str) -> str | None:
    """Return the code of the link of ``owner`` with ``external_id``, or None.

    Raises:
        StoreUnavailable
    """
    item = _find(external_claim_name(owner, external_id))
    return None if item is None else str(item["code"]["S"])


def external_item(owner: str, external_id: str) -> Item:
    """Return the attributes of the claim on an externalId, ``code`` among them; none if there is no claim.

    Raises:
        StoreUnavailable
    """
    item = _find(external_claim_name(owner, external_id)) or {}
    return {name: value for name, value in item.items() if name != "id"}


def external_claim_name(owner: str, external_id: str) -> str:
    """Return the id of the claim of ``owner`` on ``external_id``."""
    return f"ext#{owner}#{external_id}"


def _find(claim_id: str, now: datetime | None = None) -> Item | None:
    """Return the item of a claim that is valid at ``now``, or that has no end; or None."""
    with translating_errors():
        found = clients.reads.get_item(
            TableName=settings.access_table, Key={"id": {"S": claim_id}}, ConsistentRead=True
        )
    item: Any = found.get("Item")
    is_expired = item is not None and now is not None and int(item["expiresAt"]["N"]) < int(now.timestamp())
    return None if item is None or is_expired else dict(item)


def add(claim: Claim) -> None:
    """Make a single claim, outside a transaction.

    Raises:
        StoreUnavailable
        Exception: the error of the claim, if another one is valid.
    """
    put = claim.put()["Put"]
    try:
        with translating_errors("ConditionalCheckFailedException"):
            clients.writes.put_item(**put)
    except Refused as refused:
        response: Any = refused.response
        raise claim.conflict(response.get("Item", {})) from refused
