"""Pages and the files they are made of. Everything that enters a page is escaped for where it goes."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from chalicelib.errors import PasswordWrong, ShortenerError

_WEB = Path(__file__).parent.parent / "web"

_CSS, _JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
_INDENT = re.compile(r"^\s*(?://.*\n\s*)*", re.MULTILINE)  # and lines that are empty or a comment
_REMARK = re.compile(r" // .*$", re.MULTILINE)  # behind a line of a script; no text of ours has it in it
_AIR = re.compile(r";\s*(?=\})|\s*([{};,])\s*|(?<=:) ")  # in a style, where no text is; and its last semicolons
_MODULES = (
    *("page", "shorten", "links", "bulk", "stats"),
    *("api", "dom", "fields", "keys", "qr", "removal", "texts"),
    *("chart", "files", "key-dialog", "link-card", "stats-texts"),
)
ASSETS = {
    "icon.svg": "image/svg+xml",
    "page.css": _CSS,
    "stats.css": _CSS,
    **{f"{name}.js": _JS for name in _MODULES},
}
"""What may be asked for by name, and its media type."""


def home(base_url: str, files: str = "") -> str:
    """Return the page that shortens. ``files``: the origin it sends files of links to; without one it offers none."""
    return _filled("home.html", root=root_of(base_url), host=_shown_host(base_url), files=files)


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


def password(asked: ShortenerError, base_url: str) -> str:
    """Return the page that asks for a link's password, and says so if it was another one."""
    wrong = str(asked) if isinstance(asked, PasswordWrong) else ""
    return _filled("password.html", root=root_of(base_url), host=_shown_host(base_url), wrong=wrong)


def confirm(base_url: str) -> str:
    """Return the page with a button that people press and programs do not."""
    return _filled("confirm.html", root=root_of(base_url), host=_shown_host(base_url))


def preview(code: str, seen: Mapping[str, Any], base_url: str) -> str:
    """Return the page that shows where a link leads; ``seen`` is what programs are told of it."""
    hidden = "It is shown to visitors only: the link asks for a password, or works for a limited number of visits."
    targets = [target for target in (seen["url"], *seen["alsoLeadsTo"]) if target]
    items = [
        f'<li><a href="{escape(target)}" rel="noopener noreferrer nofollow ugc">{escape(target)}</a></li>'
        for target in targets
    ]
    warnings = [f'<p class="error">{escape(warning)}</p>\n' for warning in seen["warnings"]]
    return Template(text_of("preview.html")).substitute(
        root=escape(root_of(base_url)),
        host=escape(_shown_host(base_url)),
        code=escape(code),
        short=escape(seen["shortUrl"]),
        title=escape(seen["title"] or ""),
        made=escape((seen["createdAt"] or "unknown")[:10]),
        visits="unknown" if seen["visits"] is None else f"{seen['visits']['total']:,}",
        targets="".join(items) or f"<li>{hidden}</li>",
        warnings="".join(warnings),
    )


def report(short_url: str, wrong: str, base_url: str) -> str:
    """Return the form by which a visitor reports a link; ``wrong`` is what was wrong with it when it was sent."""
    return _filled("report.html", root=root_of(base_url), host=_shown_host(base_url), short=short_url, wrong=wrong)


def message(title: str, detail: str, base_url: str) -> str:
    """Return a page that says something, and no more."""
    return _filled("message.html", root=root_of(base_url), host=_shown_host(base_url), title=title, detail=detail)


def openapi(base_url: str) -> dict[str, Any]:
    """Return the description of the API, served from ``base_url``."""
    description: dict[str, Any] = json.loads(text_of("openapi.json"))
    return {**description, "servers": [{"url": base_url}]}


@functools.cache
def text_of(file: str) -> str:
    """Return a file of ours. Never given a name that a client chose without looking it up in ``ASSETS``.

    Pages, scripts and styles come without what only people read: indentation, comments, a seventh of them.
    """
    text = (_WEB / file).read_text("utf-8")
    if file.endswith(".js"):
        text = _REMARK.sub("", text)
    if file.endswith(".css"):
        text = _AIR.sub(r"\1", text)
    return _INDENT.sub("", text) if file.endswith((".css", ".html", ".js")) else text


def root_of(base_url: str) -> str:
    """Return the path our addresses begin with, "" or ``/api``; without a host, pages work under any name."""
    return urlsplit(base_url).path


def _shown_host(base_url: str) -> str:
    return base_url.split("://", 1)[1]


def _filled(file: str, **texts: str) -> str:
    return Template(text_of(file)).substitute({name: escape(text) for name, text in texts.items()})
