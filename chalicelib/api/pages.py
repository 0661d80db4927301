"""Pages and the static files they load. All values in a page are escaped.

``layout.html`` has the head of every page, ``visitor.html`` the header and footer of pages for visitors of links.
dev/deploy/minify.py minifies them for deployment.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from chalicelib.api.requests import FORMS
from chalicelib.core.links import codes
from chalicelib.core.visits.visitor import Query
from chalicelib.errors import PasswordWrong, ShortenerError
from chalicelib.settings import settings

_WEB = Path(__file__).parent.parent / "web"

_CSS, _JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
_DIGITS = 10
_MODULES = (
    *("page", "shorten", "links", "bulk", "stats", "access", "domains"),
    *("api", "dom", "fields", "keys", "qr", "removal", "texts", "workspace"),
    *("chart", "files", "key-dialog", "link-card", "access-texts", "domains-texts", "stats-texts"),
)
ASSETS = {
    "icon.svg": "image/svg+xml",
    "page.css": _CSS,
    "stats.css": _CSS,
    "reference.css": _CSS,
    "reference.js": _JS,
    **{f"{name}.js": _JS for name in _MODULES},
}
"""The files that may be requested by name, with their media types."""
REFERENCE = {
    path.name: {".css": _CSS, ".js": _JS}[path.suffix]
    for path in sorted((_WEB / "reference").glob("swagger-ui-*[0-9].*s"))
}
"""Swagger UI: the same, with its version in each name. Empty where it is not packaged, as for all functions but one."""


class _Html(str):
    """Markup from a template; it is not escaped again."""

    __slots__ = ()


def home(base_url: str, files: str = "") -> str:
    """Return the web page. ``files``: the origin that files of links are uploaded to; empty: no imports."""
    names = _names_in(base_url)
    body = _filled("home.html", files=files, **names)
    return _filled("layout.html", title="Shorten a link", head=_filled("home_head.html", **names), body=body, **names)


def reference(base_url: str) -> str:
    """Return the page that shows the description of the API, and sends requests to it."""
    style, script = REFERENCE
    return _filled("reference.html", style=style, script=script, **_names_in(base_url))


def problem(error: ShortenerError, base_url: str) -> str:
    """Return the page that shows an error to a visitor."""
    return _visitor_page(
        "problem.html",
        error.title,
        base_url,
        status=str(error.status),
        detail=str(error),
        description=error.description if str(error) != error.description else "",
    )


def explanation(error: type[ShortenerError], base_url: str) -> str:
    """Return the page at the ``type`` of a problem document, which explains the error."""
    return _visitor_page(
        "problem.html",
        error.title,
        base_url,
        status=str(error.status),
        detail=error.description,
        description=f"In API responses this is the code {error.code}.",
    )


def form_address(base_url: str, code: str, path: Sequence[str], query: Query) -> str:
    """Return where the form of a link is sent, below ``FORMS``, with the path and query that visitors came with."""
    return f"{root_of(base_url)}{FORMS}{_below(code, path, query)}"


def link_address(base_url: str, code: str, path: Sequence[str], query: Query) -> str:
    """Return the path at which visitors came to a form, and their query."""
    return f"{root_of(base_url)}{_below(code, path, query)}"


def _below(code: str, path: Sequence[str], query: Query) -> str:
    plain = (code, *(unquote(each) for each in path))
    segments = "/".join(quote(each, safe="", errors="replace") for each in plain)
    parameters = urlencode(query, doseq=True, quote_via=quote, safe="", errors="replace")
    return f"/{segments}{'?' if parameters else ''}{parameters}"


def password(error: ShortenerError, base_url: str, address: str = "") -> str:
    """Return the page that asks for a link's password, with an error if the last one was wrong.

    ``address``: as ``form_address`` returns it; empty: the form goes to the address of the page.
    """
    wrong = str(error) if isinstance(error, PasswordWrong) else ""
    title = "This link asks for a password"
    return _visitor_page("password.html", title, base_url, wrong=wrong, action=_action(address))


def confirm(base_url: str, address: str = "") -> str:
    """Return the page that asks visitors to press a button; ``address``: as of ``password``."""
    return _visitor_page("confirm.html", "One step before you go", base_url, action=_action(address))


def preview(code: str, seen: Mapping[str, Any], base_url: str) -> str:
    """Return the page that shows a link's target; ``seen`` is its preview as JSON."""
    targets = [target for target in (seen["url"], *seen["alsoLeadsTo"]) if target]
    items = [_filled("preview_target.html", target=target) for target in targets] or [_filled("preview_hidden.html")]
    # Below a reserved code nothing is a link's, its form neither.
    report = "" if codes.is_reserved(code) else _filled("preview_report.html", code=code, root=root_of(base_url))
    return _visitor_page(
        "preview.html",
        "Where this link leads",
        base_url,
        code=code,
        short=seen["shortUrl"],
        link_title=seen["title"] or "",
        made=(seen["createdAt"] or "unknown")[:10],
        visits="unknown" if seen["visits"] is None else f"{seen['visits']['total']:,}",
        targets=_Html("".join(items)),
        report=_Html(report),
        warnings=_Html("".join(_filled("preview_warning.html", warning=warning) for warning in seen["warnings"])),
    )


