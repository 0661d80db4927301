"""Imports and exports, from the request to the file: routes, worker functions, and a bucket in this process."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import parse_qs, quote_plus, urlsplit

import boto3
import pytest
from chalice.local import LambdaContext
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as service
from chalicelib.aws.dynamodb import (
    blocked_host_store,
    click_store,
    history_store,
    link_item,
    link_store,
    transactions,
    transfer_store,
)
from chalicelib.aws.dynamodb.errors import LinkChanged, StaleWorker, WriteContended
from chalicelib.aws.sqs import file_queue
from chalicelib.core.limits import FILE_BYTES
from chalicelib.core.links import password
from chalicelib.core.links.link import Link
from chalicelib.core.transfers import import_summary
from chalicelib.core.transfers.export_job import Export
from chalicelib.core.transfers.import_job import Import, OnTaken
from chalicelib.core.transfers.job_problem import Problem
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import domain_settings, policies, request_transfer
from tests import domains
from tests.callers import Keyed, make_key

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
URL = "https://example.com/"
ROUTES = [("POST", "/imports"), ("GET", "/imports/{}"), ("POST", "/exports"), ("GET", "/exports/{}")]
UNKNOWN_ID = "0" * 32
"""A valid id that no import or export has."""
Move = Callable[[timedelta], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Move:
    """Set the clock to ``NOW``; the returned function moves it."""
    monkeypatch.setattr("chalicelib.clock.now", lambda: NOW)
    return lambda passed: monkeypatch.setattr("chalicelib.clock.now", lambda: NOW + passed)


def upload(job: dict[str, Any], content: str) -> str:
    """Upload a file for an import, as its form does, and return the message that S3 sends."""
    key = job["upload"]["fields"]["key"]
    put = boto3.client("s3").put_object(Bucket=settings.files_bucket, Key=key, Body=content.encode())
    return message(key, put["VersionId"], len(content.encode()))


def message(key: str, version: str, size: int) -> str:
    """Return the message that S3 sends for an uploaded file."""
    with Client(service.app) as client:
        event = client.events.generate_s3_event(settings.files_bucket, quote_plus(key), "ObjectCreated:Post")
    event["Records"][0]["s3"]["object"] |= {"versionId": version, "size": size}
    return json.dumps(event)


def work(body: str, seconds: int = 60, tries: int = 1) -> None:
    """Run the worker with a message, and with ``seconds`` left."""
    with Client(service.app) as client:
        event = client.events.generate_sqs_event([body], queue_name="files")
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(tries)
    service.app.handler_map["work_on_files"](event, LambdaContext("work_on_files", 512, max_runtime_ms=seconds * 1000))


def queued() -> list[str]:
    """Receive and delete all messages of the file queue."""
    sqs, queue_url, bodies = boto3.client("sqs"), settings.files_queue_url, []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for each in messages:
            bodies.append(each["Body"])
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=each["ReceiptHandle"])
    return bodies


def queue_count(name: str) -> int:
    """Return a count among the attributes of the file queue."""
    report = boto3.client("sqs").get_queue_attributes(QueueUrl=settings.files_queue_url, AttributeNames=["All"])
    return int(report["Attributes"][name])


def download(address: str) -> str:
    """Return the object of a presigned URL."""
    parts = urlsplit(address)
    assert parts.netloc == f"{settings.files_bucket}.s3.eu-west-1.amazonaws.com"
    found = boto3.client("s3").get_object(Bucket=settings.files_bucket, Key=parts.path[1:])
    text: str = found["Body"].read().decode()
    return text


def csv_rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def imported(caller: Keyed, content: str, **body: Any) -> dict[str, Any]:
    """Import a file, and return the finished import."""
    job = caller("POST", "/imports", body).json_body
    work(upload(job, content))
    return read_import(caller, job)


def exported(caller: Keyed, **body: Any) -> dict[str, Any]:
    """Export links, and return the finished export."""
    job: dict[str, Any] = caller("POST", "/exports", body).json_body
    for text in queued():
        work(text)
    shown: dict[str, Any] = caller.get(f"/exports/{job['id']}").json_body
    return shown


def move(code: str, owner: str, *, keep_version: bool = False) -> None:
    """Make a link ``owner``'s."""
    link = link_store.find_now(code)
    assert link is not None
    moved = dataclasses.replace(link, owner=owner, moved_at=NOW, version=link.version + (not keep_version))
    boto3.client("dynamodb").put_item(TableName=settings.links_table, Item=link_item.to_item(moved))


def read_import(caller: Keyed, job: dict[str, Any]) -> dict[str, Any]:
    """Return the current state of an import."""
    shown: dict[str, Any] = caller.get(f"/imports/{job['id']}").json_body
    return shown


