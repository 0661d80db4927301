"""Files of other shorteners: each is recognised by its columns, and every column with a field here is imported."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest

from chalicelib.core import csv_rows, limits
from chalicelib.core.links import password
from chalicelib.core.transfers import file_formats, file_reader
from chalicelib.core.transfers.file_formats import FileRefused
from chalicelib.core.transfers.file_reader import Row
from tests.paths import ROOT

SALE = "https://shop.test.org/sale?utm_source=x&a=1"
LAUNCH = 'Launch, "Summer" edition'
DOCS, MANUAL, PYTHON = "https://www.python.org/doc/", "https://docs.python.org/3/", "https://www.python.org/"

SAMPLES: dict[str, tuple[str, list[dict[str, Any] | str]]] = {
    "bitly.csv": (
        "bitly",
        [
            {
                "alias": "summer-sale",
                "shortUrl": "https://bit.ly/summer-sale",
                "url": f"{SALE},2",
                "title": LAUNCH,
                "createdAt": "2024-06-02T00:00:00.000Z",
                "visits": 1234,
            },
            # The same link under the code that was drawn for it: that one is in the world too.
            {
                "alias": "3AbCdEf",
                "shortUrl": "https://bit.ly/3AbCdEf",
                "url": f"{SALE},2",
                "title": LAUNCH,
                "createdAt": "2024-06-02T00:00:00.000Z",
            },
            {
                "alias": "2xYzAbc",
                "shortUrl": "https://bit.ly/2xYzAbc",
                "url": DOCS,
                "title": "Docs",
                "createdAt": "2023-06-28T00:00:00.000Z",
                "visits": 0,
            },
            {
                "alias": "manual",
                "shortUrl": "https://go.test.org/manual",
                "url": MANUAL,
                "title": "Manual v2",
                "createdAt": "2016-06-02T00:00:00.000Z",
                "visits": 57,
            },
            {
                "alias": "1rI0pcz",
                "shortUrl": "https://go.test.org/1rI0pcz",
                "url": MANUAL,
                "title": "Manual v2",
                "createdAt": "2016-06-02T00:00:00.000Z",
            },
        ],
    ),
    "bitly-bulk.csv": (
        "bitly",
        [{"url": PYTHON, "alias": "spring", "tags": ["launch", "spring"], "title": "Spring"}, {"url": MANUAL}],
    ),
    "yourls-table.csv": (
        "yourls",
        [
            {"alias": "summer", "url": SALE, "title": LAUNCH, "createdAt": "2024-08-15T15:03:56.000Z", "visits": 1234},
            {"alias": "docs", "url": DOCS, "createdAt": "2024-09-01T08:30:00.000Z", "visits": 0},
            {
                "alias": "Man-2",
                "url": MANUAL,
                "title": "Two\r\nlines",
                "createdAt": "2025-01-12T23:59:59.000Z",
                "visits": 57,
            },
        ],
    ),
    "yourls-plugin.csv": (
        "yourls",
        [
            {"alias": "summer", "url": 'https://shop.test.org/sale?ids=1,2&q="x"', "visits": 1234},
            {"alias": "docs", "url": DOCS, "visits": 0},
        ],
    ),
    "shlink.csv": (
        "shlink",
        [
            {
                "alias": "summer",
                "domain": "s.test.org",
                "shortUrl": "https://s.test.org/summer",
                "url": SALE,
                "title": LAUNCH,
                "tags": ["marketing", "summer-2024"],
                "createdAt": "2024-08-15T19:03:56.000Z",
                "visits": 1234,
            },
            {
                "alias": "aB3xZ",
                "domain": "s.test.org",
                "shortUrl": "https://s.test.org/aB3xZ",
                "url": DOCS,
                "createdAt": "2024-09-01T08:30:00.000Z",
                "visits": 0,
            },
            {
                "alias": "docs/v2",
                "domain": "go.test.org",
                "shortUrl": "https://go.test.org/docs/v2",
                "url": MANUAL,
                "title": "Manual v2",
                "tags": ["docs"],
                "createdAt": "2025-01-12T22:59:59.000Z",
                "visits": 57,
            },
        ],
    ),
    "shlink-3.6.csv": (
        "shlink",
        [
            {
                "alias": "summer",
                "shortUrl": "https://s.test.org/summer",
                "url": SALE,
                "title": LAUNCH,
                "tags": ["marketing", "summer-2022"],
                "createdAt": "2022-08-15T13:03:56.000Z",
                "visits": 1234,
            }
        ],
    ),
    "kutt.csv": (
        "kutt",
        [
            {
                "alias": "summer",
                "url": SALE,
                "title": LAUNCH,
                "createdAt": "2024-08-15T15:03:56.123Z",
                "updatedAt": "2024-08-16T09:00:00.000Z",
                "visits": 1234,
            },
            {
                "alias": "aB3xZ",
                "url": DOCS,
                "createdAt": "2024-09-01T08:30:00.000Z",
                "updatedAt": "2024-09-01T08:30:00.000Z",
                "expiresAt": "2027-01-01T00:00:00.000Z",
                "visits": 0,
            },
            {
                "alias": "stopped",
                "url": MANUAL,
                "createdAt": "2025-01-12T23:59:59.000Z",
                "updatedAt": "2025-01-12T23:59:59.000Z",
                "enabled": False,
                "visits": 57,
            },
            "It asks for a password, which cannot be brought along: make it anew, with a password.",
        ],
    ),
    "kutt-api.csv": (
        "kutt",
        [
            {
                "alias": "summer",
                "shortUrl": "https://kutt.test.org/summer",
                "url": SALE,
                "title": LAUNCH,
                "createdAt": "2024-08-15T15:03:56.123Z",
                "visits": 1234,
            }
        ],
    ),
    "dub.csv": (
        "dub",
        [
            {
                "alias": "summer",
                "shortUrl": "https://dub.test.org/summer",
                "url": "https://shop.test.org/sale?utm_source=x&ids=1,2",
                "tags": ["marketing", "summer"],
                "createdAt": "2024-08-15T15:03:56.123Z",
                "updatedAt": "2025-08-15T15:03:56.000Z",
                "visits": 1234,
            },
            {
                "alias": "aB3xZ",
                "shortUrl": "https://dub.test.org/aB3xZ",
                "url": DOCS,
                "tags": ["=tag"],
                "createdAt": "2024-09-01T08:30:00.000Z",
                "updatedAt": "2024-09-01T08:30:00.000Z",
                "visits": 0,
            },
            "shortUrl is 'https://dub.test.org', which has no code in it.",
        ],
    ),
    "dub-2024.csv": (
        "dub",
        [
            {
                "alias": "summer",
                "shortUrl": "https://dub.test.org/summer",
                "url": SALE,
                "createdAt": "2024-08-15T15:03:56.123Z",
                "visits": 1234,
            }
        ],
    ),
    "polr.csv": (
        "polr",
        [
            {
                "alias": "summer",
                "url": SALE,
                "createdAt": "2024-08-15T15:03:56.000Z",
                "updatedAt": "2024-08-16T09:00:00.000Z",
                "visits": 1234,
            },
            {
                "alias": "stopped",
                "url": MANUAL,
                "createdAt": "2025-01-12T23:59:59.000Z",
                "updatedAt": "2025-01-12T23:59:59.000Z",
                "enabled": False,
                "visits": 57,
            },
            (
                "secret_key is 'x7Kd', which may say when the link must not work, and is not understood:"
                " rename or empty the column."
            ),
        ],
    ),
    "shortio.csv": (
        "shortio",
        [
            {
                "alias": "summer",
                "shortUrl": "https://s.test.org/summer",
                "url": SALE,
                "title": LAUNCH,
                "tags": ["marketing", "summer"],
                "createdAt": "2024-08-15T15:03:56.000Z",
                "expiresAt": "2031-01-01T00:00:00.000Z",
                "fallbackUrl": "https://shop.test.org/over",
                "maxVisits": 5,
            },
            {
                "alias": "docs",
                "shortUrl": "https://s.test.org/docs",
                "url": MANUAL,
                "createdAt": "2025-01-12T23:59:59.000Z",
            },
            "It asks for a password, which cannot be brought along: make it anew, with a password.",
        ],
    ),
    "rebrandly.csv": (
        "rebrandly",
        [
            {
                "alias": "summer",
                "domain": "rebrand.test.org",
                "shortUrl": "rebrand.test.org/summer",
                "url": SALE,
                "title": LAUNCH,
                "createdAt": "2024-08-15T15:03:56.000Z",
                "visits": 1234,
            },
            {
                "alias": "aB3xZ",
                "domain": "rebrand.test.org",
                "shortUrl": "rebrand.test.org/aB3xZ",
                "url": DOCS,
                "title": "Docs",
                "createdAt": "2024-09-01T08:30:00.000Z",
                "visits": 0,
            },
        ],
    ),
    "rebrandly-api.csv": (
        "rebrandly",
        [
            {
                "alias": "summer",
                "shortUrl": "rebrand.test.org/summer",
                "url": SALE,
                "createdAt": "2024-08-15T15:03:56.000Z",
            }
        ],
    ),
    "any.csv": (
        "csv",
        [
            {
                "alias": "spring",
                "url": PYTHON,
                "note": "A note\non two lines; and more",
                "tags": ["one", "two"],
                "expiresAt": "2031-01-01T00:00:00.000Z",
            },
            {"url": MANUAL},
        ],
    ),
    "list.txt": ("list", [{"url": PYTHON}, {"url": MANUAL}, {"url": "https://shop.test.org/sale?a=1,2;3"}]),
}


def rows_of(content: bytes) -> tuple[str, list[Row]]:
    """Return the format of a file, and its rows."""
    with file_reader.reading(io.BytesIO(content)) as (name, rows):
        return name, list(rows)


def read(content: bytes) -> tuple[str, list[dict[str, Any] | str]]:
    """Return the format of a file, and of each row its body, or why it cannot be read."""
    name, rows = rows_of(content)
    return name, [row.why if row.why is not None else row.body for row in rows]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_imported_completely(sample: str) -> None:
    """Codes, dates, tags, titles and totals are unchanged, whatever program wrote the file."""
    assert read((ROOT / "tests" / "samples" / sample).read_bytes()) == SAMPLES[sample]


@pytest.mark.parametrize(
    "sample", [name for name in SAMPLES if name.endswith(".csv") and not name.startswith(("any", "shlink"))]
)
def test_lines_of_json_are_read_like_rows(sample: str) -> None:
    """Names of columns mean the same there; those of Shlink are also the API's, and strict."""
    text = (ROOT / "tests" / "samples" / sample).read_bytes().decode("utf-8-sig")
    recognised = file_formats.recognise_header(text.splitlines()[0])
    assert recognised is not None
    table, separator, _ = recognised
    members = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    plain = csv_rows.unescape if table.has_formula_marks else str
    lines = [json.dumps({name: plain(cell) for name, cell in row.items()}) for row in members]

    assert read("\n".join(lines).encode()) == ("ndjson", SAMPLES[sample][1])


