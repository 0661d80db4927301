"""A link as it is exported: all of it, so that importing it makes it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core import csv_rows, stats, times
from chalicelib.core.link import Link
from chalicelib.core.stats import Day

MEDIA_TYPES = {"csv": f"{csv_rows.MEDIA_TYPE}; charset=utf-8", "ndjson": "application/x-ndjson"}
COLUMNS = (
    *("code", "shortUrl", "url", "title", "note", "tags", "createdAt", "updatedAt", "startsAt", "expiresAt"),
    *("enabled", "permanent", "unguessable", "forwardQuery", "forwardPath", "confirm", "maxVisits", "visitsSpent"),
    *("passwordDigest", "fallbackUrl", "rules", "externalId", "blocked", "blockedHost", "owner", "visits"),
)
DAYS = "days"


def document(link: Link, base_url: str, visits: int) -> dict[str, Any]:
    """Return a link with everything that is to be kept of it, in the order of ``COLUMNS``.

    ``visits`` were counted here; those of before it was imported are added, for where it goes next they are both past.
    """
    described = {
        **link.described(),
        "code": link.code,
        "shortUrl": link.short_url(base_url),
        "createdAt": times.text_of(link.created_at),
        "updatedAt": times.text_of(link.updated_at),
        "unguessable": link.unguessable,
        "visitsSpent": link.visits_spent,
        "passwordDigest": link.password_digest,
        "blocked": link.blocked,
        "blockedHost": link.blocked_host,
        "owner": link.owner,
        "visits": link.imported_visits + visits,
    }
    return {name: described[name] for name in COLUMNS}


def counts_by_day(days: Iterable[Day]) -> dict[str, dict[str, int | None]]:
    """Return the counts of days by their dates."""
    return {day.date: stats.counted_on(day) for day in days}


def header(kind: str, *, with_days: bool) -> str:
    """Return what a file of a kind, ``csv`` or ``ndjson``, begins with."""
    return ",".join([*COLUMNS, *([DAYS] if with_days else [])]) + "\r\n" if kind == "csv" else ""


def line(kind: str, exported: Mapping[str, Any]) -> str:
    """Return a link as a line of such a file."""
    if kind == "ndjson":
        return json.dumps(exported, ensure_ascii=False, separators=(",", ":")) + "\n"
    return csv_rows.line([_cell(name, value) for name, value in exported.items()])


def _cell(name: str, value: Any) -> Any:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if name == "tags" and not any(set(tag) & set("[]|;,") or tag != tag.strip() for tag in value):
        return ",".join(value)
    return value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
