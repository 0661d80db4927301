"""Changes to the settings of a domain, validated once, so that all other code can rely on their types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.core import limits
from chalicelib.core.access.api_key import is_owner
from chalicelib.core.access.domain_settings import ALL, APPLE, ASSETLINKS, DomainSettings
from chalicelib.core.domains import Domain
from chalicelib.core.links.link_fields import LinkFields
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.validation import names_of
from chalicelib.errors import DomainInvalid

MOST_WORKSPACES = 100
MAX_ROBOTS = 8_000
_FILES = (ASSETLINKS, APPLE)
_URLS = {"bareUrl": "bare_url", "unknownUrl": "unknown_url", "endedUrl": "ended_url"}
NAMES = names_of(("workspaces", *_URLS, "robots", *_FILES))


@dataclass(frozen=True, slots=True)
class DomainChange:
    """A validated change: fields that were not given stay; ``null`` clears."""

    values: Mapping[str, Any]
    """By attribute of ``DomainSettings``."""
    files: Mapping[str, str | None]
    """The files for apps that are given, as JSON texts; None: there is to be none."""

    @classmethod
    def from_json(cls, body: dict[str, Any], domain: Domain, policy: TargetPolicy) -> DomainChange:
        """Read a request body.

        Raises:
            DomainInvalid: with every invalid field.
        """
        fields = LinkFields(body, NAMES)
        values: dict[str, Any] = {}
        for name, attribute in _URLS.items():
            if fields.has(name):
                values[attribute] = fields.target(name, policy)
        if fields.has("bareUrl") and not domain.space and values.get("bare_url"):
            fields.refuse("bareUrl", "conflict", "The bare address of the default domain is the web page.")
        if fields.has("workspaces"):
            values["workspaces"] = _workspaces_in(fields, domain)
        if fields.has("robots"):
            text = fields.string("robots")
            if text is not None and len(text.encode()) > MAX_ROBOTS:
                fields.refuse("robots", "too-long", f"robots.txt may have {MAX_ROBOTS:,} bytes here.")
            values["robots"] = text
        files: dict[str, str | None] = {}
        for name in _FILES:
            if fields.has(name):
                files[name] = _file_in(fields, body.get(name), name)
        if fields.errors:
            raise DomainInvalid(fields.errors)
        return cls(values, files)

    def applied_to(self, before: DomainSettings, now: datetime) -> DomainSettings:
        """Return the changed settings, or the same if nothing is different; files always make another version."""
        after = replace(before, **self.values)
        if after == before and not self.files:
            return before
        return replace(after, updated_at=now, version=before.version + 1)


def _workspaces_in(fields: LinkFields, domain: Domain) -> tuple[str, ...]:
    if not domain.space:
        fields.refuse("workspaces", "conflict", "Every workspace may use the default domain.")
    if not fields.is_given("workspaces"):
        return ()
    names = fields.strings("workspaces", MOST_WORKSPACES)
    if not all(name == ALL or is_owner(name) for name in names):
        message = f"workspaces is a list of ids of workspaces, or of {ALL!r} for all."
        fields.refuse("workspaces", "invalid", message)
    return tuple(sorted(set(names)))


def _file_in(fields: LinkFields, value: Any, name: str) -> str | None:
    if value is None:
        return None
    is_list = name == ASSETLINKS
    objects = value if is_list and isinstance(value, list) else [None] if is_list else [value]
    if not all(isinstance(each, dict) for each in objects):
        fields.refuse(name, "wrong-type", f"{name} is {'a list of JSON objects' if is_list else 'a JSON object'}.")
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > limits.DOMAIN_FILE_BYTES:
        fields.refuse(name, "too-long", f"{name} may have {limits.DOMAIN_FILE_BYTES // 1024} KiB.")
    return text
