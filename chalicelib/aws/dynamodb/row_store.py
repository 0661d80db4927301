"""The rows of clicks in DynamoDB, in the table of ``click_store``. Key: ``code`` with the slot, and ``entry``.

    click#<time>#<id>   one click; deleted by TTL

A row with ``slot`` is a click: the stream brings it to the function that counts. One without was counted in the
transaction that wrote it (``click_store.count``). Lightweight: the redirect puts rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.core import times
from chalicelib.core.visits import slots
from chalicelib.core.visits.click import Click
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

AT_ONCE = 25
"""Rows that DynamoDB puts in one call."""
_PREFIX = "click#"
_TEXTS = ("owner", "variant", "agent", "referrer", "country", "language", "visitor")
_THROTTLED = {
    *("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"),
    "InternalServerError",
}


class RowUnreadable(Exception):
    """An item is not the row of a click, though its key is one's."""


def put(click: Click) -> None:
    """Put the row of a click that has a slot. Repeated, it is the same row: the stream tells of one that is new.

    It uses the connection that has just read the link.

    Raises:
        StoreUnavailable: it may or may not have been put; throttling is one of the reasons.
    """
    with translating_errors():
        clients.reads.put_item(TableName=settings.clicks_table, Item=to_item(click))


def put_all(clicks: Sequence[Click]) -> list[Click]:
    """Put the rows of up to ``AT_ONCE`` clicks; return those that the table did not take, to be put later.

    Raises:
        StoreUnavailable: none, some or all were put.
    """
    by_key = {(item["code"]["S"], item["entry"]["S"]): (click, item) for click in clicks for item in [to_item(click)]}
    requests: Any = [{"PutRequest": {"Item": item}} for _, item in by_key.values()]
    try:
        with translating_errors(*_THROTTLED):
            response = clients.writes.batch_write_item(RequestItems={settings.clicks_table: requests})
    except Refused:
        return list(clicks)
    left: Any = response.get("UnprocessedItems", {}).get(settings.clicks_table, [])
    keys = [(each["PutRequest"]["Item"]["code"]["S"], each["PutRequest"]["Item"]["entry"]["S"]) for each in left]
    return [by_key[key][0] for key in keys]


def page(code: str, slot: int, day: str, after: str, *, consistent: bool) -> tuple[list[Any], bool]:
    """Return the items of a slot's rows on ``day`` after the entry ``after``, and whether there are more.

    Raises:
        StoreUnavailable
    """
    query = between(slots.partition_key(code, slot), f"{_PREFIX}{day}", f"{_PREFIX}{day}~")
    if after:
        query["ExclusiveStartKey"] = {"code": {"S": slots.partition_key(code, slot)}, "entry": {"S": after}}
    with translating_errors():
        found = clients.reads.query(TableName=settings.clicks_table, ConsistentRead=consistent, **query)
    return list(found["Items"]), "LastEvaluatedKey" in found


def newest(code: str, slot: int, limit: int, before: str | None) -> list[Item]:
    """Return up to ``limit`` items of a slot's rows before the entry ``before``, the newest first.

    Raises:
        StoreUnavailable
    """
    query = between(slots.partition_key(code, slot), _PREFIX, before or f"{_PREFIX}~")
    query |= {"ScanIndexForward": False, "Limit": limit + (before is not None)}
    with translating_errors():
        items = clients.reads.query(TableName=settings.clicks_table, **query)["Items"]
    return [item for item in items if item["entry"]["S"] != before][:limit]


def between(key: str, first: str, last: str) -> dict[str, Any]:
    """Return a query for the entries of a partition key from ``first`` to ``last``, both inclusive."""
    return {
        "KeyConditionExpression": "code = :code AND entry BETWEEN :first AND :last",
        "ExpressionAttributeValues": {":code": {"S": key}, ":first": {"S": first}, ":last": {"S": last}},
    }


def to_item(click: Click) -> Item:
    """Return the row of a click that has a slot."""
    if click.slot is None or click.expires_at is None:
        raise ValueError(click)
    texts = {name: getattr(click, name) for name in _TEXTS}
    texts |= {"told": click.device, "requestedAs": click.requested_as}
    # What the version before reads: it cannot judge, and knows no row that was not judged.
    texts["kind"] = "prefetches" if click.prefetch else "humans"
    numbers = {"slot": click.slot, "slots": click.slots, "expiresAt": click.expires_at, "ms": click.took_ms}
    item: Item = {
        "code": {"S": slots.partition_key(click.link_id, click.slot)},
        "entry": {"S": entry_of(click)},
        **{name: {"S": text} for name, text in texts.items() if text},
        **{name: {"N": str(number)} for name, number in numbers.items() if number is not None},
    }
    return item if click.from_cache is None else {**item, "cached": {"BOOL": click.from_cache}}


def entry_of(click: Click) -> str:
    """Return the sort key of the row of a click."""
    return f"{_PREFIX}{times.to_text(click.at)}#{click.id}"


def is_row(item: Any) -> bool:
    """Tell whether an item, or its key, is a click's."""
    return str(item.get("entry", {}).get("S", "")).startswith(_PREFIX)


def from_item(item: Any) -> Click:
    """Return the click of a row, whether it has a slot or is one of the version before.

    Raises:
        RowUnreadable
    """
    try:
        moment, _, click_id = item["entry"]["S"].removeprefix(_PREFIX).partition("#")
        link_id, _slot = slots.subject_and_slot(item["code"]["S"])
        texts: dict[str, Any] = {name: _text(item, name) for name in _TEXTS}
        click = Click(
            id=click_id,
            link_id=link_id,
            at=times.parse_time(moment),
            prefetch=_text(item, "kind") == "prefetches",
            **texts,
        )
        if "slot" not in item:
            return click
        requested_as: Any = _text(item, "requestedAs")
        return replace(
            click,
            slot=int(item["slot"]["N"]),
            slots=int(item["slots"]["N"]) if "slots" in item else None,
            expires_at=int(item["expiresAt"]["N"]),
            device=_text(item, "told"),
            requested_as=requested_as,
            took_ms=float(item["ms"]["N"]) if "ms" in item else None,
            from_cache=item["cached"]["BOOL"] if "cached" in item else None,
        )
    except (KeyError, ValueError, TypeError, AttributeError) as unreadable:
        raise RowUnreadable(f"{type(unreadable).__name__}: {ascii(str(unreadable))[:200]}") from unreadable


def judged_in(item: Any) -> tuple[Any, str | None, str | None, str | None] | None:
    """Return kind, device, browser and system of a row of the version before; None: it is judged when it is read."""
    if "slot" in item:
        return None
    return _text(item, "kind"), _text(item, "device"), _text(item, "browser"), _text(item, "system")


def _text(item: Any, name: str) -> str | None:
    return item[name]["S"] if name in item else None
