"""What redirects and the API ask of AWS: by hand as through boto3, against the same store; one contract for both."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import boto3
import pytest

from chalicelib.aws import by_boto3, by_hand
from chalicelib.settings import Aws, Credentials, settings
from tests import tables
from tests.e2e.conftest import free_port

KEY = {"code": {"S": "sale"}}
ITEM = {**KEY, "originalUrl": {"S": "https://example.com/ü"}, "version": {"N": "1"}, "tags": {"L": [{"S": "a"}]}}

Speak = Callable[..., Any]


def speaks_to(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let both ways of speaking reach ``url``."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    aws = Aws(region="eu-west-1", endpoint_url=url, credentials=Credentials("k", "s", "t"), runtime_api="")
    monkeypatch.setattr(by_hand, "settings", dataclasses.replace(settings, aws=aws))


@pytest.fixture(params=[by_boto3, by_hand], ids=["boto3", "by hand"])
def speaking(request: pytest.FixtureRequest) -> ModuleType:
    """A way of speaking to AWS."""
    module: ModuleType = request.param
    return module


@pytest.fixture
def there(store: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with one link in it, and a queue; returns the queue's address."""
    url = f"http://127.0.0.1:{store}"
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=url)
    tables.create(dynamodb)
    dynamodb.put_item(TableName="url-shortener", Item=ITEM)
    queue_url: str = boto3.client("sqs", endpoint_url=url).create_queue(QueueName=f"q{time.time_ns()}")["QueueUrl"]
    speaks_to(monkeypatch, url)
    return queue_url


_opened: list[Any] = []


@pytest.fixture(autouse=True)
def hung_up() -> Iterator[None]:
    """Leave no connection open."""
    yield
    while _opened:
        _opened.pop().close()


