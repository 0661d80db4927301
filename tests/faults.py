"""Faults for tests: a table that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from botocore.exceptions import ReadTimeoutError

from chalicelib.aws import clients


@contextmanager
def table_down() -> Iterator[list[str]]:
    """Let every call to DynamoDB time out at once; yields the operations that were tried, retries included."""
    tried: list[str] = []

    def time_out(request: Any, **_: Any) -> NoReturn:
        tried.append(request.headers["X-Amz-Target"].decode().rpartition(".")[2])
        raise ReadTimeoutError(endpoint_url=request.url)

    all_of_them = (clients.reads, clients.writes, clients.best_effort)
    for client in all_of_them:
        client.meta.events.register_first("before-send.dynamodb.*", time_out, "fault")
    try:
        yield tried
    finally:
        for client in all_of_them:
            client.meta.events.unregister("before-send.dynamodb.*", time_out, "fault")
