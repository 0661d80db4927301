"""The counts of clicks in DynamoDB, by day and in all. Key: ``code`` and ``entry``.

    day#<date>          the counts of a day, one attribute each; kept for ever. ``folded``: all that there are;
                        ``shares``: what each owner was credited of them, if the link moved on that day; ``whole``:
                        its one ``owner`` was credited all; a folded day with neither is of the version before;
                        ``lateOwners``: whose rows came since it was folded, each an ``@`` and a name
    total               the visits of a link's folded days, by kind; ``includes`` names the latest of them
    recount#<date>      how far the recount of a day has come; it ends with the recount
    moved#<code>        a link that an owner no longer has: see ``moved_store``

``code`` is a link's, or ``@<owner>`` for all links of an owner. The rows of clicks are in ``row_store``, the counters
of days that are not folded in ``counter_store``: what is read here is the sum of both. Days to be folded, or to be
counted again, are in the index ``byOpenDay``; ``make erase`` sets ``rowsErased`` before it deletes the rows of a folded
day.

Clicks without a slot (visits of unknown codes, and what the version before left in queues and logs) are counted by
``count``, which writes row, day and total in one transaction: such a row has been counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb import counter_store, row_store, transactions
from chalicelib.aws.dynamodb.counter_store import Place
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import all_items, items_by_key
from chalicelib.core import times
from chalicelib.core.ttl_cache import TtlCache
from chalicelib.core.visits import counters, open_days, shares, slots
from chalicelib.core.visits.counters import ClassifiedClick, CounterKey, Counts, Day
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_QUARANTINE = "?quarantine"
_NIGHT: Any = {"code": {"S": "?night"}, "entry": {"S": "folded"}}
_TEXTS = ("owner", "variant", "agent", "referrer", "country", "language", "visitor")
_NO_COUNTS = {"visitors", "asked", "corrected", "slots"}  # numbers of an item that are no counts
_INCLUDED_AT_MOST = 5  # days that a total names: those that a reader could take for open ones
_DAYS_ASSUMED_OPEN = 3  # before the first night of an installation
_NIGHT_CACHED = 60  # seconds
_nights: TtlCache[str | None] = TtlCache(1)


def count(clicks: Sequence[ClassifiedClick], added: Mapping[CounterKey, Counts]) -> list[int]:
    """Store ``clicks``, and add to the counts of each day and to each link's total, in one transaction.

    Returns the indexes in ``clicks`` of those that had been counted before; if there are any, nothing was written.
    Repeated after a lost response, it reports all of them as counted.

    Raises:
        WriteRefused: a retry will not help.
        StoreUnavailable: it may or may not have been written.
    """
    actions: list[Any] = [{"Put": _row_if_new(each)} for each in clicks]
    owner_of = {each.click.link_id: each.click.owner for each in clicks}
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


def totals_of(codes: Iterable[str], now: datetime) -> dict[str, Counts]:
    """Return the all-time visits of links at ``now`` (aware), for those that have any.

    For a hundred links these are three calls: their totals, which include all folded days, and twice a hundred counters
    of open days. From midnight until the days are folded, two hours later, there are four.

    Raises:
        StoreUnavailable
    """
    codes, days = list(dict.fromkeys(codes)), _open_days(now)
    # Counters first: one that is folded in between is in the total that is read then, which names its day.
    found = counter_store.find(Place(code, 0, day) for code in codes for day in days)
    totals = {code: item for (code, _), item in _get_all((code, "total") for code in codes)}
    found |= counter_store.find(
        Place(code, slot, day) for code, item in totals.items() for slot in range(1, _slots_in(item)) for day in days
    )
    result = {code: _counts_from_item(item) for code, item in totals.items()}
    for place, stored in found.items():
        if place.day not in _included_in(totals.get(place.subject, {})):
            result.setdefault(place.subject, Counts()).update(counters.only_totals(stored.counter.counts))
    return {code: counters.only_totals(counts) for code, counts in result.items() if counts}


def total_of(code: str, now: datetime) -> Counts:
    """Return the all-time visits of one link.

    Raises:
        StoreUnavailable
    """
    return totals_of([code], now).get(code, Counts())


def slots_of(subject: str) -> int:
    """Return how many slots the rows and counters of a link, or the counters of an owner, may be in.

    Raises:
        StoreUnavailable
    """
    if counters.is_owner_subject(subject):
        return slots.OF_OWNER
    return next((_slots_in(item) for _, item in _get_all([(subject, "total")])), 1)


def open_slots(code: str, number: int) -> None:
    """Record that rows and counters of a link may be in ``number`` slots from now on; there are never fewer.

    Raises:
        StoreUnavailable
    """
    condition = "attribute_not_exists(slots) OR slots < :number"
    _update_if(condition, _key(code, "total"), "SET slots = :number", {":number": {"N": str(number)}})


def days_of(subject: str, first: str, last: str, now: datetime) -> list[Day]:
    """Return the days of a link or an owner from ``first`` to ``last``, both inclusive, as they are at ``now`` (aware).

    One query, with one item a day, and the counters of the open days.

    Raises:
        StoreUnavailable
    """
    wanted = [day for day in _open_days(now) if first <= day <= last]
    number = slots_of(subject) if wanted else 0
    # Counters first: one that is folded in between is in the day that is read then.
    found = counter_store.find(Place(subject, slot, day) for day in wanted for slot in range(number))
    query = row_store.between(subject, f"day#{first}", f"day#{last}")
    days = {day.date: day for day in map(_day_from_item, all_items(settings.clicks_table, query))}
    for place, stored in found.items():
        day = days.get(place.day) or Day(date=place.day, counts={})
        if not day.is_folded:
            days[place.day] = replace(day, counts=counters.summed([day.counts, stored.counter.counts]))
    return [days[date] for date in sorted(days)]


def visits_on(day: str, codes: Iterable[str]) -> dict[str, int]:
    """Return the visits of links on a folded ``day``, for those that had any.

    Raises:
        StoreUnavailable
    """
    found = _get_all((code, f"day#{day}") for code in codes)
    return {code: counts["visits"] for (code, _), item in found if (counts := _counts_from_item(item))["visits"]}


def open_subjects(day: str, *, has_counters: bool = True) -> Iterator[str]:
    """Yield the codes and owners whose ``day`` is open, some twice; one opened within the last second may be missing.

    ``has_counters=False``: it was folded, and only those are open that are to be counted again.

    Raises:
        StoreUnavailable
    """
    for key in [day, *(open_days.counter_keys(day) if has_counters else ())]:
        query = {
            "IndexName": "byOpenDay",
            "KeyConditionExpression": "openDay = :key",
            "ExpressionAttributeValues": {":key": {"S": key}},
        }
        items = all_items(settings.clicks_table, query)
        yield from (slots.subject_and_slot(item["code"]["S"])[0] for item in items)


def folded_through() -> str | None:
    """Return the day up to which, inclusive, all days are folded; None before the first night.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.reads.get_item(TableName=settings.clicks_table, Key=_NIGHT)
    return _text(found.get("Item", {}), "through")


