"""A link, and where it sends a visitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.link import Link
from chalicelib.errors import LinkExpired

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LISBON_NOON = NOON.astimezone(datetime.strptime("+0100", "%z").tzinfo)


@pytest.mark.parametrize(
    "now", [NOON - timedelta(milliseconds=1), NOON - timedelta(days=9), LISBON_NOON - timedelta(1)]
)
def test_a_link_leads_on_until_it_ends(now: datetime) -> None:
    """Whatever zone the clock is in."""
    Link(code="x", url="https://example.com/", expires_at=NOON).check_open(now)


@pytest.mark.parametrize("now", [NOON, LISBON_NOON, NOON + timedelta(milliseconds=1), NOON + timedelta(days=999)])
def test_from_its_end_on_it_does_not(now: datetime) -> None:
    """The moment itself is past."""
    with pytest.raises(LinkExpired) as expired:
        Link(code="x", url="https://example.com/", expires_at=NOON).check_open(now)

    assert expired.value.link_code == "x"


def test_a_link_without_an_end_leads_on_for_ever() -> None:
    """So does every link of a table that knows no ends."""
    Link(code="x", url="https://example.com/").check_open(datetime.max.replace(tzinfo=UTC))


def test_each_version_has_its_own_tag() -> None:
    """No two versions of a link, and no two links, share one."""
    tags = {Link(code=code, url="https://example.com/", version=v).etag for code in ("a", "b") for v in (0, 1, 2)}

    assert len(tags) == 6
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


def test_clients_see_times_in_utc_and_nothing_of_the_store() -> None:
    """ISO 8601 with Z; null where nothing is known."""
    shown = Link(code="x", url="https://example.com/", created_at=LISBON_NOON).as_json("https://sho.rt", {})

    assert (shown["createdAt"], shown["expiresAt"]) == ("2026-11-24T12:00:00.000Z", None)
    assert shown["shortUrl"] == "https://sho.rt/x"
    assert not {"requestId", "version", "originalUrl"} & shown.keys()
