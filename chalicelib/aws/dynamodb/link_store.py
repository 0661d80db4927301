"""Links in DynamoDB. Key: ``code``. Nothing outside speaks DynamoDB's dialect."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients, transactions
from chalicelib.aws.claims import Claim
from chalicelib.aws.clients import Refused
from chalicelib.aws.pages import all_items
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core import times
from chalicelib.core.link import Link
from chalicelib.errors import CodeTaken, LinkChanged, LinkUnknown, StoreUnavailable, WriteRefused
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_SAME_URL_AT_MOST = 25
_POWERS = frozenset(
    {
        *("startsAt", "maxVisits", "spent", "confirm", "passwordDigest", "rules"),
        *("forwardQuery", "forwardPath", "fallbackUrl", "blocked", "blockedHost"),
    }
)


def find(code: str) -> Link | None:
    """Return the link of ``code``, or None.

    Read eventually consistent, which costs half; a miss is read again consistently, so that a link works the moment
    it was created.

    Raises:
        StoreUnavailable: the table did not answer within the time limits.
    """
    return _get(code, consistent=False) or _get(code, consistent=True)


def find_now(code: str) -> Link | None:
    """Return the link of ``code`` as of this moment, or None.

    Raises:
        StoreUnavailable
    """
    return _get(code, consistent=True)


def is_given_out(code: str) -> bool:
    """Tell whether ``code`` belongs to a link, or ever did.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        found = clients.reads.get_item(
            TableName=settings.links_table, Key={"code": {"S": code}}, ProjectionExpression="code", ConsistentRead=True
        )
    return "Item" in found


