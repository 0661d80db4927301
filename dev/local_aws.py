"""AWS on this machine: MiniStack, bound to 127.0.0.1, its state kept between runs."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_START_SECONDS = 30
_SAVE_SECONDS = 60  # to write its state; killed before that, it would lose what came since it started
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class LocalAwsFailed(Exception):
    """MiniStack did not start; the message is one sentence for a person."""


def environment(port: int) -> dict[str, str]:
    """Return what a program needs in its environment to talk to the AWS at ``port``, and to no other."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return inherited | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def dynamodb(port: int) -> DynamoDBClient:
    """Return a client of the DynamoDB at ``port``."""
    env = environment(port)
    client: DynamoDBClient = boto3.client(
        "dynamodb",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_DEFAULT_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
    return client


@contextmanager
def running(port: int, state_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run MiniStack for the length of a ``with``; its log is ``ministack.log`` in ``state_dir``.

    Raises:
        LocalAwsFailed
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    log = state_dir / "ministack.log"
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state_dir / "aws"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state_dir / "s3"),
        "LOG_LEVEL": "WARNING",
        "SFTP_ENABLED": "0",
    }
    with log.open("wb") as output:
        process = start([sys.executable, "-m", "ministack"], environment(port) | settings, output=output.fileno())
        try:
            _wait_until_ready(process, port, log)
            yield process
        finally:
            stop(process, seconds=_SAVE_SECONDS)


def start(command: list[str], env: Mapping[str, str], *, output: int | None = None) -> subprocess.Popen[bytes]:
    """Start a program that Ctrl-C does not reach (we stop it in order) and that does not outlive us (on Linux)."""
    return subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # no threads yet, one syscall
    )


def stop(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """End a program gracefully, or after ``seconds`` by force."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/ready", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise LocalAwsFailed(f"MiniStack did not start on port {port}; {log} says why.")
