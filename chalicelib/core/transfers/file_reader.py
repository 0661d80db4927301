"""Reads an uploaded file as rows: once, from its beginning, with little of it in memory at a time.

Text in UTF-8, with or without a byte order mark, or UTF-16; cells separated by commas, semicolons, tabs or bars; or one
JSON object a line; or one URL a line. An error in a row belongs to that row; the next one is read all the same.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from chalicelib.core import limits
from chalicelib.core.http import json_body
from chalicelib.core.transfers import file_formats, json_rows
from chalicelib.core.transfers.columns import Table
from chalicelib.core.transfers.file_formats import Column, FileRefused, LeftOut, Reading, RowRefused
from chalicelib.errors import BodyTooLarge, Malformed

_BYTE_ORDER_MARK = "\ufeff"
_A_URL = re.compile(r"\s*\"?https?://", re.IGNORECASE)
_A_TABLE = re.compile(r"[^,;|]+[,;|]\s*[^\W\d][\w .-]*\s*")  # a URL, then a word in the next cell

_NOT_TEXT = {  # by their first bytes
    b"PK\x03\x04": "It is a ZIP archive, as Excel's own files are. Save the sheet as CSV, or unpack the archive.",
    b"\x1f\x8b": "It is compressed by gzip. Unpack it first.",
    b"\xd0\xcf\x11\xe0": "It is a file of Excel's. Save the sheet as CSV.",
    b"%PDF": "It is a PDF.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file that begins in ``line``, from 1: the request ``body`` of a new link, or ``why`` there is none."""

    line: int
    body: dict[str, Any]
    why: str | None = None
    kind: str = "unreadable"
    """The kind of refusal, if there is a ``why``."""
    left_out: tuple[LeftOut, ...] = ()
    """Cells that could not be read; the link is created without them."""


@contextmanager
def reading(file: IO[bytes]) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield the name of a file's format, and its rows, to be read within the ``with``; empty rows are skipped.

    The file is read from its beginning, and must be seekable.

    Raises:
        FileRefused: it is not a readable list of links.
    """
    start = file.read(4)
    file.seek(0)
    for signature, message in _NOT_TEXT.items():
        if start.startswith(signature):
            raise FileRefused("not-text", message)
    encoding = _detect_encoding(start)
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    csv.field_size_limit(limits.FILE_CELL)
    text = io.TextIOWrapper(file, encoding, errors, newline="")
    try:
        yield _read(text)
    finally:
        text.detach()  # the caller closes the file


def count(file: IO[bytes]) -> tuple[str, int]:
    """Return the name of a file's format, and how many rows it has.

    Raises:
        FileRefused: also if it has no rows, or more than 50,000.
    """
    with reading(file) as (name, rows):
        number = sum(1 for _ in itertools.islice(rows, limits.FILE_ROWS + 1))
    if number == 0:
        raise FileRefused("empty", "It has no rows.")
    if number > limits.FILE_ROWS:
        raise FileRefused("too-many-rows", f"It has more than {limits.FILE_ROWS:,} rows. Split it.")
    return name, number


def _read(text: io.TextIOWrapper) -> tuple[str, Iterator[Row]]:
    rest = _truncated_lines(text)
    before, first = _skip_blank_lines(rest)
    lines = itertools.chain([first], rest)
    if first.lstrip().startswith("{"):
        return "ndjson", _read_objects(lines, before)
    recognised = file_formats.recognise_header(first)
    if recognised is not None:
        table, separator, columns = recognised
        reader = csv.reader(lines, delimiter=separator, strict=True)
        next(reader)
        return table.service, _read_table(reader, before, table, columns)
    if first.lstrip().startswith("["):
        raise FileRefused("json-array", "It is one JSON array. Write one object a line, without commas between them.")
    if not _A_URL.match(first):
        shown = first.strip()[:200]
        message = (
            f"None of its columns is known to hold the URL: {shown!r}. Call one url, or begin a list with https://."
        )
        raise FileRefused("unknown-columns", message)
    if _A_TABLE.fullmatch(first) or "\t" in first:
        message = (
            "It looks like a table without names: put a line such as url,alias before it. Is it a list of addresses"
        )
        raise FileRefused("no-header", f"{message} with commas in them? Then put url before it, and each into quotes.")
    return "list", _read_urls(lines, before)


def _detect_encoding(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if start[:1] == b"\0" else "utf-8-sig"


def _skip_blank_lines(lines: Iterator[str]) -> tuple[int, str]:
    """Return the number of blank lines at the beginning, and the first other line."""
    for before, line in enumerate(lines):
        if line.strip() and not line.lower().startswith("sep="):  # a hint of Excel to itself
            return before, line
    raise FileRefused("empty", "It is empty.")


def _truncated_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield each line, and only the beginning of one that is too long.

    A byte order mark before a line is removed: it remains where files were joined.
    """
    while line := text.readline(limits.FILE_LINE):
        yield line.removeprefix(_BYTE_ORDER_MARK)
        while not line.endswith(("\n", "\r")) and (line := text.readline(limits.FILE_LINE)):
            continue


def _read_table(reader: Any, before: int, table: Table, columns: Sequence[Column]) -> Iterator[Row]:
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as broken:
            yield Row(line, {}, _why_not_csv(str(broken)))
            continue
        if any(cell.strip() for cell in cells):
            yield from _read_cells(line, cells, table, columns)


def _read_cells(line: int, cells: list[str], table: Table, columns: Sequence[Column]) -> Iterator[Row]:
    if _is_broken("".join(cells)):
        yield Row(line, {}, _NOT_UTF8)
        return
    if any(cell.strip() for cell in cells[len(columns) :]):
        yield Row(line, {}, "It has more cells than there are columns: put cells with separators in them in quotes.")
        return
    yield from _rows_from(line, functools.partial(file_formats.read, table, list(zip(columns, cells, strict=False))))


def _rows_from(line: int, read: Callable[[], Reading]) -> Iterator[Row]:
    try:
        reading = read()
    except RowRefused as refused:
        yield Row(line, {}, str(refused), refused.kind)
        return
    yield from (Row(line, body, left_out=reading.left_out) for body in reading.bodies)


def _read_objects(lines: Iterator[str], before: int) -> Iterator[Row]:
    for line, text in enumerate(lines, before + 1):
        if text.strip():
            try:
                body = json_body.read_object(text.encode("utf-8", "surrogateescape"), None, limits.FILE_OBJECT_BYTES)
            except (Malformed, BodyTooLarge) as refused:
                yield Row(line, {}, str(refused).replace("The body", "The line"))
                continue
            yield from _rows_from(line, functools.partial(json_rows.read, body))


def _read_urls(lines: Iterator[str], before: int) -> Iterator[Row]:
    for line, text in enumerate(lines, before + 1):
        url = text.strip(" \t\r\n")
        if len(url) > 1 and url[0] == url[-1] == '"':
            url = url[1:-1]
        if url:
            yield Row(line, {}, _NOT_UTF8) if _is_broken(url) else Row(line, {"url": url})


_NOT_UTF8 = "It holds damaged characters. Save the file as CSV UTF-8."


def _is_broken(text: str) -> bool:
    """Tell whether bytes could not be decoded: they became halves of surrogate pairs, or replacement characters."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" or letter == "\ufffd" for letter in text)


def _why_not_csv(reason: str) -> str:
    if "end of data" in reason:
        return "A quotation mark opens here and is never closed; nothing after it was read."
    if "limit" in reason:
        return "A cell is longer than 512 KiB: perhaps a quotation mark is never closed."
    return f"It is no CSV: {reason}. Quotation marks within a cell are written twice."
