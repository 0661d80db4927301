"""The HTML pages: escaping, CSP, assets."""

from __future__ import annotations

import re

import pytest

from chalicelib.api import pages
from chalicelib.errors import LinkExpired, ShortenerError, public_errors

EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


class Evil(LinkExpired):
    """An error whose texts are all markup."""

    title = EVIL
    description = EVIL

    def __str__(self) -> str:
        return EVIL + "!"


@pytest.mark.parametrize("page", [pages.problem(Evil("x"), f"https://{EVIL}"), pages.home(f"https://sho.rt/{EVIL}")])
def test_values_in_pages_are_escaped(page: str) -> None:
    """No text becomes markup."""
    assert "<img src=x" not in page
    assert "alert(2)</script>" not in page


@pytest.mark.parametrize("error", public_errors().values(), ids=lambda error: error.code)
def test_every_error_has_a_page(error: type[ShortenerError]) -> None:
    """The page has the status and title, and no placeholder is left."""
    page = pages.explanation(error, "https://sho.rt/api")

    assert str(error.status) in page
    assert 'href="/api/assets/page.css"' in page
    assert "$" not in page


@pytest.mark.parametrize("page", [pages.home("https://sho.rt"), pages.problem(LinkExpired("x"), "https://sho.rt")])
def test_pages_follow_their_csp(page: str) -> None:
    """No inline scripts or styles and no foreign files, which their CSP would block."""
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)
    assert not re.search(r'(?:src|href)="(?!/|#)', page)


@pytest.mark.parametrize("files", ["", "https://files.example.com"])
def test_page_has_the_origin_of_uploads(files: str) -> None:
    """The origin is in an attribute; it is empty if there is no bucket."""
    assert f'data-files="{files}"' in pages.home("https://sho.rt", files)


def test_every_asset_exists() -> None:
    """Each file of the list is in the folder."""
    assert all(pages.text_of(name) for name in pages.ASSETS)
