"""Imports and exports: asked for at the doors, done by two functions, with the files in a bucket of this process."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import boto3
import pytest
from chalice.local import LambdaContext
from chalice.test import Client
from chalice.test import TestHTTPClient as Http

import app as doors
from chalicelib import transfers
from chalicelib.aws import block_list, transfer_table, work_queue
from chalicelib.core.transfer import Export, Import, Problem
from chalicelib.core.upload import MAX_BYTES
from chalicelib.errors import ImportOvertaken, StoreUnavailable
from chalicelib.settings import settings
from tests.callers import Keyed, make_key

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
URL = "https://example.com/"
DOORS = [("POST", "/imports"), ("GET", "/imports/{}"), ("POST", "/exports"), ("GET", "/exports/{}")]
NOBODYS = "0" * 32
"""What could be the id of an import or an export, and is that of none."""
Move = Callable[[timedelta], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Move:
    """It is ``NOW``, and later whenever that is asked for."""
    monkeypatch.setattr("app.now", lambda: NOW)
    return lambda passed: monkeypatch.setattr("app.now", lambda: NOW + passed)


def sent(order: dict[str, Any], content: str) -> str:
    """Put a file where an import says, as its form does, and return the message that S3 then writes."""
    key = order["upload"]["fields"]["key"]
    put = boto3.client("s3").put_object(Bucket=settings.files_bucket, Key=key, Body=content.encode())
    return message(key, put["VersionId"], len(content.encode()))


def message(key: str, version: str, size: int) -> str:
    """Return what S3 writes into the queue of imports when a file has come."""
    with Client(doors.app) as client:
        event = client.events.generate_s3_event(settings.files_bucket, quote_plus(key), "ObjectCreated:Post")
    event["Records"][0]["s3"]["object"] |= {"versionId": version, "size": size}
    return json.dumps(event)


def worked(body: str, seconds: int = 60, tries: int = 1) -> None:
    """Give a message to the function, which has so many ``seconds`` left."""
    with Client(doors.app) as client:
        event = client.events.generate_sqs_event([body], queue_name="files")
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(tries)
    doors.app.handler_map["work_on_files"](event, LambdaContext("work_on_files", 512, max_runtime_ms=seconds * 1000))


def queued() -> list[str]:
    """Take all messages out of a queue."""
    sqs, queue_url, bodies = boto3.client("sqs"), settings.files_queue_url, []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for each in messages:
            bodies.append(each["Body"])
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=each["ReceiptHandle"])
    return bodies


def attributes_of_queue(name: str) -> int:
    """Return a count that the queue keeps of itself."""
    told = boto3.client("sqs").get_queue_attributes(QueueUrl=settings.files_queue_url, AttributeNames=["All"])
    return int(told["Attributes"][name])


def fetched(address: str) -> str:
    """Return what is at a signed address."""
    parts = urlsplit(address)
    assert parts.netloc == f"{settings.files_bucket}.s3.eu-west-1.amazonaws.com"
    found = boto3.client("s3").get_object(Bucket=settings.files_bucket, Key=parts.path[1:])
    text: str = found["Body"].read().decode()
    return text


def rows_in(text: str) -> list[dict[str, str]]:
    """Return the rows of a table."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def imported(who: Keyed, content: str, **wish: Any) -> dict[str, Any]:
    """Import a file, and return the import when it is over."""
    order = who("POST", "/imports", wish).json_body
    worked(sent(order, content))
    return seen(who, order)


def exported(who: Keyed, **wish: Any) -> dict[str, Any]:
    """Export links, and return the export when it is over."""
    order: dict[str, Any] = who("POST", "/exports", wish).json_body
    for body in queued():
        worked(body)
    shown: dict[str, Any] = who.get(f"/exports/{order['id']}").json_body
    return shown


def seen(who: Keyed, order: dict[str, Any]) -> dict[str, Any]:
    """Return an import as it is now."""
    shown: dict[str, Any] = who.get(f"/imports/{order['id']}").json_body
    return shown


