"""DynamoDB and SQS over plain sockets: the calls of redirects and the API, with the same results as boto3.

boto3 takes four fifths of a cold start. With this module, a function starts in a third of the time; it is imported only
if ``AWS_CLIENT=http``. A client has one keep-alive connection, for use by one thread.

Such a connection can die while Lambda has frozen the environment: the service ends it (close_notify, FIN, RST), or a
device on the way forgets it, and then nothing is heard any more. So one that was idle for a while is not used again.
"""

from __future__ import annotations

import base64
import json
import math
import ssl
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from chalicelib.aws.clients import timeouts
from chalicelib.aws.clients.http_connection import Connection
from chalicelib.aws.clients.sigv4 import sign
from chalicelib.settings import Credentials, settings

_PAUSE = 0.05  # seconds before the second attempt, as in boto3 with DynamoDB; twice that before the third
_TRUSTED_SECONDS = 5  # of idleness: a new connection takes milliseconds, a dead one half a second
_DEAD = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError, ssl.SSLError)
_RETRIED = {  # the errors with status 400 that botocore retries for DynamoDB and SQS
    *("ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled"),
    *("ProvisionedThroughputExceededException", "RequestLimitExceeded", "TransactionInProgressException"),
}
_SERVER_ERROR = 500
_OK = 200


class Unreachable(Exception):
    """There was no response within the time limits."""


class Refused(Exception):
    """The service responded with an error. ``response`` has the same form as in boto3."""

    def __init__(self, code: str, message: str, response: dict[str, Any]) -> None:
        super().__init__(f"{code}: {message}")
        self.response = {**response, "Error": {"Code": code, "Message": message}}


class Client:
    """A client of one service; limits: seconds to connect, seconds to read, and the number of attempts."""

    def __init__(self, service: str, target: str, url: str, limits: tuple[float, float, int]) -> None:
        self._service = service
        self._target = target
        self._url = urlsplit(url)
        self._seconds_to_connect, self._seconds_to_read, self._attempts = limits
        self._connection: Connection | None = None
        self._used_at = 0.0

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Return one item of DynamoDB by its key."""
        return self._call("GetItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Update one item of DynamoDB, with an optional condition."""
        return self._call("UpdateItem", request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Put one item, with an optional condition."""
        return self._call("PutItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        """Return a page of items."""
        return self._call("Query", request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return up to a hundred items by their keys."""
        return self._call("BatchGetItem", request)

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Put or delete up to 25 items, each for itself."""
        return self._call("BatchWriteItem", request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """Delete an item, with an optional condition."""
        return self._call("DeleteItem", request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """Do all of several writes or none; a token makes retries idempotent."""
        return self._call("TransactWriteItems", {"ClientRequestToken": uuid.uuid4().hex, **request})

    def send_message(self, **request: Any) -> dict[str, Any]:
        """Send a message to an SQS queue."""
        return self._call("SendMessage", request)

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Send up to ten messages to a queue."""
        return self._call("SendMessageBatch", request)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        body = _encode(request).encode()
        headers = {
            "host": self._url.netloc,
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"{self._target}.{operation}",
        }
        until, attempts = timeouts.deadline(), self._attempts
        if until is None:
            until = math.inf
        else:
            attempts = max(attempts, timeouts.AFTER_RESPONSE_ATTEMPTS)
        for attempt in range(1, attempts + 1):
            try:
                status, response = self._exchange(headers, body, until)
            except OSError as failure:
                self.close()
                if attempt == attempts or time.monotonic() >= until:
                    raise Unreachable(f"{type(failure).__name__}: {failure}") from failure
            else:
                if status == _OK:
                    return _with_bytes(response)
                refused = _refusal(response)
                code = refused.response["Error"]["Code"]
                if attempt == attempts or not (status >= _SERVER_ERROR or code in _RETRIED):
                    raise refused
            time.sleep(_PAUSE * attempt)
        raise Unreachable(operation)

    def _exchange(self, headers: dict[str, str], body: bytes, until: float) -> tuple[int, dict[str, Any]]:
        signed = sign(headers, body, self._service, settings.aws.region, settings.aws.credentials, datetime.now(UTC))
        # The time of day, because it goes on while the environment is frozen.
        if self._connection is not None and not 0 <= time.time() - self._used_at < _TRUSTED_SECONDS:
            self.close()
        if self._connection is not None:
            try:
                return self._send(self._connection, signed, body, until)
            except _DEAD:
                self.close()  # the service had closed the kept connection: not a failed attempt
        self._connection = Connection(self._url, timeouts.seconds_within(until, self._seconds_to_connect))
        return self._send(self._connection, signed, body, until)

    def _send(
        self, connection: Connection, headers: dict[str, str], body: bytes, until: float
    ) -> tuple[int, dict[str, Any]]:
        status, text = connection.post(headers, body, timeouts.seconds_within(until, self._seconds_to_read))
        self._used_at = time.time()
        if not connection.is_open:
            self.close()
        try:
            document = json.loads(text or b"{}")
        except ValueError:
            document = None
        return status, document if isinstance(document, dict) else {"message": text[:200].decode("latin-1")}

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
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
    """Return the credentials that requests are signed with."""
    return settings.aws.credentials


def _refusal(response: dict[str, Any]) -> Refused:
    code = str(response.get("__type", "Unknown")).rpartition("#")[2]
    return Refused(code, str(response.get("message") or response.get("Message") or ""), response)


def _in_base64(value: Any) -> str:
    """Encode bytes as in the JSON of DynamoDB."""
    return base64.b64encode(value).decode()


_encode = json.JSONEncoder(default=_in_base64).encode


def _with_bytes(response: dict[str, Any]) -> dict[str, Any]:
    """Return a response with its binary attributes decoded to bytes, as in boto3."""
    items = [response.get(part, {}) for part in ("Item", "Attributes")]
    items += response.get("Items", [])
    items += (item for found in response.get("Responses", {}).values() for item in found)
    for item in items:
        for value in item.values():
            if "B" in value:
                value["B"] = base64.b64decode(value["B"])
    return response
