"""Which page of a list somebody asks for, read from a query once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.errors import FieldError, QueryInvalid

DEFAULT_LIMIT = 20
MOST = 100


@dataclass(frozen=True, slots=True)
class Paging:
    """How many things, and just after which of them; None: from the start."""

    limit: int
    after: str | None

    @classmethod
    def from_query(cls, query: Mapping[str, str], opened: Callable[[str], str]) -> Paging:
        """Read ``limit`` and ``cursor``; ``opened`` reads a cursor, and raises ValueError for what is none.

        Raises:
            QueryInvalid: with all that is wrong.
        """
        wrong: list[FieldError] = []
        limit, after = query.get("limit", str(DEFAULT_LIMIT)), None
        if not (limit.isascii() and limit.isdigit() and len(limit) <= len(str(MOST)) and 1 <= int(limit) <= MOST):
            wrong.append(FieldError("limit", "invalid", f"limit is a whole number from 1 to {MOST}."))
        try:
            after = opened(query["cursor"]) if "cursor" in query else None
        except ValueError:
            message = "This is no cursor. Use `next` of the page before, or leave it out to begin at the start."
            wrong.append(FieldError("cursor", "invalid", message))
        if wrong:
            raise QueryInvalid(wrong)
        return cls(int(limit), after)
