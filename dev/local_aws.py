"""AWS on this machine: MiniStack, bound to 127.0.0.1, its state kept between runs."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_START_SECONDS = 30
_SAVE_SECONDS = 60  # to write its state; killed before that, it would lose what came since it started
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PID_FILE = "ministack.pid"


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


def is_local(environ: Mapping[str, str]) -> bool:
    """Tell whether ``environ`` leads to an AWS on this machine."""
    return environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:")


def port_in(environ: Mapping[str, str]) -> int:
    """Return the port of the AWS that ``environ`` leads to."""
    return int(environ["AWS_ENDPOINT_URL"].rpartition(":")[2])


def api_address(port: int, api_id: str) -> str:
    """Return where an API that was deployed to the AWS at ``port`` answers."""
    return f"http://127.0.0.1:{port}/_aws/execute-api/{api_id}/api"


def answers(port: int) -> bool:
    """Tell whether a MiniStack answers at ``port``."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/ready", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


def start_detached(port: int, state_dir: Path) -> None:
    """Start MiniStack so that it outlives us; ``detached`` finds it again.

    Raises:
        LocalAwsFailed
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    log = state_dir / "ministack.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=environment(port) | _settings(port, state_dir),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _wait_until_ready(process, port, log)
    (state_dir / _PID_FILE).write_text(str(process.pid))
    process.returncode = 0  # it is not ours to wait for any more


def detached(state_dir: Path) -> int | None:
    """Return the process that ``start_detached`` started, or None if it has ended."""
    file = state_dir / _PID_FILE
    if not file.exists():
        return None
    number = int(file.read_text())
    with suppress(ChildProcessError):  # not our child, unless one process both starts and stops it
        os.waitpid(number, os.WNOHANG)
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        file.unlink()
        return None
    return number


def stop_detached(state_dir: Path) -> bool:
    """Stop what ``start_detached`` started, so that it keeps its state; False: nothing was running.

    Raises:
        LocalAwsFailed: it does not stop.
    """
    number = detached(state_dir)
    if number is None:
        return False
    os.kill(number, signal.SIGTERM)
    give_up = time.monotonic() + _SAVE_SECONDS
    while detached(state_dir) is not None:
        if time.monotonic() > give_up:
            raise LocalAwsFailed(f"The local AWS (process {number}) does not stop.")
        time.sleep(0.1)
    return True


@contextmanager
def running(port: int, state_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run MiniStack for the length of a ``with``. Its log is ``ministack.log`` in ``state_dir``.

    Afterwards this program can only end: it ignores signals, so that a second Ctrl-C does not lose the state.

    Raises:
        LocalAwsFailed
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    log = state_dir / "ministack.log"
    with log.open("wb") as output:
        process = start(
            [sys.executable, "-m", "ministack"], environment(port) | _settings(port, state_dir), output=output.fileno()
        )
        try:
            _wait_until_ready(process, port, log)
            yield process
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
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


def _settings(port: int, state_dir: Path) -> dict[str, str]:
    scratch = state_dir / "tmp"  # where functions are unpacked; it leaves them there
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    return {
        "TMPDIR": str(scratch),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state_dir / "aws"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state_dir / "s3"),
        "LOG_LEVEL": "WARNING",
        "SFTP_ENABLED": "0",
    }


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        if answers(port):
            return
        time.sleep(0.05)
    raise LocalAwsFailed(f"MiniStack did not start on port {port}; {log} says why.")
