"""Work on files: what a message in their queue asks for, and what files and rows are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, unquote_plus

ID_LENGTH = 32


def is_id(text: str) -> bool:
    """Tell whether an import or an export may be known by ``text``."""
    return len(text) == ID_LENGTH and all(letter in "0123456789abcdef" for letter in text)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in storage, in exactly one of its versions."""

    key: str
    version: str
    size: int = 0

    def as_message(self) -> dict[str, Any]:
        """Return what S3 says of a file that has come, as far as it is read here."""
        stored = {"key": quote_plus(self.key), "versionId": self.version, "size": self.size}
        return {"Records": [{"eventSource": "aws:s3", "s3": {"object": stored}}]}

    def row_id(self, bucket: str, number: int) -> str:
        """Return what a row, counted from 1, is known by for ever."""
        text = json.dumps([bucket, self.key, self.version, number])
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Work:
    """What a message in the queue of files asks for: files that have come, or ids of exports."""

    files: tuple[StoredFile, ...] = ()
    exports: tuple[str, ...] = ()

    @classmethod
    def from_message(cls, text: str) -> Work:
        """Read a message of S3's, or one of ours; a test message of S3's asks for nothing.

        Raises:
            ValueError: it is neither.
        """
        document = json.loads(text)
        try:
            if "export" in document:
                return cls(exports=(str(document["export"]),))
            return cls(files=tuple(_stored(record["s3"]["object"]) for record in document.get("Records", ())))
        except (KeyError, TypeError, AttributeError) as strange:
            raise ValueError(text[:200]) from strange


def _stored(told: Mapping[str, Any]) -> StoredFile:
    # A key comes as in a form: + for a space. `null` is the version of what a bucket keeps no versions of.
    return StoredFile(unquote_plus(told["key"]), str(told.get("versionId") or "null"), int(told.get("size", 0)))
