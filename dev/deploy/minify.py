"""Makes the files of the web page smaller for the package: no indentation, no comments, no spaces in styles.

By regular expressions, which do not read JavaScript: tests/dev/deploy/test_minify.py checks that no text in a script
looks like a comment or runs over a line, and that no style has a quoted text.
"""

from __future__ import annotations

import re
from pathlib import Path

_INDENT = re.compile(r"^\s*(?://.*\n\s*)*", re.MULTILINE)  # and lines that are empty or a comment
_COMMENT = re.compile(r" // .*$", re.MULTILINE)  # at the end of a line of a script
_SPACE = re.compile(r";\s*(?=\})|\s*([{};,])\s*|(?<=:) ")  # in a style; and the last semicolon of a rule


def minified(name: str, text: str) -> str:
    """Return the file called ``name`` as it is packaged; only scripts, styles and pages change."""
    if name.endswith(".js"):
        text = _COMMENT.sub("", text)
    if name.endswith(".css"):
        text = _SPACE.sub(r"\1", text)
    return _INDENT.sub("", text) if name.endswith((".css", ".html", ".js")) else text


def minify(folder: Path) -> None:
    """Make every file below ``folder`` smaller, in place."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_text(minified(path.name, path.read_text("utf-8")), "utf-8")
