"""Commands find the running local AWS, or name the remedy."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from dev.deploy import stack, stages
from dev.local import demo, local_aws
from dev.local.ports import own_port
from tests.loopback import serving


class Ready(BaseHTTPRequestHandler):
    """Answers as a local AWS does that is ready."""

    def do_GET(self) -> None:
        """Say that it is."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def answering() -> Iterator[int]:
    """The port of something that answers as a local AWS does."""
    with serving(Ready) as server:
        yield server.server_port


@pytest.fixture
def running(answering: int, tmp_path: Path) -> Iterator[int]:
    """The port of a local AWS that has its state in ``tmp_path``."""
    with (tmp_path / "ministack.lock").open("w") as lock:
        lock.write(str(answering))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield answering


@pytest.mark.parametrize("environ", [{}, {"AWS_PORT": ""}])
def test_the_running_local_aws_is_found(running: int, tmp_path: Path, environ: dict[str, str]) -> None:
    """Even on an unusual port that is not given."""
    assert stages.local_port({"STATE_DIR": str(tmp_path), **environ}) == running


def test_a_given_port_takes_precedence(running: int, tmp_path: Path) -> None:
    """Even if another local AWS uses the state directory, as long as it responds."""
    with serving(Ready) as other:
        port = stages.local_port({"STATE_DIR": str(tmp_path), "AWS_PORT": str(other.server_port)})

    assert port == other.server_port != running


def test_a_wrong_port_names_the_right_one(running: int, tmp_path: Path) -> None:
    """The message does not claim that none runs."""
    unused = own_port()

    with pytest.raises(
        local_aws.LocalAwsFailed, match=rf"port {unused}, but .* on port {running}: say AWS_PORT={running}"
    ):
        stages.local_port({"STATE_DIR": str(tmp_path), "AWS_PORT": str(unused)})


def test_a_lock_file_alone_is_not_trusted(answering: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It remains when its local AWS is killed, and another one may use its port since."""
    monkeypatch.setattr(local_aws, "DEFAULT_PORT", own_port())
    (tmp_path / "ministack.lock").write_text(str(answering))

    with pytest.raises(local_aws.LocalAwsFailed, match=rf"No local AWS runs with its state in {tmp_path}.* make run"):
        stages.local_port({"STATE_DIR": str(tmp_path)})


@pytest.mark.parametrize("content", ["", "no port", None])
def test_without_a_local_aws_the_message_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    """And which settings to repeat if one runs elsewhere."""
    monkeypatch.setattr(local_aws, "DEFAULT_PORT", own_port())
    if content is not None:
        (tmp_path / "ministack.lock").write_text(content)

    with pytest.raises(
        local_aws.LocalAwsFailed, match=r"Start it: make run, or make up.*another STATE_DIR or AWS_PORT"
    ):
        stages.local_port({"STATE_DIR": str(tmp_path)})


def test_aws_settings_of_the_shell_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local AWS uses no profile or region of the developer."""
    environ = {"AWS_PROFILE": "work", "AWS_REGION": "eu-west-1", "AWS_PORT": "4566", "HOME": "/home/ann"}
    monkeypatch.setattr("os.environ", environ)

    local_aws.use(4570)

    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4570"
    assert environ["AWS_DEFAULT_REGION"] == "us-east-1"
    assert environ["HOME"] == "/home/ann"
    assert not {"AWS_PROFILE", "AWS_REGION", "AWS_PORT"} & environ.keys()


@pytest.mark.parametrize(("port", "address"), [("8001", "http://127.0.0.1:8001"), ("", "https://sho.rt")])
def test_the_demo_finds_the_server(monkeypatch: pytest.MonkeyPatch, port: str, address: str) -> None:
    """At PORT, or at the base URL of the stack."""
    monkeypatch.setattr(stages, "find", lambda _: (stack.Cloud("us-east-1"), {"BaseUrl": "https://sho.rt"}))
    monkeypatch.setenv("PORT", port)

    assert demo.address() == address
