"""/offers and /links/{code}/adopt: links that change their workspace."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.auth import DOMAIN
from chalicelib.api.links import link_response
from chalicelib.api.requests import client_address, json_of
from chalicelib.api.responses import NO_STORE, json_response, text_response
from chalicelib.core.access.offer import Adoption, NewOffer
from chalicelib.settings import settings
from chalicelib.usecases import authenticate, move_link


def offer_link(request: Request) -> Response:
    """Offer a link to another workspace."""
    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment)
    made = move_link.offer(NewOffer.from_json(json_of(request), settings.domains), caller, moment)
    return json_response(made.as_json(settings.domains), NO_STORE, 201)


def list_offers(request: Request) -> Response:
    """List the offers that the caller's workspace made, and those it was made."""
    moment = clock.now()
    caller = auth.caller_of(request, "read", moment)
    offers = move_link.offers_for(caller, moment)
    return json_response({"data": [each.as_json(settings.domains) for each in offers]}, NO_STORE)


def accept_offer(request: Request, code: str) -> Response:
    """Move a link on offer into the caller's workspace."""
    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment, DOMAIN)
    return link_response(move_link.accept(auth.link_named(request, code), caller, moment), moment)


def end_offer(request: Request, code: str) -> Response:
    """Withdraw or decline an offer."""
    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment, DOMAIN)
    move_link.end_offer(auth.link_named(request, code), caller, moment)
    return text_response("", {}, 204)


def adopt_link(request: Request, code: str) -> Response:
    """Move a link that was made without an API key into the caller's workspace, by its manage key."""
    moment = clock.now()
    caller = auth.caller_of(request, "manage", moment, DOMAIN)
    text = Adoption.from_json(json_of(request)).manage_key
    holder = authenticate.with_manage_key(text, client_address(request.to_original_event()), moment)
    return link_response(move_link.adopt(auth.link_named(request, code), holder, caller, moment), moment)
