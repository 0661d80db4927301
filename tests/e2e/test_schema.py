"""Calls that nobody thought of, made from openapi.json: no 5xx, and no answer that the description does not know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dev import local_aws
from tests.e2e.conftest import Running
from tests.paths import ROOT

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = 12  # for each call, on top of those of the description and of the edges of its parameters
SECONDS = 240


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """A key that may do everything."""
    command = [sys.executable, "-m", "dev.keys", "make", "local", "ann", "create,read,manage,admin", "", ""]
    env = local_aws.environment(running.aws_port) | {"AWS_PORT": str(running.aws_port)}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without"])
def test_no_call_finds_the_service_unprepared(running: Running, key: str, tmp_path: Path, with_key: bool) -> None:  # noqa: FBT001  # the case
    """Valid, invalid and odd: a fixed seed, a bounded number of calls."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{running.base_url}/openapi.json"]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--continue-on-failure", "--max-redirects", "0", "--warnings", "off"]
    command += ["--request-retries", "3"]  # a saved source file starts the server again
    command += ["-H", f"X-Api-Key: {key}"] if with_key else []

    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert ran.returncode == 0, ran.stdout[-8000:]
