"""How long anybody waits for AWS."""

from __future__ import annotations

import runpy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.aws import clients, work_queue
from chalicelib.settings import settings
from tests.faults import table_down


@pytest.mark.parametrize(
    ("client", "connect", "read", "attempts"),
    [
        pytest.param(clients.reads, 0.5, 0.5, 2, id="a visitor's read"),
        pytest.param(clients.writes, 1, 2, 3, id="a write fits API Gateway's 29 seconds"),
        pytest.param(clients.glances, 0.5, 0.5, 1, id="what a visitor gains nothing from"),
        pytest.param(clients.queue, 0.5, 0.5, 1, id="a click"),
    ],
)
def test_nobody_waits_longer_than_agreed(client: Any, connect: float, read: float, attempts: int) -> None:
    """Left to itself botocore would wait twice API Gateway's patience."""
    config = client.meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (
        connect,
        read,
        attempts,
    )


@pytest.mark.parametrize("name", ["reads", "writes", "glances"])
def test_what_nobody_waits_for_is_patient(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A page of a megabyte may take over half a second; four tries of five are within what such a function may run."""
    monkeypatch.setattr("chalicelib.settings.settings", replace(settings, nobody_waits=True))

    config = runpy.run_path(clients.__file__)[name].meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 5, 4)


def test_a_read_of_a_table_that_is_silent_takes_a_second_and_a_half_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice half a second, and a pause between that is neither long nor drawn at random."""
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
def test_a_read_that_is_turned_away_is_tried_once_more(status: int, code: str) -> None:
    """Throttled or failed, the table is asked a second time, and no third."""
    asked: list[str] = []

    def turn_away(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.url)
        body: Any = SimpleNamespace(stream=lambda: iter([f'{{"__type": "{code}"}}'.encode()]))
        return AWSResponse(request.url, status, HTTPHeaders(), body)

    events: Any = clients.reads.meta.events
    events.register_first("before-send.dynamodb.GetItem", turn_away, "turn-away")
    try:
        with pytest.raises(ClientError, match=code):
            clients.reads.get_item(TableName="url-shortener", Key={"code": {"S": "x"}})
    finally:
        events.unregister("before-send.dynamodb.GetItem", turn_away, "turn-away")

    assert len(asked) == 2


@pytest.mark.parametrize(("tries", "seconds"), [(1, 30), (2, 60), (8, 3840)])
def test_each_time_work_fails_it_pauses_for_longer(monkeypatch: pytest.MonkeyPatch, tries: int, seconds: int) -> None:
    """Eight tries take over an hour, which is as long as most of AWS's bad days are."""
    asked: list[Any] = []
    monkeypatch.setattr(work_queue, "_queue", SimpleNamespace(change_message_visibility=lambda **it: asked.append(it)))

    work_queue.come_again_soon("receipt", tries)

    assert asked == [{"QueueUrl": settings.files_queue_url, "ReceiptHandle": "receipt", "VisibilityTimeout": seconds}]
