"""Presigned URLs of the file bucket, for clients without AWS credentials: to upload a file, and to download one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from chalicelib.aws import clients
from chalicelib.aws.s3.presigned_urls import Signer
from chalicelib.core import times
from chalicelib.settings import settings

UPLOAD_TYPE = "text/csv"
VALID_FOR = timedelta(minutes=15)  # to begin; a transfer that has begun continues


def upload_form(key: str, max_bytes: int, now: datetime) -> dict[str, Any]:
    """Return the form to POST a file of 1 to ``max_bytes`` bytes with, which becomes the object ``key``.

    ``{"method", "url", "fields", "expiresAt", "maxBytes"}``.
    """
    conditions = [{"bucket": settings.files_bucket}, ["content-length-range", 1, max_bytes]]
    fields = _signer(now).upload({"key": key, "Content-Type": UPLOAD_TYPE}, conditions, VALID_FOR)
    until = times.to_text(now + VALID_FOR)
    return {"method": "POST", "url": _bucket_url(), "fields": fields, "expiresAt": until, "maxBytes": max_bytes}


def download_url(key: str, name: str, now: datetime) -> str:
    """Return a URL that downloads the object ``key`` as a file called ``name``, for 15 minutes."""
    query = {"response-content-disposition": f'attachment; filename="{name}"'}
    return _signer(now).download(f"{_bucket_url()}/{key}", query, VALID_FOR)


def origin() -> str:
    """Return the origin for uploads and downloads, or "" without a file bucket."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(_bucket_url())) if settings.files_bucket else ""


def _signer(now: datetime) -> Signer:
    return Signer(clients.credentials(), settings.aws.region, now)


def _bucket_url() -> str:
    if settings.aws.endpoint_url:
        return f"{settings.aws.endpoint_url}/{settings.files_bucket}"
    scheme, _, host = settings.aws.endpoint("s3").partition("://")
    return f"{scheme}://{settings.files_bucket}.{host}"
