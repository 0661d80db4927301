"""The contract of both AWS clients, boto3 and `http_client`, against the same local AWS."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from types import ModuleType
from typing import Any

import boto3
import pytest

from chalicelib.aws.clients import boto3_client, http_client
from chalicelib.settings import Aws, Credentials, settings
from dev.local import tables
from dev.local.ports import own_port
from tests.loopback import serving

KEY = {"code": {"S": "sale"}}
ITEM = {**KEY, "originalUrl": {"S": "https://example.com/ü"}, "version": {"N": "1"}, "tags": {"L": [{"S": "a"}]}}


def use_endpoint(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let both clients call ``url``."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    aws = Aws(region="eu-west-1", endpoint_url=url, credentials=Credentials("k", "s", "t"), runtime_api="")
    monkeypatch.setattr(http_client, "settings", dataclasses.replace(settings, aws=aws))


@pytest.fixture(params=[boto3_client, http_client], ids=["boto3", "http"])
def client_module(request: pytest.FixtureRequest) -> ModuleType:
    """The module of one client."""
    module: ModuleType = request.param
    return module


@pytest.fixture
def table(store: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local AWS that has a table with one link."""
    url = f"http://127.0.0.1:{store}"
    dynamodb: Any = boto3.client("dynamodb", endpoint_url=url)
    tables.create(dynamodb)
    dynamodb.put_item(TableName="url-shortener", Item=ITEM)
    use_endpoint(monkeypatch, url)


