"""How a difference of cold starts is told from noise."""

from __future__ import annotations

import pytest

from bench import cold_start


@pytest.mark.parametrize(
    ("less", "words"),
    [
        (31, "saves 20 ms of CPU in the median pair, some in 31 of 31 pairs"),
        (22, "saves 20 ms of CPU in the median pair, some in 22 of 31 pairs"),
        (21, "saves 20 ms of CPU in the median pair, some in 21 of 31 pairs: noise"),
        (15, "saves -20 ms of CPU in the median pair, some in 15 of 31 pairs: noise"),
        (9, "saves -20 ms of CPU in the median pair, some in 9 of 31 pairs"),
    ],
)
def test_a_gain_is_what_most_pairs_show(less: int, words: str) -> None:
    """A median alone would call any difference a gain."""
    one = [cold_start.Measured(cpu=200) for _ in range(31)]
    other = [cold_start.Measured(cpu=220 if place < less else 180) for place in range(31)]

    assert cold_start.verdict(one, other) == words
