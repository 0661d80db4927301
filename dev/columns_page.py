"""Writes the tables of columns in docs/imports.md, from those that the reader of imported files uses.

python -m dev.columns_page    # writes them again
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from chalicelib.core.transfers import columns
from chalicelib.core.transfers.columns import Table
from dev.paths import ROOT

PAGE = ROOT / "docs" / "imports.md"
_BEGINS, _ENDS = "<!-- written by dev/columns_page.py -->\n", "<!-- end of what is written -->\n"
_SERVICES = {"export": "This service", "shortio": "Short.io", "yourls": "YOURLS"}
_USES = {
    columns.LEFT_OUT: "left out",
    columns.REFUSES: "refuses its row",
    columns.OTHER_PASSWORD: "refuses its row: a password cannot be brought along",
    columns.IGNORED: "ignored",
    "alias": "the code",
    "domain": "the domain that the link is at; left out if it is none of this service",
    "shortUrl": "the code, after the host, which may be a domain of this service",
    "customUrl": "the code, before that of another short URL; two links are created if they differ",
    "description": "`title`, or `note` if there is a title already or it is too long for one",
    "disabled": "`enabled`, inverted",
    "status": "`enabled`; left out if it says neither on nor off",
    "password": "`password`, as typed; the digest of another service, or `true`, refuses the row",
    "visits": "`importedVisits`",
}


def text() -> str:
    """Return the tables of all services, and the names that are known in any table."""
    services = groupby((table for table in columns.TABLES if table.columns), lambda table: table.service)
    parts = [_section(service, list(tables)) for service, tables in services]
    return "\n".join([_BEGINS, *parts, *_generic(), _ENDS])


def _section(service: str, tables: list[Table]) -> str:
    lines = [f"### {_SERVICES.get(service, service.title())}", ""]
    for table in tables:
        known_by = " and ".join(f"`{name}`" for name in table.known_by)
        lines += [f"{table.made_by[0].upper()}{table.made_by[1:]}, known by {known_by}:", "", *_rows(table), ""]
    return "\n".join(lines)


def _rows(table: Table) -> Iterator[str]:
    yield "| column | becomes |"
    yield "|---|---|"
    for becomes in dict.fromkeys(table.columns.values()):
        names = ", ".join(f"`{name}`" for name, field in table.columns.items() if field == becomes)
        yield f"| {names} | {_USES.get(becomes, f'`{becomes}`')} |"


def _generic() -> Iterator[str]:
    yield "### Any table"
    yield ""
    yield "A table with one of the names for `url`; also any column of the tables above that is not listed there:"
    yield ""
    yield "| column | becomes |"
    yield "|---|---|"
    for field, names in columns.GENERIC.items():
        yield f"| {', '.join(f'`{name}`' for name in names)} | {_USES.get(field, f'`{field}`')} |"
    yield f"| any other that contains {_shown(columns.COUNTS_DOWN)} | refuses its row, also if it is 0 |"
    yield f"| any other that is {_shown(columns.ENABLES)} | refuses its row unless it says yes or similar |"
    yield f"| any other that contains {_shown(columns.PROTECTS)} | refuses its row unless it says no or 0 |"
    yield "| all others | left out |"
    yield ""


def _shown(pattern: re.Pattern[str]) -> str:
    words = pattern.pattern.replace("|", "\\|")
    return f"`{words}`"


def main() -> None:
    """Write the generated part of the page again; keep the rest."""
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGINS)
    PAGE.write_text(before + text() + rest.partition(_ENDS)[2], "utf-8")


if __name__ == "__main__":
    main()
