"""Deed: a visit becomes a click in the queue, or a line in the log to be replayed. Never the visitor's trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib import logs
from chalicelib.aws import access_table, click_queue
from chalicelib.core import click as clicks
from chalicelib.core.click import Click
from chalicelib.errors import ClickNotSent, StoreUnavailable
from chalicelib.settings import settings

_REST = timedelta(seconds=2)  # after a failure; without it each visitor would wait for the time limits in turn


@dataclass(slots=True)
class _Container:
    """What a container remembers: the day's salt, and what should be left alone for a moment because it failed."""

    salts: dict[str, bytes] = field(default_factory=dict)
    rests_until: dict[str, datetime] = field(default_factory=dict)

    def rests(self, what: str, now: datetime) -> bool:
        return what in self.rests_until and now < self.rests_until[what]

    def let_rest(self, what: str, now: datetime) -> None:
        self.rests_until[what] = now + _REST


_container = _Container()


def track(headers: Mapping[str, str], address: str, click_id: str, code: str, owner: str | None, now: datetime) -> None:
    """Send the click of a visit; what cannot be sent within half a second is spilled into the log.

    ``headers`` have lower-case names. ``address`` is the visitor's IP address: it is hashed here and goes nowhere.
    """
    if not settings.clicks_queue_url:
        return
    click = clicks.seen_in(
        headers, click_id=click_id, code=code, owner=owner, at=now, trust_cloudfront=settings.trust_cloudfront
    )
    if not clicks.is_private(headers):
        click = replace(click, visitor=_visitor(click, address, now))
    message = click.as_message()
    if not _sent(message, now):
        logs.note(ClicksSpilled=1)
        logs.write(spilled=message)


def forget_all() -> None:
    """Start afresh, as a new container would."""
    _container.salts.clear()
    _container.rests_until.clear()


def _sent(message: Mapping[str, Any], now: datetime) -> bool:
    if _container.rests("queue", now):
        return False
    try:
        click_queue.send(message)
    except ClickNotSent as failure:
        logs.note(queue=str(failure.__cause__)[:200])
        _container.let_rest("queue", now)
        return False
    return True


def _visitor(click: Click, address: str, now: datetime) -> str | None:
    """Return who came, or None while the day's salt cannot be had: a visit counts without it as well."""
    day = click.day
    if day not in _container.salts and not _container.rests("salt", now):
        try:
            _container.salts = {day: access_table.salt_of(now)}
        except StoreUnavailable:
            _container.let_rest("salt", now)
    salt = _container.salts.get(day)
    return None if salt is None else clicks.visitor_of(address, click.agent or "", salt)
