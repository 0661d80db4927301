"""The cost of lists with very many links: a page of the list and the look-up of an alias, with 100 and with 100,000.

In one process, in turns; read the ratios. The store is dynalite, which keeps its indexes sorted as DynamoDB does: the
local AWS sorts all links of an owner for each page, which would dominate the figures. It needs Node and npm.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from dev.local import local_aws

PORT = int(os.environ.get("AWS_PORT") or 4599)
DYNALITE = "dynalite@4.0.0"
FOLDER = Path(__file__).parent.parent / ".local" / "dynalite"
PROGRAM = FOLDER / "node_modules" / "dynalite" / "cli.js"
OWNERS = {"few": 100, "many": 100_000}
ROUNDS = 100
AGREED = {"a page of 20": 1.5, "an alias": 1.1}  # at most so many times what it takes with 100
_AT_ONCE = 25  # items in a batch


def main() -> None:
    """Fill a table, measure, print; exit 1 if a figure is worse than agreed."""
    with _store() as port:
        os.environ.update(local_aws.environment(port), BASE_URL="https://sho.rt")
        _fill()
        good = _measure()
    sys.exit(0 if good else 1)


@contextmanager
def _store() -> Iterator[int]:
    """Run a dynalite for the length of a ``with``, installed under .local the first time; yields its port."""
    if shutil.which("npm") is None:
        sys.exit("NOT MEASURED: lists. dynalite needs Node and npm, and there is no npm here.")
    if not PROGRAM.exists():
        install = ["npm", "install", "--silent", "--ignore-scripts", "--prefix", str(FOLDER), DYNALITE]
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    command = ["node", str(PROGRAM), "--host", "127.0.0.1", "--port", str(PORT), "--createTableMs", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(PORT)
        yield PORT
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("dynalite does not start.")


def _fill() -> None:
    import boto3

    from chalicelib.aws.dynamodb import link_item
    from chalicelib.core.links.link import Link
    from dev.local import tables

    dynamodb = boto3.client("dynamodb")
    tables.create(dynamodb)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for owner, count in OWNERS.items():
        for first in range(0, count, _AT_ONCE):
            links = [
                Link(
                    id=f"{owner}-{number}",
                    url=f"https://example.com/{owner}/{number}",
                    created_at=start + timedelta(seconds=number),
                    owner=owner,
                    version=1,
                )
                for number in range(first, min(first + _AT_ONCE, count))
            ]
            puts: Any = [{"PutRequest": {"Item": link_item.to_item(link)}} for link in links]
            dynamodb.batch_write_item(RequestItems={"url-shortener": puts})
            if first % 5000 == 0:
                print(f"\r  {owner}: {first:,} of {count:,} links", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _measure() -> bool:
    from chalicelib.aws.dynamodb import link_store
    from chalicelib.core.http.pagination import Paging
    from chalicelib.usecases import list_links

    paging, everything = Paging(20, None), list_links.Filter()
    calls: dict[str, Callable[[str], object]] = {
        "a page of 20": lambda owner: list_links.list_page(owner, paging, everything, datetime.now(UTC)),
        "an alias": lambda owner: link_store.find_now(f"{owner}-{OWNERS[owner] // 2}"),
    }
    print("| call | with 100 links, ms | with 100,000, ms | times |")
    print("|---|---:|---:|---:|")
    good = True
    for title, call in calls.items():
        took: dict[str, list[float]] = {owner: [] for owner in OWNERS}
        for _ in range(ROUNDS):
            for owner, times in took.items():
                started = time.perf_counter()
                call(owner)
                times.append((time.perf_counter() - started) * 1000)
        few, many = (statistics.median(times) for times in took.values())
        good = good and many / few <= AGREED[title]
        missed = "" if many / few <= AGREED[title] else "  <-- MISSED"
        print(f"| {title} | {few:.2f} | {many:.2f} | {many / few:.2f} |{missed}")
    return good


if __name__ == "__main__":
    main()
