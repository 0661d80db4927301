"""The bucket on a real store, the queue of file messages, and kills of the functions that process them."""

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

from chalicelib.aws import clients
from chalicelib.aws.clients import boto3_client
from chalicelib.aws.s3 import files
from chalicelib.aws.sqs import file_queue
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.transfers.file_message import StoredFile
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import import_links
from chalicelib.usecases.import_links import import_file

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
POLICY = TargetPolicy(frozenset({"sho.rt"}))
ID = "0123456789abcdef0123456789abcdef"


class Killed(BaseException):
    """Stands for the end of the process; no code may catch it."""


def random_from(seed: float) -> random.Random:
    """Return a reproducible random generator."""
    return random.Random(seed)  # noqa: S311  # the same order for the same seed


class Storage:
    """The bucket on the store, and the queue of messages that are waiting."""

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
        monkeypatch.setattr(files, "files", boto3_client.make_client("s3", endpoint_url=address, **limits))
        monkeypatch.setattr(file_queue, "send", self._send)
        monkeypatch.setattr(import_links, "ROWS_AT_ONCE", 7)

    def put(self, content: bytes, key: str = f"imports/{ID}") -> StoredFile:
        """Upload a file to import; its message is not delivered yet."""
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
        """Deliver waiting messages in random order, several at once, with random timeouts; failed ones again."""
        for _ in range(200):
            if not self.waiting:
                return
            with self._lock:
                chance.shuffle(self.waiting)
                batch, self.waiting = self.waiting[:workers], self.waiting[workers:]
            seeds = [chance.random() for _ in batch]
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(self._deliver_one, batch, seeds))
        raise AssertionError(f"{len(self.waiting)} messages were never processed.")

    def _deliver_one(self, file: StoredFile, seed: float) -> None:
        own = random_from(seed)
        try:
            import_file(file, POLICY, NOW, lambda: own.random() > 0.1)
        except StoreUnavailable:
            with self._lock:
                self.waiting.append(file)


@contextmanager
def killed_after(writes: int) -> Iterator[None]:
    """Raise ``Killed`` right after so many writes, to the table or the bucket, have been applied."""
    made: list[str] = []

    def count(model: Any, **_: Any) -> None:
        if model.name in {"TransactWriteItems", "PutItem", "UpdateItem", "PutObject"}:
            made.append(model.name)
            if len(made) == writes:
                raise Killed

    watched = [(clients.writes, "after-call.dynamodb.*"), (files.files, "after-call.s3.*")]
    for client, event in watched:
        client.meta.events.register(event, count, "kill")
    try:
        yield
    finally:
        for client, event in watched:
            client.meta.events.unregister(event, count, "kill")
