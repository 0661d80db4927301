"""A link in an exported file: complete, so that importing it restores the link."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core import csv_rows, times
from chalicelib.core.domains import Domains
from chalicelib.core.links.link import Link
from chalicelib.core.links.option_table import OPTIONS
from chalicelib.core.visits import statistics
from chalicelib.core.visits.counters import Day

MEDIA_TYPES = {"csv": f"{csv_rows.MEDIA_TYPE}; charset=utf-8", "ndjson": "application/x-ndjson"}
_IN_ORDER = (
    *("code", "shortUrl", "url", "title", "note", "tags", "createdAt", "updatedAt", "startsAt", "expiresAt"),
    *("enabled", "permanent", "unguessable", "forwardQuery", "forwardPath", "confirm", "maxVisits", "visitsSpent"),
    *("passwordDigest", "fallbackUrl", "rules", "externalId", "blocked", "blockedHost", "owner", "visits"),
    "domain",
)
COLUMNS = tuple(dict.fromkeys((*_IN_ORDER, *(option.name for option in OPTIONS))))
"""Columns stay where they are; those of options that are added to ``OPTIONS`` come behind them."""
DAYS = "days"


def document(link: Link, known: Domains, visits: int) -> dict[str, Any]:
    """Return a link with everything to restore it, in the order of ``COLUMNS``.

    ``visits`` were counted here; those from before it was imported are added, as both are past for the next import.
    """
    described = {
        **{option.name: option.as_json(link) for option in OPTIONS},
        "code": link.code,
        "domain": known.of(link.id).host,
        "shortUrl": link.short_url(known),
        "createdAt": times.to_text_or_none(link.created_at),
        "updatedAt": times.to_text_or_none(link.updated_at),
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
    return {day.date: statistics.day_totals(day) for day in days}


def header(kind: str, *, with_days: bool) -> str:
    """Return the first line of a file of format ``kind``, ``csv`` or ``ndjson``."""
    return ",".join([*COLUMNS, *([DAYS] if with_days else [])]) + "\r\n" if kind == "csv" else ""


def line(kind: str, exported: Mapping[str, Any]) -> str:
    """Return a link as a line of a file of format ``kind``."""
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
