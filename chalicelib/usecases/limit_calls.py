"""Count calls against the rate limit of the caller."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws.dynamodb import rate_counters
from chalicelib.core import limits
from chalicelib.core.access.caller import Caller
from chalicelib.core.limits import Window
from chalicelib.errors import StoreUnavailable, TooManyRequests
from chalicelib.settings import settings
from chalicelib.usecases import workspaces

_per_key = Window("key-minute", 60, settings.key_per_minute)
_anonymous = (
    Window("anonymous-hour", 3600, settings.anonymous_per_hour),
    Window("anonymous-day", 86400, settings.anonymous_per_day),
)


def limits_anonymous() -> bool:
    """Tell whether there is a limit for callers without a key."""
    return any(window.most for window in _anonymous)


def count_call(caller: Caller, links: int, now: datetime) -> dict[Window, int]:
    """Count a call of ``caller``, and return how much of each limit is spent, this call included.

    For a key, calls are counted; for callers without one, the ``links`` that they create. If the counters are
    unavailable, calls with a key are allowed, those without are not.

    Raises:
        TooManyRequests
        StoreUnavailable
    """
    spent: dict[Window, int] = {}
    for window in _anonymous if caller.is_anonymous else (_limit_of_key(caller, now),):
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
    return spent


def _limit_of_key(caller: Caller, now: datetime) -> Window:
    """Return the limit of a key: that of its workspace or, where it has none of its own, the setting."""
    if caller.workspace is None:
        return _per_key
    try:
        own = workspaces.find(caller.workspace, now).calls_per_minute
    except StoreUnavailable:
        return _per_key
    return _per_key if own is None else _per_key._replace(most=own)
