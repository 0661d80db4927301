"""AWS on this machine: MiniStack, bound to 127.0.0.1; its state survives restarts and kills."""

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

from dev.paths import ROOT

DEFAULT_PORT = 4566
PROGRAM = "dev.local.kept_aws"  # MiniStack with a journal; plain "ministack" to compare with in benchmarks
_START_SECONDS = 30
_SAVE_SECONDS = 60  # to write its state; if it is killed before that, the next start reads its journal
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PID_FILE = "ministack.pid"
_LOCK_FILE = "ministack.lock"  # held by the MiniStack that uses this state; contains its port
_HERE = {"127.0.0.1", "localhost", "::1"}
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # ignores http_proxy


class LocalAwsFailed(Exception):
    """MiniStack did not start; the message is one sentence for a person."""


def environment(port: int) -> dict[str, str]:
    """Return the environment in which a program uses the AWS at ``port``, and no other."""
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


def use(port: int) -> None:
    """Make this program, and its children, use the AWS at ``port``, whatever the shell sets for AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(environment(port))


def state_dir_in(environ: Mapping[str, str]) -> Path:
    """Return the state directory of the local AWS, from ``environ``."""
    return Path(environ.get("STATE_DIR") or ROOT / ".local").resolve()


def is_here(url: str) -> bool:
    """Tell whether ``url`` is on this machine."""
    return urlsplit(url).hostname in _HERE


def is_local(environ: Mapping[str, str]) -> bool:
    """Tell whether ``environ`` names an AWS on this machine."""
    return is_here(environ.get("AWS_ENDPOINT_URL", ""))


def port_in(environ: Mapping[str, str]) -> int:
    """Return the port of the AWS that ``environ`` names."""
    return urlsplit(environ["AWS_ENDPOINT_URL"]).port or 80


def port_from(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return the port that ``environ`` names.

    Raises:
        LocalAwsFailed: it is not a port.
    """
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):  # noqa: PLR2004  # the ports there are
        raise LocalAwsFailed(f"{name} is {text!r}; it must be a port, 1 to 65535.")
    return int(text)


def api_address(port: int, api_id: str) -> str:
    """Return the address of an API that was deployed to the AWS at ``port``."""
    return f"http://127.0.0.1:{port}/_aws/execute-api/{api_id}/api"


def answers(port: int) -> bool:
    """Tell whether a MiniStack responds at ``port``."""
    try:
        with _DIRECTLY.open(f"http://127.0.0.1:{port}/_ministack/ready", timeout=1):
            return True
    except OSError:
        return False


def port_of(state_dir: Path) -> int | None:
    """Return the port of the running MiniStack that has its state in ``state_dir``, or None."""
    file = state_dir / _LOCK_FILE
    port = file.read_text() if file.exists() else ""
    if not port.isdigit() or not answers(int(port)):
        return None
    try:
        _locked(state_dir).close()
    except BlockingIOError:
        return int(port)
    return None  # it has ended: another one responds there


def start_detached(port: int, state_dir: Path) -> None:
    """Start a MiniStack that outlives this process; ``detached`` finds it again.

    Raises:
        LocalAwsFailed: it does not start, or another one has its state in ``state_dir``.
    """
    process = _ministack(port, state_dir, detached_from_parent=True)
    _wait_until_ready(process, port, state_dir)
    (state_dir / _PID_FILE).write_text(str(process.pid))
    process.returncode = 0  # this process does not wait for it


def detached(state_dir: Path) -> int | None:
    """Return the process that ``start_detached`` started, or None if it has ended."""
    file = state_dir / _PID_FILE
    if not file.exists():
        return None
    number = int(file.read_text())
    with suppress(ChildProcessError):  # it is only a child if one process both starts and stops it
        os.waitpid(number, os.WNOHANG)
    try:
        _locked(state_dir).close()
    except BlockingIOError:
        return number
    file.unlink()  # it has ended, and its number may be reused
    return None


def stop_detached(state_dir: Path) -> bool:
    """Stop what ``start_detached`` started; it keeps its state. False: nothing was running.

    Raises:
        LocalAwsFailed: it does not stop.
    """
    number = detached(state_dir)
    if number is None:
        return False
    os.kill(number, signal.SIGTERM)
    deadline = time.monotonic() + _SAVE_SECONDS
    while detached(state_dir) is not None:
        if time.monotonic() > deadline:
            raise LocalAwsFailed(f"The local AWS (process {number}) does not stop.")
        time.sleep(0.1)
    return True


@contextmanager
def running(port: int, state_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run MiniStack for the length of a ``with``. Its log is ``ministack.log`` in ``state_dir``.

    Afterwards this program can only end: it ignores signals, so that a second Ctrl-C does not interrupt the stop.

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
    detached_from_parent: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program that Ctrl-C does not reach (``stop`` ends it), and that ends with this process (on Linux)."""
    return subprocess.Popen(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        pass_fds=keep_open,
        preexec_fn=_die_with_parent if sys.platform == "linux" and not detached_from_parent else None,  # noqa: PLW1509  # no threads yet, one syscall
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


def _ministack(port: int, state_dir: Path, *, detached_from_parent: bool = False) -> subprocess.Popen[bytes]:
    state_dir.mkdir(parents=True, exist_ok=True)
    with _hold(state_dir, port) as lock, (state_dir / "ministack.log").open("wb") as log:
        (state_dir / _PID_FILE).unlink(missing_ok=True)
        return start(
            [sys.executable, "-m", PROGRAM],
            environment(port) | _settings(port, state_dir),
            output=log.fileno(),
            keep_open=[lock.fileno()],
            detached_from_parent=detached_from_parent,
        )


def _hold(state_dir: Path, port: int) -> IO[str]:
    """Return a locked file: while it is open, here or in MiniStack, no other MiniStack can use this state."""
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
    scratch = state_dir / "tmp"  # MiniStack unpacks functions here, and does not delete them
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
        "IOT_MTLS_ENABLED": "0",  # it ignores BIND_HOST: it would listen on every interface
    }


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, state_dir: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(port):
            return
        time.sleep(0.05)
    raise LocalAwsFailed(f"The local AWS did not start on port {port}. {last_words(state_dir)}")


def last_words(state_dir: Path) -> str:
    """Return the last line of the log of the local AWS, and the path of the log."""
    log = state_dir / "ministack.log"
    lines = log.read_text("utf-8", "replace").split("\n") if log.exists() else []
    return " ".join(filter(None, [*[line for line in lines if line.strip()][-1:], f"Its log: {log}"]))
