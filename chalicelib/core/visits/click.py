"""A click: what is known of a visit, from the redirect to the table. Lightweight: the redirect imports it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import times
from chalicelib.core.visits import slots
from chalicelib.core.visits.visitor import RequestedAs, Visitor

SCHEMA = 1
_MAX_CLOCK_SKEW = timedelta(minutes=10)  # by which another container's clock may be ahead
MAX_TEXT = 512  # characters; bot patterns take 15 times as long on 8 KB of hostile user agent
UNKNOWN, BARE = "?unknown", "?bare"
"""What visits of unknown codes, and of a domain's address without a code, are counted under: no code can be it."""

_ID = re.compile(r"[A-Za-z0-9_=-]{1,128}")  # it becomes part of a key
_LINK_ID = re.compile(r"(?://[a-z0-9-]{1,32}/)?(?:[A-Za-z0-9_-]{1,64}|\?unknown|\?bare)")
# Android apps send a referrer as well: android-app://com.google.android.gm/ is Gmail.
_HOST = re.compile(
    r"(?:https?|android-app)://(?:[^/?#@]*@)?((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9_-]*)\.?(?:[/:?#]|$)",
    re.IGNORECASE,
)
LONGEST_HOST = 253
_LANGUAGE = re.compile(r"([a-z]{2,3})(?![a-z])")
_REQUESTED_AS: frozenset[RequestedAs] = frozenset({"navigation", "page", "other"})
_OF_ROWS: Mapping[str, tuple[str, type]] = {
    "slot": ("slot", int),
    "slots": ("slots", int),
    "expiresAt": ("expires_at", int),
    "ms": ("took_ms", float),
    "cached": ("from_cache", bool),
}
"""By name in a message: the field of a click that has a row before it is counted, and its type."""
_MOST_NUMBER = 2**53  # above it, other programs read another number; nothing of ours comes near
_TEXTS = ("owner", "variant", "agent", "referrer", "country", "device", "language", "visitor")


class ClickUnreadable(Exception):
    """A message is not a click; retrying does not help."""


class ClickFromAnotherVersion(Exception):
    """A message has a newer schema than this version reads; the version that wrote it can read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """One visit. ``at`` is aware, in UTC, to the millisecond; texts are None if unknown."""

    id: str
    link_id: str
    """The id of the link: its code, or ``//space/code``."""
    at: datetime
    owner: str | None = None
    """The owner of the link."""
    variant: str | None = None
    """The target that a rule of the link chose."""
    method: str = "GET"
    agent: str | None = None
    """The user agent, cut at 512 characters."""
    referrer: str | None = None
    """The host or app name that the visitor came from, lower case; never the whole URL."""
    country: str | None = None
    """ISO 3166-1, two capitals."""
    device: str | None = None
    """``mobile``, ``tablet`` or ``desktop``."""
    language: str | None = None
    """The visitor's preferred language without its region: ``pt``."""
    visitor: str | None = None
    """The visitor as a keyed hash, which cannot be reversed once the day's key is deleted."""
    prefetch: bool = False
    """The browser fetched the link ahead of a possible click."""
    requested_as: RequestedAs | None = None
    """How the link was requested; None in clicks from versions of this service that did not record it."""
    slot: int | None = None
    """The slot of its row, which the stream brings to be counted. None: the function that works on the queue counts it,
    a visit of an unknown code or one of the version before."""
    slots: int | None = None
    """How many slots the link had when it was drawn; None: one."""
    expires_at: int | None = None
    """When its row ends, in seconds since 1970; None together with ``slot``."""
    took_ms: float | None = None
    """How long the redirect took, in milliseconds in the function."""
    from_cache: bool | None = None
    """Whether the redirect had the link in its cache."""

    @property
    def day(self) -> str:
        """Return the date of the click, in UTC: ``2026-11-24``."""
        return self.at.date().isoformat()

    def out_of_range(self, now: datetime, retention_days: int) -> str | None:
        """Return why it cannot be counted at ``now`` (aware), if rows are kept for ``retention_days``; or None."""
        # Its row may expire within three days while the message is still being redelivered: it could count twice.
        if self.at < now - timedelta(days=retention_days - 3):
            return "too old: it may have been counted already"
        return "from the future" if self.at > now + _MAX_CLOCK_SKEW else None

    def as_message(self) -> dict[str, Any]:
        """Return the click as a message for the queue."""
        message: dict[str, Any] = {"v": SCHEMA, "id": self.id, "code": self.link_id, "at": times.to_text(self.at)}
        message |= {name: value for name in _TEXTS if (value := getattr(self, name))}
        if self.requested_as is not None:
            message["requestedAs"] = self.requested_as
        message |= {name: value for name, (field, _) in _OF_ROWS.items() if (value := getattr(self, field)) is not None}
        return message | {"method": self.method, **({"prefetch": True} if self.prefetch else {})}

    @classmethod
    def from_json(cls, text: str) -> Click:
        """Parse a message.

        Raises:
            ClickUnreadable: it is not a valid click, now or later.
            ClickFromAnotherVersion: a newer version wrote it, which is being deployed.
        """
        try:
            text.encode()  # a lone surrogate is not a character, and no store accepts it
            message: dict[str, Any] = json.loads(text)
            json.dumps(message, ensure_ascii=False).encode()
            if message["v"] != SCHEMA:
                raise ClickFromAnotherVersion(message["v"])
            texts: dict[str, Any] = {name: _text(message.get(name)) for name in _TEXTS}
            return cls(
                id=_matching(_ID, message["id"]),
                link_id=_matching(_LINK_ID, message["code"]),
                at=times.parse_time(message["at"]),
                method=_text(message.get("method")) or "GET",
                prefetch=message.get("prefetch") is True,
                requested_as=next((each for each in _REQUESTED_AS if each == message.get("requestedAs")), None),
                **_row_in(message),
                **texts,
            )
        except (ValueError, TypeError, KeyError, RecursionError) as unreadable:
            raise ClickUnreadable(f"{type(unreadable).__name__}: {ascii(str(unreadable))[:200]}") from unreadable


