"""User agents: person or program, and which browser. Heavy; only the code that counts clicks imports it."""

from __future__ import annotations

import functools
import re
import zlib
from importlib.metadata import version

import ua_parser

from chalicelib.core.visits import browsers, navigation
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import ClassifiedClick, Kind
from chalicelib.core.visits.visitor import device_from_agent

PATTERNS = zlib.crc32(
    " ".join(
        [
            *(f"{name} {version(name)}" for name in ("ua-parser", "ua-parser-builtins", "crawler-user-agents")),
            *sorted(value.pattern for value in vars(navigation).values() if isinstance(value, re.Pattern)),
            *sorted(browsers.NAMES),
        ]
    ).encode()
)
"""The version of the patterns that judge: who is a person, and which browser. A change of them is no drift."""
MAX_NAME = 64  # characters; the parser copies some names from the user agent, which clients choose
_NOT_ALLOWED = re.compile(r"[^ -~]|#")


def classify(click: Click) -> ClassifiedClick:
    """Return ``click`` with its kind, device, browser and system. An empty user agent is a program's."""
    is_person = navigation.is_person(click.requested_as, click.agent or "")
    kind: Kind = "prefetches" if click.prefetch else "humans" if is_person else "bots"
    device, browser, system = _parse_agent(click.agent or "") if is_person else (None, None, None)
    return ClassifiedClick(click=click, kind=kind, device=click.device or device, browser=browser, system=system)


@functools.lru_cache(maxsize=4096)
def _parse_agent(agent: str) -> tuple[str | None, str | None, str | None]:
    parsed = ua_parser.parse(agent)
    browser = _name(parsed.user_agent.family) if parsed.user_agent else None
    system = _name(parsed.os.family) if parsed.os else None
    return device_from_agent(agent), browser, system


def _name(family: str) -> str:
    return _NOT_ALLOWED.sub("", family)[:MAX_NAME]
