"""Links in DynamoDB. Key: ``code``. Nothing outside speaks DynamoDB's dialect."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.aws import clients
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core import times
from chalicelib.core.link import Link
from chalicelib.errors import CodeTaken, StoreUnavailable, UrlClaimed
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

    Item = dict[str, AttributeValueTypeDef]

_CLAIM_LASTS = timedelta(minutes=1)  # as long as the index may lag behind the table, many times over
_SAME_URL_AT_MOST = 25
_CONFLICT_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds, each drawn from zero up: rivals for one URL meet again else


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


def find_by_url(url: str) -> Iterator[Link]:
    """Yield links to exactly ``url``, the newest first, 25 at the most; one made within this second may be missing.

    The index only names them: each is read from the table itself, as of this moment.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        page = clients.reads.query(
            TableName=settings.links_table,
            IndexName="byUrl",
            KeyConditionExpression="originalUrl = :url",
            ExpressionAttributeValues={":url": {"S": url}},
            ScanIndexForward=False,
            Limit=_SAME_URL_AT_MOST,
        )
    for item in page["Items"]:
        link = find_now(item["code"]["S"])
        if link is not None:
            yield link


def add(link: Link, request_id: str) -> None:
    """Store a new link.

    Running it again with the same ``request_id`` finds the link it stored before, and that is success: the first
    answer may have been lost on the way.

    Raises:
        CodeTaken: the code belongs to another link.
        StoreUnavailable: it may or may not have been stored.
    """
    put = _put_if_free(link, request_id)
    try:
        with in_our_words("ConditionalCheckFailedException"):
            clients.writes.put_item(**put)
    except ClientError as refused:
        response: Any = refused.response
        if response.get("Item", {}).get("requestId") != {"S": request_id}:
            raise CodeTaken(link.code) from refused


def add_only(link: Link, request_id: str, claim: str, now: datetime) -> None:
    """Store a new link unless somebody is storing one for the same ``claim`` right now.

    Link and claim are one transaction; the claim holds for a minute, after which the index by URL knows the link.
    Running it again with the same ``request_id`` is success, as in ``add``.

    Raises:
        CodeTaken: the code belongs to another link.
        UrlClaimed: with the code of the link that holds the claim.
        StoreUnavailable: it may or may not have been stored.
    """
    transaction: list[TransactWriteItemTypeDef] = [
        {"Put": _put_if_free(link, request_id)},
        {"Put": _claim_if_free(link, request_id, claim, now)},
    ]
    for longest_pause in _CONFLICT_PAUSES:
        try:
            with in_our_words("TransactionCanceledException"):
                clients.writes.transact_write_items(TransactItems=transaction)
        except ClientError as cancelled:
            if _was_applied(cancelled, link.code, request_id):
                return
            time.sleep(random.uniform(0, longest_pause))  # noqa: S311  # spreads the rivals; no secret
        else:
            return
    raise StoreUnavailable


def answers() -> bool:
    """Tell whether the table answers a read."""
    try:
        _get("healthz", consistent=False)
    except StoreUnavailable:
        return False
    return True


def _get(code: str, *, consistent: bool) -> Link | None:
    with in_our_words():
        found = clients.reads.get_item(
            TableName=settings.links_table, Key={"code": {"S": code}}, ConsistentRead=consistent
        )
    item = found.get("Item")
    return None if item is None else _link_in(item)


def _put_if_free(link: Link, request_id: str) -> Any:
    return {
        "TableName": settings.links_table,
        "Item": _item_of(link) | {"requestId": {"S": request_id}},
        "ConditionExpression": "attribute_not_exists(code)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _claim_if_free(link: Link, request_id: str, claim: str, now: datetime) -> Any:
    return {
        "TableName": settings.access_table,
        "Item": {
            "id": {"S": f"url#{claim}"},
            "code": {"S": link.code},
            "requestId": {"S": request_id},
            "expiresAt": {"N": str(int((now + _CLAIM_LASTS).timestamp()))},
        },
        # TTL deletes late, so a claim that is over may still be there.
        "ConditionExpression": "attribute_not_exists(id) OR expiresAt < :now",
        "ExpressionAttributeValues": {":now": {"N": str(int(now.timestamp()))}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _was_applied(cancelled: ClientError, code: str, request_id: str) -> bool:
    """Tell whether the transaction had been applied before; False: only a rival's transaction was in its way.

    Raises:
        CodeTaken, UrlClaimed
    """
    response: Any = cancelled.response
    link_reason, claim_reason = response["CancellationReasons"]
    if link_reason.get("Item", {}).get("requestId") == {"S": request_id}:
        return True
    if claim_reason.get("Code") == "ConditionalCheckFailed":
        raise UrlClaimed(claim_reason["Item"]["code"]["S"]) from cancelled
    if link_reason.get("Code") == "ConditionalCheckFailed":
        raise CodeTaken(code) from cancelled
    return False


def _item_of(link: Link) -> Item:
    texts = {
        "code": link.code,
        "originalUrl": link.url,
        "createdAt": _text(link.created_at),
        "updatedAt": _text(link.updated_at),
        "expiresAt": _text(link.expires_at),
        "title": link.title,
        "note": link.note,
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    item["version"] = {"N": str(link.version)}
    if link.tags:
        item["tags"] = {"L": [{"S": tag} for tag in link.tags]}
    for name, on in (("permanent", link.permanent), ("unguessable", link.unguessable)):
        if on:
            item[name] = {"BOOL": True}
    return item


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
        tags=tuple(tag["S"] for tag in item["tags"]["L"]) if "tags" in item else (),
        version=int(item["version"]["N"]) if "version" in item else 0,
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else times.to_text(moment)


def _string(item: Item, name: str) -> str | None:
    return item.get(name, {}).get("S")


def _moment(item: Item, name: str) -> datetime | None:
    """Return a time: ours are text, those that DynamoDB's TTL sweeps by are seconds. None if it is neither."""
    value = item.get(name, {})
    try:
        if "N" in value:
            return datetime.fromtimestamp(int(float(value["N"])), UTC)
        return times.moment_in(value["S"]) if "S" in value else None
    except (ValueError, OverflowError, OSError):
        return None