def find_by_url(url: str, owner: str | None) -> Iterator[Link]:
    """Yield the links of ``owner`` to exactly ``url``, the newest first; one made within this second may be missing.

    The index only names them: each is read from the table itself, as of this moment. Of very many the newest are found.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        page = clients.reads.query(
            TableName=settings.links_table,
            IndexName="byUrl",
            KeyConditionExpression="originalUrl = :url",
            FilterExpression="#owner = :owner" if owner else "attribute_not_exists(#owner)",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":url": {"S": url}, **({":owner": {"S": owner}} if owner else {})},
            ScanIndexForward=False,
        )
    for item in page["Items"][:_SAME_URL_AT_MOST]:
        link = find_now(item["code"]["S"])
        if link is not None:
            yield link


def page_of(owner: str, limit: int, after: Link | None) -> tuple[list[Link], bool]:
    """Return ``limit`` links of ``owner``, the newest first, from just ``after`` one of them; and if there are more.

    They may be fewer and not the last: DynamoDB reads a megabyte at once.

    One made or changed within this second may be missing, or shown as it was.

    Raises:
        StoreUnavailable
    """
    query: dict[str, Any] = _by_owner(owner) | {"ScanIndexForward": False, "Limit": limit}
    if after is not None:
        item = _item_of(after)
        query["ExclusiveStartKey"] = {"code": item["code"], "owner": {"S": owner}, "createdAt": item["createdAt"]}
    with in_our_words():
        page = clients.reads.query(TableName=settings.links_table, **query)
    return [link for item in page["Items"] if (link := _link_in(item)) is not None], "LastEvaluatedKey" in page


def links_of(owner: str) -> Iterator[Link]:
    """Yield the links of ``owner``, the oldest first.

    One made or changed within this second may be missing, or be as it was.

    Raises:
        StoreUnavailable
    """
    items = all_items(settings.links_table, _by_owner(owner))
    return (link for item in items if (link := _link_in(item)) is not None)


def all_links() -> Iterator[Link]:
    """Yield every link there is, in no order; each a second old at most. It reads the whole table.

    Raises:
        StoreUnavailable
    """
    start: dict[str, Any] = {}
    while True:
        with in_our_words():
            page = clients.writes.scan(TableName=settings.links_table, **start)
        yield from (link for item in page["Items"] if (link := _link_in(item)) is not None)
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def add(link: Link, request_id: str, claims: Sequence[Claim] = ()) -> None:
    """Store a new link, and make ``claims`` in the same breath: all of it or nothing.

    Running it again with the same ``request_id`` finds the link it stored before, and that is success: the first
    answer may have been lost on the way.

    Raises:
        CodeTaken: the code belongs to another link, or did.
        WriteRefused: the table will not take it as it is.
        StoreUnavailable: it may or may not have been stored.
        Exception: the error of the first claim that somebody else holds.
    """
    put = _put_if_free(link, request_id)
    reasons = transactions.write([{"Put": put}, *(claim.put() for claim in claims)]) if claims else _put(put)
    if not reasons or _holds(reasons[0], "requestId", request_id):
        return
    answered = [each for each in claims if each.comes_first]
    _raise_for(answered, reasons[1:])
    if reasons[0].get("Code") == "ConditionalCheckFailed":
        raise CodeTaken(link.code)
    _raise_for(claims, reasons[1:])
    raise StoreUnavailable


def change(
    before: Link, after: Link, change_id: str, alongside: Sequence[Any] = (), claims: Sequence[Claim] = ()
) -> None:
    """Make ``before`` what ``after`` is, if it is still as it was; ``alongside`` and ``claims`` with it or not at all.

    Running it again with the same ``change_id`` is success.

    Raises:
        LinkChanged: somebody was faster.
        StoreUnavailable: it may or may not have been changed.
        Exception: the error of the first claim that somebody else holds.
    """
    actions = [{"Update": _update(before, after, change_id)}, *(claim.put() for claim in claims), *alongside]
    _settle(transactions.write(actions), change_id, claims)


def remove(link: Link, change_id: str, now: datetime, alongside: Sequence[Any] = ()) -> None:
    """Leave of ``link`` only that its code was given out, if it is still as it was; ``alongside`` with it.

    Raises:
        LinkChanged: somebody was faster.
        StoreUnavailable: it may or may not have been removed.
    """
    tombstone = {
        "code": {"S": link.code},
        "deletedAt": {"S": times.to_text(now)},
        "changeId": {"S": change_id},
        "version": {"N": str(link.version + 1)},
    }
    put = {"TableName": settings.links_table, "Item": tombstone, **_if_as(link)}
    _settle(transactions.write([{"Put": put}, *alongside]), change_id, ())


def spend_visit(link: Link) -> Link | None:
    """Count a visit of ``link``, which has a maximum, if one is left; or return the link as it is: changed, or used up.

    One conditional update decides and counts, so there are never more than the maximum. It leaves an id in the link, by
    which its second try knows the first: an answer that is lost does not cost a visit, unless somebody else spent one
    meanwhile. The visitor waits for it as for a read, and is led on only if this returns None.

    Raises:
        LinkUnknown
        StoreUnavailable: it may or may not have been counted, and the visitor must not be led on.
    """
    visit_id = uuid.uuid4().hex  # minted here: a client may choose the id of a request, and would count as known
    try:
        with in_our_words("ConditionalCheckFailedException", "TransactionConflictException"):
            clients.reads.update_item(
                TableName=settings.links_table,
                Key={"code": {"S": link.code}},
                UpdateExpression="ADD spent :one SET lastVisit = :visit",
                # The redirect may write what is named here, and so nothing is that says where a link leads.
                ConditionExpression="version = :seen AND (attribute_not_exists(spent) OR spent < maxVisits) "
                "AND (attribute_not_exists(lastVisit) OR lastVisit <> :visit)",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":visit": {"S": visit_id},
                    ":seen": {"N": str(link.version)},
                },
            )
    except Refused:
        # Read, not returned by the update: the redirect's role lets an update return nothing of the item.
        item = _item(link.code, consistent=True) or {}
        if item.get("lastVisit") == {"S": visit_id}:
            return None
        changed = _link_in(item)
        if changed is None:
            raise LinkUnknown(link.code) from None
        return changed
    return None


def answers() -> bool:
    """Tell whether the table answers a read."""
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


def _get(code: str, *, consistent: bool) -> Link | None:
    item = _item(code, consistent=consistent)
    return None if item is None else _link_in(item)


def _item(code: str, *, consistent: bool) -> Item | None:
    with in_our_words():
        found = clients.reads.get_item(
            TableName=settings.links_table, Key={"code": {"S": code}}, ConsistentRead=consistent
        )
    return found.get("Item")


def _put_if_free(link: Link, request_id: str) -> Any:
    return {
        "TableName": settings.links_table,
        "Item": _item_of(link) | {"requestId": {"S": request_id}},
        "ConditionExpression": "attribute_not_exists(code)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _put(put: Any) -> list[transactions.Reason]:
    """Put one item, which is half the price of a transaction; return the reason if its condition does not hold."""
    try:
        with in_our_words("ConditionalCheckFailedException", "ValidationException"):
            clients.writes.put_item(**put)
    except Refused as refused:
        response: Any = refused.response
        if response["Error"]["Code"] == "ValidationException":
            raise WriteRefused from refused
        return [{"Code": "ConditionalCheckFailed", "Item": response.get("Item", {})}]
    return []


def _update(before: Link, after: Link, change_id: str) -> dict[str, Any]:
    """Return the update of what differs; what another version of this service stored beside it stays."""
    old, new = _item_of(before), _item_of(after) | {"changeId": {"S": change_id}}
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    sets = [f"#{name} = :{name}" for name in names if name in new]
    removes = [f"#{name}" for name in names if name not in new]
    condition = _if_as(before)
    return {
        "TableName": settings.links_table,
        "Key": {"code": {"S": before.code}},
        "UpdateExpression": f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
        **condition,
        "ExpressionAttributeNames": condition["ExpressionAttributeNames"] | {f"#{name}": name for name in names},
        "ExpressionAttributeValues": condition.get("ExpressionAttributeValues", {})
        | {f":{name}": new[name] for name in names if name in new},
    }


def _if_as(seen: Link) -> dict[str, Any]:
    """Return the condition that a link is still there, of the same owner, and in the same version."""
    values: dict[str, Any] = {":seen": {"N": str(seen.version)}} if seen.version else {}
    conditions = ["attribute_exists(originalUrl)"]
    conditions.append("#version = :seen" if seen.version else "attribute_not_exists(#version)")
    conditions.append("#owner = :whose" if seen.owner else "attribute_not_exists(#owner)")
    if seen.owner:
        values[":whose"] = {"S": seen.owner}
    return {
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {"#version": "version", "#owner": "owner"},
        **({"ExpressionAttributeValues": values} if values else {}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _settle(reasons: Sequence[transactions.Reason], change_id: str, claims: Sequence[Claim]) -> None:
    if not reasons or _holds(reasons[0], "changeId", change_id):
        return
    if reasons[0].get("Code") == "ConditionalCheckFailed":
        raise LinkChanged
    _raise_for(claims, reasons[1:])
    raise StoreUnavailable


def _holds(reason: transactions.Reason, name: str, text: str) -> bool:
    return bool(reason.get("Item", {}).get(name) == {"S": text})


def _raise_for(claims: Sequence[Claim], reasons: Sequence[transactions.Reason]) -> None:
    for claim, reason in zip(claims, reasons, strict=False):
        if reason.get("Code") == "ConditionalCheckFailed":
            raise claim.taken(reason["Item"])


def _item_of(link: Link) -> Item:
    texts = {
        "code": link.code,
        "originalUrl": link.url,
        "createdAt": _text(link.created_at),
        "updatedAt": _text(link.updated_at),
        "expiresAt": _text(link.expires_at),
        "title": link.title,
        "note": link.note,
        "owner": link.owner,
        "createdBy": link.created_by,
        "externalId": link.external_id,
        "manageDigest": link.manage_digest,
        "startsAt": _text(link.starts_at),
        "passwordDigest": link.password_digest,
        "rules": _rules_text(link) if link.rules else None,
        "fallbackUrl": link.fallback_url,
        "blocked": link.blocked,
        "blockedHost": link.blocked_host,
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    if link.version:
        item["version"] = {"N": str(link.version)}
    if link.tags:
        item["tags"] = {"L": [{"S": tag} for tag in link.tags]}
    counts = {"maxVisits": link.max_visits, "spent": link.visits_spent, "importedVisits": link.imported_visits}
    item |= {name: {"N": str(count)} for name, count in counts.items() if count}
    flags = {
        "permanent": link.permanent,
        "unguessable": link.unguessable,
        "off": not link.enabled,
        "confirm": link.confirm,
        "forwardQuery": link.forward_query,
        "forwardPath": link.forward_path,
    }
    return item | {name: {"BOOL": True} for name, on in flags.items() if on}


def _rules_text(link: Link) -> str:
    from chalicelib.core import rules

    return rules.to_text(link.rules)


def _link_in(item: Item) -> Link | None:
    """Return the link that an item is, or None if it leads nowhere: an older table may hold anything."""
    url = _string(item, "originalUrl")
    if url is None:
        return None
    return Link(
        code=item["code"]["S"],
        url=url,
        created_at=_moment(item, "createdAt"),
        updated_at=_moment(item, "updatedAt"),
        expires_at=_moment(item, "expiresAt"),
        permanent=item.get("permanent") == {"BOOL": True},
        unguessable=item.get("unguessable") == {"BOOL": True},
        title=_string(item, "title"),
        note=_string(item, "note"),
        tags=_texts(item, "tags"),
        enabled=item.get("off") != {"BOOL": True},
        owner=_string(item, "owner"),
        created_by=_string(item, "createdBy"),
        external_id=_string(item, "externalId"),
        manage_digest=_string(item, "manageDigest"),
        imported_visits=_number(item, "importedVisits") or 0,
        version=_number(item, "version") or 0,
        **(_powers_in(item) if not _POWERS.isdisjoint(item) else {}),
    )


def _powers_in(item: Item) -> dict[str, Any]:
    """Return the attributes of a link that most links do not have."""
    from chalicelib.core import rules

    return {
        "starts_at": _moment(item, "startsAt"),
        "max_visits": _number(item, "maxVisits"),
        "visits_spent": _number(item, "spent") or 0,
        "confirm": item.get("confirm") == {"BOOL": True},
        "password_digest": _string(item, "passwordDigest"),
        "rules": rules.from_text(_string(item, "rules") or "[]"),
        "forward_query": item.get("forwardQuery") == {"BOOL": True},
        "forward_path": item.get("forwardPath") == {"BOOL": True},
        "fallback_url": _string(item, "fallbackUrl"),
        "blocked": _string(item, "blocked"),
        "blocked_host": _string(item, "blockedHost"),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else times.to_text(moment)


def _string(item: Item, name: str) -> str | None:
    return item.get(name, {}).get("S")


def _number(item: Item, name: str) -> int | None:
    text = item.get(name, {}).get("N")
    return int(text) if text is not None and text.isdecimal() else None


def _texts(item: Item, name: str) -> tuple[str, ...]:
    return tuple(each["S"] for each in item.get(name, {}).get("L", ()) if "S" in each)


def _moment(item: Item, name: str) -> datetime | None:
    """Return a time: ours are text, those that DynamoDB's TTL sweeps by are seconds. None if it is neither."""
    value = item.get(name, {})
    try:
        if "N" in value:
            return datetime.fromtimestamp(int(float(value["N"])), UTC)
        return times.moment_in(value["S"]) if "S" in value else None
    except (ValueError, OverflowError, OSError):
        return None
