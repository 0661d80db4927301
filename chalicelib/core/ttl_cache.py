"""A bounded in-memory cache. Entries have the time they were stored at; each reader sets a maximum age."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from chalicelib.errors import StoreUnavailable

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Entry(Generic[Value]):
    """A value, and the time it was stored at (aware)."""

    value: Value
    stored_at: datetime


class TtlCache(Generic[Value]):
    """Values by key. When it is full, the entry that was stored first is evicted.

    Safe between the threads of a local server; a Lambda container has one.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[str, Entry[Value]] = {}
        self._writing = threading.Lock()

    def get(self, key: str, now: datetime, max_age: float) -> Entry[Value] | None:
        """Return the entry of ``key`` if it is younger than ``max_age`` seconds at ``now``.

        If the clock is set back, entries count as too old, rather than stay fresh for ever.
        """
        entry = self._entries.get(key)
        return entry if entry is not None and 0 <= (now - entry.stored_at).total_seconds() < max_age else None

    def get_or_read(
        self, key: str, now: datetime, read: Callable[[], Value], *, lasts: float, stale_lasts: float
    ) -> Value:
        """Return the value of ``key``, from ``read`` if none younger than ``lasts`` seconds is stored.

        While the store does not respond, a value of up to ``stale_lasts`` seconds is returned.

        Raises:
            StoreUnavailable: and there is none.
        """
        if (fresh := self.get(key, now, lasts)) is not None:
            return fresh.value
        try:
            value = read()
        except StoreUnavailable:
            if (stale := self.get(key, now, stale_lasts)) is not None:
                return stale.value
            raise
        self.put(key, value, now)
        return value

    def put(self, key: str, value: Value, now: datetime) -> None:
        """Store ``value`` as of ``now``."""
        with self._writing:
            self._entries.pop(key, None)
            while self._entries and len(self._entries) >= self._size:
                del self._entries[next(iter(self._entries))]
            if self._size:
                self._entries[key] = Entry(value, now)

    def evict(self, key: str) -> None:
        """Remove the entry of ``key``, if any."""
        with self._writing:
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Remove all entries, as in a new container."""
        with self._writing:
            self._entries.clear()
