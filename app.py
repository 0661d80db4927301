"""Every door of the URL shortener: a table of contents, the redirect first."""

from __future__ import annotations

import uuid

from chalice.app import Response

from chalicelib import logs
from chalicelib.aws import link_table
from chalicelib.core import accept, codes, problems, times
from chalicelib.core.new_link import NewLink
from chalicelib.core.target_url import TargetPolicy
from chalicelib.doorway import CORS, App, as_html, as_json, body_of, now, reply
from chalicelib.errors import LinkUnknown, PageUnknown, public_errors
from chalicelib.follow import follow
from chalicelib.settings import settings
from chalicelib.shorten import shorten

READ = ["GET", "HEAD"]  # API Gateway answers a HEAD only where it is declared
ANY_TYPE = [
    "*/*"
]  # Chalice would refuse a visitor for an odd Content-Type on a GET; bodies are checked where they are read

logs.configure()
app = App(app_name="shortener", configure_logs=False)
app.api.cors = CORS
app.api.binary_types = []  # every answer is text; matching the sixteen default types took a quarter of a redirect


@app.route("/{code}", methods=READ, content_types=ANY_TYPE)
def redirect(code: str) -> Response:
    """Follow a short link."""
    logs.note(code=code[:64])
    try:
        destination = follow(code, now())
    except LinkUnknown as unknown:
        logs.note(Unknown=1)
        return _home_unless_told_otherwise(unknown)
    logs.note(Unknown=0)
    keep = f"public, max-age={destination.cache_seconds}" if destination.permanent else "private, no-store"
    headers = {"Location": destination.url, "Cache-Control": keep, "X-Robots-Tag": "noindex"}
    return reply("", headers, 301 if destination.permanent else 302)


@app.route("/links", methods=["POST"], content_types=ANY_TYPE)
def create() -> Response:
    """Shorten a URL."""
    moment = now()
    wanted = NewLink.from_json(body_of(app.request), _targets(), moment)
    # Minted here, for a client may choose the id that API Gateway gives a request.
    made = shorten(wanted, uuid.uuid4().hex, moment)
    logs.note(code=made.link.code)
    status, short_url = 201 if made.is_new else 200, made.link.short_url(settings.base_url)
    if accept.best_of(app.wish, ("application/json", "text/plain")) == "text/plain":
        return reply(short_url, {"Content-Type": "text/plain; charset=utf-8", "Location": short_url}, status)
    return as_json(made.link.as_json(settings.base_url), {"Location": short_url, "ETag": made.link.etag}, status)


@app.route("/links/{code}", methods=READ, content_types=ANY_TYPE)
def show(code: str) -> Response:
    """Show a link."""
    logs.note(code=code[:64])
    link = link_table.find_now(code) if codes.is_code(code) else None
    if link is None:
        raise LinkUnknown(code)
    return as_json(link.as_json(settings.base_url), {"ETag": link.etag, "Cache-Control": "private, no-store"})


@app.route("/", methods=READ, content_types=ANY_TYPE)
def home() -> Response:
    """Show the page."""
    from chalicelib.core import pages

    return as_html(pages.home(settings.base_url), {"Cache-Control": "public, max-age=300"})


@app.route("/assets/{file}", methods=READ, content_types=ANY_TYPE)
def asset(file: str) -> Response:
    """Serve what the pages are made of."""
    from chalicelib.core import pages

    if file not in pages.ASSETS:
        raise PageUnknown(f"There is no file {file[:64]!r} here.")
    return reply(pages.text_of(file), {"Content-Type": pages.ASSETS[file], "Cache-Control": "public, max-age=300"})


@app.route("/healthz", methods=READ, content_types=ANY_TYPE)
def health() -> Response:
    """Say whether the table answers."""
    works = link_table.answers()
    check = {"status": "pass" if works else "fail", "time": times.to_text(now())}
    document = {"status": check["status"], "checks": {"links:read": [{"componentType": "datastore", **check}]}}
    headers = {"Content-Type": "application/health+json", "Cache-Control": "no-store"}
    return as_json(document, headers, 200 if works else 503)


@app.route("/robots.txt", methods=READ, content_types=ANY_TYPE)
def robots() -> Response:
    """Let robots in: redirects say noindex themselves, and a robot that is shut out never reads that."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "public, max-age=86400"}
    return reply("User-agent: *\nAllow: /\n", headers)


@app.route("/favicon.ico", methods=READ, content_types=ANY_TYPE)
def favicon() -> Response:
    """Serve the icon."""
    from chalicelib.core import pages

    headers = {"Content-Type": pages.ASSETS["icon.svg"], "Cache-Control": "public, max-age=86400"}
    return reply(pages.text_of("icon.svg"), headers)


@app.route("/openapi.json", methods=READ, content_types=ANY_TYPE)
def openapi() -> Response:
    """Describe this API."""
    from chalicelib.core import pages

    return as_json(pages.openapi(settings.base_url), {"Cache-Control": "public, max-age=300"})


@app.route("/problems/{problem}", methods=READ, content_types=ANY_TYPE)
def explain(problem: str) -> Response:
    """Say what an error means."""
    from chalicelib.core import pages

    error = public_errors().get(problem)
    if error is None:
        raise PageUnknown(f"There is no error called {problem[:64]!r}.")
    if accept.best_of(app.wish, ("text/html", "application/json")) == "application/json":
        return as_json(problems.explanation(error), {"Cache-Control": "public, max-age=300"})
    return as_html(pages.meaning(error, settings.base_url), {"Cache-Control": "public, max-age=300"})


def _home_unless_told_otherwise(unknown: LinkUnknown) -> Response:
    wish = app.wish
    asks_for_json = accept.best_of(wish, ("text/html", "application/json", "application/problem+json")) != "text/html"
    if settings.unknown_code == "404" or asks_for_json:
        raise unknown
    headers = {"Location": settings.base_url, "Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
    return reply("", headers, 302)


def _targets() -> TargetPolicy:
    return TargetPolicy(settings.own_hosts, any_host=settings.target_hosts == "any")
