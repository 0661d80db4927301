"""The container's memory in front of the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.aws import link_cache, link_table
from chalicelib.core.link import Link
from chalicelib.core.memory import Memory
from chalicelib.errors import StoreUnavailable
from tests.faults import table_down

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINK = Link(code="sale", url="https://example.com/sale", created_at=NOON)


def after(seconds: float) -> datetime:
    """Return the moment ``seconds`` after noon."""
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "source"), [(0, "hit"), (59.9, "hit"), (60, "miss"), (-1, "miss")])
@pytest.mark.usefixtures("aws")
def test_a_link_is_remembered_for_a_minute(seconds: float, source: str) -> None:
    """Within 60 seconds no read is spent; then, or when the clock was set back, the table is asked again."""
    link_table.add(LINK, "request")
    link_cache.find("sale", NOON)

    assert link_cache.find("sale", after(seconds)) == link_cache.Found(LINK, source)  # type: ignore[arg-type]  # a Literal


@pytest.mark.parametrize(("seconds", "found"), [(4.9, None), (5, LINK)])
@pytest.mark.usefixtures("aws")
def test_an_unknown_code_is_remembered_for_five_seconds(seconds: float, found: Link | None) -> None:
    """A code that somebody else makes meanwhile is found soon."""
    assert link_cache.find("sale", NOON).link is None
    link_table.add(LINK, "request")

    assert link_cache.find("sale", after(seconds)).link == found


@pytest.mark.usefixtures("aws")
def test_a_link_made_here_is_known_here_at_once() -> None:
    """What this container stored replaces what it believed, without a read."""
    assert link_cache.find("sale", NOON).link is None

    link_cache.learn(LINK, NOON)

    assert link_cache.find("sale", after(1)) == link_cache.Found(LINK, "hit")


@pytest.mark.usefixtures("aws")
def test_who_tries_all_codes_does_not_make_a_container_forget_its_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown codes have a memory of their own, and a small one."""
    monkeypatch.setattr(link_cache, "_links", Memory(2))
    monkeypatch.setattr(link_cache, "_unknown", Memory(2))
    link_cache.learn(LINK, NOON)

    for number in range(3):
        link_cache.find(f"nobody{number}", NOON)

    assert link_cache.find("sale", NOON).source == "hit"
    assert link_cache.find("nobody2", NOON).source == "hit"
    assert link_cache.find("nobody0", NOON).source == "miss"


@pytest.mark.usefixtures("aws")
def test_a_link_that_is_gone_from_the_table_is_forgotten() -> None:
    """Memory does not stand in for the table with what the table itself no longer had."""
    link_cache.learn(LINK, NOON)
    assert link_cache.find("sale", after(60)).link is None

    with table_down(), pytest.raises(StoreUnavailable):
        link_cache.find("sale", after(66))


@pytest.mark.parametrize("seconds", [60, 599])
@pytest.mark.usefixtures("aws")
def test_memory_stands_in_for_a_table_that_does_not_answer(seconds: float) -> None:
    """For ten minutes a link that was seen here still works."""
    link_cache.learn(LINK, NOON)

    with table_down():
        assert link_cache.find("sale", after(seconds)) == link_cache.Found(LINK, "stale")


@pytest.mark.usefixtures("aws")
def test_memory_older_than_ten_minutes_is_not_served() -> None:
    """Then nobody knows what the link is now."""
    link_cache.learn(LINK, NOON)

    with table_down(), pytest.raises(StoreUnavailable):
        link_cache.find("sale", after(600))


@pytest.mark.usefixtures("aws")
def test_an_unknown_code_is_never_served_stale() -> None:
    """That a code was unknown a while ago says nothing about now."""
    assert link_cache.find("sale", NOON).link is None

    with table_down(), pytest.raises(StoreUnavailable):
        link_cache.find("sale", after(10))


@pytest.mark.usefixtures("aws")
def test_visitors_do_not_queue_for_a_table_that_is_down() -> None:
    """After a failure memory is served for two seconds without trying the table again; then it is tried."""
    link_cache.learn(LINK, NOON)

    with table_down() as tried:
        link_cache.find("sale", after(61))
        tried_at_first = len(tried)
        link_cache.find("sale", after(62))
        tried_in_between = len(tried)
        link_cache.find("sale", after(63.1))

    assert tried_at_first == tried_in_between == 2
    assert len(tried) == 4


@pytest.mark.usefixtures("aws")
def test_nobody_waits_for_a_table_that_was_down_a_moment_ago() -> None:
    """Who asks for what memory does not know is told at once, for two seconds; or until the clock is set back."""
    with table_down() as tried:
        for seconds in (0, 1, 1.9):
            with pytest.raises(StoreUnavailable):
                link_cache.find(f"other{seconds}", after(seconds))
        tried_at_first = len(tried)
        for seconds in (2, 1):
            with pytest.raises(StoreUnavailable):
                link_cache.find("other", after(seconds))

    assert (tried_at_first, len(tried)) == (2, 6)


@pytest.mark.usefixtures("aws")
def test_the_table_is_used_again_once_it_answers() -> None:
    """A fault leaves no trace behind."""
    link_cache.learn(LINK, NOON)
    link_table.add(LINK, "request")
    with table_down():
        link_cache.find("sale", after(61))

    assert link_cache.find("sale", after(64)).source == "miss"
