"""The journal of the local AWS: current state, despite interrupted writes, without what a later snapshot has."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from dev.local.journal import Entry, Journal, JournalUnreadable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.sqlite"


def left_by_a_kill(file: Path, *writes: list[Entry]) -> Path:
    """Return a copy of the files that a program leaves behind which is killed after these ``writes``."""
    journal = Journal(file)
    journal.begin("dynamodb", "")
    for entries in writes:
        journal.write(entries)
    copy = file.parent / "left" / file.name
    copy.parent.mkdir()
    for each in file.parent.glob(f"{file.name}*"):
        (copy.parent / each.name).write_bytes(each.read_bytes())
    journal.close()
    return copy


def item(name: str, value: str | None) -> Entry:
    """Return an entry of a table."""
    return Entry("dynamodb", "links", name, value)


def test_each_entry_has_its_last_value(file: Path) -> None:
    """Three writes leave one entry, a deletion leaves none, and others stay."""
    left = left_by_a_kill(file, [item("a", "1"), item("b", "1")], [item("a", "2"), item("b", None)], [item("a", "3")])

    with closing(Journal(left)) as journal:
        assert journal.read("dynamodb") == [item("a", "3")]


def test_the_file_does_not_grow_with_every_write(file: Path) -> None:
    """A counter that is written for hours takes no more room than one that was written once."""
    sizes = []
    for times in (1, 300):
        journal = Journal(file)
        for number in range(times):
            journal.write([item("counter", str(number))])
        journal.close()
        sizes.append(file.stat().st_size)

    assert sizes[1] == sizes[0]


def test_an_interrupted_write_is_rolled_back(file: Path) -> None:
    """All earlier writes are there."""
    left = left_by_a_kill(file, [item("a", "1")], [item("a", "2"), item("b", "1" * 9000)])
    log = left.with_name(f"{left.name}-wal")
    log.write_bytes(log.read_bytes()[:-5000])

    with closing(Journal(left)) as journal:
        assert journal.read("dynamodb") == [item("a", "1")]


def test_a_later_snapshot_replaces_all_entries(file: Path) -> None:
    """On top of it, old entries would undo later changes."""
    journal = Journal(file)
    for service in ("dynamodb", "sqs"):
        journal.begin(service, "before")
        journal.write([Entry(service, "scope", "a", "1")])
    journal.close()

    with closing(Journal(file)) as journal:
        journal.begin("dynamodb", "after")
        journal.begin("sqs", "before")

        assert journal.read("dynamodb") == []
        assert journal.read("sqs") == [Entry("sqs", "scope", "a", "1")]


def test_entries_of_a_deleted_table_are_deleted(file: Path) -> None:
    """A later table of the same name is another one, and empty."""
    with closing(Journal(file)) as journal:
        journal.write([Entry("dynamodb", "links 1", "a", "1"), Entry("sqs", "links 1", "a", "1")])

        journal.write([Entry("dynamodb", "links 2", "b", "1")], prune=[("dynamodb", {"links 2"})])

        assert journal.read("dynamodb") == [Entry("dynamodb", "links 2", "b", "1")]
        assert len(journal.read("sqs")) == 1


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 20, b"SQLite format 3\0" * 300])
def test_a_damaged_file_is_reported(file: Path, content: bytes) -> None:
    """In one sentence with the command; nothing is replaced silently."""
    file.write_bytes(content)

    with pytest.raises(JournalUnreadable, match=f"To start without that, move it away: mv {file} {file}.damaged"):
        Journal(file)
