"""The bucket of files: uploads, reports, exports. Who reads one has it on disk, so that memory does not matter."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from chalicelib.aws import by_boto3
from chalicelib.aws.clients import Refused
from chalicelib.aws.store_errors import in_our_words
from chalicelib.core.work import StoredFile
from chalicelib.errors import FileGone
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed")  # the last: the version is a mark that it was deleted

files: S3Client = by_boto3.made("s3", seconds_to_connect=1, seconds_to_read=10, attempts=4)


@contextmanager
def fetched(file: StoredFile) -> Iterator[Path]:
    """Have ``file``, in its version, on disk for the length of a ``with``.

    Raises:
        FileGone: it was removed, or its time in storage is over.
        StoreUnavailable
    """
    with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
        _copy(copy, Key=file.key, VersionId=file.version)
        copy.flush()
        yield Path(copy.name)


def append(key: str, target: IO[bytes]) -> None:
    """Write what the object ``key`` holds to the end of ``target``.

    Raises:
        FileGone
        StoreUnavailable
    """
    _copy(target, Key=key)


def put(key: str, content: bytes | IO[bytes], media_type: str) -> None:
    """Store an object, in place of what was there.

    Raises:
        StoreUnavailable: it may or may not be stored.
    """
    with in_our_words():
        files.put_object(Bucket=settings.files_bucket, Key=key, Body=content, ContentType=media_type)


def _copy(target: IO[bytes], **which: Any) -> None:
    try:
        with in_our_words(*_GONE):
            answer = files.get_object(Bucket=settings.files_bucket, **which)
            shutil.copyfileobj(answer["Body"], target)
    except Refused as gone:
        raise FileGone from gone
