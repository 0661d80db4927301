"""Failures of DynamoDB: outcomes of conditional writes, for use cases; everything else is one StoreUnavailable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.aws.clients import Refused, Unreachable
from chalicelib.errors import StoreUnavailable


class CodeTaken(Exception):
    """Another link has the code already."""

    def __init__(self, link_code: str) -> None:
        super().__init__(link_code)
        self.link_code = link_code


class UrlClaimed(Exception):
    """A concurrent request is creating the same link; ``link_code`` is its code."""

    def __init__(self, link_code: str) -> None:
        super().__init__(link_code)
        self.link_code = link_code


class RequestAnswered(Exception):
    """There is a stored request with the same Idempotency-Key."""


class LinkChanged(Exception):
    """The link has another version than the one that was read; nothing was written."""


class WriteRefused(Exception):
    """DynamoDB rejects this write as it is, however often it is sent."""


class WriteContended(StoreUnavailable):
    """Concurrent writes to the same items used up the time for retries; nothing of this write was done."""


class StaleWorker(Exception):
    """Another worker has finished the same rows of an import; this one is stale and must stop."""


@contextmanager
def translating_errors(*but: str) -> Iterator[None]:
    """Let the error codes ``but`` of DynamoDB through; raise StoreUnavailable for every other failure of AWS."""
    try:
        yield
    except Refused as failure:
        if failure.response["Error"]["Code"] in but:
            raise
        raise StoreUnavailable from failure
    except Unreachable as failure:
        raise StoreUnavailable from failure
