"""security.txt, which says where vulnerabilities are reported: RFC 9116."""

from __future__ import annotations

from datetime import datetime

from chalicelib.core import times

_MONTHS = 7  # RFC 9116, section 2.5.5, recommends less than a year; nobody has to write a new date in time


def expiry(now: datetime) -> datetime:
    """Return the start of the seventh month after that of ``now`` (aware, UTC): the same all through a month."""
    years, month = divmod(now.month - 1 + _MONTHS, 12)
    return now.replace(year=now.year + years, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


def text(contact: str, expires: datetime, *, canonical: str, policy: str) -> str:
    """Return the file; ``canonical`` is its own address, and without a ``policy`` it names none."""
    fields = {
        "Contact": contact,
        "Expires": times.to_text(expires),
        "Canonical": canonical,
        "Policy": policy,
        "Preferred-Languages": "en",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
