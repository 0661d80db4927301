"""The container's cache."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ttl_cache import Entry, TtlCache

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_oldest_entry_is_evicted_first() -> None:
    """Storing an entry again makes it the newest."""
    cache: TtlCache[str] = TtlCache(2)
    for key in ("a", "b", "a", "c"):
        cache.put(key, key.upper(), NOON)

    assert cache.get("b", NOON, 1) is None
    assert [cache.get(key, NOON, 1) for key in ("a", "c")] == [Entry("A", NOON), Entry("C", NOON)]


@given(st.lists(st.sampled_from("abcdef")), st.integers(0, 4))
def test_cache_never_exceeds_its_size(keys: list[str], size: int) -> None:
    """In whatever order entries are stored, exactly the newest are kept."""
    cache: TtlCache[str] = TtlCache(size)
    for key in keys:
        cache.put(key, key, NOON)

    newest = list(dict.fromkeys(reversed(keys)))[:size]
    assert {key for key in "abcdef" if cache.get(key, NOON, 1)} == set(newest)


def test_evicted_entry_makes_room() -> None:
    """Only that entry is evicted, and evicting it twice does no harm."""
    cache: TtlCache[str] = TtlCache(2)
    for key in ("a", "b"):
        cache.put(key, key, NOON)

    cache.evict("b")
    cache.evict("b")
    cache.put("c", "c", NOON)

    assert [key for key in "abc" if cache.get(key, NOON, 1)] == ["a", "c"]


@pytest.mark.parametrize(("later", "max_age", "found"), [(0, 1, True), (61.5, 61.6, True), (61.5, 61.5, False)])
def test_age_is_counted_from_when_it_was_stored(later: float, max_age: float, *, found: bool) -> None:
    """An entry of exactly the maximum age is too old."""
    cache: TtlCache[str] = TtlCache(1)
    cache.put("a", "A", NOON)

    assert (cache.get("a", NOON + timedelta(seconds=later), max_age) is not None) is found


def test_a_clock_that_was_set_back_makes_entries_too_old() -> None:
    """Not young for ever."""
    cache: TtlCache[str] = TtlCache(1)
    cache.put("a", "A", NOON)

    assert cache.get("a", NOON - timedelta(seconds=1), float("inf")) is None
