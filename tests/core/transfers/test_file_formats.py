"""Files of other shorteners: each is known by its columns, and nothing in it is lost that we store."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest

from chalicelib.core import formats, upload
from chalicelib.core.upload import Row
from chalicelib.errors import FileRefused
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
                "url": f"{SALE},2",
                "title": LAUNCH,
                "createdAt": "2024-06-02T00:00:00.000Z",
                "visits": 1234,
            },
            # The same link under the code that was drawn for it: that one is in the world too.
            {"alias": "3AbCdEf", "url": f"{SALE},2", "title": LAUNCH, "createdAt": "2024-06-02T00:00:00.000Z"},
            {"alias": "2xYzAbc", "url": DOCS, "title": "Docs", "createdAt": "2023-06-28T00:00:00.000Z", "visits": 0},
            {
                "alias": "manual",
                "url": MANUAL,
                "title": "Manual v2",
                "createdAt": "2016-06-02T00:00:00.000Z",
                "visits": 57,
            },
            {"alias": "1rI0pcz", "url": MANUAL, "title": "Manual v2", "createdAt": "2016-06-02T00:00:00.000Z"},
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
                "url": SALE,
                "title": LAUNCH,
                "tags": ["marketing", "summer-2024"],
                "createdAt": "2024-08-15T19:03:56.000Z",
                "visits": 1234,
            },
            {"alias": "aB3xZ", "url": DOCS, "createdAt": "2024-09-01T08:30:00.000Z", "visits": 0},
            {
                "alias": "docs/v2",
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
        [{"alias": "summer", "url": SALE, "title": LAUNCH, "createdAt": "2024-08-15T15:03:56.123Z", "visits": 1234}],
    ),
    "dub.csv": (
        "dub",
        [
            {
                "alias": "summer",
                "url": "https://shop.test.org/sale?utm_source=x&ids=1,2",
                "tags": ["marketing", "summer"],
                "createdAt": "2024-08-15T15:03:56.123Z",
                "updatedAt": "2025-08-15T15:03:56.000Z",
                "visits": 1234,
            },
            {
                "alias": "aB3xZ",
                "url": DOCS,
                "tags": ["=tag"],
                "createdAt": "2024-09-01T08:30:00.000Z",
                "updatedAt": "2024-09-01T08:30:00.000Z",
                "visits": 0,
            },
            {
                "url": MANUAL,
                "tags": ["docs"],
                "createdAt": "2025-01-12T23:59:59.000Z",
                "updatedAt": "2025-01-12T23:59:59.000Z",
                "visits": 57,
            },
        ],
    ),
    "dub-2024.csv": (
        "dub",
        [{"alias": "summer", "url": SALE, "createdAt": "2024-08-15T15:03:56.123Z", "visits": 1234}],
    ),
    "rebrandly.csv": (
        "rebrandly",
        [
            {"alias": "summer", "url": SALE, "title": LAUNCH, "createdAt": "2024-08-15T15:03:56.000Z", "visits": 1234},
            {"alias": "aB3xZ", "url": DOCS, "title": "Docs", "createdAt": "2024-09-01T08:30:00.000Z", "visits": 0},
        ],
    ),
    "rebrandly-api.csv": (
        "rebrandly",
        [{"alias": "summer", "url": SALE, "createdAt": "2024-08-15T15:03:56.000Z"}],
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
    with upload.reading(io.BytesIO(content)) as (name, rows):
        return name, list(rows)


def read(content: bytes) -> tuple[str, list[dict[str, Any] | str]]:
    """Return the format of a file, and of each row what it asks for, or why that cannot be told."""
    name, rows = rows_of(content)
    return name, [row.why if row.why is not None else row.body for row in rows]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_column_that_we_store_comes_in(sample: str) -> None:
    """Codes, dates, tags, titles, totals: as they were, whoever wrote the file."""
    assert read((ROOT / "tests" / "samples" / sample).read_bytes()) == SAMPLES[sample]


def test_every_sample_is_tried() -> None:
    """A new one is a new row above."""
    assert {path.name for path in (ROOT / "tests" / "samples").iterdir()} == set(SAMPLES)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_however_it_is_written_it_is_the_same(encoding: str, separator: str, line_end: str) -> None:
    """Encodings with and without a mark, separators, line ends: as spreadsheets of all countries save it."""
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
def test_a_header_tells_the_format(header: str, name: str) -> None:
    """Upper and lower case, spaces and underscores make no difference."""
    found = formats.recognised(header)

    assert found is not None
    assert found[0].name == name


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
def test_what_is_no_list_of_links_is_refused_as_a_whole(content: bytes, code: str) -> None:
    """It is said what to do instead, before anything is made."""
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
    """It is refused by its line, and the others are read."""
    name, rows = rows_of(b"long url,created\nhttps://a.example.com/,\n" + row + b"https://z.example.com/,\n")

    first, bad, last = rows
    assert name == "csv"
    assert (first.line, first.body) == (2, {"url": "https://a.example.com/"})
    assert (bad.line, bad.body) == (3, {})
    assert (bad.why or "").startswith(why)
    assert (last.line, last.body) == (4, {"url": "https://z.example.com/"})


def test_a_quotation_mark_that_is_never_closed_is_told_by_its_line() -> None:
    """What was swallowed by it cannot be rows; the line says where to look."""
    _, rows = rows_of(b'url,title\nhttps://a.example.com/,"x\nhttps://b.example.com/,\n')

    (bad,) = rows
    assert bad.line == 2
    assert (bad.why or "").startswith("A quotation mark opens here and is never closed")


def test_lines_are_those_an_editor_shows() -> None:
    """Blank lines and line breaks within cells count, rows that are empty are none."""
    _, rows = rows_of(b'\nsep=,\nurl,note\n\nhttps://a.example.com/,"x\ny"\n,\n"",\nhttps://b.example.com/,z')

    assert [row.line for row in rows] == [5, 9]


@pytest.mark.parametrize("nul", [b"https://a.example.com/\0,x\n", b"https://a.example.com/,x\0\n"])
def test_a_zero_byte_ends_up_in_its_row_alone(nul: bytes) -> None:
    """It is read as it is; the rules for URLs and titles refuse it there."""
    _, rows = read(b"url,title\n" + nul + b"https://b.example.com/,y\n")

    assert len(rows) == 2
    assert rows[1] == {"url": "https://b.example.com/", "title": "y"}


def test_one_json_a_line_is_what_the_api_takes() -> None:
    """Values as they are; what is no object is refused by its line."""
    name, rows = read(b'{"url": "https://a.example.com/", "tags": ["x"]}\n\n[1]\n{"url": \n{"a": 1, "a": 2}\n')

    assert name == "ndjson"
    assert rows[0] == {"url": "https://a.example.com/", "tags": ["x"]}
    assert rows[1] == 'The line must be a JSON object, such as {"url": "https://example.com"}, not an array.'
    assert str(rows[2]).startswith("The line is not valid JSON")
    assert str(rows[3]).startswith("The key 'a' stands in the body twice")


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
def test_a_date_is_read_however_it_is_written(text: str, moment: str) -> None:
    """Without a zone it is UTC."""
    assert read(f'url,created at\nhttps://example.com/,"{text}"\n'.encode())[1][0] == {
        "url": "https://example.com/",
        "createdAt": moment,
    }


@pytest.mark.parametrize(
    "text", ["06/02/2024", "0001-01-01T00:00:00+14:00", "tomorrow", "2024-13-01", "99999999999999999"]
)
def test_a_date_that_is_none_or_could_be_two_is_left_out(text: str) -> None:
    """Nobody's link gets a date by guessing, and none is lost for one; when it ends is another matter."""
    _, (row,) = rows_of(f"url,created at\nhttps://example.com/,{text}\n".encode())
    _, (ends,) = rows_of(f"url,expires at\nhttps://example.com/,{text}\n".encode())

    assert (row.body, row.why) == ({"url": "https://example.com/"}, None)
    assert row.left_out == f"Left out: createdAt is {text!r}; write times like 2030-12-31T23:59:00Z."
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
def test_a_cell_becomes_what_the_field_is(column: str, cell: str, value: Any) -> None:
    """Flags, numbers, tags, rules."""
    line = f'https://example.com/;x;"{cell.replace(chr(34), chr(34) * 2)}"'

    (row,) = read(f"url;code;{column}\n{line}\n".encode())[1]

    assert row == {"url": "https://example.com/", "alias": "x", column: value}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("enabled", "perhaps"), ("visits", "-1"), ("visits", "1e3"), ("visits", "1.5"), ("visits", "1,23,456")),
        *(("rules", "[{"), ("tags", "[1")),
        *(("rules", "[" * 2000), ("rules", f"[1{'0' * 5000}]"), ("tags", r'[""\ud800""]')),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(column: str, cell: str) -> None:
    """The field is in the reason."""
    (row,) = read(f'url;code;{column}\nhttps://example.com/;x;"{cell}"\n'.encode())[1]

    assert str(row).startswith(column)


