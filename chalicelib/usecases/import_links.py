"""Import an uploaded file. Each row is imported once, even if workers are killed, doubled or late.

The file is read in the version that arrived first; every worker that resumes it reads it from its beginning. The link
of a row is stored with the id of the row, so that a retry finds it; a row without a code gets one that is derived from
its content. At least every 500 rows, their part of the report is stored, then a checkpoint.
"""

from __future__ import annotations

import csv
import io
import itertools
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from chalicelib import logs
from chalicelib.aws.dynamodb import salt_store, transfer_store
from chalicelib.aws.dynamodb.errors import StaleWorker
from chalicelib.aws.s3 import files
from chalicelib.aws.s3.files import FileGone
from chalicelib.aws.sqs import file_queue
from chalicelib.core import csv_rows, limits
from chalicelib.core.domains import code_of
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.transfers import file_reader, import_job
from chalicelib.core.transfers.file_formats import FileRefused
from chalicelib.core.transfers.file_message import StoredFile
from chalicelib.core.transfers.file_reader import Row
from chalicelib.core.transfers.import_job import Import
from chalicelib.core.transfers.job_problem import Problem
from chalicelib.settings import settings
from chalicelib.usecases import block_hosts
from chalicelib.usecases.import_rows import Work
from chalicelib.usecases.store_imported import DryRunLinks, StoredLinks

ROWS_AT_ONCE = 500
_CHECKPOINT_SECONDS = 5  # at most, between two checkpoints: clients poll the progress
_RECHECK_SECONDS = 300  # after which a message checks that the file was imported to its end
REPORT = ("line", "outcome", "shortUrl", "reason")
_SUMMARY = "summary"
"""Takes the place of the outcome in lines of the report that are about all rows."""


def import_file(file: StoredFile, policy: TargetPolicy, now: datetime, has_time: Callable[[], bool]) -> Import | None:
    """Import ``file`` as far as time allows, then queue a message to resume. Return the job in its new state.

    None: the file belongs to no import, or its import is bound to another file.

    Raises:
        StoreUnavailable: a retry of the same message resumes from the last checkpoint.
    """
    job = _job_for(file, now)
    if job is None or job.ended:
        return job
    target = next((domain for domain in settings.domains.active() if domain.space == job.space), None)
    if target is None:
        return _failed(job, Problem("domain-gone", "This service has no links any more at the domain it is for."))
    try:
        with files.downloaded(_checked(file)) as path:
            job = job if job.total is not None else _count_rows(job, path)
            links = DryRunLinks() if job.dry_run else StoredLinks()
            secret = salt_store.secret("imports")
            work = Work(file, job, target, policy, block_hosts.blocked_hosts(), links, now, secret)
            return _resume(work, path, has_time)
    except FileRefused as refused:
        return _failed(job, Problem(refused.code, str(refused)))
    except FileGone:
        return _failed(job, Problem("file-gone", "The file is not in storage any more. Files are kept for 7 days."))
    except StaleWorker:
        # The faster worker may hold the very same message: deleting it could delete the last one for this file.
        file_queue.send(file.as_message(), after_seconds=_RECHECK_SECONDS)
        logs.note(overtaken=True)
        return job


def mark_stuck(file: StoredFile, now: datetime) -> None:
    """Mark the import of ``file`` as stuck: it failed too often.

    Raises:
        StoreUnavailable
    """
    upload = import_job.direct_upload(file, settings.files_bucket, now)
    import_id = upload.id if upload else import_job.import_id_of(file)
    if import_id is not None:
        transfer_store.mark_stuck("import", import_id)


def _job_for(file: StoredFile, now: datetime) -> Import | None:
    import_id = import_job.import_id_of(file)
    if import_id is None:
        upload = import_job.direct_upload(file, settings.files_bucket, now)
        if upload is None:
            logs.note(ignored=file.key)
            return None
        transfer_store.add_import(upload)
        import_id = upload.id
    job = transfer_store.bind_to_version(import_id, file.version)
    if job is None:
        logs.note(ignored=file.key, version=file.version)
    return job


