"""Every door of the URL shortener: a table of contents, the redirect first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalice.app import CloudWatchEvent, Cron, Response, SQSEvent

from chalicelib import block, change_link, find_link, follow, gate, issue_key, logs, report
from chalicelib.aws import key_table, link_table, report_table
from chalicelib.close_days import close_days
from chalicelib.core import accept, csv_rows, json_body, problems, times
from chalicelib.core.caller import Caller
from chalicelib.core.change import Change
from chalicelib.core.key import NewKey, is_owner
from chalicelib.core.link import Link
from chalicelib.core.new_link import AnonymousRules, NewLink
from chalicelib.core.paging import Paging
from chalicelib.core.period import Period
from chalicelib.core.target_url import TargetPolicy
from chalicelib.doorway import (
    CORS,
    NOT_KEPT,
    App,
    address_of,
    as_bytes,
    as_csv,
    as_html,
    as_json,
    body_of,
    form_of,
    has_seconds,
    job,
    now,
    query_of,
    raw_body_of,
    reply,
)
from chalicelib.errors import FieldError, PageUnknown, QueryInvalid, StoreUnavailable, public_errors
from chalicelib.list_links import Filter, opener, page_of
from chalicelib.redirect_door import ANY_TYPE, READ, open_for_visitors
from chalicelib.settings import settings
from chalicelib.shorten import shorten, visits_of
from chalicelib.shorten_many import rows_in, shorten_many, try_many

if TYPE_CHECKING:  # only what works on files needs it at run time
    from chalicelib.core.work import StoredFile

logs.configure()
app = App(app_name="shortener", configure_logs=False)
app.api.cors = CORS
app.api.binary_types = []  # every answer is text; matching the sixteen default types took a quarter of a redirect


open_for_visitors(app)  # GET and HEAD /{code}: the redirect, which is also a function of its own


@app.route("/links", methods=["POST"], content_types=ANY_TYPE)
def create() -> Response:
    """Shorten a URL."""
    moment = now()
    caller = gate.creator_of(app.request, moment)
    wanted = NewLink.from_json(body_of(app.request), _targets(), moment, _rules_for(caller))
    answer = shorten(wanted, caller, moment, gate.once_of(app.request, caller))
    logs.note(code=answer.document["code"])
    short_url = answer.document["shortUrl"]
    headers = {"Location": short_url, **({"Idempotency-Replayed": "true"} if answer.is_replayed else {})}
    if accept.best_of(app.wish, ("application/json", "text/plain")) == "text/plain":
        return reply(short_url, {"Content-Type": "text/plain; charset=utf-8", **headers}, answer.status)
    return as_json(answer.document, {"ETag": answer.etag, **headers}, answer.status)


@app.route("/links", methods=READ, content_types=ANY_TYPE)
def list_links() -> Response:
    """List the caller's links, the newest first."""
    caller, query = gate.caller_of(app.request, "read", now()), query_of(app.request)
    owner = _owner_asked_for(caller, query)
    wanted = Paging.from_query(query, opener(owner))
    page = page_of(owner, wanted, Filter(query.get("tag"), query.get("q")))
    return as_json({"data": page.links, "next": page.next}, NOT_KEPT)


@app.route("/links/bulk", methods=["POST"], content_types=ANY_TYPE)
def create_many() -> Response:
    """Shorten up to a hundred URLs; each is made, or says why not."""
    moment = now()
    rows: list[Any] = []

    def count() -> int:
        rows.extend(rows_in(body_of(app.request, json_body.MAX_BULK_BYTES)))
        return len(rows)

    caller = gate.creator_of(app.request, moment, count)

    def read(row: dict[str, Any]) -> NewLink:
        return NewLink.from_json(row, _targets(), moment, _rules_for(caller))

    if _is_on("dryRun", query_of(app.request)):
        outcome = try_many(rows, read, caller, moment)
    else:
        has_time = has_seconds(3, app.lambda_context)
        outcome = shorten_many(rows, read, caller, moment, gate.once_of(app.request, caller), has_time)
    return as_json({"data": outcome.rows}, {"Idempotency-Replayed": "true"} if outcome.is_replayed else {})


