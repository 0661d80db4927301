"""The whole service over real HTTP: `make run`'s own program on free ports, with a state of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT

_START_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With E2E_URL, only tests that can be asked of a deployed address run: nothing is started on this machine."""
    if url := os.environ.get("E2E_URL"):
        skip = pytest.mark.skip(reason=f"NOT TESTED: E2E_URL names {url}; this needs a service started here.")
        for item in items:
            if item.path.parent == Path(__file__).parent and item.path.name != "test_stack.py":
                item.add_marker(skip)


@dataclass
class Running:
    """A service of its own ports and state, and how to start and stop it."""

    port: int
    aws_port: int
    state_dir: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Return where its words go."""
        return self.state_dir / "run.log"

    def start(self) -> None:
        """Start it and wait for its greeting."""
        ports = {"PORT": str(self.port), "AWS_PORT": str(self.aws_port), "STATE_DIR": str(self.state_dir)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dev.run"], cwd=ROOT, env=os.environ | ports, stdout=log, stderr=log
            )
        give_up = time.monotonic() + _START_SECONDS
        while "curl " not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"It did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it as a person or a supervisor would, and wait until it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of this module's own."""
    service = Running(free_port(), free_port(), tmp_path_factory.mktemp("state"))
    service.start()
    yield service
    service.stop()