def _checked(file: StoredFile) -> StoredFile:
    if file.size > limits.FILE_BYTES:
        most = limits.FILE_BYTES // 1024 // 1024
        raise FileRefused("too-large", f"It has {file.size:,} bytes; {most} MiB are allowed. Split it.")
    return file


def _count_rows(job: Import, path: Path) -> Import:
    with path.open("rb") as file:
        name, total = file_reader.count(file)
    return transfer_store.store_row_count(job, name, total)


def _failed(job: Import, problem: Problem) -> Import:
    transfer_store.end_import(job, problem)
    return replace(job, ended="failed", problem=problem)


def _resume(work: Work, path: Path, has_time: Callable[[], bool]) -> Import:
    job, is_first = work.job, True
    with path.open("rb") as file, file_reader.reading(file) as (_, rows):
        numbered = enumerate(rows, 1)
        _skip_finished(work, job, itertools.islice(numbered, job.rows))
        while job.rows < (job.total or 0):
            if not is_first and not has_time():
                file_queue.send(work.file.as_message())
                return job
            job, is_first = _import_part(work, job, numbered, has_time), False
    _put_report(job)
    transfer_store.end_import(job)
    return replace(job, ended="done")


def _skip_finished(work: Work, job: Import, done: Iterator[tuple[int, Row]]) -> None:
    """Skip the rows that are done. A dry run restores their results, which are stored only in its report."""
    if not job.dry_run:
        for _ in done:
            continue
        return
    for (_, row), (outcome, code) in zip(done, _finished_rows(job), strict=True):
        work.restore(row, outcome, code)


def _import_part(work: Work, job: Import, rows: Iterator[tuple[int, Row]], has_time: Callable[[], bool]) -> Import:
    """Import the next rows, store their part of the report, then the checkpoint; return the job after it."""
    started, lines, outcomes, summary = time.monotonic(), [], Counter(job.outcomes), job.summary
    for number, row in itertools.islice(rows, ROWS_AT_ONCE):
        result = work.apply(row, number)
        outcomes[result.outcome] += 1
        summary = summary.plus(result.left_out, result.kind)
        short_url = _short_url(result.link_id) if result.link_id else ""
        lines.append(csv_rows.line([row.line, result.outcome, short_url, result.report_text]))
        if time.monotonic() - started > _CHECKPOINT_SECONDS or not has_time():
            break
    if not lines:
        raise RuntimeError(f"The file has {job.rows} rows and had {job.total}.")
    end = job.rows + len(lines)
    # A unique name: a stale worker with the same rows must not overwrite a part that counts.
    part = f"{job.rows}-{end}-{uuid.uuid4().hex}"
    after = replace(job, rows=end, outcomes=outcomes, summary=summary, parts=(*job.parts, part))
    files.put(_part_key(job, part), "".join(lines).encode(), csv_rows.MEDIA_TYPE)
    transfer_store.checkpoint(job, after)
    return after


def _short_url(link_id: str) -> str:
    return f"{settings.domains.of(link_id).url}/{code_of(link_id)}"


def _put_report(job: Import) -> None:
    with tempfile.TemporaryFile() as report:
        head = [["", _SUMMARY, "", sentence] for sentence in job.head]
        report.write(csv_rows.to_csv(REPORT, head).encode())
        for part in job.parts:
            files.append(_part_key(job, part), report)
        report.seek(0)
        files.put(job.report_key, report, csv_rows.MEDIA_TYPE)


def _part_key(job: Import, part: str) -> str:
    return f"{import_job.REPORTS}{job.id}/{part}"


def _finished_rows(job: Import) -> Iterator[tuple[str, str]]:
    """Yield the outcome of each finished row, and the code of its link."""
    for part in job.parts:
        lines = io.BytesIO()
        files.append(_part_key(job, part), lines)
        for _, outcome, short_url, _ in csv.reader(io.StringIO(lines.getvalue().decode(), newline="")):
            yield outcome, short_url.rpartition("/")[2]
