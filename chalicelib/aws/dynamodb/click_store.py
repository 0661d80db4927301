"""Clicks and their counts in DynamoDB. Key: ``code`` and ``entry``.

    click#<time>#<id>   one click; deleted by TTL
    day#<date>          the counts of a day, one attribute each; kept for ever
    total               the visits of all days, by kind

``code`` is a link's, or ``@<owner>`` for all links of an owner. A click's row is also the mark that it has been
counted: rows and counts are written in one transaction. A day that is not closed stands in the index ``byOpenDay``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients, transactions
from chalicelib.aws.pages import all_items, items_under
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core import stats, times
from chalicelib.core.click import Click
from chalicelib.core.stats import Counts, Day, JudgedClick, Tally
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_QUARANTINE = "?quarantine"
_TEXTS = ("owner", "variant", "agent", "referrer", "country", "language", "visitor")


def count(clicks: Sequence[JudgedClick], added: Mapping[Tally, Counts]) -> list[int]:
    """Store ``clicks`` and add to each tally, and to each link's total: all of it or nothing.

    Returns the places in ``clicks`` of those that had been counted before; if there are any, nothing was written.
    Run again after a lost answer it finds all of them counted.

    Raises:
        WriteRefused: trying again will not help.
        StoreUnavailable: it may or may not have been written.
    """
    actions: list[Any] = [{"Put": _row_if_new(each)} for each in clicks]
    owner_of = {each.click.code: each.click.owner for each in clicks}
    for tally, counts in added.items():
        told = {"openDay": tally.day, "owner": owner_of.get(tally.whose)}
        actions.append({"Update": _addition(tally.whose, f"day#{tally.day}", counts, told)})
    actions += [{"Update": _addition(code, "total", counts)} for code, counts in _totals_in(added).items()]
    reasons = transactions.write(actions)
    return [place for place, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed"]


def counts_now(tallies: Iterable[Tally]) -> dict[Tally, Counts]:
    """Return the counts of several days, those that have any; one written within this second may be missing.

    Raises:
        StoreUnavailable
    """
    wanted = {(tally.whose, f"day#{tally.day}"): tally for tally in tallies}
    return {wanted[key]: _counts_in(item) for key, item in _get_all(wanted)}


def totals_of(codes: Iterable[str]) -> dict[str, Counts]:
    """Return the visits of links in all their days, of those that have any.

    Raises:
        StoreUnavailable
    """
    return {code: _counts_in(item) for (code, _), item in _get_all((code, "total") for code in codes)}


def total_of(code: str) -> Counts:
    """Return the visits of one link in all its days.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        found = clients.reads.get_item(TableName=settings.clicks_table, Key=_key(code, "total"))
    return _counts_in(found.get("Item", {}))


def days_of(whose: str, first: str, last: str) -> list[Day]:
    """Return the days of a link or an owner from ``first`` to ``last``, both included: one query, one item a day.

    Raises:
        StoreUnavailable
    """
    return [_day_in(item) for item in all_items(settings.clicks_table, _between(whose, f"day#{first}", f"day#{last}"))]


def rows_of(tally: Tally) -> Iterator[JudgedClick]:
    """Yield the clicks of a link's day, as of this moment, the oldest first.

    Raises:
        StoreUnavailable
    """
    query = _between(tally.whose, f"click#{tally.day}", f"click#{tally.day}~")
    return (_click_in(item) for item in all_items(settings.clicks_table, query | {"ConsistentRead": True}))


def page_of_rows(code: str, limit: int, before: str | None) -> tuple[list[JudgedClick], str | None]:
    """Return ``limit`` clicks of a link, the newest first, from just ``before`` an entry; and where to go on, or None.

    Raises:
        StoreUnavailable
    """
    query = _between(code, "click#", "click#~") | {"ScanIndexForward": False, "Limit": limit + 1}
    if before is not None:
        query["ExclusiveStartKey"] = _key(code, before)
    with in_our_words():
        items = clients.reads.query(TableName=settings.clicks_table, **query)["Items"]
    shown = items[:limit]
    return [_click_in(item) for item in shown], shown[-1]["entry"]["S"] if len(items) > limit else None


def open_days(day: str) -> Iterator[str]:
    """Yield whose ``day`` has not been closed, codes and owners; one opened within this second may be missing.

    Raises:
        StoreUnavailable
    """
    query = {
        "IndexName": "byOpenDay",
        "KeyConditionExpression": "openDay = :day",
        "ExpressionAttributeValues": {":day": {"S": day}},
    }
    return (item["code"]["S"] for item in all_items(settings.clicks_table, query))