@app.route("/links/{code}", methods=READ, content_types=ANY_TYPE)
def show(code: str) -> Response:
    """Show a link."""
    link = find_link.find(code, gate.caller_for_a_link(app.request, "read", now()))
    return _shown(link)


@app.route("/links/{code}", methods=["PATCH"], content_types=ANY_TYPE)
def change(code: str) -> Response:
    """Change a link: what is absent stays, null clears."""
    moment = now()
    caller = gate.caller_for_a_link(app.request, "manage", moment)
    wanted = Change.from_json(body_of(app.request), _targets(), moment)
    return _shown(change_link.change(code, wanted, caller, app.request.headers.get("if-match"), moment))


@app.route("/links/{code}", methods=["DELETE"], content_types=ANY_TYPE)
def remove(code: str) -> Response:
    """Take a link away; its code is never given out again."""
    moment = now()
    caller = gate.caller_for_a_link(app.request, "manage", moment)
    change_link.remove(code, caller, app.request.headers.get("if-match"), moment)
    return reply("", {}, 204)


@app.route("/links/{code}/history", methods=READ, content_types=ANY_TYPE)
def history(code: str) -> Response:
    """Show what became of a link: who changed what, and when."""
    caller = gate.caller_for_a_link(app.request, "read", now())
    return as_json({"data": change_link.history(code, caller)}, NOT_KEPT)


@app.route("/links/{code}/stats", methods=READ, content_types=ANY_TYPE)
def link_stats(code: str) -> Response:
    """Show how often a link was visited, when, from where and with what."""
    moment = now()
    caller, period = (
        gate.caller_for_a_link(app.request, "read", moment),
        Period.from_query(query_of(app.request), moment),
    )
    return _statistics(report.of_link(find_link.find(code, caller).code, period))


@app.route("/links/{code}/visits", methods=READ, content_types=ANY_TYPE)
def visits(code: str) -> Response:
    """List the visits of a link, the newest first."""
    caller = gate.caller_for_a_link(app.request, "read", now())
    wanted = Paging.from_query(query_of(app.request), report.entry_in)
    page = report.visits(find_link.find(code, caller).code, wanted)
    headers = {**NOT_KEPT, **({"Link": f'<?limit={wanted.limit}&cursor={page.next}>; rel="next"'} if page.next else {})}
    match accept.best_of(app.wish, ("application/json", csv_rows.MEDIA_TYPE, "application/x-ndjson")):
        case csv_rows.MEDIA_TYPE:
            return as_csv(report.VISIT, [list(visit.values()) for visit in page.visits], headers)
        case "application/x-ndjson":
            lines = "".join(f"{json.dumps(visit)}\n" for visit in page.visits)
            return reply(lines, {"Content-Type": "application/x-ndjson", **headers})
    return as_json({"data": page.visits, "next": page.next}, headers)


@app.route("/{code}/qr", methods=READ, content_types=ANY_TYPE)
def qr_code(code: str) -> Response:
    """Draw a short link as a QR code."""
    from chalicelib.core import qr

    text = follow.find(code, now()).short_url(settings.base_url)
    drawing = qr.Drawing.from_query(query_of(app.request))
    headers = {"Cache-Control": "public, max-age=86400", "X-Robots-Tag": "noindex", "Vary": "Accept"}
    if accept.first_of(app.wish) == qr.PNG:
        return as_bytes(drawing.png(text), {"Content-Type": qr.PNG, **headers})
    return reply(drawing.svg(text), {"Content-Type": "image/svg+xml", **headers})


@app.route("/{code}/report", methods=[*READ, "POST"], content_types=ANY_TYPE)
def report_link(code: str) -> Response:
    """Let a visitor report a link."""
    from chalicelib.complain import complain
    from chalicelib.core import pages
    from chalicelib.core.complaint import Complaint

    moment, headers = now(), {**NOT_KEPT, "X-Robots-Tag": "noindex"}
    short_url = follow.find(code, moment).short_url(settings.base_url)
    if app.request.method != "POST":
        return as_html(pages.report(short_url, "", settings.base_url), headers)
    complaint = Complaint.from_form(code, form_of(app.request))
    if isinstance(complaint, str):
        return as_html(pages.report(short_url, complaint, settings.base_url), headers, 422)
    complain(complaint, address_of(app.request), moment)
    thanks = "Whoever runs this service will look at the link."
    return as_html(pages.message("Thank you", thanks, settings.base_url), headers)


