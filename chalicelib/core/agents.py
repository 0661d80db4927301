"""User agents: person or program, and which. Heavy; only what counts clicks imports it, never what answers them."""

from __future__ import annotations

import functools
import re

import crawleruseragents
import ua_parser

from chalicelib.core.click import Click
from chalicelib.core.stats import JudgedClick, Kind

_MAX_NAME = 64  # characters; the parser copies some names out of the user agent, which anybody may write
_UNFIT = re.compile(r"[^ -~]|#")


def judge(click: Click) -> JudgedClick:
    """Return ``click`` with what its user agent tells. No user agent at all is a program's."""
    is_bot, device, browser, system = _told_by(click.agent or "")
    kind: Kind = "prefetches" if click.prefetch else "bots" if is_bot else "humans"
    return JudgedClick(click=click, kind=kind, device=click.device or device, browser=browser, system=system)


@functools.lru_cache(maxsize=4096)
def _told_by(agent: str) -> tuple[bool, str | None, str | None, str | None]:
    if not agent or crawleruseragents.is_crawler(agent):
        return True, None, None, None
    parsed = ua_parser.parse(agent)
    browser = _name(parsed.user_agent.family) if parsed.user_agent else None
    system = _name(parsed.os.family) if parsed.os else None
    return False, _device(agent), browser, system


def _name(family: str) -> str:
    return _UNFIT.sub("", family)[:_MAX_NAME]


def _device(agent: str) -> str:
    if "iPad" in agent or "Tablet" in agent or ("Android" in agent and "Mobile" not in agent):
        return "tablet"
    return "mobile" if "Mobi" in agent else "desktop"
