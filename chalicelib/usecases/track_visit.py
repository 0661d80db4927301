"""Track a visit: queue its click or, on failure, log it for replay. Redirects never fail because of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib import logs
from chalicelib.aws.clients import timeouts
from chalicelib.aws.sqs import click_queue
from chalicelib.aws.sqs.click_queue import ClickNotSent
from chalicelib.core.circuit_breaker import CircuitBreaker
from chalicelib.core.visits import click as clicks
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.visitor import Visitor
from chalicelib.settings import settings
from chalicelib.usecases import identify_visitor

_SECONDS_FOR_QUEUE = 2  # three attempts: half a second each, or the third shorter if each connects slowly
_queue = CircuitBreaker()


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor that was redirected, and the target that was chosen."""

    visitor: Visitor
    code: str
    at: datetime
    owner: str | None = None
    variant: str | None = None


Send = Callable[[Visit], None]
"""Sends the click of a visit, or stores the visit to send it later."""


def track(visit: Visit, send: Send) -> None:
    """Pass a visit to ``send``, if counting is configured."""
    if settings.clicks_queue_url:
        send(visit)


def send_now(visit: Visit) -> None:
    """Send the click of a visit while the visitor waits, for half a second at most; on failure, log it."""
    if not _sent([_click_of(visit).as_message()], visit.at):
        logs.note(ClicksSpilled=1)


def send_later(visits: Sequence[Visit], now: datetime, until: float) -> None:
    """Send the clicks of ``visits`` after the response; each failed batch gets its own log line.

    All of it ends at ``until`` (monotonic). What a click can do without, the id of its visitor, may not take the time
    that the queue needs.
    """
    for first in range(0, len(visits), click_queue.AT_ONCE):
        logs.begin()
        with timeouts.no_one_waits(until - _SECONDS_FOR_QUEUE):
            messages = [_click_of(visit).as_message() for visit in visits[first : first + click_queue.AT_ONCE]]
        with timeouts.no_one_waits(until):
            sent = _sent(messages, now)
        if not sent:
            logs.publish(settings.service, logs.build_line(ClicksSpilled=len(messages)))


def reset() -> None:
    """Close the circuit breaker, as in a new container."""
    _queue.reset()


def _click_of(visit: Visit) -> Click:
    click = clicks.click_from(visit.visitor, code=visit.code, owner=visit.owner, variant=visit.variant, at=visit.at)
    if clicks.is_private(visit.visitor.headers):
        return click
    return replace(click, visitor=identify_visitor.id_of_today(visit.visitor, visit.at))


def _sent(messages: Sequence[Mapping[str, Any]], now: datetime) -> bool:
    """Queue clicks and return True, or write each to the log, to be replayed, and return False."""
    if not _queue.is_open(now):
        try:
            click_queue.send(messages)
        except ClickNotSent as failure:
            logs.note(queue=str(failure.__cause__)[:200])
            _queue.trip(now)
        else:
            return True
    for message in messages:
        logs.write(spilled=message)
    return False
