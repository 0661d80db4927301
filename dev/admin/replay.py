"""``make replay FILE=...``: put the rows of clicks that were spilled into the log; each still counts once.

A click of an unknown code, or one that the version before spilled, has no row before it is counted: the queue takes it.

The file is the log as exported: lines of JSON, some of them ``{"spilled": {...}}``, with or without a prefix.
``-`` reads standard input.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from dev.deploy import stages

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_AT_ONCE = 10  # messages that SQS takes in one call
_SPILLED = '{"spilled":'


def main() -> None:
    """Replay a file into the queue of a stage; exit 1 if any click could not be sent."""
    if len(sys.argv) < 2 or not sys.argv[1]:  # noqa: PLR2004  # the program and a file
        sys.exit("Which file? make replay FILE=log.txt, or FILE=- for standard input; STAGE=prod for AWS.")
    stage = sys.argv[2] if len(sys.argv) > 2 and sys.argv[2] else "local"  # noqa: PLR2004  # the second argument
    try:
        clicks = list(spilled_clicks(read_lines(sys.argv[1])))
        cloud, outputs = stages.find(stage)
        rows, others = [c for c in clicks if c.get("slot") is not None], [c for c in clicks if c.get("slot") is None]
        names = {"BASE_URL": "BaseUrl", "CLICKS_TABLE": "ClicksTable"}
        os.environ.update({name: outputs[output] for name, output in names.items()}, AWS_DEFAULT_REGION=cloud.region)
        put = put_rows(rows)
        sent = replay(others, cloud.client("sqs"), outputs["ClicksQueueUrl"])
    except FileNotFoundError:
        sys.exit(f"There is no file {sys.argv[1]}.")
    except (BotoCoreError, ClientError) as failure:
        sys.exit(f"{failure} Sending all of it again does no harm.")
    print(
        f"Of {len(clicks)} spilled clicks {put} are rows in the table now, and {sent} are in the queue again."
        " Those that had been counted will not be twice."
    )
    sys.exit(0 if put + sent == len(clicks) else 1)


def read_lines(file: str) -> Iterator[str]:
    """Yield the lines of ``file``."""
    if file == "-":
        yield from sys.stdin
        return
    with Path(file).open(encoding="utf-8", errors="replace") as lines:
        yield from lines


def spilled_clicks(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the clicks in ``lines``, each of which may hold many; one that was cut short is reported and skipped."""
    for number, line in enumerate(lines, 1):
        start = line.find(_SPILLED)
        while start >= 0:
            try:
                found, end = json.JSONDecoder().raw_decode(line, start)
            except json.JSONDecodeError:
                print(f"Line {number} is cut short: a click of it cannot be read.", file=sys.stderr)
                break
            yield found["spilled"]
            start = line.find(_SPILLED, end)


def replay(clicks: Iterable[dict[str, Any]], sqs: SQSClient, queue_url: str) -> int:
    """Send ``clicks``, ten at a time, and return how many the queue accepted."""
    remaining, sent = iter(clicks), 0
    while batch := list(islice(remaining, _AT_ONCE)):
        entries: Any = [{"Id": str(n), "MessageBody": json.dumps(click)} for n, click in enumerate(batch)]
        sent += len(sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Successful", []))
        if sys.stderr.isatty():
            print(f"\r  {sent} sent", end="", file=sys.stderr, flush=True)
    return sent


def put_rows(clicks: Iterable[dict[str, Any]]) -> int:
    """Put the rows of ``clicks``, and return how many the table took; what it throttles is put again, a second later.

    Expects the environment to name the table, before the service is imported.
    """
    from chalicelib.aws.dynamodb import row_store
    from chalicelib.core.visits.click import Click
    from chalicelib.errors import StoreUnavailable

    remaining, put = [Click.from_json(json.dumps(click)) for click in clicks], 0
    while batch := remaining[: row_store.AT_ONCE]:
        try:
            left = row_store.put_all(batch)
        except StoreUnavailable as failure:
            print(f"The table of clicks does not answer: {failure.__cause__}", file=sys.stderr)
            return put
        remaining = [*left, *remaining[row_store.AT_ONCE :]]
        put += len(batch) - len(left)
        if left:
            time.sleep(1)
        if sys.stderr.isatty():
            print(f"\r  {put} rows put", end="", file=sys.stderr, flush=True)
    return put


if __name__ == "__main__":
    main()
