"""Reads a line of JSON: fields of this API as they are, and column names of a known table as a row of that table.

``columns`` decides about each member as about a column of the same name.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.core.transfers import columns, file_formats
from chalicelib.core.transfers.columns import Table
from chalicelib.core.transfers.file_formats import Column, Reading
from chalicelib.core.transfers.imported_link import MAX_FIELDS, MEMBERS


def read(body: Mapping[str, Any]) -> Reading:
    """Read the object of a line. With only names of the API, or of no known table, it is read as a request of the API.

    Raises:
        RowRefused: the message names the unreadable member, and why.
    """
    if body.keys() <= MEMBERS or len(body) > MAX_FIELDS:
        return Reading((dict(body),))
    recognised = _recognise(tuple(body))
    if recognised is None:
        return Reading((dict(body),))
    table, becomes = recognised
    cells = [(Column(name, becomes[name]), _cell(value)) for name, value in body.items() if name in becomes]
    rest = {name: value for name, value in body.items() if name not in becomes}
    reading = file_formats.read(table, cells)
    return replace(reading, bodies=tuple({**rest, **each} for each in reading.bodies))


@functools.lru_cache(maxsize=16)  # the lines of a file are alike
def _recognise(names: tuple[str, ...]) -> tuple[Table, dict[str, str]] | None:
    """Return the table with columns of these ``names``, and the use of each, without those that only the API has.

    None: no name belongs to a table only, or none holds a URL.
    """
    table = columns.find_table(names)
    if table is None:
        return None
    known = columns.known_names(names, table)
    if known <= MEMBERS:
        return None
    becomes = dict(zip(names, columns.assign_fields(table, names), strict=True))
    return replace(table, has_formula_marks=False), {
        name: field for name, field in becomes.items() if name in known or name not in MEMBERS
    }


def _cell(value: Any) -> str:
    """Return ``value`` as the text of a cell."""
    if value is None or value in ([], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