def test_every_sample_has_a_row() -> None:
    """A new sample needs a new row above."""
    assert {path.name for path in (ROOT / "tests" / "samples").iterdir()} == set(SAMPLES)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_separators_make_no_difference(encoding: str, separator: str, line_end: str) -> None:
    """With and without a byte order mark, with all line ends: as spreadsheets of all countries save it."""
    lines = ["Long URL|Title", "https://bücher.example.com/|Ünï 漢字 🎉", 'https://example.com/|"a|b"']
    text = line_end.join(lines).replace("|", separator) + line_end

    name, rows = read(text.encode(encoding))

    assert name == "csv"
    assert rows == [
        {"url": "https://bücher.example.com/", "title": "Ünï 漢字 🎉"},
        {"url": "https://example.com/", "title": f"a{separator}b"},
    ]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("code,url", "export"),
        ("Link,Custom Link,Date created,Title,Destination URL,Engagements,Status", "bitly"),
        ("long_url,link,title,created_at", "bitly"),
        ("Bitlink,Title,Long URL,Tags,Created,Total Clicks", "bitly"),
        ("keyword;url;title;timestamp;ip;clicks", "yourls"),
        ("keyword\turl\ttitle\ttimestamp\tip\tclicks", "yourls"),
        ("Long URL,Tags,Domain,Short code,Title", "shlink"),
        ("Short link,Destination URL,Clicks,Created at", "dub"),
        ("Domain,Slashtag,Destination URL,Title,Clicks", "rebrandly"),
        ("url", "csv"),
        ("Target URL;Alias", "csv"),
    ],
)
def test_the_header_identifies_the_format(header: str, name: str) -> None:
    """Case, spaces and underscores make no difference."""
    found = file_formats.recognise_header(header)

    assert found is not None
    assert found[0].service == name


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\n \n\n", "empty"),
        (b"PK\x03\x04rest of an archive", "not-text"),
        (b"\x1f\x8b\x08", "not-text"),
        (b"\xd0\xcf\x11\xe0", "not-text"),
        (b"%PDF-1.7", "not-text"),
        (b"Name,Website\nx,https://example.com", "unknown-columns"),
        (b"Name;Phone\nx;1", "unknown-columns"),
        (b"Links of team A\nurl,title\nhttps://example.com/,x\n", "unknown-columns"),
        (b"example.com/a\nexample.com/b\n", "unknown-columns"),
        (b"https://example.com/a,promo\nhttps://example.com/b,sale\n", "no-header"),
        (b"https://example.com/a\tpromo\n", "no-header"),
        (b'[{"url": "https://example.com/"}]', "json-array"),
        (b"Date,Short Link,Destination,Clicks\n2024-01-01,x,https://example.com,3\n", "not-links"),
    ],
)
def test_a_file_without_links_is_refused(content: bytes, code: str) -> None:
    """With advice, before anything is created."""
    with pytest.raises(FileRefused) as refused:
        read(content)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b"https://example.com/,a,b\n", "It has more cells than there are columns"),
        (b'"https://example.com/"x,\n', "It is no CSV"),
        (b"https://example.com/\xff,\n", "It holds damaged characters"),
        (b'"https://example.com/' + b"x" * 600_000 + b'",\n', "A cell is longer than 512 KiB"),
    ],
)
def test_a_bad_row_does_not_stop_the_next(row: bytes, why: str) -> None:
    """It is refused with its line, and the others are read."""
    name, rows = rows_of(b"long url,created\nhttps://a.example.com/,\n" + row + b"https://z.example.com/,\n")

    first, bad, last = rows
    assert name == "csv"
    assert (first.line, first.body) == (2, {"url": "https://a.example.com/"})
    assert (bad.line, bad.body) == (3, {})
    assert (bad.why or "").startswith(why)
    assert (last.line, last.body) == (4, {"url": "https://z.example.com/"})


