"""The files of pages below their digest, where caches may keep them for ever."""

from __future__ import annotations

import re

import pytest
from chalice.test import TestHTTPClient as Http

from chalicelib.api import pages
from tests.callers import Keyed
from tests.domains import with_front, with_settings

FOR_EVER, FIVE_MINUTES = "public, max-age=31536000, immutable", "public, max-age=300"
FILES = sorted({*pages.ASSETS, *pages.REFERENCE})
PAGES = {
    "home": "/",
    "reference": "/docs",
    "meaning of an error": "/problems/link-unknown",
    "error": "/no/such",
    "button": "/asks",
    "password": "/shut",
    "preview": "/asks+",
    "report": "/asks/report",
}
"""A page of each kind, by the address that it is at."""


@pytest.fixture
def links(ann: Keyed) -> None:
    """Links whose pages are shown."""
    ann.make(alias="asks", confirm=True)
    ann.make(alias="shut", password="open sesame")


def files_in(page: str) -> list[str]:
    """Return the addresses of the files that a page loads."""
    found: list[str] = re.findall(r'(?:src|href)="([^"]*/assets/[^"]*)"', page)
    return found


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("page", PAGES)
def test_pages_behind_a_front_name_the_digest(http: Http, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    """In the address of each file, and what is there may be kept for ever."""
    with_front(monkeypatch)

    files = files_in(http.get(PAGES[page], headers={"Accept": "text/html"}).body.decode())

    assert files
    assert all(re.fullmatch(r"/assets/[0-9a-f]{10}/[^/]+", file) for file in files)
    answers = [http.get(file) for file in files]
    assert {(each.status_code, each.headers["Cache-Control"]) for each in answers} == {(200, FOR_EVER)}


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("page", PAGES)
def test_pages_behind_api_gateway_name_files_alone(http: Http, page: str) -> None:
    """The version before knows them by these addresses."""
    files = files_in(http.get(PAGES[page], headers={"Accept": "text/html"}).body.decode())

    assert files
    assert {file.removeprefix("/assets/") for file in files} <= set(FILES)


@pytest.mark.parametrize(
    ("base_url", "root"), [("https://sho.rt", ""), ("https://sho.rt:8443", ""), ("https://sho.rt/a/b", "/a/b")]
)
def test_addresses_begin_with_the_path_of_the_service(
    monkeypatch: pytest.MonkeyPatch, base_url: str, root: str
) -> None:
    """With the digest as without it."""
    before = files_in(pages.home(base_url) + pages.reference(base_url))
    with_front(monkeypatch)
    after = files_in(pages.home(base_url) + pages.reference(base_url))

    assert all(file.startswith(f"{root}/assets/") for file in before)
    assert after == [file.replace("/assets/", f"/assets/{pages.digest()}/") for file in before]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("folder", "kept"),
    [
        ("/assets", None),
        (f"/assets/{pages.digest()}", FOR_EVER),
        ("/assets/0123456789", "private, no-store"),
        (f"/assets/{pages.digest().upper()}x", "private, no-store"),
        ("/assets/page.css", "private, no-store"),
    ],
    ids=["no digest", "digest", "other digest", "nearly the digest", "no digest at all"],
)
def test_a_file_is_kept_below_its_digest_alone(http: Http, folder: str, kept: str | None, file: str) -> None:
    """Elsewhere it may be of another version than the page that asks for it, so that no cache may keep it."""
    got, head = http.get(f"{folder}/{file}"), http.head(f"{folder}/{file}")

    media_type = pages.ASSETS.get(file) or pages.REFERENCE[file]
    expected = kept or (FOR_EVER if file in pages.REFERENCE else FIVE_MINUTES)
    assert (got.status_code, got.body.decode()) == (200, pages.text_of(file))
    assert (head.status_code, head.body) == (200, b"")
    for answer in (got, head):
        assert (answer.headers["Cache-Control"], answer.headers["Content-Type"]) == (expected, media_type)


@pytest.mark.parametrize("name", ["nothing.js", "..", "home.html", "..%2Fsettings.py", pages.digest()])
@pytest.mark.parametrize("folder", [pages.digest(), "0123456789"])
def test_only_known_files_are_below_a_digest(http: Http, folder: str, name: str) -> None:
    """No cache may keep that there is none: the version that is being deployed may have it."""
    answer = http.get(f"/assets/{folder}/{name}")

    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")


class TestDigest:
    """Which files have the same one."""

    def test_it_is_ten_digits(self) -> None:
        """Alike each time."""
        assert re.fullmatch("[0-9a-f]{10}", pages.digest())
        assert pages.digest.__wrapped__() == pages.digest()

    @pytest.mark.parametrize("file", sorted(pages.ASSETS))
    def test_it_changes_with_each_file(self, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
        """By a single letter."""
        before, text_of = pages.digest(), pages.text_of
        monkeypatch.setattr(pages, "text_of", lambda name: text_of(name) + ("x" if name == file else ""))

        assert pages.digest.__wrapped__() != before

    def test_it_changes_with_the_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that is there by another name, one that is there no more, and texts that trade places."""
        files = {"a": "b", "c": "d"}
        found = {pages.digest()}
        for each in (files, {"a": "b", "e": "d"}, {"a": "b"}, {"a": "d", "c": "b"}, {"a": "b2c", "d": ""}):
            monkeypatch.setattr(pages, "ASSETS", each)
            monkeypatch.setattr(pages, "text_of", each.__getitem__)
            found.add(pages.digest.__wrapped__())

        assert len(found) == 6

    def test_it_is_without_swagger_ui(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """That is in the zip of one function alone, and all have to agree."""
        before = pages.digest()
        monkeypatch.setattr(pages, "REFERENCE", {})

        assert pages.digest.__wrapped__() == before


IMPORTED = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`]+)["'`]""")
"""What a script imports by its text, or by a template that has the name of a view."""


@pytest.mark.parametrize("file", [file for file in sorted(pages.ASSETS) if file != "icon.svg"])
def test_files_name_each_other_by_their_names(file: str) -> None:
    """What a page loads from below a digest stays below it: no address of theirs begins with a slash."""
    text = pages.text_of(file)

    imported = {name.removeprefix("./") for name in IMPORTED.findall(text)}
    assert imported <= {*pages.ASSETS, "${name}.js"}
    assert "/assets" not in text
    if file.endswith(".css"):
        assert not re.search(r"\burl\(|@import", text)


def test_scripts_do_import_each_other() -> None:
    """Else the test of their names would prove nothing."""
    found = {name for file in pages.ASSETS for name in IMPORTED.findall(pages.text_of(file))}

    assert {"./api.js", "./dom.js", "./${name}.js"} <= found


def test_reference_finds_the_description_below_a_digest(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not below the digest itself."""
    with_settings(monkeypatch, base_url="https://x.example/api")
    with_front(monkeypatch)

    text = http.get("/docs").body.decode()

    assert 'data-root="/api"' in text
    assert 'href="/api/openapi.json"' in text
