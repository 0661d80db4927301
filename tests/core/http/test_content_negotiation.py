"""Content negotiation: the media type that a client prefers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.http import content_negotiation

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        (None, "text/html"),
        ("", "text/html"),
        ("*/*", "text/html"),
        (BROWSER, "text/html"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/json, */*", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/*", "application/json"),
        ("text/html;q=0.2, application/json;q=0.9", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("application/json;q=high, text/*;q=0.1", "text/html"),
        ("image/png", None),
        ("*/*;q=0", None),
        (",;,", None),
    ],
)
def test_client_gets_the_type_it_prefers(accept: str | None, best: str | None) -> None:
    """By quality, then by specificity, then by the server's order."""
    assert content_negotiation.best_match(accept, ("text/html", "application/json")) == best


@given(st.text(max_size=100))
def test_any_accept_header_is_handled(accept: str) -> None:
    """Clients may send anything."""
    assert content_negotiation.best_match(accept, ("text/html", "application/json")) in {
        "text/html",
        "application/json",
        None,
    }
