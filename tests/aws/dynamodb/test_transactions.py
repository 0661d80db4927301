"""Transactions that conflict with other writers: how often they are retried, and until when."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest

import app as routes
from chalicelib.aws import clients
from chalicelib.aws.dynamodb import queries, transactions
from chalicelib.aws.dynamodb.errors import LinkChanged, WriteContended
from chalicelib.errors import StoreUnavailable

PAUSES = list(transactions.PAUSES)


class Clock:
    """A clock that only pauses advance; each pause takes its maximum."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.tries = 0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    def pause(self, longest: float) -> None:
        """Advance the clock."""
        self.pauses.append(longest)
        self.now += longest

    def conflict(self, actions: list[object]) -> list[dict[str, str]]:
        """Reject a transaction, like a table where another writer is always first."""
        self.tries += 1
        return [{"Code": "TransactionConflict"} for _ in actions]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A controlled clock, and a table that rejects every transaction."""
    made = Clock()
    monkeypatch.setattr(transactions, "time", made)
    monkeypatch.setattr(transactions, "pause", made.pause)
    monkeypatch.setattr(transactions, "_attempt", made.conflict)
    return made


@pytest.mark.parametrize(
    ("seconds", "pauses"),
    [(math.inf, PAUSES), (100, PAUSES), (0.8, PAUSES[:4]), (0.05, PAUSES[:1]), (0.04, []), (0, []), (-1, [])],
)
def test_write_is_retried_after_each_pause_while_there_is_time(
    clock: Clock, seconds: float, pauses: list[float]
) -> None:
    """At least one attempt; no pause before an attempt that would be too late."""
    with (
        transactions.within(3600),
        transactions.within(seconds),
        transactions.within(3600),
        pytest.raises(WriteContended),
    ):
        transactions.write([{}])

    assert (clock.pauses, clock.tries) == (pauses, len(pauses) + 1)


def test_retries_of_a_write_count_towards_the_time_of_a_change(clock: Clock) -> None:
    """Four seconds include them. A later write has all its time again."""
    with pytest.raises(WriteContended):
        transactions.retry(lambda: transactions.write([{}]), 4)

    assert 3 < clock.now - 1000 <= 4
    with pytest.raises(WriteContended):
        transactions.write([{}])
    assert clock.pauses[-len(PAUSES) :] == PAUSES


def test_change_is_retried_until_time_is_up(clock: Clock) -> None:
    """However often others change the link first."""
    with pytest.raises(WriteContended):
        transactions.retry(_changed, 4)

    assert 3 < clock.now - 1000 <= 4


def test_partial_reads_are_retried_until_time_is_up(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unprocessed keys are requested again with the pauses of writes."""
    key = {"code": {"S": "x"}}
    unread = {"Responses": {"t": []}, "UnprocessedKeys": {"t": {"Keys": [key]}}}
    monkeypatch.setattr(clients, "reads", SimpleNamespace(batch_get_item=lambda **_: unread))

    with pytest.raises(StoreUnavailable), transactions.within(1):
        list(queries.items_by_key("t", [key]))

    assert clock.pauses == PAUSES[:4]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("seconds_left", "pauses"), [(15, PAUSES), (2.5, PAUSES[:3]), (1, [])])
def test_request_is_not_retried_beyond_lambdas_time(clock: Clock, seconds_left: float, pauses: list[float]) -> None:
    """The client gets 503 before the function is stopped."""
    event = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/links", "identity": {"sourceIp": "203.0.113.1"}},
        "headers": {"content-type": "application/json", "idempotency-key": "once"},
        "pathParameters": None,
        "multiValueQueryStringParameters": None,
        "body": json.dumps({"url": "https://example.com/"}),
        "stageVariables": None,
    }
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: seconds_left * 1000)

    answer = routes.app(event, context)

    assert (answer["statusCode"], clock.pauses) == (503, pauses)


def _changed() -> None:
    raise LinkChanged
