"""User agents: person or program, and which. Heavy; only what counts clicks imports it, never what answers them."""

from __future__ import annotations

import functools
import re

import ua_parser

from chalicelib.core import bots
from chalicelib.core.click import Click
from chalicelib.core.stats import JudgedClick, Kind
from chalicelib.core.visitor import device_of

_MAX_NAME = 64  # characters; the parser copies some names out of the user agent, which anybody may write
_UNFIT = re.compile(r"[^ -~]|#")


def judge(click: Click) -> JudgedClick:
    """Return ``click`` with what its user agent tells. No user agent at all is a program's."""
    is_bot, device, browser, system = _told_by(click.agent or "")
    kind: Kind = "prefetches" if click.prefetch else "bots" if is_bot else "humans"
    return JudgedClick(click=click, kind=kind, device=click.device or device, browser=browser, system=system)


@functools.lru_cache(maxsize=4096)
def _told_by(agent: str) -> tuple[bool, str | None, str | None, str | None]:
    if bots.is_bot(agent):
        return True, None, None, None
    parsed = ua_parser.parse(agent)
    browser = _name(parsed.user_agent.family) if parsed.user_agent else None
    system = _name(parsed.os.family) if parsed.os else None
    return False, device_of(agent), browser, system


def _name(family: str) -> str:
    return _UNFIT.sub("", family)[:_MAX_NAME]
