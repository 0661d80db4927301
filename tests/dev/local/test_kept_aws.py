"""The local AWS goes on while threads change what its journal reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dev.local import kept_aws


def failing(times: int, words: str) -> Callable[[], int]:
    """Return a function that fails so many times, then returns how often it was called."""
    calls: list[int] = []

    def read() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise RuntimeError(words)
        return len(calls)

    return read


@pytest.mark.parametrize(
    "words", ["dictionary changed size during iteration", "dictionary keys changed during iteration", "deque mutated"]
)
def test_what_changes_meanwhile_is_read_again(words: str) -> None:
    """However often it changes within reason."""
    assert kept_aws.steady(failing(20, words)) == 21


@pytest.mark.parametrize(
    ("times", "words"), [(1, "something else"), (10_000, "dictionary changed size during iteration")]
)
def test_other_failures_are_not_hidden(times: int, words: str) -> None:
    """Nor is one that never ends."""
    with pytest.raises(RuntimeError, match=words):
        kept_aws.steady(failing(times, words))
