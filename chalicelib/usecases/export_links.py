"""Deed: all links of an owner, or of everyone, become a file in storage.

A file of the same links is the same, byte for byte: the oldest first, those of one moment by their codes. Doing it
again, because somebody was killed or a message came twice, puts the same file in the same place.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import IO, NamedTuple

from chalicelib.aws import bucket, click_table, link_table, transfer_table
from chalicelib.core import exported, times
from chalicelib.core.link import Link
from chalicelib.core.transfer import EVERYONE, Export, Problem
from chalicelib.settings import settings

_AT_ONCE = 100  # links whose counts are read in one call
_ALL_DAYS = (date.min.isoformat(), date.max.isoformat())


class _Place(NamedTuple):
    """Where the line of a link is among the lines as they came. Sorts as the file is to be."""

    created_at: str
    code: str
    start: int
    length: int


def export_links(export_id: str, now: datetime, has_time: Callable[[], bool]) -> Export | None:
    """Write the file that an export asks for, and keep that it is there; None: it is over, or is none.

    Raises:
        StoreUnavailable: whoever has the same message does it anew.
    """
    order = transfer_table.find_export(export_id, now)
    if order is None or order.ended:
        return order
    links = link_table.all_links() if order.owner == EVERYONE else link_table.links_of(order.owner)
    with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as file:
        places = []
        for place in _written(order, links, lines):
            places.append(place)
            if not has_time():
                problem = Problem("too-many-links", "There was no time to write all of them. Export owner by owner.")
                transfer_table.end_export(order, len(places), problem)
                return replace(order, ended="failed", problem=problem, links=len(places))
        _sort(places, lines, file, exported.header(order.format, with_days=order.days))
        bucket.put(order.key, file, exported.MEDIA_TYPES[order.format])
    transfer_table.end_export(order, len(places))
    return replace(order, ended="done", links=len(places))


def give_up(export_id: str) -> None:
    """Say of an export that it failed too often.

    Raises:
        StoreUnavailable
    """
    transfer_table.mark_stuck("export", export_id)


def _written(order: Export, links: Iterable[Link], lines: IO[bytes]) -> Iterator[_Place]:
    start, waiting = 0, iter(links)
    while some := list(itertools.islice(waiting, _AT_ONCE)):
        totals = click_table.totals_of(link.code for link in some)
        for link in some:
            document = exported.document(
                link, settings.base_url, totals[link.code]["visits"] if link.code in totals else 0
            )
            if order.days:
                document[exported.DAYS] = exported.counts_by_day(click_table.days_of(link.code, *_ALL_DAYS))
            line = exported.line(order.format, document).encode()
            lines.write(line)
            yield _Place(times.text_of(link.created_at) or "", link.code, start, len(line))
            start += len(line)


def _sort(places: list[_Place], lines: IO[bytes], file: IO[bytes], header: str) -> None:
    file.write(header.encode())
    for place in sorted(places):
        lines.seek(place.start)
        file.write(lines.read(place.length))
    file.seek(0)
