"""The cost of counting a click in writes, and of its statistics in time.

The writes are those of the transactions that the service makes, sized by DynamoDB's rule: a transaction pays two write
units for each begun KB of every item that it touches. The statistics are asked of a local AWS, of a link with a million
clicks and of one with ten, in turns.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from dev.local import local_aws

PORT = int(os.environ.get("AWS_PORT") or 4599)
DOLLARS_A_MILLION_UNITS = 0.625  # us-east-1, on demand, 2026-11-24
ROUNDS = 60


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as state_dir, local_aws.running(PORT, Path(state_dir)):
        os.environ.update(local_aws.environment(PORT), BASE_URL="https://sho.rt")
        _prepare()
        _writes()
        _times()


def _prepare() -> None:
    import boto3

    from dev.local import tables

    tables.create(boto3.client("dynamodb"))


def _writes() -> None:
    print("| clicks in a batch of 100 | transactions | write units a click | dollars a million clicks |")
    print("|---|---:|---:|---:|")
    for title, links in (("of 100 links", 100), ("of 20 links", 20), ("of 5 links", 5), ("of one link", 1)):
        units, transactions = _counted(links)
        print(f"| {title} | {transactions} | {units:.1f} | {units * DOLLARS_A_MILLION_UNITS:.2f} |")


def _counted(links: int) -> tuple[float, int]:
    """Count the first 50 batches of a day; return write units per click and the transactions of the last batch."""
    import json
    import uuid

    from chalicelib.aws import clients
    from chalicelib.usecases.record_clicks import Message, record

    chance = random.Random(links)
    now = datetime.now(UTC)
    spent: list[int] = []

    def pay(params: dict[str, Any], **_: Any) -> None:
        spent.append(sum(_units(action) for action in params["TransactItems"]))

    clients.writes.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", pay, "pay")
    for _ in range(50):
        spent.clear()
        clicks = [_click(chance, f"{links}-{number % links}", now).as_message() for number in range(100)]
        recorded = record([Message(uuid.uuid4().hex, json.dumps(click)) for click in clicks], now)
        if recorded.counted != len(clicks):
            raise RuntimeError(f"{recorded} of {len(clicks)}")
    clients.writes.meta.events.unregister("provide-client-params.dynamodb.TransactWriteItems", pay, "pay")
    return sum(spent) / 100, len(spent)


def _click(chance: random.Random, code: str, now: datetime) -> Any:
    from chalicelib.core.visits.click import Click

    return Click(
        id=f"{chance.getrandbits(128):032x}",
        code=code,
        at=now - timedelta(milliseconds=chance.randrange(3_600_000)),
        owner="ann",
        agent=f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{chance.randrange(90, 140)}.0) Gecko/20100101 Firefox/128",
        referrer=chance.choice([None, *(f"www.site-{n}.example" for n in range(40))]),
        country=chance.choice([f"{a}{b}" for a in "ABCDE" for b in "ABCDEFGH"]),
        language=chance.choice(["en", "de", "pt", "fr", "es", "it", "nl", "pl"]),
        visitor=f"{chance.getrandbits(96):024x}",
    )


def _units(action: dict[str, Any]) -> int:
    from chalicelib.aws import clients

    kind, write = next(iter(action.items()))
    if kind == "Put":
        item = write["Item"]
    else:
        item = clients.reads.get_item(TableName=write["TableName"], Key=write["Key"]).get("Item", {})
        item = item | write["Key"] | {name: {"N": "1"} for name in write["ExpressionAttributeNames"].values()}
    size = sum(len(name.encode()) + _size(value) for name, value in item.items())
    return 2 * -(-size // 1024)


def _size(value: dict[str, Any]) -> int:
    (kind, content), *_ = value.items()
    return len(str(content)) // 2 + 2 if kind == "N" else len(str(content).encode())


def _times() -> None:
    from chalicelib.aws.dynamodb import link_store
    from chalicelib.core.links.link import Link
    from chalicelib.core.visits.period import Period
    from chalicelib.usecases import read_statistics

    today = datetime.now(UTC).date()
    for code, clicks in (("ten", 10), ("million", 1_000_000)):
        link_store.add(Link(code=code, url="https://example.com/"), code)
        _seed(code, clicks, today)
    for title, days in (("30 days", 30), ("a year", 365)):
        period = Period(first=today - timedelta(days=days - 1), last=today, unit="day")
        took: dict[str, list[float]] = {"ten": [], "million": []}
        for _ in range(ROUNDS):
            for code, times in took.items():
                started = time.perf_counter()
                read_statistics.link_report(code, period)
                times.append((time.perf_counter() - started) * 1000)
        ten, million = (_shown(times) for times in took.values())
        ratio = statistics.median(took["million"]) / statistics.median(took["ten"])
        print(f"\nstatistics of {title}, ms: ten clicks {ten}; a million {million}; {ratio:.2f} times")


def _seed(code: str, clicks: int, today: date) -> None:
    """Write day items of closed days for a link: the same names, whatever the traffic."""
    from chalicelib.aws.dynamodb import click_store
    from chalicelib.core.visits.counters import CounterKey, Day

    for back in range(365):
        day = (today - timedelta(days=back)).isoformat()
        counts = Counter({"visits": clicks // 365 + 1, "humans": clicks // 365 + 1})
        for breakdown, names in (
            ("countries", 20),
            ("referrers", 20),
            ("browsers", 8),
            ("languages", 8),
            ("systems", 5),
        ):
            counts.update({f"{breakdown}#name-{n}": clicks // 365 // names + 1 for n in range(names)})
        closed = Day(date=day, counts=counts, visitors=clicks // 730)
        click_store.close(CounterKey(code, day), Day(date=day, counts={}), closed, None, {})


def _shown(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})"


if __name__ == "__main__":
    main()
