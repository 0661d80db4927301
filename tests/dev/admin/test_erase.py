"""``make erase``: deletes the history and visits of a deleted link, and nothing of another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from chalicelib.aws.dynamodb import click_store
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.counters import CounterKey
from chalicelib.usecases.record_clicks import Message, record
from dev.admin import erase
from dev.deploy import stack, stages
from dev.local import tables
from tests import rows

TABLE = "url-shortener-clicks"
MADE = {"LinksTable": "url-shortener", "ClicksTable": TABLE}
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
def dynamodb() -> Iterator[None]:
    """Tables with what is known of two links."""
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-1")
        tables.create(client)
        for code in ("gone", "there"):
            for entry in (
                "change#01",
                "change#removed",
                "total",
                "day#2026-11-24",
                *(f"click#2026-11-24T{n:03}" for n in range(60)),
            ):
                client.put_item(TableName=TABLE, Item={"code": {"S": code}, "entry": {"S": entry}})
        click_store.reset()
        click_store.mark_folded_through("2026-11-24")
        yield


def entries_of(code: str) -> list[str]:
    """Return what the table has of a link."""
    items = boto3.client("dynamodb", "eu-west-1").scan(TableName=TABLE)["Items"]
    return sorted(item["entry"]["S"] for item in items if item["code"]["S"] == code)


@pytest.mark.usefixtures("dynamodb")
def test_changes_and_visits_are_erased_and_counts_stay() -> None:
    """A second run finds nothing; the other link keeps all of it."""
    cloud = stack.Cloud("eu-west-1")

    assert [erase.erase(cloud, TABLE, "gone") for _ in range(2)] == [(62, []), (0, [])]
    assert entries_of("gone") == ["day#2026-11-24", "total"]
    assert len(entries_of("there")) == 64


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize("closed_before", [False, True])
def test_counts_stay_right_whenever_it_runs(
    closed_before: bool,  # noqa: FBT001  # the case of the table
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Visits of a day that is open stay till it is closed; a late click, before or after that, is one more visit."""
    monkeypatch.setattr(stages, "find", lambda _: (stack.Cloud("eu-west-1"), MADE))
    monkeypatch.setattr("sys.argv", ["erase", "local", "gone"])
    visitors = iter("abc")

    def visit() -> None:
        name = next(visitors)
        click = Click(id=name, link_id="gone", owner="ann", at=NOW, agent=FIREFOX, visitor=name)
        record([Message(name, json.dumps(click.as_message()))], NOW)

    visit()
    visit()
    nights = [rows.close_night(LATER)] if closed_before else []
    erase.main()
    said = capsys.readouterr().out
    visit()
    nights += [rows.close_night(LATER), rows.close_night(LATER)]
    erase.main()

    assert nights == [0] * len(nights)
    for subject in ("gone", "@ann"):
        (day,) = click_store.days_of(subject, "2026-11-25", "2026-11-25", LATER)
        assert (day.counts["visits"], day.visitors) == (3, 2 if closed_before else 3)
    assert click_store.total_of("gone", LATER)["visits"] == 3
    assert ("2026-11-25" in said) == (not closed_before)
    assert not [entry for entry in entries_of("gone") if entry.startswith("click#")]
    assert "not closed" not in capsys.readouterr().out


@pytest.mark.usefixtures("dynamodb")
def test_a_concurrent_close_does_not_count_erased_rows() -> None:
    """A day is read, and erased, before it is closed: the job reads it again."""
    click = Click(id="1", link_id="gone", at=NOW, agent=FIREFOX)
    record([Message("1", json.dumps(click.as_message()))], NOW)
    rows.close_night(LATER)
    seen, owner = click_store.day_now(CounterKey("gone", "2026-11-25"))
    erase.erase(stack.Cloud("eu-west-1"), TABLE, "gone")

    assert not click_store.fold(CounterKey("gone", "2026-11-25"), seen, seen, owner, {})


@pytest.mark.usefixtures("dynamodb")
def test_an_existing_link_keeps_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a deleted one is erased, and the output says what stays."""
    boto3.client("dynamodb", "eu-west-1").put_item(
        TableName="url-shortener", Item={"code": {"S": "there"}, "originalUrl": {"S": "https://example.com/"}}
    )
    monkeypatch.setattr(stages, "find", lambda _: (stack.Cloud("eu-west-1"), MADE))
    for code, said in (("there", "still a link"), ("", "Which link")):
        monkeypatch.setattr("sys.argv", ["erase", "local", code])
        with pytest.raises(SystemExit, match=said):
            erase.main()

    assert len(entries_of("there")) == 64
