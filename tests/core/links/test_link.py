"""When a link is open, and how clients see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.domains import Domains
from chalicelib.core.links.link import Link
from chalicelib.errors import LinkExpired

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHO_RT = Domains.from_text("", "https://sho.rt")
LISBON_NOON = NOON.astimezone(datetime.strptime("+0100", "%z").tzinfo)


@pytest.mark.parametrize(
    "now", [NOON - timedelta(milliseconds=1), NOON - timedelta(days=9), LISBON_NOON - timedelta(1)]
)
def test_link_is_open_until_it_expires(now: datetime) -> None:
    """Whatever the time zone of the clock."""
    Link(id="x", url="https://example.com/", expires_at=NOON).check_open(now)


@pytest.mark.parametrize("now", [NOON, LISBON_NOON, NOON + timedelta(milliseconds=1), NOON + timedelta(days=999)])
def test_link_is_closed_from_its_expiry_on(now: datetime) -> None:
    """At the exact time it is already closed."""
    with pytest.raises(LinkExpired) as expired:
        Link(id="x", url="https://example.com/", expires_at=NOON).check_open(now)

    assert expired.value.link_code == "x"


def test_link_without_an_expiry_is_always_open() -> None:
    """So are all links of older tables, which have no expiry."""
    Link(id="x", url="https://example.com/").check_open(datetime.max.replace(tzinfo=UTC))


def test_each_version_has_its_own_etag() -> None:
    """No two versions of a link, and no two links, share one."""
    tags = {Link(id=code, url="https://example.com/", version=v).etag for code in ("a", "b") for v in (0, 1, 2)}

    assert len(tags) == 6
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)


def test_json_has_times_in_utc_and_no_stored_attributes() -> None:
    """ISO 8601 with Z; null if unknown."""
    shown = Link(id="x", url="https://example.com/", created_at=LISBON_NOON).as_json(SHO_RT, {})

    assert (shown["createdAt"], shown["expiresAt"]) == ("2026-11-24T12:00:00.000Z", None)
    assert shown["shortUrl"] == "https://sho.rt/x"
    assert not {"requestId", "version", "originalUrl"} & shown.keys()
