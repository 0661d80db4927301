"""The doors that visitors use. One implementation: the whole service opens them, and the redirect's own function."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from chalice.app import Request, Response

from chalicelib import logs
from chalicelib.aws import link_cache
from chalicelib.core import accept, click, codes
from chalicelib.core.destination import Destination
from chalicelib.core.visitor import Visitor
from chalicelib.doorway import NOT_KEPT, Answer, App, Event, address_of, as_html, as_json, form_of, now, problem, reply
from chalicelib.errors import (
    ConfirmationNeeded,
    LinkUnknown,
    PageUnknown,
    PasswordNeeded,
    PasswordWrong,
    ShortenerError,
)
from chalicelib.follow import follow
from chalicelib.settings import settings
from chalicelib.track import Visit, track

READ = ["GET", "HEAD"]  # API Gateway answers a HEAD only where it is declared
ANY_TYPE = [
    "*/*"
]  # Chalice would refuse a visitor for an odd Content-Type on a GET; bodies are checked where they are read
_FOLLOW = [*READ, "POST"]
_JSON = ("application/json", "application/problem+json")
_FOR_NOW = {**NOT_KEPT, "X-Robots-Tag": "noindex"}
_PREVIEW = ("+", "%2B", "%2b")  # a local server leaves a path as it came


def open_for_visitors(app: App) -> None:
    """Let ``app`` follow codes."""

    @app.route("/{code}", methods=_FOLLOW, content_types=ANY_TYPE)
    def redirect(code: str) -> Response:
        """Follow a short link, or show where it leads if a + is behind it."""
        return _preview(app, code) if code.endswith(_PREVIEW) else _go(_visitor(app.request), code)

    # A path behind the code, for links that take one. API Gateway knows paths of any length, and Chalice does not.
    @app.route("/{code}/{path1}", methods=_FOLLOW, content_types=ANY_TYPE)
    def redirect_path1(code: str, path1: str) -> Response:
        """Follow a short link with a path behind it."""
        return _go(_visitor(app.request, path1), code)

    @app.route("/{code}/{path1}/{path2}", methods=_FOLLOW, content_types=ANY_TYPE)
    def redirect_path2(code: str, path1: str, path2: str) -> Response:
        """Follow a short link with a path behind it."""
        return _go(_visitor(app.request, path1, path2), code)

    @app.route("/{code}/{path1}/{path2}/{path3}", methods=_FOLLOW, content_types=ANY_TYPE)
    def redirect_path3(code: str, path1: str, path2: str, path3: str) -> Response:
        """Follow a short link with a path behind it."""
        return _go(_visitor(app.request, path1, path2, path3), code)


def at_once(event: Event) -> Answer | None:
    """Answer an event of API Gateway whose link is in memory, as the route would; None: it is for the route.

    Chalice unpacks, routes and packs for any route there may be; for the one that visitors wait for, that is two thirds
    of the work.
    """
    context, code = event.get("requestContext", {}), (event.get("pathParameters") or {}).get("code", "")
    if context.get("resourcePath") != "/{code}" or context.get("httpMethod") not in READ:
        return None
    if not link_cache.knows(code, now()):
        return None
    visitor = Visitor(
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        query=event.get("multiValueQueryStringParameters") or {},
        trust_cloudfront=settings.trust_cloudfront,
        method=context["httpMethod"],
        address=context.get("identity", {}).get("sourceIp") or "",
        visit_id=_id_of_visit(context),
    )
    try:
        response = _go(visitor, code)
    except ShortenerError as error:
        response = problem(error, visitor.wish)
    return {
        "statusCode": response.status_code,
        "headers": response.headers,
        "multiValueHeaders": {},
        "body": response.body,
    }


def _go(visitor: Visitor, code: str) -> Response:
    moment = now()
    try:
        destination = follow(code, visitor, moment)
    except LinkUnknown as unknown:
        if visitor.path:  # no code that somebody copied wrongly, but whatever programs try
            raise PageUnknown("Nothing is served at this address.") from unknown
        logs.note(Unknown=1)
        if codes.is_code(code):
            _count(Visit(visitor, click.UNKNOWN, moment))
        return _home_unless_told_otherwise(unknown, visitor)
    except ConfirmationNeeded:
        if accept.best_of(visitor.wish, ("text/html", *_JSON)) in _JSON:
            raise
        from chalicelib.core import pages

        return as_html(pages.confirm(settings.base_url), _FOR_NOW, leads_away=True)
    except (PasswordNeeded, PasswordWrong) as asked:
        if accept.best_of(visitor.wish, (*_JSON, "text/html")) in _JSON:
            raise
        from chalicelib.core import pages

        logs.note(error=asked.code)
        page = pages.password(asked, settings.base_url)
        return as_html(page, _FOR_NOW, asked.status, leads_away=True)
    logs.note(Unknown=0)
    if destination.is_visit:
        _count(Visit(visitor, code, moment, destination.owner, destination.variant))
    return _gone_to(destination, visitor)


def _gone_to(destination: Destination, visitor: Visitor) -> Response:
    is_kept = destination.permanent and visitor.method != "POST"
    keep = f"public, max-age={destination.cache_seconds}" if is_kept else "private, no-store"
    headers = {"Location": destination.url, "Cache-Control": keep, "X-Robots-Tag": "noindex"}
    # 303: what was sent here by POST is not for where they go.
    return reply("", headers, 303 if visitor.method == "POST" else 301 if destination.permanent else 302)


def _visitor(request: Request, *path: str) -> Visitor:
    method, parameters = request.method, request.query_params
    return Visitor(
        headers=request.headers,
        query={name: parameters.getlist(name) for name in parameters} if parameters else {},
        trust_cloudfront=settings.trust_cloudfront,
        method=method,
        path=path,
        password=form_of(request).get("password") if method == "POST" else None,
        address=address_of(request),
        visit_id=_id_of_visit(request.context),
    )


def _id_of_visit(context: Mapping[str, Any]) -> str:
    api_id = context.get("requestId")  # a client may have chosen it
    return str(api_id) if click.is_id(api_id) else uuid.uuid4().hex


def _count(visit: Visit) -> None:
    if visit.visitor.method != "HEAD":  # a program's look, no visit
        track(visit)


def _home_unless_told_otherwise(unknown: LinkUnknown, visitor: Visitor) -> Response:
    is_program = visitor.method == "POST" or accept.best_of(visitor.wish, ("text/html", *_JSON)) in _JSON
    if is_program or settings.unknown_code == "404":
        raise unknown
    return reply("", {"Location": settings.base_url, **_FOR_NOW}, 302)


def _preview(app: App, name: str) -> Response:
    from chalicelib import preview
    from chalicelib.core import pages

    code = next(name.removesuffix(mark) for mark in _PREVIEW if name.endswith(mark))
    seen = preview.of(code, now()).as_json()
    if accept.best_of(app.wish, (*_JSON, "text/html")) in _JSON:
        return as_json(seen, _FOR_NOW)
    return as_html(pages.preview(code, seen, settings.base_url), _FOR_NOW)
