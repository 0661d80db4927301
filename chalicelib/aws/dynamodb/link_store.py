"""Links in DynamoDB. Key: ``code``, which is the link's id. The attributes of an item are in ``link_item``."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import CodeTaken, LinkChanged, WriteRefused, translating_errors
from chalicelib.aws.dynamodb.link_item import from_item, key_of, to_item
from chalicelib.aws.dynamodb.queries import all_items, items_by_key
from chalicelib.core import domains, times
from chalicelib.core.links.link import Link
from chalicelib.errors import LinkUnknown, StoreUnavailable
from chalicelib.settings import settings

if TYPE_CHECKING:  # a redirect makes no claims, and starts a hundredth sooner without them
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.aws.dynamodb.claim_store import Claim

    Item = dict[str, AttributeValueTypeDef]

SAME_URL_AT_MOST = 25

_VISITS_REMEMBERED = 10  # seconds
_VISITS = ("recentVisits0", "recentVisits1", "recentVisits2")
"""Each set holds the ids of ten seconds, and is kept for ten more: the retries of a call end sooner. Longer would be
dearer: each visit pays for the size of the item."""
_BYTES_OF_VISIT = 6


def find(link_id: str) -> Link | None:
    """Return the link of ``link_id``, or None.

    The first read is eventually consistent, which costs half; a miss is read again consistently, so that a link works
    as soon as it is created.

    Raises:
        StoreUnavailable: the table did not respond within the time limits.
    """
    return _get(link_id, consistent=False) or _get(link_id, consistent=True)


def find_now(link_id: str) -> Link | None:
    """Return the current link of ``link_id`` by a consistent read, or None.

    Raises:
        StoreUnavailable
    """
    return _get(link_id, consistent=True)


def is_code_used(link_id: str) -> bool:
    """Tell whether the code of ``link_id`` belongs to a link, or belonged to one that was deleted.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.reads.get_item(
            TableName=settings.links_table,
            Key={"code": {"S": link_id}},
            ProjectionExpression="code",
            ConsistentRead=True,
        )
    return "Item" in found


