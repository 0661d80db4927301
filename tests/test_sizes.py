"""The sizes of tests."""

from __future__ import annotations

import pytest

from tests import sizes


@pytest.mark.parametrize(
    ("usual", "long", "share", "size"),
    [(2, 20, 1, 20), (2, 20, 3, 7), (0, 1, 3, 1), (4, 10, 3, 4), (10, 1, 1, 1), (10, 1, 3, 3), (2, 1, 3, 2)],
)
def test_a_share_of_the_larger_size_is_no_less_than_the_usual(
    monkeypatch: pytest.MonkeyPatch, usual: int, long: int, share: int, size: int
) -> None:
    """And of a distance between cases no more."""
    monkeypatch.setattr(sizes, "IS_LONG", True)
    monkeypatch.setattr(sizes, "SHARE", share)

    assert sizes.usual_or_long(usual, long) == size