@pytest.fixture
def queue_url(ministack: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a queue in a local AWS."""
    url = f"http://127.0.0.1:{ministack}"
    created: str = boto3.client("sqs", endpoint_url=url).create_queue(QueueName=f"q{time.time_ns()}")["QueueUrl"]
    use_endpoint(monkeypatch, url)
    return created


_clients: list[Any] = []


@pytest.fixture(autouse=True)
def closed_connections() -> Iterator[None]:
    """Close all connections after a test."""
    yield
    while _clients:
        _clients.pop().close()


def dynamodb_client(client_module: ModuleType, **limits: float) -> Any:
    """Return a client of DynamoDB with the timeouts of reads."""
    client = client_module.dynamodb(**{"seconds_to_connect": 0.5, "seconds_to_read": 0.5, "attempts": 2, **limits})
    _clients.append(client)
    return client


def sqs_client(client_module: ModuleType) -> Any:
    """Return a client of SQS with the timeouts of clicks."""
    client = client_module.sqs(seconds_to_connect=0.5, seconds_to_read=1, attempts=1)
    _clients.append(client)
    return client


@pytest.mark.usefixtures("table")
class TestTable:
    """Calls to DynamoDB."""

    def test_conditional_put(self, client_module: ModuleType) -> None:
        """The second put of a key is refused, and returns the existing item."""
        client = dynamodb_client(client_module)
        put = {
            "TableName": "url-shortener",
            "Item": KEY | {"code": {"S": "new"}, "note": {"S": "é"}},
            "ConditionExpression": "attribute_not_exists(code)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

        client.put_item(**put)
        with pytest.raises(client_module.Refused) as refused:
            client.put_item(**put)

        assert refused.value.response["Item"] == put["Item"]

    def test_query_pages(self, client_module: ModuleType) -> None:
        """There is a key to continue with, except on the last page."""
        client = dynamodb_client(client_module)
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

    def test_batch_read(self, client_module: ModuleType) -> None:
        """It returns the existing items, and no unprocessed keys."""
        keys = [KEY, {"code": {"S": "none-such"}}]

        found = dynamodb_client(client_module).batch_get_item(RequestItems={"url-shortener": {"Keys": keys}})

        assert (found["Responses"]["url-shortener"], found["UnprocessedKeys"]) == ([ITEM], {})

    def test_transaction_is_atomic(self, client_module: ModuleType) -> None:
        """If it is cancelled, there is a reason for each action, with the existing item."""
        client = dynamodb_client(client_module)
        free: dict[str, Any] = {
            "ConditionExpression": "attribute_not_exists(code)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        new = {"code": {"S": "other"}}
        actions = [{"Put": {"TableName": "url-shortener", "Item": item, **free}} for item in (new, KEY)]

        with pytest.raises(client_module.Refused) as cancelled:
            client.transact_write_items(TransactItems=actions)
        after_cancellation = client.get_item(TableName="url-shortener", Key=new)
        client.transact_write_items(TransactItems=actions[:1])

        reasons = cancelled.value.response["CancellationReasons"]
        assert cancelled.value.response["Error"]["Code"] == "TransactionCanceledException"
        assert [reason.get("Code") for reason in reasons] == ["None", "ConditionalCheckFailed"]
        assert reasons[1]["Item"] == ITEM
        assert "Item" not in after_cancellation
        assert client.get_item(TableName="url-shortener", Key=new)["Item"] == new

    def test_read_of_existing_and_missing_items(self, client_module: ModuleType) -> None:
        """An existing item is returned unchanged; for a missing one there is no Item."""
        client = dynamodb_client(client_module)

        found = client.get_item(TableName="url-shortener", Key=KEY, ConsistentRead=True)
        missing = client.get_item(TableName="url-shortener", Key={"code": {"S": "no"}}, ConsistentRead=False)

        assert found["Item"] == ITEM
        assert "Item" not in missing

    def test_binary_attributes_are_bytes(self, client_module: ModuleType) -> None:
        """A stored salt is returned unchanged, also to a second writer."""
        client = dynamodb_client(client_module)
        update = {
            "TableName": "url-shortener-access",
            "Key": {"id": {"S": "salt"}},
            "UpdateExpression": "SET salt = if_not_exists(salt, :salt)",
            "ReturnValues": "ALL_NEW",
        }

        salts = [
            client.update_item(**update, ExpressionAttributeValues={":salt": {"B": salt}})["Attributes"]["salt"]["B"]
            for salt in (bytes(range(32)), b"x" * 32)
        ]

        assert salts == [bytes(range(32))] * 2

    def test_failed_condition_has_its_error_code(self, client_module: ModuleType) -> None:
        """And the existing item."""
        with pytest.raises(client_module.Refused) as refused:
            dynamodb_client(client_module).update_item(
                TableName="url-shortener",
                Key=KEY,
                UpdateExpression="SET version = :two",
                ConditionExpression="version = :two",
                ExpressionAttributeValues={":two": {"N": "2"}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )

        assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
        assert refused.value.response["Item"] == ITEM

    def test_missing_table_has_its_error_code(self, client_module: ModuleType) -> None:
        """The error has the code of DynamoDB."""
        with pytest.raises(client_module.Refused) as refused:
            dynamodb_client(client_module).get_item(TableName="none-such", Key=KEY)

        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_messages_are_delivered(queue_url: str, client_module: ModuleType, ministack: int) -> None:
    """One by one and ten at once, including quotes, line breaks and non-ASCII letters."""
    client = sqs_client(client_module)
    bodies = [f'{{"n": {n}, "agent": "\\u00e9\\n"}}' for n in range(11)]

    client.send_message(QueueUrl=queue_url, MessageBody=bodies[0])
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[1:])]
    result = client.send_message_batch(QueueUrl=queue_url, Entries=entries)

    assert len(result["Successful"]) == 10
    sqs = boto3.client("sqs", endpoint_url=f"http://127.0.0.1:{ministack}")
    received: list[str] = []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        received += [message["Body"] for message in messages]
    assert sorted(received) == sorted(bodies)


@contextmanager
def serving_responses(*responses: tuple[int, str] | None) -> Iterator[tuple[str, list[str]]]:
    """Serve ``responses`` in turn, the last repeatedly; None: close. Yields the URL and the operations called."""
    with recording(*responses) as (url, operations, _):
        yield url, operations


@contextmanager
def recording(*responses: tuple[int, str] | None) -> Iterator[tuple[str, list[str], list[Any]]]:
    """Do the same, and yield the bodies of the requests as well."""
    operations: list[str] = []
    bodies: list[Any] = []

    class Canned(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            response = responses[min(len(operations), len(responses) - 1)]
            operations.append(self.headers["X-Amz-Target"])
            if response is None:
                self.close_connection = True
                return
            status, body = response
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with serving(Canned) as server:
        yield server.address, operations, bodies


def throttled(name: str) -> tuple[int, str]:
    """Return an error response of DynamoDB."""
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
def test_failed_read_is_retried_once(
    client_module: ModuleType, monkeypatch: pytest.MonkeyPatch, fault: tuple[int, str] | None
) -> None:
    """If it was throttled, failed, or its connection was closed; but only once."""
    with serving_responses(fault, (200, "{}")) as (url, operations):
        use_endpoint(monkeypatch, url)
        assert "Item" not in dynamodb_client(client_module).get_item(TableName="url-shortener", Key=KEY)
        assert len(operations) == 2

    with serving_responses(fault) as (url, operations):
        use_endpoint(monkeypatch, url)
        with pytest.raises((client_module.Refused, client_module.Unreachable)):
            dynamodb_client(client_module).get_item(TableName="url-shortener", Key=KEY)
        assert len(operations) == 2


@pytest.mark.parametrize("name", ["TransactionInProgressException", "ThrottledException", "RequestThrottledException"])
def test_write_is_retried_while_busy(client_module: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The first attempt may still be in progress, or the service is throttling; both are temporary."""
    with serving_responses(throttled(name), (200, "{}")) as (url, operations):
        use_endpoint(monkeypatch, url)
        dynamodb_client(client_module, attempts=3).transact_write_items(TransactItems=[])

    assert len(operations) == 2


def test_response_that_is_not_an_object_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may come from a proxy, and must not raise anything else."""
    with serving_responses((400, "[1]")) as (url, _):
        use_endpoint(monkeypatch, url)
        with pytest.raises(http_client.Refused):
            dynamodb_client(http_client).get_item(TableName="url-shortener", Key=KEY)


def test_retried_transaction_has_the_same_token(client_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that DynamoDB does nothing twice; another transaction has another token."""
    with recording((500, "{}"), (200, "{}")) as (url, _, bodies):
        use_endpoint(monkeypatch, url)
        client = dynamodb_client(client_module)
        for _ in range(2):
            client.transact_write_items(TransactItems=[])

    tokens = [body["ClientRequestToken"] for body in bodies]
    assert tokens[0] == tokens[1] != tokens[2]


def test_click_is_not_retried(client_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one attempt, even if it fails."""
    with serving_responses((500, "{}")) as (url, operations):
        use_endpoint(monkeypatch, url)
        client = sqs_client(client_module)
        with pytest.raises(client_module.Refused):
            client.send_message(QueueUrl=f"{url}/q", MessageBody="x")

    assert operations == ["AmazonSQS.SendMessage"]


def test_refused_connection_is_unreachable(client_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both clients."""
    use_endpoint(monkeypatch, f"http://127.0.0.1:{own_port()}")

    with pytest.raises(client_module.Unreachable):
        dynamodb_client(client_module).get_item(TableName="url-shortener", Key=KEY)


def test_timeout_is_unreachable(client_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not respond is tried twice."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        use_endpoint(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(client_module.Unreachable):
            dynamodb_client(client_module, seconds_to_read=0.1).get_item(TableName="url-shortener", Key=KEY)

        silent.settimeout(1)
        for _ in range(2):
            silent.accept()[0].close()


def test_closed_connection_is_reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the service closed it while the container was frozen; that is not counted as an attempt."""
    with serving_responses((200, "{}"), None, (200, "{}")) as (url, operations):
        use_endpoint(monkeypatch, url)
        client = sqs_client(http_client)

        for _ in range(2):
            client.send_message(QueueUrl=f"{url}/q", MessageBody="x")

    assert len(operations) == 3
