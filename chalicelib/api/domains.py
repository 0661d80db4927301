"""/domains: the domains of this service, and what they are set to."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import json_of
from chalicelib.api.responses import NO_STORE, json_response
from chalicelib.usecases import domains, policies


def list_domains(request: Request) -> Response:
    """List the domains that the caller may make links at, the default one first."""
    moment = clock.now()
    caller = auth.caller_of(request, None, moment)
    return json_response({"data": [domains.summary(each) for each in domains.usable_by(caller, moment)]}, NO_STORE)


def show_domain(request: Request, host: str) -> Response:
    """Show a domain: where it sends requests that match no link, and its files."""
    moment = clock.now()
    caller = auth.caller_of(request, "read", moment)
    return json_response(domains.see(domains.named(host, caller, moment), caller), NO_STORE)


def change_domain(request: Request, host: str) -> Response:
    """Change a domain: omitted fields are unchanged, null clears."""
    from chalicelib.core.access.domain_change import DomainChange  # no other call reads such a body

    moment = clock.now()
    caller = auth.caller_of(request, "admin", moment)
    domain = domains.named(host, caller, moment)
    domains.change(domain, DomainChange.from_json(json_of(request), domain, policies.targets()), caller, moment)
    return json_response(domains.see(domain, caller), NO_STORE)


def show_state(request: Request, host: str) -> Response:
    """Show what visitors meet at a domain: its name, its certificate, whether it leads here."""
    from chalicelib.usecases import domain_state  # no other call speaks TLS to anything but AWS

    moment = clock.now()
    caller = auth.caller_of(request, "read", moment)
    domain = domains.named(host, caller, moment)
    return json_response(domain_state.look_at(domain).as_json(domain, moment), NO_STORE)
