"""Messages of the file queue, and the identity of files and rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, unquote_plus

ID_LENGTH = 32


def is_id(text: str) -> bool:
    """Tell whether ``text`` has the form of the id of an import or an export."""
    return len(text) == ID_LENGTH and all(letter in "0123456789abcdef" for letter in text)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in storage, in exactly one of its versions."""

    key: str
    version: str
    size: int = 0

    def as_message(self) -> dict[str, Any]:
        """Return the fields of S3's event for an uploaded file that are read here: one reader serves both senders."""
        stored = {"key": quote_plus(self.key), "versionId": self.version, "size": self.size}
        return {"Records": [{"eventSource": "aws:s3", "s3": {"object": stored}}]}

    def row_id(self, bucket: str, number: int) -> str:
        """Return the permanent id of a row, counted from 1."""
        text = json.dumps([bucket, self.key, self.version, number])
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one message: uploaded files to import, or ids of exports to write."""

    files: tuple[StoredFile, ...] = ()
    exports: tuple[str, ...] = ()

    @classmethod
    def from_message(cls, text: str) -> Work:
        """Read a message from S3 or from this service; a test message from S3 has no work.

        Raises:
            ValueError: it is neither.
        """
        document = json.loads(text)
        try:
            if "export" in document:
                return cls(exports=(str(document["export"]),))
            return cls(files=tuple(_file_from_event(record["s3"]["object"]) for record in document.get("Records", ())))
        except (KeyError, TypeError, AttributeError) as malformed:
            raise ValueError(text[:200]) from malformed


def _file_from_event(s3_object: Mapping[str, Any]) -> StoredFile:
    # The key is form-encoded, + for a space. `null` is the version in a bucket without versioning.
    return StoredFile(
        unquote_plus(s3_object["key"]),
        str(s3_object.get("versionId") or "null"),
        int(s3_object.get("size", 0)),
    )
