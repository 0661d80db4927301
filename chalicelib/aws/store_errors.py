"""Every failure of the store, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import StoreUnavailable


@contextmanager
def in_our_words(*but: str) -> Iterator[None]:
    """Let ``but`` through, error codes of DynamoDB's; raise StoreUnavailable for every other failure."""
    try:
        yield
    except ClientError as failure:
        if failure.response["Error"]["Code"] in but:
            raise
        raise StoreUnavailable from failure
    except BotoCoreError as failure:
        raise StoreUnavailable from failure
