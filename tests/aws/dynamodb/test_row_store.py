"""The rows of clicks: what is put is what is read, of this version and the one before, and nothing else is a click."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import row_store
from chalicelib.aws.dynamodb.row_store import RowUnreadable
from chalicelib.core.visits import slots
from chalicelib.core.visits.click import Click
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from tests import rows

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CLICK = Click(id="1", link_id="sale", at=NOON, slot=0, expires_at=2_000_000_000)
BEFORE: dict[str, Any] = {
    "code": {"S": "sale"},
    "entry": {"S": "click#2026-11-24T12:00:00.123Z#a=_-1"},
    "owner": {"S": "ann"},
    "agent": {"S": "Mozilla/5.0"},
    "referrer": {"S": "a.example"},
    "country": {"S": "PT"},
    "language": {"S": "pt"},
    "visitor": {"S": "0f"},
    "variant": {"S": "b"},
    "kind": {"S": "bots"},
    "device": {"S": "mobile"},
    "browser": {"S": "Firefox"},
    "system": {"S": "Linux"},
    "expiresAt": {"N": "1800000000"},
}
"""A row as the version before wrote it."""
some_text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=512)
clicks = st.builds(
    Click,
    id=st.from_regex(r"[A-Za-z0-9_=-]{1,128}", fullmatch=True),
    link_id=st.from_regex(r"(//[a-z0-9-]{1,32}/)?[A-Za-z0-9_-]{1,64}", fullmatch=True),
    at=st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
    owner=some_text,
    variant=some_text,
    agent=some_text,
    referrer=some_text,
    country=some_text,
    device=some_text,
    language=some_text,
    visitor=some_text,
    prefetch=st.booleans(),
    requested_as=st.sampled_from([None, "navigation", "page", "other"]),
    slot=st.integers(0, slots.MOST - 1),
    slots=st.none() | st.integers(1, slots.MOST),
    expires_at=st.integers(1, 10**11),
    took_ms=st.none() | st.floats(0, 10**6),
    from_cache=st.sampled_from([None, True, False]),
)


@given(clicks)
def test_click_survives_the_round_trip(click: Click) -> None:
    """As a row, and as the JSON that the stream brings of it."""
    item = row_store.to_item(click)

    assert row_store.from_item(item) == click
    assert row_store.from_item(json.loads(json.dumps(item))) == click
    assert row_store.is_row(item)
    assert row_store.judged_in(item) is None


@given(clicks)
def test_click_is_the_same_row_by_the_queue(click: Click) -> None:
    """Put once more, it leaves no second record in the stream."""
    queued = Click.from_json(json.dumps(click.as_message()))

    assert row_store.to_item(queued) == row_store.to_item(click)


@pytest.mark.parametrize("click", [replace(CLICK, slot=None), replace(CLICK, expires_at=None)])
def test_click_without_its_place_has_no_row(click: Click) -> None:
    """Without a slot it would never be counted, and without an end it would stay for ever."""
    with pytest.raises(ValueError, match="Click"):
        row_store.to_item(click)


def test_rows_of_a_slot_have_a_key_of_their_own() -> None:
    """Those of slot 0 have the link's, and sort by time."""
    items = [row_store.to_item(replace(CLICK, slot=slot)) for slot in (0, 5)]

    assert [item["code"]["S"] for item in items] == ["sale", "sale#5"]
    assert [item["entry"]["S"] for item in items] == ["click#2026-11-24T12:00:00.000Z#1"] * 2


@pytest.mark.parametrize(("prefetch", "kind"), [(True, "prefetches"), (False, "humans")])
def test_version_before_reads_rows_of_this_one(*, prefetch: bool, kind: str) -> None:
    """It knows no row without a kind, and takes a device for what it judged itself."""
    item = row_store.to_item(replace(CLICK, prefetch=prefetch, device="mobile"))

    assert item["kind"] == {"S": kind}
    assert item.keys().isdisjoint({"device", "browser", "system"})