def test_an_unclosed_quotation_mark_is_reported_with_its_line() -> None:
    """The rows that it swallowed are lost; the line says where to look."""
    _, rows = rows_of(b'url,title\nhttps://a.example.com/,"x\nhttps://b.example.com/,\n')

    (bad,) = rows
    assert bad.line == 2
    assert (bad.why or "").startswith("A quotation mark opens here and is never closed")


def test_line_numbers_match_an_editor() -> None:
    """Blank lines and line breaks within cells count; empty rows are skipped."""
    _, rows = rows_of(b'\nsep=,\nurl,note\n\nhttps://a.example.com/,"x\ny"\n,\n"",\nhttps://b.example.com/,z')

    assert [row.line for row in rows] == [5, 9]


@pytest.mark.parametrize("nul", [b"https://a.example.com/\0,x\n", b"https://a.example.com/,x\0\n"])
def test_a_zero_byte_affects_only_its_row(nul: bytes) -> None:
    """It is read as it is; the rules for URLs and titles refuse it there."""
    _, rows = read(b"url,title\n" + nul + b"https://b.example.com/,y\n")

    assert len(rows) == 2
    assert rows[1] == {"url": "https://b.example.com/", "title": "y"}


def test_a_line_of_json_is_a_request_body() -> None:
    """Values are unchanged; a line that is no object is refused."""
    name, rows = read(b'{"url": "https://a.example.com/", "tags": ["x"]}\n\n[1]\n{"url": \n{"a": 1, "a": 2}\n')

    assert name == "ndjson"
    assert rows[0] == {"url": "https://a.example.com/", "tags": ["x"]}
    assert rows[1] == 'The line must be a JSON object, such as {"url": "https://example.com"}, not an array.'
    assert str(rows[2]).startswith("The line is not valid JSON")
    assert str(rows[3]).startswith("The key 'a' stands in the body twice")


