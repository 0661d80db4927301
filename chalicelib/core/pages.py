"""Pages and the files they are made of. Everything that enters a page is escaped for where it goes."""

from __future__ import annotations

import functools
import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from chalicelib.errors import ShortenerError

_WEB = Path(__file__).parent.parent / "web"

ASSETS = {
    "icon.svg": "image/svg+xml",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
"""What may be asked for by name, and its media type."""


def home(base_url: str) -> str:
    """Return the page that shortens."""
    return _filled("home.html", root=root_of(base_url), host=_shown_host(base_url))


def problem(error: ShortenerError, base_url: str) -> str:
    """Return the page a visitor sees instead of a destination."""
    return _filled(
        "problem.html",
        root=root_of(base_url),
        host=_shown_host(base_url),
        status=str(error.status),
        title=error.title,
        detail=str(error),
        meaning=error.meaning if str(error) != error.meaning else "",
    )


def meaning(error: type[ShortenerError], base_url: str) -> str:
    """Return the page that explains an error to whoever follows the ``type`` of a problem document."""
    return _filled(
        "problem.html",
        root=root_of(base_url),
        host=_shown_host(base_url),
        status=str(error.status),
        title=error.title,
        detail=error.meaning,
        meaning=f"In answers of the API this is the code {error.code}.",
    )


def openapi(base_url: str) -> dict[str, Any]:
    """Return the description of the API, served from ``base_url``."""
    description: dict[str, Any] = json.loads(text_of("openapi.json"))
    return {**description, "servers": [{"url": base_url}]}


@functools.cache
def text_of(file: str) -> str:
    """Return a file of ours. Never given a name that a client chose without looking it up in ``ASSETS``."""
    return (_WEB / file).read_text("utf-8")


def root_of(base_url: str) -> str:
    """Return the path our addresses begin with, "" or ``/api``; without a host, pages work under any name."""
    return urlsplit(base_url).path


def _shown_host(base_url: str) -> str:
    return base_url.split("://", 1)[1]


def _filled(file: str, **texts: str) -> str:
    return Template(text_of(file)).substitute({name: escape(text) for name, text in texts.items()})