def find_by_url(url: str, owner: str | None, space: str) -> Iterator[Link]:
    """Yield the links of ``owner`` in ``space`` to exactly ``url``, the newest first.

    One created within the last second may be missing. The index only has their codes: each link is read consistently
    from the table. Only the newest 25 are returned.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        page = clients.reads.query(
            TableName=settings.links_table,
            IndexName="byUrl",
            KeyConditionExpression="originalUrl = :url",
            FilterExpression="#owner = :owner" if owner else "attribute_not_exists(#owner)",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={
                ":url": {"S": key_of(url)},
                **({":owner": {"S": owner}} if owner else {}),
            },
            ScanIndexForward=False,
        )
    ids = [link_id for item in page["Items"] if domains.space_of(link_id := item["code"]["S"]) == space]
    for link_id in ids[:SAME_URL_AT_MOST]:
        link = find_now(link_id)
        if link is not None:
            yield link


def page_of(owner: str, limit: int, after: Link | None) -> tuple[list[Link], bool]:
    """Return up to ``limit`` links of ``owner``, the newest first, beginning ``after`` a link; and if there are more.

    There may be fewer before the last page: DynamoDB reads a megabyte at once.

    A link created or changed within the last second may be missing or outdated.

    Raises:
        StoreUnavailable
    """
    query: dict[str, Any] = _by_owner(owner) | {"ScanIndexForward": False, "Limit": limit}
    if after is not None:
        item = to_item(after)
        query["ExclusiveStartKey"] = {"code": item["code"], "owner": {"S": owner}, "createdAt": item["createdAt"]}
    with translating_errors():
        page = clients.reads.query(TableName=settings.links_table, **query)
    return [link for item in page["Items"] if (link := from_item(item)) is not None], "LastEvaluatedKey" in page


def links_of(owner: str) -> Iterator[Link]:
    """Yield the links of ``owner``, the oldest first.

    A link created or changed within the last second may be missing or outdated.

    Raises:
        StoreUnavailable
    """
    items = all_items(settings.links_table, _by_owner(owner))
    return (link for item in items if (link := from_item(item)) is not None)


def ids_of(owner: str, link_ids: Iterable[str]) -> set[str]:
    """Return those of ``link_ids`` that are links of ``owner`` now, consistently: a read unit for each 4 KB of a link.

    Raises:
        StoreUnavailable
    """
    keys = [{"code": {"S": link_id}} for link_id in dict.fromkeys(link_ids)]
    items = items_by_key(settings.links_table, keys, consistent=True, attributes=["code", "owner"])
    return {item["code"]["S"] for item in items if item.get("owner") == {"S": owner}}


def all_links() -> Iterator[Link]:
    """Yield all links, in no particular order, at most a second out of date. Reads the whole table.

    Raises:
        StoreUnavailable
    """
    start: dict[str, Any] = {}
    while True:
        with translating_errors():
            page = clients.writes.scan(TableName=settings.links_table, **start)
        yield from (link for item in page["Items"] if (link := from_item(item)) is not None)
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def number_in(space: str) -> int:
    """Return how many links a space has; one of the last second may be missing. Not for the default space.

    A read unit for about a hundred links.

    Raises:
        StoreUnavailable
    """
    query: Any = {
        "IndexName": "bySpace",
        "KeyConditionExpression": "#space = :space",
        "ExpressionAttributeNames": {"#space": "space"},
        "ExpressionAttributeValues": {":space": {"S": space}},
        "Select": "COUNT",
    }
    number = 0
    while True:
        with translating_errors():
            page = clients.reads.query(TableName=settings.links_table, **query)
        number += page["Count"]
        if "LastEvaluatedKey" not in page:
            return number
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def add(link: Link, request_id: str, claims: Sequence[Claim] = ()) -> None:
    """Store a new link and its ``claims`` in one transaction.

    A retry with the same ``request_id`` succeeds, because the first response may have been lost.

    Raises:
        CodeTaken: the code belongs to another link, or to a deleted one.
        WriteRefused: DynamoDB rejects the item.
        StoreUnavailable: it may or may not have been stored.
        Exception: the error of the first claim that conflicts.
    """
    put = _put_if_free(link, request_id)
    reasons = transactions.write([{"Put": put}, *(claim.put() for claim in claims)]) if claims else _put(put)
    if not reasons or _holds(reasons[0], "requestId", request_id):
        return
    with_priority = [each for each in claims if each.has_priority]
    _raise_for(with_priority, reasons[1:])
    if reasons[0].get("Code") == "ConditionalCheckFailed":
        raise CodeTaken(link.id)
    _raise_for(claims, reasons[1:])
    raise StoreUnavailable


def change(
    before: Link, after: Link, change_id: str, alongside: Sequence[Any] = (), claims: Sequence[Claim] = ()
) -> None:
    """Replace ``before`` by ``after``, if it is unchanged, with ``alongside`` and ``claims`` in one transaction.

    A retry with the same ``change_id`` succeeds.

    Raises:
        LinkChanged: a concurrent change came first, to the link or to what is written ``alongside``.
        StoreUnavailable: it may or may not have been changed.
        Exception: the error of the first claim that conflicts.
    """
    actions = [{"Update": _update(before, after, change_id)}, *(claim.put() for claim in claims), *alongside]
    _settle(transactions.write(actions), change_id, claims)


def remove(
    link: Link, change_id: str, now: datetime, alongside: Sequence[Any] = (), *, whatever_changed: bool = False
) -> None:
    """Replace ``link`` by a tombstone, if it is unchanged, with ``alongside`` in one transaction.

    ``whatever_changed``: also if it has changed, as long as it has the same owner and externalId, whose claim
    ``alongside`` releases. Concurrent changes cannot prevent the removal then.

    Raises:
        LinkChanged: a concurrent change came first.
        StoreUnavailable: it may or may not have been removed.
    """
    tombstone = {
        "code": {"S": link.id},
        "deletedAt": {"S": times.to_text(now)},
        "changeId": {"S": change_id},
        "version": {"N": str(link.version + 1)},
    }
    condition = _if_same_claims(link) if whatever_changed else _if_as(link)
    put = {"TableName": settings.links_table, "Item": tombstone, **condition}
    _settle(transactions.write([{"Put": put}, *alongside]), change_id, ())


def spend_visit(link: Link, visit_id: str | None) -> Link | None:
    """Count a visit of ``link``, which has a maximum; return None, or the current link if it has changed or is used up.

    One conditional update checks and counts, so the maximum is never exceeded. It stores an id, by which a retry
    recognises the first attempt, also if others were counted in between: a lost response does not cost a visit. With
    ``visit_id``, which no client may be able to choose, neither does another call for that visit within ten seconds. It
    has the timeout of a read, because a visitor waits; the visitor may be redirected only if this returns None.

    Raises:
        LinkUnknown
        StoreUnavailable: it may or may not have been counted; the visitor must not be redirected.
    """
    visit = secrets.token_hex(_BYTES_OF_VISIT) if visit_id is None else _short(visit_id)
    ids, outdated_ids = _recent_visits(time.time())
    try:
        with translating_errors("ConditionalCheckFailedException", "TransactionConflictException"):
            clients.reads.update_item(
                TableName=settings.links_table,
                Key={"code": {"S": link.id}},
                UpdateExpression=f"ADD spent :one, {ids} :visits REMOVE {outdated_ids}",
                # The IAM role of the redirect may write the attributes named here: no target is among them.
                ConditionExpression="version = :seen AND (attribute_not_exists(spent) OR spent < maxVisits) "
                f"AND NOT ({' OR '.join(f'contains({each}, :visit)' for each in _VISITS)})",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":visit": {"S": visit},
                    ":visits": {"SS": [visit]},
                    ":seen": {"N": str(link.version)},
                },
            )
    except Refused:
        # Read, not returned by the update: the redirect's role lets an update return nothing of the item.
        item = _item(link.id, consistent=True) or {}
        if _has_visit(item, visit):
            return None
        changed = from_item(item)
        if changed is None:
            raise LinkUnknown(link.code) from None
        return changed
    return None


def has_spent(link_id: str, visit_id: str) -> bool:
    """Tell whether a visit of an id that no client can choose was counted lately, by ``spend_visit``.

    Raises:
        StoreUnavailable
    """
    return _has_visit(_item(link_id, consistent=True) or {}, _short(visit_id))


def note_guesses(link_id: str, now: datetime) -> None:
    """Record in the link of ``link_id`` that its password was guessed too often at ``now``.

    The version is not changed, so that concurrent changes succeed. The condition only names attributes that the IAM
    role of the redirect may write; a tombstone stays a tombstone.

    Raises:
        StoreUnavailable
    """
    with suppress(Refused), translating_errors("ConditionalCheckFailedException", "TransactionConflictException"):
        clients.best_effort.update_item(
            TableName=settings.links_table,
            Key={"code": {"S": link_id}},
            UpdateExpression="SET guessedAt = :now",
            ConditionExpression="attribute_exists(version)",
            ExpressionAttributeValues={":now": {"S": times.to_text(now)}},
        )


def set_slots(link_id: str, number: int) -> None:
    """Tell redirects over how many slots the rows of a link's clicks are spread. The version is not changed.

    Raises:
        StoreUnavailable: it may or may not have been written.
    """
    with suppress(Refused), translating_errors("ConditionalCheckFailedException"):
        clients.writes.update_item(
            TableName=settings.links_table,
            Key={"code": {"S": link_id}},
            UpdateExpression="SET slots = :number",
            ConditionExpression="attribute_exists(code)",
            ExpressionAttributeValues={":number": {"N": str(number)}},
        )


def is_available() -> bool:
    """Tell whether the table responds to a read."""
    try:
        _get("healthz", consistent=False)
    except StoreUnavailable:
        return False
    return True


def _by_owner(owner: str) -> dict[str, Any]:
    return {
        "IndexName": "byOwner",
        "KeyConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {":owner": {"S": owner}},
    }


def _get(link_id: str, *, consistent: bool) -> Link | None:
    item = _item(link_id, consistent=consistent)
    return None if item is None else from_item(item)


def _recent_visits(seconds: float) -> tuple[str, str]:
    """Return the attribute for the ids of visits counted at ``seconds`` (Unix), and the one that is cleared by then."""
    window = int(seconds // _VISITS_REMEMBERED)
    return _VISITS[window % len(_VISITS)], _VISITS[(window + 1) % len(_VISITS)]


def _has_visit(item: Item, visit: str) -> bool:
    return any(visit in item.get(each, {}).get("SS", ()) for each in _VISITS)


def _short(visit_id: str) -> str:
    """Return what an item keeps of an id: a thousand visits a second must fit into it, and CloudFront's are long."""
    return hashlib.sha256(visit_id.encode()).hexdigest()[: 2 * _BYTES_OF_VISIT]


