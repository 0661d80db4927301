"""From a visit to the statistics: what is queued, counted and shown, and what never leaves the process."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, NoReturn

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from chalice.local import LambdaContext
from chalice.test import Client

import app as routes
from chalicelib import clock, redirect_lambda, workers
from chalicelib.aws import clients
from chalicelib.aws.dynamodb import click_store, link_store, row_store
from chalicelib.aws.sqs import click_queue, night_queue
from chalicelib.core.links.link import Link
from chalicelib.core.visits.click import Click
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import close_days, identify_visitor, track_visit
from chalicelib.usecases.track_visit import Visit
from tests import rows
from tests.callers import Keyed
from tests.faults import table_down

ADDRESS = "203.0.113.77"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
def sale(ann: Keyed) -> Keyed:
    """A client of the owner of a link called sale."""
    link_store.add(Link(id="sale", url="https://example.com/", created_at=datetime.now(UTC), owner="ann"), "made")
    return ann


def queued() -> list[dict[str, Any]]:
    """Take all new clicks, as messages: those that have rows, and those in the queue."""
    sqs, clicks = boto3.client("sqs"), [click.as_message() for click in rows.take()]
    while messages := sqs.receive_message(QueueUrl=settings.clicks_queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            clicks.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=settings.clicks_queue_url, ReceiptHandle=message["ReceiptHandle"])
    return clicks


def count(clicks: list[dict[str, Any]]) -> dict[str, Any]:
    """Run the function of the queue on ``clicks``, and that of the stream on all rows that are new to it."""
    with Client(routes.app) as client:
        event = client.events.generate_sqs_event([json.dumps(click) for click in clicks], queue_name="clicks")
        for number, record in enumerate(event["Records"]):
            record["messageId"] = f"message-{number}"
    answer: dict[str, Any] = routes.app.handler_map["count_clicks"](
        event, LambdaContext("function", 512, max_runtime_ms=60_000)
    )
    rows.count_rows()
    return answer


def visit(
    path: str = "/sale", method: str = "GET", request_id: object = "c6af9ac6-7b61-11e6", **headers: str
) -> dict[str, Any]:
    """Visit a path from ADDRESS, as API Gateway reports it."""
    event = {
        "requestContext": {
            "httpMethod": method,
            "resourcePath": "/{code}",
            "requestId": request_id,
            "identity": {"sourceIp": ADDRESS},
        },
        "headers": {
            "User-Agent": FIREFOX,
            "Accept": "text/html,*/*;q=0.8",
            "X-Forwarded-For": f"{ADDRESS}, 198.51.100.1",
        }
        | {name.replace("_", "-"): value for name, value in headers.items()},
        "pathParameters": {"code": path[1:]},
        "multiValueQueryStringParameters": None,
        "body": None,
        "stageVariables": None,
    }
    answer: dict[str, Any] = routes.app(event, None)
    return answer


@pytest.mark.usefixtures("sale")
def test_visit_has_a_row(one_moment: datetime) -> None:
    """With the id of the request, and the visitor as a hash; what it is as a row travels with it."""
    visit(Referer="https://news.example/", Accept_Language="pt")

    (click,) = queued()
    assert click.pop("at").startswith(one_moment.date().isoformat())
    assert len(click.pop("visitor")) == 24
    assert click.pop("expiresAt") == int((one_moment + timedelta(days=90)).timestamp())
    assert click == {
        "v": 1,
        "id": "c6af9ac6-7b61-11e6",
        "code": "sale",
        "owner": "ann",
        "method": "GET",
        "agent": FIREFOX,
        "referrer": "news.example",
        "language": "pt",
        "requestedAs": "page",
        "slot": 0,
    }


@pytest.mark.usefixtures("sale")
def test_head_is_not_a_click() -> None:
    """Link checkers send it; they are not visitors."""
    assert visit(method="HEAD")["statusCode"] == 302

    assert queued() == []


@pytest.mark.usefixtures("aws")
def test_expired_link_is_not_visited() -> None:
    """A visitor who gets 410 has not been anywhere."""
    link_store.add(Link(id="over", url="https://example.com/", expires_at=datetime(2020, 1, 1, tzinfo=UTC)), "made")

    assert visit("/over")["statusCode"] == 410
    assert queued() == []


@pytest.mark.parametrize(("path", "codes"), [("/nobody", ["?unknown"]), ("/wp-login.php", []), ("/.env", [])])
@pytest.mark.usefixtures("aws")
def test_unknown_code_counts_for_no_link(path: str, codes: list[str]) -> None:
    """A possible code counts as unknown; anything else is a scanner's, and is not counted."""
    visit(path)

    assert [click["code"] for click in queued()] == codes


