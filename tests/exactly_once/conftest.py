"""Fixtures for counting on a real store: MiniStack, reached through a network that loses messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import boto3
import pytest

from chalicelib.aws import clients, link_cache
from chalicelib.aws.clients import boto3_client
from chalicelib.settings import settings
from dev.local import local_aws, tables
from dev.local.ports import own_port
from tests.exactly_once.storage import Storage
from tests.faulty_proxy import Faults, between

Network = Callable[..., AbstractContextManager[Faults]]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a MiniStack for all tests of this folder."""
    port = own_port()
    state_dir = tmp_path_factory.mktemp("store")
    local_aws.start_detached(port, state_dir)
    yield port
    local_aws.stop_detached(state_dir)


@pytest.fixture
def network(store: int, monkeypatch: pytest.MonkeyPatch) -> Network:
    """A context manager that reaches the tables, emptied unless ``fresh=False``, through a faulty network."""
    monkeypatch.setattr(time, "sleep", lambda _: None)  # pauses between attempts only cost time here

    @contextmanager
    def through(faults: Faults, *, fresh: bool = True) -> Iterator[Faults]:
        if fresh:
            tables.create(boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{store}"))
            link_cache.reset()
        with between(store, faults) as address, pytest.MonkeyPatch.context() as patch:
            for name, attempts in (("reads", 2), ("writes", 3), ("best_effort", 1)):
                limits = {"seconds_to_connect": 5, "seconds_to_read": 5, "attempts": attempts}
                patch.setattr(clients, name, boto3_client.make_client("dynamodb", endpoint_url=address, **limits))
            yield faults

    return through


@pytest.fixture
def storage(store: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """An empty bucket."""
    made = Storage(store, monkeypatch)
    yield made
    for page in made.s3.get_paginator("list_object_versions").paginate(Bucket=settings.files_bucket):
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            made.s3.delete_object(Bucket=settings.files_bucket, Key=each["Key"], VersionId=each["VersionId"])
    made.s3.delete_bucket(Bucket=settings.files_bucket)