@pytest.mark.parametrize(
    ("first", "line"),
    [
        ("", '{"url": "https://a.example.com/"}'),
        ("", "https://a.example.com/"),
        ("url,title\n", "https://a.example.com/,"),
        ("url,title\n", '"https://a.example.com/",'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_byte_order_mark_before_a_line_is_removed(first: str, line: str, encoding: str) -> None:
    """It remains where files with marks were joined; a line of it alone is empty."""
    _, rows = read(f"\ufeff{first}\ufeff{line}\n\ufeff\n\ufeff{line}\n".encode(encoding))

    assert rows == [{"url": "https://a.example.com/"}] * 2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-08-15T15:03:56Z", "2024-08-15T15:03:56.000Z"),
        ("2024-08-15T15:03:56.1234567+02:00", "2024-08-15T13:03:56.123Z"),
        ("2024-06-02T22:18:19+0000", "2024-06-02T22:18:19.000Z"),
        ("2024-08-15 15:03", "2024-08-15T15:03:00.000Z"),
        ("2024-08-15", "2024-08-15T00:00:00.000Z"),
        ("June 2, 2024", "2024-06-02T00:00:00.000Z"),
        ("2024/08/15 15:03", "2024-08-15T15:03:00.000Z"),
        ("2024-08-15 15:03:56 UTC", "2024-08-15T15:03:56.000Z"),
        ("15.08.2024 15:03:56", "2024-08-15T15:03:56.000Z"),
        ("08/15/2024", "2024-08-15T00:00:00.000Z"),
        ("15/8/2024 15:03", "2024-08-15T15:03:00.000Z"),
        ("6/6/2024", "2024-06-06T00:00:00.000Z"),
        ("Jun 2, 2024 3:03 PM", "2024-06-02T15:03:00.000Z"),
        ("1723734236", "2024-08-15T15:03:56.000Z"),
        ("1723734236123", "2024-08-15T15:03:56.123Z"),
    ],
)
def test_dates_are_read_in_many_forms(text: str, moment: str) -> None:
    """Without a zone they are UTC."""
    assert read(f'url,created at\nhttps://example.com/,"{text}"\n'.encode())[1][0] == {
        "url": "https://example.com/",
        "createdAt": moment,
    }


@pytest.mark.parametrize(
    "text", ["06/02/2024", "0001-01-01T00:00:00+14:00", "tomorrow", "2024-13-01", "99999999999999999"]
)
def test_an_invalid_or_ambiguous_date_is_left_out(text: str) -> None:
    """No date is guessed, and no link is lost for one; an ambiguous expiry refuses the row."""
    _, (row,) = rows_of(f"url,created at\nhttps://example.com/,{text}\n".encode())
    _, (ends,) = rows_of(f"url,expires at\nhttps://example.com/,{text}\n".encode())

    assert (row.body, row.why) == ({"url": "https://example.com/"}, None)
    assert (
        file_formats.describe(row.left_out)
        == f"Left out: createdAt is {text!r}; write times like 2030-12-31T23:59:00Z."
    )
    assert (ends.why or "").startswith(f"expiresAt is {text!r}")


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("enabled", "No", False),
        ("enabled", "TRUE", True),
        ("visits", "1'234", 1234),
        ("visits", "1.234.567", 1234567),
        ("visits", "12.0", 12),
        ("visits", "12,00", 12),
        ("visits", "1 234", 1234),
        ("tags", "a, b|c;d", ["a", "b", "c", "d"]),
        ("tags", '["a,b", "c"]', ["a,b", "c"]),
        ("rules", '[{"if": {}}]', [{"if": {}}]),
    ],
)
def test_a_cell_is_converted_to_its_field(column: str, cell: str, value: Any) -> None:
    """Flags, numbers, tags, rules."""
    line = f'https://example.com/;x;"{cell.replace(chr(34), chr(34) * 2)}"'

    (row,) = read(f"url;code;{column}\n{line}\n".encode())[1]

    assert row == {"url": "https://example.com/", "alias": "x", column: value}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("enabled", "perhaps"), ("disabled", "since May"), ("maxVisits", "-1"), ("maxVisits", "1e3")),
        *(("rules", "[{"), ("tags", "[1")),
        *(("rules", "[" * 2000), ("rules", f"[1{'0' * 5000}]"), ("tags", r'[""\ud800""]')),
    ],
)
def test_an_unreadable_cell_is_named(column: str, cell: str) -> None:
    """The reason has the field."""
    (row,) = read(f'url;code;{column}\nhttps://example.com/;x;"{cell}"\n'.encode())[1]

    assert str(row).startswith(column)


