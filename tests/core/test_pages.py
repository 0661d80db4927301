"""Pages: what enters them stays text."""

from __future__ import annotations

import re

import pytest

from chalicelib.core import pages
from chalicelib.errors import LinkExpired, ShortenerError, public_errors
from tests.paths import ROOT

EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


class Evil(LinkExpired):
    """An error whose every text is hostile."""

    title = EVIL
    meaning = EVIL

    def __str__(self) -> str:
        return EVIL + "!"


@pytest.mark.parametrize("page", [pages.problem(Evil("x"), f"https://{EVIL}"), pages.home(f"https://sho.rt/{EVIL}")])
def test_whatever_enters_a_page_stays_text(page: str) -> None:
    """No text of ours or theirs becomes markup."""
    assert "<img src=x" not in page
    assert "alert(2)</script>" not in page


@pytest.mark.parametrize("error", public_errors().values(), ids=lambda error: error.code)
def test_every_error_has_a_page(error: type[ShortenerError]) -> None:
    """With its status and its title, and nothing left to fill in."""
    page = pages.meaning(error, "https://sho.rt/api")

    assert str(error.status) in page
    assert 'href="/api/assets/page.css"' in page
    assert "$" not in page


@pytest.mark.parametrize("page", [pages.home("https://sho.rt"), pages.problem(LinkExpired("x"), "https://sho.rt")])
def test_pages_keep_to_their_policy(page: str) -> None:
    """Nothing inline, nothing from elsewhere: the policy they are served with would block it."""
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)
    assert not re.search(r'(?:src|href)="(?!/|#)', page)


@pytest.mark.parametrize("files", ["", "https://files.example.com"])
def test_files_are_offered_where_there_is_a_place_for_them(files: str) -> None:
    """The page is told by an attribute; an empty one says that there is none."""
    assert f'data-files="{files}"' in pages.home("https://sho.rt", files)


def test_every_asset_is_there() -> None:
    """Named in the list, present in the folder."""
    assert all(pages.text_of(name) for name in pages.ASSETS)


@pytest.mark.parametrize("file", [file for file in pages.ASSETS if file.endswith(".js")])
def test_no_text_of_a_script_runs_over_a_line(file: str) -> None:
    """Scripts are served without indentation, which in such a text would be part of it."""
    lines = (ROOT / "chalicelib" / "web" / file).read_text("utf-8").splitlines()

    assert [line for line in lines if line.count("`") % 2] == []


def test_scripts_come_without_what_only_people_read() -> None:
    """Neither indentation nor comments; every other line as it is."""
    served = pages.text_of("dom.js").splitlines()

    assert all(line and line == line.lstrip() and "// " not in line for line in served)
    assert "const href = URL.createObjectURL(blob);" in served
    assert "prompt(words, read());" in served


@pytest.mark.parametrize("file", [file for file in pages.ASSETS if file.endswith(".css")])
def test_styles_come_without_air(file: str) -> None:
    """No space but where it means something; and no text is in them, from which one could be lost."""
    served = pages.text_of(file)

    assert not re.search(r"\n| [{};,]|[{};:,] |;}", served)
    assert not re.search("[\"']", served)
    assert re.findall(r"[\w-]+", served) == re.findall(r"[\w-]+", (ROOT / "chalicelib/web" / file).read_text("utf-8"))


@pytest.mark.parametrize("file", [file for file in pages.ASSETS if file.endswith(".js")])
def test_no_text_of_a_script_looks_like_a_comment(file: str) -> None:
    """What stands behind two slashes and a space is not served, so they never stand within quotes."""
    lines = (ROOT / "chalicelib" / "web" / file).read_text("utf-8").splitlines()
    before = [line.partition(" // ")[0] for line in lines if " // " in line]

    assert [line for line in before if any(line.count(quote) % 2 for quote in "\"'`")] == []
