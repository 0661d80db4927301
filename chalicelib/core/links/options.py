"""The options of a link, which clients set. Light: the redirect imports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # few links have rules, and a redirect starts sooner without them
    from chalicelib.core.links.rules import Rule


# Only subclasses are instantiated, and have their own generated methods: these would cost the redirect half a
# millisecond.
@dataclass(frozen=True, slots=True, kw_only=True, init=False, repr=False, eq=False)
class LinkOptions:
    """The options of a link, or of a request to create one. All times are aware, in UTC, to the millisecond.

    Each has a row in ``option_table`` (how clients read and write it) and in ``aws/dynamodb/link_item`` (how it is
    stored).
    """

    url: str
    title: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    expires_at: datetime | None = None
    enabled: bool = True
    permanent: bool = False
    starts_at: datetime | None = None
    max_visits: int | None = None
    """How many visitors are redirected before the link is used up."""
    confirm: bool | None = None
    """Whether visitors must press a button first, which mail scanners do not. None: see ``asks_first``."""
    rules: tuple[Rule, ...] = ()
    forward_query: bool = False
    forward_path: bool = False
    fallback_url: str | None = None
    """Where visitors go once the link is expired, used up or switched off."""
    external_id: str | None = None
    """The owner's own name for the link; no two links of an owner have the same."""
    unguessable: bool = False

    @property
    def asks_first(self) -> bool:
        """Tell whether visitors must press a button first: as ``confirm`` says, by default if the link works once."""
        return self.max_visits == 1 if self.confirm is None else self.confirm

    @property
    def targets(self) -> dict[str, str]:
        """Return every target URL of the link, by field."""
        return targets_in(self.url, self.rules, self.fallback_url)

    def as_arguments(self) -> dict[str, Any]:
        """Return the options as keyword arguments, to create another object with the same options."""
        return {field.name: getattr(self, field.name) for field in fields(LinkOptions)}


def targets_in(url: str, rules: Sequence[Rule], fallback_url: str | None) -> dict[str, str]:
    """Return every target URL of a link, by field: ``url``, ``rules[0].url``, ``fallbackUrl``."""
    of_rules = {f"rules[{place}].url": rule.url for place, rule in enumerate(rules)}
    return {"url": url, **of_rules, **({} if fallback_url is None else {"fallbackUrl": fallback_url})}
