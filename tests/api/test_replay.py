"""`make replay`: clicks that were spilled to the log are counted later, once."""

from __future__ import annotations

import json

import boto3
import pytest

from chalicelib.settings import settings
from dev.admin import replay
from tests.api.test_clicks import count, queue_down, queued, visit
from tests.callers import Keyed


def log_of(capsys: pytest.CaptureFixture[str], prefix: str) -> list[str]:
    """Return the log so far, each line with the prefix that an export adds."""
    return [prefix + line for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("prefix", ["", "2026-11-24T12:00:00.000Z ", "2026/11/24/[$LATEST]0123 2026-11-24T12:00:00Z\t"])
def test_spilled_clicks_are_counted_exactly_once(ann: Keyed, capsys: pytest.CaptureFixture[str], prefix: str) -> None:
    """In whatever form the log was exported, and however often it is replayed."""
    ann.make(alias="sale")
    visit(request_id="before")
    with queue_down():
        for number in range(25):
            visit(request_id=f"spilled-{number}")
    log = [*log_of(capsys, prefix), '{"spilled":{"v":1,"id":', "not json"]

    sent = [replay.replay(replay.spilled_clicks(log), boto3.client("sqs"), settings.clicks_queue_url) for _ in range(2)]

    clicks = queued()
    count(clicks[:30])
    count(clicks[30:])
    assert sent == [25, 25]
    assert ann.get("/links/sale").json_body["visits"]["total"] == 26
    assert "is cut short" in capsys.readouterr().err


def test_spilled_log_line_has_the_queue_message(ann: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
    """The spilled message is the one that would have been sent."""
    ann.make(alias="sale")
    with queue_down():
        visit()

    (spilled,) = replay.spilled_clicks(log_of(capsys, ""))

    assert spilled["v"] == 1
    assert json.loads(json.dumps(spilled)) == spilled


def test_line_may_have_several_messages(ann: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
    """Some exports join messages with tabs."""
    ann.make(alias="sale")
    with queue_down():
        for number in range(3):
            visit(request_id=f"spilled-{number}")

    clicks = list(replay.spilled_clicks(["\t".join(log_of(capsys, ""))]))

    assert [click["id"] for click in clicks] == [f"spilled-{number}" for number in range(3)]
