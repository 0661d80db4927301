"""What only one may have, for a while or for good: items of the access table, put there together with a link.

url#<wish>                 a link for this wish is being made; for a minute
ext#<owner>#<externalId>   the link that an owner calls this; until it is given up
answer#<request>           what a request with an Idempotency-Key was answered; for a day
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.store_errors import in_our_words
from chalicelib.settings import settings

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on ``id``, made at ``made_at`` (aware, UTC). Without an end it holds until it is given up."""

    id: str
    made_at: datetime
    taken: Callable[[Item], Exception]
    """Makes the error that says who has it, from the item that is there."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ends_at: datetime | None = None
    comes_first: bool = False
    """Its error says more than that the code is taken. Such a claim stands before all others."""

    def put(self) -> Any:
        """Return the action that makes the claim, unless somebody else's holds."""
        item = {"id": {"S": self.id}, **self.attributes}
        if self.ends_at is not None:
            item["expiresAt"] = {"N": str(int(self.ends_at.timestamp()))}
        return {
            "Put": {
                "TableName": settings.access_table,
                "Item": item,
                # TTL deletes late, so a claim that is over may still be there.
                "ConditionExpression": "attribute_not_exists(id) OR expiresAt < :now",
                "ExpressionAttributeValues": {":now": {"N": str(int(self.made_at.timestamp()))}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def give_up(self) -> Any:
        """Return the action that ends the claim."""
        return {"Delete": {"TableName": settings.access_table, "Key": {"id": {"S": self.id}}}}


def find(claim_id: str, now: datetime | None = None) -> dict[str, Any] | None:
    """Return the item of a claim that holds at ``now``, or of one that has no end; or None.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        found = clients.reads.get_item(
            TableName=settings.access_table, Key={"id": {"S": claim_id}}, ConsistentRead=True
        )
    item: Any = found.get("Item")
    is_over = item is not None and now is not None and int(item["expiresAt"]["N"]) < int(now.timestamp())
    return None if item is None or is_over else dict(item)


def add(claim: Claim) -> None:
    """Make a claim on its own.

    Raises:
        StoreUnavailable
        Exception: the claim's error, where somebody else holds it.
    """
    put = claim.put()["Put"]
    try:
        with in_our_words("ConditionalCheckFailedException"):
            clients.writes.put_item(**put)
    except Refused as refused:
        response: Any = refused.response
        raise claim.taken(response.get("Item", {})) from refused
