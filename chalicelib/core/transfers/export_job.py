"""Exports: links that become a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from chalicelib.core import times
from chalicelib.core.access import api_key
from chalicelib.core.domains import Domain, Domains
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_fields import LinkFields
from chalicelib.core.transfers import job_problem
from chalicelib.core.transfers.job_problem import Problem
from chalicelib.core.validation import names_of
from chalicelib.errors import TransferInvalid

EXPORTS = "exports/"
EVERYONE = "*"
"""The owner that stands for all of them, and for nobody's links too."""


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
    space: str | None = None
    """The space whose links alone are in it; empty: the default one. None: links of all spaces."""
    links: int | None = None
    ended: Literal["done", "failed"] | None = None
    problem: Problem | None = None
    is_stuck: bool = False
    """It failed too often, and waits for the operator of the service."""

    @property
    def key(self) -> str:
        """Return where the file is."""
        return f"{EXPORTS}{self.id}.{self.format}"

    @property
    def state(self) -> str:
        """Return ``running``, ``done`` or ``failed``."""
        return self.ended or ("failed" if self.is_stuck else "running")

    def includes(self, link: Link) -> bool:
        """Tell whether a link of its owner is exported."""
        return self.space is None or link.space == self.space

    def as_json(self, known: Domains, file: str | None) -> dict[str, Any]:
        """Return the export as clients see it; ``file`` is where it can be had."""
        return {
            "id": self.id,
            "state": self.state,
            "createdAt": times.to_text(self.created_at),
            "owner": self.owner,
            "format": self.format,
            "days": self.days,
            "domain": None if self.space is None else known.of_space(self.space).host,
            "links": self.links,
            "problem": job_problem.as_json(self.problem, is_stuck=self.is_stuck and self.ended is None),
            "file": file,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExport:
    """A request for an export. No owner: the caller."""

    format: Literal["csv", "ndjson"]
    days: bool
    owner: str | None
    domain: Domain | None
    """Whose links alone are exported. None: those of all domains."""

    @classmethod
    def from_json(cls, body: dict[str, Any], known: Domains) -> NewExport:
        """Read a request body. ``known`` are the domains of this service.

        Raises:
            TransferInvalid
        """
        fields = LinkFields(body, names_of(("format", "days", "owner", "domain")))
        choice: Any = fields.choice("format", ("csv", "ndjson"))
        owner = fields.text("owner", api_key.MAX_NAME)
        if owner is not None and owner != EVERYONE and not api_key.is_owner(owner):
            fields.refuse("owner", "invalid", "An owner is 1 to 64 letters, digits and . _ @ -; * is everyone.")
        request = cls(format=choice, days=fields.flag("days"), owner=owner, domain=fields.domain(known))
        if fields.errors:
            raise TransferInvalid(fields.errors)
        return request
