"""Build responses: JSON, HTML with its CSP, CSV, text, bytes, problem documents; CORS and cache headers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from chalice.app import CORSConfig, Response

from chalicelib import logs
from chalicelib.core import csv_rows
from chalicelib.core.http import content_negotiation, problem_details
from chalicelib.errors import ShortenerError
from chalicelib.settings import settings

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["Idempotency-Key", "If-Match"],  # Chalice adds Authorization, Content-Type and X-Api-Key
    expose_headers=[
        "Deprecation",
        "ETag",
        "Idempotency-Replayed",
        "Link",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "Sunset",
        "X-Request-Id",
    ],
    max_age=600,
)
CORS_HEADERS = CORS.get_access_control_headers()
NO_STORE = {"Cache-Control": "private, no-store"}
"""For responses that may change at any time."""
IS_BASE64 = "x-encoded"
"""A header that marks a body in base64 for the application, which removes it: Chalice passes no other mark on."""
_LINES = "application/x-ndjson"
_added: ContextVar[dict[str, str]] = ContextVar("added")
_site: ContextVar[str] = ContextVar("site", default=settings.base_url)


def set_site(url: str) -> None:
    """Say which domain the pages of this request are of."""
    _site.set(url)


def reset_added_headers() -> None:
    """Remove the added headers, at the start of a request."""
    _added.set({})


def add_headers(headers: Mapping[str, str]) -> None:
    """Add ``headers`` to the response to this request, also if it is an error.

    Where there is one of the name, both are sent, as one list (RFC 9110, section 5.3).
    """
    there = _added.get()
    _added.set(
        {**there, **{name: f"{there[name]}, {text}" if name in there else text for name, text in headers.items()}}
    )


def added_headers() -> dict[str, str]:
    """Return the headers added to the response to this request."""
    return _added.get()


def text_response(body: str, headers: Mapping[str, str | list[str]], status: int = HTTPStatus.OK) -> Response:
    """Return a response of text. A header with several values is sent once with each."""
    return Response(body, {**headers}, status)


def json_response(value: Any, headers: Mapping[str, str], status: int = HTTPStatus.OK) -> Response:
    """Return a response of JSON; ``headers`` may name a media type more exact than ``application/json``."""
    return text_response(json.dumps(value, ensure_ascii=False), {"Content-Type": "application/json", **headers}, status)


def csv_response(header: Sequence[str], rows: Iterable[Sequence[Any]], headers: Mapping[str, str]) -> Response:
    """Return a response of CSV."""
    content_type = f"{csv_rows.MEDIA_TYPE}; charset=utf-8"
    return text_response(csv_rows.to_csv(header, rows), {"Content-Type": content_type, **headers})


def page_response(
    accept: str | None, fields: Sequence[str], documents: Sequence[Mapping[str, Any]], cursor: str | None
) -> Response:
    """Return a page of a list whose ``documents`` have these ``fields``: as JSON, as CSV, or a JSON text a line.

    A cell of CSV with members of its own is JSON.
    """
    match content_negotiation.best_match(accept, ("application/json", csv_rows.MEDIA_TYPE, _LINES)):
        case csv_rows.MEDIA_TYPE:
            rows = [
                [json.dumps(cell) if isinstance(cell, dict) else cell for cell in document.values()]
                for document in documents
            ]
            return csv_response(fields, rows, NO_STORE)
        case "application/x-ndjson":
            lines = "".join(f"{json.dumps(document)}\n" for document in documents)
            return text_response(lines, {"Content-Type": _LINES, **NO_STORE})
    return json_response({"data": documents, "next": cursor}, NO_STORE)


def bytes_response(body: bytes, headers: Mapping[str, str]) -> Response:
    """Return a response of bytes, of a media type that the API declares as binary (dev/deploy/package.py)."""
    return text_response(base64.b64encode(body).decode(), {**headers, IS_BASE64: "yes"})


def html_response(
    page: str,
    headers: Mapping[str, str],
    status: int = HTTPStatus.OK,
    *,
    form_redirects: bool = False,
    connect: str = "",
    images: str = "",
) -> Response:
    """Return a page. ``form_redirects``, ``connect`` and ``images``: see ``security_headers``."""
    from chalicelib.api.security_headers import security_headers  # most redirects return no page

    secure = security_headers(form_redirects=form_redirects, connect=connect, images=images)
    return text_response(page, {"Content-Type": "text/html; charset=utf-8", **secure, **headers}, status)


def problem_response(error: ShortenerError, accept: str | None) -> Response:
    """Return ``error`` as a page for clients that prefer HTML, as a problem document for others."""
    logs.note(error=error.code)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.__cause__ is not None:
        logs.note(cause=_first_line(error.__cause__))
    headers = {"Cache-Control": "no-store", **error.headers()}
    offers = (problem_details.MEDIA_TYPE, "application/json", "text/html")
    if content_negotiation.best_match(accept, offers) == "text/html":
        from chalicelib.api import pages

        return html_response(pages.problem(error, _site.get()), headers, error.status)
    headers["Content-Type"] = problem_details.MEDIA_TYPE
    return json_response(problem_details.document(error, settings.base_url), headers, error.status)


def _first_line(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}".splitlines()[0][:300]
