"""The stores that counting is tried on: MiniStack, and DynamoDB Local, AWS's own, for a second opinion.

`make test STORE=dynamodb-local` installs the latter (tests/stores) and runs the tests of this folder on it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from dev.local import local_aws
from dev.local.ports import own_port
from tests.paths import ROOT

MINISTACK = "ministack"
DYNAMODB_LOCAL = "dynamodb-local"
_INSTALLED = ROOT / ".stores" / "node_modules" / "amplify-dynamodb-simulator" / "emulator"
_BOUND_TO_LOOPBACK = ROOT / "tests" / "stores" / "dynamodb-local.xml"
_FOR_A_SHORT_LIFE = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # a third less work: it pays to compile little
_STARTED = re.compile(r"Started ServerConnector.*\{127\.0\.0\.1:(\d+)\}")
_START_SECONDS = 60
_STOP_SECONDS = 5  # it has nothing to save


class NoStore(Exception):
    """The store cannot be had; the message is a sentence for a person."""


def running(name: str, folder: Path) -> AbstractContextManager[int]:
    """Run the store called ``name``, with its files in ``folder``, for the length of a ``with``; yields its port.

    Raises:
        NoStore: there is none of that name, or what it needs is not here, or it does not start.
    """
    if name not in _STORES:
        raise NoStore(f"STORE is {name!r}; it must be one of: {', '.join(_STORES)}.")
    return _STORES[name](folder)


@contextmanager
def _ministack(folder: Path) -> Iterator[int]:
    port = own_port()
    local_aws.start_detached(port, folder)
    try:
        yield port
    finally:
        local_aws.stop_detached(folder)


@contextmanager
def _dynamodb_local(folder: Path) -> Iterator[int]:
    java, jar = shutil.which("java"), _INSTALLED / "DynamoDBLocal.jar"
    if java is None or not jar.exists():
        missing = "java, which is not on the path" if java is None else f"{jar}, which `make` installs"
        raise NoStore(f"make test STORE={DYNAMODB_LOCAL} needs Java 17 or later and npm: there is no {missing}.")
    options = [f"-Djava.library.path={_INSTALLED / 'DynamoDBLocal_lib'}", "-Dorg.eclipse.jetty.LEVEL=INFO"]
    command = [java, *_FOR_A_SHORT_LIFE, *options, "-cp", str(jar)]
    command += ["org.eclipse.jetty.xml.XmlConfiguration", str(_BOUND_TO_LOOPBACK)]
    log = folder / "dynamodb-local.log"
    with log.open("wb") as output:
        process = local_aws.start(command, os.environ | {"DDB_LOCAL_TELEMETRY": "0"}, output=output.fileno())
    try:
        yield _port_once_started(process, log)
    finally:
        local_aws.stop(process, seconds=_STOP_SECONDS)


def _port_once_started(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the free port that the system gave it: no other process can answer there."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if started := _STARTED.search(log.read_text("utf-8", "replace")):
            return int(started[1])
        time.sleep(0.05)
    raise NoStore(f"DynamoDB Local did not start. It said: {log.read_text('utf-8', 'replace')[-2000:]}")


_STORES: dict[str, Callable[[Path], AbstractContextManager[int]]] = {
    MINISTACK: _ministack,
    DYNAMODB_LOCAL: _dynamodb_local,
}
