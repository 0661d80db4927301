"""Rows as CSV that spreadsheets can open without running formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

MEDIA_TYPE = "text/csv"
# The start of a formula (OWASP) after any number of escaping apostrophes, so that `unescape` can remove one.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def to_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return ``header``, trusted names, and ``rows`` as CSV."""
    return "".join([",".join(header), "\r\n", *map(line, rows)])


def line(cells: Sequence[Any]) -> str:
    """Return a row as a line (RFC 4180), with every text quoted, so that splitting at ``;`` breaks no cell.

    A cell that a spreadsheet would run as a formula is prefixed with ``'``.
    """
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerow([_escape(cell) for cell in cells])
    return text.getvalue()


def unescape(cell: str) -> str:
    """Return the original text of a cell that ``line`` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _escape(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
