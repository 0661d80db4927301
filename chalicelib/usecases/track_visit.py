"""Deed: a visit becomes a click in the queue, or a line in the log to be replayed. Never the visitor's trouble."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib import logs
from chalicelib.aws import click_queue, salts
from chalicelib.aws.after_answer import Outbox
from chalicelib.core import click as clicks
from chalicelib.core.click import Click
from chalicelib.core.visitor import Visitor
from chalicelib.errors import ClickNotSent, StoreUnavailable
from chalicelib.settings import settings

_REST = timedelta(seconds=2)  # after a failure; without it each visitor would wait for the time limits in turn


_rests_until: dict[str, datetime] = {}
_outbox: Outbox | None = None
_own_salt = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a redirect saw, and where it led."""

    visitor: Visitor
    code: str
    at: datetime
    owner: str | None = None
    variant: str | None = None


def track(visit: Visit) -> None:
    """Send the click of a visit, now or after the answer; what cannot be sent in half a second goes into the log."""
    if not settings.clicks_queue_url:
        return
    if _outbox is not None:
        _outbox.leave(visit)
    elif not _sent([_click_of(visit).as_message()], visit.at):
        logs.note(ClicksSpilled=1)


def who(visitor: Visitor, now: datetime) -> str:
    """Return what tells ``visitor`` from others today; only this container's word while the day's salt cannot be had.

    It decides a share of visitors, and is neither kept nor sent.
    """
    agent = visitor.headers.get("user-agent", "")
    try:
        salt = _own_salt if _rests("salts", now) else salts.of(now)
    except StoreUnavailable:
        _rests_until["salts"] = now + _REST
        salt = _own_salt
    return clicks.visitor_of(visitor.address, agent, salt)


def leave_line(line: logs.Line) -> bool:
    """Leave a line of the log to be written after the answer; False: it must be written now."""
    if _outbox is not None:
        _outbox.leave(line)
    return _outbox is not None


def send_after_the_answer() -> None:
    """Send clicks when their visitors have been answered, where Lambda allows it; else before, as everywhere."""
    global _outbox  # noqa: PLW0603  # one container, one outbox
    if settings.aws.runtime_api:
        outbox = Outbox(settings.aws.runtime_api, _send_late)
        _outbox = outbox if outbox.open() else None


def answered() -> None:
    """Let what this invocation left be sent."""
    if _outbox is not None:
        _outbox.answered()


def forget_all() -> None:
    """Start afresh, as a new container would."""
    _rests_until.clear()
    salts.forget_all()


def _send_late(left: list[Visit | logs.Line]) -> None:
    """Write and send from the thread that nobody waits for; of what it cannot send it writes lines of its own."""
    visits = []
    for each in left:
        if isinstance(each, Visit):
            visits.append(each)
        else:
            logs.publish(settings.service, each)
    for first in range(0, len(visits), click_queue.AT_ONCE):
        logs.begin()
        messages = [_click_of(visit).as_message() for visit in visits[first : first + click_queue.AT_ONCE]]
        if not _sent(messages, datetime.now(UTC)):
            logs.publish(settings.service, logs.line_of(ClicksSpilled=len(messages)))


def _click_of(visit: Visit) -> Click:
    click = clicks.seen_in(visit.visitor, code=visit.code, owner=visit.owner, variant=visit.variant, at=visit.at)
    if clicks.is_private(visit.visitor.headers):
        return click
    return replace(click, visitor=_visitor(click, visit.visitor.address, visit.at))


def _sent(messages: Sequence[Mapping[str, Any]], now: datetime) -> bool:
    """Queue clicks, or spill them into the log, each a line that can be replayed."""
    if not _rests("queue", now):
        try:
            click_queue.send(messages)
        except ClickNotSent as failure:
            logs.note(queue=str(failure.__cause__)[:200])
            _rests_until["queue"] = now + _REST
        else:
            return True
    for message in messages:
        logs.write(spilled=message)
    return False


def _visitor(click: Click, address: str, now: datetime) -> str | None:
    """Return who came, or None while the day's salt cannot be had: a visit counts without it as well."""
    if _rests("salts", now):
        return None
    try:
        return clicks.visitor_of(address, click.agent or "", salts.of(now))
    except StoreUnavailable:
        _rests_until["salts"] = now + _REST
        return None


def _rests(what: str, now: datetime) -> bool:
    return what in _rests_until and now < _rests_until[what]
