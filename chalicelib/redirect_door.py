"""The doors that visitors use. One implementation: the whole service opens them, and the redirect's own function."""

from __future__ import annotations

import uuid
from datetime import datetime

from chalice.app import Request, Response

from chalicelib import logs
from chalicelib.core import accept, click, codes
from chalicelib.doorway import App, address_of, now, reply
from chalicelib.errors import LinkUnknown
from chalicelib.follow import follow
from chalicelib.settings import settings
from chalicelib.track import Visit, track

READ = ["GET", "HEAD"]  # API Gateway answers a HEAD only where it is declared
ANY_TYPE = [
    "*/*"
]  # Chalice would refuse a visitor for an odd Content-Type on a GET; bodies are checked where they are read
_JSON = ("application/json", "application/problem+json")


def open_for_visitors(app: App) -> None:
    """Let ``app`` follow codes."""

    @app.route("/{code}", methods=READ, content_types=ANY_TYPE)
    def redirect(code: str) -> Response:
        """Follow a short link."""
        moment = now()
        try:
            destination = follow(code, moment)
        except LinkUnknown as unknown:
            logs.note(Unknown=1)
            if codes.is_code(code):
                _count_visit(app.request, click.UNKNOWN, None, moment)
            return _home_unless_told_otherwise(unknown, app.wish)
        logs.note(Unknown=0)
        _count_visit(app.request, code, destination.owner, moment)
        keep = f"public, max-age={destination.cache_seconds}" if destination.permanent else "private, no-store"
        headers = {"Location": destination.url, "Cache-Control": keep, "X-Robots-Tag": "noindex"}
        return reply("", headers, 301 if destination.permanent else 302)


def _count_visit(request: Request, code: str, owner: str | None, moment: datetime) -> None:
    if request.method == "GET":  # a HEAD is a program's look, no visit
        api_id = request.context.get("requestId")
        click_id = str(api_id) if click.is_id(api_id) else uuid.uuid4().hex  # a client may have chosen it
        track(Visit(request.headers, address_of(request), click_id, code, owner, moment))


def _home_unless_told_otherwise(unknown: LinkUnknown, wish: str | None) -> Response:
    if settings.unknown_code == "404" or accept.best_of(wish, ("text/html", *_JSON)) in _JSON:
        raise unknown
    headers = {"Location": settings.base_url, "Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
    return reply("", headers, 302)
