"""User agents: person or program, and which browser."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.core.visits import user_agents
from chalicelib.core.visits.click import Click

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 "
    "Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
TABLET = (
    "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (IPHONE, ("humans", "mobile", "Mobile Safari", "iOS")),
        (FIREFOX, ("humans", "desktop", "Firefox", "Linux")),
        (TABLET, ("humans", "tablet", "Chrome", "Android")),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ("bots", None, None, None)),
        ("curl/8.0", ("bots", None, None, None)),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", ("bots", None, None, None)),
        (None, ("bots", None, None, None)),
        ("Something else entirely", ("humans", "desktop", None, None)),
    ],
)
def test_user_agent_is_classified(agent: str | None, expected: tuple[str | None, ...]) -> None:
    """People by browser and system; programs and empty user agents as bots."""
    classified = user_agents.classify(Click(id="1", link_id="x", at=NOON, agent=agent))

    assert (classified.kind, classified.device, classified.browser, classified.system) == expected


def test_cloudfront_device_takes_precedence() -> None:
    """It is more reliable than the user agent."""
    assert user_agents.classify(Click(id="1", link_id="x", at=NOON, agent=FIREFOX, device="tablet")).device == "tablet"


def test_prefetch_is_a_kind_of_its_own() -> None:
    """Whatever the browser."""
    assert user_agents.classify(Click(id="1", link_id="x", at=NOON, agent=FIREFOX, prefetch=True)).kind == "prefetches"


def test_names_from_user_agents_are_sanitised() -> None:
    """The parser copies some names from the user agent; they are cut, ASCII, and without the separator."""
    classified = user_agents.classify(
        Click(id="1", link_id="x", at=NOON, agent=f"Mozilla/5.0 {'#é' * 100}Bro#wser/1.0 (Linux)")
    )

    for name in (classified.browser, classified.system):
        assert name is None or (len(name) <= 64 and name.isascii() and "#" not in name)
