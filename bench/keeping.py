"""The cost of the journal of the local AWS: writes with and without it, among 1,000 and 10,000 links; and starts.

Both write in turns of 100. Read the ratios. Exits 1 if a link is missing after the kill, or if a write takes more
than the agreed ratio to one without the journal.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from dev.local import local_aws
from dev.local.ports import own_port

LINKS, TURN, WINDOW = 10_000, 100, 1_000
AGREED = 1.1  # at most so many times what a write takes without keeping
KEPT = "with keeping"
PROGRAMS = {KEPT: local_aws.PROGRAM, "without": "ministack"}


def main() -> None:
    """Write to both, kill the one with the journal, start it again; exit 1 if a figure is worse than agreed."""
    with tempfile.TemporaryDirectory() as folder:
        ports = {name: own_port() for name in PROGRAMS}
        os.environ.update(local_aws.environment(ports[KEPT]))
        state = {name: Path(folder) / str(port) for name, port in ports.items()}
        for name, port in ports.items():
            _start(name, port, state[name])
        try:
            times = _written(ports)
            good = _told(times)
            time.sleep(2)  # as long as is promised
            killed = local_aws.detached(state[KEPT])
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            while local_aws.detached(state[KEPT]) is not None:
                time.sleep(0.01)
            print(f"start on the journal of {LINKS:,} links: {_start(KEPT, ports[KEPT], state[KEPT]):.2f} s")
            kept = _client(ports[KEPT]).get_paginator("scan").paginate(TableName="url-shortener", Select="COUNT")
            found = sum(page["Count"] for page in kept)
        finally:
            for folder_of in state.values():
                local_aws.stop_detached(folder_of)
        print(f"start after an orderly stop: {_start(KEPT, ports[KEPT], state[KEPT]):.2f} s")
        local_aws.stop_detached(state[KEPT])
        print(f"links after the kill: {found:,} of {LINKS:,}")
    sys.exit(0 if good and found == LINKS else 1)


def _start(name: str, port: int, state_dir: Path) -> float:
    """Start a local AWS and return how long it took, in seconds."""
    with _program(PROGRAMS[name]):
        begun = time.perf_counter()
        local_aws.start_detached(port, state_dir)
        return time.perf_counter() - begun


@contextmanager
def _program(name: str) -> Iterator[None]:
    usual, local_aws.PROGRAM = local_aws.PROGRAM, name
    yield
    local_aws.PROGRAM = usual


def _written(ports: dict[str, int]) -> dict[str, list[float]]:
    """Write LINKS links to each, in turns, and return how long each write took, in microseconds."""
    from dev.local import tables

    clients = {name: _client(port) for name, port in ports.items()}
    for client in clients.values():
        tables.create(client)
    times: dict[str, list[float]] = {name: [] for name in ports}
    for turn in range(0, LINKS, TURN):
        for name, client in clients.items():
            for number in range(turn, turn + TURN):
                begun = time.perf_counter()
                client.put_item(TableName="url-shortener", Item=_link(number))
                times[name].append(1e6 * (time.perf_counter() - begun))
    return times


def _told(times: dict[str, list[float]]) -> bool:
    print(f"{'us a write':14} {'first 1,000':>12} {'last 1,000':>12}")
    windows = {
        name: (statistics.median(all_of_it[:WINDOW]), statistics.median(all_of_it[-WINDOW:]))
        for name, all_of_it in times.items()
    }
    for name, (first, last) in windows.items():
        print(f"{name:14} {first:12,.0f} {last:12,.0f}")
    ratios = [kept / plain for kept, plain in zip(windows[KEPT], windows["without"], strict=True)]
    print(f"{'ratio':14} {ratios[0]:12.2f} {ratios[1]:12.2f}  agreed: at most {AGREED}")
    return max(ratios) <= AGREED


def _link(number: int) -> dict[str, Any]:
    url = f"https://example.com/a/page/of/usual/length/{number}"
    return {
        "code": {"S": f"c{number}"},
        "originalUrl": {"S": url},
        "owner": {"S": "ann"},
        "createdAt": {"S": f"2026-01-01T00:00:00.{number:06}Z"},
        "version": {"N": "1"},
    }


def _client(port: int) -> Any:
    import boto3  # it reads the environment that main sets

    return boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")


if __name__ == "__main__":
    main()