def reported(order: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of an import's report."""
    return [tuple(row.values()) for row in rows_in(fetched(order["report"]))]


class TestAsking:
    """What may be asked for, by whom, and what then is there."""

    @pytest.mark.parametrize(("method", "path"), DOORS)
    def test_who_has_no_key_moves_no_links(self, http: Http, method: str, path: str) -> None:
        """Also where links may be made without one; the key to a link is none here."""
        assert settings.open_create
        stranger = Keyed(http, Keyed(http, None).make()["manageKey"])

        answers = [who(method, path.format(NOBODYS)) for who in (Keyed(http, None), stranger)]

        assert [(each.status_code, each.json_body["code"]) for each in answers] == [(401, "key-missing")] * 2

    @pytest.mark.parametrize(("method", "path"), DOORS)
    def test_without_a_bucket_nothing_is_moved(
        self, ann: Keyed, monkeypatch: pytest.MonkeyPatch, method: str, path: str
    ) -> None:
        """503, and not before somebody has given the service one will it be different."""
        monkeypatch.setattr(transfers, "settings", dataclasses.replace(settings, files_bucket=""))

        answer = ann(method, path.format(NOBODYS))

        assert (answer.status_code, answer.json_body["code"]) == (503, "no-storage")
        assert "Retry-After" in answer.headers

    @pytest.mark.parametrize("path", ["/imports", "/exports"])
    @pytest.mark.parametrize("body", [None, {}, {"onTaken": None}, {"format": None, "days": None, "owner": None}])
    def test_a_body_may_be_missing(self, ann: Keyed, path: str, body: Any) -> None:
        """All that it could say has a default."""
        known = {"/imports": {"onTaken"}, "/exports": {"format", "days", "owner"}}[path]

        answer = ann("POST", path, body)

        if not known >= (body or {}).keys():
            assert answer.status_code == 422
        elif path == "/imports":
            assert (answer.status_code, answer.json_body["onTaken"]) == (201, "refuse")
        else:
            told = [answer.json_body[name] for name in ("format", "days", "owner")]
            assert (answer.status_code, told) == (202, ["csv", False, "ann"])

    @pytest.mark.parametrize(
        ("path", "body", "fields"),
        [
            ("/imports", {"onTaken": "overwrite"}, ["onTaken"]),
            ("/imports", {"onTaken": ["skip"], "ontaken": "skip", "owner": "bob"}, ["ontaken", "owner", "onTaken"]),
            ("/exports", {"format": "xlsx", "days": "yes", "owner": "a b"}, ["format", "owner", "days"]),
            ("/exports", {"formats": "csv", "days": 1}, ["formats", "days"]),
            ("/exports", {"owner": 1}, ["owner"]),
            ("/exports", {"owner": "**"}, ["owner"]),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_said_of_every_field(self, ann: Keyed, path: str, body: Any, fields: list[str]) -> None:
        """All of them at once."""
        answer = ann("POST", path, body)

        assert (answer.status_code, answer.json_body["code"]) == (422, "transfer-invalid")
        assert [error["field"] for error in answer.json_body["errors"]] == fields

    def test_a_form_says_where_the_file_goes(self, ann: Keyed, later: Move) -> None:  # noqa: ARG002  # it is NOW
        """For a quarter of an hour, for one object, of CSV and 1 byte to 10 MiB, whatever else is tried with it."""
        order = ann("POST", "/imports").json_body

        form = order["upload"]
        fields = form["fields"]
        policy = json.loads(base64.b64decode(fields["policy"]))
        assert (form["method"], form["maxBytes"]) == ("POST", 10 * 1024 * 1024)
        assert form["url"] == "https://shortener-files.s3.eu-west-1.amazonaws.com"
        assert (fields["key"], fields["Content-Type"]) == (f"imports/{order['id']}", "text/csv")
        assert (policy["expiration"], form["expiresAt"]) == ("2026-11-25T09:45:00Z", "2026-11-25T09:45:00.000Z")
        signed = [{name: fields[name]} for name in fields.keys() - {"policy", "x-amz-signature"}]
        limits = [{"bucket": settings.files_bucket}, ["content-length-range", 1, MAX_BYTES]]
        assert sorted(map(str, policy["conditions"])) == sorted(map(str, [*signed, *limits]))
        assert (order["state"], order["total"], order["read"], order["report"]) == ("waiting", None, 0, None)
        assert "upload" not in seen(ann, order)

    def test_an_export_is_one_message(self, ann: Keyed) -> None:
        """Whatever is done, is done by who takes it."""
        answer = ann("POST", "/exports", {"format": "ndjson", "days": True})

        order = answer.json_body
        assert [json.loads(body) for body in queued()] == [{"export": order["id"]}]
        assert queued() == []
        assert answer.status_code == 202
        assert order == ann.get(f"/exports/{order['id']}").json_body
        assert (order["state"], order["links"], order["file"], order["problem"]) == ("running", None, None, None)

    @pytest.mark.parametrize("owner", ["bob", "*"])
    def test_links_of_others_are_an_admins_to_export(self, ann: Keyed, http: Http, owner: str) -> None:
        """Nobody else asks for them; whose they are says the export."""
        refused = ann("POST", "/exports", {"owner": owner})
        nothing = queued()
        granted = Keyed(http, make_key("root", "admin"))("POST", "/exports", {"owner": owner})

        assert (refused.status_code, refused.json_body["scope"], nothing) == (403, "admin", [])
        assert (granted.status_code, granted.json_body["owner"]) == (202, owner)
        assert ann("POST", "/exports", {"owner": "ann"}).status_code == 202


class TestWhose:
    """What is somebody else's is not there."""

    @pytest.mark.parametrize("path", ["/imports", "/exports"])
    def test_foreign_and_missing_are_the_same_bytes(self, ann: Keyed, http: Http, path: str) -> None:
        """Nobody learns of it; another key of the owner's sees it, and an admin sees all."""
        order = ann("POST", path).json_body
        bob, phone, root = (Keyed(http, key) for key in (make_key("bob"), make_key("ann"), make_key("root", "admin")))

        foreign, missing = (bob.get(f"{path}/{name}") for name in (order["id"], NOBODYS))

        assert (foreign.status_code, foreign.json_body["code"]) == (404, f"{path[1:-1]}-unknown")
        assert foreign.body == missing.body
        assert [who.get(f"{path}/{order['id']}").status_code for who in (ann, phone, root)] == [200, 200, 200]
        assert root.get(f"{path}/{NOBODYS}").status_code == 404

    @pytest.mark.parametrize("owner", ["ann", "*"])
    def test_an_export_of_others_is_for_admins(self, ann: Keyed, http: Http, owner: str) -> None:
        """Neither another key of the one who asked for it gets it, nor whose links they are."""
        order = Keyed(http, make_key("root", "admin"))("POST", "/exports", {"owner": owner}).json_body

        answers = [who.get(f"/exports/{order['id']}").status_code for who in (Keyed(http, make_key("root")), ann)]

        assert answers == [404, 404]

    @pytest.mark.usefixtures("aws")
    def test_links_are_the_importers(self, ann: Keyed, http: Http) -> None:
        """Whatever a file says of whose they are."""
        imported(ann, f"code,url,owner\nmine,{URL},bob\n")

        assert ann.get("/links/mine").json_body["owner"] == "ann"
        assert Keyed(http, make_key("bob")).get("/links/mine").status_code == 404

    def test_a_file_that_an_operator_put_there_is_its_folders(self, ann: Keyed, http: Http) -> None:
        """``imports/ann/...`` is ann's, what is in no folder nobody's, and only admins have that."""
        root = Keyed(http, make_key("root", "admin"))
        for place, code in (("ann/old links.csv", "anns"), ("old.csv", "nobodys")):
            worked(sent({"upload": {"fields": {"key": f"imports/{place}"}}}, f"code,url\n{code},{URL}\n"))

        assert ann.get("/links/anns").json_body["owner"] == "ann"
        assert (ann.get("/links/nobodys").status_code, root.get("/links/nobodys").json_body["owner"]) == (404, None)


class TestImports:
    """A file becomes links and a report."""

    def test_when_it_is_over_it_says_what_became_of_each_row(self, ann: Keyed, later: Move) -> None:  # noqa: ARG002  # it is NOW
        """In numbers, and in a report that can be fetched for a quarter of an hour."""
        ann.make(alias="taken")
        content = (
            f'code,url,title,visits\nsale,{URL}sale,"Sale, at last",7\ntaken,{URL},x,0\n,{URL}drawn,,\n,ftp://x,,\n'
        )

        order = imported(ann, content)

        assert (order["state"], order["format"], order["problem"]) == ("done", "export", None)
        assert [order[name] for name in ("total", "read", "created", "refused")] == [4, 4, 2, 1]
        assert [order[name] for name in ("renamed", "existing", "skipped")] == [0, 1, 0]
        line, *_, drawn, refused = reported(order)
        assert line == ("2", "created", "https://sho.rt/sale", "")
        assert drawn[:2] == ("4", "created")
        assert (refused[:3], "http" in refused[3]) == (("5", "refused", ""), True)
        assert ann.get(f"/links/{drawn[2].rpartition('/')[2]}").json_body["url"] == f"{URL}drawn"
        link = ann.get("/links/sale").json_body
        assert (link["title"], link["importedVisits"], link["visits"]["total"]) == ("Sale, at last", 7, 0)
        query = parse_qs(urlsplit(order["report"]).query)
        assert (query["X-Amz-Date"], query["X-Amz-Expires"]) == (["20261125T093000Z"], ["900"])
        assert query["response-content-disposition"] == ['attachment; filename="import-report.csv"']

    @pytest.mark.parametrize(
        ("on_taken", "outcome", "links"), [("refuse", "refused", 0), ("skip", "skipped", 0), ("rename", "renamed", 1)]
    )
    def test_a_code_that_is_taken(self, ann: Keyed, http: Http, on_taken: str, outcome: str, links: int) -> None:
        """Is its holder's; the row goes without a link, or gets another code, as was asked for."""
        Keyed(http, make_key("bob")).make(alias="sale")

        order = imported(ann, f"code,url\nsale,{URL}\n", onTaken=on_taken)

        ((_, told, short_url, reason),) = reported(order)
        assert (order[outcome], told, reason) == (1, outcome, "The code sale is taken.")
        assert (short_url != "") == (links == 1)
        assert len(ann.get("/links").json_body["data"]) == links

    def test_without_time_it_goes_on_by_itself(self, ann: Keyed) -> None:
        """What is left is a message to whoever comes next; and the report is whole."""
        order = ann("POST", "/imports").json_body
        bodies, states = [sent(order, "".join(f"{URL}{number}\n" for number in range(3)))], []

        while bodies:
            worked(bodies.pop(), seconds=1)
            bodies += queued()
            shown = seen(ann, order)
            states.append((shown["state"], shown["read"], shown["report"] is None))

        assert states == [("running", 1, True), ("running", 2, True), ("done", 3, False)]
        assert [row[:2] for row in reported(shown)] == [("1", "created"), ("2", "created"), ("3", "created")]

    def test_done_again_it_is_as_it_was(self, ann: Keyed) -> None:
        """A message that comes twice, and a file that comes once more, make nothing twice."""
        order, content = ann("POST", "/imports").json_body, f"code,url\nsale,{URL}\n,{URL}\n"
        body = sent(order, content)
        worked(body)
        first, report = seen(ann, order), reported(seen(ann, order))

        worked(body)
        again = imported(ann, content)

        second = seen(ann, order)
        assert {**first, "report": None} == {**second, "report": None}
        assert report == reported(second)
        assert [again[name] for name in ("created", "existing")] == [0, 2]
        assert len(ann.get("/links").json_body["data"]) == 2

    def test_who_goes_on_finds_rows_that_were_done(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """Killed before it was kept how far it is: the same rows are created, and no link is there twice."""
        order = ann("POST", "/imports").json_body
        body = sent(order, f"code,url\nsale,{URL}\n,{URL}\n")
        with monkeypatch.context() as killed:
            killed.setattr(transfer_table, "advance", lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            with pytest.raises(StoreUnavailable):
                worked(body)
        halfway = seen(ann, order)

        worked(body)

        after = seen(ann, order)
        assert (halfway["state"], halfway["read"]) == ("running", 0)
        assert [after[name] for name in ("state", "created", "existing")] == ["done", 2, 0]
        assert len(ann.get("/links").json_body["data"]) == 2

    def test_a_second_file_is_none_of_it(self, ann: Keyed) -> None:
        """What came first is what is imported, though its form could be sent twice, and the other comes meanwhile."""
        order = ann("POST", "/imports").json_body
        first, second = (sent(order, f"code,url\n{name}1,{URL}\n{name}2,{URL}\n") for name in ("first", "second"))

        worked(first, seconds=1)
        worked(second)
        halfway = seen(ann, order)
        (rest,) = queued()
        worked(rest)

        assert (halfway["state"], halfway["read"]) == ("running", 1)
        assert (seen(ann, order)["state"], seen(ann, order)["created"]) == ("done", 2)
        assert sorted(link["code"] for link in ann.get("/links").json_body["data"]) == ["first1", "first2"]

    def test_who_is_overtaken_sees_to_it_that_somebody_ends_it(self, ann: Keyed) -> None:
        """The other may have had the very same message, and be killed: with it would go the last that knows."""
        order = ann("POST", "/imports").json_body
        body = sent(order, URL)
        with pytest.MonkeyPatch.context() as faster:
            faster.setattr(transfer_table, "advance", lambda *_: (_ for _ in ()).throw(ImportOvertaken()))
            worked(body)
        later_on = attributes_of_queue("ApproximateNumberOfMessagesDelayed")

        assert seen(ann, order)["state"] == "running"
        assert later_on == 1

    def test_what_failed_too_often_says_so_and_can_be_gone_on_with(self, ann: Keyed) -> None:
        """Before its last try, for who is killed says nothing; whoever sends the message again may end it."""
        order, export = ann("POST", "/imports").json_body, ann("POST", "/exports").json_body
        body, (asked,) = sent(order, URL), queued()
        with pytest.MonkeyPatch.context() as broken:
            for name in ("begin", "end_export"):
                broken.setattr(transfer_table, name, lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            for each in (body, asked):
                with pytest.raises(StoreUnavailable):
                    worked(each, tries=7)
            before = seen(ann, order)["state"], ann.get(f"/exports/{export['id']}").json_body["state"]
            for each in (body, asked):
                with pytest.raises(StoreUnavailable):
                    worked(each, tries=8)
        stuck = seen(ann, order), ann.get(f"/exports/{export['id']}").json_body
        for each in (body, asked):
            worked(each)
        after = seen(ann, order), ann.get(f"/exports/{export['id']}").json_body

        assert before == ("running", "running")
        assert [(each["state"], each["problem"]["code"]) for each in stuck] == [("failed", "stuck")] * 2
        assert [(each["state"], each["problem"]) for each in after] == [("done", None)] * 2

    def test_an_open_link_is_not_the_one_with_a_password(self, ann: Keyed) -> None:
        """Of the same code and URL: what is there lets everybody in, so it is not what the row asks for."""
        ann.make(URL, alias="open")

        order = imported(ann, f"code,url,password\nopen,{URL},open sesame\n,{URL},open sesame\n,{URL},open sesame\n")

        assert [row[1] for row in reported(order)] == ["refused", "created", "created"]
        made = [link for link in ann.get("/links").json_body["data"] if link["protected"]]
        assert len(made) == 2

    def test_why_a_link_is_blocked_only_admins_say(self, http: Http, ann: Keyed) -> None:
        """Visitors read it as the words of who runs this service. Whoever imports a blocked link has it blocked."""
        content = "code,url,blocked\nx{},https://example.com/,Call this number: 555\n"

        imported(ann, content.format(1))
        imported(Keyed(http, make_key("root", "admin")), content.format(2))

        shown = [Keyed(http, make_key("root", "admin")).get(f"/links/x{n}").json_body["blocked"] for n in (1, 2)]
        assert shown == ["It was stopped where it comes from.", "Call this number: 555"]

    @pytest.mark.usefixtures("aws")
    def test_of_two_at_the_same_rows_one_is_overtaken(self) -> None:
        """Only who goes on from where it is keeps how far it is."""
        begun = Import(id=NOBODYS, owner="ann", by="ann", created_at=NOW, version="1", total=2)
        transfer_table.add_import(begun)
        first, second = (dataclasses.replace(begun, rows=rows, parts=(f"0-{rows}",)) for rows in (1, 2))
        transfer_table.advance(begun, first)

        with pytest.raises(ImportOvertaken):
            transfer_table.advance(begun, second)

        found = transfer_table.find_import(NOBODYS, NOW)
        assert found is not None
        assert (found.rows, found.parts) == (1, ("0-1",))

    @pytest.mark.usefixtures("aws")
    def test_how_it_ended_is_how_it_ended(self) -> None:
        """Who comes late with another end, of the same import or export, is not heard."""
        order = Import(id=NOBODYS, owner="ann", by="ann", created_at=NOW)
        export = Export(id=NOBODYS, owner="ann", asked_by="ann", created_at=NOW)
        transfer_table.add_import(order)
        transfer_table.add_export(export)

        for problem in (None, Problem("file-gone", "It is gone.")):
            transfer_table.end_import(order, problem)
            transfer_table.end_export(export, 0 if problem else 1, problem)

        ended = transfer_table.find_import(NOBODYS, NOW), transfer_table.find_export(NOBODYS, NOW)
        assert [each and (each.state, each.problem) for each in ended] == [("done", None)] * 2
        assert ended[1] == dataclasses.replace(export, ended="done", links=1)

    def test_what_fails_comes_again_soon(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """A table that did not answer may do so in half a minute; the queue itself would wait for six times longer."""
        sqs, queue = boto3.client("sqs"), settings.files_queue_url
        monkeypatch.setattr(work_queue, "FIRST_PAUSE", 0)
        sqs.send_message(QueueUrl=queue, MessageBody=sent(ann("POST", "/imports").json_body, URL))
        (taken,) = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=3600)["Messages"]
        hidden = sqs.receive_message(QueueUrl=queue).get("Messages")
        with Client(doors.app) as client:
            event = client.events.generate_sqs_event([taken["Body"]], queue_name="files")
        event["Records"][0]["receiptHandle"] = taken["ReceiptHandle"]

        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(transfer_table, "pin", lambda *_: (_ for _ in ()).throw(StoreUnavailable()))
            with pytest.raises(StoreUnavailable):
                doors.app.handler_map["work_on_files"](event, LambdaContext("files", 512, max_runtime_ms=60_000))

        assert hidden is None
        assert [each["Body"] for each in sqs.receive_message(QueueUrl=queue)["Messages"]] == [taken["Body"]]

    def test_no_link_leads_to_a_blocked_host(self, ann: Keyed) -> None:
        """A file is no way around the list."""
        block_list.add(block_list.Blocked("evil.example.com", "It was phishing.", NOW))

        order = imported(ann, f"https://www.evil.example.com/\n{URL}\n")

        assert [row[1] for row in reported(order)] == ["refused", "created"]
        assert "blocked" in reported(order)[0][3]

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
    def test_what_is_no_list_of_links_fails(self, ann: Keyed, content: str, code: str) -> None:
        """It says why, once and for all, and there is no report."""
        order = imported(ann, content)

        assert (order["state"], order["problem"]["code"], order["report"]) == ("failed", code, None)
        assert order["problem"]["detail"].endswith((".", ".'"))

    def test_what_is_too_large_fails_unread(self, ann: Keyed) -> None:
        """A form lets no such file in; an operator may."""
        order = ann("POST", "/imports").json_body
        body = json.loads(sent(order, URL))
        body["Records"][0]["s3"]["object"]["size"] = MAX_BYTES + 1

        worked(json.dumps(body))

        assert seen(ann, order)["problem"]["code"] == "too-large"

    def test_what_is_gone_fails(self, ann: Keyed) -> None:
        """Files are kept for a week, and messages that nobody could do may come later."""
        order = ann("POST", "/imports").json_body
        body = sent(order, URL)
        stored = json.loads(body)["Records"][0]["s3"]["object"]
        boto3.client("s3").delete_object(
            Bucket=settings.files_bucket, Key=stored["key"].replace("%2F", "/"), VersionId=stored["versionId"]
        )

        worked(body)

        assert seen(ann, order)["problem"]["code"] == "file-gone"

    def test_a_test_message_is_no_file(self, ann: Keyed) -> None:  # noqa: ARG002  # the bucket
        """S3 writes one when it is told where to write."""
        worked(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "files"}))

        assert queued() == []


class TestExports:
    """Links become a file."""

    def test_when_it_is_over_there_is_a_file(self, ann: Keyed, http: Http, later: Move) -> None:
        """Of the owner's links, the oldest first; it can be fetched for a quarter of an hour, and has a name."""
        ann.make(alias="first", title="=1+1", tags=["one", "two"])
        later(timedelta(seconds=1))
        Keyed(http, make_key("bob")).make(alias="bobs")
        ann.make(alias="second", password="open sesame")

        order = exported(ann)

        assert (order["state"], order["links"], order["problem"]) == ("done", 2, None)
        rows = rows_in(fetched(order["file"]))
        assert [(row["code"], row["owner"], row["visits"]) for row in rows] == [
            ("first", "ann", "0"),
            ("second", "ann", "0"),
        ]
        assert (rows[0]["tags"], rows[1]["passwordDigest"] != "") == ("one,two", True)
        query = parse_qs(urlsplit(order["file"]).query)
        assert query["X-Amz-Expires"] == ["900"]
        assert query["response-content-disposition"] == ['attachment; filename="links-2026-11-25.csv"']

    def test_no_cell_is_a_formula(self, ann: Keyed) -> None:
        """A spreadsheet runs nothing of it; and who imports it gets back what it was."""
        titles = ["=1+1", "@SUM(A1)", "'=1+1", "-1", "+1", "plain"]
        for title in titles:
            ann.make(alias=f"x{titles.index(title)}", title=title)
        text = fetched(exported(ann)["file"])
        for link in ann.get("/links").json_body["data"]:
            boto3.client("dynamodb").delete_item(TableName=settings.links_table, Key={"code": {"S": link["code"]}})

        order = imported(ann, text)

        assert all(cell[:1] not in tuple("=+-@") for row in rows_in(text) for cell in row.values())
        assert order["created"] == len(titles)
        assert [ann.get(f"/links/x{place}").json_body["title"] for place in range(len(titles))] == titles

    def test_all_links_of_all_owners(self, ann: Keyed, http: Http) -> None:
        """One JSON object a line, nobody's links as well, and with the counts of each day."""
        ann.make(alias="anns")
        Keyed(http, None).make(alias="nobodys")

        order = exported(Keyed(http, make_key("root", "admin")), owner="*", format="ndjson", days=True)

        lines = [json.loads(line) for line in fetched(order["file"]).splitlines()]
        assert sorted((line["code"], line["owner"], line["days"]) for line in lines) == [
            ("anns", "ann", {}),
            ("nobodys", None, {}),
        ]
        assert urlsplit(order["file"]).path == f"/exports/{order['id']}.ndjson"

    def test_visits_of_before_are_counted_in(self, ann: Keyed) -> None:
        """For where the links go next both are past."""
        imported(ann, f"code,url,visits\nsale,{URL},7\n")

        (row,) = rows_in(fetched(exported(ann)["file"]))

        assert row["visits"] == "7"

    def test_done_again_it_is_as_it_was(self, ann: Keyed) -> None:
        """The message comes twice, and in between there is one more link: what is over is over."""
        ann.make()
        order = ann("POST", "/exports").json_body
        (body,) = queued()
        worked(body)
        first = fetched(ann.get(f"/exports/{order['id']}").json_body["file"])
        ann.make()

        worked(body)

        again = ann.get(f"/exports/{order['id']}").json_body
        assert (again["links"], fetched(again["file"])) == (1, first)

    def test_what_takes_too_long_fails(self, ann: Keyed) -> None:
        """There is no file of some of them."""
        for _ in range(2):
            ann.make()
        order = ann("POST", "/exports").json_body
        (body,) = queued()

        worked(body, seconds=1)

        shown = ann.get(f"/exports/{order['id']}").json_body
        assert (shown["state"], shown["problem"]["code"], shown["file"]) == ("failed", "too-many-links", None)

    def test_what_nobody_asked_for_is_not_written(self, ann: Keyed) -> None:  # noqa: ARG002  # the bucket
        """Its record is gone before its message came: so is whoever wanted it."""
        worked(json.dumps({"export": NOBODYS}))

        assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=settings.files_bucket)


@pytest.mark.parametrize(("path", "days"), [("/imports", 30), ("/exports", 7)])
def test_after_its_time_it_is_gone(ann: Keyed, later: Move, path: str, days: int) -> None:
    """Like its files, though the sweeper is late and the table still has it."""
    order = ann("POST", path).json_body
    answers = []

    for passed in (timedelta(days=days), timedelta(days=days, seconds=1)):
        later(passed)
        answers.append(ann.get(f"{path}/{order['id']}").status_code)

    item = {"id": {"S": f"{path[1:-1]}#{order['id']}"}}
    assert answers == [200, 404]
    assert "Item" in boto3.client("dynamodb").get_item(TableName=settings.access_table, Key=item)
