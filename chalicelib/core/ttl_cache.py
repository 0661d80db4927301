"""What a container remembers of the table: a bounded number of things, each with the moment it was learnt."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Remembered(Generic[Thing]):
    """A thing, and when it was learnt (aware)."""

    thing: Thing
    learnt_at: datetime

    def age(self, now: datetime) -> float:
        """Return its age in seconds. A clock that was set back makes it too old, not young for ever."""
        seconds = (now - self.learnt_at).total_seconds()
        return seconds if seconds >= 0 else float("inf")


class Memory(Generic[Thing]):
    """Things by key; the one that was learnt longest ago goes first when there is no more room.

    Safe between the threads of a local server; a Lambda container has one.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._things: dict[str, Remembered[Thing]] = {}
        self._writing = threading.Lock()

    def recall(self, key: str) -> Remembered[Thing] | None:
        """Return what is remembered under ``key``, however old."""
        return self._things.get(key)

    def learn(self, key: str, thing: Thing, now: datetime) -> None:
        """Remember ``thing`` as of ``now``."""
        with self._writing:
            self._things.pop(key, None)
            while self._things and len(self._things) >= self._size:
                del self._things[next(iter(self._things))]
            if self._size:
                self._things[key] = Remembered(thing, now)

    def forget(self, key: str) -> None:
        """Remember nothing under ``key``."""
        with self._writing:
            self._things.pop(key, None)

    def forget_all(self) -> None:
        """Start afresh."""
        with self._writing:
            self._things.clear()
