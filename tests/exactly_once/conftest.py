"""Fixtures for counting on a real store, reached through a network that loses messages.

The tables are in MiniStack, or in the store that STORE names (stores.py). Buckets and queues are always in MiniStack,
for DynamoDB Local has none. `make test STORE=...` runs the tests of counting, and the tables of test_aws_clients.py.
All others of this folder may be run by pytest with STORE set; imports and exports need a MiniStack beside it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import boto3
import pytest

from chalicelib.aws import clients, link_cache
from chalicelib.aws.clients import boto3_client
from chalicelib.settings import settings
from dev.local import tables
from tests.exactly_once import stores
from tests.exactly_once.storage import Storage
from tests.faulty_proxy import Faults, between

Network = Callable[..., AbstractContextManager[Faults]]


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a MiniStack for all tests of this folder."""
    with stores.running(stores.MINISTACK, tmp_path_factory.mktemp("ministack")) as port:
        yield port


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the store of tables for all tests of this folder."""
    name = os.environ.get("STORE") or stores.MINISTACK
    if name == stores.MINISTACK:
        yield request.getfixturevalue("ministack")
        return
    with stores.running(name, tmp_path_factory.mktemp("store")) as port:
        yield port


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
def storage(ministack: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """An empty bucket."""
    made = Storage(ministack, monkeypatch)
    yield made
    for page in made.s3.get_paginator("list_object_versions").paginate(Bucket=settings.files_bucket):
        for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            made.s3.delete_object(Bucket=settings.files_bucket, Key=each["Key"], VersionId=each["VersionId"])
    made.s3.delete_bucket(Bucket=settings.files_bucket)
