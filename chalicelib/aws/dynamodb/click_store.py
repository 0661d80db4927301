"""Clicks and their counts in DynamoDB. Key: ``code`` and ``entry``.

    click#<time>#<id>   one click; deleted by TTL
    day#<date>          the counts of a day, one attribute each; kept for ever
    total               the visits of all days, by kind

``code`` is a link's, or ``@<owner>`` for all links of an owner. A click that has a row has been counted: rows and
counts are written in one transaction. Days that are not closed are in the index ``byOpenDay``; ``make erase`` sets
``rowsErased`` before it deletes the rows of a closed day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import all_items, items_by_key
from chalicelib.core import times
from chalicelib.core.visits import counters
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import ClassifiedClick, CounterKey, Counts, Day
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_QUARANTINE = "?quarantine"
_TEXTS = ("owner", "variant", "agent", "referrer", "country", "language", "visitor")


def count(clicks: Sequence[ClassifiedClick], added: Mapping[CounterKey, Counts]) -> list[int]:
    """Store ``clicks``, and add to the counts of each day and to each link's total, in one transaction.

    Returns the indexes in ``clicks`` of those that had been counted before; if there are any, nothing was written.
    Repeated after a lost response, it reports all of them as counted.

    Raises:
        WriteRefused: a retry will not help.
        StoreUnavailable: it may or may not have been written.
    """
    actions: list[Any] = [{"Put": _row_if_new(each)} for each in clicks]
    owner_of = {each.click.code: each.click.owner for each in clicks}
    for key, counts in added.items():
        texts = {"openDay": key.day, "owner": owner_of.get(key.subject)}
        actions.append({"Update": _addition(key.subject, f"day#{key.day}", counts, texts)})
    actions += [{"Update": _addition(code, "total", counts)} for code, counts in _link_totals(added).items()]
    reasons = transactions.write(actions)
    return [place for place, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed"]


def counts_now(keys: Iterable[CounterKey]) -> dict[CounterKey, Counts]:
    """Return the counts of several days, for those that have any; a write of the last second may be missing.

    Raises:
        StoreUnavailable
    """
    by_item_key = {(key.subject, f"day#{key.day}"): key for key in keys}
    return {by_item_key[item_key]: _counts_from_item(item) for item_key, item in _get_all(by_item_key)}


def totals_of(codes: Iterable[str]) -> dict[str, Counts]:
    """Return the all-time visits of links, for those that have any.

    Raises:
        StoreUnavailable
    """
    return {code: _counts_from_item(item) for (code, _), item in _get_all((code, "total") for code in codes)}


def total_of(code: str, *, best_effort: bool = False) -> Counts:
    """Return the all-time visits of one link; ``best_effort`` uses a short timeout, for data that is not essential.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = (clients.best_effort if best_effort else clients.reads).get_item(
            TableName=settings.clicks_table, Key=_key(code, "total")
        )
    return _counts_from_item(found.get("Item", {}))


def days_of(subject: str, first: str, last: str) -> list[Day]:
    """Return the days of a link or an owner from ``first`` to ``last``, both inclusive: one query, one item a day.

    Raises:
        StoreUnavailable
    """
    return [
        _day_from_item(item)
        for item in all_items(settings.clicks_table, _between(subject, f"day#{first}", f"day#{last}"))
    ]


def rows_of(key: CounterKey) -> Iterator[ClassifiedClick]:
    """Yield the clicks of a link's day, the oldest first; strongly consistent.

    Raises:
        StoreUnavailable
    """
    query = _between(key.subject, f"click#{key.day}", f"click#{key.day}~")
    return (_click_from_item(item) for item in all_items(settings.clicks_table, query | {"ConsistentRead": True}))


