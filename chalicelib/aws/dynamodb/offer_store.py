"""Offers of links, in the access table. ``id``: ``offer#<code>``: one for each link. They expire after two weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import all_items, kind_query
from chalicelib.core import times
from chalicelib.core.access.offer import Offer
from chalicelib.settings import settings


def add(offer: Offer, alongside: Sequence[Any]) -> None:
    """Store an offer, in the place of an earlier one of the same link, with ``alongside`` in one transaction.

    Raises:
        StoreUnavailable: it may or may not have been stored; it can be stored again.
    """
    texts = {
        "id": _id(offer.code),
        "kind": "offer",
        "offerId": offer.id,
        "from": offer.of,
        "to": offer.to,
        "by": offer.by,
        "createdAt": times.to_text(offer.created_at),
    }
    item: dict[str, Any] = {name: {"S": text} for name, text in texts.items() if text is not None}
    item["expiresAt"] = {"N": str(int(offer.expires_at.timestamp()))}
    transactions.write([{"Put": {"TableName": settings.access_table, "Item": item}}, *alongside])


def find(code: str, now: datetime) -> Offer | None:
    """Return the current offer of a link, or None.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.reads.get_item(
            TableName=settings.access_table, Key={"id": {"S": _id(code)}}, ConsistentRead=True
        )
    offer = _from_item(found["Item"]) if "Item" in found else None
    return None if offer is None or offer.expires_at <= now else offer


def offers_of(workspace: str, now: datetime) -> list[Offer]:
    """Return the offers that a workspace made or was made, the newest first; one of the last second may be missing.

    Raises:
        StoreUnavailable
    """
    query = kind_query("offer")
    query["FilterExpression"] = "#from = :workspace OR #to = :workspace"
    query["ExpressionAttributeNames"] = {"#from": "from", "#to": "to"}
    query["ExpressionAttributeValues"] = {**query["ExpressionAttributeValues"], ":workspace": {"S": workspace}}
    found = (_from_item(item) for item in all_items(settings.access_table, query))
    return [offer for offer in found if offer.expires_at > now]


def end(offer: Offer, alongside: Sequence[Any]) -> bool:
    """Delete an offer, with ``alongside`` in one transaction. False: it has been accepted, ended or replaced.

    Raises:
        StoreUnavailable: it may or may not have been deleted.
    """
    return not transactions.write([removal(offer), *alongside])


def removal(offer: Offer) -> Any:
    """Return the action of a transaction that deletes an offer, and fails if it is not the current one."""
    return {
        "Delete": {
            "TableName": settings.access_table,
            "Key": {"id": {"S": _id(offer.code)}},
            "ConditionExpression": "offerId = :offer",
            "ExpressionAttributeValues": {":offer": {"S": offer.id}},
        }
    }


def _id(code: str) -> str:
    return f"offer#{code}"


def _from_item(item: Any) -> Offer:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return Offer(
        id=text["offerId"],
        code=text["id"].removeprefix(_id("")),
        of=text.get("from"),
        to=text["to"],
        by=text["by"],
        created_at=times.parse_time(text["createdAt"]),
    )
