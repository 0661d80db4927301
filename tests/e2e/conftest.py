"""The whole service over real HTTP: `make run` on free ports, with its own state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.local import local_aws
from dev.local.ports import own_port
from tests.paths import ROOT

_START_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With E2E_URL, run only tests that a deployed address can answer; start nothing on this machine."""
    if url := os.environ.get("E2E_URL"):
        skip = pytest.mark.skip(reason=f"NOT TESTED: E2E_URL names {url}; this needs a service started here.")
        for item in items:
            if item.path.parent == Path(__file__).parent and item.path.name != "test_stack.py":
                item.add_marker(skip)


@dataclass
class Running:
    """A service with its own ports and state, which can be started and stopped."""

    port: int
    aws_port: int
    state_dir: Path
    process: subprocess.Popen[bytes] | None = None
    project: Path = ROOT
    """The sources that it runs."""

    @property
    def base_url(self) -> str:
        """Return its URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Return the path of its log."""
        return self.state_dir / "run.log"

    def start(self) -> None:
        """Start it and wait until it prints its greeting."""
        ports = {"PORT": str(self.port), "AWS_PORT": str(self.aws_port), "STATE_DIR": str(self.state_dir)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dev.local.run"],
                cwd=self.project,
                env=os.environ | ports,
                stdout=log,
                stderr=log,
            )
        give_up = time.monotonic() + _START_SECONDS
        while "curl " not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"It did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def output_of(self, module: str, *arguments: str) -> str:
        """Return what a command of an administrator, such as ``dev.admin.keys``, prints about this service."""
        environ = {name: value for name, value in os.environ.items() if name not in {"PORT", "AWS_PORT"}}
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.project,
            env=environ | {"STATE_DIR": str(self.state_dir)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it by a signal and wait until it has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)


def make_key(aws_port: int, name: str, scopes: str, *, stage: str = "local", expires_in: str = "") -> str:
    """Create an API key of a stage on the AWS at ``aws_port``, as `make key` does; return its text."""
    return subprocess.run(
        [sys.executable, "-m", "dev.admin.keys", "make", stage, name, scopes, "", expires_in],
        cwd=ROOT,
        env=os.environ | {"AWS_PORT": str(aws_port)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@contextmanager
def aws_in(folder: Path) -> Iterator[int]:
    """Run a local AWS with its state in ``folder``, which the environment names meanwhile; yield its port."""
    port = own_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_aws.environment(port).items():
            patch.setenv(name, value)
        local_aws.start_detached(port, folder)
        try:
            yield port
        finally:
            local_aws.stop_detached(folder)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service for this module."""
    service = Running(own_port(), own_port(), tmp_path_factory.mktemp("state"))
    service.start()
    yield service
    service.stop()
