"""The circuit breaker: no calls for a while to what has just failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.circuit_breaker import CircuitBreaker

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "is_open"), [(0, True), (1.9, True), (2, False), (-1, False)])
def test_a_circuit_breaker_is_open_for_two_seconds(seconds: float, *, is_open: bool) -> None:
    """From the failure on; a clock that was set back closes it."""
    breaker = CircuitBreaker()
    assert not breaker.is_open(NOON)

    breaker.trip(NOON)

    assert breaker.is_open(NOON + timedelta(seconds=seconds)) is is_open
    breaker.reset()
    assert not breaker.is_open(NOON)
