"""Imports one row of a file: creates a link, finds or mends an existing one, or refuses the row with a reason."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from chalicelib.aws.dynamodb import transactions
from chalicelib.aws.dynamodb.errors import CodeTaken, LinkChanged, WriteRefused
from chalicelib.core.domains import Domain
from chalicelib.core.links import codes, target_url
from chalicelib.core.links import link_patch as changes
from chalicelib.core.links.conflicts import conflicts_in
from chalicelib.core.links.link import Link
from chalicelib.core.links.new_link import MadeBy
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.transfers import file_formats
from chalicelib.core.transfers.file_formats import LeftOut
from chalicelib.core.transfers.file_message import StoredFile
from chalicelib.core.transfers.file_reader import Row
from chalicelib.core.transfers.import_job import Import
from chalicelib.core.transfers.import_summary import kind_of
from chalicelib.core.transfers.imported_link import ImportedLink
from chalicelib.errors import DomainRefused, ExternalIdTaken, LinkInvalid
from chalicelib.settings import settings
from chalicelib.usecases import block_hosts, domains
from chalicelib.usecases.store_imported import DryRunLinks, Links

_CODE_ATTEMPTS = 8  # as many as for a link that is created alone
_MEND_SECONDS = 4.0  # to retry mending a link while others change it; one of them succeeds each time
_REASON_LENGTH = 500


class Result(NamedTuple):
    """The result of a row: an outcome, and the id of its link or the reason why there is none."""

    outcome: str
    link_id: str = ""
    reason: str = ""
    kind: str = ""
    """The kind of refusal, if it is one."""
    left_out: tuple[LeftOut, ...] = ()
    warning: str = ""

    @property
    def report_text(self) -> str:
        """Return the sentence for the report."""
        return " ".join(filter(None, (self.reason, file_formats.describe(self.left_out), self.warning)))


@dataclass(frozen=True, slots=True)
class Work:
    """One file being imported, with what all its rows have in common."""

    file: StoredFile
    job: Import
    target: Domain
    """Where links of rows are that name no domain of this service."""
    policy: TargetPolicy
    blocked: frozenset[str]
    links: Links
    now: datetime
    secret: bytes = field(repr=False)

    def apply(self, row: Row, number: int) -> Result:
        """Import a row. Idempotent: repeating it gives the same result.

        Raises:
            StoreUnavailable: the link may or may not be stored.
        """
        if row.why is not None:
            return Result("refused", reason=row.why, kind=row.kind)
        try:
            imported = self._imported_link(row)
            if imported.new_link.domain is not None and not self.job.is_trusted:
                domains.require_open(imported.new_link.domain, self.job.owner, self.now)
            block_hosts.refuse_among(self.blocked, imported.new_link.targets)
            result = self._result(imported, number)
        except LinkInvalid as invalid:
            return Result("refused", reason=str(invalid)[:_REASON_LENGTH], kind=kind_of(invalid.errors))
        except DomainRefused as refused:
            return Result("refused", reason=str(refused), kind="domain")
        except ExternalIdTaken as taken:
            return Result("refused", reason=str(taken)[:_REASON_LENGTH], kind="external-id")
        except WriteRefused:
            return Result("refused", reason="The table rejects the link.", kind="not-stored")
        warning = _redirect_warning(imported.new_link.targets) if result.link_id else ""
        return result._replace(left_out=(*row.left_out, *imported.left_out), warning=warning)

    def restore(self, row: Row, outcome: str, code: str) -> None:
        """Restore the result of a row that another worker of the dry run finished, without reading a table."""
        if not isinstance(self.links, DryRunLinks) or outcome not in {"created", "renamed", "mended"}:
            return
        imported = self._imported_link(row)  # the report has a host, and several may lead to the space
        if outcome == "mended":
            self.links.put_mended(imported.new_link.id_of(code), imported)
        else:
            self.links.put(self._draft(imported, code))

    def _imported_link(self, row: Row) -> ImportedLink:
        imported = ImportedLink.from_body(row.body, self.policy, self.job.created_at, settings.domains).at(self.target)
        return imported if self.job.is_trusted else imported.untrusted()

    def _result(self, imported: ImportedLink, number: int) -> Result:
        row_id = self.file.row_id(settings.files_bucket, number)
        taken, kind = imported.unusable, "code"
        if imported.alias is not None and (taken is None or self._has_reserved(imported, imported.alias)):
            found = self._store(imported, imported.alias, row_id)
            if found.outcome != "taken":
                return found
            taken, kind = found.reason, "taken"
        if taken is not None and self.job.on_taken != "rename":
            if self.job.on_taken == "skip":
                return Result("skipped", reason=taken)
            return Result("refused", reason=taken, kind=kind)
        for code in self._codes_for(imported, number):
            found = self._store(imported, code, row_id)
            if found.outcome != "taken":
                is_new = found.outcome == "created" and taken is not None
                return found._replace(outcome="renamed" if is_new else found.outcome, reason=taken or found.reason)
        return Result("refused", reason="No free code was found.", kind="not-stored")

    def _store(self, imported: ImportedLink, code: str, row_id: str) -> Result:
        """Store the link under ``code``, or find it there, ``existing`` or ``mended``; ``taken``: by another link."""
        link = self._draft(imported, code)
        try:
            self.links.add(link, row_id, self.job.created_at)
        except CodeTaken:
            return self._result_for_taken(imported, link, row_id)
        return Result("created", link.id)

    def _has_reserved(self, imported: ImportedLink, code: str) -> bool:
        """Tell whether ``code``, which has become reserved, is an older link of the same owner."""
        holder = self.links.holder(imported.new_link.id_of(code)) if codes.is_reserved(code) else None
        return holder is not None and holder.owner == self.job.owner

    def _draft(self, imported: ImportedLink, code: str) -> Link:
        return self.links.draft(imported, code, self.job.created_at, MadeBy(self.job.owner, self.job.by))

    def _result_for_taken(self, imported: ImportedLink, link: Link, row_id: str) -> Result:
        """Compare the link that holds the code with ``link``, mend it if asked to, and return the result.

        Raises:
            WriteContended: concurrent changes prevented every attempt to mend it.
        """

        def attempt() -> Result:
            holder = self.links.holder(link.id)
            if holder is None or holder.owner != link.owner:
                return Result("taken", reason=_taken_reason(link))
            if self.job.on_taken == "mend" and holder.url == link.url and imported.protects:
                try:
                    mended = self._mend(imported, link, holder, row_id)
                except LinkInvalid as invalid:
                    return Result("taken", reason=f"{_taken_reason(link)} It cannot be mended: {invalid}")
                if mended is not None:
                    return mended
            differs = self._differences(imported, holder)
            if _is_same(holder, link):
                return Result("existing", link.id, differs)
            return Result("taken", reason=" ".join(filter(None, (_taken_reason(link), differs))))

        return transactions.retry(attempt, _MEND_SECONDS)

    def _mend(self, imported: ImportedLink, link: Link, holder: Link, row_id: str) -> Result | None:
        """Add to ``holder`` each protection of the file that it lacks; None: it lacks none.

        Raises:
            LinkChanged: a concurrent change or move came first.
            LinkInvalid: the protection conflicts with other options of the link.
        """
        mended = self.links.changed_by(holder.id, row_id)
        if mended is not None:  # by another worker with the same row, perhaps after ``holder`` was read
            found = self.links.holder(holder.id)
            if found is None or found.owner != holder.owner:  # it is not theirs to be told about any more
                raise LinkChanged
            after = found
        else:
            missing = imported.with_placeholder_digest().missing_from(holder)
            if not missing:
                return None
            if "password_digest" in missing:
                missing["password_digest"] = link.password_digest
            after = replace(holder, **missing, version=holder.version + 1, updated_at=self.now)
            conflicts = conflicts_in(after, is_protected=after.password_digest is not None)
            if conflicts:
                raise LinkInvalid(conflicts)
            self.links.change(holder, after, row_id, self.job.by, self.now)
            mended = changes.differences(holder, after)
        fields = ["password" if name == "protected" else name for name in mended]
        entry = (_field_list("Mended", fields), self._differences(imported, after))
        return Result("mended", holder.id, " ".join(filter(None, entry)))

    def _differences(self, imported: ImportedLink, holder: Link) -> str:
        """Return in what ``holder`` differs from the file, if the importing client may read links."""
        return _field_list("Differs in", imported.differs_in(holder)) if self.job.tells_differences else ""

    def _codes_for(self, imported: ImportedLink, number: int) -> Iterator[str]:
        """Yield codes for a link without one: the same for the same row, and not predictable by others."""
        seed_text = repr(imported.code_seed(self.job.owner, number))
        is_unguessable = imported.is_unguessable or settings.code_style == "random"
        for attempt in range(_CODE_ATTEMPTS):
            seed = hmac.new(self.secret, f"{attempt} {seed_text}".encode(), hashlib.sha256).digest()
            code = codes.derive(seed, unguessable=is_unguessable, any_case=imported.new_link.any_case)
            if not codes.is_reserved(code):
                yield code


def _taken_reason(link: Link) -> str:
    return f"The code {link.code} is taken."


def _field_list(what: str, fields: list[str] | tuple[str, ...]) -> str:
    return f"{what}: {', '.join(fields)}." if fields else ""


def _is_same(holder: Link, link: Link) -> bool:
    """Tell whether two links of an owner have the same URL, and both or neither a password."""
    return (holder.url, holder.password_digest is None) == (link.url, link.password_digest is None)


def _redirect_warning(targets: Mapping[str, str]) -> str:
    """Return a warning if ``targets`` are links of other shorteners, and stop working when those do."""
    hosts = target_url.shorteners_among(targets.values())
    return f"It leads on by {', '.join(hosts)}, and works as long as that does." if hosts else ""
