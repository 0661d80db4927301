"""DynamoDB, SQS and S3 in this process, by moto, set up in two milliseconds instead of fifteen.

Tables are made through the API once a process and kept as bytes; each test begins with a copy of them. What several
tests begin with (links, keys, visits) is kept in the same way: see ``Prepared``.
"""

from __future__ import annotations

import functools
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import boto3
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import click_store
from chalicelib.settings import settings
from chalicelib.usecases import authenticate, domain_settings, identify_visitor, track_visit, workspaces
from dev.local import tables
from tests import rows

_REGION = "eu-west-1"
_DYNAMODB = boto3.client("dynamodb")  # creating a client takes longer than creating the tables
# Otherwise each test's first client would read botocore's models again.
_KEEP_SESSION: Any = {"core": {"reset_boto3_session": False}}

T = TypeVar("T")

Steps = tuple[tuple[str, float], ...]
"""The steps and their times: a snapshot is only used with the step that it was built on."""


class _Step(NamedTuple):
    made_at: float
    tables: bytes
    result: bytes


_FRESH_SECONDS = 10  # shorter than any window of a limit or age of a cache
_prepared: dict[tuple[Steps, str], _Step] = {}


@contextmanager
def in_memory() -> Iterator[None]:
    """Handle every call to AWS in this process, with the empty tables of resources.yaml, three queues and a bucket."""
    made = _empty_tables()
    with mock_aws(config=_KEEP_SESSION):
        _put_back(made)
        for queue in ("clicks", "files", "night"):
            sqs_backends[DEFAULT_ACCOUNT_ID][_REGION].create_queue(queue)
        s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        s3.create_bucket(settings.files_bucket, _REGION)
        s3.put_bucket_versioning(settings.files_bucket, "Enabled")
        _forget_all()
        yield


class Prepared:
    """The state of the tables before a test, in steps; the first test builds a step, later ones copy it.

    A step is known by its name and by the steps before it, so that any order and any choice of fixtures is right. For
    some seconds alone, and on one day: what a test finds is never older than if it had made it, slowly, itself.
    """

    def __init__(self) -> None:
        self._steps: Steps = ((datetime.now(UTC).date().isoformat(), 0.0),)
        self._tables = b""

    def step(self, name: str, make: Callable[[], T]) -> T:
        """Bring the tables to the state that ``make`` builds, and return a copy of its result.

        It runs only where no test before has come this way. What it leaves in a queue or the bucket is not kept.
        """
        way = (self._steps, f"{make.__module__}.{name}")
        found = _prepared.get(way)
        if found is None or time.monotonic() - found.made_at > _FRESH_SECONDS:
            result = make()
            found = _prepared[way] = _Step(time.monotonic(), _taken(), pickle.dumps(result))
        self._steps += ((name, found.made_at),)
        self._tables = found.tables
        self.restore()
        made: T = pickle.loads(found.result)  # noqa: S301  # made above
        return made

    def restore(self) -> None:
        """Bring the tables to the state of the last step again."""
        _put_back(self._tables)
        _forget_all()


@functools.cache
def _empty_tables() -> bytes:
    with mock_aws(config=_KEEP_SESSION):
        tables.create(_DYNAMODB)
        return _taken()


def _taken() -> bytes:
    return pickle.dumps(dynamodb_backends[DEFAULT_ACCOUNT_ID][_REGION].tables, pickle.HIGHEST_PROTOCOL)


def _put_back(taken: bytes) -> None:
    dynamodb_backends[DEFAULT_ACCOUNT_ID][_REGION].tables = pickle.loads(taken)  # noqa: S301  # made above


def _forget_all() -> None:
    """Empty the caches of this process, which hold data of deleted tables."""
    link_cache.reset()
    track_visit.reset()
    identify_visitor.reset()
    authenticate.reset()
    workspaces.reset()
    domain_settings.reset()
    click_store.reset()
    rows.reset()
