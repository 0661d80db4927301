"""Rows as CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

MEDIA_TYPE = "text/csv"
# What begins a formula (OWASP), behind any number of the marks that keep it from being one: so a mark can be taken off.
_LIKE_A_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return ``rows`` under ``header``, which are names of ours."""
    return "".join([",".join(header), "\r\n", *map(line, rows)])


def line(cells: Sequence[Any]) -> str:
    """Return a row as a line (RFC 4180), every text in quotes: none falls apart where ``;`` separates.

    A cell that a spreadsheet would run has ``'`` put before it.
    """
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerow([_harmless(cell) for cell in cells])
    return text.getvalue()


def plain(cell: str) -> str:
    """Return what a cell was before ``line`` wrote it."""
    return cell[1:] if cell.startswith("'") and _LIKE_A_FORMULA.match(cell) else cell


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _LIKE_A_FORMULA.match(cell) else cell
