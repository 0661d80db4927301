"""How long each kind of call to AWS may take, and how often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypedDict

    class Timeouts(TypedDict):
        """The limits of a client: of each attempt in seconds, and of the number of attempts."""

        seconds_to_connect: float
        seconds_to_read: float
        attempts: int


READ: Timeouts = {"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 2}
"""A visitor waits for a read: two attempts of half a second, with hardly a pause."""
WRITE: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 2, "attempts": 3}
"""A write may take longer, within API Gateway's 29 seconds."""
BEST_EFFORT: Timeouts = {"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 1}
"""For optional calls, whose failure the caller ignores."""
QUEUE_CLICK: Timeouts = {"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 1}
"""A visitor may wait for it; a click that is not queued goes into the log."""
QUEUE_FILE: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 2, "attempts": 3}
STORE_FILE: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 10, "attempts": 4}
BACKGROUND: Timeouts = {"seconds_to_connect": 1, "seconds_to_read": 5, "attempts": 4}
"""For any call to DynamoDB of a background function: up to 20 seconds, which it has left when it starts one."""
