"""Slots: over which partition keys the rows and counters of a link or an owner are spread. Lightweight.

DynamoDB takes a thousand write units a second for one partition key. A link that has more visits gets further slots,
each with a key of its own; slot 0 has the key of the link itself, so that the visits of a quiet link are one query.
"""

from __future__ import annotations

import random
import zlib

MOST = 128
OF_OWNER = 8
"""The slots of an owner's counters; each shard of the stream adds to one of them."""
_SEPARATOR = "#"  # neither a code nor the name of an owner has it
_VISITS_A_SECOND = 200  # of a slot, so that four times as many do not exceed what a key can take
_SECONDS_TO_CLOSE = 10  # of rows: the last ones that a shard brings before it closes say nothing
ROWS_TO_JUDGE = 100  # in a batch: fewer say little about a rate


def partition_key(subject: str, slot: int) -> str:
    """Return the partition key of a slot of ``subject``, which is a code, or ``@`` and the name of an owner."""
    return subject if slot == 0 else f"{subject}{_SEPARATOR}{slot}"


def subject_and_slot(key: str) -> tuple[str, int]:
    """Return the subject and the slot of a partition key.

    Raises:
        ValueError: the slot is not a number.
    """
    subject, _, slot = key.partition(_SEPARATOR)
    return subject, int(slot or 0)


def draw(slots: int, visit_id: str | None = None) -> int:
    """Return the slot of a new row, of a link with so many ``slots``; of one ``visit_id`` always the same."""
    if slots <= 1:
        return 0
    if visit_id is not None:
        return zlib.crc32(visit_id.encode()) % slots
    return random.randrange(slots)  # noqa: S311  # not used for security


def needed(rows: int, seconds: float, slots: int) -> int:
    """Return how many slots a link needs, of one of whose ``slots`` a batch has ``rows`` of so many ``seconds``.

    A power of two. Slots are closed only when a quarter would be enough, or a steady rate would open and close them.
    """
    if rows < ROWS_TO_JUDGE and slots == 1:
        return 1
    rate = rows / max(seconds, 1) * slots
    enough = 1
    while enough < MOST and enough * _VISITS_A_SECOND < rate:
        enough *= 2
    closes = enough * 4 <= slots and seconds >= _SECONDS_TO_CLOSE
    return enough if enough > slots or closes else slots
