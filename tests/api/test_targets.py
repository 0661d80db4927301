"""Target URLs: every way to set one treats it the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.core import limits
from chalicelib.core.links.link_fields import MAX_NOTE, MAX_TAG, MAX_TAGS, MAX_TITLE
from chalicelib.core.links.target_url import MAX_URL_BYTES
from chalicelib.settings import settings
from tests.api.test_transfers import download, exported, imported, report_rows
from tests.callers import Keyed

LONGEST = "https://site.org/".ljust(MAX_URL_BYTES, "x")
LARGEST = {
    "url": LONGEST,
    "fallbackUrl": LONGEST,
    "rules": [{"url": LONGEST}] * 4,
    "note": "\U0001f600" * MAX_NOTE,
}
Outcomes = list[str | None]
"""Each URL as it is stored, or None if it is refused."""
ADDRESSES = [  # as given, and as stored
    ("https://site.org/plain", "https://site.org/plain"),
    (" https://site.org/x", "https://site.org/x"),
    ("https://site.org/y \r\n", "https://site.org/y"),
    ("\t https://site.org/z\xa0", "https://site.org/z"),
    ("https://site.org/my file.txt", "https://site.org/my%20file.txt"),
    ("https://site.org/?q=a b#c d", "https://site.org/?q=a%20b#c%20d"),
    ("https://site.org/\u0645\u06cc\u200c\u062e", "https://site.org/%D9%85%DB%8C%E2%80%8C%D8%AE"),
    (
        "https://site.org/\U0001f468\u200d\U0001f469",
        "https://site.org/%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9",
    ),
    ("https://www.site.org./x", "https://www.site.org./x"),
    ("https://site.org/a\tb", None),
    ("https://site.org/a https://site.org/b", None),
    ("https://site.org/\u202ex", None),
    ("https://site.org/\u200bx", None),
    (LONGEST, LONGEST),
    (f"{LONGEST}x", None),
    ("https://sho.rt/x", None),
    ("https://sho.rt./x", None),
]


def created(ann: Keyed, urls: list[str]) -> Outcomes:
    """Create a link to each."""
    return [ann("POST", "/links", {"url": url}).json_body.get("url") for url in urls]


def changed(ann: Keyed, urls: list[str]) -> Outcomes:
    """Change a link to each in turn."""
    ann.make(alias="moves")
    return [ann("PATCH", "/links/moves", {"url": url}).json_body.get("url") for url in urls]


def in_bulk(ann: Keyed, urls: list[str]) -> Outcomes:
    """Create all links in one call."""
    made = ann("POST", "/links/bulk", {"links": [{"url": url} for url in urls]}).json_body["data"]
    return [row["link"]["url"] if "link" in row else None for row in made]


def by_a_rule(ann: Keyed, urls: list[str]) -> Outcomes:
    """Create a link with each in a rule."""
    rules = [{"url": "https://site.org/", "rules": [{"if": {"device": "ios"}, "url": url}]} for url in urls]
    made = [ann("POST", "/links", body).json_body for body in rules]
    return [link["rules"][0]["url"] if "rules" in link else None for link in made]


def in_the_end(ann: Keyed, urls: list[str]) -> Outcomes:
    """Create a link with each as its fallback."""
    made = [ann("POST", "/links", {"url": "https://site.org/", "fallbackUrl": url}).json_body for url in urls]
    return [link.get("fallbackUrl") for link in made]


def from_csv(ann: Keyed, urls: list[str]) -> Outcomes:
    """Import a CSV file."""
    table = io.StringIO(newline="")
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows([["url", "title"], *([url, "x"] for url in urls)])
    return from_file(ann, table.getvalue())


def from_ndjson(ann: Keyed, urls: list[str]) -> Outcomes:
    """Import a file of JSON lines."""
    return from_file(ann, "".join(f"{json.dumps({'url': url})}\n" for url in urls))


def from_list(ann: Keyed, urls: list[str]) -> Outcomes:
    """Import a list of URLs."""
    return from_file(ann, "".join(f"{url}\n" for url in urls))


def from_file(ann: Keyed, content: str) -> Outcomes:
    """Import a file and return the targets of the links in its report."""
    codes = [short_url.rpartition("/")[2] for _, _, short_url, _ in report_rows(imported(ann, content))]
    return [ann.get(f"/links/{code}").json_body["url"] if code else None for code in codes]


@pytest.mark.parametrize(
    "entrance", [created, changed, in_bulk, by_a_rule, in_the_end, from_csv, from_ndjson, from_list]
)
def test_target_is_normalised_on_every_way_in(ann: Keyed, entrance: Callable[[Keyed, list[str]], Outcomes]) -> None:
    """Trimmed and encoded as by browsers, or refused."""
    stored = entrance(ann, [given for given, _ in ADDRESSES])

    assert dict(zip([given for given, _ in ADDRESSES], stored, strict=True)) == dict(ADDRESSES)


class TestLong:
    """URLs of 8,000 bytes, and the limits that must allow them."""

    def test_long_target_is_followed(self, ann: Keyed) -> None:
        """The whole URL is in the Location header."""
        ann.make(LONGEST, alias="long")

        assert ann.get("/long").headers["Location"] == LONGEST
        assert ann.get("/links/long").json_body["url"] == LONGEST

    def test_long_target_is_found_again(self, ann: Keyed) -> None:
        """`findExisting` returns it, and no link with the same beginning."""
        made = [
            ann.make(url, findExisting=True)["code"]
            for url in (LONGEST, f"{LONGEST[:-1]}y", LONGEST, f"{LONGEST[:-1]}y")
        ]

        assert made[:2] == made[2:]
        assert made[0] != made[1]

    def test_largest_link_fits_into_a_body(self, ann: Keyed) -> None:
        """All fields at their limits, as JSON in UTF-8."""
        tags = [f"{number:02}".ljust(MAX_TAG, "\U0001f600") for number in range(MAX_TAGS)]
        new_link = {**LARGEST, "title": "\U0001f600" * MAX_TITLE, "tags": tags}
        body = in_utf8(new_link)

        assert len(body) <= limits.BODY_BYTES
        assert ann("POST", "/links", body).status_code == 201

    def test_hundred_long_links_fit_into_one_call(self, ann: Keyed) -> None:
        """Each row's response is stored, and the whole response is within Lambda's limit."""
        links = [{"url": LONGEST, "title": f"{number}"} for number in range(100)]

        answer = ann("POST", "/links/bulk", {"links": links}, Idempotency_Key="once")

        assert [row["link"]["url"] == LONGEST for row in answer.json_body["data"]] == [True] * 100
        assert len(json.dumps(answer.body.decode())) < 4_500_000

    def test_too_large_bulk_call_creates_nothing(self, ann: Keyed) -> None:
        """The error names the limit in bytes."""
        links = [{"url": LONGEST, "fallbackUrl": LONGEST}] * 100

        answer = ann("POST", "/links/bulk", {"links": links})

        assert (answer.status_code, answer.json_body["code"]) == (413, "body-too-large")
        assert "1,048,576 are allowed" in answer.json_body["detail"]
        assert ann.get("/links").json_body["data"] == []

    def test_rules_have_a_limit_in_bytes(self, ann: Keyed) -> None:
        """Four of the longest targets fit; for five, the error names size and limit."""
        answer = ann("POST", "/links", {"url": LONGEST, "rules": [{"url": LONGEST}] * 5})

        (error,) = answer.json_body["errors"]
        assert error["code"] == "too-long"
        assert "40,096 bytes; 32,768 are allowed" in error["message"]

    @pytest.mark.parametrize("kind", ["csv", "ndjson"])
    def test_long_target_survives_export_and_import(self, ann: Keyed, kind: str) -> None:
        """An exported line can be imported."""
        ann.make(LONGEST, alias="long", fallbackUrl=LONGEST, rules=[{"url": LONGEST}] * 4)
        file = download(exported(ann, format=kind)["file"])

        order = imported(ann, file.replace("long", "again"))

        assert (order["state"], order["created"]) == ("done", 1)
        assert ann.get("/links/again").json_body["rules"] == ann.get("/links/long").json_body["rules"]

    def test_items_keep_to_dynamodbs_limits(self, ann: Keyed) -> None:
        """DynamoDB's limits, which no local emulator enforces: 2,048 bytes for a key, 400 KB for an item."""
        other = f"{LONGEST[:-1]}y"
        rows = {"links": [LARGEST, {"url": LONGEST, "findExisting": True}]}
        ann("POST", "/links", in_utf8({**LARGEST, "alias": "one", "externalId": "1"}), Idempotency_Key="a")
        ann("POST", "/links/bulk", in_utf8(rows), Idempotency_Key="b")
        ann.make("https://site.org/", alias="two")
        ann("PATCH", "/links/two", in_utf8(LARGEST))
        ann("PATCH", "/links/two", in_utf8({**LARGEST, "url": other, "rules": [{"url": other}] * 4, "note": "x"}))
        imported(ann, f"{LONGEST}\n")
        assert ann("DELETE", "/links/one").status_code == 204

        longest_keys, sizes = [], []
        for table in (settings.links_table, settings.access_table, settings.clicks_table):
            items = boto3.client("dynamodb").scan(TableName=table)["Items"]
            longest_keys += [len(item.get(name, {}).get("S", "").encode()) for name in keys_of(table) for item in items]
            sizes += [len(json.dumps(item, ensure_ascii=False, default=repr).encode()) for item in items]

        assert max(longest_keys) <= 2_048
        assert 80_000 < max(sizes) < 400_000


def in_utf8(body: Any) -> bytes:
    """Return compact JSON."""
    return json.dumps(body, ensure_ascii=False).encode()


def keys_of(table: str) -> set[str]:
    """Return the key attributes of a table and its indexes."""
    described: Any = boto3.client("dynamodb").describe_table(TableName=table)["Table"]
    schemas = [described["KeySchema"], *(index["KeySchema"] for index in described.get("GlobalSecondaryIndexes", ()))]
    return {key["AttributeName"] for schema in schemas for key in schema}
