"""Show where a link leads without following it. No visit is counted, and restricted targets stay hidden."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws.dynamodb import click_store
from chalicelib.core import domains, times
from chalicelib.core.links import hosts, lookalikes, target_url
from chalicelib.core.links.link import Link
from chalicelib.core.visits import statistics
from chalicelib.errors import LinkUnknown, StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import follow_link


@dataclass(frozen=True, slots=True)
class Preview:
    """What a visitor may know of a link before following it."""

    link: Link
    visits: dict[str, int] | None
    """None if they cannot be read at the moment."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Return all targets, the link's own URL first; empty if a password or a maximum of visits hides them."""
        if not self.link.is_cacheable:
            return ()
        served = (target_url.servable(url) for url in (self.link.url, *(rule.url for rule in self.link.rules)))
        return tuple(dict.fromkeys(url for url in served if url is not None))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return warnings about the hosts, for visitors."""
        all_hosts = dict.fromkeys(hosts.host_of(target) for target in self.targets)
        return tuple(warning for host in all_hosts if (warning := lookalikes.warning_about(host)))

    def as_json(self) -> dict[str, Any]:
        """Return the preview as clients see it."""
        return {
            "code": self.link.code,
            "domain": settings.domains.of(self.link.id).host,
            "shortUrl": self.link.short_url(settings.domains),
            "url": self.targets[0] if self.targets else None,
            "alsoLeadsTo": list(self.targets[1:]),
            "title": self.link.title if self.targets else None,
            "protected": self.link.password_digest is not None,
            "limited": self.link.max_visits is not None,
            "createdAt": times.to_text_or_none(self.link.created_at),
            "visits": self.visits,
            "warnings": list(self.warnings),
        }


def preview(link_id: str, now: datetime) -> Preview:
    """Return the preview of a link at ``now`` (aware, UTC).

    Raises:
        LinkUnknown, LinkNotYet, LinkExpired, LinkOff, LinkUsedUp, LinkBlocked
        StoreUnavailable
    """
    link = follow_link.find(link_id, now)
    link.check_open(now)
    if target_url.servable(link.url) is None:
        raise LinkUnknown(domains.code_of(link_id))
    try:
        return Preview(link, statistics.totals(click_store.total_of(link_id, now)))
    except StoreUnavailable:
        return Preview(link, None)
