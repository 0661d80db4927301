"""A circuit breaker: after a failure, a service is not called for a while.

Without it, every visitor would wait for the timeout of a service that does not respond.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_PAUSE = timedelta(seconds=2)


class CircuitBreaker:
    """The state of one service. The first call after the pause tries it again."""

    def __init__(self) -> None:
        self._failed_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether the service failed recently and must not be called at ``now`` (aware).

        If the clock is set back, the pause ends, rather than last an hour longer.
        """
        return self._failed_at is not None and timedelta(0) <= now - self._failed_at < _PAUSE

    def trip(self, now: datetime) -> None:
        """Record that the service failed at ``now`` (aware)."""
        self._failed_at = now

    def reset(self) -> None:
        """Close the breaker, as in a new container."""
        self._failed_at = None