@pytest.mark.usefixtures("sale")
def test_do_not_track_keeps_only_the_count() -> None:
    """No visitor, no referrer, no language."""
    visit(Referer="https://news.example/", Accept_Language="pt", Sec_GPC="1")

    (click,) = queued()
    assert not {"visitor", "referrer", "language"} & click.keys()


@pytest.mark.usefixtures("sale")
def test_visitor_has_one_hash_a_day() -> None:
    """All containers share the salt of the day."""
    visit()
    identify_visitor.reset()
    visit()
    visit(User_Agent="Another/1.0")

    first, again, other = (click["visitor"] for click in queued())
    assert first == again != other


@pytest.mark.parametrize("chosen", ["a#b", "", "x" * 129, None, 7])
@pytest.mark.usefixtures("sale")
def test_unusable_request_id_is_replaced(chosen: object) -> None:
    """API Gateway lets clients choose it; an id that cannot be part of a key is replaced."""
    visit(request_id=chosen)

    (click,) = queued()
    assert click["id"] != chosen
    assert len(click["id"]) == 32


def test_visits_appear_in_the_link_and_its_statistics(sale: Keyed, one_moment: datetime) -> None:
    """People, programs and prefetches are counted separately."""
    visit(request_id="1")
    visit(request_id="2", User_Agent="curl/8.0")
    visit(request_id="3", Sec_Purpose="prefetch")
    clicks = queued()

    assert count(clicks) == {"batchItemFailures": []}

    assert sale.get("/links/sale").json_body["visits"] == {"total": 3, "humans": 1, "bots": 1, "prefetches": 1}
    report = sale.get("/links/sale/stats").json_body
    assert report["total"] == {"visits": 3, "humans": 1, "bots": 1, "prefetches": 1, "visitors": None}
    today = one_moment.date().isoformat()
    assert (report["series"][-1]["at"], report["series"][-1]["visits"], len(report["series"])) == (today, 3, 30)
    assert report["browsers"] == [{"name": "Firefox", "visits": 1}]
    everything = sale.get("/stats").json_body
    assert everything["links"] == [{"name": "sale", "domain": "sho.rt", "visits": 3, "moved": False}]


def test_redelivered_batch_counts_once(sale: Keyed) -> None:
    """The queue delivers at least once."""
    visit()
    clicks = queued()

    count(clicks * 3)
    count(clicks)

    assert sale.get("/links/sale").json_body["visits"]["total"] == 1


@pytest.mark.usefixtures("sale")
def test_click_that_cannot_be_written_is_redelivered() -> None:
    """Only the failed messages are reported, so that the others are deleted."""
    visit("/unheard-of")
    clicks = queued()

    with table_down():
        answer = count(clicks)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}


@pytest.mark.usefixtures("sale")
def test_row_that_the_table_does_not_take_is_queued_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often, it never comes to the dead letters: the message has succeeded, and another one is sent."""
    delays: list[int] = []
    send = clients.queue.send_message
    with monkeypatch.context() as patch:
        patch.setattr(row_store, "put_all", list)  # it takes none of them
        click = json.loads(json.dumps(track_visit._click_of(a_visit()).as_message()))  # noqa: SLF001  # of no table
        patch.setattr(clients.queue, "send_message", lambda **message: delays.append(message["DelaySeconds"]))
        answers = [count([click]) for _ in range(9)]
    monkeypatch.setattr(clients.queue, "send_message", send)

    assert answers == [{"batchItemFailures": []}] * 9
    assert len(delays) == 9
    assert set(delays) <= set(range(30, 301))


@pytest.mark.usefixtures("sale")
def test_without_partial_failures_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue would take a list of failures for success, and delete them."""
    monkeypatch.setattr(workers, "settings", _with(partial_batch=False))
    visit()

    with pytest.raises(RuntimeError, match="PARTIAL_BATCH"):
        count(queued())


def test_visits_are_listed_newest_first_page_by_page(sale: Keyed) -> None:
    """A cursor continues where the page before ended; the last page has none."""
    visit()
    (click,) = queued()
    moments = [datetime.now(UTC) - timedelta(minutes=n) for n in range(1, 5)]
    count([click | {"id": str(n), "at": f"{at:%Y-%m-%dT%H:%M:%S}.{n:03}Z"} for n, at in enumerate(moments)])

    pages, more = [], "?limit=2"
    while more:
        page = sale.get(f"/links/sale/visits{more}").json_body
        pages.append([visit["at"] for visit in page["data"]])
        more = page["next"] and f"?limit=2&cursor={page['next']}"

    shown = list(chain.from_iterable(pages))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert shown == sorted(shown, reverse=True)
    assert "visitor" not in sale.get("/links/sale/visits").body.decode()


