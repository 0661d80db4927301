"""One guard of the service, the source text without it, and what became of the mutant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple


class Mutant(NamedTuple):
    """A guard, and the service without it. A condition gives way to one that holds, so that all else still works."""

    name: str
    file: str
    old: str
    """Stands in ``file`` exactly once."""
    new: str
    tests: str
    """What must notice: a test, or several, as pytest is asked for it."""

    def why_outdated(self, root: Path) -> str | None:
        """Return in a sentence why this mutant cannot be made of the project in ``root``, or None."""
        times = (root / self.file).read_text("utf-8").count(self.old)
        if times != 1:
            return f"in {self.file} its old text stands {times} times, not once."
        return "its old and its new text are the same." if self.old == self.new else None

    def mutated(self, root: Path) -> str:
        """Return the source of ``file`` in ``root`` without its guard."""
        return (root / self.file).read_text("utf-8").replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant. It is ``killed`` if a test failed; ``unclear`` where none did, and none could pass."""

    verdict: Literal["killed", "survived", "unclear"]
    seconds: float
    output: str
    """The end of pytest's output."""
