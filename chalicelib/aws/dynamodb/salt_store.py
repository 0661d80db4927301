"""What the access table makes once: the salt of a day, and what only this installation knows; kept by the container.

salt#<date>      what visitors of a day are told apart by; gone after two days
secret#<name>    what cursors are signed with
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.store_errors import in_our_words
from chalicelib.settings import settings

_SALT_LASTS = timedelta(days=2)  # then nobody can tell any more who a visitor of that day was

_of_days: dict[str, bytes] = {}
_secrets: dict[str, bytes] = {}


def of(now: datetime) -> bytes:
    """Return the salt of the UTC day of ``now``, 32 random bytes; made by who asks first, the same for all.

    Raises:
        StoreUnavailable
    """
    day = now.date().isoformat()
    salt = _of_days.get(day)
    if salt is None:
        salt = _made_once(f"salt#{day}", ends_at=now + _SALT_LASTS)
        _of_days.clear()
        _of_days[day] = salt
    return salt


def secret(name: str) -> bytes:
    """Return 32 random bytes that are the same for ever, and no other installation's.

    Raises:
        StoreUnavailable
    """
    if name not in _secrets:
        _secrets[name] = _made_once(f"secret#{name}", ends_at=None)
    return _secrets[name]


def forget_all() -> None:
    """Start afresh, as a new container would."""
    _of_days.clear()
    _secrets.clear()


def _made_once(name: str, ends_at: datetime | None) -> bytes:
    end = {":end": {"N": str(int(ends_at.timestamp()))}} if ends_at else {}
    values: Any = {":value": {"B": secrets.token_bytes(32)}, **end}
    with in_our_words():
        found = clients.glances.update_item(
            TableName=settings.access_table,
            Key={"id": {"S": name}},
            UpdateExpression="SET salt = if_not_exists(salt, :value)"
            + (", expiresAt = if_not_exists(expiresAt, :end)" if ends_at else ""),
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )
    return bytes(found["Attributes"]["salt"]["B"])
