"""What is true for a while. Key: ``id``; all of it ends by TTL."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from chalicelib.aws import clients
from chalicelib.aws.store_errors import in_our_words
from chalicelib.settings import settings

_SALT_LASTS = timedelta(days=2)  # then nobody can tell any more who a visitor of that day was


def salt_of(day: datetime) -> bytes:
    """Return the 32 random bytes that visitors of the UTC day of ``day`` are told apart by; made by who asks first.

    Run twice or by two at once it gives all of them the same.

    Raises:
        StoreUnavailable
    """
    with in_our_words():
        found = clients.glances.update_item(
            TableName=settings.access_table,
            Key={"id": {"S": f"salt#{day.date().isoformat()}"}},
            UpdateExpression="SET salt = if_not_exists(salt, :salt), expiresAt = if_not_exists(expiresAt, :end)",
            ExpressionAttributeValues={
                ":salt": {"B": secrets.token_bytes(32)},
                ":end": {"N": str(int((day + _SALT_LASTS).timestamp()))},
            },
            ReturnValues="ALL_NEW",
        )
    return bytes(found["Attributes"]["salt"]["B"])
