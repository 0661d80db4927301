"""The summary of an import: which columns were left out, and why rows were refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.transfers.file_formats import NOT_PORTABLE, LeftOut
from chalicelib.errors import FieldError

KINDS = ("unreadable", "protection", "code", "taken", "url", "blocked", "field", "external-id", "not-stored", "domain")
"""The kinds of refusals. Stable; ``openapi.json`` describes each."""
MAX_COLUMNS = 50  # names in one summary; the rows of all others are counted too


@dataclass(frozen=True, slots=True)
class Summary:
    """What was left out and refused in the rows that are done."""

    rows_left_out: int = 0
    """Rows with anything left out."""
    columns: Mapping[str, int] = field(default_factory=dict)
    """In how many rows each column was left out; only the first ``MAX_COLUMNS`` columns."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    """How many rows were refused, by kind."""

    def plus(self, left_out: Sequence[LeftOut], kind: str) -> Summary:
        """Return the summary with one more row; ``kind`` is empty unless the row was refused."""
        columns, refusals = Counter(self.columns), Counter(self.refusals)
        for name in {left.column for left in left_out}:
            if name in columns or len(columns) < MAX_COLUMNS:
                columns[name] += 1
        if kind:
            refusals[kind] += 1
        return Summary(self.rows_left_out + bool(left_out), columns, refusals)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form for clients, the largest numbers first."""
        columns = [{"name": name, "rows": rows} for name, rows in _by_size(self.columns)]
        return {
            "leftOut": {"rows": self.rows_left_out, "columns": columns},
            "refusals": [{"kind": kind, "rows": rows} for kind, rows in _by_size(self.refusals)],
        }

    def lines(self) -> Iterator[str]:
        """Yield the summary as sentences."""
        if self.rows_left_out:
            yield f"Left out in {_rows(self.rows_left_out)}: {_listed(self.columns)}."
        if self.refusals:
            yield f"Refused: {_listed(self.refusals)}."


def kind_of(errors: Sequence[FieldError]) -> str:
    """Return the kind of refusal of a row whose fields have these errors."""
    if any(error.code == "blocked-host" for error in errors):
        return "blocked"
    if any(error.message == NOT_PORTABLE for error in errors):
        return "protection"
    return "url" if any(error.field.lower().endswith("url") for error in errors) else "field"


def _by_size(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({rows:,})" for name, rows in _by_size(counts))


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"
