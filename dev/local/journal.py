"""The journal of the local AWS: the current state of everything that changed since its last clean stop, in SQLite.

The file grows with the data, not with the number of writes, and SQLite rolls back what a ``kill -9`` interrupts.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bases (service TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
  service TEXT, scope TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (service, scope, name)
) WITHOUT ROWID;
"""


class JournalUnreadable(Exception):
    """The file is not a journal, or damaged; the message says what to do, for a person."""


class Entry(NamedTuple):
    """One object of a service: an item of a table, a message of a queue. ``value`` is JSON; None deletes it."""

    service: str
    scope: str
    name: str
    value: str | None


class Journal:
    """The journal in ``file``, created if missing. One process has it open; its threads may share it."""

    def __init__(self, file: Path) -> None:
        """Open it.

        Raises:
            JournalUnreadable
        """
        self._file = file
        self._lock = threading.Lock()
        with self._readable(), ExitStack() as unless_opened:
            self._rows = sqlite3.connect(file, check_same_thread=False)
            unless_opened.callback(self._rows.close)
            self._rows.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = FULL")
            self._rows.executescript(_SCHEMA)
            unless_opened.pop_all()

    def begin(self, service: str, digest: str) -> None:
        """Continue from the snapshot with ``digest``. Entries of another one are deleted: a later one contains them.

        Raises:
            JournalUnreadable
        """
        with self._readable(), self._lock, self._rows:
            known = self._rows.execute("SELECT digest FROM bases WHERE service = ?", (service,)).fetchone()
            if known != (digest,):
                self._rows.execute("DELETE FROM entries WHERE service = ?", (service,))
                self._rows.execute("INSERT OR REPLACE INTO bases VALUES (?, ?)", (service, digest))

    def read(self, service: str) -> list[Entry]:
        """Return all entries of a service.

        Raises:
            JournalUnreadable
        """
        with self._readable(), self._lock:
            rows = self._rows.execute("SELECT service, scope, name, value FROM entries WHERE service = ?", (service,))
            return [Entry(*row) for row in rows]

    def write(self, entries: Iterable[Entry], prune: Iterable[tuple[str, Collection[str]]] = ()) -> None:
        """Write ``entries`` in one transaction; for each service in ``prune``, delete those outside its scopes.

        Raises:
            sqlite3.Error: the disk is full, for example.
        """
        entries = list(entries)
        with self._lock, self._rows:
            for service, scopes in prune:
                known = self._rows.execute("SELECT DISTINCT scope FROM entries WHERE service = ?", (service,))
                gone = [(service, scope) for (scope,) in known.fetchall() if scope not in scopes]
                self._rows.executemany("DELETE FROM entries WHERE service = ? AND scope = ?", gone)
            self._rows.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)",
                (each for each in entries if each.value is not None),
            )
            self._rows.executemany(
                "DELETE FROM entries WHERE service = ? AND scope = ? AND name = ?",
                (each[:3] for each in entries if each.value is None),
            )

    def close(self) -> None:
        """Close it."""
        self._rows.close()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as damaged:
            raise JournalUnreadable(
                f"{self._file} cannot be read ({damaged}). It has what was written since the local AWS last stopped in"
                f" order. To start without that, move it away: mv {self._file} {self._file}.damaged"
            ) from damaged