def mark_folded_through(day: str) -> None:
    """Record that all days up to ``day``, inclusive, are folded. An earlier one than is recorded changes nothing.

    Raises:
        StoreUnavailable
    """
    condition = "attribute_not_exists(through) OR through < :day"
    _update_if(condition, _NIGHT, "SET through = :day", {":day": {"S": day}})


def reset() -> None:
    """Discard what is cached, as in a new container."""
    _nights.clear()


def day_now(key: CounterKey) -> tuple[Day, str | None]:
    """Return a day without its counters, and the owner of its link; strongly consistent.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.writes.get_item(
            TableName=settings.clicks_table, Key=_key(key.subject, f"day#{key.day}"), ConsistentRead=True
        )
    item = found.get("Item", {})
    visitors = int(item["visitors"]["N"]) if "visitors" in item else None
    text = _text(item, "shares")
    day = replace(
        _day_from_item(_key(key.subject, f"day#{key.day}") | item),
        visitors=visitors,
        shares=None if text is None else shares.from_text(text),
        is_whole="whole" in item,
        late_owners=frozenset(_owner_from_subject(each) for each in item.get("lateOwners", {}).get("SS", ())),
    )
    return day, _text(item, "owner")


def publish(key: CounterKey, seen: Day, visitors: int, of_owners: shares.Shares) -> bool:
    """Set the unique visitors of a day that is over, and add those ``of_owners`` to the days of these. No sum changes.

    False: the day has changed since it was ``seen``, and nothing was written. A repeated call returns False.

    Raises:
        StoreUnavailable: it may or may not have been written.
    """
    condition = _unchanged_since(seen)
    values = {
        **condition.pop("ExpressionAttributeValues", {}),
        ":new": {"N": str(visitors)},
        ":shares": {"S": shares.to_text(of_owners)},
    }
    update = {
        "TableName": settings.clicks_table,
        "Key": _key(key.subject, f"day#{key.day}"),
        "UpdateExpression": "SET visitors = :new, shares = :shares",
        "ExpressionAttributeValues": values,
        **condition,
    }
    added = {owner: counts for owner, counts in of_owners.items() if counts["visitors"]}
    return not transactions.write([{"Update": update}, *_corrections(key, added)])


def fold(key: CounterKey, seen: Day, folded: Day, owner: str | None, of_owners: shares.Shares) -> bool:
    """Store a day as ``folded``, add the difference to the link's total, and ``of_owners`` to the days of these.

    The counters of the day are not read any more then, and may be removed. False: the day has changed since it was
    ``seen``, and nothing was written. A repeated call returns False.

    Raises:
        StoreUnavailable: it may or may not have been written.
    """
    item: Item = {
        **_key(key.subject, f"day#{key.day}"),
        "visitors": {"N": str(folded.visitors)},
        "folded": {"BOOL": True},
        **({"owner": {"S": owner}} if owner else {}),
        **({"shares": {"S": shares.to_text(folded.shares)}} if folded.shares is not None else {}),
        **({"whole": {"BOOL": True}} if folded.is_whole else {}),
        **({"rowsErased": {"BOOL": True}} if folded.rows_erased else {}),
        **({"asked": {"N": str(seen.asked)}} if seen.asked else {}),
        **({"corrected": {"N": str(seen.corrected)}} if seen.corrected else {}),
        **{name: {"N": str(number)} for name, number in folded.counts.items()},
    }
    actions: list[Any] = [{"Put": {"TableName": settings.clicks_table, "Item": item, **_unchanged_since(seen)}}]
    if not counters.is_owner_subject(key.subject):
        actions.append({"Update": _inclusion(key, counters.drift_between(seen.counts, folded.counts))})
    return not transactions.write([*actions, *_corrections(key, of_owners)])


def ask_recount(key: CounterKey, owner: str | None) -> None:
    """Ask for a day of a link to be counted again from its rows, in the next night: a late row of ``owner`` has come.

    Raises:
        StoreUnavailable: it may or may not have been asked; asking again does no harm.
    """
    values: dict[str, Any] = {":one": {"N": "1"}, ":day": {"S": key.day}}
    values[":late"] = {"SS": [counters.owner_subject(owner or "")]}  # "@": of no owner
    expression = "ADD asked :one, lateOwners :late SET openDay = :day"
    of_owner: dict[str, Any] = {}
    if owner is not None:
        values[":owner"] = {"S": owner}
        expression += ", #owner = if_not_exists(#owner, :owner)"
        of_owner = {"ExpressionAttributeNames": {"#owner": "owner"}}
    with translating_errors():
        clients.writes.update_item(
            TableName=settings.clicks_table,
            Key=_key(key.subject, f"day#{key.day}"),
            UpdateExpression=expression,
            ExpressionAttributeValues=values,
            **of_owner,
        )


def forget_recount(key: CounterKey) -> None:
    """Take back that a day is to be counted again.

    Raises:
        StoreUnavailable
    """
    _update_if("attribute_exists(openDay)", _key(key.subject, f"day#{key.day}"), "REMOVE openDay, lateOwners")


def find_recount(key: CounterKey, step: str) -> bytes | None:
    """Return how far the recount of a day had come in a ``step`` of the night, as it was saved; None: not begun.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        found = clients.writes.get_item(
            TableName=settings.clicks_table, Key=_key(key.subject, f"recount#{key.day}"), ConsistentRead=True
        )
    item: Any = found.get("Item", {})
    return bytes(item["state"]["B"]) if _text(item, "step") == step else None


