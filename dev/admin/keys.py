"""``make key``, ``make keys``, ``make revoke``: API keys. They need write access to the table of keys.

A key is shown once, alone on standard output, so that a script can take it: ``KEY=$(make -s key NAME=ci)``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.deploy import stack, stages

FIRST = "laptop"
"""The name and owner of the key that `make run` creates; `make import` imports for this owner by default."""
_DEFAULT_ROLE = "editor"  # all that the page needs for links


class KeyNotMade(Exception):
    """The table of keys does not respond; the message is one sentence for a person."""


def _environment(cloud: stack.Cloud, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the service reads, once, when it is imported."""
    return {
        "BASE_URL": outputs["BaseUrl"],
        "ACCESS_TABLE": outputs["AccessTable"],
        "CLICKS_TABLE": outputs["ClicksTable"],
        "AWS_DEFAULT_REGION": cloud.region,
    }


def main() -> None:
    """Run the command of the first argument, in the stage of the second; every failure is one sentence."""
    command, stage, *arguments = sys.argv[1:]
    cloud, outputs = stages.find(stage or "local")
    # Before the service is imported: it reads the environment once, at import, and creates its clients.
    os.environ.update(_environment(cloud, outputs))
    from chalicelib.errors import KeyRequestInvalid, KeyUnknown, StoreUnavailable

    commands: dict[str, Callable[..., None]] = {"make": create, "list": show, "revoke": revoke}
    try:
        commands[command](*arguments)
    except StoreUnavailable as failure:
        sys.exit(f"The table of keys does not answer: {failure.__cause__}")
    except KeyRequestInvalid as refused:
        sys.exit(f"{refused} For example: make key WORKSPACE=team NAME=laptop ROLE={_DEFAULT_ROLE}")
    except KeyUnknown as unknown:
        sys.exit(f"{unknown} make keys lists those there are.")


@contextmanager
def temporary_key(
    cloud: stack.Cloud, outputs: Mapping[str, str], owner: str, scopes: tuple[str, ...], valid_for: timedelta
) -> Iterator[str]:
    """Create a key of ``owner`` for the length of a ``with``, or ``valid_for`` at most.

    ``outputs`` are those of the stack.

    Raises:
        KeyNotMade
    """
    os.environ.update(_environment(cloud, outputs))
    from chalicelib.aws.dynamodb import key_store  # it reads the environment when it is imported
    from chalicelib.core.access.api_key import NewKey
    from chalicelib.errors import StoreUnavailable

    now = datetime.now(UTC)
    new_key = NewKey(name="make", owner=owner, scopes=scopes, expires_at=now + valid_for)
    key, text = new_key.generate(now, "make")
    try:
        key_store.add(key)  # no log: it is no one's, and ends with the command
    except StoreUnavailable as failure:
        raise KeyNotMade(f"No key could be made: {failure.__cause__}") from failure
    try:
        yield text
    finally:
        cloud.client("dynamodb").delete_item(TableName=outputs["AccessTable"], Key={"id": {"S": f"key#{key.id}"}})


def create_first() -> str | None:
    """Create a key if there has never been one, and return its text; None: there has been one.

    Expects the environment to name the table of keys.

    Raises:
        KeyNotMade
    """
    from chalicelib.aws.dynamodb import key_store
    from chalicelib.core.access.api_key import NewKey
    from chalicelib.core.access.caller import Who
    from chalicelib.core.access.roles import ROLES
    from chalicelib.errors import StoreUnavailable
    from chalicelib.usecases import manage_keys

    try:
        if key_store.all_keys():
            return None
        new_key = NewKey(name=FIRST, owner=FIRST, scopes=ROLES["admin"])
        return manage_keys.issue(new_key, Who(name="make run"), datetime.now(UTC))[1]
    except StoreUnavailable as failure:
        raise KeyNotMade(f"No key could be made: {failure.__cause__}") from failure


def create(name: str, scopes: str, workspace: str, expires: str, role: str = "", person: str = "") -> None:
    """Create a key and print it; without ``scopes`` and ``role`` it has the scopes of an editor."""
    from chalicelib.core.access.api_key import NewKey
    from chalicelib.core.access.caller import Who
    from chalicelib.usecases import manage_keys

    body: dict[str, Any] = {"name": name or person or workspace}
    body |= {"role": role} if role else {}
    body |= {"scopes": [scope for scope in scopes.split(",") if scope]} if scopes else {}
    body |= {} if role or scopes else {"role": _DEFAULT_ROLE}
    body |= {"owner": workspace} if workspace else {}
    body |= {"expiresIn": expires} if expires else {}
    body |= {"person": person} if person else {}
    now = datetime.now(UTC)
    key, text = manage_keys.issue(NewKey.from_json(body, now), Who(name="make key"), now)
    usual = "" if scopes or role else " (ROLE says otherwise)"
    print(
        f"Key {key.id} of {key.owner!r} may {', '.join(key.scopes)}{usual}. Keep it: it is not shown again.",
        file=sys.stderr,
    )
    print(text)


def show() -> None:
    """Print all keys, without their texts."""
    from chalicelib.aws.dynamodb import key_store

    now = datetime.now(UTC)
    rows = [("ID", "NAME", "WORKSPACE", "FOR", "SCOPES", "STATE", "LAST USED")]
    for key in key_store.all_keys():
        state = "revoked" if key.revoked_at else "expired" if key.has_ended(now) else "good"
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        rows.append((key.id, key.name, key.owner, key.person or "integration", ",".join(key.scopes), state, used))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def revoke(key_id: str) -> None:
    """Revoke a key."""
    from chalicelib.core.access import caller as callers
    from chalicelib.usecases import manage_keys

    if not key_id:
        sys.exit("Which key? make keys lists them: make revoke ID=...")
    manage_keys.revoke(key_id, callers.operator("make revoke"), datetime.now(UTC))
    print(f"{key_id} is revoked; it is dead everywhere within a minute.")


if __name__ == "__main__":
    main()
