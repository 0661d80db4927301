"""Judge the click of a row: a person or a program, with which device, browser and system. Heavy, as ``user_agents`` is.

The redirect, which writes the row, has no time for it. The function that counts judges a click for its counters, the
night once more for the sums it folds, and the list of visits when it is read; each by the patterns of its own time,
which counters name (``user_agents.PATTERNS``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.aws.dynamodb import row_store
from chalicelib.core.visits import user_agents
from chalicelib.core.visits.counters import ClassifiedClick


def judge(row: Mapping[str, Any]) -> ClassifiedClick:
    """Return the click of a row, as it was judged when it was written or, if the redirect wrote it, as it is now.

    Raises:
        RowUnreadable
    """
    click = row_store.from_item(row)
    before = row_store.judged_in(row)
    if before is None:
        return user_agents.classify(click)
    kind, device, browser, system = before
    return ClassifiedClick(click=click, kind=kind, device=device, browser=browser, system=system)