def save_recount(key: CounterKey, step: str, state: bytes, now: datetime) -> None:
    """Save how far the recount of a day has come, for a month.

    Raises:
        StoreUnavailable
    """
    item: Item = {
        **_key(key.subject, f"recount#{key.day}"),
        "step": {"S": step},
        "state": {"B": state},
        "expiresAt": {"N": str(int((now + timedelta(days=30)).timestamp()))},
    }
    with translating_errors():
        clients.writes.put_item(TableName=settings.clicks_table, Item=item)


def end_recount(key: CounterKey) -> None:
    """Discard how far the recount of a day had come.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        clients.writes.delete_item(TableName=settings.clicks_table, Key=_key(key.subject, f"recount#{key.day}"))


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


def _update_if(condition: str, key: Any, update: str, values: Any = None) -> None:
    """Update an item if ``condition`` holds; if it does not, there is nothing to do."""
    given: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
    with suppress(Refused), translating_errors("ConditionalCheckFailedException"):
        clients.writes.update_item(
            TableName=settings.clicks_table,
            Key=key,
            UpdateExpression=update,
            ConditionExpression=condition,
            **given,
        )


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
            **_key(click.link_id, row_store.entry_of(click)),
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
    additions = ",".join(f"{place} {numbers[counts[name]]}" for place, name in names.items())
    expression = f"ADD {additions}" if additions else ""
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


def _corrections(link: CounterKey, of_owners: shares.Shares) -> list[Any]:
    """Return the actions that add to the days of each owner that the visits of a link's day count for."""
    return [
        {"Update": _addition(subject, f"day#{link.day}", {**counts, "corrected": 1})}
        for owner, counts in of_owners.items()
        for subject in counters.owner_subjects(owner, link.subject)
    ]