def test_a_long_description_is_a_note() -> None:
    """A short one is the title, unless there is a title."""
    long = "x" * 256
    _, rows = read(f"url,description\nhttps://a.example.com/,short\nhttps://b.example.com/,{long}\n".encode())
    _, titled = read(b"url,title,description\nhttps://a.example.com/,title,about\n")

    assert rows == [
        {"url": "https://a.example.com/", "title": "short"},
        {"url": "https://b.example.com/", "note": long},
    ]
    assert titled == [{"url": "https://a.example.com/", "title": "title", "note": "about"}]


def test_the_number_of_rows_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted before the first link is created."""
    monkeypatch.setattr(limits, "FILE_ROWS", 2)

    def count(rows: int) -> tuple[str, int]:
        return file_reader.count(io.BytesIO(b"url\n" + b"https://example.com/\n" * rows))

    assert count(2) == ("csv", 2)
    with pytest.raises(FileRefused, match="more than 2 rows"):
        count(3)
    with pytest.raises(FileRefused, match="no rows"):
        count(0)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(b"url" + b",x" * 500_000 + b"\nhttps://example.com/\n", 1, id="columns"),
        pytest.param(b"url,title\n" + b"," * 10_000_000 + b"\nhttps://example.com/\n", 1, id="cells"),
        pytest.param(b"url\nhttps://example.com/" + b"x" * 10_000_000 + b"\nhttps://example.com/\n", 2, id="a cell"),
        pytest.param(b'url\n"' + b'""' * 5_000_000, 1, id="quotes"),
        pytest.param(
            b"https://example.com/" + b"x" * 10_000_000 + b"\nhttps://example.com/\n", 2, id="a line of a list"
        ),
        pytest.param(b"{" * 10_000_000 + b'\n{"url": "https://example.com/"}', 2, id="braces"),
    ],
)
def test_ten_megabytes_of_malice_are_read_quickly(content: bytes, rows: int) -> None:
    """A megabyte of a line is read at most, and memory stays within a few times that."""
    tracemalloc.start()
    file = io.BytesIO(content)  # counted below as what the file itself takes
    before = tracemalloc.get_traced_memory()[0]

    with file_reader.reading(file) as (_, found):
        number = sum(1 for _ in found)

    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert number == rows
    assert most < 100 * 1024 * 1024


def test_a_title_that_is_too_long_is_a_note() -> None:
    """Nothing is cut off."""
    long = "x" * 256
    _, rows = read(f"url,title,description,note\nhttps://a.example.com/,{long},about,more\n".encode())

    assert rows == [{"url": "https://a.example.com/", "note": f"{long}\nabout\nmore"}]


@pytest.mark.parametrize("nothing", ["NULL", "\\N", "0000-00-00 00:00:00", " "])
def test_null_values_of_databases_are_empty(nothing: str) -> None:
    """In any column."""
    _, rows = read(f"keyword,url,title,timestamp\nx,https://a.example.com/,{nothing},{nothing}\n".encode())

    assert rows == [{"alias": "x", "url": "https://a.example.com/"}]


@pytest.mark.parametrize(
    ("cell", "body"),
    [("open sesame", {"password": "open sesame"}), ("", {}), ("false", {}), ("0", {})],
)
def test_a_typed_password_is_used_unchanged(cell: str, body: dict[str, Any]) -> None:
    """From tables that people write."""
    assert read(f"url,password\nhttps://a.example.com/,{cell}\n".encode())[1] == [
        {"url": "https://a.example.com/", **body}
    ]


@pytest.mark.parametrize("cell", ["true", "1", "$2b$12$KIXQJz0Jz1Qh8Q5e6WcE6e", "$argon2id$v=19$m=65536"])
def test_a_foreign_password_digest_refuses_its_row(cell: str) -> None:
    """A protected link is imported neither without protection, nor with the digest as its password."""
    (row,) = read(f'url,password\nhttps://a.example.com/,"{cell}"\n'.encode())[1]

    assert str(row).startswith("It asks for a password")


def test_bars_may_separate_cells() -> None:
    """Also if Excel's `sep=` line says so."""
    assert read(b"sep=|\nurl|alias\nhttps://a.example.com/|x\n")[1] == [{"url": "https://a.example.com/", "alias": "x"}]


