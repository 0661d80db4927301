"""The sizes of tests: those of `make test`, and the larger ones of `make test-long` (LONG=1).

A test that grows carries ``grows``, and is all that `make test-long` runs; what carries ``only_long`` is tried nowhere
else. Tests of Hypothesis grow by themselves.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])

IS_LONG = os.environ.get("LONG") == "1"
SHARE = int(os.environ.get("SHARE") or 1)
"""SHARE=3: a third of the larger sizes, where a machine is slow."""
grows = pytest.mark.grows
only_long = pytest.mark.only_long


def usual_or_long(usual: int, long: int) -> int:
    """Return the number for `make test` or for `make test-long`; where it is a step between cases, that is smaller."""
    if not IS_LONG:
        return usual
    return max(usual, math.ceil(long / SHARE)) if long > usual else min(usual, long * SHARE)


SEEDS = range(1, 1 + usual_or_long(2, 20))
"""The seeds of randomly drawn faults."""


def each_seed(test: Test) -> Test:
    """Run ``test`` with each of SEEDS as its ``seed``."""
    with_seeds: Test = grows(pytest.mark.parametrize("seed", SEEDS)(test))
    return with_seeds


EXAMPLES = usual_or_long(100, 3000)
"""The default number of Hypothesis examples of a test."""
