"""The bucket on a real store, the messages of its files, and who is killed while they work on them."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from chalicelib import import_links
from chalicelib.aws import bucket, by_boto3, clients, work_queue
from chalicelib.core.target_url import TargetPolicy
from chalicelib.core.work import StoredFile
from chalicelib.errors import StoreUnavailable
from chalicelib.import_links import import_file
from chalicelib.settings import settings

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
POLICY = TargetPolicy(frozenset({"sho.rt"}))
ID = "0123456789abcdef0123456789abcdef"


class Killed(BaseException):
    """The process is gone; nothing in it may catch this."""


def drawn_from(seed: float) -> random.Random:
    """Return chance that can be had again."""
    return random.Random(seed)  # noqa: S311  # the same order for the same seed


class Storage:
    """The bucket on the store, the queue of messages in hand, and what became of it all."""

    def __init__(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        address = f"http://127.0.0.1:{port}"
        self.s3 = boto3.client("s3", endpoint_url=address)
        self.s3.create_bucket(
            Bucket=settings.files_bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        self.s3.put_bucket_versioning(Bucket=settings.files_bucket, VersioningConfiguration={"Status": "Enabled"})
        self.waiting: list[StoredFile] = []
        self._lock = threading.Lock()
        limits = {"seconds_to_connect": 5, "seconds_to_read": 5, "attempts": 3}
        monkeypatch.setattr(bucket, "files", by_boto3.made("s3", endpoint_url=address, **limits))
        monkeypatch.setattr(work_queue, "send", self._send)
        monkeypatch.setattr(import_links, "ROWS_AT_ONCE", 7)

    def put(self, content: bytes, key: str = f"imports/{ID}") -> StoredFile:
        """Put a file where it is imported from; its message is not delivered yet."""
        answer = self.s3.put_object(Bucket=settings.files_bucket, Key=key, Body=content)
        return StoredFile(key, answer["VersionId"], len(content))

    def report_of(self, import_id: str) -> bytes:
        """Return the report of an import."""
        answer = self.s3.get_object(Bucket=settings.files_bucket, Key=f"reports/{import_id}.csv")
        return bytes(answer["Body"].read())

    def _send(self, document: dict[str, Any], **_: int) -> None:
        (record,) = document["Records"]
        with self._lock:
            stored = record["s3"]["object"]
            self.waiting.append(StoredFile(stored["key"].replace("%2F", "/"), stored["versionId"], stored["size"]))

    def deliver(self, chance: random.Random, workers: int = 1) -> None:
        """Deliver what waits, in any order, several at once; what fails comes again; time is up now and then."""
        for _ in range(200):
            if not self.waiting:
                return
            with self._lock:
                chance.shuffle(self.waiting)
                batch, self.waiting = self.waiting[:workers], self.waiting[workers:]
            seeds = [chance.random() for _ in batch]
            with ThreadPoolExecutor(workers) as hands:
                list(hands.map(self._deliver_one, batch, seeds))
        raise AssertionError(f"{len(self.waiting)} messages were never taken.")

    def _deliver_one(self, file: StoredFile, seed: float) -> None:
        own = drawn_from(seed)
        try:
            import_file(file, POLICY, NOW, lambda: own.random() > 0.1)
        except StoreUnavailable:
            with self._lock:
                self.waiting.append(file)


@contextmanager
def killed_after(writes: int) -> Iterator[None]:
    """Kill whoever makes so many writes, to the table or to storage, right after the last of them was applied."""
    made: list[str] = []

    def count(model: Any, **_: Any) -> None:
        if model.name in {"TransactWriteItems", "PutItem", "UpdateItem", "PutObject"}:
            made.append(model.name)
            if len(made) == writes:
                raise Killed

    watched = [(clients.writes, "after-call.dynamodb.*"), (bucket.files, "after-call.s3.*")]
    for client, event in watched:
        client.meta.events.register(event, count, "kill")
    try:
        yield
    finally:
        for client, event in watched:
            client.meta.events.unregister(event, count, "kill")
