"""Export all links of an owner, or of everyone, to a file in storage.

The same links give the same file, byte for byte: sorted by creation time, then by id. Repeating an export, because a
worker was killed or a message came twice, puts the same file in the same position.

A link that was moved or deleted after the index listed it is not its owner's to export, and its numbers are perhaps
another's: after the numbers of a hundred links were read, their owners are, consistently. That is a read unit a link.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import IO, NamedTuple

from chalicelib.aws.dynamodb import click_store, link_store, transfer_store
from chalicelib.aws.s3 import files
from chalicelib.core import times
from chalicelib.core.links.link import Link
from chalicelib.core.transfers import exported_link
from chalicelib.core.transfers.export_job import EVERYONE, Export
from chalicelib.core.transfers.job_problem import Problem
from chalicelib.settings import settings

_BATCH_SIZE = 100  # links whose counts and owners are read in one call each
_ALL_DAYS = (date.min.isoformat(), date.max.isoformat())


class _LinePosition(NamedTuple):
    """Where the line of a link is in the unsorted file. Sorts in the order of the exported file."""

    created_at: str
    link_id: str
    start: int
    length: int


def export_links(export_id: str, now: datetime, has_time: Callable[[], bool]) -> Export | None:
    """Write the file of an export and mark the export as done; None: it has expired or does not exist.

    Raises:
        StoreUnavailable: a retry of the same message starts the export again.
    """
    job = transfer_store.find_export(export_id, now)
    if job is None or job.ended:
        return job
    links = link_store.all_links() if job.owner == EVERYONE else link_store.links_of(job.owner)
    with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as file:
        positions: list[_LinePosition] = []
        remaining = filter(job.includes, links)
        while batch := list(itertools.islice(remaining, _BATCH_SIZE)):
            first = len(positions)
            for position in _write_lines(job, batch, lines, now):
                positions.append(position)
                if not has_time():
                    why = "There was no time to write all of them. Export owner by owner."
                    problem = Problem("too-many-links", why)
                    transfer_store.end_export(job, len(positions), problem)
                    return replace(job, ended="failed", problem=problem, links=len(positions))
            positions[first:] = _still_owned(job, positions[first:])
        _copy_sorted(positions, lines, file, exported_link.header(job.format, with_days=job.days))
        files.put(job.key, file, exported_link.MEDIA_TYPES[job.format])
    transfer_store.end_export(job, len(positions))
    return replace(job, ended="done", links=len(positions))


def mark_stuck(export_id: str) -> None:
    """Mark an export as stuck: it failed too often.

    Raises:
        StoreUnavailable
    """
    transfer_store.mark_stuck("export", export_id)


def _write_lines(job: Export, links: Sequence[Link], lines: IO[bytes], now: datetime) -> Iterator[_LinePosition]:
    totals = click_store.totals_of((link.id for link in links), now)
    for link in links:
        document = exported_link.document(link, settings.domains, totals[link.id]["visits"] if link.id in totals else 0)
        if job.days:
            document[exported_link.DAYS] = exported_link.counts_by_day(click_store.days_of(link.id, *_ALL_DAYS, now))
        line = exported_link.line(job.format, document).encode()
        start = lines.tell()
        lines.write(line)
        yield _LinePosition(times.to_text_or_none(link.created_at) or "", link.id, start, len(line))


def _still_owned(job: Export, written: Sequence[_LinePosition]) -> list[_LinePosition]:
    """Return the lines of links that are still the owner's, after their numbers were read; of everyone's, all."""
    if job.owner == EVERYONE:
        return list(written)
    owned = link_store.ids_of(job.owner, (position.link_id for position in written))
    return [position for position in written if position.link_id in owned]


def _copy_sorted(positions: list[_LinePosition], lines: IO[bytes], file: IO[bytes], header: str) -> None:
    file.write(header.encode())
    for position in sorted(positions):
        lines.seek(position.start)
        file.write(lines.read(position.length))
    file.seek(0)
