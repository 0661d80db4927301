"""Deed: show where a link leads without going there. Nothing is counted, and no target that a visitor must earn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import follow
from chalicelib.aws import click_table
from chalicelib.core import hosts, look_alikes, stats, target_url, times
from chalicelib.core.link import Link
from chalicelib.errors import LinkUnknown, StoreUnavailable
from chalicelib.settings import settings


@dataclass(frozen=True, slots=True)
class Preview:
    """What may be known of a link before following it."""

    link: Link
    visits: dict[str, int] | None
    """None: they cannot be read at the moment."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Return where it may lead, its own URL first; nothing where a password or a maximum of visits keeps that."""
        if not self.link.is_remembered:
            return ()
        served = (target_url.servable(url) for url in (self.link.url, *(rule.url for rule in self.link.rules)))
        return tuple(dict.fromkeys(url for url in served if url is not None))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a visitor should know of the hosts."""
        all_hosts = dict.fromkeys(hosts.host_of(target) for target in self.targets)
        return tuple(warning for host in all_hosts if (warning := look_alikes.warning_about(host)))

    def as_json(self) -> dict[str, Any]:
        """Return it as clients see it."""
        return {
            "code": self.link.code,
            "shortUrl": self.link.short_url(settings.base_url),
            "url": self.targets[0] if self.targets else None,
            "alsoLeadsTo": list(self.targets[1:]),
            "title": self.link.title if self.targets else None,
            "protected": self.link.password_digest is not None,
            "limited": self.link.max_visits is not None,
            "createdAt": times.text_of(self.link.created_at),
            "visits": self.visits,
            "warnings": list(self.warnings),
        }


def of(code: str, now: datetime) -> Preview:
    """Return the preview of ``code`` at ``now`` (aware, UTC).

    Raises:
        LinkUnknown, LinkNotYet, LinkExpired, LinkOff, LinkUsedUp, LinkBlocked
        StoreUnavailable
    """
    link = follow.find(code, now)
    link.check_open(now)
    if target_url.servable(link.url) is None:
        raise LinkUnknown(code)
    try:
        return Preview(link, stats.totals(click_table.total_of(code)))
    except StoreUnavailable:
        return Preview(link, None)
