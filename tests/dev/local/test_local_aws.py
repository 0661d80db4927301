"""The AWS on this machine: its addresses, its ports, and its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.local import local_aws
from dev.local.ports import own_port


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost:4566", True),
        ("http://[::1]:4566/", True),
        ("https://s3.eu-west-1.amazonaws.com", False),
        ("http://127.0.0.1.example.com:4566", False),
        ("http://192.168.0.7:4566", False),
        ("", False),
    ],
)
def test_this_machine_has_three_names(url: str, is_here: bool) -> None:  # noqa: FBT001  # a column of the table
    """Only for these are packages built for this machine's processor."""
    assert local_aws.is_local({"AWS_ENDPOINT_URL": url}) is is_here


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "٣٤٥٦"])
def test_an_invalid_port_is_one_sentence(text: str) -> None:
    """With the name of the setting, and its value."""
    with pytest.raises(local_aws.LocalAwsFailed, match=f"AWS_PORT is '{text}'; it must be a port"):
        local_aws.port_from({"AWS_PORT": text}, "AWS_PORT", 4566)


@pytest.mark.parametrize("environ", [{}, {"AWS_PORT": ""}])
def test_an_unset_port_is_the_default(environ: dict[str, str]) -> None:
    """An empty variable counts as unset."""
    assert local_aws.port_from(environ, "AWS_PORT", 4566) == 4566


def test_one_state_has_one_writer(tmp_path: Path) -> None:
    """A second local AWS on the same state is refused, naming the first; once that is stopped, it may start."""
    first, second = own_port(), own_port()
    local_aws.start_detached(first, tmp_path)
    try:
        with pytest.raises(local_aws.LocalAwsFailed, match=f"belongs to the local AWS on port {first}: stop that"):
            local_aws.start_detached(second, tmp_path)
        with pytest.raises(local_aws.LocalAwsFailed, match=f"on port {first}"), local_aws.running(second, tmp_path):
            pytest.fail("It runs.")
        assert not local_aws.answers(second)
    finally:
        assert local_aws.stop_detached(tmp_path)

    local_aws.start_detached(second, tmp_path)

    assert local_aws.answers(second)
    assert local_aws.stop_detached(tmp_path)


def test_nothing_but_the_local_aws_is_stopped(tmp_path: Path) -> None:
    """The process id of one that has ended may be reused."""
    (tmp_path / "ministack.pid").write_text("1")

    assert local_aws.stop_detached(tmp_path) is False
