"""Options of a link that contradict each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.links.conflicts import conflicts_in
from chalicelib.core.links.link import Link
from chalicelib.core.links.new_link import NewLink
from chalicelib.core.links.rules import Rule

URL = "https://example.com/"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=1)
RULES = (Rule(url=URL, device=("ios",)),)
NEEDS_REQUESTS: dict[str, dict[str, Any]] = {
    "rules": {"rules": RULES},
    "maxVisits": {"max_visits": 1},
    "confirm": {"confirm": True},
}


def conflicts(*, is_protected: bool = False, **fields: Any) -> list[tuple[str, str]]:
    """Return the conflicts, field and code, which must be the same for a new link and for a change."""
    found = conflicts_in(NewLink(url=URL, **fields), is_protected=is_protected)
    assert found == conflicts_in(Link(id="x", url=URL, **fields), is_protected=is_protected)
    assert all(error.message for error in found)
    return [(error.field, error.code) for error in found]


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
def test_other_options_can_be_combined(fields: dict[str, Any]) -> None:
    """There is no conflict."""
    assert conflicts(**fields) == []


@pytest.mark.parametrize("name", NEEDS_REQUESTS)
def test_permanent_redirect_excludes_options_that_need_every_request(name: str) -> None:
    """A browser that has cached the redirect makes no further request; the message names the option."""
    assert conflicts(permanent=True, **NEEDS_REQUESTS[name]) == [("permanent", "conflict")]

    (error,) = conflicts_in(NewLink(url=URL, permanent=True, **NEEDS_REQUESTS[name]), is_protected=False)

    assert error.message.endswith(f" {name}.")


def test_permanent_redirect_excludes_a_password() -> None:
    """Neither a new password nor an existing one."""
    assert conflicts(permanent=True, is_protected=True) == [("permanent", "conflict")]


def test_permanent_redirect_gives_one_conflict_for_all_options() -> None:
    """A single error names all of them."""
    (error,) = conflicts_in(
        NewLink(url=URL, permanent=True, rules=RULES, max_visits=1, confirm=True), is_protected=True
    )

    assert all(name in error.message for name in ("rules", "password", "maxVisits", "confirm"))


@pytest.mark.parametrize("ends", [NOON, NOON - A_MOMENT, NOON - timedelta(days=1)])
def test_link_must_start_before_it_expires(ends: datetime) -> None:
    """Equal times are a conflict, because the link would never be open."""
    assert conflicts(starts_at=NOON, expires_at=ends) == [("startsAt", "conflict")]


def test_all_conflicts_are_reported() -> None:
    """Not only the first."""
    assert conflicts(permanent=True, confirm=True, starts_at=NOON, expires_at=NOON) == [
        ("permanent", "conflict"),
        ("startsAt", "conflict"),
    ]
