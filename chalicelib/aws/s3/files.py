"""The file bucket: uploads, reports, exports. Files are read from disk, so that memory does not limit their size."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from chalicelib.aws.clients import Refused, boto3_client, timeouts
from chalicelib.aws.dynamodb.errors import translating_errors
from chalicelib.core.transfers.file_message import StoredFile
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed")  # the last: the version is a delete marker

files: S3Client = boto3_client.make_client("s3", **timeouts.STORE_FILE)


class FileGone(Exception):
    """A file was deleted from the bucket, or never was there."""


@contextmanager
def downloaded(file: StoredFile) -> Iterator[Path]:
    """Download ``file``, in its version, to disk for the length of a ``with``.

    Raises:
        FileGone: it was deleted, or has expired.
        StoreUnavailable
    """
    with tempfile.NamedTemporaryFile(suffix=".csv") as file_on_disk:
        _copy(file_on_disk, Key=file.key, VersionId=file.version)
        file_on_disk.flush()
        yield Path(file_on_disk.name)


def append(key: str, target: IO[bytes]) -> None:
    """Append the content of the object ``key`` to ``target``.

    Raises:
        FileGone
        StoreUnavailable
    """
    _copy(target, Key=key)


def put(key: str, content: bytes | IO[bytes], media_type: str) -> None:
    """Store an object, replacing an existing one.

    Raises:
        StoreUnavailable: it may or may not be stored.
    """
    with translating_errors():
        files.put_object(Bucket=settings.files_bucket, Key=key, Body=content, ContentType=media_type)


def _copy(target: IO[bytes], **version: Any) -> None:
    try:
        with translating_errors(*_GONE):
            response = files.get_object(Bucket=settings.files_bucket, **version)
            shutil.copyfileobj(response["Body"], target)
    except Refused as gone:
        raise FileGone from gone
