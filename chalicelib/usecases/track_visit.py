"""Track a visit: put the row of its click; else queue the click; else log it for replay. Redirects never fail of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib import logs
from chalicelib.aws.clients import timeouts
from chalicelib.aws.dynamodb import row_store
from chalicelib.aws.sqs import click_queue
from chalicelib.aws.sqs.click_queue import ClickNotSent
from chalicelib.core.circuit_breaker import CircuitBreaker
from chalicelib.core.visits import click as clicks
from chalicelib.core.visits import slots
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import identify_visitor

_SECONDS_FOR_TABLE = 1
_SECONDS_FOR_QUEUE = 2  # three attempts: half a second each, or the third shorter if each connects slowly
_ASKS_AGAIN_WITHIN = timedelta(minutes=2)  # three times thirty seconds, by another clock
_table, _queue = CircuitBreaker(), CircuitBreaker()


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor that was redirected, and the target that was chosen."""

    visitor: Visitor
    link_id: str
    at: datetime
    owner: str | None = None
    variant: str | None = None
    slots: int = 0
    """Over how many keys the rows of the link's clicks are spread."""
    took_ms: float | None = None
    """How long the redirect took, in milliseconds in the function; None: its own log line says it."""
    from_cache: bool | None = None


Send = Callable[[Visit], None]
"""Sends the click of a visit, or stores the visit to send it later."""


def track(visit: Visit, send: Send) -> None:
    """Pass a visit to ``send``, if counting is configured."""
    if settings.clicks_queue_url:
        send(visit)


def send_now(visit: Visit) -> None:
    """Put or queue the click of a visit while the visitor waits, for two seconds at most; on failure, log it."""
    if not _sent(_put([_click_of(visit)], visit.at), visit.at):
        logs.note(ClicksSpilled=1)


def send_later(visits: Sequence[Visit], now: datetime, until: float) -> None:
    """Put or queue the clicks of ``visits`` after the response; each failed batch gets its own log line.

    All of it ends at ``until`` (monotonic). What a click can do without, the id of its visitor, may not take the time
    that the table needs, nor the table that of the queue.
    """
    for first in range(0, len(visits), click_queue.AT_ONCE):
        logs.begin()
        with timeouts.no_one_waits(until - _SECONDS_FOR_QUEUE - _SECONDS_FOR_TABLE):
            batch = [_click_of(visit) for visit in visits[first : first + click_queue.AT_ONCE]]
        with timeouts.no_one_waits(until - _SECONDS_FOR_QUEUE):
            left = _put(batch, now)
        with timeouts.no_one_waits(until):
            sent = _sent(left, now)
        if not sent:
            logs.publish(settings.service, logs.build_line(ClicksSpilled=len(left)))


def reset() -> None:
    """Close the circuit breakers, as in a new container."""
    _table.reset()
    _queue.reset()


def _click_of(visit: Visit) -> Click:
    """Return the click of a visit. What its row is like is decided here, once, wherever it is sent."""
    visitor = visit.visitor
    click = clicks.click_from(
        visitor, link_id=visit.link_id, owner=visit.owner, variant=visit.variant, at=_moment_of(visit)
    )
    # Visits of no link have no row before they are counted: those who guess codes could fill the table with them.
    if clicks.is_of_link(visit.link_id):
        kept = timedelta(days=settings.click_retention_days)
        click = replace(
            click,
            slot=slots.draw(visit.slots, visitor.certain_id),
            slots=visit.slots if visit.slots > 1 else None,
            expires_at=int((click.at + kept).timestamp()),
            took_ms=visit.took_ms,
            from_cache=visit.from_cache,
        )
    if clicks.is_private(visitor.headers):
        return click
    return replace(click, visitor=identify_visitor.id_of_today(visitor, click.at))


def _moment_of(visit: Visit) -> datetime:
    """Return when a visit is counted: as CloudFront was asked, however often it asks for it, so that its row is one."""
    asked = visit.visitor.asked_at
    return visit.at if asked is None or abs(visit.at - asked) > _ASKS_AGAIN_WITHIN else asked


def _put(batch: Sequence[Click], now: datetime) -> list[Mapping[str, Any]]:
    """Put the rows of clicks, and return as messages those that have none or that the table did not take."""
    left: list[Mapping[str, Any]] = []
    for click in batch:
        if click.slot is None or _table.is_open(now):
            left.append(click.as_message())
            continue
        try:
            row_store.put(click)
        except StoreUnavailable as failure:
            logs.note(table=str(failure.__cause__)[:200])
            _table.trip(now)
            left.append(click.as_message())
    return left


def _sent(messages: Sequence[Mapping[str, Any]], now: datetime) -> bool:
    """Queue clicks and return True, or write each to the log, to be replayed, and return False."""
    if not messages:
        return True
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