def test_row_that_is_none_is_left_out_of_the_list(sale: Keyed) -> None:
    """The others are listed, also on the next page."""
    for _ in range(3):
        visit()
    (_, middle, _) = rows.rows()
    boto3.client("dynamodb").put_item(TableName=settings.clicks_table, Item={**middle, "slot": {"S": "x"}})

    first = sale.get("/links/sale/visits?limit=2").json_body
    second = sale.get(f"/links/sale/visits?limit=2&cursor={first['next']}").json_body

    assert (len(first["data"]), len(second["data"]), second["next"]) == (1, 1, None)


def test_cursor_of_visits_is_valid_for_its_link_only(sale: Keyed) -> None:
    """That of another link is refused like any other text."""
    visit()
    (click,) = queued()
    count([click | {"id": str(number)} for number in range(2)])
    sale.make(alias="other")
    cursor = sale.get("/links/sale/visits?limit=1").json_body["next"]

    assert sale.get(f"/links/sale/visits?cursor={cursor}").status_code == 200
    assert sale.get(f"/links/other/visits?cursor={cursor}").json_body["code"] == "query-invalid"


def test_visits_and_series_are_available_as_tables(sale: Keyed, one_moment: datetime) -> None:
    """CSV for spreadsheets, without formulas; JSON lines for programs."""
    today = one_moment.date().isoformat()
    visit(request_id="1", User_Agent="=cmd|' /C calc'!A0")
    visit(request_id="2")
    count(queued())

    csv = sale.get("/v1/links/sale/visits", headers={"Accept": "text/csv"})
    lines = sale.get("/links/sale/visits", headers={"Accept": "application/x-ndjson"})
    series = sale.get(f"/links/sale/stats?from={today}", headers={"Accept": "text/csv"})
    first = sale.get("/v1/links/sale/visits?limit=1", headers={"Accept": "text/csv"})

    assert (
        csv.body.decode().splitlines()[0] == "at,kind,referrer,country,device,browser,system,language,variant,userAgent"
    )
    assert ""","'=cmd|' /C calc'!A0\"""" in csv.body.decode()
    assert [json.loads(line)["kind"] for line in lines.body.decode().splitlines()] == ["human", "bot"]
    assert series.body.decode().splitlines() == ["at,visits,humans,bots,prefetches,visitors", f'"{today}",2,1,1,0,""']
    assert first.headers["Link"].startswith("<?limit=1&cursor=")
    assert "Link" not in csv.headers


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/links/sale/stats?from=yesterday&to=2026-13-01&unit=week", ["to", "from", "unit"]),
        ("/links/sale/stats?from=2026-02-02&to=2026-02-01", ["from"]),
        ("/links/sale/stats?from=2000-01-01", ["from"]),
        ("/links/sale/stats?from=2026-01-01&to=2026-02-01&unit=hour", ["from"]),
        ("/stats?to=0001-01-01&from=0000-01-01", ["from"]),
        ("/links/sale/visits?limit=0", ["limit"]),
        ("/links/sale/visits?limit=101", ["limit"]),
        ("/links/sale/visits?limit=%D9%A1", ["limit"]),
        ("/links/sale/visits?cursor=xyz", ["cursor"]),
        ("/links/sale/visits?cursor=Y2xpY2sjMjAyNi0xMS0yNFQyMDo1MzoxNC44OTFaI2Y=!!&limit=x", ["limit", "cursor"]),
        ("/links/sale/stats?from=2026-1-1", ["from"]),
        ("/links/sale/stats?from=20261124", ["from"]),
        ("/links/sale/stats?from=%D9%A2026-01-01", ["from"]),
        ("/links/sale/visits?cursor=ZGF5IzIwMjYtMTEtMjQ=", ["cursor"]),
        ("/links/sale/visits?cursor=%C3%BC", ["cursor"]),
    ],
)
def test_invalid_query_is_refused(sale: Keyed, path: str, fields: list[str]) -> None:
    """Every invalid parameter is named at once."""
    answer = sale.get(path)

    assert (answer.status_code, answer.json_body["code"]) == (422, "query-invalid")
    assert [error["field"] for error in answer.json_body["errors"]] == fields


