"""The web page, the API's reference and their files; health, robots.txt, security.txt, openapi.json; error pages."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api.requests import accept_of
from chalicelib.api.responses import html_response, json_response, text_response
from chalicelib.aws.dynamodb import link_store
from chalicelib.core import times
from chalicelib.core.http import content_negotiation, problem_details
from chalicelib.errors import PageUnknown, public_errors
from chalicelib.settings import settings

_FIVE_MINUTES = {"Cache-Control": "public, max-age=300"}
_A_DAY = {"Cache-Control": "public, max-age=86400"}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


def home(_: Request) -> Response:
    """Show the web page."""
    from chalicelib.api import pages
    from chalicelib.aws.s3 import file_urls

    files = file_urls.origin()
    return html_response(pages.home(settings.base_url, files), _FIVE_MINUTES, connect=files)


def asset(_: Request, file: str) -> Response:
    """Serve a script, a style sheet or the icon of the pages. What has its version in its name stays as it is."""
    from chalicelib.api import pages

    if file in pages.REFERENCE:
        return text_response(pages.text_of(file), {"Content-Type": pages.REFERENCE[file], **_FOR_EVER})
    if file not in pages.ASSETS:
        raise PageUnknown(f"There is no file {file[:64]!r} here.")
    return text_response(pages.text_of(file), {"Content-Type": pages.ASSETS[file], **_FIVE_MINUTES})


def reference(_: Request) -> Response:
    """Show the description of the API, with a form for each call."""
    from chalicelib.api import pages

    if not pages.REFERENCE:
        raise PageUnknown("The reference is not part of this installation; /openapi.json has its content.")
    # The icons of Swagger UI are data: in its style.
    return html_response(pages.reference(settings.base_url), _FIVE_MINUTES, images="data:")


def health(_: Request) -> Response:
    """Report whether the table responds."""
    works = link_store.is_available()
    check = {"status": "pass" if works else "fail", "time": times.to_text(clock.now())}
    document = {"status": check["status"], "checks": {"links:read": [{"componentType": "datastore", **check}]}}
    headers = {"Content-Type": "application/health+json", "Cache-Control": "no-store"}
    return json_response(document, headers) if works else json_response(document, {**headers, "Retry-After": "1"}, 503)


def robots(_: Request) -> Response:
    """Allow robots: a robot that is shut out would not see the noindex of redirects."""
    return text_response("User-agent: *\nAllow: /\n", {"Content-Type": "text/plain; charset=utf-8", **_A_DAY})


def security(_: Request) -> Response:
    """Say where vulnerabilities are reported, in the form of RFC 9116."""
    from chalicelib.core.http import security_txt

    if not settings.security_contact:
        raise PageUnknown("This service names no contact for reports of vulnerabilities.")
    text = security_txt.text(
        settings.security_contact,
        security_txt.expiry(clock.now()),
        canonical=f"{settings.base_url}/.well-known/security.txt",
        policy=settings.security_policy,
    )
    return text_response(text, {"Content-Type": "text/plain; charset=utf-8", **_A_DAY})


def favicon(_: Request) -> Response:
    """Serve the icon."""
    from chalicelib.api import pages

    return text_response(pages.text_of("icon.svg"), {"Content-Type": pages.ASSETS["icon.svg"], **_A_DAY})


def openapi(_: Request) -> Response:
    """Describe this API."""
    from chalicelib.api import pages

    return json_response(pages.openapi(settings.base_url), _FIVE_MINUTES)


def explain_problem(request: Request, problem: str) -> Response:
    """Explain an error code."""
    from chalicelib.api import pages

    error = public_errors().get(problem)
    if error is None:
        raise PageUnknown(f"There is no error called {problem[:64]!r}.")
    headers = {**_FIVE_MINUTES, "Vary": "Accept"}
    if content_negotiation.best_match(accept_of(request), ("text/html", "application/json")) == "application/json":
        return json_response(problem_details.explanation(error), headers)
    return html_response(pages.explanation(error, settings.base_url), headers)
