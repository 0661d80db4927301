"""An uploaded file, read as rows: once, from its beginning, a little of it in memory at a time.

Text in UTF-8, with or without a byte order mark, or UTF-16; cells separated by commas, semicolons, tabs or bars; or one
JSON object a line; or one URL a line. What is wrong with a row is said of that row, and the next is read all the same.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from chalicelib.core import formats, json_body
from chalicelib.core.formats import Format
from chalicelib.errors import BodyTooLarge, FileRefused, Malformed

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 50_000
_MAX_CELL = 512 * 1024  # characters; the days of a link in an export are 100 each
_MAX_LINE = 1024 * 1024  # characters; of a longer line the rest is left out, and it is no row of ours

_A_URL = re.compile(r"\s*\"?https?://", re.IGNORECASE)
_A_TABLE = re.compile(r"[^,;|]+[,;|]\s*[^\W\d][\w .-]*\s*")  # a URL, and a word behind it

_NOT_TEXT = {  # by their first bytes
    b"PK\x03\x04": "It is a ZIP archive, as Excel's own files are. Save the sheet as CSV, or unpack the archive.",
    b"\x1f\x8b": "It is compressed by gzip. Unpack it first.",
    b"\xd0\xcf\x11\xe0": "It is a file of Excel's. Save the sheet as CSV.",
    b"%PDF": "It is a PDF.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file that begins in ``line``, from 1: the ``body`` of a wish for a link, or ``why`` there is none."""

    line: int
    body: dict[str, Any]
    why: str | None = None
    left_out: str = ""
    """What of it could not be read, and the link is made without."""


@contextmanager
def reading(file: IO[bytes]) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield the name of a file's format, and its rows, to be read within the ``with``; empty rows are none.

    The file is read from its beginning, and is to be one that can be read again.

    Raises:
        FileRefused: it is no list of links that could be read.
    """
    start = file.read(4)
    file.seek(0)
    for signature, message in _NOT_TEXT.items():
        if start.startswith(signature):
            raise FileRefused("not-text", message)
    encoding = _encoding_of(start)
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    csv.field_size_limit(_MAX_CELL)
    text = io.TextIOWrapper(file, encoding, errors, newline="")
    try:
        yield _read(text)
    finally:
        text.detach()  # the file is closed by who opened it


def count(file: IO[bytes]) -> tuple[str, int]:
    """Return the name of a file's format, and how many rows it has.

    Raises:
        FileRefused: also if it has none, or more than 50,000.
    """
    with reading(file) as (name, rows):
        number = sum(1 for _ in itertools.islice(rows, MAX_ROWS + 1))
    if number == 0:
        raise FileRefused("empty", "It has no rows.")
    if number > MAX_ROWS:
        raise FileRefused("too-many-rows", f"It has more than {MAX_ROWS:,} rows. Split it.")
    return name, number


def _read(text: io.TextIOWrapper) -> tuple[str, Iterator[Row]]:
    rest = _bounded(text)
    before, first = _first_of(rest)
    lines = itertools.chain([first], rest)
    if first.lstrip().startswith("{"):
        return "ndjson", _objects(lines, before)
    recognised = formats.recognised(first)
    if recognised is not None:
        known, separator, columns = recognised
        reader = csv.reader(lines, delimiter=separator, strict=True)
        next(reader)
        return known.name, _cells(reader, before, known, columns)
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
    return "list", _urls(lines, before)


def _encoding_of(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if start[:1] == b"\0" else "utf-8-sig"


def _first_of(lines: Iterator[str]) -> tuple[int, str]:
    """Return how many lines stand before the first that says something, and that line."""
    for before, line in enumerate(lines):
        if line.strip() and not line.lower().startswith("sep="):  # which Excel writes, and reads, for itself
            return before, line
    raise FileRefused("empty", "It is empty.")


def _bounded(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield lines as they end, and of one that is too long its beginning."""
    while line := text.readline(_MAX_LINE):
        yield line
        while not line.endswith(("\n", "\r")) and (line := text.readline(_MAX_LINE)):
            continue


def _cells(reader: Any, before: int, known: Format, columns: Sequence[str | None]) -> Iterator[Row]:
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
            yield from _rows_of(line, cells, known, columns)


def _rows_of(line: int, cells: list[str], known: Format, columns: Sequence[str | None]) -> Iterator[Row]:
    if _is_broken("".join(cells)):
        yield Row(line, {}, _NOT_UTF8)
        return
    if any(cell.strip() for cell in cells[len(columns) :]):
        yield Row(line, {}, "It has more cells than there are columns: put cells with separators in them in quotes.")
        return
    try:
        reading = known.read({name: cell for name, cell in zip(columns, cells, strict=False) if name})
    except ValueError as unreadable:
        yield Row(line, {}, str(unreadable))
        return
    yield from (Row(line, body, left_out=reading.left_out) for body in reading.bodies)


def _objects(lines: Iterator[str], before: int) -> Iterator[Row]:
    for line, text in enumerate(lines, before + 1):
        if text.strip():
            try:
                body = text.encode("utf-8", "surrogateescape")
                yield Row(line, json_body.read_object(body, None, json_body.MAX_BULK_BYTES))
            except (Malformed, BodyTooLarge) as refused:
                yield Row(line, {}, str(refused).replace("The body", "The line"))


def _urls(lines: Iterator[str], before: int) -> Iterator[Row]:
    for line, text in enumerate(lines, before + 1):
        url = text.strip(" \t\r\n")
        if len(url) > 1 and url[0] == url[-1] == '"':
            url = url[1:-1]
        if url:
            yield Row(line, {}, _NOT_UTF8) if _is_broken(url) else Row(line, {"url": url})


_NOT_UTF8 = "It holds damaged characters. Save the file as CSV UTF-8."


def _is_broken(text: str) -> bool:
    """Tell whether there were bytes that are no text: they were read as halves of surrogate pairs, or replaced."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" or letter == "\ufffd" for letter in text)


def _why_not_csv(reason: str) -> str:
    if "end of data" in reason:
        return "A quotation mark opens here and is never closed; nothing after it was read."
    if "limit" in reason:
        return "A cell is longer than 512 KiB: perhaps a quotation mark is never closed."
    return f"It is no CSV: {reason}. Quotation marks within a cell are written twice."
