"""What a request to the API passes, and a redirect never does: its key, its limits, its Idempotency-Key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from chalice.app import Request

from chalicelib import authorize
from chalicelib.core import answer
from chalicelib.core.answer import Once
from chalicelib.core.caller import Caller
from chalicelib.doorway import address_of, raw_body_of, say
from chalicelib.errors import Malformed


def caller_of(request: Request, scope: str, now: datetime) -> Caller:
    """Return who calls, if they have ``scope`` and have not called too often.

    Raises:
        KeyMissing, KeyRefused, ScopeMissing, TooManyRequests, StoreUnavailable
    """
    caller = authorize.authorize(request.headers, now)
    caller.require(scope)
    say(authorize.spend(caller, 1, now))
    return caller


def caller_for_a_link(request: Request, scope: str, now: datetime) -> Caller:
    """Return the same, and who has the key to one link: whether to this one is asked where the link is found.

    Raises:
        KeyMissing, KeyRefused, ScopeMissing, TooManyRequests, StoreUnavailable
    """
    caller = authorize.authorize(request.headers, now)
    caller.require_for_a_link(scope)
    say(authorize.spend(caller, 1, now))
    return caller


def creator_of(request: Request, now: datetime, links: Callable[[], int] = lambda: 1) -> Caller:
    """Return who wants to make links, if they may: with a key, or without one where that is allowed.

    How many ``links`` is asked only of who may make any.

    Raises:
        KeyMissing, KeyRefused, ScopeMissing, TooManyRequests, StoreUnavailable
    """
    caller = authorize.authorize(request.headers, now)
    authorize.may_create(caller)
    if caller.is_anonymous and (authorize.are_counted() or "idempotency-key" in request.headers):
        caller = authorize.known_by_network(caller, address_of(request))
    say(authorize.spend(caller, links(), now))
    return caller


def once_of(request: Request, caller: Caller) -> Once | None:
    """Return what keeps this request from being done twice, if the client asks for that.

    Raises:
        Malformed: an Idempotency-Key that is none.
    """
    text = request.headers.get("idempotency-key")
    if text is None:
        return None
    if not answer.is_key(text):
        raise Malformed(f"An Idempotency-Key is 1 to {answer.MAX_KEY} visible ASCII characters, such as a UUID.")
    query = sorted((request.query_params or {}).items())
    return Once.of(caller.principal, text, f"{request.path} {query} ".encode() + raw_body_of(request))
