"""How long a link's day of five million rows takes to close, and in how much memory: ``python -m bench.night``.

The rows are made up as pages of the table's client, of four million visitors; everything else is stored in a table in
memory. The job is killed three times on its way and goes on where it was; another link's day is closed meanwhile.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.local import local_aws

ROWS, VISITORS = 5_000_000, 4_000_000
_A_PAGE = 4_000  # rows of 250 bytes, in a megabyte
_KILLED_AFTER = (0.2, 0.5, 0.8)  # of all rows
_EXPECTED_BYTES = 256 * 1024 * 1024
_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"


class Killed(BaseException):
    """Stands for the end of the process."""


def main() -> None:
    """Fold a day, and print what it took."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    os.environ.update(local_aws.environment(1), BASE_URL="https://sho.rt")
    del os.environ["AWS_ENDPOINT_URL"]  # moto takes AWS's own
    from moto import mock_aws

    with mock_aws():
        print(closed(rows, rows * VISITORS // ROWS))


def closed(rows: int, visitors: int) -> str:
    """Fold a day of so many rows, killed three times; return a line that says what it took.

    Expects tables in memory; the environment is set before the service is imported.
    """
    import boto3

    from chalicelib.aws.dynamodb import click_store, row_store
    from chalicelib.core.visits.click import Click
    from chalicelib.core.visits.night_job import NightJob
    from chalicelib.usecases import close_day
    from dev.local import tables

    tables.create(boto3.client("dynamodb"))
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    night = midnight + timedelta(days=2, hours=2)
    kills = [int(share * rows) for share in _KILLED_AFTER]
    real, other = row_store.page, ["other"]

    def item(number: int) -> dict[str, Any]:
        click = Click(
            id=f"{number:016x}",
            link_id="huge",
            at=midnight + timedelta(milliseconds=number * 86_400_000 // rows),
            agent=_AGENT,
            country=f"{chr(65 + number % 10)}{chr(65 + number // 10 % 12)}",
            referrer=f"www.site-{number % 300}.example",
            visitor=f"{number % visitors:024x}",
            requested_as="navigation",
            slot=0,
            expires_at=2_000_000_000,
        )
        return dict(row_store.to_item(click))

    def page(code: str, slot: int, day: str, after: str, *, consistent: bool) -> tuple[list[Any], bool]:
        if code != "huge":
            return real(code, slot, day, after, consistent=consistent)
        first = int(after.rpartition("#")[2], 16) + 1 if after else 0
        if kills and first >= kills[0]:
            kills.pop(0)
            for name in other:  # another link's day, while this one is at work
                close_day.run(NightJob("fold", name, "2026-11-24"), night)
            raise Killed
        last = min(first + _A_PAGE, rows)
        return [item(number) for number in range(first, last)], last < rows

    row_store.page = page
    row_store.put(Click(id="1", link_id="other", at=midnight, slot=0, expires_at=2_000_000_000))
    close_day.SAVE_EVERY = 2.0  # seconds: a job that is killed goes on from there

    started, runs = time.perf_counter(), 0
    for _ in _until_done():
        runs += 1
        try:
            close_day.run(NightJob("fold", "huge", "2026-11-24"), night)
        except Killed:
            continue
        break
    took = time.perf_counter() - started
    (folded,) = click_store.days_of("huge", "2026-11-24", "2026-11-24", night)
    (another,) = click_store.days_of("other", "2026-11-24", "2026-11-24", night)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if folded.counts["visits"] != rows or not another.is_folded or runs != len(_KILLED_AFTER) + 1:
        raise RuntimeError(f"{folded.counts['visits']} of {rows} rows, {runs} runs, {another}")
    off = (folded.visitors or 0) / visitors - 1
    return (
        f"{rows:,} rows of {visitors:,} visitors: {took:,.0f} s in {runs} runs,"
        f" {peak / 1e6:,.0f} MB at most (the process and the tables in memory); visitors off by {off:+.2%}"
    )


def _until_done() -> Iterator[None]:
    while True:
        yield None


if __name__ == "__main__":
    main()
