"""What visitors report of links, in the access table. ``id``: ``report#<code>#<id>``; gone after 90 days."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.pages import of_kind
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core import times
from chalicelib.core.complaint import Complaint
from chalicelib.settings import settings

_KEPT = timedelta(days=90)
_SHOWN = 100


def add(complaint: Complaint, now: datetime) -> None:
    """Keep a complaint.

    Raises:
        StoreUnavailable: it may or may not be kept.
    """
    texts = {
        "id": f"report#{complaint.code}#{uuid.uuid4().hex}",
        "kind": "report",
        "createdAt": times.to_text(now),
        "code": complaint.code,
        "reason": complaint.reason,
        "comment": complaint.comment,
    }
    item: Any = {name: {"S": text} for name, text in texts.items() if text is not None}
    item["expiresAt"] = {"N": str(int((now + _KEPT).timestamp()))}
    with in_our_words():
        clients.writes.put_item(TableName=settings.access_table, Item=item)


def latest() -> list[dict[str, Any]]:
    """Return the latest hundred complaints as clients see them, the newest first.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        page = clients.reads.query(TableName=settings.access_table, **of_kind("report"), Limit=_SHOWN)
    return [
        {
            "at": item["createdAt"]["S"],
            "code": item["code"]["S"],
            "reason": item["reason"]["S"],
            "comment": item.get("comment", {}).get("S"),
        }
        for item in page["Items"]
    ]
