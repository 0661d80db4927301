"""Offers of links, in the access table: two items for each, one for each side to list. They expire after two weeks.

offer#<id>        of kind ``offer-to#<workspace>``: the offer
offered#<id>      of kind ``offer-of#<workspace>``: the same, if the link has an owner
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import LinkChanged, translating_errors
from chalicelib.aws.dynamodb.queries import kind_query
from chalicelib.core import times
from chalicelib.core.access.offer import Offer
from chalicelib.settings import settings

SHOWN = 100
"""How many offers of each side are listed."""


def add(offer: Offer, alongside: Sequence[Any] = ()) -> None:
    """Store an offer, in the place of an earlier one of the same link, with ``alongside`` in one transaction.

    Raises:
        LinkChanged: the link has another owner, or is gone.
        StoreUnavailable: it may or may not have been stored; it can be stored again.
    """
    owner: dict[str, Any] = {"ExpressionAttributeNames": {"#owner": "owner"}}
    if offer.of is not None:
        owner["ExpressionAttributeValues"] = {":of": {"S": offer.of}}
    is_of = "attribute_not_exists(#owner)" if offer.of is None else "#owner = :of"
    check = {
        "TableName": settings.links_table,
        "Key": {"code": {"S": offer.link_id}},
        "ConditionExpression": f"attribute_exists(originalUrl) AND {is_of}",
        **owner,
    }
    puts = [{"Put": {"TableName": settings.access_table, "Item": item}} for item in _to_items(offer)]
    if transactions.write([{"ConditionCheck": check}, *puts, *alongside]):
        raise LinkChanged


def find(link_id: str, now: datetime) -> Offer | None:
    """Return the current offer of a link, or None.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.reads.get_item(
            TableName=settings.access_table, Key={"id": {"S": f"offer#{link_id}"}}, ConsistentRead=True
        )
    offer = _from_item(found["Item"]) if "Item" in found else None
    return None if offer is None or offer.expires_at <= now else offer


def offers_of(workspace: str, now: datetime) -> list[Offer]:
    """Return the newest hundred offers that a workspace was made, and those that it made, the newest first.

    One of the last second may be missing.

    Raises:
        StoreUnavailable
    """
    found: list[Offer] = []
    for side in ("to", "of"):
        with translating_errors():
            page = clients.reads.query(
                TableName=settings.access_table, **kind_query(f"offer-{side}#{workspace}"), Limit=SHOWN
            )
        found += map(_from_item, page["Items"])
    current = (offer for offer in found if offer.expires_at > now)
    return sorted(current, key=lambda offer: (offer.created_at, offer.link_id), reverse=True)


def end(offer: Offer, alongside: Sequence[Any] = ()) -> bool:
    """Delete an offer, with ``alongside`` in one transaction. False: it has been accepted, ended or replaced.

    Raises:
        StoreUnavailable: it may or may not have been deleted.
    """
    return not transactions.write([*removals(offer), *alongside])


def removals(offer: Offer) -> list[Any]:
    """Return the actions of a transaction that delete an offer, and fail if it is not the current one."""
    deletes = [{"TableName": settings.access_table, "Key": {"id": item["id"]}} for item in _to_items(offer)]
    deletes[0] |= {
        "ConditionExpression": "offerId = :offer",
        "ExpressionAttributeValues": {":offer": {"S": offer.id}},
    }
    return [{"Delete": delete} for delete in deletes]


def _to_items(offer: Offer) -> list[dict[str, Any]]:
    texts = {
        "offerId": offer.id,
        "code": offer.link_id,
        "from": offer.of,
        "to": offer.to,
        "createdAt": times.to_text(offer.created_at),
    }
    item: dict[str, Any] = {name: {"S": text} for name, text in texts.items() if text is not None}
    item["expiresAt"] = {"N": str(int(offer.expires_at.timestamp()))}
    items = [{"id": {"S": f"offer#{offer.link_id}"}, "kind": {"S": f"offer-to#{offer.to}"}, **item}]
    if offer.of is not None:
        items.append({"id": {"S": f"offered#{offer.link_id}"}, "kind": {"S": f"offer-of#{offer.of}"}, **item})
    return items


def _from_item(item: Any) -> Offer:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return Offer(
        id=text["offerId"],
        link_id=text["code"],
        of=text.get("from"),
        to=text["to"],
        created_at=times.parse_time(text["createdAt"]),
    )
