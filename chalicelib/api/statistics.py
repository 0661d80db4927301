"""/stats, /links/{code}/stats and /links/{code}/visits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.auth import DOMAIN
from chalicelib.api.requests import accept_of, query_of
from chalicelib.api.responses import NO_STORE, add_headers, csv_response, json_response, page_response
from chalicelib.core import csv_rows
from chalicelib.core.access.caller import Caller
from chalicelib.core.domains import Domain
from chalicelib.core.http import content_negotiation
from chalicelib.core.http.pagination import PARAMETERS as PAGING
from chalicelib.core.http.pagination import Paging
from chalicelib.core.visits.period import PARAMETERS as PERIOD
from chalicelib.core.visits.period import Period
from chalicelib.settings import settings
from chalicelib.usecases import domains, find_link, read_statistics


def statistics_of_link(request: Request, code: str) -> Response:
    """Show how often a link was visited, when, from where and with what."""
    moment = clock.now()
    caller = auth.caller_of(request, "read", moment, (*DOMAIN, *PERIOD), or_manage_key=True)
    period = Period.from_query(query_of(request), moment)
    link = find_link.find(auth.link_named(request, code), caller)
    return _statistics_response(request, read_statistics.link_report(link.id, period, moment))


def statistics_of_owner(request: Request) -> Response:
    """Show the same of all of an owner's links together, and which are visited most."""
    moment = clock.now()
    caller, query = auth.caller_of(request, "read", moment, ("owner", "domain", *PERIOD)), query_of(request)
    period = Period.from_query(query, moment)
    domain = auth.domain_in(query) if "domain" in query else None
    document = read_statistics.owner_report(auth.owner_of(caller, query), period, moment, domain)
    place = domain or settings.domains.default
    others = read_statistics.no_link_totals(place.space, period, moment) if _may_see(place, caller, moment) else {}
    return _statistics_response(request, {**document, **others})


def list_visits(request: Request, code: str) -> Response:
    """List the visits of a link, the newest first."""
    caller = auth.caller_of(request, "read", clock.now(), (*DOMAIN, *PAGING), or_manage_key=True)
    link_id = find_link.find(auth.link_named(request, code), caller).id
    query = query_of(request)
    paging = Paging.from_query(query, read_statistics.cursor_reader(link_id))
    page = read_statistics.list_visits(link_id, paging)
    if page.next:
        domain = f"domain={query['domain']}&" if "domain" in query else ""
        add_headers({"Link": f'<?{domain}limit={paging.limit}&cursor={page.next}>; rel="next"'})
    return page_response(accept_of(request), read_statistics.VISIT, page.visits, page.next)


def _may_see(domain: Domain, caller: Caller, now: datetime) -> bool:
    """Tell whether ``caller`` may see what is counted for a domain and for no link of it."""
    return domains.is_usable_by(domain, caller, now) if domain.space else caller.is_admin


def _statistics_response(request: Request, document: dict[str, Any]) -> Response:
    media_type = content_negotiation.best_match(accept_of(request), ("application/json", csv_rows.MEDIA_TYPE))
    if media_type == csv_rows.MEDIA_TYPE:
        series: list[dict[str, Any]] = document["series"]
        return csv_response(list(series[0]), [list(each.values()) for each in series], NO_STORE)
    return json_response(document, NO_STORE)