@app.route("/reports", methods=READ, content_types=ANY_TYPE)
def reports() -> Response:
    """List what visitors reported, the latest hundred."""
    gate.caller_of(app.request, "admin", now())
    return as_json({"data": report_table.latest()}, NOT_KEPT)


@app.route("/stats", methods=READ, content_types=ANY_TYPE)
def all_stats() -> Response:
    """Show the same of all of the caller's links together, and which are visited most."""
    moment = now()
    caller, query = gate.caller_of(app.request, "read", moment), query_of(app.request)
    period = Period.from_query(query, moment)
    document = report.of_owner(_owner_asked_for(caller, query), period)
    return _statistics({**document, **({"unknownCodes": report.of_unknown_codes(period)} if caller.is_admin else {})})


@app.route("/keys", methods=["POST"], content_types=ANY_TYPE)
def make_key() -> Response:
    """Make an API key; its text is shown now and never again."""
    moment = now()
    gate.caller_of(app.request, "admin", moment)
    key, text = issue_key.issue(NewKey.from_json(body_of(app.request), moment), moment)
    return as_json({**key.as_json(), "key": text}, NOT_KEPT, 201)


@app.route("/keys", methods=READ, content_types=ANY_TYPE)
def list_keys() -> Response:
    """List all keys, without their texts."""
    gate.caller_of(app.request, "admin", now())
    return as_json({"data": [key.as_json() for key in key_table.all_keys()]}, NOT_KEPT)


@app.route("/keys/{key_id}", methods=["DELETE"], content_types=ANY_TYPE)
def revoke_key(key_id: str) -> Response:
    """Revoke a key; it is dead everywhere within a minute."""
    moment = now()
    gate.caller_of(app.request, "admin", moment)
    issue_key.revoke(key_id, moment)
    return reply("", {}, 204)


@app.route("/imports", methods=["POST"], content_types=ANY_TYPE)
def start_import() -> Response:
    """Take a file of links: answer with where to send it."""
    from chalicelib import transfers
    from chalicelib.core.transfer import NewImport

    moment = now()
    caller = gate.caller_of(app.request, "create", moment)
    return as_json(transfers.ask_for_import(NewImport.from_json(_wish()), caller, moment), NOT_KEPT, 201)


@app.route("/imports/{import_id}", methods=READ, content_types=ANY_TYPE)
def show_import(import_id: str) -> Response:
    """Show how far an import is."""
    from chalicelib import transfers

    moment = now()
    caller = gate.caller_of(app.request, "create", moment)
    return as_json(transfers.see_import(import_id, caller, moment), NOT_KEPT)


@app.route("/exports", methods=["POST"], content_types=ANY_TYPE)
def start_export() -> Response:
    """Let the caller's links become a file; it has digests of passwords in it, so reading is not enough."""
    from chalicelib import transfers
    from chalicelib.core.transfer import NewExport

    moment = now()
    caller = gate.caller_of(app.request, "manage", moment)
    return as_json(transfers.ask_for_export(NewExport.from_json(_wish()), caller, moment), NOT_KEPT, 202)


@app.route("/exports/{export_id}", methods=READ, content_types=ANY_TYPE)
def show_export(export_id: str) -> Response:
    """Show how far an export is, and where its file can be fetched."""
    from chalicelib import transfers

    moment = now()
    caller = gate.caller_of(app.request, "manage", moment)
    return as_json(transfers.see_export(export_id, caller, moment), NOT_KEPT)


