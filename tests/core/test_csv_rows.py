"""Text written as CSV is not run by spreadsheets, and can be read back."""

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
def test_formula_is_escaped_with_an_apostrophe(cell: str) -> None:
    """Spreadsheets take the cell for text, whatever the separator; unescaping returns the original."""
    line = csv_rows.line(["a", cell])

    written = next(csv.reader(io.StringIO(line, newline="")))[1]
    assert line.startswith('"a","')
    assert written == f"'{cell}"
    assert csv_rows.unescape(written) == cell


@given(some.lists(some.text(alphabet=some.characters(exclude_categories=["Cs"])), min_size=1))
def test_every_text_survives_the_round_trip(cells: list[str]) -> None:
    """Line breaks, quotes, separators, apostrophes: the text read is the text written, and no cell starts a formula."""
    written = next(csv.reader(io.StringIO(csv_rows.line(cells), newline=""), strict=True))

    assert [csv_rows.unescape(cell) for cell in written] == cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in written)
