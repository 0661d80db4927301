"""Imports and exports: what is asked for, what is under way, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from chalicelib.core import key, times
from chalicelib.core.fields import Fields, names_of
from chalicelib.core.work import StoredFile, is_id
from chalicelib.errors import TransferInvalid

IMPORTS = "imports/"
REPORTS = "reports/"
EXPORTS = "exports/"
OnTaken = Literal["refuse", "skip", "rename"]
OUTCOMES = ("created", "renamed", "existing", "skipped", "refused")
EVERYONE = "*"
"""The owner that stands for all of them, and for nobody's links too."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing, or nothing more, came of a file. ``code`` is stable and kebab-case."""

    code: str
    detail: str


_STUCK = Problem(
    "stuck",
    "It failed over and over. Whoever runs this service has been told, and can have it gone on with.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A file that becomes links: whose they will be, and how far it is."""

    id: str
    owner: str | None
    """Whose the links will be. None: nobody's, as of a file that an operator put into storage."""
    by: str
    """The name of the key it was asked for with, for the history of its links."""
    created_at: datetime
    on_taken: OnTaken = "refuse"
    """What becomes of a row whose code is another link's."""
    version: str | None = None
    """Of the file. The first that comes is the import's, and stays so."""
    format: str | None = None
    total: int | None = None
    """Rows in the file; None until it was looked through."""
    rows: int = 0
    """How many of them are done."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    """The names of the parts of its report, in order; whoever writes one gives it a name of its own."""
    ended: Literal["done", "failed"] | None = None
    problem: Problem | None = None
    is_stuck: bool = False
    """It failed too often, and waits for somebody who looks after this service."""
    is_trusted: bool = False
    """An administrator asked for it, who may say to visitors why a link is blocked."""

    @property
    def key(self) -> str:
        """Return where an upload of it goes."""
        return f"{IMPORTS}{self.id}"

    @property
    def report_key(self) -> str:
        """Return where its report is, once it is done."""
        return f"{REPORTS}{self.id}.csv"

    @property
    def state(self) -> str:
        """Return ``waiting`` (for the file), ``running``, ``done`` or ``failed``."""
        if self.ended is None and self.is_stuck:
            return "failed"
        return self.ended or ("waiting" if self.version is None else "running")

    def as_json(self, report: str | None) -> dict[str, Any]:
        """Return the import as clients see it; ``report`` is where its report can be had."""
        return {
            "id": self.id,
            "state": self.state,
            "createdAt": times.to_text(self.created_at),
            "onTaken": self.on_taken,
            "format": self.format,
            "total": self.total,
            "read": self.rows,
            **{name: self.outcomes.get(name, 0) for name in OUTCOMES},
            "problem": _shown(self.problem, is_stuck=self.is_stuck and self.ended is None),
            "report": report,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImport:
    """A wish for an import."""

    on_taken: OnTaken

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> NewImport:
        """Read a request body.

        Raises:
            TransferInvalid
        """
        fields = Fields(body, names_of(("onTaken",)))
        choice: Any = fields.choice("onTaken", ("refuse", "skip", "rename"))
        if fields.errors:
            raise TransferInvalid(fields.errors)
        return cls(on_taken=choice)


def put_by_hand(file: StoredFile, bucket: str, now: datetime) -> Import | None:
    """Return the import of a file that nobody asked for by the API: whoever may write to the bucket put it there.

    ``imports/<owner>/<name>`` is that owner's, ``imports/<name>`` nobody's. None: it is no such file.
    """
    place = file.key.removeprefix(IMPORTS)
    owner, in_a_folder, name = place.rpartition("/")
    if place == file.key or not name or (in_a_folder and not key.is_owner(owner)) or is_id(place):
        return None
    return Import(
        id=file.row_id(bucket, 0),
        owner=owner or None,
        by="a file in storage",
        created_at=now,
        version=file.version,
        is_trusted=True,
    )


def import_id_of(file: StoredFile) -> str | None:
    """Return the id of the import that a file was uploaded for, or None: for none."""
    place = file.key.removeprefix(IMPORTS)
    return place if is_id(place) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Links that become a file."""

    id: str
    owner: str
    """Whose links; ``EVERYONE``'s are all there are."""
    asked_by: str
    """The owner who may fetch the file."""
    created_at: datetime
    format: Literal["csv", "ndjson"] = "csv"
    days: bool = False
    """Whether the counts of every day are in it."""
    links: int | None = None
    ended: Literal["done", "failed"] | None = None
    problem: Problem | None = None
    is_stuck: bool = False
    """It failed too often, and waits for somebody who looks after this service."""

    @property
    def key(self) -> str:
        """Return where the file is."""
        return f"{EXPORTS}{self.id}.{self.format}"

    @property
    def state(self) -> str:
        """Return ``running``, ``done`` or ``failed``."""
        return self.ended or ("failed" if self.is_stuck else "running")

    def as_json(self, file: str | None) -> dict[str, Any]:
        """Return the export as clients see it; ``file`` is where it can be had."""
        return {
            "id": self.id,
            "state": self.state,
            "createdAt": times.to_text(self.created_at),
            "owner": self.owner,
            "format": self.format,
            "days": self.days,
            "links": self.links,
            "problem": _shown(self.problem, is_stuck=self.is_stuck and self.ended is None),
            "file": file,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExport:
    """A wish for an export. No owner: the caller."""

    format: Literal["csv", "ndjson"]
    days: bool
    owner: str | None

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> NewExport:
        """Read a request body.

        Raises:
            TransferInvalid
        """
        fields = Fields(body, names_of(("format", "days", "owner")))
        choice: Any = fields.choice("format", ("csv", "ndjson"))
        owner = fields.text("owner", key.MAX_NAME)
        if owner is not None and owner != EVERYONE and not key.is_owner(owner):
            fields.refuse("owner", "invalid", "An owner is 1 to 64 letters, digits and . _ @ -; * is everyone.")
        wanted = cls(format=choice, days=fields.flag("days"), owner=owner)
        if fields.errors:
            raise TransferInvalid(fields.errors)
        return wanted


def _shown(problem: Problem | None, *, is_stuck: bool) -> dict[str, str] | None:
    shown = _STUCK if is_stuck else problem
    return None if shown is None else {"code": shown.code, "detail": shown.detail}
