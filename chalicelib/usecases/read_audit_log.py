"""Read the log of a workspace, or of the installation, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.dynamodb import audit_log_store, salt_store
from chalicelib.core.http import pagination
from chalicelib.core.http.pagination import Paging


@dataclass(frozen=True, slots=True)
class Page:
    """Entries as readers see them, the newest first, and the cursor of the next page, if any."""

    entries: list[dict[str, Any]]
    next: str | None


def list_page(workspace: str | None, paging: Paging) -> Page:
    """Return a page of the log of ``workspace``; None: the installation's.

    Raises:
        StoreUnavailable
    """
    found = audit_log_store.page_of(workspace, paging.limit + 1, paging.after)
    shown = found[: paging.limit]
    more = None
    if len(found) > len(shown):
        more = pagination.sign_cursor(shown[-1][0], _scope(workspace), salt_store.secret("cursors"))
    return Page([entry.as_json() for _, entry in shown], more)


def cursor_reader(workspace: str | None) -> Callable[[str], str]:
    """Return a function that reads cursors of this log, and raises ValueError for any other."""
    return lambda text: pagination.read_cursor(text, _scope(workspace), salt_store.secret("cursors"))


def _scope(workspace: str | None) -> str:
    return "log of the installation" if workspace is None else f"log of {workspace}"