@app.on_sqs_message(queue="clicks", batch_size=100, maximum_batching_window_in_seconds=20, maximum_concurrency=4)
def count_clicks(event: SQSEvent) -> dict[str, Any]:
    """Count the clicks that redirects have queued."""
    from chalicelib.record_clicks import Message, record

    if not settings.partial_batch:
        raise RuntimeError("PARTIAL_BATCH is off: the queue would delete clicks that could not be counted.")
    with job("count_clicks"):
        messages = [Message(each.to_dict()["messageId"], each.body) for each in event]
        recorded = record(messages, now(), has_seconds(25, event.context))
        logs.note(
            counted=recorded.counted, known=recorded.known, setAside=recorded.set_aside, failed=len(recorded.failed)
        )
    return {"batchItemFailures": [{"itemIdentifier": each} for each in recorded.failed]}


@app.on_sqs_message(queue="files", batch_size=1, maximum_concurrency=2)
def work_on_files(event: SQSEvent) -> None:
    """Make links of a file that has come into storage, or go on with it; write the file that was asked for."""
    from chalicelib.core.work import Work

    for message in event:
        work = Work.from_message(message.body)
        for file in work.files:
            with job("import_links"), _again_soon(message):
                _import(file, has_seconds(20, event.context), is_last=_is_last(message))
        for export_id in work.exports:
            with job("export_links"), _again_soon(message):
                _export(export_id, has_seconds(30, event.context), is_last=_is_last(message))


@app.schedule(Cron(0, 2, "*", "*", "?", "*"))  # 2 AM UTC: two hours for the last clicks of the day to arrive
def close_the_days(event: CloudWatchEvent) -> None:
    """Count the days that are over once more, and close them."""
    with job("close_the_days"):
        night = close_days(now(), has_seconds(30, event.context))
        logs.note(days=night.days, CountDrift=night.drift, leftOpen=night.left_open)
        if night.left_open:  # Lambda starts a failed night twice more, and an alarm tells
            raise RuntimeError(f"{night.left_open} days are still open; the next run goes on with them.")


@app.schedule(Cron(0, 3, "*", "*", "?", "*"))  # 3 AM UTC: an hour after the days are closed
def block_links(event: CloudWatchEvent) -> None:
    """Stop links to hosts that were blocked after they were made, and let go those to hosts that are not any more."""
    with job("block_links"):
        swept = block.sweep(now(), has_seconds(30, event.context))
        logs.note(lookedAt=swept.looked_at, stopped=swept.stopped, letGo=swept.let_go)
        if not swept.is_whole:  # Lambda starts a failed night twice more, and an alarm tells
            raise RuntimeError("Not all links could be looked at in time.")


@app.route("/", methods=READ, content_types=ANY_TYPE)
def home() -> Response:
    """Show the page."""
    from chalicelib.aws import file_links
    from chalicelib.core import pages

    files = file_links.origin()
    return as_html(pages.home(settings.base_url, files), {"Cache-Control": "public, max-age=300"}, asks=files)


@app.route("/assets/{file}", methods=READ, content_types=ANY_TYPE)
def asset(file: str) -> Response:
    """Serve what the pages are made of."""
    from chalicelib.core import pages

    if file not in pages.ASSETS:
        raise PageUnknown(f"There is no file {file[:64]!r} here.")
    return reply(pages.text_of(file), {"Content-Type": pages.ASSETS[file], "Cache-Control": "public, max-age=300"})


@app.route("/healthz", methods=READ, content_types=ANY_TYPE)
def health() -> Response:
    """Say whether the table answers."""
    works = link_table.answers()
    check = {"status": "pass" if works else "fail", "time": times.to_text(now())}
    document = {"status": check["status"], "checks": {"links:read": [{"componentType": "datastore", **check}]}}
    headers = {"Content-Type": "application/health+json", "Cache-Control": "no-store"}
    return as_json(document, headers, 200 if works else 503)


