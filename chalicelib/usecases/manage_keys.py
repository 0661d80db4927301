"""Deed: make a key, list all keys, revoke one."""

from __future__ import annotations

from datetime import datetime

from chalicelib import authorize
from chalicelib.aws import key_table
from chalicelib.core.key import Key, NewKey, is_id
from chalicelib.errors import KeyUnknown


def issue(wanted: NewKey, now: datetime) -> tuple[Key, str]:
    """Make a key; return it, and its text, which is shown now and never again.

    Raises:
        StoreUnavailable: if it was stored, nobody has its text.
    """
    key, text = wanted.drawn(now)
    key_table.add(key)
    return key, text


def revoke(key_id: str, now: datetime) -> None:
    """Revoke a key; in other containers it works for half a minute more.

    Raises:
        KeyUnknown
        StoreUnavailable: it may or may not be revoked.
    """
    if not is_id(key_id) or not key_table.revoke(key_id, now):
        raise KeyUnknown(key_id)
    authorize.forget(key_id)