def report(short_url: str, wrong: str, base_url: str) -> str:
    """Return the form for reporting a link; ``wrong`` is the error in the form that was sent."""
    return _visitor_page("report.html", "Report a link", base_url, short=short_url, wrong=wrong)


def message(title: str, detail: str, base_url: str) -> str:
    """Return a page with a message."""
    return _visitor_page("message.html", title, base_url, detail=detail)


def openapi(base_url: str) -> dict[str, Any]:
    """Return the description of the API, served from ``base_url``."""
    description: dict[str, Any] = json.loads(text_of("openapi.json"))
    (server,), contact = description["servers"], description["info"]["contact"]
    server["url"] = server["url"].replace(contact["url"], base_url)
    contact["url"] = base_url
    return description


@functools.cache
def digest() -> str:
    """Return a short name for exactly these ``ASSETS``, below which browsers may keep them for ever.

    Each zip has the same, so that the functions that share a version agree. Swagger UI is not in it: one zip has that.
    """
    found = hashlib.sha256()
    for file in sorted(ASSETS):
        content = text_of(file).encode()
        found.update(f"{file} {len(content)}\n".encode() + content)
    return found.hexdigest()[:_DIGITS]


@functools.cache
def text_of(file: str) -> str:
    """Return a static file, a file of Swagger UI, or ``openapi.json``.

    Look up a name from a request in ``ASSETS`` and ``REFERENCE`` before.
    """
    folder = "static" if file in ASSETS else "reference" if file in REFERENCE else ""
    return (_WEB / folder / file).read_text("utf-8")


def root_of(base_url: str) -> str:
    """Return the path of ``base_url``, "" or ``/api``; without a host, pages work under any host name."""
    return urlsplit(base_url).path


def _action(address: str) -> _Html:
    """Return the attribute of a form that says where it is sent; none: to the address of the page."""
    return _Html(f' action="{escape(address)}"' if address else "")


def _names_in(base_url: str) -> dict[str, str]:
    """Return the texts that all pages have.

    Files are below their digest where a distribution of this stack is in front. Elsewhere the code of the version
    before may be asked for a file, and knows it by its name alone.
    """
    root = root_of(base_url)
    assets = f"{root}/assets/{digest()}" if settings.front_secrets else f"{root}/assets"
    return {"root": root, "assets": assets, "host": base_url.split("://", 1)[1]}


def _visitor_page(file: str, title: str, base_url: str, **texts: str) -> str:
    names = _names_in(base_url)
    body = _filled("visitor.html", main=_filled(file, title=title, **texts, **names), **names)
    return _filled("layout.html", title=title, head=_filled("visitor_head.html"), body=body, **names)


@functools.cache
def _template(file: str) -> Template:
    return Template((_WEB / "templates" / file).read_text("utf-8").rstrip())


def _filled(file: str, **texts: str) -> _Html:
    values = {name: text if isinstance(text, _Html) else escape(text) for name, text in texts.items()}
    return _Html(_template(file).substitute(values))
