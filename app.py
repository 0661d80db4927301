"""The routing table: every route, queue and schedule of the service, one entry each.

Why a table and not Chalice's decorators or Blueprints: docs/decisions/0009-routing-table.md.
"""

from __future__ import annotations

from chalice.app import Cron

from chalicelib import logs, workers
from chalicelib.api import (
    abuse_reports,
    audit_log,
    domains,
    keys,
    links,
    me,
    offers,
    qr,
    redirect,
    site,
    statistics,
    transfers,
    versions,
    workspaces,
)
from chalicelib.api.application import App, Route, of_default_domain
from chalicelib.api.requests import READ
from chalicelib.api.responses import CORS

CALLS: tuple[Route, ...] = (
    ("/links", ["POST"], links.create_link),
    ("/links", READ, links.list_links),
    ("/links/bulk", ["POST"], links.create_links),
    ("/links/{code}", READ, links.show_link),
    ("/links/{code}", ["PATCH"], links.change_link),
    ("/links/{code}", ["DELETE"], links.delete_link),
    ("/links/{code}/history", READ, links.show_history),
    ("/links/{code}/stats", READ, statistics.statistics_of_link),
    ("/links/{code}/visits", READ, statistics.list_visits),
    ("/stats", READ, statistics.statistics_of_owner),
    ("/reports", READ, abuse_reports.list_reports),
    ("/keys", ["POST"], keys.issue_key),
    ("/keys", READ, keys.list_keys),
    ("/keys/{key_id}", ["DELETE"], keys.revoke_key),
    ("/imports", ["POST"], transfers.start_import),
    ("/imports/{import_id}", READ, transfers.show_import),
    ("/exports", ["POST"], transfers.start_export),
    ("/exports/{export_id}", READ, transfers.show_export),
)
"""The calls of the API that had an address before there was /v1, where they still are."""
CALLS_OF_V1: tuple[Route, ...] = (
    ("/links/{code}/qr", READ, qr.qr_code_of_link),
    ("/links/{code}/adopt", ["POST"], offers.adopt_link),
    ("/me", READ, me.show_me),
    ("/keys", ["DELETE"], keys.end_keys),
    ("/workspaces", READ, workspaces.list_workspaces),
    ("/workspaces/{workspace}", READ, workspaces.show_workspace),
    ("/workspaces/{workspace}", ["PATCH"], workspaces.change_workspace),
    ("/offers", ["POST"], offers.offer_link),
    ("/offers", READ, offers.list_offers),
    ("/offers/{code}", ["DELETE"], offers.end_offer),
    ("/offers/{code}/accept", ["POST"], offers.accept_offer),
    ("/domains", READ, domains.list_domains),
    ("/domains/{host}", READ, domains.show_domain),
    ("/domains/{host}", ["PATCH"], domains.change_domain),
    ("/domains/{host}/state", READ, domains.show_state),
    ("/audit-log", READ, audit_log.list_entries),
)
"""The calls that have no other address. New ones belong here."""

ROUTES: tuple[Route, ...] = (
    *redirect.Redirect().routes,  # the redirect's own function has them as well
    ("/{code}/qr", READ, qr.qr_code),
    ("/{code}/report", [*READ, "POST"], abuse_reports.report_link),
    ("/", READ, site.home),
    ("/assets/{file}", READ, site.asset),
    # The digest of all files is called {file}: API Gateway takes one name for a variable at one place.
    ("/assets/{file}/{name}", READ, site.asset_of_version),
    ("/healthz", READ, site.health),
    ("/robots.txt", READ, site.robots),
    ("/.well-known/assetlinks.json", READ, site.assetlinks),
    ("/.well-known/apple-app-site-association", READ, site.apple_app_site_association),
    ("/.well-known/security.txt", READ, site.security),
    ("/favicon.ico", READ, site.favicon),
    *of_default_domain(
        (
            *versions.under_v1((*CALLS, *CALLS_OF_V1)),
            *versions.without_version(CALLS),
            ("/docs", READ, site.reference),
            ("/openapi.json", READ, site.openapi),
            ("/problems/{problem}", READ, site.explain_problem),
        )
    ),
)

logs.configure()
app = App(app_name="shortener")
app.api.cors = CORS
app.add_routes(ROUTES)

# Lambda calls `app.count_clicks`, the handler's name that Chalice gives it: each handler needs its name in this module.
# Its batches and its containers are parameters of the stack: .chalice/resources.yaml, .chalice/deploy.json.
# The stream tells its shard only to an event source with a tumbling window, which Chalice cannot declare: that is in
# .chalice/resources.yaml as well, and this is a plain function.
count_rows = app.lambda_function(name="count_rows")(workers.count_rows)
count_clicks = app.on_sqs_message(queue="clicks")(workers.count_clicks)
work_on_files = app.on_sqs_message(queue="files", batch_size=1)(workers.work_on_files)
close_a_day = app.on_sqs_message(queue="night", batch_size=1)(workers.close_a_day)
# 2 AM UTC: the stream cannot bring anything of the day before yesterday any more.
close_the_days = app.schedule(Cron(0, 2, "*", "*", "?", "*"))(workers.close_the_days)
# 3 AM UTC: an hour after the days are closed.
block_links = app.schedule(Cron(0, 3, "*", "*", "?", "*"))(workers.block_links)
