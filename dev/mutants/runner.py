"""``make mutants``: take away each guard of the service in turn, in a copy, and see that a test notices.

A guard that can go without any test failing is no guard: nobody would see it leave. What survives needs a test.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from dev.mutants.mutant import Mutant, Outcome
from dev.mutants.tables import MUTANTS
from dev.paths import ROOT

_COPIED = (
    *("chalicelib", "app.py", "tests", "dev", "bench", "docs", "openapi", ".chalice"),
    *("README.md", "Makefile", "pyproject.toml", "constraints.txt"),
    *("requirements.txt", "requirements-dev.txt", "requirements.lock"),
)
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
_AT_ONCE = 2
_TIMEOUT = 120  # seconds that one run of tests may take; an endless loop is no failing test
_ALL_TIMEOUT = 900  # seconds for all of them together, before anything is taken away
_CLEANING_UP = 20  # seconds that tests have to stop what they started
_A_TEST_FAILED = 1  # pytest's status; 2 to 5 are its own failures: nothing collected, no such test, interrupted


def main() -> None:
    """Try the mutants whose names contain the argument, or all; exit with 1 unless every one is killed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the copies go, too
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [mutant for mutant in MUTANTS if part in mutant.name]
    if not chosen:
        sys.exit(f"No mutant has {part!r} in its name.")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        whole = Path(folder) / "whole"
        _copy(ROOT, whole)
        if outdated := [f"{mutant.name}: {why}" for mutant in chosen if (why := mutant.why_outdated(whole))]:
            sys.exit("\n".join(["The tables of dev/mutants are out of date.", *outdated]))
        _check_whole(whole, chosen)
        outcomes = _try_all(whole, chosen)
    survivors = [mutant.name for mutant, outcome in zip(chosen, outcomes, strict=True) if outcome.verdict != "killed"]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} guards are missed by a test when they are gone.")
    if survivors:
        sys.exit("No test notices: " + "; ".join(survivors))


def _check_whole(whole: Path, chosen: Sequence[Mutant]) -> None:
    """Exit where the tests fail anyway: then their failing would show nothing."""
    print("Before: every test passes while all guards are there ...", flush=True)
    status, output = _tested(whole, sorted({mutant.tests for mutant in chosen}), _ALL_TIMEOUT)
    if status != 0:
        sys.exit(f"{output}\nThe tests fail as it is; what they would miss cannot be told.")


def _try_all(whole: Path, chosen: Sequence[Mutant]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for number, outcome in enumerate(pool.map(lambda mutant: _tried(whole, mutant), chosen)):
                outcomes.append(outcome)
                place = f"{number + 1:{len(str(len(chosen)))}}/{len(chosen)}"
                print(f"{place}  {outcome.verdict:8} {outcome.seconds:5.1f} s  {chosen[number].name}", flush=True)
                if outcome.verdict == "unclear":
                    print(outcome.output, flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            sys.exit("\nStopped.")
    return outcomes


def _tried(whole: Path, mutant: Mutant) -> Outcome:
    """Take the guard away in a copy of its own, and run the tests that should notice."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=whole.parent) as folder:
        copy = Path(folder) / "project"
        _copy(whole, copy)
        (copy / mutant.file).write_text(mutant.mutated(whole), "utf-8")
        status, output = _tested(copy, [mutant.tests], _TIMEOUT)
    # What fails while a test is being prepared, a store that does not start for one, is an error and no failure.
    failed = status == _A_TEST_FAILED and re.search(r"^FAILED ", output, re.MULTILINE)
    verdict: Literal["killed", "survived", "unclear"] = "killed" if failed else "survived" if status == 0 else "unclear"
    return Outcome(verdict, time.monotonic() - started, output)


def _tested(project: Path, tests: Sequence[str], timeout: int) -> tuple[int, str]:
    """Run ``tests`` in ``project`` for at most ``timeout`` seconds; return its status and how its output ends."""
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={project}.tmp"]
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=project,
        # Compiled files are told apart by size and second: a guard could be gone and still be run.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "REQUIRE_ALL": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = running.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGINT)
        output = _rest_of_output(running) + f"\nStopped after {timeout} seconds."
        return -1, output[-2000:]
    return running.returncode, output[-2000:]


def _rest_of_output(running: subprocess.Popen[str]) -> str:
    try:
        return running.communicate(timeout=_CLEANING_UP)[0]
    except subprocess.TimeoutExpired:
        running.kill()
        return running.communicate()[0]


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    for name in _COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=_NOT_COPIED)
        else:
            shutil.copy(source / name, target)
