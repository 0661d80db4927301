"""Deed: let a visitor pass where a link asks for something first: a password, a button to press, one of its visits."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws import link_table, rates, salts
from chalicelib.core import click, password
from chalicelib.core.limits import Window
from chalicelib.core.link import Link
from chalicelib.core.visitor import Visitor
from chalicelib.errors import ConfirmationNeeded, PasswordNeeded, PasswordWrong, TooManyRequests

PASSWORD_TRIES = Window("minute", 60, 5)
"""How often one visitor may try the password of one link."""


def admit(link: Link, visitor: Visitor, now: datetime) -> Link | None:
    """Let ``visitor`` pass at ``now`` (aware, UTC), or return the link as it is now: changed, or used up.

    Raises:
        PasswordNeeded, PasswordWrong, TooManyRequests, ConfirmationNeeded, LinkUnknown
        StoreUnavailable: tries cannot be counted, or it is not known whether a visit was spent.
    """
    if link.password_digest is not None:
        _check_password(link, link.password_digest, visitor, now)
    elif visitor.method != "POST" and (link.confirm or (link.max_visits is not None and _only_looks(visitor))):
        raise ConfirmationNeeded
    return None if link.max_visits is None else link_table.spend_visit(link)


def _check_password(link: Link, digest: str, visitor: Visitor, now: datetime) -> None:
    if visitor.method != "POST" or visitor.password is None:
        raise PasswordNeeded
    # Counted before it is looked at: of many tries at once, five are looked at.
    network = click.visitor_of(visitor.address, "", salts.of(now))
    if rates.spend(f"password#{link.code}#{network}", PASSWORD_TRIES, 1, now, hurried=True) is None:
        raise TooManyRequests(PASSWORD_TRIES.seconds_left(now))
    if not password.fits(visitor.password, digest):
        raise PasswordWrong


def _only_looks(visitor: Visitor) -> bool:
    """Tell whether it is a program's look, which must not use up a link: a HEAD, a prefetch, a bot."""
    from chalicelib.core import bots  # ten milliseconds of patterns

    return visitor.method == "HEAD" or visitor.is_prefetch or bots.is_bot(visitor.headers.get("user-agent", ""))
