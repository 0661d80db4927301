"""Deed: an uploaded file becomes links and a report, each row once, whoever is killed, doubled or late.

A file is read in the version that came first, again from its beginning by everyone who goes on with it. The link of a
row is stored with the row's id, so that doing it again finds it made; a row without a code gets one that follows from
what it asks for. Every 500 rows their part of the report is stored, and then how far the import is.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from chalicelib import block, find_link, logs
from chalicelib.aws import bucket, link_table, salts, transfer_table, work_queue
from chalicelib.core import codes, csv_rows, transfer, upload
from chalicelib.core.imported import ImportedLink
from chalicelib.core.link import Link
from chalicelib.core.new_link import MadeBy
from chalicelib.core.target_url import TargetPolicy
from chalicelib.core.transfer import Import, Problem
from chalicelib.core.upload import Row
from chalicelib.core.work import StoredFile
from chalicelib.errors import (
    CodeTaken,
    ExternalIdTaken,
    FileGone,
    FileRefused,
    ImportOvertaken,
    LinkInvalid,
    WriteRefused,
)
from chalicelib.settings import settings

ROWS_AT_ONCE = 500
_SECONDS_AT_MOST = 5  # between two marks of how far it is: somebody watches
_LOOK_AGAIN = 300  # seconds after which somebody sees to it that a file was imported to its end
_DRAWS = 8  # as many as for a link that is made alone
_LONGEST_REASON = 500
_REPORT = ("line", "outcome", "shortUrl", "reason")


class _Result(NamedTuple):
    """What became of a row: an outcome, and the code of its link or the reason why there is none."""

    outcome: str
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Work:
    """One file being imported: what all its rows have in common."""

    file: StoredFile
    order: Import
    policy: TargetPolicy
    blocked: frozenset[str]
    secret: bytes = field(repr=False)

    def apply(self, row: Row, number: int) -> _Result:
        """Make the link of a row, or say why not; again and again with the same result."""
        if row.why is not None:
            return _Result("refused", reason=row.why)
        try:
            wanted = ImportedLink.from_body(row.body, self.policy, self.order.created_at)
            wanted = wanted if self.order.is_trusted else wanted.untrusted()
            block.refuse_among(self.blocked, wanted.wanted.targets)
            result = self._made(wanted, number)
        except (LinkInvalid, ExternalIdTaken) as refused:
            return _Result("refused", reason=str(refused)[:_LONGEST_REASON])
        except WriteRefused:
            return _Result("refused", reason="The table does not take it as it is.")
        return result._replace(reason=" ".join(filter(None, (result.reason, row.left_out))))

    def _made(self, wanted: ImportedLink, number: int) -> _Result:
        row_id = self.file.row_id(settings.files_bucket, number)
        taken = wanted.unusable
        if wanted.alias is not None and taken is None:
            found = self._stored(wanted, wanted.alias, row_id)
            if found is not None:
                return _Result(found, wanted.alias)
            taken = f"The code {wanted.alias} is taken."
        if taken is not None and self.order.on_taken != "rename":
            return _Result("skipped" if self.order.on_taken == "skip" else "refused", reason=taken)
        for code in self._codes_for(wanted, number):
            found = self._stored(wanted, code, row_id)
            if found is not None:
                return _Result("renamed" if found == "created" and taken else found, code, taken or "")
        return _Result("refused", reason="No free code was found.")

    def _stored(self, wanted: ImportedLink, code: str, row_id: str) -> str | None:
        """Store the link under ``code``: ``created``, or ``existing`` if the owner has it there; None: it is taken."""
        link = wanted.named(code, self.order.created_at, MadeBy(self.order.owner, self.order.by))
        try:
            link_table.add(link, row_id, find_link.claim_of(link, self.order.created_at))
        except CodeTaken:
            holder = link_table.find_now(code)
            return "existing" if holder is not None and _is_same(holder, link) else None
        return "created"

    def _codes_for(self, wanted: ImportedLink, number: int) -> Iterator[str]:
        """Yield the codes of a link that has none: the same whenever the same is imported, and nobody else's guess."""
        wish = repr(wanted.wish(self.order.owner, number))
        is_unguessable = wanted.is_unguessable or settings.code_style == "random"
        for draw in range(_DRAWS):
            seed = hmac.new(self.secret, f"{draw} {wish}".encode(), hashlib.sha256).digest()
            code = codes.derived(seed, unguessable=is_unguessable)
            if not codes.is_reserved(code):
                yield code