def _link_totals(added: Mapping[CounterKey, Counts]) -> dict[str, Counts]:
    totals: dict[str, Counts] = {}
    for key, counts in added.items():
        if not counters.is_owner_subject(key.subject):
            totals.setdefault(key.subject, Counts()).update(counters.only_totals(counts))
    return totals


def _inclusion(key: CounterKey, difference: Counts) -> dict[str, Any]:
    """Return an update of a link's total: it includes a day from now on, and ``difference`` more visits.

    The latest days that it includes are in one attribute, which readers of open days look at. Only the night writes it,
    and one job a link and day: of two days of a link that are folded at once, one is refused and tried again.
    """
    with translating_errors():
        found = clients.writes.get_item(
            TableName=settings.clicks_table, Key=_key(key.subject, "total"), ConsistentRead=True
        )
    seen = _text(found.get("Item", {}), "includes")
    included = sorted({*(seen or "").split(), key.day})[-_INCLUDED_AT_MOST:]
    update = _addition(key.subject, "total", difference, {"includes": " ".join(included)})
    update["ConditionExpression"] = "attribute_not_exists(includes)" if seen is None else "includes = :seenIncludes"
    if seen is not None:
        update["ExpressionAttributeValues"][":seenIncludes"] = {"S": seen}
    return update


def _included_in(total: Item) -> list[str]:
    return (_text(total, "includes") or "").split()


def _slots_in(total: Item) -> int:
    return int(total["slots"]["N"]) if "slots" in total else 1


def _open_days(now: datetime) -> list[str]:
    """Return the days whose counters may not be folded at ``now``: those after the last night's, and today.

    The last night is cached for a minute: with an older one, more counters are looked for than there are.
    """
    cached = _nights.get("night", now, _NIGHT_CACHED)
    if cached is None:
        night = folded_through()
        _nights.put("night", night, now)
    else:
        night = cached.value
    today = now.date().isoformat()
    first = now - timedelta(days=_DAYS_ASSUMED_OPEN - 1) if night is None else open_days.end_of(night)
    return open_days.between(min(first.date().isoformat(), today), today)


def _unchanged_since(seen: Day) -> dict[str, Any]:
    """Return the condition that a day has not changed: clicks add to its visits, the night sets its visitors.

    Nor may a recount have been asked for, or its rows have been erased meanwhile: a row would be missed. And no day of
    a link may have corrected an owner's, nor the same job, which came twice, have folded it.
    """
    counted = {"visits": seen.counts.get("visits"), "visitors": seen.visitors, "asked": seen.asked or None}
    counted |= {"corrected": seen.corrected or None}
    conditions = [
        f"{name} = :{name}" if value is not None else f"attribute_not_exists({name})" for name, value in counted.items()
    ]
    states = {"rowsErased": seen.rows_erased, "folded": seen.is_folded, "openDay": seen.is_open}
    conditions += [f"attribute_{'' if is_set else 'not_'}exists({name})" for name, is_set in states.items()]
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
    return Counts({name: int(value["N"]) for name, value in item.items() if "N" in value and name not in _NO_COUNTS})


def _day_from_item(item: Item) -> Day:
    return Day(
        date=item["entry"]["S"].removeprefix("day#"),
        counts=_counts_from_item(item),
        # Of a day that is to be counted again, they would be too few.
        visitors=int(item["visitors"]["N"]) if "visitors" in item and "openDay" not in item else None,
        rows_erased="rowsErased" in item,
        is_folded="folded" in item,
        is_open="openDay" in item,
        asked=int(item["asked"]["N"]) if "asked" in item else 0,
        corrected=int(item["corrected"]["N"]) if "corrected" in item else 0,
    )


def _owner_from_subject(subject: str) -> str | None:
    return subject.removeprefix("@") or None


def _text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None