@pytest.mark.parametrize("path", ["/links/nobody/stats", "/links/nobody/visits", "/links/a%20b/stats"])
def test_missing_link_has_no_statistics(ann: Keyed, path: str) -> None:
    """404, as for the link itself."""
    assert (ann.get(path).status_code, ann.get(path).json_body["code"]) == (404, "link-unknown")


@contextmanager
def queue_down() -> Iterator[list[str]]:
    """Let every message time out at once, and no row be put; yield the requests that were sent to the queue."""
    tried: list[str] = []

    def refuse(_: Click) -> NoReturn:
        raise StoreUnavailable

    def time_out(request: Any, **_: Any) -> NoReturn:
        tried.append(request.url)
        raise ConnectTimeoutError(endpoint_url=request.url)

    events = clients.queue.meta.events
    events.register_first("before-send.sqs.*", time_out, "off")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_store, "put", refuse)
        yield tried
    events.unregister("before-send.sqs.*", time_out, "off")


@pytest.mark.usefixtures("sale")
def test_redirects_work_while_the_queue_is_down(capsys: pytest.CaptureFixture[str]) -> None:
    """Each click is logged instead; after a failure the queue is not tried for a moment."""
    with queue_down() as tried:
        answers = [visit()["statusCode"] for _ in range(5)]

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers == [302] * 5
    assert len(tried) == 1
    assert [line["spilled"]["code"] for line in lines if "spilled" in line] == ["sale"] * 5
    assert [line["ClicksSpilled"] for line in lines if "ClicksSpilled" in line] == [1] * 5


@pytest.mark.usefixtures("sale")
def test_visit_counts_without_its_visitor_while_the_salt_is_unavailable() -> None:
    """The count matters more than the visitor."""
    visit()
    identify_visitor.reset()
    with table_down():
        assert visit(request_id="second")["statusCode"] == 302

    second, first = sorted(queued(), key=lambda click: "visitor" in click)
    assert "visitor" in first
    assert "visitor" not in second


@pytest.mark.usefixtures("sale")
def test_without_a_queue_nothing_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counting can be switched off."""
    monkeypatch.setattr(track_visit, "settings", _with(clicks_queue_url=""))

    assert visit()["statusCode"] == 302

    assert queued() == []
    assert "spilled" not in capsys.readouterr().out


def test_no_ip_address_leaves_the_process(sale: Keyed, capsys: pytest.CaptureFixture[str]) -> None:
    """No table, queue or log has a visitor's IP address."""
    visit(Referer=f"https://{ADDRESS}.example/")
    visit("/nobody")
    clicks = queued()
    with queue_down():
        visit()
    count(clicks)
    sale.get("/links/sale/visits")

    dynamodb = boto3.client("dynamodb")
    everything = [dynamodb.scan(TableName=name)["Items"] for name in dynamodb.list_tables()["TableNames"]]
    text = json.dumps([clicks, everything], default=str) + capsys.readouterr().out
    assert "spilled" in text
    assert "day#" in text
    assert "salt#" in text
    assert text.replace(f"{ADDRESS}.example", "").count(ADDRESS) == 0


