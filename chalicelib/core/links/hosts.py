"""Host names: the host of a URL, and its parent domains."""

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
    """Return the host of a canonical URL, without a final dot; of any other text, possibly an empty string."""
    try:
        return (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return ""


def with_parents(host: str) -> list[str]:
    """Return ``host`` and its parent domains: a.b.example, b.example, example. An IP address has no parents."""
    labels = host.split(".")
    is_address = ":" in host or labels[-1].isdigit()
    return [host] if is_address else [".".join(labels[place:]) for place in range(len(labels))]
