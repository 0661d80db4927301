"""Random values that are created once in the access table, and cached by the container.

salt#<date>      the key of a day's visitor hashes; deleted after two days
secret#<name>    a secret of this installation, such as the key that signs cursors
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.settings import settings

_SALT_LASTS = timedelta(days=2)  # after that no visitor of that day can be identified any more

_salts: dict[str, bytes] = {}
_secrets: dict[str, bytes] = {}


def daily_salt(now: datetime) -> bytes:
    """Return the salt of the UTC day of ``now``, 32 random bytes; created on first use, the same for all containers.

    Raises:
        StoreUnavailable
    """
    day = now.date().isoformat()
    salt = _salts.get(day)
    if salt is None:
        salt = _get_or_create(f"salt#{day}", ends_at=now + _SALT_LASTS)
        _salts.clear()
        _salts[day] = salt
    return salt


def secret(name: str) -> bytes:
    """Return 32 random bytes that never change and are unique to this installation.

    Raises:
        StoreUnavailable
    """
    if name not in _secrets:
        _secrets[name] = _get_or_create(f"secret#{name}", ends_at=None)
    return _secrets[name]


def reset() -> None:
    """Clear the cache, as in a new container."""
    _salts.clear()
    _secrets.clear()


def _get_or_create(name: str, ends_at: datetime | None) -> bytes:
    end = {":end": {"N": str(int(ends_at.timestamp()))}} if ends_at else {}
    values: Any = {":value": {"B": secrets.token_bytes(32)}, **end}
    with translating_errors():
        found = clients.best_effort.update_item(
            TableName=settings.access_table,
            Key={"id": {"S": name}},
            UpdateExpression="SET salt = if_not_exists(salt, :value)"
            + (", expiresAt = if_not_exists(expiresAt, :end)" if ends_at else ""),
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )
    return bytes(found["Attributes"]["salt"]["B"])
