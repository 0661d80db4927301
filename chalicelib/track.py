"""Deed: a visit becomes a click in the queue, or a line in the log to be replayed. Never the visitor's trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib import logs
from chalicelib.aws import click_queue, salts
from chalicelib.core import click as clicks
from chalicelib.core.click import Click
from chalicelib.errors import ClickNotSent, StoreUnavailable
from chalicelib.settings import settings

_REST = timedelta(seconds=2)  # after a failure; without it each visitor would wait for the time limits in turn


_rests_until: dict[str, datetime] = {}


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
    _rests_until.clear()
    salts.forget_all()


def _sent(message: Mapping[str, Any], now: datetime) -> bool:
    if _rests("queue", now):
        return False
    try:
        click_queue.send(message)
    except ClickNotSent as failure:
        logs.note(queue=str(failure.__cause__)[:200])
        _rests_until["queue"] = now + _REST
        return False
    return True


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
