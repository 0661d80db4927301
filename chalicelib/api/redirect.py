"""/{code}: follow a short link, or preview it. The API has these routes as well as the redirect's own function."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from chalice.app import Request, Response

from chalicelib import clock, logs
from chalicelib.api.application import Event, LambdaResponse, Route
from chalicelib.api.requests import FORMS, PATHS, READ, accept_of, client_address, domain_of, form_of
from chalicelib.api.responses import NO_STORE, html_response, json_response, problem_response, text_response
from chalicelib.aws import link_cache
from chalicelib.core import times
from chalicelib.core.domains import Domain
from chalicelib.core.http import content_negotiation
from chalicelib.core.links import codes
from chalicelib.core.links.destination import Destination
from chalicelib.core.visits import click
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import (
    ConfirmationNeeded,
    LinkExpired,
    LinkOff,
    LinkUnknown,
    LinkUsedUp,
    PageUnknown,
    PasswordNeeded,
    PasswordWrong,
    ShortenerError,
    StoreUnavailable,
)
from chalicelib.settings import settings
from chalicelib.usecases.follow_link import follow
from chalicelib.usecases.track_visit import Send, Visit, send_now, track

_FOLLOW = [*READ, "POST"]
_JSON = ("application/json", "application/problem+json")
_FOR_NOW = {**NO_STORE, "X-Robots-Tag": "noindex"}


class Redirect:
    """The endpoints of /{code}; ``send`` sends their clicks."""

    def __init__(self, send: Send = send_now) -> None:
        self.send = send

    @property
    def routes(self) -> tuple[Route, ...]:
        """Return the routes."""
        return (
            # API Gateway prefers the resource that the calls of the API are below, and would answer 404 itself.
            ("/v1", _FOLLOW, self.follow_v1),
            *((path, _FOLLOW, self._followed(path)) for path in PATHS),
            # The same for forms, where CloudFront has to tell them from visits by their path.
            *((FORMS + path, ["POST"], self._followed(path)) for path in PATHS),
            *((FORMS + path, READ, leave_form) for path in PATHS),
        )

    def _followed(self, path: str) -> Callable[..., Response]:
        return self.follow_code if path == PATHS[0] else self.follow_with_path

    def follow_code(self, request: Request, code: str) -> Response:
        """Follow a short link, or show its target if the code ends with +."""
        domain = domain_of(request.to_original_event())
        code, punctuation = codes.split_punctuation(code)
        if "+" in punctuation or code.endswith("+"):
            return _preview(request, code, domain)
        return self._follow(visitor_of(request), code, domain)

    def follow_v1(self, request: Request) -> Response:
        """Follow the link whose code is v1, which may be older than the API of that name."""
        return self.follow_code(request, "v1")

    def follow_with_path(self, request: Request, code: str, **path: str) -> Response:
        """Follow a short link with a path behind it."""
        codes.refuse_reserved(code)
        return self._follow(visitor_of(request, *path.values()), code, domain_of(request.to_original_event()))

    def from_cache(self, event: Event) -> LambdaResponse | None:
        """Return the response to an event of API Gateway if its link is in the cache; None: dispatch it to its route.

        Chalice's routing, unpacking and packing would be two thirds of the work of a redirect.
        """
        context, code = event.get("requestContext", {}), (event.get("pathParameters") or {}).get("code", "")
        if context.get("resourcePath") != PATHS[0] or context.get("httpMethod") not in READ:
            return None
        domain = domain_of(event)
        if domain.is_retired or not link_cache.has_fresh(domain.id_of(code), clock.now()):
            return None
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        visitor = _visitor_from(event, headers)
        try:
            response = self._follow(visitor, code, domain)
        except ShortenerError as error:
            response = problem_response(error, visitor.accept)
        return {
            "statusCode": response.status_code,
            "headers": response.headers,
            "multiValueHeaders": {},
            "body": response.body,
        }

    def _follow(self, visitor: Visitor, code: str, domain: Domain) -> Response:
        moment, link_id = clock.now(), domain.id_of(code)
        try:
            destination = follow(link_id, visitor, moment)
        except LinkUnknown as unknown:
            if visitor.path:  # an address that scanners try, rather than a mistyped code
                raise PageUnknown("Nothing is served at this address.") from unknown
            logs.note(Unknown=1)
            if codes.is_code(code):
                self._count(Visit(visitor, domain.id_of(click.UNKNOWN), moment))
            return _unknown_response(unknown, visitor, domain, moment)
        except (LinkExpired, LinkOff, LinkUsedUp) as ended:
            return _ended_response(ended, visitor, domain, moment)
        except (ConfirmationNeeded, PasswordNeeded, PasswordWrong) as error:
            return _form_response(error, visitor, domain, code)
        logs.note(Unknown=0)
        if destination.is_visit:
            self._count(Visit(visitor, link_id, moment, destination.owner, destination.variant, destination.slots))
        return _redirect_response(destination, visitor, domain, code)

    def _count(self, visit: Visit) -> None:
        if visit.visitor.method != "HEAD":  # a HEAD is no visit
            track(visit, self.send)


def leave_form(request: Request, code: str, **path: str) -> Response:
    """Lead back to a link from where its form was sent: browsers keep that address after a wrong password."""
    from chalicelib.api import pages

    domain, query = domain_of(request.to_original_event()), visitor_of(request).query
    address = pages.link_address(domain.url, code, tuple(path.values()), query)
    return text_response("", {"Location": address, **_FOR_NOW}, 302)


def visitor_of(request: Request, *path: str) -> Visitor:
    """Return the visitor who sent a request; ``path`` is what was behind the code."""
    password = form_of(request).get("password") if request.method == "POST" else None
    return _visitor_from(request.to_original_event(), request.headers, path, password)


def _visitor_from(
    event: Event, headers: Mapping[str, str], path: tuple[str, ...] = (), password: str | None = None
) -> Visitor:
    """Return the visitor of an event of API Gateway; ``path`` and ``password`` are read by the route."""
    context = event["requestContext"]
    api_id = context.get("requestId")  # may be chosen by the client
    is_of_front = context.get("isOfFront", False)
    asked_at = context.get("requestTimeEpoch") if is_of_front else None
    return Visitor(
        headers=headers,
        query=event.get("multiValueQueryStringParameters") or {},
        trust_cloudfront=settings.trust_cloudfront or is_of_front,
        method=context["httpMethod"],
        path=path,
        password=password,
        address=client_address(event),
        visit_id=str(api_id) if click.is_id(api_id) else uuid.uuid4().hex,
        is_of_front=is_of_front,
        asked_at=None if asked_at is None else times.from_milliseconds(asked_at),
        forms_have_path=_has_path_of_forms(event),
    )


def _has_path_of_forms(event: Event) -> bool:
    """Tell whether pages send forms below ``FORMS``.

    Where no distribution of this stack is in front, the code of the version before may have to take them, and does not
    know that path. At the API's own address the stage is before it, which short URLs do not have.
    """
    host = event["requestContext"].get("domainName") or ""
    return bool(settings.front_secrets) and ".execute-api." not in host


def _redirect_response(destination: Destination, visitor: Visitor, domain: Domain, code: str) -> Response:
    is_kept = destination.permanent and visitor.method != "POST"
    keep = f"public, max-age={destination.cache_seconds}" if is_kept else "private, no-store"
    headers: dict[str, str | list[str]] = {
        "Location": destination.url,
        "Cache-Control": keep,
        "X-Robots-Tag": "noindex",
    }
    if destination.proof is not None:
        headers["Set-Cookie"] = _cookies_of(destination.proof, visitor, domain, code)
    # 303: browsers must not send the form on to the target.
    return text_response("", headers, 303 if visitor.method == "POST" else 301 if destination.permanent else 302)


def _cookies_of(proof: str, visitor: Visitor, domain: Domain, code: str) -> str | list[str]:
    """Return the unlock cookie; where pages send forms below ``FORMS``, one for each of the two paths."""
    from chalicelib.core.links import unlock_cookie  # few links have a password

    where = urlsplit(domain.url)
    rest = f"; Max-Age={int(unlock_cookie.LASTS.total_seconds())}; HttpOnly; SameSite=Lax"
    rest += "; Secure" if where.scheme == "https" else ""
    at_link, at_form = (
        f"{unlock_cookie.NAME}={proof}; Path={where.path}{prefix}/{code}{rest}" for prefix in ("", FORMS)
    )
    return [at_link, at_form] if visitor.forms_have_path else at_link


def _setting_of(domain: Domain, now: datetime, name: Literal["unknown_url", "ended_url"]) -> str | None:
    """Return where a domain leads visitors for whom there is no link; None: nowhere, or that is unknown now."""
    from chalicelib.usecases import domain_settings  # no redirect of a link needs it

    with suppress(StoreUnavailable):
        target: str | None = getattr(domain_settings.find(domain.space, now), name)
        return target
    return None


def _form_response(
    error: ConfirmationNeeded | PasswordNeeded | PasswordWrong, visitor: Visitor, domain: Domain, code: str
) -> Response:
    """Return the page that asks visitors for something; programs get the error."""
    offered = ("text/html", *_JSON) if isinstance(error, ConfirmationNeeded) else (*_JSON, "text/html")
    if content_negotiation.best_match(visitor.accept, offered) in _JSON:
        raise error
    from chalicelib.api import pages

    address = pages.form_address(domain.url, code, visitor.path, visitor.query) if visitor.forms_have_path else ""
    if isinstance(error, ConfirmationNeeded):
        return html_response(pages.confirm(domain.url, address), _FOR_NOW, form_redirects=True)
    logs.note(error=error.code)
    return html_response(pages.password(error, domain.url, address), _FOR_NOW, error.status, form_redirects=True)


def _ended_response(ended: ShortenerError, visitor: Visitor, domain: Domain, now: datetime) -> Response:
    """Lead visitors to where ended links of the domain lead; programs get the error."""
    target = None if _is_program(visitor) else _setting_of(domain, now, "ended_url")
    if target is None:
        raise ended
    logs.note(error=ended.code)
    return text_response("", {"Location": target, **_FOR_NOW}, 302)


def _is_program(visitor: Visitor) -> bool:
    """Tell whether a visitor is shown an error, rather than led elsewhere."""
    is_form = visitor.method == "POST"
    return is_form or content_negotiation.best_match(visitor.accept, ("text/html", *_JSON)) in _JSON


def _unknown_response(unknown: LinkUnknown, visitor: Visitor, domain: Domain, now: datetime) -> Response:
    if _is_program(visitor):
        raise unknown
    target = _setting_of(domain, now, "unknown_url")
    if target is None and (domain.space or settings.unknown_code == "404"):
        raise unknown  # another domain has no page of its own to lead to
    return text_response("", {"Location": target or settings.base_url, **_FOR_NOW}, 302)


def _preview(request: Request, code: str, domain: Domain) -> Response:
    from chalicelib.api import pages
    from chalicelib.usecases import preview_link

    seen = preview_link.preview(domain.id_of(code), clock.now()).as_json()
    if content_negotiation.best_match(accept_of(request), (*_JSON, "text/html")) in _JSON:
        return json_response(seen, _FOR_NOW)
    return html_response(pages.preview(code, seen, domain.url), _FOR_NOW)