@pytest.mark.parametrize(
    "url",
    [
        "https://www.google.com/maps/@52.5,13.4,15z",
        "https://example.com/?a=1,2",
        "https://example.com/a;b=c",
        "https://example.com/a,b/c",
    ],
)
def test_a_list_may_begin_with_a_url_that_has_commas(url: str) -> None:
    """They are part of the URL, unless a single word follows."""
    assert read(f"{url}\nhttps://example.com/\n".encode())[1] == [{"url": url}, {"url": "https://example.com/"}]


DIGEST = password.digest_of("open sesame")


@pytest.mark.parametrize(
    ("header", "row", "code"),
    [
        ("short_url,long_url", "polr-a,https://site.org/a", "polr-a"),
        ("Bitlink,Long URL", "3AbCdEf,https://site.org/a", "3AbCdEf"),
        ("key,url", "promo,https://site.org/a", "promo"),
        ("original_url,path", "https://site.org/a,promo", "promo"),
        ("tinyurl,url", "tinyurl.test.org/promo,https://site.org/a", "promo"),
        ("short,destination", "https://s.test.org/promo?x=1#y,https://site.org/a", "promo"),
        ("custom alias;target", "/promo/;https://site.org/a", "promo"),
        ("Short URL,Original URL,Clicks", "s.test.org/promo/,https://site.org/a,3", "promo"),
        ("url,alias,short_url", "https://site.org/a,mine,https://s.test.org/drawn", "mine"),
        ("url,alias,short_url", "https://site.org/a,,https://s.test.org/drawn", "drawn"),
    ],
)
def test_codes_and_short_urls_keep_their_code(header: str, row: str, code: str) -> None:
    """Under any known column name: printed short links keep working."""
    _, (read_row,) = rows_of(f"{header}\n{row}\n".encode())

    assert (read_row.why, read_row.body.get("alias"), read_row.body["url"]) == (None, code, "https://site.org/a")


