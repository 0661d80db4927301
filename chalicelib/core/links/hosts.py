"""Hosts: which one a URL leads to, and what lies above it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


def is_host(text: str) -> bool:
    """Tell whether ``text`` is a host name as canonical URLs have it: lower case, ASCII, no final dot."""
    return _HOST.fullmatch(text) is not None


def host_of(url: str) -> str:
    """Return the host of a canonical URL, without a final dot; of anything else, perhaps nothing."""
    try:
        return (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return ""


def above(host: str) -> list[str]:
    """Return ``host`` and the names above it: a.b.example, b.example, example. An address has none above it."""
    labels = host.split(".")
    is_address = ":" in host or labels[-1].isdigit()
    return [host] if is_address else [".".join(labels[place:]) for place in range(len(labels))]
