"""The container's cache in front of the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import link_store
from chalicelib.core.links.link import Link
from chalicelib.core.ttl_cache import TtlCache
from chalicelib.errors import StoreUnavailable
from tests.faults import table_down

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINK = Link(id="sale", url="https://example.com/sale", created_at=NOON)


def after(seconds: float) -> datetime:
    """Return the time ``seconds`` after noon."""
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "source"), [(0, "hit"), (59.9, "hit"), (60, "miss"), (-1, "miss")])
@pytest.mark.usefixtures("aws")
def test_link_is_cached_for_a_minute(seconds: float, source: str) -> None:
    """Within 60 seconds the table is not read; later, or if the clock was set back, it is."""
    link_store.add(LINK, "request")
    link_cache.get("sale", NOON)

    assert link_cache.get("sale", after(seconds)) == link_cache.Found(LINK, source)  # type: ignore[arg-type]  # a Literal


@pytest.mark.parametrize(("seconds", "found"), [(4.9, None), (5, LINK)])
@pytest.mark.usefixtures("aws")
def test_unknown_code_is_cached_for_five_seconds(seconds: float, found: Link | None) -> None:
    """A code that is created meanwhile is found soon."""
    assert link_cache.get("sale", NOON).link is None
    link_store.add(LINK, "request")

    assert link_cache.get("sale", after(seconds)).link == found


@pytest.mark.usefixtures("aws")
def test_link_created_here_is_cached_at_once() -> None:
    """It replaces a cached unknown code, without a read."""
    assert link_cache.get("sale", NOON).link is None

    link_cache.put(LINK, NOON)

    assert link_cache.get("sale", after(1)) == link_cache.Found(LINK, "hit")


@pytest.mark.usefixtures("aws")
def test_unknown_codes_do_not_evict_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have a small cache of their own."""
    monkeypatch.setattr(link_cache, "_links", TtlCache(2))
    monkeypatch.setattr(link_cache, "_unknown", TtlCache(2))
    link_cache.put(LINK, NOON)

    for number in range(3):
        link_cache.get(f"nobody{number}", NOON)

    assert link_cache.get("sale", NOON).source == "hit"
    assert link_cache.get("nobody2", NOON).source == "hit"
    assert link_cache.get("nobody0", NOON).source == "miss"


@pytest.mark.usefixtures("aws")
def test_deleted_link_is_evicted() -> None:
    """While the table is down, the cache does not serve a link that the table no longer had."""
    link_cache.put(LINK, NOON)
    assert link_cache.get("sale", after(60)).link is None

    with table_down(), pytest.raises(StoreUnavailable):
        link_cache.get("sale", after(66))


@pytest.mark.parametrize("seconds", [60, 599])
@pytest.mark.usefixtures("aws")
def test_stale_link_is_served_while_the_table_is_down(seconds: float) -> None:
    """For ten minutes."""
    link_cache.put(LINK, NOON)

    with table_down():
        assert link_cache.get("sale", after(seconds)) == link_cache.Found(LINK, "stale")


@pytest.mark.usefixtures("aws")
def test_link_older_than_ten_minutes_is_not_served() -> None:
    """It may have changed too much."""
    link_cache.put(LINK, NOON)

    with table_down(), pytest.raises(StoreUnavailable):
        link_cache.get("sale", after(600))


@pytest.mark.usefixtures("aws")
def test_unknown_code_is_never_served_stale() -> None:
    """It may have been created meanwhile."""
    assert link_cache.get("sale", NOON).link is None

    with table_down(), pytest.raises(StoreUnavailable):
        link_cache.get("sale", after(10))


@pytest.mark.usefixtures("aws")
def test_table_that_is_down_is_not_tried_for_two_seconds() -> None:
    """Meanwhile cached links are served; then the table is tried again."""
    link_cache.put(LINK, NOON)

    with table_down() as tried:
        link_cache.get("sale", after(61))
        tried_at_first = len(tried)
        link_cache.get("sale", after(62))
        tried_in_between = len(tried)
        link_cache.get("sale", after(63.1))

    assert tried_at_first == tried_in_between == 2
    assert len(tried) == 4


@pytest.mark.usefixtures("aws")
def test_uncached_link_fails_at_once_while_the_table_is_not_tried() -> None:
    """For two seconds, or until the clock is set back."""
    with table_down() as tried:
        for seconds in (0, 1, 1.9):
            with pytest.raises(StoreUnavailable):
                link_cache.get(f"other{seconds}", after(seconds))
        tried_at_first = len(tried)
        for seconds in (2, 1):
            with pytest.raises(StoreUnavailable):
                link_cache.get("other", after(seconds))

    assert (tried_at_first, len(tried)) == (2, 6)


@pytest.mark.usefixtures("aws")
def test_table_is_used_again_after_a_failure() -> None:
    """The circuit breaker closes."""
    link_cache.put(LINK, NOON)
    link_store.add(LINK, "request")
    with table_down():
        link_cache.get("sale", after(61))

    assert link_cache.get("sale", after(64)).source == "miss"
