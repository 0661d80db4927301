"""Compatibility with data of earlier versions: stored items, queued messages and files.

``stored/<commit>.json`` has everything that the service of that commit left behind after the same series of calls: the
items of its tables, the messages in its queues, its files, and its responses.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import boto3
import pytest
from chalice.local import LambdaContext
from chalice.test import Client
from chalice.test import TestHTTPClient as Http
from jsonschema import Draft202012Validator

import app as service
from chalicelib.aws.sqs import file_queue
from chalicelib.core.transfers.file_message import StoredFile, Work
from chalicelib.settings import settings
from tests.api.test_clicks import queued, visit
from tests.callers import Keyed, make_key
from tests.paths import ROOT
from tests.series import binary, put_back

RULES = [
    {
        "if": {
            "device": ["ios"],
            "country": ["PT"],
            "language": ["pt-br"],
            "query": {"ref": ["x"], "any": True},
            "from": "2026-11-01T00:00:00Z",
            "to": "2029-01-01T00:00:00Z",
        },
        "weight": 50,
        "url": "https://example.com/ios",
    }
]
FOUND = {
    "url": "https://example.com/found",
    "title": "Found",
    "tags": ["b", "a"],
    "startsAt": "2026-11-01T00:00:00Z",
    "expiresAt": "2030-01-01T00:00:00Z",
    "rules": RULES,
    "fallbackUrl": "https://example.com/over",
    "forwardQuery": True,
    "confirm": True,
}
CLAIMED: dict[str, dict[str, Any]] = {
    "url#72ac53e92395a531a2b515be41d4f699db1f7c5210ce7e4766564e25311e231e": {"url": "https://example.com/found-plain"},
    "url#d9fda25a0172d44868249e6f0e65e420d04167344bed44a81dfa3db706b6c70c": FOUND,
}
"""The claims of findExisting, and the requests that make them; equal in both versions."""

_TEXT = {"type": ["string", "null"]}
_FILE = {
    "type": "object",
    "required": ["key"],
    "properties": {"key": {"type": "string"}, "versionId": {"type": "string"}, "size": {"type": "integer"}},
}
READ_BEFORE: dict[str, dict[str, Any]] = {
    "click": {
        "type": "object",
        "required": ["v", "id", "code", "at"],
        "properties": {
            "v": {"const": 1},
            "id": {"type": "string", "pattern": "^[A-Za-z0-9_=-]{1,128}$"},
            "code": {"type": "string", "pattern": r"^([A-Za-z0-9_-]{1,64}|\?unknown)$"},
            "at": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
            "prefetch": {"type": "boolean"},
            **dict.fromkeys(("owner", "variant", "agent", "referrer", "country", "device", "language"), _TEXT),
            **dict.fromkeys(("visitor", "method"), _TEXT),
        },
    },
    "import": {
        "type": "object",
        "required": ["Records"],
        "not": {"required": ["export"]},  # it would be read as one
        "properties": {
            "Records": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "required": ["s3"],
                    "properties": {"s3": {"required": ["object"], "properties": {"object": _FILE}}},
                },
            }
        },
    },
    "export": {"type": "object", "required": ["export"], "properties": {"export": {"pattern": "^[0-9a-f]{32}$"}}},
}
"""What the readers of the versions before accept in a message; they ignore members that they do not know."""

Stored = dict[str, Any]


@pytest.fixture(params=["f289867", "bd523a8"])
def stored(request: pytest.FixtureRequest, http: Http, monkeypatch: pytest.MonkeyPatch) -> Stored:  # noqa: ARG001  # the tables must exist first
    """The data of a commit, restored into the tables and the bucket, with the clock set to its time."""
    text = (ROOT / "tests" / "stored" / f"{request.param}.json").read_text("utf-8")
    left: Stored = json.loads(text, object_hook=binary)
    file = left["importFile"]
    for key, content in left["objects"].items():
        put = boto3.client("s3").put_object(Bucket=settings.files_bucket, Key=key, Body=content.encode())
        if key == file["key"]:  # S3 assigns a new version
            left = json.loads(text.replace(file["version"], put["VersionId"]), object_hook=binary)
    put_back(left, monkeypatch)
    return left


@pytest.fixture
def owner(stored: Stored, http: Http) -> Keyed:
    """The API, called with the stored key of the owner."""
    return Keyed(http, stored["key"])


def _deliver(function: str, queue: str, body: str) -> Any:
    with Client(service.app) as client:
        event = client.events.generate_sqs_event([body], queue_name=queue)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "1"
    return service.app.handler_map[function](event, LambdaContext(function, 512, max_runtime_ms=60_000))


def _access_ids() -> list[str]:
    return [item["id"]["S"] for item in boto3.client("dynamodb").scan(TableName=settings.access_table)["Items"]]


def test_links_are_shown_unchanged(stored: Stored, owner: Keyed) -> None:
    """Every field of every link has its old value; there may be new fields."""
    assert len(stored["shown"]) >= 10
    for code, shown in stored["shown"].items():
        assert owner.get(f"/links/{code}").json_body.items() >= shown.items()


def test_deleted_link_stays_deleted(stored: Stored, owner: Keyed) -> None:  # noqa: ARG001  # restores the tables
    """Its code stays in use, its externalId is free; the externalId of an existing link is not."""
    assert owner.get("/links/gone").status_code == 404
    assert owner("POST", "/links", {"url": "https://example.com/", "alias": "gone"}).status_code == 409
    assert owner("POST", "/links", {"url": "https://example.com/", "externalId": "order-7"}).status_code == 409
    assert owner("POST", "/links", {"url": "https://example.com/", "externalId": "gone-1"}).status_code == 201


def test_manage_key_still_works(stored: Stored, http: Http) -> None:
    """For a link that was created without an API key."""
    body = json.dumps({"title": "mine"}).encode()
    headers = {"Authorization": f"Bearer {stored['manageKey']}"}

    assert http.request("PATCH", "/links/stranger", headers=headers, body=body).json_body["title"] == "mine"


def test_history_is_shown_unchanged(stored: Stored, owner: Keyed) -> None:
    """From the last change to the creation."""
    assert owner.get("/links/off/history").json_body == stored["history"]


def test_repeated_request_gets_the_stored_response(stored: Stored, owner: Keyed) -> None:
    """By its Idempotency-Key, with the response of the earlier version."""
    response = owner("POST", "/links", {"url": "https://example.com/once"}, Idempotency_Key="once-1")

    assert (response.status_code, response.json_body) == (201, stored["once"])


def test_existing_link_is_found(stored: Stored, owner: Keyed) -> None:
    """By findExisting."""
    for body in CLAIMED.values():
        response = owner("POST", "/links", {**body, "findExisting": True})
        assert (response.status_code, response.json_body["code"] in stored["shown"]) == (200, True)


@pytest.mark.parametrize(("claim", "body"), CLAIMED.items(), ids=["plain", "with options"])
def test_claims_have_the_same_ids(ann: Keyed, claim: str, body: dict[str, Any]) -> None:
    """While two versions run side by side, equal requests to both create one link."""
    ann.make(**body, findExisting=True)

    assert [each for each in _access_ids() if each.startswith("url#")] == [claim]


def test_queued_click_is_counted(stored: Stored, owner: Keyed) -> None:
    """In addition to those that were counted already."""
    before = stored["shown"]["plain"]["visits"]["total"]
    for body in stored["clickMessages"]:
        assert _deliver("count_clicks", "clicks", body) == {"batchItemFailures": []}

    assert owner.get("/links/plain").json_body["visits"]["total"] == before + len(stored["clickMessages"])


@pytest.mark.parametrize(("kind", "messages"), [("click", "clickMessages"), ("import", "importMessages")])
def test_the_rules_of_the_reader_before_are_those_of_its_messages(stored: Stored, kind: str, messages: str) -> None:
    """They accept what it wrote itself, and nothing of another kind."""
    reader = Draft202012Validator(READ_BEFORE[kind])

    assert stored[messages]
    assert all(reader.is_valid(json.loads(body)) for body in stored[messages])
    assert not any(reader.is_valid(json.loads(body)) for body in stored["exportMessages"])


def test_the_version_before_reads_our_clicks(ann: Keyed) -> None:
    """During a deployment, and after going back: clicks of people, programs, prefetches and unknown codes."""
    ann.make(alias="plain", rules=RULES)
    visits = [
        {},
        {"Referer": "https://news.example/", "Accept_Language": "pt-BR", "CloudFront_Viewer_Country": "PT"},
        {"User_Agent": "\U0001f600" * 600},
        {"Sec_Purpose": "prefetch"},
        {"Sec_GPC": "1", "User_Agent": ""},
    ]
    for number, headers in enumerate(visits):
        visit("/plain", request_id=f"visit-{number}", **headers)
    visit("/unheard-of", request_id="visit-unknown")

    clicks = queued()
    assert len(clicks) == len(visits) + 1
    for click in clicks:
        Draft202012Validator(READ_BEFORE["click"]).validate(click)


def test_the_version_before_reads_our_file_messages(ann: Keyed) -> None:
    """An import that is resumed, whatever its file is called, and an export."""
    ann("POST", "/exports", {})
    file_queue.send(StoredFile("imports/ann/links of März & Co.csv", "v1", 709).as_message())
    received = boto3.client("sqs").receive_message(QueueUrl=settings.files_queue_url, MaxNumberOfMessages=10)
    messages = [json.loads(each["Body"]) for each in received["Messages"]]

    for kind in ("export", "import"):
        (message,) = [each for each in messages if ("export" in each) == (kind == "export")]
        Draft202012Validator(READ_BEFORE[kind]).validate(message)


def test_visits_are_listed_unchanged(stored: Stored, owner: Keyed) -> None:
    """With all their fields."""
    (visit,) = stored["visits"]["data"]

    assert owner.get("/links/plain/visits?limit=1").json_body["data"] == [visit]


def test_unsigned_cursor_of_visits_is_refused(stored: Stored, owner: Keyed) -> None:
    """Earlier versions did not sign these cursors; the message says how to begin again."""
    response = owner.get(f"/links/plain/visits?cursor={stored['visits']['next']}")

    assert (response.status_code, response.json_body["errors"][0]["field"]) == (422, "cursor")
    assert "begin at the start" in response.json_body["errors"][0]["message"]


def test_cursor_of_links_is_accepted(stored: Stored, owner: Keyed) -> None:
    """A cursor of the earlier version continues its list."""
    first, cursor = stored["linksPage"]["links"], stored["linksPage"]["next"]
    rest = [link["code"] for link in owner.get(f"/links?limit=100&cursor={cursor}").json_body["data"]]

    assert rest
    assert not set(first) & set(rest)
    assert {*first, *rest} >= {"plain", "all", "moved", "off"}


def test_import_is_resumed(stored: Stored, owner: Keyed) -> None:
    """From its last checkpoint; rows without a code get the same codes as from the earlier version."""
    for body in stored["importMessages"]:
        _deliver("work_on_files", "files", body)
    job = owner.get(f"/imports/{stored['import']['id']}").json_body
    report = boto3.client("s3").get_object(Bucket=settings.files_bucket, Key=f"reports/{job['id']}.csv")
    results = [_results(text) for text in (report["Body"].read().decode(), stored["importReport"])]

    assert (job["state"], job["read"]) == ("done", 7)
    assert results[0] == results[1]


def _results(report: str) -> list[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(report, newline=""))
    return [(row["outcome"], row["shortUrl"]) for row in rows if row["outcome"] != "summary"]


def test_export_is_shown_unchanged(stored: Stored, owner: Keyed) -> None:
    """And its message is still recognised."""
    shown = owner.get(f"/exports/{stored['export']['id']}").json_body

    assert shown.items() >= stored["export"].items()
    assert [Work.from_message(body).exports for body in stored["exportMessages"]] == [(shown["id"],)]


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_exported_file_can_be_imported(stored: Stored, owner: Keyed, kind: str) -> None:
    """Imported by another owner, each link has its old values, except for the owner, visits and times of guesses."""
    dynamodb = boto3.client("dynamodb")
    exported = [code for code in stored["shown"] if code != "stranger"]
    for code in exported:
        dynamodb.delete_item(TableName=settings.links_table, Key={"code": {"S": code}})
    bob = Keyed(owner._http, make_key("bob", "create", "read", "manage", "admin"))  # noqa: SLF001  # another owner, with the same client
    job = bob("POST", "/imports", {}).json_body
    key, content = job["upload"]["fields"]["key"], stored[kind].encode()
    put = boto3.client("s3").put_object(Bucket=settings.files_bucket, Key=key, Body=content)
    uploaded = {"key": key, "versionId": put["VersionId"], "size": len(content)}
    _deliver("work_on_files", "files", json.dumps({"Records": [{"s3": {"object": uploaded}}]}))

    assert bob.get(f"/imports/{job['id']}").json_body["created"] == len(exported)
    for code in exported:
        shown, before = bob.get(f"/links/{code}").json_body, stored["shown"][code]
        kept = before.keys() - {"owner", "visits", "importedVisits", "guessedAt"}
        assert {name: shown[name] for name in kept} == {name: before[name] for name in kept}
        assert shown["importedVisits"] == before["visits"]["total"]
