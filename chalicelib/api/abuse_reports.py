"""/{code}/report, the form with which visitors report a link, and /reports, the list for administrators."""

from __future__ import annotations

from typing import Any

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import client_address, domain_of, form_of
from chalicelib.api.responses import NO_STORE, html_response, json_response
from chalicelib.aws.dynamodb import abuse_report_store
from chalicelib.core.domains import code_of
from chalicelib.core.links import codes
from chalicelib.core.visits.visitor import is_cross_site
from chalicelib.settings import settings
from chalicelib.usecases import follow_link


def report_link(request: Request, code: str) -> Response:
    """Show the form for reporting a link, or accept it."""
    from chalicelib.api import pages
    from chalicelib.core.abuse_report import AbuseReport
    from chalicelib.usecases.report_abuse import submit_report

    codes.refuse_reserved(code)
    moment, headers = clock.now(), {**NO_STORE, "X-Robots-Tag": "noindex"}
    domain = domain_of(request.to_original_event())
    link_id = domain.id_of(code)
    short_url = follow_link.find(link_id, moment).short_url(settings.domains)
    if request.method != "POST" or is_cross_site(request.headers):
        return html_response(pages.report(short_url, "", domain.url), headers)
    report = AbuseReport.from_form(link_id, form_of(request))
    if isinstance(report, str):
        return html_response(pages.report(short_url, report, domain.url), headers, 422)
    submit_report(report, client_address(request.to_original_event()), moment)
    thanks = "The operator of this service will check the link."
    return html_response(pages.message("Thank you", thanks, domain.url), headers)


def list_reports(request: Request) -> Response:
    """List the latest hundred reports of visitors."""
    auth.caller_of(request, "admin", clock.now())
    return json_response({"data": [_with_domain(each) for each in abuse_report_store.latest()]}, NO_STORE)


def _with_domain(report: dict[str, Any]) -> dict[str, Any]:
    link_id = report.pop("link_id")
    return {"at": report.pop("at"), "code": code_of(link_id), "domain": settings.domains.of(link_id).host, **report}
