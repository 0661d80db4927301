"""Files of the page as they are packaged: smaller, and the same."""

from __future__ import annotations

import re

import pytest

from chalicelib.api import pages
from dev.deploy.minify import minified


@pytest.mark.parametrize("file", [file for file in pages.ASSETS if file.endswith(".js")])
def test_no_text_of_a_script_runs_over_a_line(file: str) -> None:
    """Scripts are deployed without indentation, which in such a text would be part of it."""
    lines = pages.text_of(file).splitlines()

    assert [line for line in lines if line.count("`") % 2] == []


def test_scripts_come_without_what_only_people_read() -> None:
    """Neither indentation nor comments; every other line as it is."""
    served = minified("dom.js", pages.text_of("dom.js")).splitlines()

    assert all(line and line == line.lstrip() and "// " not in line for line in served)
    assert "const href = URL.createObjectURL(blob);" in served
    assert "prompt(words, read());" in served


@pytest.mark.parametrize("file", [file for file in pages.ASSETS if file.endswith(".css")])
def test_styles_come_without_spaces(file: str) -> None:
    """No space but where it means something; and no text is in them, from which one could be lost."""
    served = minified(file, pages.text_of(file))

    assert not re.search(r"\n| [{};,]|[{};:,] |;}", served)
    assert not re.search("[\"']", served)
    assert re.findall(r"[\w-]+", served) == re.findall(r"[\w-]+", pages.text_of(file))


@pytest.mark.parametrize("file", [file for file in pages.ASSETS if file.endswith(".js")])
def test_no_text_of_a_script_looks_like_a_comment(file: str) -> None:
    """What stands behind two slashes and a space is not deployed, so they never stand within quotes."""
    lines = pages.text_of(file).splitlines()
    before = [line.partition(" // ")[0] for line in lines if " // " in line]

    assert [line for line in before if any(line.count(quote) % 2 for quote in "\"'`")] == []