def page_of_rows(code: str, limit: int, before: str | None) -> tuple[list[ClassifiedClick], str | None]:
    """Return ``limit`` clicks of a link before the entry ``before``, the newest first, and the next ``before`` or None.

    Raises:
        StoreUnavailable
    """
    query = _between(code, "click#", "click#~") | {"ScanIndexForward": False, "Limit": limit + 1}
    if before is not None:
        query["ExclusiveStartKey"] = _key(code, before)
    with translating_errors():
        items = clients.reads.query(TableName=settings.clicks_table, **query)["Items"]
    shown = items[:limit]
    return [_click_from_item(item) for item in shown], shown[-1]["entry"]["S"] if len(items) > limit else None


def open_days(day: str) -> Iterator[str]:
    """Yield the codes and owners whose ``day`` is open; one opened within the last second may be missing.

    Raises:
        StoreUnavailable
    """
    query = {
        "IndexName": "byOpenDay",
        "KeyConditionExpression": "openDay = :day",
        "ExpressionAttributeValues": {":day": {"S": day}},
    }
    return (item["code"]["S"] for item in all_items(settings.clicks_table, query))


def day_now(key: CounterKey) -> tuple[Day, str | None]:
    """Return a day, with the visitors of its last closing, and the owner of its link; strongly consistent.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.writes.get_item(
            TableName=settings.clicks_table, Key=_key(key.subject, f"day#{key.day}"), ConsistentRead=True
        )
    item = found.get("Item", {})
    visitors = int(item["visitors"]["N"]) if "visitors" in item else None
    day = Day(date=key.day, counts=_counts_from_item(item), visitors=visitors, rows_erased="rowsErased" in item)
    return day, _text(item, "owner")


def close(key: CounterKey, seen: Day, closed: Day, owner: str | None, corrections: Mapping[str, Counts]) -> bool:
    """Store a day as ``closed``, and add ``corrections`` to a code's total or to an owner's same day.

    False: the day has changed since it was ``seen``, and nothing was written. A repeated call returns False.

    Raises:
        StoreUnavailable: it may or may not have been written.
    """
    item: Item = {
        **_key(key.subject, f"day#{key.day}"),
        "visitors": {"N": str(closed.visitors)},
        **({"owner": {"S": owner}} if owner else {}),
        **({"rowsErased": {"BOOL": True}} if closed.rows_erased else {}),
        **{name: {"N": str(number)} for name, number in closed.counts.items()},
    }
    actions: list[Any] = [{"Put": {"TableName": settings.clicks_table, "Item": item, **_unchanged_since(seen)}}]
    for subject, counts in corrections.items():
        entry = f"day#{key.day}" if counters.is_owner_subject(subject) else "total"
        actions.append({"Update": _addition(subject, entry, counts)})
    return not transactions.write(actions)


def quarantine(message_id: str, body: str, why: str, now: datetime) -> None:
    """Store a message that will not be counted, for operators to inspect, as long as clicks are kept.

    Raises:
        StoreUnavailable
    """
    item: Item = {
        **_key(_QUARANTINE, f"{times.to_text(now)}#{message_id}"),
        "why": {"S": why},
        "body": {"S": body[:4096]},
        "expiresAt": _expiry(now),
    }
    with translating_errors():
        clients.writes.put_item(TableName=settings.clicks_table, Item=item)


def _get_all(keys: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], Item]]:
    item_keys = [_key(*key) for key in dict.fromkeys(keys)]
    for item in items_by_key(settings.clicks_table, item_keys):
        yield (item["code"]["S"], item["entry"]["S"]), item


def _between(subject: str, first: str, last: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "code = :code AND entry BETWEEN :first AND :last",
        "ExpressionAttributeValues": {":code": {"S": subject}, ":first": {"S": first}, ":last": {"S": last}},
    }


def _row_if_new(classified: ClassifiedClick) -> dict[str, Any]:
    click = classified.click
    texts = {name: getattr(click, name) for name in _TEXTS}
    texts |= {
        "kind": classified.kind,
        "device": classified.device,
        "browser": classified.browser,
        "system": classified.system,
    }
    return {
        "TableName": settings.clicks_table,
        "Item": {
            **_key(click.code, f"click#{times.to_text(click.at)}#{click.id}"),
            **{name: {"S": text} for name, text in texts.items() if text},
            "expiresAt": _expiry(click.at),
        },
        "ConditionExpression": "attribute_not_exists(entry)",
    }


def _addition(
    subject: str, entry: str, counts: Mapping[str, int], texts: Mapping[str, str | None] | None = None
) -> dict[str, Any]:
    """Return an update that adds ``counts`` and sets ``texts``, without those that are None.

    Placeholders are short: an expression may have at most 4 KB.
    """
    names = {f"#{place:x}": name for place, name in enumerate(counts)}
    numbers = {number: f":{place:x}" for place, number in enumerate(sorted(set(counts.values())))}
    expression = "ADD " + ",".join(f"{place} {numbers[counts[name]]}" for place, name in names.items())
    values: dict[str, Any] = {place: {"N": str(number)} for number, place in numbers.items()}
    present = {name: text for name, text in (texts or {}).items() if text}
    if present:
        expression += " SET " + ",".join(f"#{name}=:{name}" for name in present)
        names |= {f"#{name}": name for name in present}
        values |= {f":{name}": {"S": text} for name, text in present.items()}
    return {
        "TableName": settings.clicks_table,
        "Key": _key(subject, entry),
        "UpdateExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _link_totals(added: Mapping[CounterKey, Counts]) -> dict[str, Counts]:
    totals: dict[str, Counts] = {}
    for key, counts in added.items():
        if not counters.is_owner_subject(key.subject):
            totals.setdefault(key.subject, Counts()).update(counters.only_totals(counts))
    return totals


def _unchanged_since(seen: Day) -> dict[str, Any]:
    """Return the condition that a day has not changed: clicks add to its visits, and closing sets its visitors.

    Nor may its rows have been erased meanwhile: it would be closed with the counts of the rows that were left.
    """
    counted = {"visits": seen.counts.get("visits"), "visitors": seen.visitors}
    conditions = [
        f"{name} = :{name}" if value is not None else f"attribute_not_exists({name})" for name, value in counted.items()
    ]
    conditions.append(f"attribute_{'' if seen.rows_erased else 'not_'}exists(rowsErased)")
    values = {f":{name}": {"N": str(value)} for name, value in counted.items() if value is not None}
    return {
        "ConditionExpression": " AND ".join(conditions),
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def _key(subject: str, entry: str) -> dict[str, Any]:
    return {"code": {"S": subject}, "entry": {"S": entry}}


def _expiry(moment: datetime) -> Any:
    return {"N": str(int((moment + timedelta(days=settings.click_retention_days)).timestamp()))}


def _counts_from_item(item: Item) -> Counts:
    return Counts({name: int(value["N"]) for name, value in item.items() if "N" in value and name != "visitors"})


def _day_from_item(item: Item) -> Day:
    is_closed = "openDay" not in item and "visitors" in item
    return Day(
        date=item["entry"]["S"].removeprefix("day#"),
        counts=_counts_from_item(item),
        visitors=int(item["visitors"]["N"]) if is_closed else None,
    )


def _click_from_item(item: Item) -> ClassifiedClick:
    moment, _, click_id = item["entry"]["S"].removeprefix("click#").partition("#")
    kind: Any = _text(item, "kind")
    texts: dict[str, Any] = {name: _text(item, name) for name in _TEXTS}
    at, is_prefetch = times.parse_time(moment), kind == "prefetches"
    click = Click(id=click_id, code=item["code"]["S"], at=at, prefetch=is_prefetch, **texts)
    device, browser, system = (_text(item, name) for name in ("device", "browser", "system"))
    return ClassifiedClick(click=click, kind=kind, device=device, browser=browser, system=system)


def _text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None
