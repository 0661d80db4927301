"""What of a link does not go together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.conflicts import conflicts_in
from chalicelib.core.link import Link
from chalicelib.core.new_link import NewLink
from chalicelib.core.rules import Rule

URL = "https://example.com/"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=1)
RULES = (Rule(url=URL, device=("ios",)),)
ASKING: dict[str, dict[str, Any]] = {
    "rules": {"rules": RULES},
    "maxVisits": {"max_visits": 1},
    "confirm": {"confirm": True},
}


def conflicts(*, is_protected: bool = False, **fields: Any) -> list[tuple[str, str]]:
    """Return what contradicts itself, the same in a wish and in a link that is changed: field and code."""
    wished = conflicts_in(NewLink(url=URL, **fields), is_protected=is_protected)
    assert wished == conflicts_in(Link(code="x", url=URL, **fields), is_protected=is_protected)
    assert all(error.message for error in wished)
    return [(error.field, error.code) for error in wished]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"permanent": True},
        {"permanent": True, "starts_at": NOON, "expires_at": NOON + A_MOMENT},
        {"permanent": True, "forward_query": True, "forward_path": True, "fallback_url": URL},
        {"permanent": True, "rules": (), "max_visits": None, "confirm": False},
        {"rules": RULES, "max_visits": 1, "confirm": True, "is_protected": True},
        {"starts_at": NOON},
        {"expires_at": NOON},
        {"starts_at": NOON, "expires_at": NOON + A_MOMENT},
    ],
    ids=str,
)
def test_most_goes_together(fields: dict[str, Any]) -> None:
    """Nothing is said of it."""
    assert conflicts(**fields) == []


@pytest.mark.parametrize("name", ASKING)
def test_a_permanent_redirect_asks_nothing(name: str) -> None:
    """A browser that keeps it never comes back to be counted, asked or led elsewhere; the message says what it is."""
    assert conflicts(permanent=True, **ASKING[name]) == [("permanent", "conflict")]

    (error,) = conflicts_in(NewLink(url=URL, permanent=True, **ASKING[name]), is_protected=False)

    assert error.message.endswith(f" {name}.")


def test_a_permanent_redirect_has_no_password() -> None:
    """Neither a new one nor one that the link has."""
    assert conflicts(permanent=True, is_protected=True) == [("permanent", "conflict")]


def test_all_that_a_permanent_redirect_asks_is_one_conflict() -> None:
    """Said once, with every name."""
    (error,) = conflicts_in(
        NewLink(url=URL, permanent=True, rules=RULES, max_visits=1, confirm=True), is_protected=True
    )

    assert all(name in error.message for name in ("rules", "password", "maxVisits", "confirm"))


@pytest.mark.parametrize("ends", [NOON, NOON - A_MOMENT, NOON - timedelta(days=1)])
def test_a_link_starts_before_it_ends(ends: datetime) -> None:
    """At the same moment is too late: it would never be open."""
    assert conflicts(starts_at=NOON, expires_at=ends) == [("startsAt", "conflict")]


def test_every_conflict_is_said() -> None:
    """Not just the first."""
    assert conflicts(permanent=True, confirm=True, starts_at=NOON, expires_at=NOON) == [
        ("permanent", "conflict"),
        ("startsAt", "conflict"),
    ]
