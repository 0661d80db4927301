"""Every failure of the store, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.aws.clients import Refused, Unreachable
from chalicelib.errors import StoreUnavailable


@contextmanager
def in_our_words(*but: str) -> Iterator[None]:
    """Let ``but`` through, error codes of DynamoDB's; raise StoreUnavailable for every other failure."""
    try:
        yield
    except Refused as failure:
        if failure.response["Error"]["Code"] in but:
            raise
        raise StoreUnavailable from failure
    except Unreachable as failure:
        raise StoreUnavailable from failure
