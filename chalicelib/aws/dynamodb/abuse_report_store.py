"""Visitors' abuse reports, in the access table. ``id``: ``report#<id of the link>#<id>``; deleted after 90 days."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.aws.dynamodb.queries import kind_query
from chalicelib.core import times
from chalicelib.core.abuse_report import AbuseReport
from chalicelib.settings import settings

KEPT = timedelta(days=90)
SHOWN = 100


def add(report: AbuseReport, now: datetime) -> None:
    """Store a report.

    Raises:
        StoreUnavailable: it may or may not have been stored.
    """
    texts = {
        "id": f"report#{report.link_id}#{uuid.uuid4().hex}",
        "kind": "report",
        "createdAt": times.to_text(now),
        "code": report.link_id,
        "reason": report.reason,
        "comment": report.comment,
    }
    item: Any = {name: {"S": text} for name, text in texts.items() if text is not None}
    item["expiresAt"] = {"N": str(int((now + KEPT).timestamp()))}
    with translating_errors():
        clients.writes.put_item(TableName=settings.access_table, Item=item)


def latest() -> list[dict[str, Any]]:
    """Return the latest hundred reports, the newest first.

    Raises:
        StoreUnavailable
    """
    with translating_errors():
        page = clients.reads.query(TableName=settings.access_table, **kind_query("report"), Limit=SHOWN)
    return [
        {
            "at": item["createdAt"]["S"],
            "link_id": item["code"]["S"],
            "reason": item["reason"]["S"],
            "comment": item.get("comment", {}).get("S"),
        }
        for item in page["Items"]
    ]
