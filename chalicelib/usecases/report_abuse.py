"""Deed: a visitor reports a link, and somebody hears of it."""

from __future__ import annotations

from datetime import datetime

from chalicelib import follow, logs
from chalicelib.aws import rates, report_table, salts
from chalicelib.core import click
from chalicelib.core.complaint import Complaint
from chalicelib.core.limits import Window
from chalicelib.errors import TooManyRequests

_PER_NETWORK = Window("hour", 3600, 10)
_PER_LINK = Window("hour", 3600, 60)  # more say nothing new, and cost a write each


def complain(complaint: Complaint, address: str, now: datetime) -> None:
    """Keep a complaint of who asks from ``address``, an IP address that is not kept.

    Raises:
        LinkUnknown, TooManyRequests, StoreUnavailable
    """
    follow.find(complaint.code, now)
    network = click.visitor_of(address, "", salts.of(now))
    if rates.spend(f"report#{network}", _PER_NETWORK, 1, now) is None:
        raise TooManyRequests(_PER_NETWORK.seconds_left(now))
    if rates.spend(f"report#{complaint.code}", _PER_LINK, 1, now) is None:
        return  # who complains has done what they could; they must not be the one who is told that it is too much
    report_table.add(complaint, now)
    logs.note(reported=complaint.reason, Reports=1)
