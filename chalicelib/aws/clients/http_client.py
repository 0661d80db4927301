"""DynamoDB and SQS over ``http.client``: the calls that redirects and the API make, answered as boto3 answers them.

boto3 is four fifths of a cold start. What is here starts in a third of the time, and is imported only where
``AWS_CLIENT=by-hand``. A client is one kept-alive connection, for one thread.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from chalicelib.aws.signing import signed
from chalicelib.settings import Credentials, settings

_PAUSE = 0.05  # seconds before the second try of what was throttled or failed, as boto3's with DynamoDB; then twice
_TRY_AGAIN = {  # as botocore has them, of what DynamoDB and SQS answer with 400
    *("ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled"),
    *("ProvisionedThroughputExceededException", "RequestLimitExceeded", "TransactionInProgressException"),
}
_SERVER_ERROR = 500
_OK = 200


class Unreachable(Exception):
    """There was no answer within the time limits."""


class Refused(Exception):
    """The service answered with an error. ``response`` is what boto3 makes of it."""

    def __init__(self, code: str, message: str, response: dict[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.response = {**response, "Error": {"Code": code, "Message": message}}


class Client:
    """One service, reached with time limits: seconds to connect, seconds to read, and a number of tries."""

    def __init__(self, service: str, target: str, url: str, limits: tuple[float, float, int]) -> None:
        self._service = service
        self._target = target
        self._url = urlsplit(url)
        self._seconds_to_connect, self._seconds_to_read, self._attempts = limits
        self._connection: http.client.HTTPConnection | None = None

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Return what DynamoDB has under a key."""
        return self._call("GetItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Change one item of DynamoDB's, under a condition if there is one."""
        return self._call("UpdateItem", request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Put one item, under a condition if there is one."""
        return self._call("PutItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        """Return a page of items."""
        return self._call("Query", request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return what DynamoDB has under up to a hundred keys."""
        return self._call("BatchGetItem", request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Do all of several writes or none; a second try of ours is known by its token, and does nothing twice."""
        return self._call("TransactWriteItems", {"ClientRequestToken": uuid.uuid4().hex, **request})

    def send_message(self, **request: Any) -> dict[str, Any]:
        """Put a message into a queue of SQS's."""
        return self._call("SendMessage", request)

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Put up to ten messages into a queue."""
        return self._call("SendMessageBatch", request)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(request, default=_in_base64).encode()
        headers = {
            "host": self._url.netloc,
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"{self._target}.{operation}",
        }
        for attempt in range(1, self._attempts + 1):
            try:
                status, answer = self._exchange(headers, body)
            except (OSError, http.client.HTTPException) as failure:
                self.close()
                if attempt == self._attempts:
                    raise Unreachable(f"{type(failure).__name__}: {failure}") from failure
                continue
            if status == _OK:
                return _with_bytes(answer)
            refused = _refusal(answer)
            code = refused.response["Error"]["Code"]
            if attempt == self._attempts or not (status >= _SERVER_ERROR or code in _TRY_AGAIN):
                raise refused
            time.sleep(_PAUSE * attempt)
        raise Unreachable(operation)

    def _exchange(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        sent = signed(headers, body, self._service, settings.aws.region, settings.aws.credentials, datetime.now(UTC))
        if self._connection is not None:
            try:
                return self._ask(self._connection, sent, body)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()  # it had been kept alive for too long: that is nobody's failure
        self._connection = self._call_up()
        return self._ask(self._connection, sent, body)

    def _ask(
        self, connection: http.client.HTTPConnection, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        try:
            document = json.loads(text or b"{}")
        except ValueError:
            document = None
        return answer.status, document if isinstance(document, dict) else {"message": text[:200].decode("latin-1")}

    def _call_up(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=self._seconds_to_connect)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._seconds_to_connect)
        connection.connect()
        connection.sock.settimeout(self._seconds_to_read)
        return connection

    def close(self) -> None:
        """Hang up; the next call makes a connection of its own."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def dynamodb(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> Client:
    """Return a client of DynamoDB."""
    limits = (seconds_to_connect, seconds_to_read, attempts)
    return Client("dynamodb", "DynamoDB_20120810", settings.aws.endpoint("dynamodb"), limits)


def sqs(*, seconds_to_connect: float, seconds_to_read: float, attempts: int) -> Client:
    """Return a client of SQS."""
    return Client("sqs", "AmazonSQS", settings.aws.endpoint("sqs"), (seconds_to_connect, seconds_to_read, attempts))


def credentials() -> Credentials:
    """Return what requests are signed with."""
    return settings.aws.credentials


def _refusal(answer: dict[str, Any]) -> Refused:
    code = str(answer.get("__type", "Unknown")).rpartition("#")[2]
    return Refused(code, str(answer.get("message") or answer.get("Message") or ""), answer)


def _in_base64(value: Any) -> str:
    """Write bytes as DynamoDB's JSON has them."""
    return base64.b64encode(value).decode()


def _with_bytes(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer whose binary attributes are bytes, as boto3's are."""
    for part in ("Item", "Attributes"):
        for value in answer.get(part, {}).values():
            if "B" in value:
                value["B"] = base64.b64decode(value["B"])
    return answer
