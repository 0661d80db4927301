"""What tells visitors apart."""

from __future__ import annotations

import pytest

from chalicelib.core.visits import visitor_id

SALT = b"s" * 32


def test_visitors_are_told_apart_and_not_told() -> None:
    """One visitor is one hash for a day; another address, agent or day is another, and no address can be read."""
    one = visitor_id.derive("203.0.113.7", "Firefox", SALT)

    others = {
        visitor_id.derive("203.0.113.8", "Firefox", SALT),
        visitor_id.derive("203.0.113.7", "Chrome", SALT),
        visitor_id.derive("203.0.113.7", "Firefox", b"t" * 32),
    }

    assert one == visitor_id.derive("203.0.113.7", "Firefox", SALT)
    assert one not in others
    assert len(others) == 3
    assert "203" not in bytes.fromhex(one).decode("latin-1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:db8::1", "2001:db8:0:0:5::1", True),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
    ],
)
def test_an_ipv6_household_is_one_visitor(one: str, other: str, same: bool) -> None:  # noqa: FBT001  # a table of cases
    """Hosts change the last 64 bits of their address as they please; however an address is written."""
    assert (visitor_id.derive(one, "x", SALT) == visitor_id.derive(other, "x", SALT)) is same