@app.route("/robots.txt", methods=READ, content_types=ANY_TYPE)
def robots() -> Response:
    """Let robots in: redirects say noindex themselves, and a robot that is shut out never reads that."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "public, max-age=86400"}
    return reply("User-agent: *\nAllow: /\n", headers)


@app.route("/favicon.ico", methods=READ, content_types=ANY_TYPE)
def favicon() -> Response:
    """Serve the icon."""
    from chalicelib.core import pages

    headers = {"Content-Type": pages.ASSETS["icon.svg"], "Cache-Control": "public, max-age=86400"}
    return reply(pages.text_of("icon.svg"), headers)


@app.route("/openapi.json", methods=READ, content_types=ANY_TYPE)
def openapi() -> Response:
    """Describe this API."""
    from chalicelib.core import pages

    return as_json(pages.openapi(settings.base_url), {"Cache-Control": "public, max-age=300"})


@app.route("/problems/{problem}", methods=READ, content_types=ANY_TYPE)
def explain(problem: str) -> Response:
    """Say what an error means."""
    from chalicelib.core import pages

    error = public_errors().get(problem)
    if error is None:
        raise PageUnknown(f"There is no error called {problem[:64]!r}.")
    if accept.best_of(app.wish, ("text/html", "application/json")) == "application/json":
        return as_json(problems.explanation(error), {"Cache-Control": "public, max-age=300"})
    return as_html(pages.meaning(error, settings.base_url), {"Cache-Control": "public, max-age=300"})


def _shown(link: Link) -> Response:
    document = link.as_json(settings.base_url, visits_of(link))
    return as_json(document, {"ETag": link.etag, **NOT_KEPT})


def _import(file: StoredFile, has_time: Callable[[], bool], *, is_last: bool) -> None:
    from chalicelib.import_links import give_up, import_file

    if is_last:
        give_up(file, now())
    done = import_file(file, _targets(), now(), has_time)
    if done is not None:
        logs.note(importId=done.id, state=done.state, format=done.format, rows=done.rows, total=done.total)


def _export(export_id: str, has_time: Callable[[], bool], *, is_last: bool) -> None:
    from chalicelib.export_links import export_links, give_up

    if is_last:
        give_up(export_id)
    done = export_links(export_id, now(), has_time)
    if done is not None:
        logs.note(exportId=done.id, state=done.state, links=done.links)


def _tries_of(message: Any) -> int:
    return int(message.to_dict()["attributes"]["ApproximateReceiveCount"])


def _is_last(message: Any) -> bool:
    """Tell whether a message is delivered for the last time: said before the work, for who is killed says nothing."""
    from chalicelib.aws import work_queue

    return _tries_of(message) >= work_queue.TRIES


@contextmanager
def _again_soon(message: Any) -> Iterator[None]:
    """Let a message come again soon whose work fails because AWS does; what is killed comes again in half an hour."""
    try:
        yield
    except StoreUnavailable:
        from chalicelib.aws import work_queue

        work_queue.come_again_soon(message.receipt_handle, _tries_of(message))
        raise


def _wish() -> dict[str, Any]:
    """Return the body of a request that may do without one."""
    return body_of(app.request) if raw_body_of(app.request) else {}


def _owner_asked_for(caller: Caller, query: dict[str, str]) -> str:
    own = caller.owner or ""
    owner = query.get("owner", own)
    if owner != own:
        caller.require("admin")
    if not is_owner(owner):
        raise QueryInvalid([FieldError("owner", "invalid", "An owner is 1 to 64 letters, digits and . _ @ -.")])
    return owner


def _is_on(name: str, query: dict[str, str]) -> bool:
    if query.get(name, "false") not in {"true", "false"}:
        raise QueryInvalid([FieldError(name, "invalid", f"{name} is true or false.")])
    return query.get(name) == "true"


def _rules_for(caller: Caller) -> AnonymousRules | None:
    return None if caller.owner else change_link.anonymous_rules()


def _statistics(document: dict[str, Any]) -> Response:
    if accept.best_of(app.wish, ("application/json", csv_rows.MEDIA_TYPE)) == csv_rows.MEDIA_TYPE:
        series: list[dict[str, Any]] = document["series"]
        return as_csv(list(series[0]), [list(each.values()) for each in series], NOT_KEPT)
    return as_json(document, NOT_KEPT)


def _targets() -> TargetPolicy:
    return TargetPolicy(settings.own_hosts, any_host=settings.target_hosts == "any")
