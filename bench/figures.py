"""What a benchmark measures and finds: figures of a function, verdicts on what is agreed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Figures:
    """What was measured of one function: of each start, of each run. Times of warm calls are microseconds."""

    init_ms: list[float] = field(default_factory=list)
    init_cpu_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    cold_ms: list[float] = field(default_factory=list)
    """From the start of the process to the first response."""
    warm_p50: list[float] = field(default_factory=list)
    warm_p99: list[float] = field(default_factory=list)
    warm_cpu: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    clicks: int = 0
    lost: int = 0
    late: int = 0
    extensions: int = 0


@dataclass(frozen=True)
class Verdict:
    """One thing that is agreed, as measured, and whether it is kept."""

    words: str
    kept: bool

    def __str__(self) -> str:
        return self.words if self.kept else f"{self.words}  <-- MISSED"
