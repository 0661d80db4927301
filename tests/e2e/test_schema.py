"""Calls generated from the descriptions: no 5xx, and every response is described."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dev import openapi
from tests.e2e.conftest import Running, make_key
from tests.paths import ROOT
from tests.sizes import IS_LONG, grows, only_long, usual_or_long

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = usual_or_long(2, 30)  # for each call, on top of those of the description and of the edges of its parameters
FOLLOWING = usual_or_long(8, 100)  # seconds of calls that follow others: 20 to 40 a second
SECONDS = 900 if IS_LONG else 240  # a command that hangs is ended


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """A key with all scopes."""
    return make_key(running.aws_port, "ann", "create,read,manage,admin")


def run_all(folder: Path, description: str, key: str, phases: str, most: int, *more: str) -> int:
    """Run the phases of schemathesis from a fixed seed; return how many calls it made, none of which failed a check."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", description, *more]
    command += ["--phases", phases, "--max-examples", str(most), "--seed", "1", "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--continue-on-failure", "--max-redirects", "0", "--warnings", "off"]
    command += ["--request-retries", "3"]  # a saved source file starts the server again
    command += ["-H", f"X-Api-Key: {key}"] if key else []
    hooks = {
        "SCHEMATHESIS_HOOKS": "tests.e2e.schema_hooks",
        "KEY_ID": key.split("_")[1] if key else "",
        "PYTHONPATH": str(ROOT),
    }

    ran = subprocess.run(
        command, cwd=folder, env=os.environ | hooks, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    made = re.search(r"([0-9]+) generated", ran.stdout)
    assert made, ran.stdout[-2000:]
    return int(made[1])


@grows
def test_generated_calls_get_described_responses(running: Running, key: str, tmp_path: Path) -> None:
    """Valid and invalid calls, with a key that may all."""
    made = run_all(tmp_path, f"{running.base_url}/openapi.json", key, "examples,coverage,fuzzing", EXAMPLES)

    assert made > 19 * EXAMPLES


@only_long
def test_generated_calls_without_a_key_get_described_responses(running: Running, tmp_path: Path) -> None:
    """Most get 401 before anything else is checked."""
    made = run_all(tmp_path, f"{running.base_url}/openapi.json", "", "examples,coverage,fuzzing", EXAMPLES)

    assert made > 19 * EXAMPLES


@grows
def test_calls_that_follow_others_get_described_responses(running: Running, key: str, tmp_path: Path) -> None:
    """Links, imports, exports and keys that a call created are shown, changed, listed and deleted by the next ones."""
    own_key_only = "--generation-with-security-parameters=false"
    until = ("--max-time", str(FOLLOWING))  # by their number alone it ends after a few

    made = run_all(tmp_path, f"{running.base_url}/openapi.json", key, "stateful", 100, own_key_only, *until)

    assert made > FOLLOWING


@grows
def test_addresses_for_visitors_get_described_responses(running: Running, tmp_path: Path) -> None:
    """Short URLs, forms, pages and their files."""
    (tmp_path / "visitors.json").write_text(json.dumps(openapi.joined(start=openapi.VISITORS)))
    phases = "examples,coverage,fuzzing" if IS_LONG else "examples,fuzzing"

    made = run_all(tmp_path, "visitors.json", "", phases, EXAMPLES, "--url", running.base_url)

    assert made > 10 * EXAMPLES
