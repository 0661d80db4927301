"""Writes the checks in docs/first-hour.md, from those that ``make verify`` runs.

python -m dev.checks_page    # writes them again
"""

from __future__ import annotations

from dev.admin.checks import listed
from dev.admin.checks.check import page_of
from dev.paths import ROOT

PAGE = ROOT / "docs" / "first-hour.md"
_BEGINS, _ENDS = "<!-- written by dev/checks_page.py -->\n", "<!-- end of what is written -->\n"


def text() -> str:
    """Return all checks and what none asks, between the marks."""
    return f"{_BEGINS}\n{page_of(listed.CHECKS, listed.NOT_ASKED)}\n{_ENDS}"


def main() -> None:
    """Write the generated part of the page again; keep the rest."""
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGINS)
    PAGE.write_text(before + text() + rest.partition(_ENDS)[2], "utf-8")


if __name__ == "__main__":
    main()
