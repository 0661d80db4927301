"""Open counters in DynamoDB, in the table of ``click_store``. Key: ``code`` with the slot, and ``entry``.

    count#<date>   the counter of a link, or of all links of ``@<owner>``, on a day that has not been folded

A counter is read, added to, and put back on the condition that it has not changed: ``edition`` counts how often it was
put. Nothing else is written with it, so counters do not conflict with each other. All of them are in the index
``byOpenDay`` until their day is folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import items_by_key
from chalicelib.core.visits import open_days, slots
from chalicelib.core.visits.open_counter import OpenCounter
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_PREFIX = "count#"


class Place(NamedTuple):
    """Where a counter is: a link's code, or ``@`` and the name of an owner; the slot; the day."""

    subject: str
    slot: int
    day: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A counter, and the edition it was read in; 0: there is none yet."""

    counter: OpenCounter
    edition: int = 0
    owner: str | None = None
    """The owner of the link it counts for."""


def find(places: Iterable[Place], *, consistent: bool = False) -> dict[Place, Stored]:
    """Return the counters at ``places``, for those that there are.

    Raises:
        StoreUnavailable
    """
    by_key = {(slots.partition_key(place.subject, place.slot), _PREFIX + place.day): place for place in places}
    keys = [{"code": {"S": key}, "entry": {"S": entry}} for key, entry in by_key]
    items = items_by_key(settings.clicks_table, keys, consistent=consistent)
    return {by_key[item["code"]["S"], item["entry"]["S"]]: _from_item(item) for item in items}


def put(place: Place, seen: Stored, counter: OpenCounter, owner: str | None) -> bool:
    """Put a counter in the place of the one that was ``seen``; ``owner`` is that of a link.

    False: it is another one by now, and nothing was written. A repeated call returns False.

    Raises:
        StoreUnavailable: it may or may not have been put.
    """
    item: Item = {
        "code": {"S": slots.partition_key(place.subject, place.slot)},
        "entry": {"S": _PREFIX + place.day},
        "counter": {"B": counter.to_bytes()},
        "edition": {"N": str(seen.edition + 1)},
        "openDay": {"S": open_days.counter_key(place.day, place.subject)},
        **({"owner": {"S": owner}} if owner else {}),
    }
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(entry)"}
    if seen.edition:
        condition = {
            "ConditionExpression": "edition = :seen",
            "ExpressionAttributeValues": {":seen": {"N": str(seen.edition)}},
        }
    try:
        with translating_errors("ConditionalCheckFailedException"):
            clients.writes_of_thread().put_item(TableName=settings.clicks_table, Item=item, **condition)
    except Refused:
        return False
    return True


def remove(places: Iterable[Place]) -> None:
    """Remove the counters at ``places``; those that are gone do not matter.

    Raises:
        StoreUnavailable: some may be left.
    """
    for place in places:
        key: Any = {
            "code": {"S": slots.partition_key(place.subject, place.slot)},
            "entry": {"S": _PREFIX + place.day},
        }
        with translating_errors():
            clients.writes.delete_item(TableName=settings.clicks_table, Key=key)


def _from_item(item: Mapping[str, Any]) -> Stored:
    owner = item["owner"]["S"] if "owner" in item else None
    return Stored(OpenCounter.from_bytes(bytes(item["counter"]["B"])), int(item["edition"]["N"]), owner)
