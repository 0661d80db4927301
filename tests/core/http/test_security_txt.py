"""security.txt: it never ends before somebody reads it, and needs no one to write a new date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.http import security_txt


@pytest.mark.parametrize(
    ("now", "expires"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)),
        (datetime(2026, 5, 31, 23, 59, 59, 999, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 6, 15, 12, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 9, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC)),
    ],
)
def test_expiry_is_over_half_a_year_ahead(now: datetime, expires: datetime) -> None:
    """The same all through a month, so that the file can be cached, and less than a year ahead."""
    assert security_txt.expiry(now) == expires
    assert timedelta(days=180) < expires - now < timedelta(days=365)


def test_fields_without_a_value_are_left_out() -> None:
    """One a line; a policy is not needed."""
    expires = datetime(2027, 6, 1, tzinfo=UTC)

    assert security_txt.text("tel:+1", expires, canonical="https://sho.rt/x", policy="") == (
        "Contact: tel:+1\nExpires: 2027-06-01T00:00:00.000Z\nCanonical: https://sho.rt/x\nPreferred-Languages: en\n"
    )