def report_rows(job: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of an import's report."""
    return [tuple(row.values()) for row in csv_rows(download(job["report"])) if row["outcome"] != "summary"]


def summary_lines(job: dict[str, Any]) -> list[str]:
    """Return the summary lines at the head of an import's report."""
    rows = csv_rows(download(job["report"]))
    said = [row["reason"] for row in rows if row["outcome"] == "summary"]
    assert [(row["line"], row["outcome"], row["shortUrl"]) for row in rows[: len(said)]] == [("", "summary", "")] * len(
        said
    )
    return said


def imported_in_steps(caller: Keyed, content: str, **body: Any) -> dict[str, Any]:
    """Import a file, each row by a worker without time for the next one."""
    job = caller("POST", "/imports", body).json_body
    bodies = [upload(job, content)]
    while bodies:
        work(bodies.pop(), seconds=1)
        bodies += queued()
    return read_import(caller, job)


_KEPT_OF_IMPORTS = ("import#", "dry-run#", "secret#imports")  # the last is the secret for the codes of rows


def everything() -> dict[str, list[Any]]:
    """Return every item of every table, except those of the imports themselves."""
    dynamodb = boto3.client("dynamodb")
    found = {}
    for table in dynamodb.list_tables()["TableNames"]:
        items = [page for pages in dynamodb.get_paginator("scan").paginate(TableName=table) for page in pages["Items"]]
        own = [item for item in items if not item.get("id", {"S": ""})["S"].startswith(_KEPT_OF_IMPORTS)]
        found[table] = sorted(own, key=str)
    return found


class TestRequests:
    """Requests for imports and exports, and what they create."""

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_transfers_need_a_key(self, http: Http, method: str, path: str) -> None:
        """Even if links may be created without one; the manage key of a link is refused too."""
        assert settings.open_create
        stranger = Keyed(http, Keyed(http, None).make()["manageKey"])

        responses = [caller(method, path.format(UNKNOWN_ID)) for caller in (Keyed(http, None), stranger)]

        assert [(each.status_code, each.json_body["code"]) for each in responses] == [(401, "key-missing")] * 2

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_without_a_bucket_transfers_are_refused(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch, method: str, path: str
    ) -> None:
        """503, without a Retry-After: it stays so until a bucket is configured."""
        monkeypatch.setattr(request_transfer, "settings", dataclasses.replace(settings, files_bucket=""))

        response = ann(method, path.format(UNKNOWN_ID))

        assert (response.status_code, response.json_body["code"]) == (503, "no-storage")
        assert "Retry-After" in response.headers

    @pytest.mark.parametrize("path", ["/imports", "/exports"])
    @pytest.mark.parametrize(
        "body",
        [
            *(None, {}, {"onTaken": None, "dryRun": None, "domain": None}),
            {"format": None, "days": None, "owner": None, "domain": None},
        ],
    )
    def test_a_body_may_be_missing(self, ann: Keyed, path: str, body: Any) -> None:
        """Every field has a default."""
        known = {"/imports": {"onTaken", "dryRun"}, "/exports": {"format", "days", "owner"}}[path] | {"domain"}

        response = ann("POST", path, body)

        if not known >= (body or {}).keys():
            assert response.status_code == 422
        elif path == "/imports":
            report = [response.json_body[name] for name in ("onTaken", "domain")]
            assert (response.status_code, report) == (201, ["refuse", "sho.rt"])
        else:
            report = [response.json_body[name] for name in ("format", "days", "owner", "domain")]
            assert (response.status_code, report) == (202, ["csv", False, "ann", None])

    @pytest.mark.parametrize(
        ("path", "body", "fields"),
        [
            ("/imports", {"onTaken": "overwrite"}, ["onTaken"]),
            ("/imports", {"dryRun": "yes"}, ["dryRun"]),
            ("/imports", {"domain": "team.example", "dryRun": 1}, ["dryRun", "domain"]),
            ("/imports", {"domain": 5}, ["domain"]),
            ("/exports", {"domain": "team.example"}, ["domain"]),
            ("/imports", {"onTaken": ["skip"], "ontaken": "skip", "owner": "bob"}, ["ontaken", "owner", "onTaken"]),
            ("/exports", {"format": "xlsx", "days": "yes", "owner": "a b"}, ["format", "owner", "days"]),
            ("/exports", {"formats": "csv", "days": 1}, ["formats", "days"]),
            ("/exports", {"owner": 1}, ["owner"]),
            ("/exports", {"owner": "**"}, ["owner"]),
        ],
        ids=str,
    )
    def test_every_invalid_field_is_reported(self, ann: Keyed, path: str, body: Any, fields: list[str]) -> None:
        """All of them at once."""
        response = ann("POST", path, body)

        assert (response.status_code, response.json_body["code"]) == (422, "transfer-invalid")
        assert [error["field"] for error in response.json_body["errors"]] == fields

    def test_the_upload_form_accepts_only_its_object(self, ann: Keyed, later: Move) -> None:  # noqa: ARG002  # it is NOW
        """For 15 minutes, one object, CSV, and 1 byte to 10 MiB, whatever else is sent with it."""
        job = ann("POST", "/imports").json_body

        form = job["upload"]
        fields = form["fields"]
        policy = json.loads(base64.b64decode(fields["policy"]))
        assert (form["method"], form["maxBytes"]) == ("POST", 10 * 1024 * 1024)
        assert form["url"] == "https://shortener-files.s3.eu-west-1.amazonaws.com"
        assert (fields["key"], fields["Content-Type"]) == (f"imports/{job['id']}", "text/csv")
        assert (policy["expiration"], form["expiresAt"]) == ("2026-11-25T09:45:00Z", "2026-11-25T09:45:00.000Z")
        signed = [{name: fields[name]} for name in fields.keys() - {"policy", "x-amz-signature"}]
        limits = [{"bucket": settings.files_bucket}, ["content-length-range", 1, FILE_BYTES]]
        assert sorted(map(str, policy["conditions"])) == sorted(map(str, [*signed, *limits]))
        assert (job["state"], job["total"], job["read"], job["report"]) == ("waiting", None, 0, None)
        assert "upload" not in read_import(ann, job)

    def test_an_export_is_queued_as_one_message(self, ann: Keyed) -> None:
        """The worker that receives it writes the file."""
        response = ann("POST", "/exports", {"format": "ndjson", "days": True})

        job = response.json_body
        assert [json.loads(body) for body in queued()] == [{"export": job["id"]}]
        assert queued() == []
        assert response.status_code == 202
        assert job == ann.get(f"/exports/{job['id']}").json_body
        assert (job["state"], job["links"], job["file"], job["problem"]) == ("running", None, None, None)

    @pytest.mark.parametrize("owner", ["bob", "*"])
    def test_only_admins_export_links_of_others(self, ann: Keyed, http: Http, owner: str) -> None:
        """Other keys are refused; the export shows the owner."""
        refused = ann("POST", "/exports", {"owner": owner})
        nothing = queued()
        granted = Keyed(http, make_key("root", "admin"))("POST", "/exports", {"owner": owner})

        assert (refused.status_code, refused.json_body["scope"], nothing) == (403, "admin", [])
        assert (granted.status_code, granted.json_body["owner"]) == (202, owner)
        assert ann("POST", "/exports", {"owner": "ann"}).status_code == 202


class TestOwners:
    """Imports and exports of other owners do not exist for a key."""

    @pytest.mark.parametrize("path", ["/imports", "/exports"])
    def test_foreign_and_missing_get_the_same_response(self, ann: Keyed, http: Http, path: str) -> None:
        """Another key of the owner sees it, and an admin sees all."""
        job = ann("POST", path).json_body
        bob, phone, root = (Keyed(http, key) for key in (make_key("bob"), make_key("ann"), make_key("root", "admin")))

        foreign, missing = (bob.get(f"{path}/{name}") for name in (job["id"], UNKNOWN_ID))

        assert (foreign.status_code, foreign.json_body["code"]) == (404, f"{path[1:-1]}-unknown")
        assert foreign.body == missing.body
        assert [caller.get(f"{path}/{job['id']}").status_code for caller in (ann, phone, root)] == [200, 200, 200]
        assert root.get(f"{path}/{UNKNOWN_ID}").status_code == 404

    @pytest.mark.parametrize("owner", ["ann", "*"])
    def test_an_export_of_others_is_for_admins(self, ann: Keyed, http: Http, owner: str) -> None:
        """Neither another key of the admin's owner gets it, nor a key of the owner of the links."""
        job = Keyed(http, make_key("root", "admin"))("POST", "/exports", {"owner": owner}).json_body

        responses = [caller.get(f"/exports/{job['id']}").status_code for caller in (Keyed(http, make_key("root")), ann)]

        assert responses == [404, 404]

    @pytest.mark.usefixtures("aws")
    def test_imported_links_belong_to_the_importer(self, ann: Keyed, http: Http) -> None:
        """Whatever owner the file has."""
        imported(ann, f"code,url,owner\nmine,{URL},bob\n")

        assert ann.get("/links/mine").json_body["owner"] == "ann"
        assert Keyed(http, make_key("bob")).get("/links/mine").status_code == 404

    def test_a_direct_upload_belongs_to_the_owner_of_its_folder(self, ann: Keyed, http: Http) -> None:
        """``imports/ann/...`` belongs to ann; a file without a folder has no owner, and only admins see its links."""
        root = Keyed(http, make_key("root", "admin"))
        for place, code in (("ann/old links.csv", "anns"), ("old.csv", "nobodys")):
            work(upload({"upload": {"fields": {"key": f"imports/{place}"}}}, f"code,url\n{code},{URL}\n"))

        assert ann.get("/links/anns").json_body["owner"] == "ann"
        assert (ann.get("/links/nobodys").status_code, root.get("/links/nobodys").json_body["owner"]) == (404, None)


class TestImports:
    """A file is imported, with a report."""

    def test_a_finished_import_reports_each_row(self, ann: Keyed, later: Move) -> None:  # noqa: ARG002  # it is NOW
        """In numbers, and in a report that can be downloaded for 15 minutes."""
        ann.make(alias="taken")
        content = (
            f'code,url,title,visits\nsale,{URL}sale,"Sale, at last",7\ntaken,{URL},x,0\n,{URL}drawn,,\n,ftp://x,,\n'
        )

        job = imported(ann, content)

        assert (job["state"], job["format"], job["problem"]) == ("done", "export", None)
        assert [job[name] for name in ("total", "read", "created", "refused")] == [4, 4, 2, 1]
        assert [job[name] for name in ("renamed", "existing", "skipped")] == [0, 1, 0]
        line, *_, drawn, refused = report_rows(job)
        assert line == ("2", "created", "https://sho.rt/sale", "")
        assert drawn[:2] == ("4", "created")
        assert (refused[:3], "http" in refused[3]) == (("5", "refused", ""), True)
        assert ann.get(f"/links/{drawn[2].rpartition('/')[2]}").json_body["url"] == f"{URL}drawn"
        link = ann.get("/links/sale").json_body
        assert (link["title"], link["importedVisits"], link["visits"]["total"]) == ("Sale, at last", 7, 0)
        query = parse_qs(urlsplit(job["report"]).query)
        assert (query["X-Amz-Date"], query["X-Amz-Expires"]) == (["20261125T093000Z"], ["900"])
        assert query["response-content-disposition"] == ['attachment; filename="import-report.csv"']

    @pytest.mark.parametrize(
        ("on_taken", "outcome", "links"), [("refuse", "refused", 0), ("skip", "skipped", 0), ("rename", "renamed", 1)]
    )
    def test_a_taken_code_stays_with_its_holder(
        self, ann: Keyed, http: Http, on_taken: str, outcome: str, links: int
    ) -> None:
        """The row is refused or skipped, or gets another code, as requested."""
        Keyed(http, make_key("bob")).make(alias="sale")

        job = imported(ann, f"code,url\nsale,{URL}\n", onTaken=on_taken)

        ((_, report, short_url, reason),) = report_rows(job)
        assert (job[outcome], report, reason) == (1, outcome, "The code sale is taken.")
        assert (short_url != "") == (links == 1)
        assert len(ann.get("/links").json_body["data"]) == links

    @pytest.mark.parametrize(
        ("content", "report"),
        [
            (f"url,visits,ip\n{URL},1e3,x\n", "Left out: ip. Left out: visits is '1e3'; write a whole number."),
            (f"url,visits\n{URL},1000000001\n", "Left out: visits is a whole number from 1 to 1,000,000,000."),
            (f'{{"url": "{URL}", "visits": 1e3}}', "Left out: visits is a whole number from 1 to 1,000,000,000."),
            (
                f'{{"url": "{URL}", "createdAt": "May"}}',
                "Left out: createdAt must look like this: 2030-12-31T23:59:00Z.",
            ),
            (f"url,created\n{URL},2099-01-01\n", "Left out: createdAt has not come yet."),
        ],
    )
    def test_an_unreadable_past_is_reported(self, ann: Keyed, content: str, report: str) -> None:
        """In a table and in JSON: the link is created without it."""
        ((_, outcome, _, reason),) = report_rows(imported(ann, content))

        assert (outcome, reason) == ("created", report)

    def test_an_import_out_of_time_is_resumed(self, ann: Keyed) -> None:
        """The rest is queued as a message, and the report is complete."""
        job = ann("POST", "/imports").json_body
        bodies, states = [upload(job, "".join(f"{URL}{number}\n" for number in range(3)))], []

        while bodies:
            work(bodies.pop(), seconds=1)
            bodies += queued()
            shown = read_import(ann, job)
            states.append((shown["state"], shown["read"], shown["report"] is None))

        assert states == [("running", 1, True), ("running", 2, True), ("done", 3, False)]
        assert [row[:2] for row in report_rows(shown)] == [("1", "created"), ("2", "created"), ("3", "created")]

    def test_a_repeated_import_creates_nothing(self, ann: Keyed) -> None:
        """Neither a duplicate message nor a second upload of the file creates a link twice."""
        job, content = ann("POST", "/imports").json_body, f"code,url\nsale,{URL}\n,{URL}\n"
        body = upload(job, content)
        work(body)
        first, report = read_import(ann, job), report_rows(read_import(ann, job))

        work(body)
        again = imported(ann, content)

        second = read_import(ann, job)
        assert {**first, "report": None} == {**second, "report": None}
        assert report == report_rows(second)
        assert [again[name] for name in ("created", "existing")] == [0, 2]
        assert len(ann.get("/links").json_body["data"]) == 2

    def test_rows_before_a_lost_checkpoint_are_found(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """After a kill before the checkpoint, the same rows are created, and no link exists twice."""
        job = ann("POST", "/imports").json_body
        body = upload(job, f"code,url\nsale,{URL}\n,{URL}\n")
        with monkeypatch.context() as killed:
            killed.setattr(transfer_store, "checkpoint", lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            with pytest.raises(StoreUnavailable):
                work(body)
        halfway = read_import(ann, job)

        work(body)

        after = read_import(ann, job)
        assert (halfway["state"], halfway["read"]) == ("running", 0)
        assert [after[name] for name in ("state", "created", "existing")] == ["done", 2, 0]
        assert len(ann.get("/links").json_body["data"]) == 2

    def test_a_second_upload_is_ignored(self, ann: Keyed) -> None:
        """The first file is imported, even if the form is used again and the second arrives in between."""
        job = ann("POST", "/imports").json_body
        first, second = (upload(job, f"code,url\n{name}1,{URL}\n{name}2,{URL}\n") for name in ("first", "second"))

        work(first, seconds=1)
        work(second)
        halfway = read_import(ann, job)
        (rest,) = queued()
        work(rest)

        assert (halfway["state"], halfway["read"]) == ("running", 1)
        assert (read_import(ann, job)["state"], read_import(ann, job)["created"]) == ("done", 2)
        assert sorted(link["code"] for link in ann.get("/links").json_body["data"]) == ["first1", "first2"]

    def test_a_stale_worker_queues_a_recheck(self, ann: Keyed) -> None:
        """The faster worker may hold the very same message, and be killed: nothing else would know of the file."""
        job = ann("POST", "/imports").json_body
        body = upload(job, URL)
        with pytest.MonkeyPatch.context() as faster:
            faster.setattr(transfer_store, "checkpoint", lambda *_: (_ for _ in ()).throw(StaleWorker()))
            work(body)
        later_on = queue_count("ApproximateNumberOfMessagesDelayed")

        assert read_import(ann, job)["state"] == "running"
        assert later_on == 1

    def test_a_stuck_import_can_be_resumed(self, ann: Keyed) -> None:
        """It is marked before the last try, as a killed worker cannot; sending the message again may end it."""
        job, export = ann("POST", "/imports").json_body, ann("POST", "/exports").json_body
        body, (asked,) = upload(job, URL), queued()
        with pytest.MonkeyPatch.context() as broken:
            for name in ("store_row_count", "end_export"):
                broken.setattr(transfer_store, name, lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            for each in (body, asked):
                with pytest.raises(StoreUnavailable):
                    work(each, tries=7)
            before = read_import(ann, job)["state"], ann.get(f"/exports/{export['id']}").json_body["state"]
            for each in (body, asked):
                with pytest.raises(StoreUnavailable):
                    work(each, tries=8)
        stuck = read_import(ann, job), ann.get(f"/exports/{export['id']}").json_body
        for each in (body, asked):
            work(each)
        after = read_import(ann, job), ann.get(f"/exports/{export['id']}").json_body

        assert before == ("running", "running")
        assert [(each["state"], each["problem"]["code"]) for each in stuck] == [("failed", "stuck")] * 2
        assert [(each["state"], each["problem"]) for each in after] == [("done", None)] * 2

    def test_a_link_without_a_password_is_no_duplicate_of_one_with(self, ann: Keyed) -> None:
        """With the same code and URL: the existing link is open to everyone, so it is not what the row asks for."""
        ann.make(URL, alias="open")

        job = imported(ann, f"code,url,password\nopen,{URL},open sesame\n,{URL},open sesame\n,{URL},open sesame\n")

        assert [row[1] for row in report_rows(job)] == ["refused", "created", "created"]
        made = [link for link in ann.get("/links").json_body["data"] if link["protected"]]
        assert len(made) == 2

    def test_only_admins_import_the_reason_of_a_block(self, http: Http, ann: Keyed) -> None:
        """Visitors read it as text of the operator. Other importers' links are blocked with a neutral reason."""
        content = "code,url,blocked\nx{},https://example.com/,Call this number: 555\n"

        imported(ann, content.format(1))
        imported(Keyed(http, make_key("root", "admin")), content.format(2))

        shown = [Keyed(http, make_key("root", "admin")).get(f"/links/x{n}").json_body["blocked"] for n in (1, 2)]
        assert shown == ["It was stopped where it comes from.", "Call this number: 555"]

    @pytest.mark.usefixtures("aws")
    def test_of_two_workers_at_the_same_rows_one_is_stale(self) -> None:
        """Only the worker that continues from the current state stores a checkpoint."""
        begun = Import(id=UNKNOWN_ID, owner="ann", by="ann", created_at=NOW, version="1", total=2)
        transfer_store.add_import(begun)
        first, second = (dataclasses.replace(begun, rows=rows, parts=(f"0-{rows}",)) for rows in (1, 2))
        transfer_store.checkpoint(begun, first)

        with pytest.raises(StaleWorker):
            transfer_store.checkpoint(begun, second)

        found = transfer_store.find_import(UNKNOWN_ID, NOW)
        assert found is not None
        assert (found.rows, found.parts) == (1, ("0-1",))

    @pytest.mark.usefixtures("aws")
    def test_the_first_end_is_final(self) -> None:
        """A later end of the same import or export is ignored."""
        job = Import(id=UNKNOWN_ID, owner="ann", by="ann", created_at=NOW)
        export = Export(id=UNKNOWN_ID, owner="ann", asked_by="ann", created_at=NOW)
        transfer_store.add_import(job)
        transfer_store.add_export(export)

        for problem in (None, Problem("file-gone", "It is gone.")):
            transfer_store.end_import(job, problem)
            transfer_store.end_export(export, 0 if problem else 1, problem)

        ended = transfer_store.find_import(UNKNOWN_ID, NOW), transfer_store.find_export(UNKNOWN_ID, NOW)
        assert [each and (each.state, each.problem) for each in ended] == [("done", None)] * 2
        assert ended[1] == dataclasses.replace(export, ended="done", links=1)

    def test_a_failed_message_is_retried_after_a_short_pause(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A table may respond again in half a minute; the queue itself would wait six times the timeout."""
        sqs, queue = boto3.client("sqs"), settings.files_queue_url
        monkeypatch.setattr(file_queue, "FIRST_PAUSE", 0)
        sqs.send_message(QueueUrl=queue, MessageBody=upload(ann("POST", "/imports").json_body, URL))
        (taken,) = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=3600)["Messages"]
        hidden = sqs.receive_message(QueueUrl=queue).get("Messages")
        with Client(service.app) as client:
            event = client.events.generate_sqs_event([taken["Body"]], queue_name="files")
        event["Records"][0]["receiptHandle"] = taken["ReceiptHandle"]

        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(transfer_store, "bind_to_version", lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            with pytest.raises(StoreUnavailable):
                service.app.handler_map["work_on_files"](event, LambdaContext("files", 512, max_runtime_ms=60_000))

        assert hidden is None
        assert [each["Body"] for each in sqs.receive_message(QueueUrl=queue)["Messages"]] == [taken["Body"]]

    def test_no_link_leads_to_a_blocked_host(self, ann: Keyed) -> None:
        """An import cannot bypass the list."""
        blocked_host_store.add(blocked_host_store.Blocked("evil.example.com", "It was phishing.", NOW))

        job = imported(ann, f"https://www.evil.example.com/\n{URL}\n")

        assert [row[1] for row in report_rows(job)] == ["refused", "created"]
        assert "blocked" in report_rows(job)[0][3]

    def test_a_link_to_another_shortener_is_imported(self, ann: Keyed, http: Http) -> None:
        """With a warning in the report; one to this service would loop, and is refused."""
        rows = ["a,https://bit.ly/x,", f"b,{URL},https://www.t.co./y", "c,https://sho.rt/a,", f"d,{URL},"]

        job = imported(ann, "\n".join(["code,url,fallbackUrl", *rows, ""]))

        assert [row[1:] for row in report_rows(job)] == [
            ("created", "https://sho.rt/a", "It leads on by bit.ly, and works as long as that does."),
            ("created", "https://sho.rt/b", "It leads on by www.t.co, and works as long as that does."),
            ("refused", "", "The URL leads back to this service; a link to a link would go in circles."),
            ("created", "https://sho.rt/d", ""),
        ]
        assert http.get("/a").headers["Location"] == "https://bit.ly/x"
        assert ann("POST", "/links", {"url": "https://bit.ly/x"}).status_code == 422

    def test_other_shorteners_links_may_be_refused(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """`IMPORT_SHORT_LINKS=no`: in files as everywhere."""
        monkeypatch.setattr(policies, "settings", dataclasses.replace(settings, import_short_links=False))

        job = imported(ann, f"https://bit.ly/x\n{URL}\n")

        assert [row[1] for row in report_rows(job)] == ["refused", "created"]
        assert "shortens links itself" in report_rows(job)[0][3]

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            ("PK\x03\x04...", "not-text"),
            ("\n\n", "empty"),
            ("url\n", "empty"),
            ("name;age\nAnn;30\n", "unknown-columns"),
            ("Date,Short Link,Destination,Clicks\n", "not-links"),
        ],
    )
    def test_a_file_without_links_fails(self, ann: Keyed, content: str, code: str) -> None:
        """The import has the reason, and no report."""
        job = imported(ann, content)

        assert (job["state"], job["problem"]["code"], job["report"]) == ("failed", code, None)
        assert job["problem"]["detail"].endswith((".", ".'"))

    def test_a_file_that_is_too_large_fails_unread(self, ann: Keyed) -> None:
        """The form accepts no such file; a direct upload may have any size."""
        job = ann("POST", "/imports").json_body
        body = json.loads(upload(job, URL))
        body["Records"][0]["s3"]["object"]["size"] = FILE_BYTES + 1

        work(json.dumps(body))

        assert read_import(ann, job)["problem"]["code"] == "too-large"

    def test_a_deleted_file_fails(self, ann: Keyed) -> None:
        """Files are kept for a week, and messages may be delivered later."""
        job = ann("POST", "/imports").json_body
        body = upload(job, URL)
        stored = json.loads(body)["Records"][0]["s3"]["object"]
        boto3.client("s3").delete_object(
            Bucket=settings.files_bucket, Key=stored["key"].replace("%2F", "/"), VersionId=stored["versionId"]
        )

        work(body)

        assert read_import(ann, job)["problem"]["code"] == "file-gone"

    def test_a_test_message_is_ignored(self, ann: Keyed) -> None:  # noqa: ARG002  # the bucket
        """S3 sends one when notifications are configured."""
        work(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "files"}))

        assert queued() == []


RESERVED = "The service itself uses '{}'; please choose another alias."
LATER, LATE = "2031-01-01T00:00:00.000Z", "2032-01-01T00:00:00.000Z"
DIGEST = password.digest_of("open sesame")
ALL = {"passwordDigest": DIGEST, "expiresAt": LATER, "startsAt": "2030-01-01T00:00:00.000Z", "maxVisits": "5"}
ALL |= {"enabled": "no", "confirm": "yes"}
"""Everything that a file can say of when a link must not work."""


class TestSummary:
    """The summary of an import."""

    CONTENT = "\n".join(
        [
            "code,url,title,ip,creator,visits,secret_key",
            f"sale,{URL},Sale,192.0.2.1,ann,7",
            f"manual,{URL},,192.0.2.1,,many",
            f",{URL}drawn",
            "bad,ftp://x",
            f"long,{URL},{'x' * 2300}",
            f"hidden,{URL},,,,,x7Kd",
            f"taken,{URL}",
            f"docs/v2,{URL}",
            "blocked,https://www.evil.example.com/",
            f'"quoted"x,{URL}',
        ]
    )

    def test_it_has_left_out_columns_and_refusals(self, ann: Keyed, http: Http) -> None:
        """With numbers, also at the head of the report; the same if the import is resumed after each row."""
        Keyed(http, make_key("bob")).make(alias="taken")
        blocked_host_store.add(blocked_host_store.Blocked("evil.example.com", "It was phishing.", NOW))

        orders = [each(ann, self.CONTENT) for each in (imported_in_steps, imported)]

        for job, created in zip(orders, ("3 created", "3 existing"), strict=True):
            assert job["leftOut"] == {
                "rows": 2,
                "columns": [{"name": "ip", "rows": 2}, {"name": "creator", "rows": 1}, {"name": "visits", "rows": 1}],
            }
            kinds = ("blocked", "code", "field", "protection", "taken", "unreadable", "url")
            assert job["refusals"] == [{"kind": kind, "rows": 1} for kind in kinds]
            assert summary_lines(job) == [
                f"10 rows (export): {created}, 7 refused.",
                "Left out in 2 rows: ip (2), creator (1), visits (1).",
                f"Refused: {', '.join(f'{kind} (1)' for kind in kinds)}.",
            ]

    def test_without_problems_it_is_one_sentence(self, ann: Keyed) -> None:
        """Nothing was left out or refused."""
        job = imported(ann, URL)

        assert (job["leftOut"], job["refusals"]) == ({"rows": 0, "columns": []}, [])
        assert summary_lines(job) == ["1 rows (list): 1 created."]

    def test_its_size_is_limited(self, ann: Keyed) -> None:
        """Of very many columns the first are named, and all rows are counted."""
        names = [f"{'c' * 60}{number}" for number in range(200)]

        job = imported(ann, f"url,{','.join(names)}\n{URL}{',x' * 100}\n{URL}b{',' * 100}{',x' * 100}\n")

        assert job["leftOut"]["rows"] == 2
        assert len(job["leftOut"]["columns"]) == import_summary.MAX_COLUMNS


class TestDifferences:
    """How an existing link with the same code differs from the file."""

    @pytest.mark.parametrize(
        ("there", "row", "outcome", "reason"),
        [
            ({}, {}, "existing", ""),
            ({"title": "Old", "tags": ["a"]}, {}, "existing", ""),
            ({"title": "Old"}, {"title": "New"}, "existing", "Differs in: title."),
            ({"tags": ["a"]}, {"tags": "a,b", "note": "n"}, "existing", "Differs in: note, tags."),
            ({}, {"expiresAt": LATER, "maxVisits": "5"}, "existing", "Differs in: expiresAt, maxVisits."),
            ({"expiresAt": LATE}, {"expiresAt": LATER}, "existing", "Differs in: expiresAt."),
            ({"expiresAt": LATER}, {"expiresAt": LATER}, "existing", ""),
            ({}, {"enabled": "no"}, "existing", "Differs in: enabled."),
            ({"enabled": False}, {"enabled": "yes", "confirm": "yes"}, "existing", "Differs in: enabled, confirm."),
            ({}, {"password": "open sesame"}, "refused", "The code x is taken. Differs in: password."),
            (
                {},
                {"passwordDigest": DIGEST, "expiresAt": LATER},
                "refused",
                "The code x is taken. Differs in: expiresAt, password.",
            ),
            ({"password": "open sesame"}, {"password": "another one"}, "existing", ""),
            ({"password": "open sesame"}, {"passwordDigest": DIGEST}, "existing", "Differs in: password."),
            ({"url": f"{URL}other"}, {}, "refused", "The code x is taken. Differs in: url."),
            ({"url": f"{URL}other"}, {"confirm": "yes"}, "refused", "The code x is taken. Differs in: url, confirm."),
        ],
    )
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_differing_fields_are_reported(  # the columns of a table
        self, ann: Keyed, there: dict[str, Any], row: dict[str, str], outcome: str, reason: str, *, dry_run: bool
    ) -> None:
        """Those that the file sets; passwords are not tried."""
        ann("POST", "/links", {"url": URL, "alias": "x", **there})
        before = everything()
        text = io.StringIO()
        csv.writer(text).writerows([["code", "url", *row], ["x", URL, *row.values()]])

        ((_, report, _, why),) = report_rows(imported(ann, text.getvalue(), dryRun=dry_run))

        assert (report, why) == (outcome, reason)
        assert everything() == before

    @pytest.mark.parametrize(
        ("scopes", "on_taken", "report"),
        [
            *((("create",), on_taken, "") for on_taken in ("refuse", "skip", "rename")),
            (("create", "manage"), "mend", ""),
            (("create", "read"), "refuse", "url, title, maxVisits"),
            (("admin",), "mend", "url, title, maxVisits"),
        ],
    )
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_differences_need_the_scope_read(  # the columns of a table
        self, ann: Keyed, http: Http, scopes: tuple[str, ...], on_taken: str, report: str, *, dry_run: bool
    ) -> None:
        """Other keys only see that the code is taken, or exists."""
        ann("POST", "/links", {"url": f"{URL}other", "alias": "x", "title": "Secret"})
        ann("POST", "/links", {"url": URL, "alias": "y", "title": "Secret", "maxVisits": 3})
        caller = Keyed(http, make_key("ann", *scopes))
        job = caller("POST", "/imports", {"onTaken": on_taken, "dryRun": dry_run}).json_body

        work(upload(job, f"code,url,title,maxVisits\nx,{URL},Guess,5\ny,{URL},Guess,5\n"))

        taken, there = (row[3] for row in report_rows(read_import(ann, job)))
        assert taken == " ".join(filter(None, ("The code x is taken.", report and f"Differs in: {report}.")))
        assert there == (report and "Differs in: title, maxVisits.")

    @pytest.mark.parametrize(
        ("there", "on_taken", "report"),
        [
            *((("ann", URL), on_taken, ("existing", "")) for on_taken in ("refuse", "skip", "rename")),
            (("ann", URL), "mend", ("mended", "Mended: expiresAt.")),
            (("ann", f"{URL}other"), "refuse", ("refused", "The code {} is taken. Differs in: url.")),
            (("ann", f"{URL}other"), "rename", ("renamed", "The code {} is taken. Differs in: url.")),
            *((there, "refuse", ("refused", RESERVED)) for there in (("bob", URL), (None, URL), None)),
            *((there, "mend", ("refused", RESERVED)) for there in (("bob", URL), (None, URL), None)),
            (None, "skip", ("skipped", RESERVED)),
            (None, "rename", ("renamed", RESERVED)),
        ],
    )
    @pytest.mark.parametrize("code", ["api", "Tags"])
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_a_newly_reserved_code_stays_with_its_holder(  # the columns of a table
        self, ann: Keyed, code: str, there: Any, on_taken: str, report: tuple[str, str], *, dry_run: bool
    ) -> None:
        """A file of its owner finds the link; others neither get the code nor learn of it."""
        if there is not None:
            owner, url = there
            link_store.add(Link(id=code, url=url, created_at=NOW, owner=owner, version=1), "before")
        end = LATER if on_taken == "mend" else ""

        job = imported(ann, f"code,url,expiresAt\n{code},{URL},{end}\n", onTaken=on_taken, dryRun=dry_run)

        ((_, outcome, _, reason),) = report_rows(job)
        assert (outcome, reason) == (report[0], report[1].format(code))

    def test_links_of_others_are_not_compared(self, ann: Keyed, http: Http) -> None:
        """However much of a guess is right."""
        Keyed(http, make_key("bob"))("POST", "/links", {"url": URL, "alias": "x", "title": "Secret"})

        ((_, outcome, _, reason),) = report_rows(imported(ann, f"code,url,title\nx,{URL},Guess\n"))

        assert (outcome, reason) == ("refused", "The code x is taken.")


class TestDryRun:
    """The results of an import, before anything is created."""

    CONTENT = "\n".join(
        [
            "code,url,title,externalId,password,maxVisits,expiresAt,ip",
            f"new,{URL}new,New,,,,,192.0.2.1",
            f"new,{URL}new",
            f"new,{URL}new,Other",
            f"new,{URL}elsewhere",
            f"secret,{URL}secret,,,open sesame",
            f"secret,{URL}secret",
            f"secret,{URL}secret,,,another",
            f",{URL}drawn",
            f",{URL}drawn",
            f",{URL}drawn,,,open sesame",
            f"named,{URL}named,,crm-1",
            f"named-2,{URL}named,,crm-1",
            f"named-3,{URL}named,,crm-0",
            f"open,{URL}open,,,open sesame,5",
            f"open,{URL}open,,,,,{LATER}",
            f"open,{URL}open,Title",
            f"limited,{URL}limited,,,,3,{LATER}",
            f"lasting,{URL}lasting,,,open sesame",
            f"gone,{URL}",
            f"bobs,{URL}",
            f"links,{URL}",
            "bad,ftp://x",
            f'"quoted"x,{URL}',
        ]
    )

    @pytest.fixture
    def there(self, ann: Keyed, http: Http) -> Keyed:
        """Ann, whose links are partly there, and without their protection."""
        ann("POST", "/links", {"url": f"{URL}open", "alias": "open"})
        ann("POST", "/links", {"url": f"{URL}limited", "alias": "limited", "expiresAt": LATE})
        ann("POST", "/links", {"url": f"{URL}lasting", "alias": "lasting", "permanent": True})
        ann("POST", "/links", {"url": URL, "alias": "gone", "externalId": "crm-0"})
        ann("POST", "/links", {"url": URL, "alias": "crm", "externalId": "crm-00"})
        ann("PATCH", "/links/crm", {"externalId": None})
        ann("PATCH", "/links/gone", {"externalId": None})
        ann("PATCH", "/links/crm", {"externalId": "crm-0"})
        ann("DELETE", "/links/gone")
        Keyed(http, make_key("bob")).make(alias="bobs")
        return ann

    @pytest.mark.parametrize(
        ("on_taken", "way"), [*((each, imported) for each in get_args(OnTaken)), ("mend", imported_in_steps)]
    )
    def test_it_reports_what_the_import_does(self, there: Keyed, on_taken: str, way: Callable[..., Any]) -> None:
        """Byte for byte, in all numbers; no item of any table changes, even if it is resumed."""
        before = everything()

        tried = way(there, self.CONTENT, onTaken=on_taken, dryRun=True)
        after, report = everything(), download(tried["report"])
        made = imported(there, self.CONTENT, onTaken=on_taken)

        own = dict.fromkeys(("id", "createdAt", "dryRun", "report"))
        assert after == before
        assert everything() != before
        assert tried | own == made | own
        assert report == download(made["report"])
        assert tried["created"] > 0
        assert (tried["dryRun"], made["dryRun"]) == (True, False)
        assert (
            'filename="dry-run-report.csv"'
            in parse_qs(urlsplit(tried["report"]).query)["response-content-disposition"][0]
        )

    @pytest.mark.usefixtures("aws")
    def test_a_version_without_dry_runs_creates_nothing(self, ann: Keyed) -> None:
        """It finds no import under the id that it reads: two versions run at once during a deployment."""
        job = ann("POST", "/imports", {"dryRun": True}).json_body

        access = [item["id"]["S"] for item in boto3.client("dynamodb").scan(TableName=settings.access_table)["Items"]]

        assert f"import#{job['id']}" not in access
        assert f"dry-run#{job['id']}" in access

    def test_a_stuck_dry_run_is_failed(self, ann: Keyed) -> None:
        """As an import is."""
        job = ann("POST", "/imports", {"dryRun": True}).json_body

        transfer_store.mark_stuck("import", job["id"])

        assert (read_import(ann, job)["state"], read_import(ann, job)["problem"]["code"]) == ("failed", "stuck")


class TestMending:
    """An existing link with the same code, owner and URL gets the protection that the file has."""

    @staticmethod
    def mended(caller: Keyed, row: dict[str, str], url: str = URL, *, dry_run: bool = False) -> tuple[str, str]:
        """Return the outcome of a row, and its sentence in the report."""
        text = io.StringIO()
        csv.writer(text).writerows([["code", "url", *row], ["x", url, *row.values()]])
        ((_, outcome, _, reason),) = report_rows(imported(caller, text.getvalue(), onTaken="mend", dryRun=dry_run))
        return outcome, reason

    def test_only_missing_protection_is_set(self, ann: Keyed) -> None:
        """It is reported and in the history, and a second import changes nothing."""
        ann("POST", "/links", {"url": URL, "alias": "x", "title": "Mine", "tags": ["a"]})
        before = ann.get("/links/x").json_body

        first = self.mended(ann, {**ALL, "title": "Theirs"})
        after, history = ann.get("/links/x").json_body, ann.get("/links/x/history").json_body["data"]
        tables = everything()
        second = self.mended(ann, {**ALL, "title": "Theirs"})

        fields = {
            "expiresAt": LATER,
            "enabled": False,
            "startsAt": ALL["startsAt"],
            "maxVisits": 5,
            "confirm": True,
        }
        assert first == (
            "mended",
            "Mended: expiresAt, enabled, startsAt, maxVisits, confirm, password. Differs in: title.",
        )
        assert {**after, "updatedAt": ""} == {**before, **fields, "protected": True, "visitsLeft": 5, "updatedAt": ""}
        assert [(each["action"], each["by"]) for each in history] == [("changed", "ann"), ("created", "ann")]
        assert history[0]["changes"].keys() == {*fields, "protected"}
        assert second == ("existing", "Differs in: title.")
        assert everything() == tables

    @pytest.mark.parametrize(
        ("there", "row", "report", "is_now"),
        [
            ({}, {"passwordDigest": DIGEST}, "password", {"protected": True}),
            ({}, {"expiresAt": LATER}, "expiresAt", {"expiresAt": LATER}),
            ({}, {"startsAt": LATER}, "startsAt", {"startsAt": LATER}),
            ({}, {"maxVisits": "5"}, "maxVisits", {"maxVisits": 5, "visitsLeft": 5}),
            ({}, {"maxVisits": "5", "visitsSpent": "5"}, "maxVisits, visitsSpent", {"maxVisits": 5, "visitsLeft": 0}),
            ({"maxVisits": 5}, {"maxVisits": "5", "visitsSpent": "4"}, "visitsSpent", {"visitsLeft": 1}),
            ({}, {"enabled": "no"}, "enabled", {"enabled": False}),
            ({}, {"confirm": "yes"}, "confirm", {"confirm": True}),
            ({"confirm": False}, {"confirm": "yes"}, "confirm", {"confirm": True}),
            ({}, {"maxVisits": "1"}, "maxVisits, confirm", {"maxVisits": 1, "visitsLeft": 1, "confirm": True}),
            (
                {"confirm": False},
                {"confirm": "yes", "maxVisits": "1"},
                "maxVisits, confirm",
                {"maxVisits": 1, "visitsLeft": 1, "confirm": True},
            ),
            ({"confirm": False, "maxVisits": 1}, {"confirm": "yes", "maxVisits": "1"}, "confirm", {"confirm": True}),
            ({"permanent": True}, {"blocked": "Spam."}, "blocked", {"blocked": "It was stopped where it comes from."}),
            ({}, {"blockedHost": "site.org", "blocked": "x", "enabled": "no"}, "enabled, blocked", {"enabled": False}),
        ],
    )
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_each_missing_protection_is_set(  # the columns of a table
        self,
        ann: Keyed,
        there: dict[str, Any],
        row: dict[str, str],
        report: str,
        is_now: dict[str, Any],
        *,
        dry_run: bool,
    ) -> None:
        """One by one; afterwards the link differs in nothing that protects, and a second time nothing is changed."""
        ann("POST", "/links", {"url": URL, "alias": "x", **there})
        before = ann.get("/links/x").json_body

        first = self.mended(ann, row, dry_run=dry_run)
        after = ann.get("/links/x").json_body
        again = ("existing", "") if dry_run else self.mended(ann, row)

        assert (first, again) == (("mended", f"Mended: {report}."), ("existing", ""))
        left = {"updatedAt": "", "blocked": ""}
        assert {**before, **(is_now if not dry_run else {}), **left} == {**after, **left}
        assert after["blocked"] == (None if dry_run or "blocked" not in row else "It was stopped where it comes from.")

    @pytest.mark.parametrize(
        ("there", "row", "report"),
        [
            ({"expiresAt": LATER}, {"expiresAt": LATE}, ("existing", "Differs in: expiresAt.")),
            ({"maxVisits": 3}, {"maxVisits": "5", "visitsSpent": "4"}, ("existing", "Differs in: maxVisits.")),
            ({"expiresAt": LATE}, {"expiresAt": LATER}, ("existing", "Differs in: expiresAt.")),
            ({"maxVisits": 3}, {"maxVisits": "5"}, ("existing", "Differs in: maxVisits.")),
            ({"startsAt": LATE}, {"startsAt": LATER}, ("existing", "Differs in: startsAt.")),
            ({"password": "hers, not theirs"}, {"password": "open sesame"}, ("existing", "")),
            ({"password": "hers, not theirs"}, {"passwordDigest": DIGEST}, ("existing", "Differs in: password.")),
            ({"enabled": False}, {"enabled": "yes"}, ("existing", "Differs in: enabled.")),
            ({"confirm": True}, {"confirm": "no"}, ("existing", "Differs in: confirm.")),
            ({"password": "hers alone"}, {"title": "x"}, ("refused", "The code x is taken. Differs in: title.")),
            ({"permanent": True}, {"confirm": "yes"}, "It cannot be mended: Browsers keep a permanent redirect"),
            ({"startsAt": LATE}, {"expiresAt": LATER}, "It cannot be mended: The link would end before it starts."),
        ],
    )
    def test_no_existing_protection_is_replaced(
        self, ann: Keyed, there: dict[str, Any], row: dict[str, str], report: Any
    ) -> None:
        """The link keeps what it has; a conflicting protection is refused."""
        ann("POST", "/links", {"url": URL, "alias": "x", **there})
        before = everything()

        outcome, reason = self.mended(ann, row)

        assert report in reason if isinstance(report, str) else (outcome, reason) == report
        assert outcome == ("refused" if isinstance(report, str) else report[0])
        assert everything() == before

    def test_a_limit_includes_the_visits_spent(self, ann: Keyed) -> None:
        """Otherwise as many more would be possible."""
        ann("POST", "/links", {"url": URL, "alias": "x"})

        assert self.mended(ann, {"maxVisits": "5", "visitsSpent": "4"})[0] == "mended"

        assert ann.get("/links/x").json_body["visitsLeft"] == 1

    @pytest.mark.parametrize(("owner", "url"), [("bob", URL), ("ann", f"{URL}other")])
    def test_another_link_is_unchanged(self, ann: Keyed, http: Http, owner: str, url: str) -> None:
        """A link of another owner or URL: the row is refused as always."""
        Keyed(http, make_key(owner))("POST", "/links", {"url": url, "alias": "x"})
        before = link_store.find_now("x")

        outcome, reason = self.mended(ann, ALL)

        assert outcome == "refused"
        assert reason.startswith("The code x is taken.")
        assert link_store.find_now("x") == before

    def test_it_needs_the_scope_manage(self, http: Http) -> None:
        """The scope `create` is not enough."""
        maker = Keyed(http, make_key("ann", "create"))

        responses = [maker("POST", "/imports", {"onTaken": each}) for each in ("refuse", "mend")]

        assert [each.status_code for each in responses] == [201, 403]
        assert responses[1].json_body["scope"] == "manage"

    def test_a_concurrent_change_is_not_overwritten(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The link is read again: the new password is kept, and other missing protection is set."""
        ann("POST", "/links", {"url": URL, "alias": "x"})
        change, rivals = link_store.change, iter([{"password": "hers, not theirs"}, {"title": "Hers"}])

        def overtaken(*args: Any) -> None:
            monkeypatch.setattr(link_store, "change", change)
            rival = next(rivals, None)
            if rival is not None:
                ann("PATCH", "/links/x", rival)
                monkeypatch.setattr(link_store, "change", overtaken)
            change(*args)

        monkeypatch.setattr(link_store, "change", overtaken)
        report = self.mended(ann, {"passwordDigest": DIGEST, "confirm": "yes"})

        kept = link_store.find_now("x")
        assert report == ("mended", "Mended: confirm. Differs in: password.")
        assert kept is not None
        assert (kept.title, kept.confirm) == ("Hers", True)
        assert password.matches("hers, not theirs", kept.password_digest or "")

    def test_a_link_that_moves_meanwhile_is_not_mended(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The write has its owner in its condition; it is another's then, as if it always had been."""
        ann("POST", "/links", {"url": URL, "alias": "x"})
        change = link_store.change
        moved: list[Link | None] = []

        def overtaken(*args: Any) -> None:
            if not moved:
                move("x", "bob", keep_version=True)
                moved.append(link_store.find_now("x"))
            change(*args)

        monkeypatch.setattr(link_store, "change", overtaken)

        assert self.mended(ann, {"confirm": "yes"}) == ("refused", "The code x is taken.")
        assert [link_store.find_now("x")] == moved

    def test_a_resumed_row_tells_nothing_of_a_link_that_moved(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was mended before a kill, and moves between two reads of it."""
        ann("POST", "/links", {"url": URL, "alias": "x"})
        job = ann("POST", "/imports", {"onTaken": "mend"}).json_body
        body = upload(job, f"code,url,confirm,title\nx,{URL},yes,Theirs\n")
        with pytest.MonkeyPatch.context() as killed:
            killed.setattr(transfer_store, "checkpoint", lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            with pytest.raises(StoreUnavailable):
                work(body)
        changes_by = history_store.changes_by

        def overtaken(*args: Any) -> Any:
            move("x", "bob")
            return changes_by(*args)

        monkeypatch.setattr(history_store, "changes_by", overtaken)
        work(body)

        assert report_rows(read_import(ann, job))[0][1::2] == ("refused", "The code x is taken.")

    def test_a_contended_row_is_retried_later(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is tried with pauses, as every change, until the time is over; then by the next worker."""
        ann("POST", "/links", {"url": URL, "alias": "x"})
        job = ann("POST", "/imports", {"onTaken": "mend"}).json_body
        body = upload(job, f"code,url,confirm\nx,{URL},yes\n")
        pauses: list[float] = []
        with monkeypatch.context() as busy:
            busy.setattr(transactions, "pause", pauses.append)
            busy.setattr("chalicelib.aws.dynamodb.transactions.time.monotonic", lambda: float(len(pauses)))
            busy.setattr(link_store, "change", lambda *_: (_ for _ in ()).throw(LinkChanged()))
            with pytest.raises(WriteContended):
                work(body)
        halfway = read_import(ann, job)

        work(body)

        assert pauses == sorted(pauses) != []
        assert (halfway["state"], halfway["read"]) == ("running", 0)
        assert report_rows(read_import(ann, job))[0][1] == "mended"

    def test_a_resumed_import_reports_mended_rows(self, ann: Keyed) -> None:
        """After a kill before the checkpoint and a later change, the row is reported, and not mended twice."""
        ann("POST", "/links", {"url": URL, "alias": "x"})
        job = ann("POST", "/imports", {"onTaken": "mend"}).json_body
        body = upload(job, f"code,url,confirm,expiresAt\nx,{URL},yes,{LATER}\n")
        with pytest.MonkeyPatch.context() as killed:
            killed.setattr(transfer_store, "checkpoint", lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            with pytest.raises(StoreUnavailable):
                work(body)
        ann("PATCH", "/links/x", {"confirm": False})

        work(body)

        assert report_rows(read_import(ann, job))[0][1::2] == (
            "mended",
            "Mended: expiresAt, confirm. Differs in: confirm.",
        )
        assert ann.get("/links/x").json_body["confirm"] is False


class TestExports:
    """Links are exported to a file."""

    def test_a_finished_export_has_a_file(self, ann: Keyed, http: Http, later: Move) -> None:
        """Of the owner's links, the oldest first; it can be downloaded for 15 minutes, and has a name."""
        ann.make(alias="first", title="=1+1", tags=["one", "two"])
        later(timedelta(seconds=1))
        Keyed(http, make_key("bob")).make(alias="bobs")
        ann.make(alias="second", password="open sesame")

        job = exported(ann)

        assert (job["state"], job["links"], job["problem"]) == ("done", 2, None)
        rows = csv_rows(download(job["file"]))
        assert [(row["code"], row["owner"], row["visits"]) for row in rows] == [
            ("first", "ann", "0"),
            ("second", "ann", "0"),
        ]
        assert (rows[0]["tags"], rows[1]["passwordDigest"] != "") == ("one,two", True)
        query = parse_qs(urlsplit(job["file"]).query)
        assert query["X-Amz-Expires"] == ["900"]
        assert query["response-content-disposition"] == ['attachment; filename="links-2026-11-25.csv"']

    def test_no_cell_is_a_formula(self, ann: Keyed) -> None:
        """A spreadsheet runs nothing of it, and an import restores the values."""
        titles = ["=1+1", "@SUM(A1)", "'=1+1", "-1", "+1", "plain"]
        for title in titles:
            ann.make(alias=f"x{titles.index(title)}", title=title)
        text = download(exported(ann)["file"])
        for link in ann.get("/links").json_body["data"]:
            boto3.client("dynamodb").delete_item(TableName=settings.links_table, Key={"code": {"S": link["code"]}})

        job = imported(ann, text)

        assert all(cell[:1] not in tuple("=+-@") for row in csv_rows(text) for cell in row.values())
        assert job["created"] == len(titles)
        assert [ann.get(f"/links/x{place}").json_body["title"] for place in range(len(titles))] == titles

    def test_everyones_links_are_exported(self, ann: Keyed, http: Http) -> None:
        """One JSON object a line, links without an owner included, with the counts of each day."""
        ann.make(alias="anns")
        Keyed(http, None).make(alias="nobodys")

        job = exported(Keyed(http, make_key("root", "admin")), owner="*", format="ndjson", days=True)

        lines = [json.loads(line) for line in download(job["file"]).splitlines()]
        assert sorted((line["code"], line["owner"], line["days"]) for line in lines) == [
            ("anns", "ann", {}),
            ("nobodys", None, {}),
        ]
        assert urlsplit(job["file"]).path == f"/exports/{job['id']}.ndjson"

    @pytest.mark.parametrize("days", [False, True])
    def test_a_link_that_moves_meanwhile_is_left_out(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch, *, days: bool
    ) -> None:
        """The index had listed it, and its numbers have what the new owner's visitors did; as one that is deleted."""
        for code in ("kept", "moved", "gone"):
            ann.make(f"{URL}{code}", alias=code)
        totals_of = click_store.totals_of

        def overtaken(*args: Any) -> Any:
            move("moved", "bob")
            assert ann("DELETE", "/links/gone").status_code == 204
            return totals_of(*args)

        monkeypatch.setattr(click_store, "totals_of", overtaken)
        job = exported(ann, days=days)

        assert (job["state"], job["links"]) == ("done", 1)
        assert [row["code"] for row in csv_rows(download(job["file"]))] == ["kept"]

    def test_imported_visits_are_included(self, ann: Keyed) -> None:
        """For the next import both counts are past."""
        imported(ann, f"code,url,visits\nsale,{URL},7\n")

        (row,) = csv_rows(download(exported(ann)["file"]))

        assert row["visits"] == "7"

    def test_a_repeated_export_writes_nothing(self, ann: Keyed) -> None:
        """The message comes twice, with a new link in between: a finished export stays as it is."""
        ann.make()
        job = ann("POST", "/exports").json_body
        (body,) = queued()
        work(body)
        first = download(ann.get(f"/exports/{job['id']}").json_body["file"])
        ann.make()

        work(body)

        again = ann.get(f"/exports/{job['id']}").json_body
        assert (again["links"], download(again["file"])) == (1, first)

    def test_an_export_out_of_time_fails(self, ann: Keyed) -> None:
        """There is no incomplete file."""
        for _ in range(2):
            ann.make()
        job = ann("POST", "/exports").json_body
        (body,) = queued()

        work(body, seconds=1)

        shown = ann.get(f"/exports/{job['id']}").json_body
        assert (shown["state"], shown["problem"]["code"], shown["file"]) == ("failed", "too-many-links", None)

    def test_an_unknown_export_is_not_written(self, ann: Keyed) -> None:  # noqa: ARG002  # the bucket
        """Its record had expired before its message came."""
        work(json.dumps({"export": UNKNOWN_ID}))

        assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=settings.files_bucket)


class TestDomains:
    """Rows that name domains, and imports and exports of one."""

    TEXT = "team.example=team,go.team.example=team,low.example=low:any-case,shop.example=shop"

    @pytest.fixture
    def root(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> Keyed:
        """An administrator; ``ann`` and ``bob`` may use all domains but shop.example."""
        domains.with_domains(monkeypatch, self.TEXT)
        domain_settings.reset()
        root = Keyed(http, make_key("root", "admin"))
        for host in ("team.example", "low.example"):
            assert root("PATCH", f"/v1/domains/{host}", {"workspaces": ["ann", "bob"]}).status_code == 200
        return root

    CONTENT = "\n".join(
        [
            "code,url,domain,externalId,password",
            f"Same,{URL}1,sho.rt,crm-1,",
            f"Same,{URL}2,team.example,,",
            f"Same,{URL}3,low.example,,",
            f"SAME,{URL}3,low.example,,",
            f"sAme,{URL}4,low.example,,",
            f"Same,{URL}2,go.team.example,,",
            f"Same,{URL}5,shop.example,,",
            f"other,{URL}6,bit.ly,,",
            f"links,{URL}7,team.example,,",
            f"named,{URL}8,team.example,crm-1,",
            f"Theirs,{URL}9,low.example,,",
            f"Open,{URL}10,team.example,,open sesame",
            f"Open,{URL}10,,,open sesame",
            f",{URL}11,team.example,,",
            f",{URL}11,low.example,,",
            f",{URL}11,,,",
        ]
    )

    @pytest.fixture
    def there(self, ann: Keyed, http: Http, root: Keyed) -> Keyed:  # noqa: ARG002  # the domains must be there first
        """Ann, with links that lack the password of the file, and one of bob's where she has one to import."""
        for domain in ("team.example", None):
            ann.make(f"{URL}10", alias="Open", domain=domain)
        Keyed(http, make_key("bob")).make(f"{URL}9", alias="theirs", domain="low.example")
        return ann

    def test_each_row_becomes_a_link_of_its_domain(self, there: Keyed) -> None:
        """The same code at two domains is two links; one that ignores case has one of them."""
        job = imported(there, self.CONTENT)

        *told, at_team, at_low, at_default = report_rows(job)
        assert [row[1:] for row in told] == [
            ("created", "https://sho.rt/Same", ""),
            ("created", "https://team.example/Same", ""),
            ("created", "https://low.example/same", ""),
            ("existing", "https://low.example/same", ""),
            ("refused", "", "The code same is taken. Differs in: url."),
            ("existing", "https://team.example/Same", ""),
            ("refused", "", "Links at shop.example cannot be made with this key."),
            ("created", "https://sho.rt/other", "Left out: domain."),
            ("refused", "", told[8][3]),
            ("refused", "", told[9][3]),
            ("refused", "", "The code theirs is taken."),
            ("refused", "", "The code Open is taken. Differs in: password."),
            ("refused", "", "The code Open is taken. Differs in: password."),
        ]
        assert "crm-1" in told[9][3]
        assert {each["kind"]: each["rows"] for each in job["refusals"]} == {
            "taken": 4,
            "domain": 1,
            "code": 1,
            "external-id": 1,
        }
        assert [row[1] for row in (at_team, at_low, at_default)] == ["created"] * 3
        urls = [row[2] for row in (at_team, at_low, at_default)]
        assert [urlsplit(url).netloc for url in urls] == ["team.example", "low.example", "sho.rt"]
        assert len({urlsplit(url).path for url in urls}) == 3
        assert urls[1] == urls[1].lower()
        assert [len(urlsplit(url).path) for url in urls] == [8, 10, 8]  # longer, for as many codes without capitals
        assert there.get("/links/Same?domain=team.example").json_body["url"] == f"{URL}2"

    @pytest.mark.parametrize(
        ("on_taken", "way"), [*((each, imported) for each in get_args(OnTaken)), ("mend", imported_in_steps)]
    )
    def test_a_dry_run_reports_what_the_import_does(self, there: Keyed, on_taken: str, way: Callable[..., Any]) -> None:
        """Byte for byte, at several domains, also if it is resumed after each row."""
        before = everything()

        tried = way(there, self.CONTENT, onTaken=on_taken, dryRun=True)
        after, report = everything(), download(tried["report"])
        made = imported(there, self.CONTENT, onTaken=on_taken)

        assert after == before
        assert report == download(made["report"])
        assert made["mended"] == (2 if on_taken == "mend" else 0)
        assert made["renamed"] == (5 if on_taken == "rename" else 0)

    def test_a_resumed_dry_run_knows_what_it_would_have_mended(self, there: Keyed) -> None:
        """The link of the row's space, which a later row with the same code finds as it would be."""
        rows = f"code,url,domain,password\nOpen,{URL}10,team.example,open sesame\nOpen,{URL}10,go.team.example,"

        tried = imported_in_steps(there, rows, onTaken="mend", dryRun=True)
        made = imported(there, rows, onTaken="mend")

        assert report_rows(tried) == report_rows(made)
        assert [row[1] for row in report_rows(tried)] == ["mended", "refused"]

    def test_importing_again_creates_nothing(self, there: Keyed) -> None:
        """Codes are derived for each domain, and found again."""
        imported(there, self.CONTENT)
        before = {link.id: link for link in link_store.all_links()}

        again = imported(there, self.CONTENT)

        assert (again["created"], again["existing"]) == (0, 9)
        assert {link.id: link for link in link_store.all_links()} == before

    @pytest.mark.parametrize(
        ("default", "body", "host"),
        [
            (None, {}, "sho.rt"),
            (None, {"domain": "team.example"}, "team.example"),
            (None, {"domain": "GO.team.example"}, "team.example"),
            (None, {"domain": "sho.rt"}, "sho.rt"),
            ("team.example", {}, "team.example"),
            ("team.example", {"domain": None}, "team.example"),
            ("team.example", {"domain": "sho.rt"}, "sho.rt"),
            ("team.example", {"domain": "low.example"}, "low.example"),
        ],
    )
    def test_an_import_has_a_domain(self, ann: Keyed, root: Keyed, default: str | None, body: Any, host: str) -> None:
        """For rows that name none of ours: that of the request, of the workspace, or the default one."""
        if default is not None:
            assert root("PATCH", "/v1/workspaces/ann", {"defaults": {"domain": default}}).status_code == 200

        job = imported(ann, f"alias,url\nx,{URL}\n", **body)

        assert job["domain"] == host
        assert report_rows(job)[0][1:] == ("created", f"https://{host}/x", "")

    def test_only_administrators_import_to_every_domain(self, ann: Keyed, root: Keyed) -> None:
        """Others are refused before there is an import, or row by row."""
        refused = ann("POST", "/imports", {"domain": "shop.example"})
        job = imported(root, f"alias,url,domain\nx,{URL},\ny,{URL},team.example\n", domain="shop.example")

        assert (refused.status_code, refused.json_body["code"]) == (403, "domain-refused")
        assert [row[2] for row in report_rows(job)] == ["https://shop.example/x", "https://team.example/y"]

    @pytest.mark.usefixtures("root")
    def test_a_direct_upload_is_for_the_default_domain(self) -> None:
        """Its rows may name every domain: who puts files there is trusted."""
        content = f"alias,url,domain\nx,{URL},\ny,{URL},shop.example\n"

        work(upload({"upload": {"fields": {"key": "imports/ann/links.csv"}}}, content))

        assert {link.id: link.owner for link in link_store.all_links()} == {"x": "ann", "//shop/y": "ann"}

    @pytest.mark.usefixtures("root")
    def test_an_import_is_stored_with_its_space(self, ann: Keyed) -> None:
        """Its host may be renamed; one of the version before has none, and is for the default domain."""
        jobs = [ann("POST", "/imports", body).json_body for body in ({}, {"domain": "go.team.example"})]

        items = [
            boto3.client("dynamodb").get_item(
                TableName=settings.access_table, Key={"id": {"S": f"import#{job['id']}"}}
            )["Item"]
            for job in jobs
        ]

        assert [item.get("space") for item in items] == [None, {"S": "team"}]
        assert not any("example" in str(item) for item in items)

    @pytest.mark.usefixtures("root")
    def test_an_import_fails_when_its_domain_is_gone(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its links are not created elsewhere."""
        job = ann("POST", "/imports", {"domain": "team.example"}).json_body
        domains.with_domains(monkeypatch, "team.example=team:retired")

        work(upload(job, f"alias,url\nx,{URL}\n"))

        found = read_import(ann, job)
        assert (found["state"], found["problem"]["code"]) == ("failed", "domain-gone")
        assert list(link_store.all_links()) == []

    @pytest.mark.parametrize(
        ("body", "host", "ids"),
        [
            ({}, None, ["x", "//low/x", "//team/x"]),
            ({"domain": "sho.rt"}, "sho.rt", ["x"]),
            ({"domain": "go.team.example"}, "team.example", ["//team/x"]),
            ({"domain": "shop.example", "format": "ndjson"}, "shop.example", []),
        ],
    )
    @pytest.mark.usefixtures("root", "later")
    def test_an_export_may_be_of_one_domain(
        self, ann: Keyed, later: Move, body: Any, host: str | None, ids: list[str]
    ) -> None:
        """Without it, of all: by their time, and by id where that is the same."""
        ann.make(alias="x")
        later(timedelta(seconds=1))
        for domain in ("team.example", "low.example"):
            ann.make(alias="x", domain=domain)

        job = exported(ann, **body)

        rows = csv_rows(download(job["file"]))
        known = {"sho.rt": "x", "team.example": "//team/x", "low.example": "//low/x"}
        assert (job["domain"], job["links"]) == (host, len(ids))
        assert [known[row["domain"]] for row in rows] == ids

    @pytest.mark.parametrize("kind", ["csv", "ndjson"])
    @pytest.mark.usefixtures("root")
    def test_an_export_is_imported_to_the_same_domains(self, ann: Keyed, kind: str) -> None:
        """The same code in three spaces is three links again, whatever domain the import is for."""
        for domain in (None, "team.example", "low.example"):
            ann.make(f"{URL}{domain}", alias="Same", domain=domain, password="open sesame")
        before = {link.id: link for link in link_store.all_links()}
        first = download(exported(ann, format=kind)["file"])
        for link_id in before:
            boto3.client("dynamodb").delete_item(TableName=settings.links_table, Key={"code": {"S": link_id}})

        job = imported(ann, first, domain="low.example")

        after = {link.id: link for link in link_store.all_links()}
        assert (job["created"], job["leftOut"]["rows"]) == (3, 0)
        assert after == before
        assert download(exported(ann, format=kind)["file"]) == first


@pytest.mark.parametrize(("path", "days"), [("/imports", 30), ("/exports", 7)])
def test_an_expired_transfer_is_gone(ann: Keyed, later: Move, path: str, days: int) -> None:
    """As its files, even if TTL deletes the item late."""
    job = ann("POST", path).json_body
    responses = []

    for passed in (timedelta(days=days), timedelta(days=days, seconds=1)):
        later(passed)
        responses.append(ann.get(f"{path}/{job['id']}").status_code)

    item = {"id": {"S": f"{path[1:-1]}#{job['id']}"}}
    assert responses == [200, 404]
    assert "Item" in boto3.client("dynamodb").get_item(TableName=settings.access_table, Key=item)
