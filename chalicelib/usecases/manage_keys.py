"""Create and revoke API keys."""

from __future__ import annotations

from datetime import datetime

from chalicelib.aws.dynamodb import key_store
from chalicelib.core.access.api_key import Key, NewKey, is_id
from chalicelib.errors import KeyUnknown
from chalicelib.usecases import authenticate


def issue(new_key: NewKey, now: datetime) -> tuple[Key, str]:
    """Create a key. Return it with its text, which cannot be read again.

    Raises:
        StoreUnavailable: it may have been stored, but no one has its text.
    """
    key, text = new_key.generate(now)
    key_store.add(key)
    return key, text


def revoke(key_id: str, now: datetime) -> None:
    """Revoke a key. Other containers may accept it for up to half a minute.

    Raises:
        KeyUnknown
        StoreUnavailable: it may or may not be revoked.
    """
    if not is_id(key_id) or not key_store.revoke(key_id, now):
        raise KeyUnknown
    authenticate.evict_key(key_id)
