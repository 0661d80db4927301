"""A series of calls that leaves one of everything behind: what it leaves is compared between versions.

It is run by this version, and was run by the one before, whose result is in ``stored/``. It uses what both have.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import boto3
import pytest
from chalice.test import TestHTTPClient as Http

from chalicelib import workers
from chalicelib.core.access import roles
from chalicelib.settings import settings
from dev.stream_event import event
from tests import rows
from tests.api.test_clicks import visit
from tests.callers import Keyed, make_key

EVERYTHING = {
    "url": "https://example.com/all",
    "alias": "all",
    "title": "All",
    "note": "Noted",
    "tags": ["a", "b"],
    "expiresAt": "2099-01-01T00:00:00Z",
    "startsAt": "2026-01-01T00:00:00Z",
    "maxVisits": 100,
    "confirm": True,
    "password": "open sesame",
    "rules": [{"if": {"device": ["ios"]}, "weight": 50, "url": "https://example.com/ios"}],
    "forwardQuery": True,
    "forwardPath": True,
    "fallbackUrl": "https://example.com/over",
    "externalId": "all:1",
}


def run(http: Http) -> dict[str, Any]:
    """Make the calls, and return the keys and the responses of some of them."""
    ann_key, bob_key = make_key("ann", *roles.ROLES["admin"]), make_key("bob", *roles.ROLES["admin"])
    ann, bob, nobody = Keyed(http, ann_key), Keyed(http, bob_key), Keyed(http, None)
    ann("PATCH", "/v1/workspaces/ann", {"name": "Ann's", "defaults": {"tags": ["default"]}})
    ann("POST", "/v1/keys", {"name": "reader", "role": "viewer", "person": "eve@example.com"})
    ann("POST", "/v1/links", EVERYTHING)
    ann.make("https://example.com/plain", alias="plain")
    ann.make("https://example.com/gone", alias="gone")
    ann.make("https://example.com/found", findExisting=True)
    ann.make("https://example.com/offered", alias="offered")
    ann.make("https://example.com/moved", alias="moved", externalId="moved:1")
    nobody.make("https://example.com/open", alias="opened")
    once = ann("POST", "/v1/links", {"url": "https://example.com/once"}, Idempotency_Key="once").json_body
    ann("PATCH", "/v1/links/plain", {"title": "Changed"})
    ann("DELETE", "/v1/links/gone")
    ann("POST", "/v1/offers", {"code": "offered", "to": "bob"})
    for number in range(3):
        visit("/plain", request_id=f"visit-{number}")
    visit("/moved", request_id="visit-3")
    workers.count_rows(event(list(enumerate(rows.rows(), start=1))), None)
    ann("POST", "/v1/offers", {"code": "moved", "to": "bob"})
    bob("POST", "/v1/offers/moved/accept")
    visit("/unheard-of", request_id="visit-4")
    ann("POST", "/v1/exports", {"format": "csv"})
    http.request(
        "POST", "/plain/report", headers={"Content-Type": "application/x-www-form-urlencoded"}, body=b"reason=spam"
    )
    return {"keys": {"ann": ann_key, "bob": bob_key}, "once": once}


def left() -> dict[str, Any]:
    """Return what is in the tables and the queues."""
    sqs = boto3.client("sqs")
    queues = {"clicks": settings.clicks_queue_url, "files": settings.files_queue_url}
    return {
        "tables": {
            table: boto3.client("dynamodb").scan(TableName=table)["Items"]
            for table in (settings.links_table, settings.access_table, settings.clicks_table)
        },
        "messages": {
            name: [
                json.loads(each["Body"])
                for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            ]
            for name, url in queues.items()
        },
    }


def put_back(stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the items that a version left behind into the tables, and set the clock to its time."""
    for table, items in stored["tables"].items():
        for item in items:
            boto3.client("dynamodb").put_item(TableName=table, Item=item)
    at = datetime.fromisoformat(stored["at"])
    monkeypatch.setattr("chalicelib.clock.now", lambda: at)


def binary(value: dict[str, Any]) -> Any:
    """Return the bytes that ``value`` stands for, or itself: the hook with which what a version left is read."""
    return bytes.fromhex(value["bytes"]) if value.keys() == {"bytes"} else value
