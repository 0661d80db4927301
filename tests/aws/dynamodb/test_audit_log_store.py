"""The logs of workspaces, read page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.aws.dynamodb import audit_log_store, transactions
from chalicelib.core.access.audit_log import Entry
from chalicelib.core.access.caller import Who

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.usefixtures("aws")
def test_a_page_of_long_entries_is_full() -> None:
    """DynamoDB ends each of its pages at 1 MB: the entries after that are read as well, or the log would end there."""
    for number in range(20):
        at, details = NOW + timedelta(seconds=number), {"name": "x" * 80_000}
        entry = Entry(at=at, action="workspace-changed", subject="ann", who=Who(name="ann"), details=details)
        transactions.write([audit_log_store.entry_for("ann", entry)])

    first = audit_log_store.page_of("ann", 19, None)
    second = audit_log_store.page_of("ann", 19, first[-1][0])

    assert [entry.at for _, entry in first] == [NOW + timedelta(seconds=number) for number in range(19, 0, -1)]
    assert [entry.at for _, entry in second] == [NOW]
