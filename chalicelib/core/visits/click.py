"""A click: what is known of a visit, as it travels from the redirect to the table. Light: the redirect imports it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from chalicelib.core import times
from chalicelib.core.address import network_of
from chalicelib.core.visitor import Visitor
from chalicelib.errors import ClickFromAnotherVersion, ClickUnreadable

SCHEMA = 1
MAX_TEXT = 512  # characters; bot patterns take 15 times as long on 8 KB of hostile user agent
UNKNOWN = "?unknown"
"""What visits of unknown codes are counted under; no link can have this code."""

_ID = re.compile(r"[A-Za-z0-9_=-]{1,128}")  # it becomes part of a key
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}|\?unknown")
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?((?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*)(?:[/:?#]|$)", re.IGNORECASE)
_LONGEST_HOST = 253
_LANGUAGE = re.compile(r"\s*([A-Za-z]{2,3})\b")
_TEXTS = ("owner", "variant", "agent", "referrer", "country", "device", "language", "visitor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """One visit. ``at`` is aware, in UTC, to the millisecond; other texts are None where nothing is known."""

    id: str
    code: str
    at: datetime
    owner: str | None = None
    """Whose link it is."""
    variant: str | None = None
    """Which of several targets it led to, where the link has rules."""
    method: str = "GET"
    agent: str | None = None
    """The user agent, cut at 512 characters."""
    referrer: str | None = None
    """The host a visitor came from, lower case; never the whole address."""
    country: str | None = None
    """ISO 3166-1, two capitals."""
    device: str | None = None
    """``mobile``, ``tablet`` or ``desktop``."""
    language: str | None = None
    """The first one the visitor would like, without its region: ``pt``."""
    visitor: str | None = None
    """Who came, as a keyed hash that nobody can undo once the day's key is gone."""
    prefetch: bool = False
    """A browser fetched the link in case somebody would click it."""

    @property
    def day(self) -> str:
        """Return the date of the click, in UTC: ``2026-11-24``."""
        return self.at.date().isoformat()

    def as_message(self) -> dict[str, Any]:
        """Return the click as it travels."""
        message: dict[str, Any] = {"v": SCHEMA, "id": self.id, "code": self.code, "at": times.to_text(self.at)}
        message |= {name: value for name in _TEXTS if (value := getattr(self, name))}
        return message | {"method": self.method, **({"prefetch": True} if self.prefetch else {})}

    @classmethod
    def from_json(cls, text: str) -> Click:
        """Read a message.

        Raises:
            ClickUnreadable: it never will be a click.
            ClickFromAnotherVersion: a newer function wrote it; ours will be replaced soon.
        """
        try:
            text.encode()  # half of a surrogate pair is no character, and no store takes it
            message = json.loads(text)
            json.dumps(message, ensure_ascii=False).encode()
            if message["v"] != SCHEMA:
                raise ClickFromAnotherVersion(message["v"])
            return cls(
                id=_matching(_ID, message["id"]),
                code=_matching(_CODE, message["code"]),
                at=times.moment_in(message["at"]),
                method=_text(message.get("method")) or "GET",
                prefetch=message.get("prefetch") is True,
                **{name: _text(message.get(name)) for name in _TEXTS},
            )
        except (ValueError, TypeError, KeyError, RecursionError) as unreadable:
            raise ClickUnreadable(f"{type(unreadable).__name__}: {ascii(str(unreadable))[:200]}") from unreadable


def seen_in(visitor: Visitor, *, code: str, owner: str | None, variant: str | None, at: datetime) -> Click:
    """Return what ``visitor`` shows of themselves, but not who it is."""
    headers = visitor.headers
    private = is_private(headers)
    return Click(
        id=visitor.visit_id,
        code=code,
        owner=owner,
        variant=variant,
        at=at.replace(microsecond=at.microsecond // 1000 * 1000),
        agent=headers.get("user-agent", "")[:MAX_TEXT] or None,
        referrer=None if private else _host(headers.get("referer", "")),
        language=None if private else _language(headers.get("accept-language", "")),
        country=visitor.country,
        device=visitor.told_device,
        prefetch=visitor.is_prefetch,
    )


def is_private(headers: Mapping[str, str]) -> bool:
    """Tell whether a visitor asks not to be tracked: they are counted, without visitor, referrer and language."""
    return headers.get("dnt") == "1" or headers.get("sec-gpc") == "1"


def is_id(text: object) -> bool:
    """Tell whether ``text`` may name a click."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def visitor_of(address: str, agent: str, salt: bytes) -> str:
    """Return who came, for as long as ``salt`` (32 bytes, random, new each day) exists. An IPv6 host is its /64."""
    who = f"{network_of(address)} {agent[:MAX_TEXT]}"
    return blake2b(who.encode("utf-8", "replace"), key=salt, digest_size=12).hexdigest()


def _host(referer: str) -> str | None:
    match = _HOST.match(referer[:MAX_TEXT])
    return match[1].lower() if match and len(match[1]) <= _LONGEST_HOST else None


def _language(accepted: str) -> str | None:
    match = _LANGUAGE.match(accepted)
    return match[1].lower() if match else None


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(value[:80])
    return str(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value[:MAX_TEXT] if value else None