def reads(speaking: ModuleType, **limits: float) -> Any:
    """Return a client of DynamoDB with the limits of a visitor's read."""
    client = speaking.dynamodb(**{"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 2, **limits})
    _opened.append(client)
    return client


def sends(speaking: ModuleType) -> Any:
    """Return a client of SQS with the limits of a click."""
    client = speaking.sqs(seconds_to_connect=0.5, seconds_to_read=1, attempts=1)
    _opened.append(client)
    return client


@pytest.mark.usefixtures("there")
class TestTable:
    """The calls to DynamoDB."""

    def test_an_item_is_put_where_none_is(self, speaking: ModuleType) -> None:
        """The second put of a code is refused, with the item that is there."""
        client = reads(speaking)
        put = {
            "TableName": "url-shortener",
            "Item": KEY | {"code": {"S": "new"}, "note": {"S": "é"}},
            "ConditionExpression": "attribute_not_exists(code)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

        client.put_item(**put)
        with pytest.raises(speaking.Refused) as refused:
            client.put_item(**put)

        assert refused.value.response["Item"] == put["Item"]

    def test_pages_are_told_from_the_last(self, speaking: ModuleType) -> None:
        """A query says where to go on, and no more when it is through."""
        client = reads(speaking)
        for entry in ("a", "b", "c"):
            client.put_item(TableName="url-shortener-clicks", Item={**KEY, "entry": {"S": entry}})
        query = {
            "TableName": "url-shortener-clicks",
            "KeyConditionExpression": "code = :code",
            "ExpressionAttributeValues": {":code": {"S": "sale"}},
            "ScanIndexForward": False,
        }

        first = client.query(**query, Limit=2)
        rest = client.query(**query, ExclusiveStartKey=first["LastEvaluatedKey"])

        assert [item["entry"]["S"] for item in [*first["Items"], *rest["Items"]]] == ["c", "b", "a"]
        assert "LastEvaluatedKey" not in rest

    def test_many_are_read_at_once(self, speaking: ModuleType) -> None:
        """Those that are there, and what was not read: nothing."""
        keys = [KEY, {"code": {"S": "none-such"}}]

        found = reads(speaking).batch_get_item(RequestItems={"url-shortener": {"Keys": keys}})

        assert (found["Responses"]["url-shortener"], found["UnprocessedKeys"]) == ([ITEM], {})

    def test_writes_happen_together_or_not_at_all(self, speaking: ModuleType) -> None:
        """Each says why it was not done, in order, and what is there instead."""
        client = reads(speaking)
        free: dict[str, Any] = {
            "ConditionExpression": "attribute_not_exists(code)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        new = {"code": {"S": "other"}}
        actions = [{"Put": {"TableName": "url-shortener", "Item": item, **free}} for item in (new, KEY)]

        with pytest.raises(speaking.Refused) as cancelled:
            client.transact_write_items(TransactItems=actions)
        done_before = client.get_item(TableName="url-shortener", Key=new)
        client.transact_write_items(TransactItems=actions[:1])

        reasons = cancelled.value.response["CancellationReasons"]
        assert cancelled.value.response["Error"]["Code"] == "TransactionCanceledException"
        assert [reason.get("Code") for reason in reasons] == ["None", "ConditionalCheckFailed"]
        assert reasons[1]["Item"] == ITEM
        assert "Item" not in done_before
        assert client.get_item(TableName="url-shortener", Key=new)["Item"] == new

    def test_what_is_there_and_what_is_not(self, speaking: ModuleType) -> None:
        """An item as it was put; no Item where none is."""
        client = reads(speaking)

        found = client.get_item(TableName="url-shortener", Key=KEY, ConsistentRead=True)
        missing = client.get_item(TableName="url-shortener", Key={"code": {"S": "no"}}, ConsistentRead=False)

        assert found["Item"] == ITEM
        assert "Item" not in missing

    def test_bytes_are_bytes(self, speaking: ModuleType) -> None:
        """A salt goes in and comes out whole; who comes second gets the first one's."""
        client = reads(speaking)
        ask = {
            "TableName": "url-shortener-access",
            "Key": {"id": {"S": "salt"}},
            "UpdateExpression": "SET salt = if_not_exists(salt, :salt)",
            "ReturnValues": "ALL_NEW",
        }

        answers = [
            client.update_item(**ask, ExpressionAttributeValues={":salt": {"B": salt}})["Attributes"]["salt"]["B"]
            for salt in (bytes(range(32)), b"x" * 32)
        ]

        assert answers == [bytes(range(32))] * 2

    def test_a_condition_that_does_not_hold_is_told_by_name(self, speaking: ModuleType) -> None:
        """With what is there instead."""
        with pytest.raises(speaking.Refused) as refused:
            reads(speaking).update_item(
                TableName="url-shortener",
                Key=KEY,
                UpdateExpression="SET version = :two",
                ConditionExpression="version = :two",
                ExpressionAttributeValues={":two": {"N": "2"}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )

        assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
        assert refused.value.response["Item"] == ITEM

    def test_a_table_that_is_not_there(self, speaking: ModuleType) -> None:
        """Is refused by name as well."""
        with pytest.raises(speaking.Refused) as refused:
            reads(speaking).get_item(TableName="none-such", Key=KEY)

        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_messages_arrive(there: str, speaking: ModuleType, store: int) -> None:
    """One by one and ten at once, quotes, line breaks and other alphabets included."""
    client = sends(speaking)
    bodies = [f'{{"n": {n}, "agent": "\\u00e9\\n"}}' for n in range(11)]

    client.send_message(QueueUrl=there, MessageBody=bodies[0])
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[1:])]
    answer = client.send_message_batch(QueueUrl=there, Entries=entries)

    assert len(answer["Successful"]) == 10
    sqs = boto3.client("sqs", endpoint_url=f"http://127.0.0.1:{store}")
    arrived: list[str] = []
    while messages := sqs.receive_message(QueueUrl=there, MaxNumberOfMessages=10).get("Messages"):
        arrived += [message["Body"] for message in messages]
    assert sorted(arrived) == sorted(bodies)


@contextmanager
def answering(*answers: tuple[int, str] | None) -> Iterator[tuple[str, list[str]]]:
    """Serve ``answers`` in turn, the last for ever; None: hang up. Yields the address, and what was asked."""
    with recording(*answers) as (url, asked, _):
        yield url, asked


@contextmanager
def recording(*answers: tuple[int, str] | None) -> Iterator[tuple[str, list[str], list[Any]]]:
    """Do the same, and yield the requests' bodies as well."""
    asked: list[str] = []
    bodies: list[Any] = []

    class Canned(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.headers["X-Amz-Target"])
            if answer is None:
                self.close_connection = True
                return
            status, body = answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked, bodies
    server.shutdown()
    server.server_close()


def throttled(name: str) -> tuple[int, str]:
    """Return DynamoDB's words for an error."""
    return 400, f'{{"__type": "com.amazonaws.dynamodb.v20120810#{name}", "message": "slow down"}}'


@pytest.mark.parametrize(
    "fault",
    [
        throttled("ThrottlingException"),
        throttled("ProvisionedThroughputExceededException"),
        (500, "{}"),
        (503, "<html>"),
        None,
    ],
)
def test_a_read_is_tried_twice(
    speaking: ModuleType, monkeypatch: pytest.MonkeyPatch, fault: tuple[int, str] | None
) -> None:
    """What was throttled, failed or cut is asked for once more, and no more than that."""
    with answering(fault, (200, "{}")) as (url, asked):
        speaks_to(monkeypatch, url)
        assert "Item" not in reads(speaking).get_item(TableName="url-shortener", Key=KEY)
        assert len(asked) == 2

    with answering(fault) as (url, asked):
        speaks_to(monkeypatch, url)
        with pytest.raises((speaking.Refused, speaking.Unreachable)):
            reads(speaking).get_item(TableName="url-shortener", Key=KEY)
        assert len(asked) == 2


@pytest.mark.parametrize("name", ["TransactionInProgressException", "ThrottledException", "RequestThrottledException"])
def test_a_write_waits_for_its_own_first_try(speaking: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Its first try may still be at work, or others too busy: that passes, and it asks again."""
    with answering(throttled(name), (200, "{}")) as (url, asked):
        speaks_to(monkeypatch, url)
        reads(speaking, attempts=3).transact_write_items(TransactItems=[])

    assert len(asked) == 2


def test_an_answer_that_is_no_object_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stands in between: it is refused, not stumbled over."""
    with answering((400, "[1]")) as (url, _):
        speaks_to(monkeypatch, url)
        with pytest.raises(by_hand.Refused):
            reads(by_hand).get_item(TableName="url-shortener", Key=KEY)


def test_a_transaction_is_known_when_it_is_sent_again(speaking: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its second try has the token of the first, so that DynamoDB does nothing twice; another one has another."""
    with recording((500, "{}"), (200, "{}")) as (url, _, bodies):
        speaks_to(monkeypatch, url)
        client = reads(speaking)
        for _ in range(2):
            client.transact_write_items(TransactItems=[])

    tokens = [body["ClientRequestToken"] for body in bodies]
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_click_is_sent_once(speaking: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """One try, whatever comes of it."""
    with answering((500, "{}")) as (url, asked):
        speaks_to(monkeypatch, url)
        client = sends(speaking)
        with pytest.raises(speaking.Refused):
            client.send_message(QueueUrl=f"{url}/q", MessageBody="x")

    assert asked == ["AmazonSQS.SendMessage"]


def test_nobody_there_is_known_at_once(speaking: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is no answer, in both languages."""
    speaks_to(monkeypatch, f"http://127.0.0.1:{free_port()}")

    with pytest.raises(speaking.Unreachable):
        reads(speaking).get_item(TableName="url-shortener", Key=KEY)


def test_silence_is_no_answer(speaking: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes a request and says nothing is given up, and asked once more."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        speaks_to(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(speaking.Unreachable):
            reads(speaking, seconds_to_read=0.1).get_item(TableName="url-shortener", Key=KEY)

        silent.settimeout(1)
        for _ in range(2):
            silent.accept()[0].close()


def test_a_connection_that_was_kept_too_long_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service hung up while the container slept: that costs no try, not even the only one of a click."""
    with answering((200, "{}"), None, (200, "{}")) as (url, asked):
        speaks_to(monkeypatch, url)
        client = sends(by_hand)

        for _ in range(2):
            client.send_message(QueueUrl=f"{url}/q", MessageBody="x")

    assert len(asked) == 3
