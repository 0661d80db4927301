"""/stats, /links/{code}/stats and /links/{code}/visits."""

from __future__ import annotations

from typing import Any

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import accept_of, query_of
from chalicelib.api.responses import NO_STORE, add_headers, csv_response, json_response, page_response
from chalicelib.core import csv_rows
from chalicelib.core.http import content_negotiation
from chalicelib.core.http.pagination import PARAMETERS as PAGING
from chalicelib.core.http.pagination import Paging
from chalicelib.core.visits.period import PARAMETERS as PERIOD
from chalicelib.core.visits.period import Period
from chalicelib.usecases import find_link, read_statistics


def statistics_of_link(request: Request, code: str) -> Response:
    """Show how often a link was visited, when, from where and with what."""
    moment = clock.now()
    caller = auth.caller_of(request, "read", moment, PERIOD, or_manage_key=True)
    period = Period.from_query(query_of(request), moment)
    return _statistics_response(request, read_statistics.link_report(find_link.find(code, caller).code, period, moment))


def statistics_of_owner(request: Request) -> Response:
    """Show the same of all of an owner's links together, and which are visited most."""
    moment = clock.now()
    caller, query = auth.caller_of(request, "read", moment, ("owner", *PERIOD)), query_of(request)
    period = Period.from_query(query, moment)
    document = read_statistics.owner_report(auth.owner_of(caller, query), period, moment)
    unknown_codes = {"unknownCodes": read_statistics.unknown_code_totals(period, moment)} if caller.is_admin else {}
    return _statistics_response(request, {**document, **unknown_codes})


def list_visits(request: Request, code: str) -> Response:
    """List the visits of a link, the newest first."""
    caller = auth.caller_of(request, "read", clock.now(), PAGING, or_manage_key=True)
    code = find_link.find(code, caller).code  # the caller may have named its externalId
    paging = Paging.from_query(query_of(request), read_statistics.cursor_reader(code))
    page = read_statistics.list_visits(code, paging)
    if page.next:
        add_headers({"Link": f'<?limit={paging.limit}&cursor={page.next}>; rel="next"'})
    return page_response(accept_of(request), read_statistics.VISIT, page.visits, page.next)


def _statistics_response(request: Request, document: dict[str, Any]) -> Response:
    media_type = content_negotiation.best_match(accept_of(request), ("application/json", csv_rows.MEDIA_TYPE))
    if media_type == csv_rows.MEDIA_TYPE:
        series: list[dict[str, Any]] = document["series"]
        return csv_response(list(series[0]), [list(each.values()) for each in series], NO_STORE)
    return json_response(document, NO_STORE)
