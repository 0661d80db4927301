"""How long anybody waits for AWS."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws import clients


@pytest.mark.parametrize(
    ("client", "connect", "read", "attempts"),
    [
        pytest.param(clients.reads, 0.5, 0.5, 2, id="a visitor's read"),
        pytest.param(clients.writes, 1, 2, 3, id="a write fits API Gateway's 29 seconds"),
        pytest.param(clients.glances, 0.5, 0.5, 1, id="what a visitor gains nothing from"),
        pytest.param(clients.queue, 0.5, 0.5, 1, id="a click"),
    ],
)
def test_nobody_waits_longer_than_agreed(client: Any, connect: float, read: float, attempts: int) -> None:
    """Left to itself botocore would wait twice API Gateway's patience."""
    config = client.meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (
        connect,
        read,
        attempts,
    )
