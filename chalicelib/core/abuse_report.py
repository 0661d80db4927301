"""An abuse report: what a visitor says is wrong with a link, read from a form. The sender is not part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REASONS = ("phishing", "malware", "spam", "illegal", "other")
MAX_COMMENT = 1_000


@dataclass(frozen=True, slots=True)
class AbuseReport:
    """Why a link should be reviewed."""

    link_id: str
    reason: str
    comment: str | None = None

    @classmethod
    def from_form(cls, link_id: str, form: Mapping[str, str]) -> AbuseReport | str:
        """Read a form; return a message for the visitor if the form is invalid."""
        reason, comment = form.get("reason", ""), form.get("comment", "").replace("\r\n", "\n").strip()
        if reason not in REASONS:
            return f"Please choose a reason: {', '.join(REASONS)}."
        if len(comment) > MAX_COMMENT:
            return f"Please write at most {MAX_COMMENT:,} characters."
        return cls(link_id, reason, comment or None)
