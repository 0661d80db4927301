"""How often somebody may do something: windows of time that begin at full hours, days, minutes (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A span of ``seconds`` in which something may be done ``most`` times."""

    name: str
    seconds: int
    most: int

    def start(self, now: datetime) -> int:
        """Return when the window of ``now`` began, in seconds since 1970."""
        return int(now.timestamp()) // self.seconds * self.seconds

    def seconds_left(self, now: datetime) -> int:
        """Return after how many whole seconds the next window begins, 1 at least."""
        return self.start(now) + self.seconds - int(now.timestamp())


def headers(spent: Mapping[Window, int], now: datetime) -> dict[str, str]:
    """Return the headers that tell a client what it may still do (draft-ietf-httpapi-ratelimit-headers)."""
    if not spent:
        return {}
    policy = ", ".join(f'"{each.name}";q={each.most};w={each.seconds}' for each in spent)
    left = ", ".join(
        f'"{each.name}";r={max(0, each.most - count)};t={each.seconds_left(now)}' for each, count in spent.items()
    )
    return {"RateLimit-Policy": policy, "RateLimit": left}