def import_file(file: StoredFile, policy: TargetPolicy, now: datetime, has_time: Callable[[], bool]) -> Import | None:
    """Make links of ``file``, as far as there is time; then ask for somebody to go on. Return how far it is.

    None: nobody wants it, or an import that has another file already got this one too.

    Raises:
        StoreUnavailable: whoever has the same message goes on from what was kept.
    """
    order = _order_for(file, now)
    if order is None or order.ended:
        return order
    try:
        with bucket.fetched(_checked(file)) as path:
            order = order if order.total is not None else _looked_through(order, path)
            work = _Work(file, order, policy, block.listed(), salts.secret("imports"))
            return _gone_on(work, path, has_time)
    except FileRefused as refused:
        return _failed(order, Problem(refused.code, str(refused)))
    except FileGone:
        return _failed(order, Problem("file-gone", "The file is not in storage any more. Files are kept for 7 days."))
    except ImportOvertaken:
        # Whoever was faster may have the very same message, and with it would go the last that knows of this file.
        work_queue.send(file.as_message(), after_seconds=_LOOK_AGAIN)
        logs.note(overtaken=True)
        return order


def give_up(file: StoredFile, now: datetime) -> None:
    """Say of the import of ``file`` that it failed too often.

    Raises:
        StoreUnavailable
    """
    by_hand = transfer.put_by_hand(file, settings.files_bucket, now)
    import_id = by_hand.id if by_hand else transfer.import_id_of(file)
    if import_id is not None:
        transfer_table.mark_stuck("import", import_id)


def _order_for(file: StoredFile, now: datetime) -> Import | None:
    import_id = transfer.import_id_of(file)
    if import_id is None:
        by_hand = transfer.put_by_hand(file, settings.files_bucket, now)
        if by_hand is None:
            logs.note(ignored=file.key)
            return None
        transfer_table.add_import(by_hand)
        import_id = by_hand.id
    order = transfer_table.pin(import_id, file.version)
    if order is None:
        logs.note(ignored=file.key, version=file.version)
    return order


def _checked(file: StoredFile) -> StoredFile:
    if file.size > upload.MAX_BYTES:
        most = upload.MAX_BYTES // 1024 // 1024
        raise FileRefused("too-large", f"It has {file.size:,} bytes; {most} MiB are allowed. Split it.")
    return file


def _looked_through(order: Import, path: Path) -> Import:
    with path.open("rb") as opened:
        name, total = upload.count(opened)
    return transfer_table.begin(order, name, total)


def _failed(order: Import, problem: Problem) -> Import:
    transfer_table.end_import(order, problem)
    return replace(order, ended="failed", problem=problem)


def _gone_on(work: _Work, path: Path, has_time: Callable[[], bool]) -> Import:
    at, is_first = work.order, True
    with path.open("rb") as opened, upload.reading(opened) as (_, rows):
        numbered = enumerate(rows, 1)
        for _ in itertools.islice(numbered, at.rows):
            continue
        while at.rows < (at.total or 0):
            if not is_first and not has_time():
                work_queue.send(work.file.as_message())
                return at
            at, is_first = _part_done(work, at, numbered, has_time), False
    _put_report(at)
    transfer_table.end_import(at)
    return replace(at, ended="done")


def _part_done(work: _Work, at: Import, rows: Iterator[tuple[int, Row]], has_time: Callable[[], bool]) -> Import:
    """Do the next rows, keep their part of the report, then how far it is; return that."""
    started, lines, outcomes = time.monotonic(), [], Counter(at.outcomes)
    for number, row in itertools.islice(rows, ROWS_AT_ONCE):
        result = work.apply(row, number)
        outcomes[result.outcome] += 1
        short_url = f"{settings.base_url}/{result.code}" if result.code else ""
        lines.append(csv_rows.line([row.line, result.outcome, short_url, result.reason]))
        if time.monotonic() - started > _SECONDS_AT_MOST or not has_time():
            break
    if not lines:
        raise RuntimeError(f"The file has {at.rows} rows and had {at.total}.")
    end = at.rows + len(lines)
    # A name of its own: whoever comes late with the same rows must not write over a part that counts.
    part = f"{at.rows}-{end}-{uuid.uuid4().hex}"
    after = replace(at, rows=end, outcomes=outcomes, parts=(*at.parts, part))
    bucket.put(_key_of(at, part), "".join(lines).encode(), csv_rows.MEDIA_TYPE)
    transfer_table.advance(at, after)
    return after


def _put_report(order: Import) -> None:
    with tempfile.TemporaryFile() as report:
        report.write(f"{','.join(_REPORT)}\r\n".encode())
        for part in order.parts:
            bucket.append(_key_of(order, part), report)
        report.seek(0)
        bucket.put(order.report_key, report, csv_rows.MEDIA_TYPE)


def _key_of(order: Import, part: str) -> str:
    return f"{transfer.REPORTS}{order.id}/{part}"


def _is_same(holder: Link, link: Link) -> bool:
    """Tell whether a link is there already, whatever its owner made of it since; but not without its password."""
    return (holder.owner, holder.url, holder.password_digest is None) == (
        link.owner,
        link.url,
        link.password_digest is None,
    )
