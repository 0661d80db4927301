"""``make soak``: runs the state machine test of the API with new seeds for MINUTES; prints how to repeat a failure."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

from dev.paths import ROOT

TEST = "tests/api/test_state_machine.py"


def soak(minutes: float, test: str = TEST) -> int:
    """Run ``test`` with one seed after the other until the time is over; return the number of runs.

    Raises:
        SystemExit: a run found a difference; the message has its output.
    """
    ends, runs = time.monotonic() + minutes * 60, 0
    while runs == 0 or time.monotonic() < ends:
        seed = str(secrets.randbelow(10**9))
        command = [sys.executable, "-m", "pytest", "-n", "0", test]
        ran = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"SOAK": seed}, capture_output=True, text=True, check=False
        )
        runs += 1
        print(f"  seed {seed}: {'as the model says' if ran.returncode == 0 else 'DIFFERENT'}", flush=True)
        if ran.returncode != 0:
            sys.exit(
                f"{ran.stdout}{ran.stderr}\nThe same again: SOAK={seed} {Path(sys.executable).name} -m pytest {test}"
            )
    return runs


def main() -> None:
    """Read the minutes from the arguments, and run."""
    given = sys.argv[1] if len(sys.argv) > 1 else "10"
    try:
        minutes = float(given)
    except ValueError:
        sys.exit(f"MINUTES is a number, and not {given!r}.")
    print(f"Drawing for {minutes:g} minutes; it ends with the run that is then under way.", flush=True)
    print(f"No difference in {soak(minutes)} runs.")


if __name__ == "__main__":
    main()
