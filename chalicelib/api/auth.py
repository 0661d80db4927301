"""Checks of API requests, none of which a redirect has: API key, rate limit, query parameters, Idempotency-Key."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chalice.app import Request

from chalicelib.api.requests import client_address, query_of, raw_body
from chalicelib.api.responses import add_headers
from chalicelib.api.versions import path_in_version
from chalicelib.core import limits
from chalicelib.core.access.api_key import is_owner
from chalicelib.core.access.caller import Caller
from chalicelib.core.domains import Domain
from chalicelib.core.http import idempotency
from chalicelib.core.http.idempotency import IdempotentRequest
from chalicelib.core.limits import Window
from chalicelib.core.validation import near_name
from chalicelib.errors import MOST_ERRORS, FieldError, Malformed, QueryInvalid
from chalicelib.settings import settings
from chalicelib.usecases import limit_calls, policies
from chalicelib.usecases.authenticate import authenticate, known_by_network
from chalicelib.usecases.find_link import LinkName

DOMAIN = ("domain",)
"""The parameter of calls about one link: the domain that its code is in."""


def caller_of(
    request: Request, scope: str | None, now: datetime, parameters: Sequence[str] = (), *, or_manage_key: bool = False
) -> Caller:
    """Authenticate a request, require ``scope``, count the call and check the query, which may have ``parameters``.

    ``scope`` None: any API key will do. ``or_manage_key``: a manage key is accepted instead of the scope; ``find_link``
    checks that it belongs to the link.

    Raises:
        KeyMissing, KeyRefused, ScopeMissing, TooManyRequests, StoreUnavailable
        QueryInvalid: an unknown or repeated parameter.
    """
    return counted_caller_of(request, scope, now, parameters, or_manage_key=or_manage_key)[0]


def counted_caller_of(
    request: Request, scope: str | None, now: datetime, parameters: Sequence[str] = (), *, or_manage_key: bool = False
) -> tuple[Caller, Mapping[Window, int]]:
    """Return the same, and how much of each of its limits the caller has spent."""
    caller = authenticate(request.headers, client_address(request.to_original_event()), now)
    caller.require(scope, or_manage_key=or_manage_key)
    spent = limit_calls.count_call(caller, 1, now)
    add_headers(limits.headers(spent, now))
    check_query(request, parameters)
    return caller, spent


def creator_of(
    request: Request, now: datetime, links: Callable[[], int] = lambda: 1, parameters: Sequence[str] = ()
) -> Caller:
    """Authenticate a request that creates links, with a key or, where that is allowed, without one.

    ``links`` returns how many it creates; it is called only for callers that may create links.

    Raises:
        KeyMissing, KeyRefused, ScopeMissing, TooManyRequests, StoreUnavailable, QueryInvalid
    """
    address = client_address(request.to_original_event())
    caller = authenticate(request.headers, address, now)
    policies.require_create(caller)
    if caller.is_anonymous and (limit_calls.limits_anonymous() or "idempotency-key" in request.headers):
        caller = known_by_network(caller, address)
    check_query(request, parameters)  # first: a misspelt dryRun must not count against the limit
    add_headers(limits.headers(limit_calls.count_call(caller, links(), now), now))
    return caller


def domain_in(query: Mapping[str, str]) -> Domain:
    """Return the domain that a query names, or the default one.

    Raises:
        QueryInvalid: no links are there.
    """
    text = query.get("domain")
    domain = settings.domains.default if text is None else settings.domains.called(text)
    if domain is None:
        message = f"No links are at {(text or '')[:64]!r}; GET /v1/domains lists the domains."
        raise QueryInvalid([FieldError("domain", "unknown", message)])
    return domain


def link_named(request: Request, code: str) -> LinkName:
    """Return the name of the link that a request is about: ``code`` in its path, and the domain in its query.

    Raises:
        QueryInvalid
    """
    return LinkName(code, domain_in(query_of(request)))


def owner_of(caller: Caller, query: Mapping[str, str]) -> str:
    """Return the owner whose links a request is about: ``owner`` in its query, or the caller.

    Raises:
        KeyMissing, ScopeMissing: another owner's links are for administrators.
        QueryInvalid: ``owner`` is not a valid name.
    """
    own = caller.workspace or ""
    owner = query.get("owner", own)
    if owner != own:
        caller.require("admin")
    if not is_owner(owner):
        raise QueryInvalid([FieldError("owner", "invalid", "An owner is 1 to 64 letters, digits and . _ @ -.")])
    return owner


def once_of(request: Request, caller: Caller) -> IdempotentRequest | None:
    """Return the request's Idempotency-Key with a digest of the request, or None without that header.

    Raises:
        Malformed: the Idempotency-Key is invalid.
    """
    text = request.headers.get("idempotency-key")
    if text is None:
        return None
    if not idempotency.is_key(text):
        raise Malformed(f"An Idempotency-Key is 1 to {idempotency.MAX_KEY} visible ASCII characters, such as a UUID.")
    head = f"{path_in_version(request)} {sorted((request.query_params or {}).items())} "
    return IdempotentRequest.from_key(caller.principal, text, head.encode() + raw_body(request))


def check_query(request: Request, parameters: Sequence[str]) -> None:
    """Refuse unknown and repeated parameters: a client that misspells one would get data it did not ask for."""
    given: Any = request.query_params or {}
    there = f"there are {', '.join(parameters)}" if parameters else "there are none"
    wrong = [
        FieldError(
            name[:64], "unknown-field", f"There is no {name[:64]!r} here; {there}.{near_name(name[:64], parameters)}"
        )
        for name in itertools.islice((each for each in given if each not in parameters), MOST_ERRORS + 1)
    ]
    wrong += [
        FieldError(name, "conflict", f"{name} is given twice.")
        for name in parameters
        if name in given and len(given.getlist(name)) > 1
    ]
    if wrong:
        raise QueryInvalid(wrong)
