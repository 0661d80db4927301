"""`make verify`: what is concluded about the stream, and about the clicks that are counted from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dev.admin.checks import (
    of_functions,
    of_load,
    of_streams,
)
from dev.admin.checks.check import Answer, NotRunError, Verdict
from dev.admin.checks.stage import Stage
from tests.dev.admin.asked_stage import Asked, check


@pytest.fixture(autouse=True)
def _never_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_streams, "_SLACK", 0)
    monkeypatch.setattr(of_streams, "_WAIT", 0)
    monkeypatch.setattr(of_load, "_IDLE", 0)
    monkeypatch.setattr("dev.admin.checks.stage.time.sleep", lambda _: None)


def source(**changes: Any) -> dict[str, Any]:
    """Return an event source as it should be."""
    return {
        **of_streams.SETTINGS,
        "EventSourceArn": "arn:stream",
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:shortener-dev-rows:live",
        **changes,
    }


@pytest.mark.parametrize(
    ("sources", "is_expected"),
    [
        ([source()], True),
        ([source(), source(EventSourceArn="arn:other")], True),
        ([], False),
        ([source(), source()], False),
        ([source(State="Disabled")], False),
        ([source(MaximumRetryAttempts=10000)], False),
        ([source(TumblingWindowInSeconds=0)], False),
        ([source(StartingPosition="LATEST")], False),
        ([source(FilterCriteria={"Filters": [{"Pattern": "{}"}]})], False),
        ([source(FunctionArn="arn:aws:lambda:eu-west-1:123456789012:function:shortener-dev-rows")], False),
    ],
)
def test_mapping_is_compared_with_the_template(*, sources: list[dict[str, Any]], is_expected: bool) -> None:
    """One, of the alias, with every setting that counting rests on."""
    stage = Asked()
    stage.cloud.client("lambda").list_event_source_mappings.return_value = {"EventSourceMappings": sources}

    assert of_streams.mapping(stage).is_expected is is_expected


def test_filter_is_tried_with_a_mapping_that_reads_nothing() -> None:
    """It is created disabled, deleted if it is accepted, and not tried without being told to."""
    stage = Asked(may_add=True)
    lambdas = stage.cloud.client("lambda")
    lambdas.create_event_source_mapping.return_value = {"UUID": "u1"}

    assert of_streams.filter_with_window(stage).is_expected is False
    assert lambdas.create_event_source_mapping.call_args.kwargs["Enabled"] is False
    lambdas.delete_event_source_mapping.assert_called_once_with(UUID="u1")
    lambdas.create_event_source_mapping.side_effect = ClientError(
        {"Error": {"Code": "InvalidParameterValueException"}}, "C"
    )
    assert of_streams.filter_with_window(stage).is_expected is True
    with pytest.raises(NotRunError, match="VERIFY_COLD"):
        of_streams.filter_with_window(Asked())


@pytest.mark.parametrize(
    ("numbers", "is_expected"),
    [
        (["9" * 21, "1" + "0" * 21, "1" + "0" * 22], True),
        (["1" * 40], True),
        (["1" * 41], False),
        (["1" * 20], False),
        (["2" * 22, "1" * 22], False),
    ],
)
def test_sequence_numbers_are_measured(*, numbers: list[str], is_expected: bool) -> None:
    """They rise as integers, and have 21 to 40 digits."""
    stage = Asked()
    streams = stage.cloud.client("dynamodbstreams")
    shards = [{"ShardId": "shardId-1", "SequenceNumberRange": {"StartingSequenceNumber": "1"}}]
    streams.describe_stream.return_value = {"StreamDescription": {"Shards": shards}}
    streams.get_records.return_value = {"Records": [{"dynamodb": {"SequenceNumber": each}} for each in numbers]}

    assert of_streams.sequence_numbers(stage).is_expected is is_expected


@pytest.mark.parametrize(("total", "is_expected"), [(1, True), (0, False)])
def test_click_is_counted_or_not(*, total: int, is_expected: bool) -> None:
    """It waits as long as the stack may take, and tells how long it took."""
    stage = Asked()
    stage.totals = total
    stage.with_parameters(CountWaitSeconds="0")
    stage.minutes = 0.001

    answer = of_streams.counted(stage)

    assert answer.is_expected is is_expected
    assert re.search(r"counted after \d", answer.seen)


@pytest.mark.parametrize(("total", "is_expected"), [(10, True), (9, False), (11, False)])
def test_counts_of_a_crowd_are_compared(*, total: int, is_expected: bool) -> None:
    """Of each link, with the visits that were led on."""
    stage = Asked()
    stage.totals = total

    assert of_load.many_at_once(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("ask", "name", "answer", "is_expected"),
    [
        (of_streams.iterator_age, "get_metric_statistics", {"Datapoints": [{"Maximum": 900.0}]}, True),
        (of_streams.iterator_age, "get_metric_statistics", {"Datapoints": [{"Maximum": 4e6}]}, False),
        (of_streams.iterator_age, "get_metric_statistics", {"Datapoints": []}, None),
        (of_streams.conflicts, "get_metric_statistics", {"Datapoints": []}, None),
        (of_streams.conflicts, "get_metric_statistics", {"Datapoints": [{"Sum": 5.0}]}, False),
        (of_functions.metrics, "list_metrics", {"Metrics": [{"MetricName": "RedirectLatency"}]}, True),
        (of_functions.metrics, "list_metrics", {"Metrics": [{"MetricName": "Unknown"}]}, False),
        (of_functions.metrics, "list_metrics", {"Metrics": []}, None),
    ],
)
def test_metrics_are_judged_once_there_are_any(
    *,
    ask: Callable[[Stage], Answer],
    name: str,
    answer: Any,
    is_expected: bool | None,
) -> None:
    """Metrics that are not there yet are no finding."""
    stage = Asked()
    getattr(stage.cloud.client("cloudwatch"), name).return_value = answer

    found = check(ask).run(stage).verdict

    assert found is {True: Verdict.AS_EXPECTED, False: Verdict.OTHERWISE, None: Verdict.NOT_RUN}[is_expected]
