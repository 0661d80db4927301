"""Checks of how clicks are counted: the event source, its stream, and whether a click is counted at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from dev.admin.checks.check import MISHAPS, Answer, Check, NotRunError
from dev.admin.checks.stage import Stage

SETTINGS = {
    "State": "Enabled",
    "StartingPosition": "TRIM_HORIZON",
    "TumblingWindowInSeconds": 900,
    "ParallelizationFactor": 1,
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
}
_DIGITS = range(21, 41)
_SHARDS, _RECORDS = 4, 100  # looked at, at the most
_WAIT = 60  # seconds: the default of CountWaitSeconds
_SLACK, _SLACK_HERE = 60, 300  # seconds; this machine may be busy with other things
_SIGN = 5  # seconds between two signs of life


def mapping(stage: Stage) -> Answer:
    """Read the event sources of the stream."""
    found = _mappings(stage)
    if len(found) != 1:
        return Answer(is_expected=False, seen=f"{len(found)} mappings of the stream")
    wrong = {name: found[0].get(name) for name, value in SETTINGS.items() if found[0].get(name) != value}
    filters = found[0].get("FilterCriteria", {}).get("Filters", [])
    alias = found[0]["FunctionArn"].rpartition(":")[2]
    wait = found[0].get("MaximumBatchingWindowInSeconds")
    return Answer(
        not wrong and not filters and alias == "live",
        f"one mapping, to {alias}, {wait} s of waiting, {len(filters)} filters, not as meant: {wrong or 'nothing'}",
    )


def _mappings(stage: Stage) -> list[dict[str, Any]]:
    stream = stage.stream()
    found = stage.client("lambda").list_event_source_mappings(EventSourceArn=stream)["EventSourceMappings"]
    return [each for each in found if each.get("EventSourceArn") == stream]


def filter_with_window(stage: Stage) -> Answer:
    """Try to create a mapping, disabled, that has both a filter and a window."""
    if not (stage.may_add or stage.is_local):
        raise NotRunError("It creates a mapping that is disabled, and deletes it: only with VERIFY_COLD=yes.")
    lambdas = stage.client("lambda")
    try:
        made = lambdas.create_event_source_mapping(
            EventSourceArn=stage.stream(),
            FunctionName=stage.function("rows"),
            Enabled=False,
            StartingPosition="LATEST",
            TumblingWindowInSeconds=900,
            FilterCriteria={"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]},
        )
    except ClientError as refused:
        code = refused.response["Error"].get("Code", "")
        if code != "InvalidParameterValueException":
            raise
        return Answer(is_expected=True, seen=str(refused))
    _delete(lambdas, made["UUID"])
    return Answer(is_expected=False, seen="it was accepted, and is deleted")


def _delete(lambdas: Any, number: str, patience: float = 60) -> None:
    """Delete a mapping, which is refused while it is being created."""
    deadline = time.monotonic() + patience
    while True:
        try:
            lambdas.delete_event_source_mapping(UUID=number)
        except ClientError as refused:
            if refused.response["Error"].get("Code") != "ResourceInUseException" or time.monotonic() > deadline:
                raise
            time.sleep(2)
        else:
            return


def counted(stage: Stage) -> Answer:
    """Follow a link once, and wait until that is counted."""
    code = stage.link()
    stage.request(stage.address_of_links, "GET", f"/{code}")
    found, seconds = wait_for_counts(stage, 1, lambda: stage.counted(code))
    return Answer(found > 0, f"{'counted' if found else 'not counted'} after {seconds:.1f} s")


def wait_for_counts(stage: Stage, number: int, count: Callable[[], int]) -> tuple[int, float]:
    """Wait until ``count`` returns ``number``, or for as long as clicks may take; return what it did, and the seconds.

    Raises:
        MISHAPS: as ``count`` does at the end of that time; a mishap before is followed by another attempt.
    """
    patience = patience_of(stage)
    began = told = time.monotonic()
    found = 0
    while True:
        is_last = time.monotonic() - began >= patience
        try:
            found = count()
        except MISHAPS:
            if is_last:
                raise
        seconds = time.monotonic() - began
        if found >= number or is_last:
            return found, seconds
        if time.monotonic() - told > _SIGN:
            told = time.monotonic()
            stage.say(f"    {found} of {number} counted after {seconds:.0f} of {patience:.0f} s")
        time.sleep(0.2 if stage.is_local else 2)


def patience_of(stage: Stage) -> float:
    """Return how many seconds a click may take to be counted."""
    wait = stage.parameters.get("CountWaitSeconds", "")
    slack = _SLACK_HERE if stage.is_local else _SLACK
    return (int(wait) if wait.isdecimal() else _WAIT) + slack + 60 * stage.minutes


def final_calls(stage: Stage) -> Answer:
    """Look for calls without records in the log of the last hour: the ends of windows."""
    since = datetime.now(UTC) - timedelta(hours=1)
    events = stage.client("logs").filter_log_events(
        logGroupName=f"/aws/lambda/{stage.function('rows')}",
        startTime=int(since.timestamp() * 1000),
        filterPattern="{ $.counted = 0 && $.known = 0 && $.skipped = 0 }",
        limit=20,
    )["events"]
    found = [each for each in events if '"counted"' in each["message"]]
    if not found:
        raise NotRunError("None in the last hour: again 17 minutes after a visit.")
    failed = _sum(stage, "AWS/Lambda", "Errors", {"FunctionName": stage.function("rows")})
    return Answer(not failed, f"{len(found)} calls without records, {failed or 0:g} errors of the function")


def sequence_numbers(stage: Stage) -> Answer:
    """Read some records of the stream, and measure their numbers."""
    streams, arn = stage.client("dynamodbstreams"), stage.stream()
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    is_open = ["EndingSequenceNumber" not in each["SequenceNumberRange"] for each in shards]
    lengths: list[set[int]] = []
    rises = True
    for shard in shards[-_SHARDS:]:
        numbers = list(_numbers(streams, arn, shard["ShardId"]))
        rises = rises and numbers == sorted(numbers, key=int)
        lengths.append({len(each) for each in numbers})
    every = set[int]().union(*lengths)
    if not every:
        raise NotRunError(f"{len(shards)} shards, {sum(is_open)} of them open; no records in the last {_SHARDS}.")
    seen = (
        f"{len(shards)} shards, {sum(is_open)} of them open; {min(every)} to {max(every)} digits,"
        f" of several lengths within a shard: {sum(len(each) > 1 for each in lengths)} of {len(lengths)}"
    )
    return Answer(rises and all(each in _DIGITS for each in every), seen)


def _numbers(streams: Any, arn: str, shard: str) -> Iterator[str]:
    at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    for record in streams.get_records(ShardIterator=at, Limit=_RECORDS)["Records"]:
        yield record["dynamodb"]["SequenceNumber"]


def iterator_age(stage: Stage) -> Answer:
    """Read the age of what was counted in the last hour."""
    age = _most(stage, "AWS/Lambda", "IteratorAge", {"FunctionName": stage.function("rows")})
    if age is None:
        raise NotRunError("No value in the last hour; metrics take minutes after a click.")
    return Answer(age < 3_600_000, f"{age:.0f} ms at the most in the last hour")  # noqa: PLR2004  # an hour: RowsAgeAlarm


def conflicts(stage: Stage) -> Answer:
    """Read how many writes of counters lost against another one in the last hour."""
    table = {"TableName": stage.outputs["ClicksTable"]}
    failed = _sum(stage, "AWS/DynamoDB", "ConditionalCheckFailedRequests", table) or 0
    transactions = _sum(stage, "AWS/DynamoDB", "TransactionConflict", table) or 0
    put = _sum(stage, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", table)
    if put is None:
        raise NotRunError("No value in the last hour; metrics take minutes after a click.")
    seen = f"{failed:g} conditions failed and {transactions:g} transactions conflicted, of {put:g} units written"
    return Answer(failed + transactions <= put / 10, seen)


def _most(stage: Stage, namespace: str, name: str, dimensions: dict[str, str]) -> float | None:
    values = [each["Maximum"] for each in _points(stage, namespace, name, dimensions, "Maximum")]
    return max(values, default=None)


def _sum(stage: Stage, namespace: str, name: str, dimensions: dict[str, str]) -> float | None:
    values = [each["Sum"] for each in _points(stage, namespace, name, dimensions, "Sum")]
    return sum(values) if values else None


def _points(stage: Stage, namespace: str, name: str, dimensions: dict[str, str], statistic: str) -> list[Any]:
    now = datetime.now(UTC)
    points: list[Any] = stage.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": each, "Value": value} for each, value in dimensions.items()],
        StartTime=now - timedelta(hours=1),
        EndTime=now,
        Period=60,
        Statistics=[statistic],
    )["Datapoints"]
    return points


_STREAM = "$(aws dynamodb describe-table --table-name $CLICKS --query Table.LatestStreamArn --output text)"
_HOUR = "--start-time $(date -u -d '1 hour ago' +%FT%TZ) --end-time $(date -u +%FT%TZ) --period 3600"

CHECKS = (
    Check(
        "mapping",
        "Does one event source read the stream, with a window, from the horizon, without end and without a filter?",
        f"aws lambda list-event-source-mappings --event-source-arn {_STREAM}",
        f"One, to `live`: {', '.join(f'`{name}` {value}' for name, value in SETTINGS.items())}; no filter.",
        "Change it in place (`aws lambda update-event-source-mapping`), and `CountRowsSource` in the template. `LATEST`"
        " is not used: it is said to lose what is written for minutes after `Enabled`.",
        mapping,
        ("streams 2", "streams 7", "streams 9"),
        requests=0,
    ),
    Check(
        "filter-refused",
        "Is a filter refused together with a window? With VERIFY_COLD=yes: it creates a mapping that is disabled.",
        f'aws lambda create-event-source-mapping --function-name "$STACK-rows" --event-source-arn {_STREAM}'
        " --no-enabled --starting-position LATEST --tumbling-window-in-seconds 900"
        """ --filter-criteria '{"Filters":[{"Pattern":"{\\"eventName\\":[\\"INSERT\\"]}"}]}'""",
        "`InvalidParameterValueException`.",
        "Delete the mapping. Use a filter in `CountRowsSource`: the function is not called for its own counters then.",
        filter_with_window,
        ("streams 2",),
        requests=0,
    ),
    Check(
        "counted",
        "Is a click counted at all, and how long after? Without a `shardId` in its event the function refuses it.",
        'curl -s -o /dev/null "$API/$CODE"; sleep 90; curl -s "$API/v1/links/$CODE" -H "X-Api-Key: $KEY"',
        "Within `CountWaitSeconds` (60) and a minute.",
        'Look for `"error"` in the log of `$STACK-rows`; nothing is lost for 24 hours. Without `shardId`: `shard_of` in'
        " `chalicelib/core/visits/stream_batch.py` needs another way to tell shards apart.",
        counted,
        ("streams 1",),
        requests=70,
        here="must hold",
    ),
    Check(
        "sequence-numbers",
        "How long are sequence numbers, do they grow within a shard, and how many shards are there?",
        f"aws dynamodbstreams describe-stream --stream-arn {_STREAM}\n"
        "aws dynamodbstreams get-records --limit 100 --shard-iterator $(aws dynamodbstreams get-shard-iterator"
        f" --stream-arn {_STREAM} --shard-id <one of them>"
        " --shard-iterator-type TRIM_HORIZON --query ShardIterator --output text)",
        "21 to 40 digits, rising as integers within a shard. Lengths may differ.",
        "Longer ones are refused: widen `_NUMBER` in `chalicelib/core/visits/stream_batch.py` and `_NUMBER_BYTES` in"
        " `chalicelib/core/visits/open_counter.py`.",
        sequence_numbers,
        ("streams 4", "streams 5"),
        requests=0,
    ),
    Check(
        "final-call",
        "Is there a call without records at the end of a window, and does it succeed?",
        'aws logs filter-log-events --log-group-name "/aws/lambda/$STACK-rows" --start-time'
        " $(date -d '1 hour ago' +%s000) --filter-pattern '{ $.counted = 0 && $.known = 0 && $.skipped = 0 }'",
        "Lines, 15 to 17 minutes after a visit; no errors of the function in the last hour.",
        "Errors: the answer must contain `state` also for no records (`chalicelib/workers.py`). No lines: nothing.",
        final_calls,
        ("streams 1",),
        requests=0,
    ),
    Check(
        "iterator-age",
        "Is there a metric of how long rows wait?",
        f"aws cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name IteratorAge {_HOUR}"
        ' --statistics Maximum --dimensions "Name=FunctionName,Value=$STACK-rows"',
        "A value of less than an hour, some minutes after a click.",
        "Without one `RowsAgeAlarm` is silent: `RowsSilentAlarm` alone watches. Raise an issue with the metric's name.",
        iterator_age,
        ("streams 8",),
        requests=0,
    ),
    Check(
        "conflicts",
        "How many writes of counters lose against another one?",
        "for M in ConditionalCheckFailedRequests ConsumedWriteCapacityUnits; do aws cloudwatch get-metric-statistics"
        f" --namespace AWS/DynamoDB --metric-name $M {_HOUR} --statistics Sum"
        ' --dimensions "Name=TableName,Value=$CLICKS"; done',
        "Less than one for ten units written in the last hour.",
        "Raise `CountWaitSeconds` or `CountBatch`: larger batches meet less often.",
        conflicts,
        ("streams 10",),
        requests=0,
    ),
)
