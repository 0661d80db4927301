"""Addresses in the bucket of files for who has no rights there: where to put a file, where to fetch one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from chalicelib.aws import clients
from chalicelib.aws.presigned import Signer
from chalicelib.core import times
from chalicelib.settings import settings

UPLOAD_TYPE = "text/csv"
_LASTS = timedelta(minutes=15)  # to begin with it; what has begun goes on


def to_put(key: str, most: int, now: datetime) -> dict[str, Any]:
    """Return where and with which fields to POST a file of 1 to ``most`` bytes that becomes the object ``key``.

    ``{"method", "url", "fields", "expiresAt", "maxBytes"}``.
    """
    conditions = [{"bucket": settings.files_bucket}, ["content-length-range", 1, most]]
    fields = _signer(now).upload({"key": key, "Content-Type": UPLOAD_TYPE}, conditions, _LASTS)
    until = times.to_text(now + _LASTS)
    return {"method": "POST", "url": _bucket_url(), "fields": fields, "expiresAt": until, "maxBytes": most}


def to_fetch(key: str, name: str, now: datetime) -> str:
    """Return where the object ``key`` can be fetched for 15 minutes, as a file called ``name``."""
    query = {"response-content-disposition": f'attachment; filename="{name}"'}
    return _signer(now).download(f"{_bucket_url()}/{key}", query, _LASTS)


def origin() -> str:
    """Return the origin that files are sent to and fetched from, or "" where none are."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(_bucket_url())) if settings.files_bucket else ""


def _signer(now: datetime) -> Signer:
    return Signer(clients.credentials(), settings.aws.region, now)


def _bucket_url() -> str:
    if settings.aws.endpoint_url:
        return f"{settings.aws.endpoint_url}/{settings.files_bucket}"
    scheme, _, host = settings.aws.endpoint("s3").partition("://")
    return f"{scheme}://{settings.files_bucket}.{host}"
