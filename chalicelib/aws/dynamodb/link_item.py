"""Converts links to and from items of the links table, with a stored name and a codec for each attribute.

The target is stored in ``originalUrl``, the key of an index. DynamoDB refuses index keys of more than 2,048 bytes: for
a longer URL ``originalUrl`` is a digest, and ``longUrl`` is the URL. A version of this service that does not know
``longUrl`` finds no web address in ``originalUrl``, and reports the link as unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.core import times
from chalicelib.core.links.link import Link

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_LONGEST_KEY = 2048  # bytes in UTF-8, of a partition key
_DIGEST = "sha256:"

Stored = Any
"""A value in DynamoDB's dialect: ``{"S": "text"}``."""


class _Codec(NamedTuple):
    write: Callable[[Any], Stored | None]
    """Returns the stored value, or None to store nothing."""
    read: Callable[[Stored], Any]
    """Returns the value; the default if the stored type is another one, as it may be in older tables."""


def _read_time(stored: Stored) -> datetime | None:
    """Return a time, stored as text, or as seconds where DynamoDB's TTL needs that. None if it is neither."""
    try:
        if "N" in stored:
            return datetime.fromtimestamp(int(float(stored["N"])), UTC)
        return times.parse_time(stored["S"]) if "S" in stored else None
    except (ValueError, OverflowError, OSError):
        return None


def _read_number(stored: Stored) -> int | None:
    text = stored.get("N")
    return int(text) if text is not None and text.isdecimal() else None


def _write_rules(rules: Any) -> Stored | None:
    if not rules:
        return None
    from chalicelib.core.links.rules import to_text  # few links have any

    return {"S": to_text(rules)}


def _read_rules(stored: Stored) -> Any:
    from chalicelib.core.links.rules import from_text

    return from_text(stored.get("S") or "[]")


_TEXT = _Codec(lambda text: None if text is None else {"S": text}, lambda stored: stored.get("S"))
_TEXTS = _Codec(
    lambda texts: {"L": [{"S": text} for text in texts]} if texts else None,
    lambda stored: tuple(each["S"] for each in stored.get("L", ()) if "S" in each),
)
_TIME = _Codec(lambda moment: None if moment is None else {"S": times.to_text(moment)}, _read_time)
_LIMIT = _Codec(lambda number: {"N": str(number)} if number else None, _read_number)
_COUNT = _Codec(_LIMIT.write, lambda stored: _read_number(stored) or 0)
_ON = _Codec(lambda is_on: {"BOOL": True} if is_on else None, lambda stored: stored == {"BOOL": True})
_OFF = _Codec(lambda is_on: None if is_on else {"BOOL": True}, lambda stored: stored != {"BOOL": True})
_DECIDED = _Codec(lambda flag: None if flag is None else {"BOOL": flag}, lambda stored: stored.get("BOOL"))
_RULES = _Codec(_write_rules, _read_rules)

STORED: dict[str, tuple[str, _Codec]] = {
    "title": ("title", _TEXT),
    "note": ("note", _TEXT),
    "tags": ("tags", _TEXTS),
    "expires_at": ("expiresAt", _TIME),
    "enabled": ("off", _OFF),
    "permanent": ("permanent", _ON),
    "starts_at": ("startsAt", _TIME),
    "max_visits": ("maxVisits", _LIMIT),
    "confirm": ("confirm", _DECIDED),
    "rules": ("rules", _RULES),
    "forward_query": ("forwardQuery", _ON),
    "forward_path": ("forwardPath", _ON),
    "fallback_url": ("fallbackUrl", _TEXT),
    "external_id": ("externalId", _TEXT),
    "unguessable": ("unguessable", _ON),
    "created_at": ("createdAt", _TIME),
    "updated_at": ("updatedAt", _TIME),
    "visits_spent": ("spent", _COUNT),
    "password_digest": ("passwordDigest", _TEXT),
    "guessed_at": ("guessedAt", _TIME),
    "blocked": ("blocked", _TEXT),
    "blocked_host": ("blockedHost", _TEXT),
    "owner": ("owner", _TEXT),
    "moved_at": ("movedAt", _TIME),
    "created_by": ("createdBy", _TEXT),
    "manage_digest": ("manageDigest", _TEXT),
    "imported_visits": ("importedVisits", _COUNT),
    "version": ("version", _COUNT),
    "slots": ("slots", _COUNT),
}
"""By attribute of a link, except ``id`` and ``url``: its name in the item, and its codec."""
_BY_STORED_NAME = {name: (attribute, codec.read) for attribute, (name, codec) in STORED.items()}


def to_item(link: Link) -> Item:
    """Return the item of a link. Attributes with default values are omitted."""
    item: Item = {"code": {"S": link.id}, "originalUrl": {"S": key_of(link.url)}}
    if _is_long(link.url):
        item["longUrl"] = {"S": link.url}
    if link.space:
        item["space"] = {"S": link.space}  # for the index bySpace; it is in the id as well
    for attribute, (name, codec) in STORED.items():
        stored = codec.write(getattr(link, attribute))
        if stored is not None:
            item[name] = stored
    return item


def from_item(item: Item) -> Link | None:
    """Return the link in an item, or None if it has no target: older tables may hold anything.

    Only the attributes in the item are read, because most links have few options, and redirects wait for this.
    """
    url = item.get("originalUrl", {}).get("S")
    if url is not None and url.startswith(_DIGEST):
        url = item.get("longUrl", {}).get("S")
    if url is None:
        return None
    known = [(_BY_STORED_NAME[name], stored) for name, stored in item.items() if name in _BY_STORED_NAME]
    values: dict[str, Any] = {attribute: read(stored) for (attribute, read), stored in known}
    return Link(id=item["code"]["S"], url=url, **values)


def key_of(url: str) -> str:
    """Return the key of ``url`` in the index by URL."""
    return f"{_DIGEST}{sha256(url.encode()).hexdigest()}" if _is_long(url) else url


def _is_long(url: str) -> bool:
    return len(url.encode()) > _LONGEST_KEY
