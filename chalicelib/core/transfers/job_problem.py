"""Why an import or an export failed, as clients are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing, or nothing more, came of a file. ``code`` is stable and kebab-case."""

    code: str
    detail: str


_STUCK = Problem(
    "stuck",
    "It failed repeatedly. The operator of this service has been notified, and can resume it.",
)


def as_json(problem: Problem | None, *, is_stuck: bool) -> dict[str, str] | None:
    """Return what clients see of ``problem``, or of a job that failed too often; None: nothing is wrong."""
    shown = _STUCK if is_stuck else problem
    return None if shown is None else {"code": shown.code, "detail": shown.detail}