def test_row_of_the_version_before() -> None:
    """Its click has no slot, and was judged when it was written."""
    assert row_store.from_item(BEFORE) == Click(
        id="a=_-1",
        link_id="sale",
        at=NOON + timedelta(milliseconds=123),
        owner="ann",
        variant="b",
        agent="Mozilla/5.0",
        referrer="a.example",
        country="PT",
        language="pt",
        visitor="0f",
    )
    assert row_store.judged_in(BEFORE) == ("bots", "mobile", "Firefox", "Linux")
    assert row_store.is_row(BEFORE)


def test_row_of_the_version_before_with_little_in_it() -> None:
    """Programs have neither browser nor system, and a prefetch is one."""
    row = {name: BEFORE[name] for name in ("code", "entry")} | {"kind": {"S": "prefetches"}}

    assert row_store.from_item(row).prefetch
    assert row_store.judged_in(row) == ("prefetches", None, None, None)


@pytest.mark.parametrize(
    "entry", ["day#2026-11-24", "total", "count#2026-11-24", "recount#2026-11-24", "change#01", ""]
)
def test_other_items_are_no_rows(entry: str) -> None:
    """The stream brings them all."""
    assert not row_store.is_row({"code": {"S": "sale"}, "entry": {"S": entry}})


@pytest.mark.parametrize(
    "changes",
    [
        {"entry": None},
        {"entry": {"N": "1"}},
        {"entry": {"S": "click#"}},
        {"entry": {"S": "click#yesterday#x"}},
        {"entry": {"S": "click#2026-13-24T12:00:00.000Z#1"}},
        {"code": None},
        {"code": {"N": "1"}},
        {"code": {"S": "sale#x"}},
        {"slot": {"N": "x"}},
        {"slot": {"N": "1.5"}},
        {"slot": {"S": "0"}},
        {"slots": {"N": ""}},
        {"expiresAt": None},
        {"expiresAt": {"S": "2000000000"}},
        {"ms": {"N": "fast"}},
        {"cached": {"S": "yes"}},
        {"owner": {"N": "1"}},
        {"owner": "ann"},
        {"kind": {"BOOL": True}},
    ],
)
def test_unreadable_row_is_told_from_a_click(changes: dict[str, Any]) -> None:
    """Its readers set it aside: any other error would stop its shard for ever."""
    whole: dict[str, Any] = {**row_store.to_item(CLICK), **changes}
    item = {name: value for name, value in whole.items() if value is not None}

    with pytest.raises(RowUnreadable):
        row_store.from_item(item)


Table = Callable[[Callable[[list[Any]], Any]], list[Any]]
"""Sets how the table answers, and returns the list of its requests."""


