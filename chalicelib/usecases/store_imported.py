"""Stores imported links: in the tables, or, for a dry run, in memory in front of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import history_store, link_store
from chalicelib.aws.dynamodb.errors import CodeTaken
from chalicelib.core.links import link_patch as changes
from chalicelib.core.links.link import Link
from chalicelib.core.links.new_link import MadeBy
from chalicelib.core.transfers.imported_link import ImportedLink
from chalicelib.errors import ExternalIdTaken
from chalicelib.usecases import find_link


class Links(Protocol):
    """The links that exist, for one import. ``row_id`` identifies a row permanently."""

    def draft(self, imported: ImportedLink, code: str, created_at: datetime, made_by: MadeBy) -> Link:
        """Return the link of a row under ``code``, not stored yet."""

    def add(self, link: Link, row_id: str, created_at: datetime) -> None:
        """Store a new link; storing the same row again succeeds.

        Raises:
            CodeTaken, ExternalIdTaken, WriteRefused, StoreUnavailable
        """

    def holder(self, link_id: str) -> Link | None:
        """Return the current link of ``link_id`` (a consistent read).

        Raises:
            StoreUnavailable
        """

    def change(self, before: Link, after: Link, row_id: str, by: str, now: datetime) -> None:
        """Replace ``before`` by ``after``.

        Raises:
            LinkChanged: a concurrent change came first.
            WriteRefused, StoreUnavailable
        """

    def changed_by(self, link_id: str, row_id: str) -> dict[str, Any] | None:
        """Return what the row changed in a link, if it was imported before, or None.

        Raises:
            StoreUnavailable
        """


class StoredLinks:
    """Links in the tables."""

    def draft(self, imported: ImportedLink, code: str, created_at: datetime, made_by: MadeBy) -> Link:
        """See ``Links``."""
        return imported.to_link(code, created_at, made_by)

    def add(self, link: Link, row_id: str, created_at: datetime) -> None:
        """See ``Links``."""
        claims = find_link.claims_for(link, created_at)
        find_link.claiming(link, claims, lambda claimed: link_store.add(link, row_id, claimed))

    def holder(self, link_id: str) -> Link | None:
        """See ``Links``."""
        return link_store.find_now(link_id)

    def change(self, before: Link, after: Link, row_id: str, by: str, now: datetime) -> None:
        """See ``Links``. The change is written to the history of the link, where ``changed_by`` finds it."""
        entry = history_store.entry(after.id, after.version, by, now, "changed", changes.differences(before, after))
        link_store.change(before, after, row_id, [history_store.with_change_id(entry, row_id)])
        link_cache.put(after, now)

    def changed_by(self, link_id: str, row_id: str) -> dict[str, Any] | None:
        """See ``Links``."""
        return history_store.changes_by(link_id, row_id)


@dataclass(slots=True)
class DryRunLinks:
    """The links of a dry run, in memory, in front of those of the tables. Nothing is written."""

    _links: dict[str, Link] = field(default_factory=dict)
    _names: set[tuple[str, str]] = field(default_factory=set)
    """Owners and their external ids."""
    _mended: dict[str, list[ImportedLink]] = field(default_factory=dict)
    """By id of a link, the rows that would have mended a stored link that was not read since."""

    def draft(self, imported: ImportedLink, code: str, created_at: datetime, made_by: MadeBy) -> Link:
        """See ``Links``. A placeholder replaces the password digest, which takes as long to compute as all the rest."""
        return imported.with_placeholder_digest().to_link(code, created_at, made_by)

    def add(self, link: Link, row_id: str, created_at: datetime) -> None:  # noqa: ARG002  # nothing is stored
        """See ``Links``. Conflicts are found in the same order as in the tables."""
        if link.id in self._links or link_store.is_code_used(link.id):
            raise CodeTaken(link.id)
        if link.owner is not None and link.external_id is not None:
            is_held = find_link.is_external_id_taken(link.owner, link.external_id)
            if is_held or (link.owner, link.external_id) in self._names:
                raise ExternalIdTaken(link.external_id)
        self.put(link)

    def put(self, link: Link) -> None:
        """Keep a link whose id was found to be free."""
        self._links[link.id] = link
        if link.owner is not None and link.external_id is not None:
            self._names.add((link.owner, link.external_id))

    def put_mended(self, link_id: str, imported: ImportedLink) -> None:
        """Keep a row that would have mended a link; the link is read only when needed, as few are needed again."""
        self._mended.setdefault(link_id, []).append(imported.with_placeholder_digest())

    def holder(self, link_id: str) -> Link | None:
        """See ``Links``."""
        if link_id in self._links:
            return self._links[link_id]
        link = link_store.find_now(link_id)
        for imported in self._mended.pop(link_id, ()):
            if link is not None:
                link = self._links[link_id] = replace(link, **imported.missing_from(link))
        return link

    def change(self, before: Link, after: Link, row_id: str, by: str, now: datetime) -> None:  # noqa: ARG002  # the same
        """See ``Links``."""
        self._links[before.id] = after

    def changed_by(self, link_id: str, row_id: str) -> dict[str, Any] | None:  # noqa: ARG002  # the same
        """See ``Links``."""
        return None
