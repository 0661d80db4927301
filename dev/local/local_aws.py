"""AWS on this machine: MiniStack, bound to 127.0.0.1, its state kept between runs."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

_START_SECONDS = 30
_SAVE_SECONDS = 60  # to write its state; killed before that, it would lose what came since it started
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PID_FILE = "ministack.pid"
_LOCK_FILE = "ministack.lock"  # held by the MiniStack whose state it is; says its port
_HERE = {"127.0.0.1", "localhost", "::1"}
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says


class LocalAwsFailed(Exception):
    """MiniStack did not start; the message is one sentence for a person."""


def environment(port: int) -> dict[str, str]:
    """Return what a program needs in its environment to talk to the AWS at ``port``, and to no other."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    elsewhere = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    direct = f"{elsewhere},127.0.0.1" if elsewhere else "127.0.0.1"
    return inherited | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def is_here(url: str) -> bool:
    """Tell whether ``url`` leads to this machine."""
    return urlsplit(url).hostname in _HERE


def is_local(environ: Mapping[str, str]) -> bool:
    """Tell whether ``environ`` leads to an AWS on this machine."""
    return is_here(environ.get("AWS_ENDPOINT_URL", ""))


def port_in(environ: Mapping[str, str]) -> int:
    """Return the port of the AWS that ``environ`` leads to."""
    return urlsplit(environ["AWS_ENDPOINT_URL"]).port or 80


def port_from(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return the port that ``environ`` names.

    Raises:
        LocalAwsFailed: it is none.
    """
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):  # noqa: PLR2004  # the ports there are
        raise LocalAwsFailed(f"{name} is {text!r}; it must be a port, 1 to 65535.")
    return int(text)


def api_address(port: int, api_id: str) -> str:
    """Return where an API that was deployed to the AWS at ``port`` answers."""
    return f"http://127.0.0.1:{port}/_aws/execute-api/{api_id}/api"


def answers(port: int) -> bool:
    """Tell whether a MiniStack answers at ``port``."""
    try:
        with _DIRECTLY.open(f"http://127.0.0.1:{port}/_ministack/ready", timeout=1):
            return True
    except OSError:
        return False


def start_detached(port: int, state_dir: Path) -> None:
    """Start MiniStack so that it outlives us; ``detached`` finds it again.

    Raises:
        LocalAwsFailed: it does not start, or another one has its state in ``state_dir``.
    """
    process = _ministack(port, state_dir, outlives_us=True)
    _wait_until_ready(process, port, state_dir)
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
        _locked(state_dir).close()
    except BlockingIOError:
        return number
    file.unlink()  # it has ended, and its number may be another's by now
    return None


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
        LocalAwsFailed: it does not start, or another one has its state in ``state_dir``.
    """
    process = _ministack(port, state_dir)
    try:
        _wait_until_ready(process, port, state_dir)
        yield process
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop(process, seconds=_SAVE_SECONDS)


def start(
    command: list[str],
    env: Mapping[str, str],
    *,
    output: int | None = None,
    keep_open: Sequence[int] = (),
    outlives_us: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program that Ctrl-C does not reach (we stop it in order), and that does not outlive us (on Linux)."""
    return subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        pass_fds=keep_open,
        preexec_fn=_die_with_parent if sys.platform == "linux" and not outlives_us else None,  # noqa: PLW1509  # no threads yet, one syscall
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


def _ministack(port: int, state_dir: Path, *, outlives_us: bool = False) -> subprocess.Popen[bytes]:
    state_dir.mkdir(parents=True, exist_ok=True)
    with _hold(state_dir, port) as lock, (state_dir / "ministack.log").open("wb") as log:
        (state_dir / _PID_FILE).unlink(missing_ok=True)
        return start(
            [sys.executable, "-m", "ministack"],
            environment(port) | _settings(port, state_dir),
            output=log.fileno(),
            keep_open=[lock.fileno()],
            outlives_us=outlives_us,
        )


def _hold(state_dir: Path, port: int) -> IO[str]:
    """Return a file: while it is open, here or in MiniStack, no other MiniStack gets this state, to overwrite it."""
    try:
        lock = _locked(state_dir)
    except BlockingIOError:
        holder = (state_dir / _LOCK_FILE).read_text()
        raise LocalAwsFailed(
            f"{state_dir} belongs to the local AWS on port {holder}: stop that first (`make down`, or Ctrl-C in its"
            " terminal), or choose another STATE_DIR."
        ) from None
    lock.truncate(0)
    lock.write(str(port))
    lock.flush()
    return lock


def _locked(state_dir: Path) -> IO[str]:
    lock = (state_dir / _LOCK_FILE).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise
    return lock


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
        "IOT_MTLS_ENABLED": "0",  # BIND_HOST does not hold there: it would listen on every interface
    }


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, state_dir: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        if answers(port):
            return
        time.sleep(0.05)
    raise LocalAwsFailed(f"MiniStack did not start on port {port}; {state_dir / 'ministack.log'} says why.")
