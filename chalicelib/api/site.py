"""The web page, the API's reference and their files; health, robots.txt, security.txt, openapi.json; error pages."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import redirect
from chalicelib.api.requests import accept_of, domain_of
from chalicelib.api.responses import NO_STORE, html_response, json_response, text_response
from chalicelib.aws.dynamodb import link_store
from chalicelib.core import times
from chalicelib.core.access.domain_settings import APPLE, ASSETLINKS
from chalicelib.core.domains import Domain
from chalicelib.core.http import content_negotiation, problem_details
from chalicelib.core.visits.click import BARE
from chalicelib.errors import PageUnknown, StoreUnavailable, public_errors
from chalicelib.settings import settings
from chalicelib.usecases import domain_settings
from chalicelib.usecases.track_visit import Visit, send_now, track

_FIVE_MINUTES = {"Cache-Control": "public, max-age=300"}
_A_DAY = {"Cache-Control": "public, max-age=86400"}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


def home(request: Request) -> Response:
    """Show the web page; of another domain than the default one, lead to where its bare address leads."""
    domain = domain_of(request.to_original_event())
    if domain.space:
        return _bare_address(request, domain)
    from chalicelib.api import pages
    from chalicelib.aws.s3 import file_urls

    files = file_urls.origin()
    return html_response(pages.home(settings.base_url, files), _FIVE_MINUTES, connect=files)


def asset(_: Request, file: str) -> Response:
    """Serve a script, a style sheet or the icon of the pages. What has its version in its name stays as it is."""
    from chalicelib.api import pages

    return _served(file, _FOR_EVER if file in pages.REFERENCE else _FIVE_MINUTES)


def asset_of_version(_: Request, file: str, name: str) -> Response:
    """Serve a file below the digest of all of them, where it stays as it is; ``file`` is that digest.

    While a deployment goes on, a page of one version may meet the files of another: no cache may keep those.
    """
    from chalicelib.api import pages

    return _served(name, _FOR_EVER if file == pages.digest() else NO_STORE)


def _served(file: str, keep: Mapping[str, str]) -> Response:
    from chalicelib.api import pages

    media_type = pages.ASSETS.get(file) or pages.REFERENCE.get(file)
    if media_type is None:
        raise PageUnknown(f"There is no file {file[:64]!r} here.")
    return text_response(pages.text_of(file), {"Content-Type": media_type, **keep})


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


def robots(request: Request) -> Response:
    """Say what robots may read: everything, unless the domain says otherwise.

    A robot that is shut out would not see the noindex of redirects.
    """
    domain, text = domain_of(request.to_original_event()), None
    with suppress(StoreUnavailable):
        text = domain_settings.find(domain.space, clock.now()).robots
    body = "User-agent: *\nAllow: /\n" if text is None else text
    return text_response(body, {"Content-Type": "text/plain; charset=utf-8", **_FIVE_MINUTES})


def assetlinks(request: Request) -> Response:
    """Name the Android apps that open links of the domain."""
    return _file_for_apps(request, ASSETLINKS)


def apple_app_site_association(request: Request) -> Response:
    """Name the apps of Apple's systems that open links of the domain."""
    return _file_for_apps(request, APPLE)


def _file_for_apps(request: Request, name: str) -> Response:
    domain = domain_of(request.to_original_event())
    text = domain_settings.find_file(domain.space, name, clock.now())
    if text is None:
        raise PageUnknown("This domain names no apps that open its links.")
    return text_response(text, {"Content-Type": "application/json", **_FIVE_MINUTES})


def _bare_address(request: Request, domain: Domain) -> Response:
    moment = clock.now()
    if request.method != "HEAD":
        track(Visit(redirect.visitor_of(request), domain.id_of(BARE), moment), send_now)
    target = domain_settings.find(domain.space, moment).bare_url
    if target is None:
        raise PageUnknown("Nothing is served at this address; short links are below it.")
    return text_response("", {"Location": target, **NO_STORE, "X-Robots-Tag": "noindex"}, 302)


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
