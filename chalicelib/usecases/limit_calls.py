"""Count calls against the rate limit of the caller; the response headers say what is left of it."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws.dynamodb import rate_counters
from chalicelib.core import limits
from chalicelib.core.access.caller import Caller
from chalicelib.core.limits import Window
from chalicelib.errors import StoreUnavailable, TooManyRequests
from chalicelib.settings import settings

_per_key = Window("key-minute", 60, settings.key_per_minute)
_anonymous = (
    Window("anonymous-hour", 3600, settings.anonymous_per_hour),
    Window("anonymous-day", 86400, settings.anonymous_per_day),
)


def limits_anonymous() -> bool:
    """Tell whether there is a limit for callers without a key."""
    return any(window.most for window in _anonymous)


def count_call(caller: Caller, links: int, now: datetime) -> dict[str, str]:
    """Count a call of ``caller``, and return the rate limit headers.

    For a key, calls are counted; for callers without one, the ``links`` that they create. If the counters are
    unavailable, calls with a key are allowed, those without are not.

    Raises:
        TooManyRequests
        StoreUnavailable
    """
    spent: dict[Window, int] = {}
    for window in _anonymous if caller.is_anonymous else (_per_key,):
        if not window.most:
            continue
        try:
            counted = rate_counters.spend(caller.principal, window, links if caller.is_anonymous else 1, now)
        except StoreUnavailable:
            if caller.is_anonymous:
                raise
            return {}
        if counted is None:
            raise TooManyRequests(window.seconds_left(now), limits.headers({**spent, window: window.most}, now))
        spent[window] = counted
    return limits.headers(spent, now)