def click_from(
    visitor: Visitor,
    *,
    link_id: str,
    owner: str | None,
    variant: str | None,
    at: datetime,
) -> Click:
    """Return the click of ``visitor``, without the visitor's hash and its place as a row."""
    headers = visitor.headers
    private = is_private(headers)
    return Click(
        id=visitor.visit_id,
        link_id=link_id,
        owner=owner,
        variant=variant,
        at=at.replace(microsecond=at.microsecond // 1000 * 1000),
        agent=visitor.agent[:MAX_TEXT] or None,
        referrer=None if private else _host(headers.get("referer", "")),
        language=None if private else _language(visitor.languages),
        country=visitor.country,
        device=visitor.cloudfront_device,
        prefetch=visitor.is_prefetch,
        requested_as=visitor.requested_as,
    )


def is_private(headers: Mapping[str, str]) -> bool:
    """Tell whether a visitor asks not to be tracked: the click is counted without visitor, referrer and language."""
    return headers.get("dnt") == "1" or headers.get("sec-gpc") == "1"


def is_of_link(link_id: str) -> bool:
    """Tell whether visits counted under ``link_id`` are those of a link."""
    return "?" not in link_id


def is_id(text: object) -> bool:
    """Tell whether ``text`` is a valid click id."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def _host(referer: str) -> str | None:
    match = _HOST.match(referer[:MAX_TEXT])
    return match[1].lower() if match and len(match[1]) <= LONGEST_HOST else None


def _language(preferred: Sequence[str]) -> str | None:
    return next((match[1] for tag in preferred if (match := _LANGUAGE.match(tag))), None)


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(value[:80])
    return str(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value[:MAX_TEXT] if value else None


def _row_in(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a message of a click with a row; none of a message of the version before."""
    if message.get("slot") is None:
        return {}
    found: dict[str, Any] = {
        field: message[name] for name, (field, _) in _OF_ROWS.items() if message.get(name) is not None
    }
    for field, kind in _OF_ROWS.values():
        value: Any = found.get(field)
        if kind is float and type(value) is int:
            value = found[field] = float(value)
        if value is None:
            continue
        if type(value) is not kind or not 0 <= found[field] < _MOST_NUMBER:
            raise ValueError(f"{field}: {value!r}"[:100])
    if found["slot"] >= slots.MOST or not found.get("expires_at"):
        raise ValueError("slot or expiresAt")
    return found