@pytest.mark.parametrize(
    "short", ["https://s.test.org/", "https://s.test.org", "s.test.org", "https://", "//", "/?x=1"]
)
def test_a_short_url_without_a_code_refuses_its_row(short: str) -> None:
    """The link had a code, which is unknown; another one would not help users of the old one."""
    _, (row,) = rows_of(f"long_url,short_url\nhttps://site.org/a,{short}\n".encode())

    assert row.why == f"shortUrl is {short!r}, which has no code in it."


@pytest.mark.parametrize(
    ("column", "cell", "field", "value"),
    [
        *(
            (name, "2024-01-01T00:00:00Z", "expiresAt", "2024-01-01T00:00:00.000Z")
            for name in (*("expire_at", "Expiration date", "expiry", "valid to", "End date", "expires on"),)
        ),
        *((name, "2030-01-01", "startsAt", "2030-01-01T00:00:00.000Z") for name in ("valid_from", "Start date")),
        *((name, "5", "maxVisits", 5) for name in ("clicks_limit", "Max clicks", "visit limit")),
        *(
            (name, "https://site.org/over", "fallbackUrl", "https://site.org/over")
            for name in (*("expire_url", "expiredURL", "fallback url"),)
        ),
        *((name, "1", "enabled", False) for name in ("is_disabled", "Disabled", "banned", "inactive")),
        *((name, "no", "enabled", False) for name in ("active", "is_enabled")),
        *(("status", word, "enabled", False) for word in ("Disabled", "inactive", "paused", "0")),
        ("confirm", "yes", "confirm", True),
        *((name, DIGEST, "passwordDigest", DIGEST) for name in ("passwordDigest", "password_hash", "password")),
        ("password", "open sesame", "password", "open sesame"),
    ],
)
def test_limits_of_other_services_are_read(column: str, cell: str, field: str, value: object) -> None:
    """End, limit, fallback, password, button, switch: under the names of other services."""
    _, (row,) = rows_of(f"long_url,{column}\nhttps://site.org/a,{cell}\n".encode())

    assert (row.why, row.left_out) == (None, ())
    assert row.body == {"url": "https://site.org/a", field: value}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("secret_key", "x7Kd"), ("Password protected", "yes"), ("expiration mode", "clicks"), ("ttl", "3600")),
        *(
            ("limit", "5"),
            ("max uses", "1"),
            ("Valid", "until May"),
            ("private", "t"),
            ("deactivated on", "2024-01-01"),
        ),
        *(("is_disabled", "since May"), ("password", "true")),
        *(
            ("password", digest)
            for digest in (
                "$2b$12$KIXQJz0Jz1Qh8Q5e6WcE6e",
                "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$x",
                "pbkdf2_sha256$600000$x$y",
                "scrypt:32768:8:1$x$y",
                "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
                "$1$x$y",
                "scrypt$16384$8$1$zz",
            )
        ),
    ],
)
def test_unknown_protection_refuses_its_row(column: str, cell: str) -> None:
    """No link loses its protection silently."""
    _, (row,) = rows_of(f'long_url;{column}\nhttps://site.org/a;"{cell}"\n'.encode())

    assert row.why