def day_now(tally: Tally) -> tuple[Day, str | None]:
    """Return a day as of this moment, with the visitors of its last closing, and the owner of its link.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        found = clients.writes.get_item(
            TableName=settings.clicks_table, Key=_key(tally.whose, f"day#{tally.day}"), ConsistentRead=True
        )
    item = found.get("Item", {})
    visitors = int(item["visitors"]["N"]) if "visitors" in item else None
    return Day(date=tally.day, counts=_counts_in(item), visitors=visitors), _text_in(item, "owner")


def close(tally: Tally, seen: Day, closed: Day, owner: str | None, corrections: Mapping[str, Counts]) -> bool:
    """Set a day as ``closed``, and add ``corrections``: to a code's total, to an owner's same day.

    False: the day is not as ``seen`` any more, and nothing was written. Run twice it says so.

    Raises:
        StoreUnavailable: it may or may not have been written.
    """
    item: Item = {
        **_key(tally.whose, f"day#{tally.day}"),
        "visitors": {"N": str(closed.visitors)},
        **({"owner": {"S": owner}} if owner else {}),
        **{name: {"N": str(number)} for name, number in closed.counts.items()},
    }
    actions: list[Any] = [{"Put": {"TableName": settings.clicks_table, "Item": item, **_if_as(seen)}}]
    for whose, counts in corrections.items():
        entry = f"day#{tally.day}" if stats.is_owners(whose) else "total"
        actions.append({"Update": _addition(whose, entry, counts)})
    return not transactions.write(actions)


def set_aside(message_id: str, body: str, why: str, now: datetime) -> None:
    """Keep a message that will not be counted, for somebody to look at, as long as clicks are kept.

    Raises:
        StoreUnavailable
    """
    item: Item = {
        **_key(_QUARANTINE, f"{times.to_text(now)}#{message_id}"),
        "why": {"S": why},
        "body": {"S": body[:4096]},
        "expiresAt": _end(now),
    }
    with in_our_words():
        clients.writes.put_item(TableName=settings.clicks_table, Item=item)


def _get_all(keys: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], Item]]:
    wanted = [_key(*key) for key in dict.fromkeys(keys)]
    for item in items_under(settings.clicks_table, wanted):
        yield (item["code"]["S"], item["entry"]["S"]), item


def _between(whose: str, first: str, last: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "code = :code AND entry BETWEEN :first AND :last",
        "ExpressionAttributeValues": {":code": {"S": whose}, ":first": {"S": first}, ":last": {"S": last}},
    }


def _row_if_new(judged: JudgedClick) -> dict[str, Any]:
    click = judged.click
    texts = {name: getattr(click, name) for name in _TEXTS}
    texts |= {"kind": judged.kind, "device": judged.device, "browser": judged.browser, "system": judged.system}
    return {
        "TableName": settings.clicks_table,
        "Item": {
            **_key(click.code, f"click#{times.to_text(click.at)}#{click.id}"),
            **{name: {"S": text} for name, text in texts.items() if text},
            "expiresAt": _end(click.at),
        },
        "ConditionExpression": "attribute_not_exists(entry)",
    }


def _addition(
    whose: str, entry: str, counts: Mapping[str, int], told: Mapping[str, str | None] | None = None
) -> dict[str, Any]:
    """Return an update that adds ``counts``, and sets the texts that are ``told``.

    Names and numbers have short places: an expression may be 4 KB long.
    """
    names = {f"#{place:x}": name for place, name in enumerate(counts)}
    numbers = {number: f":{place:x}" for place, number in enumerate(sorted(set(counts.values())))}
    expression = "ADD " + ",".join(f"{place} {numbers[counts[name]]}" for place, name in names.items())
    values: dict[str, Any] = {place: {"N": str(number)} for number, place in numbers.items()}
    texts = {name: text for name, text in (told or {}).items() if text}
    if texts:
        expression += " SET " + ",".join(f"#{name}=:{name}" for name in texts)
        names |= {f"#{name}": name for name in texts}
        values |= {f":{name}": {"S": text} for name, text in texts.items()}
    return {
        "TableName": settings.clicks_table,
        "Key": _key(whose, entry),
        "UpdateExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _totals_in(added: Mapping[Tally, Counts]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for tally, counts in added.items():
        if not stats.is_owners(tally.whose):
            found.setdefault(tally.whose, Counts()).update(stats.only_totals(counts))
    return found


def _if_as(seen: Day) -> dict[str, Any]:
    """Return the condition that a day is as it was: every click adds to its visits, every closing sets its visitors."""
    counted = {"visits": seen.counts.get("visits"), "visitors": seen.visitors}
    conditions = [
        f"{name} = :{name}" if value is not None else f"attribute_not_exists({name})" for name, value in counted.items()
    ]
    values = {f":{name}": {"N": str(value)} for name, value in counted.items() if value is not None}
    return {
        "ConditionExpression": " AND ".join(conditions),
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def _key(whose: str, entry: str) -> dict[str, Any]:
    return {"code": {"S": whose}, "entry": {"S": entry}}


def _end(moment: datetime) -> Any:
    return {"N": str(int((moment + timedelta(days=settings.click_retention_days)).timestamp()))}


def _counts_in(item: Item) -> Counts:
    return Counts({name: int(value["N"]) for name, value in item.items() if "N" in value and name != "visitors"})


def _day_in(item: Item) -> Day:
    is_closed = "openDay" not in item and "visitors" in item
    return Day(
        date=item["entry"]["S"].removeprefix("day#"),
        counts=_counts_in(item),
        visitors=int(item["visitors"]["N"]) if is_closed else None,
    )


def _click_in(item: Item) -> JudgedClick:
    moment, _, click_id = item["entry"]["S"].removeprefix("click#").partition("#")
    kind: Any = _text_in(item, "kind")
    told: dict[str, Any] = {name: _text_in(item, name) for name in _TEXTS}
    at, is_prefetch = times.moment_in(moment), kind == "prefetches"
    click = Click(id=click_id, code=item["code"]["S"], at=at, prefetch=is_prefetch, **told)
    device, browser, system = (_text_in(item, name) for name in ("device", "browser", "system"))
    return JudgedClick(click=click, kind=kind, device=device, browser=browser, system=system)


def _text_in(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None
