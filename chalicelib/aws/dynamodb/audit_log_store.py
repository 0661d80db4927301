"""The logs of workspaces and of the installation, in the table of clicks, beside the histories of links.

``code``: ``@<workspace>`` or ``?installation``; ``entry``: ``log#<time>#<random>``. An entry and what it tells of are
written in one transaction, and it expires after a year.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from itertools import islice
from typing import Any

from chalicelib.aws.dynamodb.queries import all_items
from chalicelib.core import times
from chalicelib.core.access.audit_log import INSTALLATION, KEPT, Entry
from chalicelib.core.access.caller import Who
from chalicelib.core.visits import counters
from chalicelib.settings import settings

_PREFIX = "log#"


def entry_for(workspace: str | None, entry: Entry) -> Any:
    """Return the action of a transaction that adds ``entry`` to the log of ``workspace``; None: the installation's."""
    texts = {
        "code": _log_of(workspace),
        "entry": f"{_PREFIX}{times.to_text(entry.at)}#{secrets.token_hex(4)}",
        "action": entry.action,
        "subject": entry.subject,
        "by": entry.who.name,
        "key": entry.who.key_id,
        "person": entry.who.person,
        "details": json.dumps(dict(entry.details), ensure_ascii=False),
    }
    item: dict[str, Any] = {name: {"S": text} for name, text in texts.items() if text is not None}
    item["expiresAt"] = {"N": str(int((entry.at + KEPT).timestamp()))}
    return {"Put": {"TableName": settings.clicks_table, "Item": item}}


def page_of(workspace: str | None, limit: int, before: str | None) -> Sequence[tuple[str, Entry]]:
    """Return up to ``limit`` entries of a log, the newest first, each with its position, beginning ``before`` one.

    Raises:
        StoreUnavailable
    """
    # "$" is the character after "#": everything that begins with "log#" is before it.
    values = {":code": _log_of(workspace), ":first": _PREFIX, ":last": before or "log$"}
    query = {
        "KeyConditionExpression": "code = :code AND entry BETWEEN :first AND :last",
        "ExpressionAttributeValues": {name: {"S": text} for name, text in values.items()},
        "ScanIndexForward": False,
        "Limit": limit + 1,  # the one that the page begins before is read as well
        "ConsistentRead": True,
    }
    items = (item for item in all_items(settings.clicks_table, query) if item["entry"]["S"] != before)
    return [(item["entry"]["S"], _from_item(item)) for item in islice(items, limit)]


def _log_of(workspace: str | None) -> str:
    return INSTALLATION if workspace is None else counters.owner_subject(workspace)


def _from_item(item: Any) -> Entry:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return Entry(
        at=times.parse_time(text["entry"].removeprefix(_PREFIX).partition("#")[0]),
        action=text["action"],
        subject=text["subject"],
        who=Who(name=text["by"], key_id=text.get("key"), person=text.get("person")),
        details=json.loads(text["details"]),
    )