@pytest.mark.parametrize("cell", ["", "0", "false", "No", "NULL"])
def test_a_column_that_says_no_does_not_refuse_its_row(cell: str) -> None:
    """A column that says no says nothing."""
    _, (row,) = rows_of(
        f"long_url,secret_key,limit,is_disabled,password\nhttps://site.org/a{f',{cell}' * 4}\n".encode()
    )

    assert (row.why, row.left_out) == (None, ())
    assert row.body == {"url": "https://site.org/a"}


@pytest.mark.parametrize(
    ("header", "row", "report"),
    [
        ("url,Android URL", "https://site.org/a,https://play.test.org/", "Left out: Android URL."),
        ("url,ip,creator,leads", "https://site.org/a,192.0.2.1,ann,0", "Left out: ip, creator."),
        ("url,status", "https://site.org/a,archived", "Left out: status."),
        ("url,tags,labels", "https://site.org/a,one,two", "Left out: labels."),
        ("url,", "https://site.org/a,x", "Left out: a column without a name."),
        ("url,visits", "https://site.org/a,1e3", "Left out: visits is '1e3'; write a whole number."),
        ("url,visits", "https://site.org/a,-1", "Left out: visits is '-1'; write a whole number."),
        (
            "url," + ",".join(f"c{n}" for n in range(15)),
            "https://site.org/a" + ",x" * 15,
            "Left out: " + ", ".join(f"c{n}" for n in range(12)) + " and 3 more.",
        ),
        ("code,url,owner,shortUrl,days", "x,https://site.org/a,bob,https://sho.rt/x,{}", ""),
        ("code,url,ip", "x,https://site.org/a,192.0.2.1", "Left out: ip."),
        ("code,url,ip", "x,https://site.org/a, ", ""),
        ("url,caf\udce9", "https://site.org/a,x", "Left out: caf?."),
    ],
)
def test_left_out_columns_are_reported(header: str, row: str, report: str) -> None:
    """By the name of the column, if its cell is filled."""
    _, (read_row,) = rows_of(f"{header}\n{row}\n".encode(errors="surrogateescape"))

    assert (read_row.why, file_formats.describe(read_row.left_out)) == (None, report)
