"""Calls generated from openapi.json: no 5xx, and every response is described."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dev.local import local_aws
from tests.e2e.conftest import Running
from tests.paths import ROOT
from tests.sizes import IS_LONG, grows, usual_or_long

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = usual_or_long(2, 30)  # for each call, on top of those of the description and of the edges of its parameters
SECONDS = usual_or_long(240, 900)  # a command that hangs is ended


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """A key with all scopes."""
    command = [sys.executable, "-m", "dev.admin.keys", "make", "local", "ann", "create,read,manage,admin", "", ""]
    env = local_aws.environment(running.aws_port) | {"AWS_PORT": str(running.aws_port)}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout.strip()


@grows
@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without"])
def test_generated_calls_get_described_responses(running: Running, key: str, tmp_path: Path, with_key: bool) -> None:  # noqa: FBT001  # the case
    """Valid and invalid calls, from a fixed seed, of a bounded number.

    Without a key most calls get 401 unchecked, so that `make test` covers limits of values only with one.
    """
    phases = "examples,coverage,fuzzing" if with_key or IS_LONG else "examples,fuzzing"
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{running.base_url}/openapi.json"]
    command += ["--phases", phases, "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--continue-on-failure", "--max-redirects", "0", "--warnings", "off"]
    command += ["--request-retries", "3"]  # a saved source file starts the server again
    command += ["-H", f"X-Api-Key: {key}"] if with_key else []

    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert ran.returncode == 0, ran.stdout[-8000:]
