"""`make replay`: clicks that were spilled into the log count after all, once."""

from __future__ import annotations

import json

import boto3
import pytest

from chalicelib.settings import settings
from dev import replay
from tests.callers import Keyed
from tests.doors.test_clicks import count, queue_down, queued, visit


def log_of(capsys: pytest.CaptureFixture[str], front: str) -> list[str]:
    """Return the log so far, each line with what an export puts in front of it."""
    return [front + line for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("front", ["", "2026-11-24T12:00:00.000Z ", "2026/11/24/[$LATEST]0123 2026-11-24T12:00:00Z\t"])
def test_spilled_clicks_count_exactly(ann: Keyed, capsys: pytest.CaptureFixture[str], front: str) -> None:
    """However the log was exported, and however often it is replayed."""
    ann.make(alias="sale")
    visit(request_id="before")
    with queue_down():
        for number in range(25):
            visit(request_id=f"spilled-{number}")
    log = [*log_of(capsys, front), '{"spilled":{"v":1,"id":', "not json"]

    sent = [replay.replay(replay.spilled_in(log), boto3.client("sqs"), settings.clicks_queue_url) for _ in range(2)]

    clicks = queued()
    count(clicks[:30])
    count(clicks[30:])
    assert sent == [25, 25]
    assert ann.get("/links/sale").json_body["visits"]["total"] == 26
    assert "is cut short" in capsys.readouterr().err


def test_a_line_of_the_log_is_a_message_of_the_queue(ann: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
    """What is spilled is what would have been sent."""
    ann.make(alias="sale")
    with queue_down():
        visit()

    (spilled,) = replay.spilled_in(log_of(capsys, ""))

    assert spilled["v"] == 1
    assert json.loads(json.dumps(spilled)) == spilled


def test_a_line_may_hold_many(ann: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
    """Some exports join messages with tabs."""
    ann.make(alias="sale")
    with queue_down():
        for number in range(3):
            visit(request_id=f"spilled-{number}")

    clicks = list(replay.spilled_in(["\t".join(log_of(capsys, ""))]))

    assert [click["id"] for click in clicks] == [f"spilled-{number}" for number in range(3)]
