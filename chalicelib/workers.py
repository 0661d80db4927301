"""The handlers of streams, queues and schedules: count rows and clicks, work on files, close days, block links.

Each writes one log line for its work. Each imports what only it needs: the API imports this module at its start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalice.app import CloudWatchEvent, SQSEvent

from chalicelib import clock, logs
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings

if TYPE_CHECKING:  # only work on files needs it at run time
    from chalicelib.core.transfers.file_message import StoredFile


def count_rows(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Count the rows of clicks that the stream of their table brings."""
    from chalicelib.core.visits.stream_batch import RESPONSE, StreamBatch
    from chalicelib.usecases import count_rows as counting

    with _logged("count_rows"):
        batch = StreamBatch.from_event(event, settings.clicks_table, has_one_shard=settings.counts_local_stream)
        result = counting.count(batch, clock.now())
        for first in range(0, len(result.counted), logs.MOST_VALUES):
            figures = counting.figures(result.counted[first : first + logs.MOST_VALUES])
            if figures:
                logs.publish(settings.service, figures)
        logs.note(counted=len(result.counted), known=result.known, skipped=result.skipped)
        if result.late or result.set_aside:
            logs.note(late=result.late, ClicksSetAside=result.set_aside)
    return dict(RESPONSE)


def count_clicks(event: SQSEvent) -> dict[str, Any]:
    """Put the rows of queued clicks, and count those that have no row before."""
    from chalicelib.usecases.record_clicks import Message, record

    if not settings.partial_batch:
        raise RuntimeError("PARTIAL_BATCH is off: the queue would delete clicks that could not be counted.")
    with _logged("count_clicks"):
        messages = [Message(each.to_dict()["messageId"], each.body) for each in event]
        recorded = record(messages, clock.now(), clock.has_seconds(25, event.context))
        logs.note(
            counted=recorded.counted,
            known=recorded.known,
            put=recorded.put,
            queuedAgain=recorded.queued,
            failed=len(recorded.failed),
        )
        if recorded.quarantined:
            logs.note(ClicksSetAside=recorded.quarantined)
    return {"batchItemFailures": [{"itemIdentifier": each} for each in recorded.failed]}


def work_on_files(event: SQSEvent) -> None:
    """Import a file that was uploaded, or resume it; write the file of an export."""
    from chalicelib.core.transfers.file_message import Work

    for message in event:
        work = Work.from_message(message.body)
        for file in work.files:
            with _logged("import_links"), _retried_soon(message):
                _import(file, clock.has_seconds(20, event.context), is_last=_is_last(message))
        for export_id in work.exports:
            with _logged("export_links"), _retried_soon(message):
                _export(export_id, clock.has_seconds(30, event.context), is_last=_is_last(message))


def close_the_days(event: CloudWatchEvent) -> None:
    """Queue the days that are to be closed, and wait until they are."""
    from chalicelib.usecases.close_days import close_days

    with _logged("close_the_days"):
        night = close_days(clock.now(), clock.has_seconds(30, event.context))
        logs.note(jobs=night.jobs, leftOpen=night.left_open)
        if night.left_open:  # Lambda retries a failed run twice, and raises an alarm
            raise RuntimeError(f"{night.left_open} days are still open; the next run continues with them.")


def close_a_day(event: SQSEvent) -> None:
    """Publish the unique visitors of one day of a link, or fold it; a job that is not done in time goes on later."""
    from chalicelib.aws.sqs import night_queue
    from chalicelib.core.visits.night_job import NightJob
    from chalicelib.usecases import close_day

    for message in event:
        job = NightJob.from_json(message.body)
        with _logged("close_a_day"):
            logs.note(step=job.step, **settings.domains.names_of(job.subject), day=job.day)
            try:
                logs.note(CountDrift=close_day.run(job, clock.now(), clock.has_seconds(20, event.context)))
            except close_day.OutOfTime:
                logs.note(goesOn=1)
                night_queue.send([job])


def block_links(event: CloudWatchEvent) -> None:
    """Block links to hosts that were blocked since they were created; unblock those whose hosts no longer are."""
    from chalicelib.usecases import block_hosts

    with _logged("block_links"):
        swept = block_hosts.sweep(clock.now(), clock.has_seconds(30, event.context))
        logs.note(lookedAt=swept.scanned, stopped=swept.blocked, letGo=swept.unblocked)
        if not swept.is_whole:  # Lambda retries a failed run twice, and raises an alarm
            raise RuntimeError("Not all links could be checked in time.")


def _import(file: StoredFile, has_time: Callable[[], bool], *, is_last: bool) -> None:
    from chalicelib.usecases import policies
    from chalicelib.usecases.import_links import import_file, mark_stuck

    if is_last:
        mark_stuck(file, clock.now())
    done = import_file(file, policies.imported_targets(), clock.now(), has_time)
    if done is not None:
        logs.note(importId=done.id, state=done.state, format=done.format, rows=done.rows, total=done.total)


def _export(export_id: str, has_time: Callable[[], bool], *, is_last: bool) -> None:
    from chalicelib.usecases.export_links import export_links, mark_stuck

    if is_last:
        mark_stuck(export_id)
    done = export_links(export_id, clock.now(), has_time)
    if done is not None:
        logs.note(exportId=done.id, state=done.state, links=done.links)


def _attempt_of(message: Any) -> int:
    return int(message.to_dict()["attributes"]["ApproximateReceiveCount"])


def _is_last(message: Any) -> bool:
    """Tell whether this is the last delivery of a message; checked before the work, as a killed run reports nothing."""
    from chalicelib.aws.sqs import file_queue

    return _attempt_of(message) >= file_queue.TRIES


@contextmanager
def _retried_soon(message: Any) -> Iterator[None]:
    """Retry a message with backoff if its work fails because AWS does; a killed run is retried after half an hour."""
    try:
        yield
    except StoreUnavailable:
        from chalicelib.aws.sqs import file_queue

        file_queue.retry_with_backoff(message.receipt_handle, _attempt_of(message))
        raise


@contextmanager
def _logged(name: str) -> Iterator[None]:
    """Write one log line for the work of a queue or schedule."""
    started = time.perf_counter()
    logs.begin()
    try:
        yield
    finally:
        took = round((time.perf_counter() - started) * 1000, 2)
        line = logs.build_line(at=clock.now(), job=name, ms=took)
        logs.publish(settings.service, line)
