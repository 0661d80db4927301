"""What all tests share. The environment is set before anything of AWS is imported: clients are made at import."""

from __future__ import annotations

import os

os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BASE_URL": "https://sho.rt",
        "CLICKS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
        "FILES_BUCKET": "shortener-files",
        "FILES_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/files",
        "PARTIAL_BATCH": "on",
        "STAGE": "local",
    }
)
for name in (
    *("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"),
    *("UNKNOWN_CODE", "TARGET_HOSTS", "CODE_STYLE"),
):
    os.environ.pop(name, None)

from moto import mock_aws  # noqa: I001  # moto must be imported before the clients are made, or they reach for AWS

from collections.abc import Generator, Iterator

import boto3
import pytest
from chalice.test import Client, TestHTTPClient as Http

import app as doors
from chalicelib import authorize, track
from chalicelib.aws import link_cache
from chalicelib.settings import settings
from tests import tables
from tests.callers import Keyed, make_key


_WHERE_IT_RUNS = ("E2E_URL", "local AWS")  # words of reasons that lie in the address under test, not in what is missing


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let nothing go untested unseen where REQUIRE_ALL is set, but for what only a deployed address can show."""
    report = yield
    skipped = call.excinfo.value if call.excinfo is not None else None
    if os.environ.get("REQUIRE_ALL") and isinstance(skipped, pytest.skip.Exception):
        reason = str(skipped.msg)
        if reason.startswith("NOT TESTED") and not any(place in reason for place in _WHERE_IT_RUNS):
            report.outcome, report.longrepr = "failed", reason
    return report


# Made once: a client takes longer to make than its tables.
_DYNAMODB, _SQS, _S3 = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("s3")


@pytest.fixture
def aws() -> Iterator[None]:
    """DynamoDB, SQS and S3 in this process: the tables of resources.yaml, the queues and the bucket, all empty."""
    with mock_aws():
        tables.create(_DYNAMODB)
        for queue in ("clicks", "files"):
            _SQS.create_queue(QueueName=queue)
        _S3.create_bucket(Bucket=settings.files_bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        _S3.put_bucket_versioning(Bucket=settings.files_bucket, VersioningConfiguration={"Status": "Enabled"})
        link_cache.forget_all()
        track.forget_all()
        authorize.forget_all()
        yield


@pytest.fixture
def http(aws: None) -> Iterator[Http]:  # noqa: ARG001  # the tables must be there first
    """The doors, over tables of their own."""
    with Client(doors.app) as client:
        yield client.http


@pytest.fixture
def ann(http: Http) -> Keyed:
    """The doors, called by an owner who may do everything with what is hers."""
    return Keyed(http, make_key("ann"))
