"""What is written as CSV runs nowhere, and can be had back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.core import csv_rows


@pytest.mark.parametrize(
    "cell",
    ["=cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "-2+3", "+1", "\r=1", "\n=1", "'=1", "''@x", "'-", "=", "@"],
)
def test_a_cell_that_would_run_has_a_mark_before_it(cell: str) -> None:
    """A spreadsheet takes it for text, whatever separates the cells; taking the mark off gives what it was."""
    line = csv_rows.line(["a", cell])

    written = next(csv.reader(io.StringIO(line, newline="")))[1]
    assert line.startswith('"a","')
    assert written == f"'{cell}"
    assert csv_rows.plain(written) == cell


@given(some.lists(some.text(alphabet=some.characters(exclude_categories=["Cs"])), min_size=1))
def test_every_text_can_be_had_back(cells: list[str]) -> None:
    """Line breaks, quotes, separators, marks: what is written is what is read, and no cell begins a formula."""
    written = next(csv.reader(io.StringIO(csv_rows.line(cells), newline=""), strict=True))

    assert [csv_rows.plain(cell) for cell in written] == cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in written)
