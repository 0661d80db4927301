"""User agents: person or program, and which."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.core import agents
from chalicelib.core.click import Click

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
    ("agent", "told"),
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
def test_a_user_agent_tells_who_came(agent: str | None, told: tuple[str | None, ...]) -> None:
    """People by their browser and system; programs, and who says nothing, as bots."""
    judged = agents.judge(Click(id="1", code="x", at=NOON, agent=agent))

    assert (judged.kind, judged.device, judged.browser, judged.system) == told


def test_what_cloudfront_saw_is_believed_first() -> None:
    """It knows devices better than a name does."""
    assert agents.judge(Click(id="1", code="x", at=NOON, agent=FIREFOX, device="tablet")).device == "tablet"


def test_a_prefetch_is_of_its_own_kind() -> None:
    """Whoever's browser it was."""
    assert agents.judge(Click(id="1", code="x", at=NOON, agent=FIREFOX, prefetch=True)).kind == "prefetches"


def test_no_name_is_made_up_by_a_visitor() -> None:
    """The parser copies some names out of the user agent; they come out short, plain, and without our separator."""
    judged = agents.judge(Click(id="1", code="x", at=NOON, agent=f"Mozilla/5.0 {'#é' * 100}Bro#wser/1.0 (Linux)"))

    for name in (judged.browser, judged.system):
        assert name is None or (len(name) <= 64 and name.isascii() and "#" not in name)
