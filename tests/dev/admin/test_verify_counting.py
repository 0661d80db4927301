"""`make verify`: what is concluded about the stream, and about the clicks that are counted from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dev.admin.checks import (
    of_functions,
    of_load,
    of_streams,
)
from dev.admin.checks.check import Answer, NotRunError, Verdict
from dev.admin.checks.stage import TARGET, Reply, Stage
from tests.dev.admin.asked_stage import Asked, check, reply


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now: float = 0

    def monotonic(self) -> float:
        """Return its seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move it."""
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the checks: no test waits."""
    made = Clock()
    monkeypatch.setattr(of_streams, "time", made)
    return made


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


@pytest.mark.parametrize(
    ("after", "is_local", "seen", "lines"),
    [
        (0, False, "counted after 0.0 s", 0),
        (64, False, "counted after 64.0 s", 10),
        (88, False, "not counted after 70.0 s", 11),
        (88, True, "counted after 88.0 s", 17),
        (1000, True, "not counted after 310.", 59),
    ],
)
def test_click_is_counted_or_not(*, clock: Clock, after: float, is_local: bool, seen: str, lines: int) -> None:
    """It waits as long as the stack may take, and longer on this machine; tells how long; and shows that it waits."""
    stage = Asked(is_local=is_local)
    stage.with_parameters(CountWaitSeconds="10")
    said: list[str] = []
    stage.say = said.append
    stage.counted = lambda code: int(bool(code) and clock.now >= after)  # type: ignore[method-assign]  # a stage of this test alone

    answer = of_streams.counted(stage)

    assert answer.is_expected is not seen.startswith("not")
    assert answer.seen.startswith(seen)
    assert len(said) == pytest.approx(lines, abs=1)


@pytest.mark.parametrize(("fails_until", "is_expected"), [(20, True), (1000, None)])
def test_failure_while_waiting_is_not_the_end(*, clock: Clock, fails_until: float, is_expected: bool | None) -> None:
    """A service that is busy is asked again; one that answers nothing to the end is no finding."""
    stage = Asked()

    def counted(code: str) -> int:
        assert code
        if clock.now < fails_until:
            raise KeyError("visits")
        return 1

    stage.counted = counted  # type: ignore[method-assign]  # a stage of this test alone

    found = check(of_streams.counted).run(stage).verdict

    assert found is {True: Verdict.AS_EXPECTED, None: Verdict.NOT_RUN}[is_expected]


@pytest.mark.parametrize(("total", "is_expected"), [(10, True), (9, False), (11, False)])
def test_counts_of_a_crowd_are_compared(*, clock: Clock, total: int, is_expected: bool) -> None:
    """Of each link, with the visits that were led on; those that are missing are waited for, and no others."""
    stage = Asked()
    stage.totals = total

    assert of_load.many_at_once(stage).is_expected is is_expected
    assert (clock.now > 100) is (total < 10)


@pytest.mark.parametrize(
    ("status", "is_local", "is_expected"),
    [
        (503, False, False),
        (503, True, True),
        (500, True, False),
        (429, True, False),
    ],
)
def test_visits_of_a_crowd_are_led_on(*, status: int, is_local: bool, is_expected: bool) -> None:
    """Each on AWS; a machine that is busy with other things may not get to all of them."""
    stage, refused = Asked(is_local=is_local), dict[str, str]()

    def replies(_: str, path: str) -> Reply:
        return reply(status) if path == refused.setdefault("path", path) else reply(302, Location=TARGET)

    stage.replies = replies
    stage.counted = lambda code: 10 * (f"/{code}" != refused["path"])  # type: ignore[method-assign]  # of this test

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
