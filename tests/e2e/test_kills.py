"""`kill -9` of each process of `make run` in turn, while links are being created: acknowledged data is kept."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.local import demo
from dev.local.demo import Outcome
from tests.e2e.conftest import Running
from tests.e2e.test_run import family_of
from tests.sizes import only_long

_DURABLE_AFTER = 2.0  # seconds after which acknowledged data survives a kill
_LINKS = 1000
_VISITED = 10  # every tenth


@dataclass(frozen=True)
class Made:
    """A link, when its creation was acknowledged, and when its visit was, if it was visited."""

    link: Outcome
    at: float
    visited_at: float | None


@only_long
@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize(
    "victim",
    ["dev.local.kept_aws", "dev.local.chalice_local", "dev.local.run", "ministack-lambda-shortener-local-rows"],
)
def test_kill_loses_nothing_older_than_two_seconds(running: Running, victim: str, turn: int) -> None:
    """After a restart each link leads to its target, and each visit has been counted once."""
    if sys.platform != "linux":
        pytest.skip("NOT TESTED: kills. The processes are found in /proc, which only Linux has.")
    assert running.process is not None
    made = make(running, f"{victim}/{turn}/first", _LINKS // 2)
    until = time.monotonic() + _DURABLE_AFTER
    while time.monotonic() < until:
        made += make(running, f"{victim}/{turn}/{len(made)}", 10)
    family = family_of(running.process.pid)
    process = process_of(running, victim)
    killed: list[float] = []

    def kill() -> None:
        killed.append(time.monotonic())
        os.kill(process, signal.SIGKILL)

    made += make(running, f"{victim}/{turn}/last", _LINKS // 2, at_half=kill)
    stop_all(running, family)
    assert ("The local AWS was ended by signal 9." in running.log.read_text()) is (victim == "dev.local.kept_aws")
    running.start()

    old = killed[0] - _DURABLE_AFTER
    visited = [each.link for each in made if each.visited_at is not None and each.visited_at < old]
    assert len(visited) >= _LINKS // 2 // _VISITED
    assert demo.wait_for_clicks(visited) == len(visited)
    durable = [each.link for each in made if each.at < old]
    assert len(durable) >= _LINKS // 2
    assert all(demo.in_parallel("followed", demo.redirects_exactly, durable))


def make(running: Running, name: str, links: int, at_half: Callable[[], None] | None = None) -> list[Made]:
    """Create ``links`` links with a few clients, call ``at_half`` in the middle, and return those acknowledged."""

    def attempt(number: int) -> Made | None:
        if at_half is not None and number == links // 2:
            at_half()
        with suppress(OSError, http.client.HTTPException, ValueError):  # no response, or half of one
            link = demo.shorten(running.base_url, f"https://example.com/{name}/{number}")
            at = time.monotonic()
            if link.status == 201:
                visited = number % _VISITED == 0 and follow(link)
                return Made(link, at, time.monotonic() if visited else None)
        return None

    return [made for made in demo.in_parallel("made", attempt, range(links)) if made is not None]


def follow(link: Outcome) -> bool:
    """Visit a link; tell whether the visit was acknowledged."""
    with suppress(OSError, http.client.HTTPException):
        return demo.redirects_exactly(link)
    return False


def process_of(running: Running, victim: str) -> int:
    """Return the process with ``victim`` in its command line, waiting for one to start if necessary."""
    assert running.process is not None
    deadline = time.monotonic() + demo.COUNT_SECONDS
    while time.monotonic() < deadline:
        for process in family_of(running.process.pid):
            with suppress(OSError):  # it has just ended
                if victim.encode() in Path(f"/proc/{process}/cmdline").read_bytes():
                    return process
        time.sleep(0.1)
    raise AssertionError(f"There is no process of {victim}.")


def stop_all(running: Running, family: set[int]) -> None:
    """Stop `make run` if it is still running, and wait until all its processes have ended."""
    running.stop()
    deadline = time.monotonic() + demo.COUNT_SECONDS
    while left := {process for process in family if Path(f"/proc/{process}").exists()}:
        assert time.monotonic() < deadline, f"{left} do not end."
        time.sleep(0.1)