def _item(link_id: str, *, consistent: bool) -> Item | None:
    with translating_errors():
        found = clients.reads.get_item(
            TableName=settings.links_table, Key={"code": {"S": link_id}}, ConsistentRead=consistent
        )
    return found.get("Item")


def _put_if_free(link: Link, request_id: str) -> Any:
    return {
        "TableName": settings.links_table,
        "Item": to_item(link) | {"requestId": {"S": request_id}},
        "ConditionExpression": "attribute_not_exists(code)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _put(put: Any) -> list[transactions.Reason]:
    """Put one item, at half the price of a transaction; return the reason if its condition fails."""
    try:
        with translating_errors("ConditionalCheckFailedException", "ValidationException"):
            clients.writes.put_item(**put)
    except Refused as refused:
        response: Any = refused.response
        if response["Error"]["Code"] == "ValidationException":
            raise WriteRefused from refused
        return [{"Code": "ConditionalCheckFailed", "Item": response.get("Item", {})}]
    return []


def _update(before: Link, after: Link, change_id: str) -> dict[str, Any]:
    """Return an update of the attributes that differ; attributes of other versions of this service are kept."""
    old, new = to_item(before), to_item(after) | {"changeId": {"S": change_id}}
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    sets = [f"#{name} = :{name}" for name in names if name in new]
    removes = [f"#{name}" for name in names if name not in new]
    condition = _if_as(before)
    if "spent" in names:  # visits change it without changing the version
        condition = _if_spent_as(old.get("spent"), condition)
    return {
        "TableName": settings.links_table,
        "Key": {"code": {"S": before.id}},
        "UpdateExpression": f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
        **condition,
        "ExpressionAttributeNames": condition["ExpressionAttributeNames"] | {f"#{name}": name for name in names},
        "ExpressionAttributeValues": condition.get("ExpressionAttributeValues", {})
        | {f":{name}": new[name] for name in names if name in new},
    }


def _if_as(seen: Link) -> dict[str, Any]:
    """Return the condition that a link exists, with the same owner and version."""
    values: dict[str, Any] = {":seen": {"N": str(seen.version)}} if seen.version else {}
    conditions = ["attribute_exists(originalUrl)"]
    conditions.append("#version = :seen" if seen.version else "attribute_not_exists(#version)")
    conditions.append("#owner = :seenOwner" if seen.owner else "attribute_not_exists(#owner)")
    if seen.owner:
        values[":seenOwner"] = {"S": seen.owner}
    return {
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {"#version": "version", "#owner": "owner"},
        **({"ExpressionAttributeValues": values} if values else {}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _if_spent_as(seen: Any, condition: dict[str, Any]) -> dict[str, Any]:
    """Return ``condition``, extended by an unchanged number of used visits."""
    values = condition.get("ExpressionAttributeValues", {}) | ({} if seen is None else {":spentSeen": seen})
    as_seen = "attribute_not_exists(spent)" if seen is None else "spent = :spentSeen"
    return {
        **condition,
        "ConditionExpression": f"{condition['ConditionExpression']} AND {as_seen}",
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def _if_same_claims(seen: Link) -> dict[str, Any]:
    """Return the condition that a link exists, with the same owner and externalId, in any version."""
    names = {"#owner": seen.owner, "externalId": seen.external_id}
    held = [f"{name} = :{place}" for place, (name, text) in enumerate(names.items()) if text]
    absent = [f"attribute_not_exists({name})" for name, text in names.items() if not text]
    values = {f":{place}": {"S": text} for place, text in enumerate(names.values()) if text}
    return {
        "ConditionExpression": " AND ".join(["attribute_exists(originalUrl)", *held, *absent]),
        "ExpressionAttributeNames": {"#owner": "owner"},
        **({"ExpressionAttributeValues": values} if values else {}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _settle(reasons: Sequence[transactions.Reason], change_id: str, claims: Sequence[Claim]) -> None:
    if not reasons or _holds(reasons[0], "changeId", change_id):
        return
    if reasons[0].get("Code") == "ConditionalCheckFailed":
        raise LinkChanged
    _raise_for(claims, reasons[1:])
    if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
        raise LinkChanged  # or what is written with it
    raise StoreUnavailable


def _holds(reason: transactions.Reason, name: str, text: str) -> bool:
    return bool(reason.get("Item", {}).get(name) == {"S": text})


def _raise_for(claims: Sequence[Claim], reasons: Sequence[transactions.Reason]) -> None:
    for claim, reason in zip(claims, reasons, strict=False):
        if reason.get("Code") == "ConditionalCheckFailed":
            raise claim.conflict(reason["Item"])
