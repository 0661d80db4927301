"""The local AWS keeps acknowledged writes even if it is killed, and reports a file that it cannot read."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from dev.local import kept_aws, local_aws, tables
from dev.local.ports import own_port

_PROMISED = 2.0  # seconds after which what was acknowledged is kept
_LINKS, _KEYS = "url-shortener", "url-shortener-access"


class Store:
    """A local AWS of one test's own."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir, self.port = state_dir, own_port()

    def start(self) -> None:
        """Start it."""
        local_aws.start_detached(self.port, self.state_dir)

    def kill(self) -> None:
        """Kill it, as ``kill -9`` does, and wait until it is gone."""
        process = local_aws.detached(self.state_dir)
        assert process is not None
        os.kill(process, signal.SIGKILL)
        while local_aws.detached(self.state_dir) is not None:
            time.sleep(0.01)

    def client(self, service: str) -> Any:
        """Return a client of it."""
        address = f"http://127.0.0.1:{self.port}"
        return boto3.client(service, "us-east-1", endpoint_url=address)

    def links(self) -> dict[str, str]:
        """Return all links: code and URL."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=_LINKS)
        return {item["code"]["S"]: item["originalUrl"]["S"] for page in pages for item in page["Items"]}


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Store]:
    """One that was never started."""
    yield Store(tmp_path)
    local_aws.stop_detached(tmp_path)


@pytest.fixture
def store(stopped: Store) -> Store:
    """One that runs, without tables."""
    stopped.start()
    return stopped


def put_for(dynamodb: Any, seconds: float) -> dict[str, float]:
    """Make links, one after the other, for so long; return of each code when it was acknowledged."""
    acknowledged: dict[str, float] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        code = f"c{len(acknowledged)}"
        dynamodb.put_item(TableName=_LINKS, Item={"code": {"S": code}, "originalUrl": {"S": f"https://e.org/{code}"}})
        acknowledged[code] = time.monotonic()
    return acknowledged


def test_a_kill_loses_nothing_older_than_two_seconds(store: Store) -> None:
    """In the middle of writes: what was put, changed or removed; a table that was made anew has nothing of the old one.

    Messages that were not received are there as well, those in flight can be received at once, those that
    were done with are not there; so are files.
    """
    dynamodb, sqs, s3 = store.client("dynamodb"), store.client("sqs"), store.client("s3")
    tables.create(dynamodb)
    first: dict[str, Any] = {name: {"S": name} for name in ("code", "originalUrl")}
    for code in ("stays", "changes", "goes"):
        dynamodb.put_item(TableName=_LINKS, Item=first | {"code": {"S": code}})
    dynamodb.put_item(TableName=_KEYS, Item={"id": {"S": "old"}})
    local_aws.stop_detached(store.state_dir)
    store.start()
    keys = next(table for table in tables.described() if table["TableName"] == _KEYS)
    dynamodb.delete_table(TableName=_KEYS)
    dynamodb.create_table(
        **{
            name: keys[name]
            for name in ("TableName", "BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
        }
    )
    dynamodb.put_item(TableName=_KEYS, Item={"id": {"S": "new"}})
    dynamodb.delete_item(TableName=_LINKS, Key={"code": {"S": "goes"}})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": _LINKS, "Item": first}}])
    dynamodb.update_item(
        TableName=_LINKS,
        Key={"code": {"S": "changes"}},
        UpdateExpression="SET originalUrl = :url",
        ExpressionAttributeValues={":url": {"S": "changed"}},
    )
    queue = sqs.create_queue(QueueName="clicks", Attributes={"VisibilityTimeout": "1800"})["QueueUrl"]
    for body in ("done", "received", "waiting"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    done = sqs.receive_message(QueueUrl=queue)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=done["ReceiptHandle"])
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "received"
    s3.create_bucket(Bucket="files")
    s3.put_object(Bucket="files", Key="exports/links.csv", Body=b"url\n")
    acknowledged = put_for(dynamodb, _PROMISED + 1)
    killed = time.monotonic()

    store.kill()
    store.start()

    links = store.links()
    promised = {code for code, at in acknowledged.items() if at < killed - _PROMISED}
    assert len(promised) > 1
    assert {code: links.get(code) for code in promised} == {code: f"https://e.org/{code}" for code in promised}
    others = {code: url for code, url in links.items() if code not in acknowledged}
    assert others == {"stays": "originalUrl", "changes": "changed", "code": "originalUrl"}
    assert dynamodb.describe_table(TableName=_LINKS)["Table"]["ItemCount"] == len(links)
    assert dynamodb.scan(TableName=_KEYS)["Items"] == [{"id": {"S": "new"}}]
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in received] == ["received", "waiting"]
    assert s3.get_object(Bucket="files", Key="exports/links.csv")["Body"].read() == b"url\n"


@pytest.mark.parametrize("name", ["journal.sqlite", "dynamodb.json"])
def test_a_damaged_file_is_neither_ignored_nor_overwritten(stopped: Store, name: str) -> None:
    """The start fails with one sentence of advice, and works once that is done."""
    file = stopped.state_dir / "aws" / name
    file.parent.mkdir()
    file.write_bytes(b'{"__ministack_format__": 2, "payload": {"tab' * 50)

    with pytest.raises(local_aws.LocalAwsFailed, match=f"{name} cannot be read.* move it away: mv {file} {file}.dam"):
        stopped.start()

    assert file.read_bytes().startswith(b'{"__min')
    file.rename(f"{file}.damaged")
    stopped.start()
    assert stopped.client("dynamodb").list_tables()["TableNames"] == []


def failing(times: int, words: str) -> Callable[[], int]:
    """Return a function that fails so many times, then returns how often it was called."""
    calls: list[int] = []

    def read() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise RuntimeError(words)
        return len(calls)

    return read


@pytest.mark.parametrize(
    "words", ["dictionary changed size during iteration", "dictionary keys changed during iteration", "deque mutated"]
)
def test_what_changes_meanwhile_is_read_again(words: str) -> None:
    """However often it changes within reason."""
    assert kept_aws.steady(failing(20, words)) == 21


@pytest.mark.parametrize(
    ("times", "words"), [(1, "something else"), (10_000, "dictionary changed size during iteration")]
)
def test_other_failures_are_not_hidden(times: int, words: str) -> None:
    """Nor is one that never ends."""
    with pytest.raises(RuntimeError, match=words):
        kept_aws.steady(failing(times, words))
