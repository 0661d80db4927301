"""``make key``, ``make keys``, ``make revoke``: API keys, by whoever may write the table they are in.

A key is shown once, alone on standard output, so that a script can take it: ``KEY=$(make -s key NAME=ci ...)``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from dev import stack, stages


class KeyNotMade(Exception):
    """The table of keys does not answer; the message is one sentence for a person."""


def main() -> None:
    """Do what the first argument says, in the stage of the second; every failure is one sentence."""
    doing, stage, *arguments = sys.argv[1:]
    cloud, made = stages.find(stage or "local")
    # Before anything of the service is imported: it reads the environment once, and makes its clients.
    os.environ.update(BASE_URL=made["BaseUrl"], ACCESS_TABLE=made["AccessTable"], AWS_DEFAULT_REGION=cloud.region)
    from chalicelib.errors import ShortenerError, StoreUnavailable

    deeds: dict[str, Callable[..., None]] = {"make": make, "list": show, "revoke": revoke}
    try:
        deeds[doing](*arguments)
    except StoreUnavailable as failure:
        sys.exit(f"The table of keys does not answer: {failure.__cause__}")
    except ShortenerError as refused:
        sys.exit(f"{refused} For example: make key NAME=laptop SCOPES=create,read,manage")


@contextmanager
def for_a_while(
    cloud: stack.Cloud, made: Mapping[str, str], owner: str, scopes: tuple[str, ...], lasts: timedelta
) -> Iterator[str]:
    """Make a key of ``owner`` for the length of a ``with``, which ``lasts`` no longer; ``made`` are outputs of a stack.

    Raises:
        KeyNotMade
    """
    os.environ.update(BASE_URL=made["BaseUrl"], ACCESS_TABLE=made["AccessTable"], AWS_DEFAULT_REGION=cloud.region)
    from chalicelib import issue_key  # it reads the environment when it is imported
    from chalicelib.core.key import NewKey
    from chalicelib.errors import StoreUnavailable

    now = datetime.now(UTC)
    try:
        key, text = issue_key.issue(NewKey(name="make", owner=owner, scopes=scopes, expires_at=now + lasts), now)
    except StoreUnavailable as failure:
        raise KeyNotMade(f"No key could be made: {failure.__cause__}") from failure
    try:
        yield text
    finally:
        cloud.client("dynamodb").delete_item(TableName=made["AccessTable"], Key={"id": {"S": f"key#{key.id}"}})


def make(name: str, scopes: str, owner: str, expires: str) -> None:
    """Make a key and print it."""
    from chalicelib import issue_key
    from chalicelib.core.key import NewKey

    wish: dict[str, Any] = {"name": name, "scopes": [scope for scope in scopes.split(",") if scope]}
    wish |= {"owner": owner} if owner else {}
    wish |= {"expiresIn": expires} if expires else {}
    now = datetime.now(UTC)
    key, text = issue_key.issue(NewKey.from_json(wish, now), now)
    print(
        f"Key {key.id} of {key.owner!r} may {', '.join(key.scopes)}. Keep it: it is not shown again.", file=sys.stderr
    )
    print(text)


def show() -> None:
    """Print all keys, without their texts."""
    from chalicelib.aws import key_table

    now = datetime.now(UTC)
    rows = [("ID", "NAME", "OWNER", "SCOPES", "STATE", "LAST USED")]
    for key in key_table.all_keys():
        over = key.expires_at is not None and now >= key.expires_at
        state = "revoked" if key.revoked_at else "expired" if over else "good"
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        rows.append((key.id, key.name, key.owner, ",".join(key.scopes), state, used))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def revoke(key_id: str) -> None:
    """Revoke a key."""
    from chalicelib import issue_key

    if not key_id:
        sys.exit("Which key? make keys lists them: make revoke ID=...")
    issue_key.revoke(key_id, datetime.now(UTC))
    print(f"{key_id} is revoked; it is dead everywhere within a minute.")


if __name__ == "__main__":
    main()
