"""Timeouts and retries of the AWS clients."""

from __future__ import annotations

import runpy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.aws import clients
from chalicelib.aws.sqs import file_queue
from chalicelib.settings import settings
from tests.faults import table_down


@pytest.mark.parametrize(
    ("client", "connect", "read", "attempts"),
    [
        pytest.param(clients.reads, 0.5, 0.5, 2, id="a visitor's read"),
        pytest.param(clients.writes, 1, 2, 3, id="a write fits API Gateway's 29 seconds"),
        pytest.param(clients.best_effort, 0.5, 0.5, 1, id="a best-effort call"),
        pytest.param(clients.queue, 0.5, 0.5, 1, id="a click"),
    ],
)
def test_timeouts_and_attempts_are_limited(client: Any, connect: float, read: float, attempts: int) -> None:
    """The defaults of botocore would wait longer than twice API Gateway's timeout."""
    config = client.meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (
        connect,
        read,
        attempts,
    )


@pytest.mark.parametrize("name", ["reads", "writes", "best_effort"])
def test_background_functions_have_longer_timeouts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A page of a megabyte may take over half a second; four attempts of five seconds fit into the function's time."""
    monkeypatch.setattr("chalicelib.settings.settings", replace(settings, background_function=True))

    config = runpy.run_path(clients.__file__)[name].meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 5, 4)


@pytest.mark.parametrize(("name", "connect", "read"), [("reads", 2, 2), ("writes", 2, 2), ("queue", 2, 2)])
def test_aws_on_this_machine_may_pause(monkeypatch: pytest.MonkeyPatch, name: str, connect: float, read: float) -> None:
    """It shares the cores with browsers and compilers: half a second without a response is no failure of it."""
    monkeypatch.setattr(
        "chalicelib.settings.settings",
        replace(settings, aws=replace(settings.aws, endpoint_url="http://127.0.0.1:4566")),
    )

    config = runpy.run_path(clients.__file__)[name].meta.config

    assert (config.connect_timeout, config.read_timeout) == (connect, read)


def test_read_of_an_unresponsive_table_takes_at_most_a_second_and_a_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attempts of half a second, and a short fixed pause between them."""
    pauses: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", pauses.append)

    with table_down() as tried:
        for _ in range(20):
            with pytest.raises(ReadTimeoutError):
                clients.reads.get_item(TableName="url-shortener", Key={"code": {"S": "x"}})

    limits: Any = clients.reads.meta.config
    assert (len(tried), len(pauses)) == (40, 20)
    assert 2 * max(limits.connect_timeout, limits.read_timeout) + max(pauses) <= 1.5


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_rejected_read_is_retried_once(status: int, code: str) -> None:
    """Whether it was throttled or failed."""
    asked: list[str] = []

    def reject(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.url)
        body: Any = SimpleNamespace(stream=lambda: iter([f'{{"__type": "{code}"}}'.encode()]))
        return AWSResponse(request.url, status, HTTPHeaders(), body)

    events: Any = clients.reads.meta.events
    events.register_first("before-send.dynamodb.GetItem", reject, "reject")
    try:
        with pytest.raises(ClientError, match=code):
            clients.reads.get_item(TableName="url-shortener", Key={"code": {"S": "x"}})
    finally:
        events.unregister("before-send.dynamodb.GetItem", reject, "reject")

    assert len(asked) == 2


@pytest.mark.parametrize(("tries", "seconds"), [(1, 30), (2, 60), (8, 3840)])
def test_failed_work_is_retried_with_backoff(monkeypatch: pytest.MonkeyPatch, tries: int, seconds: int) -> None:
    """Eight attempts take over an hour, longer than most AWS outages."""
    asked: list[Any] = []
    monkeypatch.setattr(file_queue, "_queue", SimpleNamespace(change_message_visibility=lambda **it: asked.append(it)))

    file_queue.retry_with_backoff("receipt", tries)

    assert asked == [{"QueueUrl": settings.files_queue_url, "ReceiptHandle": "receipt", "VisibilityTimeout": seconds}]
