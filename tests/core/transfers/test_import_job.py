"""What storage says of files, and whose a file is that nobody asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core import transfer
from chalicelib.core.transfer import Import
from chalicelib.core.work import StoredFile, Work

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
AN_ID = "0123456789abcdef0123456789abcdef"


def event(**stored: Any) -> str:
    """Return a message as S3 sends it, as far as it is read."""
    return json.dumps(
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": stored}}]}
    )


def test_a_file_is_named_with_its_version_and_size() -> None:
    """Keys come as in a form."""
    message = event(key="imports/ann/my+links%2B%C3%BC.csv", versionId="v1", size=7)

    assert Work.from_message(message) == Work((StoredFile("imports/ann/my links+ü.csv", "v1", 7),))


def test_what_is_sent_on_is_what_came() -> None:
    """Whoever goes on with a file reads the same message."""
    file = StoredFile("imports/ann/my links+ü.csv", "v1", 7)

    assert Work.from_message(json.dumps(file.as_message())) == Work((file,))


def test_a_bucket_without_versions_has_one() -> None:
    """S3 calls it null."""
    assert Work.from_message(event(key="imports/x")) == Work((StoredFile("imports/x", "null"),))


def test_a_test_message_names_no_file() -> None:
    """S3 sends one when it is told to send messages."""
    assert Work.from_message('{"Service": "Amazon S3", "Event": "s3:TestEvent"}') == Work()


def test_an_export_is_asked_for_by_its_id() -> None:
    """In the same queue."""
    assert Work.from_message('{"export": "x"}') == Work(exports=("x",))


@pytest.mark.parametrize(
    "message", ["", "[]", "{", '{"Records": [{}]}', '{"Records": 1}', '{"Records": [{"s3": {"object": {}}}]}']
)
def test_what_storage_does_not_say_is_an_error(message: str) -> None:
    """It comes again, and is set aside after five times."""
    with pytest.raises(ValueError):  # noqa: PT011  # it has no words but the message
        Work.from_message(message)


@pytest.mark.parametrize(
    ("key", "owner"),
    [("imports/ann/links.csv", "ann"), ("imports/ann@example.com/x", "ann@example.com"), ("imports/links.csv", None)],
)
def test_the_folder_of_a_file_is_its_owner(key: str, owner: str | None) -> None:
    """Who can write there could write links anyway. Each version is an import of its own, known again by its id."""
    file = StoredFile(key, "v1")

    first, again, other = (transfer.put_by_hand(each, "bucket", NOW) for each in (file, file, StoredFile(key, "v2")))

    assert first is not None
    assert other is not None
    assert first == again
    assert (first.owner, first.version, first.state) == (owner, "v1", "running")
    assert first.id != other.id


@pytest.mark.parametrize(
    "key", [f"imports/{AN_ID}", "reports/ann/x.csv", "imports/a/b/c.csv", "imports/", "imports/ann/", "imports/<b>/x"]
)
def test_other_files_are_nobodys_import(key: str) -> None:
    """Uploads have a record or are ignored; folders are no owners with a slash or what no owner has."""
    assert transfer.put_by_hand(StoredFile(key, "v1"), "bucket", NOW) is None


@pytest.mark.parametrize(
    ("key", "found"), [(f"imports/{AN_ID}", AN_ID), (f"imports/{AN_ID}0", None), ("imports/ann/x", None)]
)
def test_an_upload_is_known_by_its_id(key: str, found: str | None) -> None:
    """32 hexadecimal digits."""
    assert transfer.import_id_of(StoredFile(key, "v1")) == found


def test_a_row_is_known_for_ever_by_bucket_key_version_and_place() -> None:
    """None of them may be another."""
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


def test_an_import_tells_how_far_it_is() -> None:
    """Waiting for its file, running, ended."""
    order = Import(id="x", owner="ann", by="laptop", created_at=NOW)

    assert order.state == "waiting"
    assert order.as_json(None) == {
        "id": "x",
        "state": "waiting",
        "createdAt": "2026-11-25T12:00:00.000Z",
        "onTaken": "refuse",
        "format": None,
        "total": None,
        "read": 0,
        "created": 0,
        "renamed": 0,
        "existing": 0,
        "skipped": 0,
        "refused": 0,
        "problem": None,
        "report": None,
    }