def test_nights_publish_visitors_and_fold_days(
    sale: Keyed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first night after a day shows its visitors, the second folds it; the log line has the drift as a metric."""
    visit(request_id="1")
    visit(request_id="2")
    count(queued())
    capsys.readouterr()
    start = datetime.now(UTC).replace(hour=2, minute=0)

    def night(days: int) -> list[dict[str, Any]]:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=days))
        click_store.reset()
        monkeypatch.setattr(night_queue, "queue", boto3.client("sqs"))
        # Not time.sleep, which other threads of the process call as well.
        monkeypatch.setattr(close_days, "_wait", work)
        with Client(routes.app) as client:
            event = client.events.generate_cw_event("events", "Scheduled Event", {}, [])
        routes.app.handler_map["close_the_days"](event, LambdaContext("function", 512, max_runtime_ms=60_000))
        work()
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    def work() -> None:
        sqs = boto3.client("sqs")
        while bodies := sqs.receive_message(QueueUrl=settings.night_queue_url).get("Messages"):
            with Client(routes.app) as client:
                event = client.events.generate_sqs_event([each["Body"] for each in bodies], queue_name="night")
            routes.app.handler_map["close_a_day"](event, LambdaContext("function", 512, max_runtime_ms=60_000))
            for each in bodies:
                sqs.delete_message(QueueUrl=settings.night_queue_url, ReceiptHandle=each["ReceiptHandle"])

    first = [line for line in night(1) if line.get("job")]
    report = sale.get("/links/sale/stats").json_body["total"]
    second = [line for line in night(2) if line.get("job")]

    assert [(line["job"], line.get("step")) for line in first] == [("close_the_days", None), ("close_a_day", "publish")]
    assert report == {"visits": 2, "humans": 2, "bots": 0, "prefetches": 0, "visitors": 1}
    assert {(line["code"], line["CountDrift"]) for line in second if "step" in line} == {("sale", 0), ("@ann", 0)}
    assert second[-1]["leftOpen"] == 0
    assert sale.get("/links/sale/stats").json_body["total"] == report
    assert sale.get("/links/sale").json_body["visits"]["total"] == 2


def _with(**changes: Any) -> Any:
    return dataclasses.replace(settings, **changes)


_SALE = {
    "requestContext": {
        "requestId": "id-1",
        "httpMethod": "GET",
        "resourcePath": "/{code}",
        "identity": {"sourceIp": ADDRESS},
    },
    "headers": {},
    "pathParameters": {"code": "sale"},
    **dict.fromkeys(("multiValueQueryStringParameters", "body", "stageVariables")),
}


class Later:
    """An outbox that never flushes by itself."""

    def __init__(self) -> None:
        self.left: list[Any] = []

    def add(self, thing: Any) -> None:
        """Keep it."""
        self.left.append(thing)

    def flush(self, seconds_left: float) -> None:
        """Send nothing yet."""


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """What the redirect's own function leaves for after the response."""
    outbox = Later()
    monkeypatch.setattr(redirect_lambda.app, "outbox", outbox)
    return outbox


@pytest.mark.usefixtures("sale")
def test_click_is_sent_after_the_response(later: Later, capsys: pytest.CaptureFixture[str]) -> None:
    """The redirect's function responds first, then puts the row, which has what its log line would say."""
    answer = redirect_lambda.app(_SALE, None)

    assert (answer["statusCode"], capsys.readouterr().out, queued()) == (302, "", [])
    redirect_lambda.send_outbox(later.left, math.inf)  # what the thread does
    (click,) = queued()
    assert capsys.readouterr().out == ""
    assert (click["id"], click["cached"], click["ms"] > 0) == ("id-1", False, True)


@pytest.mark.parametrize(
    ("path", "status"), [("nobody", 302), ("over", 410)], ids=["an unknown code", "a link that has ended"]
)
@pytest.mark.usefixtures("sale")
def test_what_went_wrong_keeps_its_line(
    later: Later, capsys: pytest.CaptureFixture[str], path: str, status: int
) -> None:
    """Also if it is counted."""
    link_store.add(Link(id="over", url="https://example.com/", expires_at=datetime(2020, 1, 1, tzinfo=UTC)), "made")
    answer = redirect_lambda.app({**_SALE, "pathParameters": {"code": path}}, None)

    redirect_lambda.send_outbox(later.left, math.inf)  # what the thread does

    line = json.loads(capsys.readouterr().out)
    assert (answer["statusCode"], line["status"], line["code"]) == (status, status, path)


def test_figures_of_redirects_are_one_line_for_a_hundred(
    sale: Keyed, later: Later, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudWatch reads a hundred values from a line."""
    for number in range(130):
        context: Any = _SALE["requestContext"]
        redirect_lambda.app({**_SALE, "requestContext": {**context, "requestId": f"id-{number}"}}, None)
    redirect_lambda.send_outbox(later.left, math.inf)  # what the thread does
    capsys.readouterr()

    rows.count_rows()

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(line["RedirectLatency"]) for line in lines if "RedirectLatency" in line] == [100, 30]
    assert sum(sum(line["CacheHit"]) for line in lines if "CacheHit" in line) == 129
    assert (lines[-1]["job"], lines[-1]["counted"]) == ("count_rows", 130)
    assert sale.get("/links/sale").json_body["visits"]["total"] == 130


@pytest.mark.usefixtures("sale")
def test_clicks_are_queued_ten_at_a_time(later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as SQS takes in one call, where the table takes none."""
    sent: list[int] = []
    monkeypatch.setattr(click_queue, "send", lambda messages: sent.append(len(messages)))
    for _ in range(23):
        redirect_lambda.app(_SALE, None)

    with queue_down():
        redirect_lambda.send_outbox(later.left, math.inf)  # what the thread does

    assert sent == [10, 10, 3]


def a_visit() -> Visit:
    """Return a visit of the link sale."""
    return Visit(Visitor(headers={}, query={}, visit_id="id-1"), "sale", datetime.now(UTC))
