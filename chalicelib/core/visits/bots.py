"""Whether a user agent is a program's. The patterns take ten milliseconds to load: import it late where possible."""

from __future__ import annotations

import functools

import crawleruseragents

_MAX_AGENT = 512  # characters; the patterns take 15 times as long on 8 KB of hostile user agent


@functools.lru_cache(maxsize=4096)
def is_bot(agent: str) -> bool:
    """Tell whether ``agent`` is a program's. An empty user agent is."""
    return not agent or bool(crawleruseragents.is_crawler(agent[:_MAX_AGENT]))
