"""Limits: the map of them is whole."""

from __future__ import annotations

import re

from chalicelib import errors
from chalicelib.core import limits
from chalicelib.core.limits import Window
from tests.paths import ROOT


def test_every_limit_stands_on_the_map() -> None:
    """In the module that has the numbers, and in the documents by its number."""
    windows = {name: window for name, window in vars(limits).items() if isinstance(window, Window)}
    table = (ROOT / "docs" / "operate.md").read_text().partition("## What is limited")[2].partition("\n## ")[0]

    assert len(windows) >= 5
    for name, window in windows.items():
        assert name in (limits.__doc__ or "")
        assert re.search(rf"\b{window.most}\b", table), name


def test_every_number_stands_on_the_map() -> None:
    """What a request may bring and have; the one that must stand elsewhere is there."""
    numbers = {name: number for name, number in vars(limits).items() if type(number) is int}
    elsewhere = re.findall(r"\b([a-z_]+)\.([A-Z_]+)\b", limits.__doc__ or "")

    assert len(numbers) >= 15
    assert [name for name in numbers if not re.search(rf"\b{name}\b", limits.__doc__ or "")] == []
    assert elsewhere == [("errors", "MOST_ERRORS")]
    assert errors.MOST_ERRORS > 0


def test_bounds_of_requests_stand_in_one_place() -> None:
    """Other modules have bounds of one field, of one header, and of what is stored."""
    of_a_field = {
        *("abuse_report", "api_key", "codes", "domain_change", "domains", "forwarding", "idempotency"),
        *("link_fields", "rule_parser", "rules", "target_url", "workspace"),
    }
    of_a_row = {"file_formats", "imported_link", "import_summary"}
    of_counting = {"logs", "open_counter", "recount", "shares", "slots", "unique_visitors"}
    of_a_header = {"user_agents", "bots", "click", "navigation", "visitor"}
    bound = re.compile(r"^_?(MAX|MOST)(_\w+)? = \d|^\w*(BYTES|ROWS|DEPTH|A_DAY|LOOKED_AT) = \d", re.MULTILINE)

    modules = {path.stem for path in (ROOT / "chalicelib").rglob("*.py") if bound.search(path.read_text())}

    assert modules - of_a_field - of_a_row - of_a_header - of_counting == {
        "limits",
        "errors",
        "counters",
        "pagination",
        "password",
    }


def test_windows_of_limits_are_made_in_one_place() -> None:
    """Those of settings are made where settings are read."""
    makers = {
        path.name
        for path in (ROOT / "chalicelib").rglob("*.py")
        if re.search(r"(?<!class )\bWindow\(\"", path.read_text())
    }

    assert makers == {"limits.py", "limit_calls.py"}