def test_a_long_description_is_a_note() -> None:
    """What is short is a title; where there is a title, or it is too long for one, it is a note."""
    long = "x" * 256
    _, rows = read(f"url,description\nhttps://a.example.com/,short\nhttps://b.example.com/,{long}\n".encode())
    _, titled = read(b"url,title,description\nhttps://a.example.com/,title,about\n")

    assert rows == [
        {"url": "https://a.example.com/", "title": "short"},
        {"url": "https://b.example.com/", "note": long},
    ]
    assert titled == [{"url": "https://a.example.com/", "title": "title", "note": "about"}]


def test_a_file_has_so_many_rows_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted before the first is made."""
    monkeypatch.setattr(upload, "MAX_ROWS", 2)

    def count(rows: int) -> tuple[str, int]:
        return upload.count(io.BytesIO(b"url\n" + b"https://example.com/\n" * rows))

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
def test_ten_megabytes_of_malice_are_read_in_no_time(content: bytes, rows: int) -> None:
    """Of a line of any length a megabyte is looked at, and memory stays within a few times that."""
    tracemalloc.start()
    file = io.BytesIO(content)  # counted below as what the file itself takes
    before = tracemalloc.get_traced_memory()[0]

    with upload.reading(file) as (_, found):
        number = sum(1 for _ in found)

    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert number == rows
    assert most < 100 * 1024 * 1024


def test_what_is_too_long_for_a_title_is_a_note() -> None:
    """Nothing is cut off."""
    long = "x" * 256
    _, rows = read(f"url,title,description,note\nhttps://a.example.com/,{long},about,more\n".encode())

    assert rows == [{"url": "https://a.example.com/", "note": f"{long}\nabout\nmore"}]


@pytest.mark.parametrize("nothing", ["NULL", "\\N", "0000-00-00 00:00:00", " "])
def test_what_databases_write_for_nothing_is_nothing(nothing: str) -> None:
    """In any column."""
    _, rows = read(f"keyword,url,title,timestamp\nx,https://a.example.com/,{nothing},{nothing}\n".encode())

    assert rows == [{"alias": "x", "url": "https://a.example.com/"}]


@pytest.mark.parametrize(
    ("cell", "body"),
    [("open sesame", {"password": "open sesame"}), ("", {}), ("false", {}), ("0", {})],
)
def test_a_password_is_taken_as_it_is_typed(cell: str, body: dict[str, Any]) -> None:
    """Where it stands in a table that somebody wrote."""
    assert read(f"url,password\nhttps://a.example.com/,{cell}\n".encode())[1] == [
        {"url": "https://a.example.com/", **body}
    ]


@pytest.mark.parametrize("cell", ["true", "1", "$2b$12$KIXQJz0Jz1Qh8Q5e6WcE6e", "$argon2id$v=19$m=65536"])
def test_what_another_service_keeps_of_a_password_is_none(cell: str) -> None:
    """A link that was protected does not come in without, nor with a digest for its password."""
    (row,) = read(f'url,password\nhttps://a.example.com/,"{cell}"\n'.encode())[1]

    assert str(row).startswith("It asks for a password")


def test_a_table_may_have_bars_between_its_cells() -> None:
    """And say so as Excel does."""
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
def test_a_list_may_begin_with_an_address_that_has_commas(url: str) -> None:
    """They are part of it, unless what follows is but a word."""
    assert read(f"{url}\nhttps://example.com/\n".encode())[1] == [{"url": url}, {"url": "https://example.com/"}]