class TestPutAll:
    """Up to 25 rows in one call; what the table does not take is returned."""

    @pytest.fixture
    def table(self, monkeypatch: pytest.MonkeyPatch) -> Table:
        """Put a table of its own in the place of DynamoDB's."""

        def answers(answer: Callable[[list[Any]], Any]) -> list[Any]:
            asked: list[Any] = []

            def batch_write_item(**request: Any) -> Any:
                (requests,) = request["RequestItems"].values()
                asked.append(requests)
                return answer(requests)

            monkeypatch.setattr(clients, "writes", SimpleNamespace(batch_write_item=batch_write_item))
            return asked

        return answers

    some = tuple(replace(CLICK, id=str(number), slot=number % 3) for number in range(row_store.AT_ONCE))

    @pytest.mark.usefixtures("aws")
    def test_all_are_put(self) -> None:
        """Each in its slot; put again, they are the same rows."""
        assert [row_store.put_all(self.some), row_store.put_all(self.some[3:9])] == [[], []]

        found = [row_store.from_item(item) for slot in range(4) for item in rows.all_of("sale", slot, "2026-11-24")]
        assert sorted(found, key=lambda click: int(click.id)) == list(self.some)

    @pytest.mark.parametrize("left", [[], [0], [24], [3, 9, 10], list(range(25))])
    def test_unprocessed_are_returned(self, table: Table, left: list[int]) -> None:
        """Those, and no others, in whatever order the table names them."""
        table(
            lambda requests: {
                "UnprocessedItems": {settings.clicks_table: [requests[place] for place in reversed(left)]}
            }
        )

        assert set(row_store.put_all(self.some)) == {self.some[place] for place in left}

    def test_answer_without_unprocessed_rows(self, table: Table) -> None:
        """All were put."""
        table(lambda _: {})

        assert row_store.put_all(self.some) == []

    def test_same_row_is_asked_for_once(self, table: Table) -> None:
        """DynamoDB refuses a call with two requests of one key."""
        asked = table(lambda _: {})

        row_store.put_all([CLICK, CLICK, replace(CLICK, id="2")])

        assert [len(requests) for requests in asked] == [2]

    @pytest.mark.parametrize(
        "code",
        [
            "ProvisionedThroughputExceededException",
            "ThrottlingException",
            "RequestLimitExceeded",
            "InternalServerError",
        ],
    )
    def test_throttled_call_put_none(self, table: Table, code: str) -> None:
        """All are put later."""

        def refuse(_: Any) -> Any:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "BatchWriteItem")

        table(refuse)

        assert row_store.put_all(self.some) == list(self.some)

    @pytest.mark.parametrize(
        "error",
        [
            ReadTimeoutError(endpoint_url="the table"),
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "BatchWriteItem"),
        ],
    )
    def test_any_other_failure_is_one(self, table: Table, error: Exception) -> None:
        """None, some or all were put."""

        def fail(_: Any) -> Any:
            raise error

        table(fail)

        with pytest.raises(StoreUnavailable):
            row_store.put_all(self.some)


class TestRead:
    """The rows of a slot, by day and from the newest."""

    @pytest.fixture(autouse=True)
    def clicks(self, aws: None) -> list[Click]:  # noqa: ARG002  # the tables must be there first
        """Put rows at both ends of three days, in two slots, and return those of slot 0, the oldest first."""
        midnight = datetime(2026, 11, 24, tzinfo=UTC)
        moments = [midnight + timedelta(days=day, milliseconds=more) for day in (0, 1, 2) for more in (-1, 0, 1)]
        made = [replace(CLICK, id=str(number), at=at) for number, at in enumerate(moments)]
        for click in made:
            row_store.put(click)
            row_store.put(replace(click, id=f"in-{click.id}", slot=1))
        return made

    @pytest.mark.parametrize("slot", [0, 1])
    def test_rows_of_a_day(self, slot: int) -> None:
        """From its first millisecond to its last, of one slot."""
        found = [row_store.from_item(item) for item in rows.all_of("sale", slot, "2026-11-24")]

        assert [click.id.removeprefix("in-") for click in found] == ["1", "2", "3"]
        assert {click.slot for click in found} == {slot}

    def test_page_goes_on_after_an_entry(self, clicks: list[Click]) -> None:
        """Which is not in it."""
        items, more = row_store.page("sale", 0, "2026-11-24", row_store.entry_of(clicks[1]), consistent=True)

        assert [row_store.from_item(item) for item in items] == clicks[2:4]
        assert not more

    @pytest.mark.parametrize(
        ("before", "limit", "found"), [(None, 2, [8, 7]), (7, 3, [6, 5, 4]), (1, 5, [0]), (0, 5, [])]
    )
    def test_newest_come_first(self, clicks: list[Click], before: int | None, limit: int, found: list[int]) -> None:
        """Up to an entry, which is not among them."""
        entry = None if before is None else row_store.entry_of(clicks[before])

        items = row_store.newest("sale", 0, limit, entry)

        assert [row_store.from_item(item) for item in items] == [clicks[place] for place in found]
