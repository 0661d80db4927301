"""Kept TLS connections die in four ways; each call is carried out once, by both clients, and no click is spilled."""

from __future__ import annotations

import dataclasses
import json
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

from chalicelib.aws import clients
from chalicelib.aws.clients import boto3_client, http_client, http_connection, timeouts
from chalicelib.aws.clients.http_connection import Connection
from chalicelib.aws.clients.tls import Trust
from chalicelib.aws.dynamodb import salt_store
from chalicelib.core.visits.visitor import Visitor
from chalicelib.redirect_lambda import send_outbox
from chalicelib.settings import Aws, Credentials, settings
from chalicelib.usecases import identify_visitor, track_visit
from chalicelib.usecases.track_visit import Visit
from tests.sizes import grows
from tests.tls_server import WAYS_TO_DIE, TlsAws, make_certificate, tls_aws

pytestmark = grows  # the errors of an ended connection depend on the version of Python, and CI has another one there

CLIENTS = [
    pytest.param(module, service, limits, id=f"{name}-{use}")
    for name, module in (("http", http_client), ("boto3", boto3_client))
    for use, service, limits in (
        ("read", "dynamodb", timeouts.READ),
        ("write", "dynamodb", timeouts.WRITE),
        ("best-effort", "dynamodb", timeouts.BEST_EFFORT),
        ("background", "dynamodb", timeouts.BACKGROUND),
        ("click", "sqs", timeouts.QUEUE_CLICK),
        ("file", "sqs", timeouts.QUEUE_FILE),
    )
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1, its own authority."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def aws(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsAws]:
    """An AWS that speaks TLS, which both clients call and trust."""
    with tls_aws(certificate) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        given = Aws(region="eu-west-1", endpoint_url=served.url, credentials=Credentials("k", "s", "t"), runtime_api="")
        monkeypatch.setattr(http_client, "settings", dataclasses.replace(settings, aws=given))
        monkeypatch.setattr(http_connection, "trust", Trust(str(certificate)))
        yield served


def call(client: Any, service: str, number: int) -> None:
    """Make a call that has ``number`` in it."""
    if service == "sqs":
        client.send_message(QueueUrl="https://127.0.0.1/clicks", MessageBody=str(number))
    else:
        client.put_item(TableName="links", Item={"code": {"S": str(number)}})


def numbers(aws: TlsAws) -> list[str]:
    """Return the numbers of the calls that were carried out."""
    return [request.get("MessageBody") or request["Item"]["code"]["S"] for _, request in aws.done]


@pytest.mark.parametrize("way", WAYS_TO_DIE[:3])
@pytest.mark.parametrize(("module", "service", "limits"), CLIENTS)
def test_ended_connection_costs_no_attempt(
    aws: TlsAws, module: ModuleType, service: str, limits: Any, way: str
) -> None:
    """The service ended it: every call is carried out once, whatever its number of attempts."""
    client = getattr(module, service)(**limits)
    aws.dies = way

    for number in range(3):
        aws.died.clear()
        call(client, service, number)
        assert aws.died.wait(5)

    client.close()
    assert numbers(aws) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(),
        ConnectionResetError(),
        ConnectionAbortedError(),
        ssl.SSLEOFError("of Python 3.11 and 3.12"),
        ssl.SSLZeroReturnError("close_notify"),
        ssl.SSLError("a record that cannot be read"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_an_ended_connection(aws: TlsAws, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Which of them Python raises depends on its version: each costs no attempt on a kept connection."""
    client = http_client.sqs(**timeouts.QUEUE_CLICK)
    call(client, "sqs", 0)
    post = Connection.post

    def fail_once(*_: object) -> NoReturn:
        monkeypatch.setattr(Connection, "post", post)
        raise error

    monkeypatch.setattr(Connection, "post", fail_once)
    call(client, "sqs", 1)

    client.close()
    assert numbers(aws) == ["0", "1"]


@pytest.mark.parametrize("service", ["dynamodb", "sqs"])
@pytest.mark.parametrize("way", WAYS_TO_DIE)
def test_connection_that_was_idle_is_not_used(
    aws: TlsAws, monkeypatch: pytest.MonkeyPatch, service: str, way: str
) -> None:
    """After a freeze of six seconds, a call with one attempt is carried out, also if the connection died silently."""
    client = getattr(http_client, service)(seconds_to_connect=5, seconds_to_read=5, attempts=1)
    aws.dies = way
    frozen = 0.0
    real = time.time
    monkeypatch.setattr("chalicelib.aws.clients.http_client.time.time", lambda: real() + frozen)

    for number in range(3):
        call(client, service, number)
        frozen += 6

    client.close()
    assert numbers(aws) == ["0", "1", "2"]


@pytest.mark.parametrize("backwards", [1, 3600])
def test_connection_is_not_used_when_the_clock_is_set_back(
    aws: TlsAws, monkeypatch: pytest.MonkeyPatch, backwards: int
) -> None:
    """How long it was idle is unknown then."""
    client = http_client.sqs(seconds_to_connect=5, seconds_to_read=5, attempts=1)
    aws.dies = "silence"
    call(client, "sqs", 0)
    real = time.time
    monkeypatch.setattr("chalicelib.aws.clients.http_client.time.time", lambda: real() - backwards)

    call(client, "sqs", 1)

    client.close()
    assert numbers(aws) == ["0", "1"]


@pytest.mark.parametrize("way", WAYS_TO_DIE)
def test_no_click_is_spilled_after_the_response(
    aws: TlsAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """Connections to table and queue die at once after each call: salt and clicks get through, each click once."""
    table, queue = http_client.dynamodb(**timeouts.BEST_EFFORT), http_client.sqs(**timeouts.QUEUE_CLICK)
    monkeypatch.setattr(clients, "best_effort", table)
    monkeypatch.setattr(clients, "queue", queue)
    identify_visitor.reset()
    track_visit.reset()
    aws.dies = way

    for number in (1, 2, 3):
        salt_store.reset()  # so that each click reads it
        visitor = Visitor(headers={}, query={}, address=f"192.0.2.{number}", visit_id=f"visit-{number}")
        send_outbox([Visit(visitor, "sale", datetime.now(UTC))], time.monotonic() + 4)

    identify_visitor.reset()
    table.close()
    queue.close()
    assert "spilled" not in capsys.readouterr().out
    sent = [json.loads(request["MessageBody"]) for operation, request in aws.done if operation == "SendMessage"]
    assert [click["id"] for click in sent] == ["visit-1", "visit-2", "visit-3"]
    assert len({click["visitor"] for click in sent} - {None}) == 3


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[float, float]]]:
    """Let table and queue accept connections and never respond.

    Yields of each step, a connection or a request: its time limit, and when all of them were to end.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        given = Aws(region="eu-west-1", endpoint_url=url, credentials=Credentials("k", "s", "t"), runtime_api="")
        monkeypatch.setattr(http_client, "settings", dataclasses.replace(settings, aws=given))
        monkeypatch.setattr(clients, "best_effort", http_client.dynamodb(**timeouts.BEST_EFFORT))
        monkeypatch.setattr(clients, "reads", http_client.dynamodb(**timeouts.READ))
        monkeypatch.setattr(clients, "queue", http_client.sqs(**timeouts.QUEUE_CLICK))
        for module in ("dynamodb.errors", "sqs.click_queue"):
            monkeypatch.setattr(f"chalicelib.aws.{module}.Unreachable", http_client.Unreachable)
        steps: list[tuple[float, float]] = []
        within = timeouts.seconds_within

        def recorded(until: float, most: float) -> float:
            seconds = within(until, most)
            steps.append((time.monotonic() + seconds, until))
            return seconds

        monkeypatch.setattr(timeouts, "seconds_within", recorded)
        identify_visitor.reset()
        track_visit.reset()
        yield steps
        identify_visitor.reset()
        track_visit.reset()


def send_a_click(seconds: float) -> float:
    """Send a click for ``seconds`` at most; return when that ends (monotonic)."""
    visitor = Visitor(headers={}, query={}, address="192.0.2.1", visit_id="visit-1")
    until = time.monotonic() + seconds
    send_outbox([Visit(visitor, "sale", datetime.now(UTC))], until)
    return until


def test_all_that_is_sent_after_the_response_ends_in_time(
    silent: list[tuple[float, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    """No step lasts longer than what is left, and the click is in the log."""
    until = send_a_click(2.7)

    assert '"spilled":{"v":1,"id":"visit-1"' in capsys.readouterr().out.replace(" ", "")
    assert max(limit for limit, _ in silent) <= until + 0.001
    assert len([end for _, end in silent if end == until]) == 6  # of the queue's three attempts


def test_salt_leaves_time_for_the_queue(silent: list[tuple[float, float]]) -> None:
    """The salt of the day is given up three seconds before the end, and the table two."""
    until = send_a_click(3.2)

    assert sorted({end for _, end in silent}) == [until - 3, until - 2, until]
