"""Imports: a file that becomes links, from the request for it to its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from chalicelib.core import times
from chalicelib.core.access import api_key
from chalicelib.core.domains import Domain, Domains
from chalicelib.core.links.link_fields import LinkFields
from chalicelib.core.transfers import job_problem
from chalicelib.core.transfers.file_message import StoredFile, is_id
from chalicelib.core.transfers.import_summary import Summary
from chalicelib.core.transfers.job_problem import Problem
from chalicelib.core.validation import names_of
from chalicelib.errors import TransferInvalid

IMPORTS = "imports/"
REPORTS = "reports/"
OnTaken = Literal["refuse", "skip", "rename", "mend"]
OUTCOMES = ("created", "renamed", "existing", "mended", "skipped", "refused")


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
    dry_run: bool = False
    """Nothing is made: its report says what would be."""
    space: str = ""
    """Where links of rows that name no domain of this service will be; empty: in the default space."""
    version: str | None = None
    """Of the file. The first that comes is the import's, and stays so."""
    format: str | None = None
    total: int | None = None
    """Rows in the file; None until it was looked through."""
    rows: int = 0
    """How many of them are done."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    summary: Summary = field(default_factory=Summary)
    parts: tuple[str, ...] = ()
    """The names of the parts of its report, in order; each writer gives its part a name of its own."""
    ended: Literal["done", "failed"] | None = None
    problem: Problem | None = None
    is_stuck: bool = False
    """It failed too often, and waits for the operator of the service."""
    is_trusted: bool = False
    """An administrator requested it, and may set the reason for which a link is blocked."""
    tells_differences: bool = False
    """Its report says in what links that are there differ from the file: to who may read them."""

    @property
    def key(self) -> str:
        """Return where an upload of it goes."""
        return f"{IMPORTS}{self.id}"

    @property
    def report_key(self) -> str:
        """Return where its report is, once it is done."""
        return f"{REPORTS}{self.id}.csv"

    @property
    def head(self) -> list[str]:
        """Return what its report says first: sentences about all of its rows."""
        counts = ", ".join(f"{self.outcomes[name]:,} {name}" for name in OUTCOMES if self.outcomes.get(name))
        return [f"{self.rows:,} rows ({self.format}): {counts}.", *self.summary.lines()]

    @property
    def state(self) -> str:
        """Return ``waiting`` (for the file), ``running``, ``done`` or ``failed``."""
        if self.ended is None and self.is_stuck:
            return "failed"
        return self.ended or ("waiting" if self.version is None else "running")

    def as_json(self, known: Domains, report: str | None) -> dict[str, Any]:
        """Return the import as clients see it; ``report`` is where its report can be had."""
        return {
            "id": self.id,
            "state": self.state,
            "createdAt": times.to_text(self.created_at),
            "onTaken": self.on_taken,
            "dryRun": self.dry_run,
            "domain": known.of_space(self.space).host,
            "format": self.format,
            "total": self.total,
            "read": self.rows,
            **{name: self.outcomes.get(name, 0) for name in OUTCOMES},
            **self.summary.as_json(),
            "problem": job_problem.as_json(self.problem, is_stuck=self.is_stuck and self.ended is None),
            "report": report,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImport:
    """A request for an import."""

    on_taken: OnTaken
    dry_run: bool
    domain: Domain | None
    """Of rows that name none of this service. None: the default one."""

    @classmethod
    def from_json(cls, body: dict[str, Any], known: Domains) -> NewImport:
        """Read a request body. ``known`` are the domains of this service.

        Raises:
            TransferInvalid
        """
        fields = LinkFields(body, names_of(("onTaken", "dryRun", "domain")))
        choice: Any = fields.choice("onTaken", get_args(OnTaken))
        request = cls(on_taken=choice, dry_run=fields.flag("dryRun"), domain=fields.domain(known))
        if fields.errors:
            raise TransferInvalid(fields.errors)
        return request


def direct_upload(file: StoredFile, bucket: str, now: datetime) -> Import | None:
    """Return the import of a file that was put into the bucket directly, without a call of the API.

    The links of ``imports/<owner>/<name>`` are that owner's, those of ``imports/<name>`` have none. None: another file.
    """
    place = file.key.removeprefix(IMPORTS)
    owner, in_a_folder, name = place.rpartition("/")
    if place == file.key or not name or (in_a_folder and not api_key.is_owner(owner)) or is_id(place):
        return None
    return Import(
        id=file.row_id(bucket, 0),
        owner=owner or None,
        by="a file in storage",
        created_at=now,
        version=file.version,
        is_trusted=True,
        tells_differences=True,
    )


def import_id_of(file: StoredFile) -> str | None:
    """Return the id of the import that a file was uploaded for, or None: for none."""
    place = file.key.removeprefix(IMPORTS)
    return place if is_id(place) else None
