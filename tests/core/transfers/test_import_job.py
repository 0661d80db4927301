"""S3's messages about files, and the owner of a direct upload."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core.domains import Domains
from chalicelib.core.transfers import import_job
from chalicelib.core.transfers.file_message import StoredFile, Work
from chalicelib.core.transfers.import_job import Import

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AN_ID = "0123456789abcdef0123456789abcdef"


def event(**stored: Any) -> str:
    """Return a message as S3 sends it, as far as it is read."""
    return json.dumps(
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": stored}}]}
    )


def test_a_file_is_named_with_its_version_and_size() -> None:
    """Keys are form-encoded."""
    message = event(key="imports/ann/my+links%2B%C3%BC.csv", versionId="v1", size=7)

    assert Work.from_message(message) == Work((StoredFile("imports/ann/my links+ü.csv", "v1", 7),))


def test_a_resumed_file_has_the_same_message() -> None:
    """The reader of S3's messages reads it too."""
    file = StoredFile("imports/ann/my links+ü.csv", "v1", 7)

    assert Work.from_message(json.dumps(file.as_message())) == Work((file,))


def test_without_versioning_the_version_is_null() -> None:
    """As S3 calls it."""
    assert Work.from_message(event(key="imports/x")) == Work((StoredFile("imports/x", "null"),))


def test_a_test_message_names_no_file() -> None:
    """S3 sends one when notifications are configured."""
    assert Work.from_message('{"Service": "Amazon S3", "Event": "s3:TestEvent"}') == Work()


def test_a_message_may_name_an_export() -> None:
    """In the same queue."""
    assert Work.from_message('{"export": "x"}') == Work(exports=("x",))


@pytest.mark.parametrize(
    "message", ["", "[]", "{", '{"Records": [{}]}', '{"Records": 1}', '{"Records": [{"s3": {"object": {}}}]}']
)
def test_an_unknown_message_is_an_error(message: str) -> None:
    """It is delivered again, and moved to the dead-letter queue in the end."""
    with pytest.raises(ValueError):  # noqa: PT011  # it has no words but the message
        Work.from_message(message)


@pytest.mark.parametrize(
    ("key", "owner"),
    [("imports/ann/links.csv", "ann"), ("imports/ann@example.com/x", "ann@example.com"), ("imports/links.csv", None)],
)
def test_the_folder_of_a_file_is_its_owner(key: str, owner: str | None) -> None:
    """Each version of a direct upload is an import of its own, with a stable id."""
    file = StoredFile(key, "v1")

    first, again, other = (
        import_job.direct_upload(each, "bucket", NOW) for each in (file, file, StoredFile(key, "v2"))
    )

    assert first is not None
    assert other is not None
    assert first == again
    assert (first.owner, first.version, first.state) == (owner, "v1", "running")
    assert first.id != other.id


@pytest.mark.parametrize(
    "key", [f"imports/{AN_ID}", "reports/ann/x.csv", "imports/a/b/c.csv", "imports/", "imports/ann/", "imports/<b>/x"]
)
def test_other_files_are_not_imported(key: str) -> None:
    """Uploads need a record; a folder must be a valid owner."""
    assert import_job.direct_upload(StoredFile(key, "v1"), "bucket", NOW) is None


@pytest.mark.parametrize(
    ("key", "found"), [(f"imports/{AN_ID}", AN_ID), (f"imports/{AN_ID}0", None), ("imports/ann/x", None)]
)
def test_an_upload_is_identified_by_its_key(key: str, found: str | None) -> None:
    """32 hexadecimal digits."""
    assert import_job.import_id_of(StoredFile(key, "v1")) == found


def test_the_id_of_a_row_is_permanent() -> None:
    """Bucket, key, version and number determine it."""
    file = StoredFile("imports/x", "v1")
    ids = [
        file.row_id("b", 1),
        file.row_id("c", 1),
        file.row_id("b", 2),
        StoredFile("imports/y", "v1").row_id("b", 1),
        StoredFile("imports/x", "v2").row_id("b", 1),
    ]

    assert len(set(ids)) == len(ids)
    assert file.row_id("b", 1) == ids[0]


def test_an_import_has_a_state() -> None:
    """Waiting for its file, running, ended."""
    job = Import(id="x", owner="ann", by="laptop", created_at=NOW)

    assert job.state == "waiting"
    assert job.as_json(Domains.from_text("", "https://sho.rt"), None) == {
        "id": "x",
        "state": "waiting",
        "createdAt": "2026-11-25T12:00:00.000Z",
        "onTaken": "refuse",
        "dryRun": False,
        "domain": "sho.rt",
        "format": None,
        "total": None,
        "read": 0,
        "created": 0,
        "renamed": 0,
        "existing": 0,
        "mended": 0,
        "skipped": 0,
        "refused": 0,
        "leftOut": {"rows": 0, "columns": []},
        "refusals": [],
        "problem": None,
        "report": None,
    }
