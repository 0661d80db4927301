"""A visitor: what they bring along, and what they are: device, language, country. Light: the redirect imports it.

What is told here decides where somebody goes, so it errs on the side of what visitors see of themselves; what is
counted is told by ``agents``, later, with tables of user agents that would take longer to load than a redirect takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Query = Mapping[str, Sequence[str]]

DEVICES = ("mobile", "tablet", "desktop")
SYSTEMS = ("ios", "android", "windows", "macos", "linux")
_LIKED_ALMOST_AS_MUCH = 0.9  # of the best quality: browsers list "pt-PT, pt;q=0.9" for somebody who reads one language
_ROUNDING = 0.0005  # qualities have three digits, and 0.9 times one of them has more than a float
_MOST_LANGUAGES = 32
_MAX_AGENT = 512
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who arrives, and how. ``headers`` have lower-case names; ``query`` has all values of each parameter, decoded."""

    headers: Mapping[str, str]
    query: Query
    trust_cloudfront: bool = False
    """CloudFront itself wrote its headers; elsewhere anybody could."""
    method: str = "GET"
    path: tuple[str, ...] = ()
    """What they added behind the code."""
    password: str | None = field(default=None, repr=False)
    address: str = field(default="", repr=False)
    """An IP address, which never leaves the process that sees it."""
    visit_id: str = ""
    """What this visit goes by, wherever it is counted."""

    @property
    def wish(self) -> str | None:
        """Return what they would like for an answer: their Accept header."""
        return self.headers.get("accept")

    @property
    def is_prefetch(self) -> bool:
        """Tell whether a browser fetches the link in case somebody will click it."""
        return "prefetch" in (self.headers.get("sec-purpose") or self.headers.get("purpose") or "").lower()

    @property
    def country(self) -> str | None:
        """Return where they are: ISO 3166-1, two capitals; None: nobody knows."""
        country = self.headers.get("cloudfront-viewer-country", "") if self.trust_cloudfront else ""
        return country if _COUNTRY.fullmatch(country) else None

    @property
    def told_device(self) -> str | None:
        """Return which of ``DEVICES`` CloudFront says it is. A tablet is told as mobile, too."""
        told = {name for name in DEVICES if self.headers.get(f"cloudfront-is-{name}-viewer") == "true"}
        by_rank = (name for name in ("tablet", "mobile", "desktop") if self.trust_cloudfront and name in told)
        return next(by_rank, None)

    @property
    def kinds(self) -> frozenset[str]:
        """Return what their device is: one of ``DEVICES``, and one of ``SYSTEMS`` where it is one."""
        agent = self.headers.get("user-agent", "")[:_MAX_AGENT]
        system = self._system(agent)
        return frozenset({self._device(agent), *([system] if system else [])})

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages they like best, lower case, the best first: those almost as good as the first."""
        rated = [_rated(part) for part in self.headers.get("accept-language", "").split(",")[:_MOST_LANGUAGES]]
        wanted = sorted((each for each in rated if each[0] > 0 and each[1] not in {"", "*"}), key=lambda each: -each[0])
        least = wanted[0][0] * _LIKED_ALMOST_AS_MUCH - _ROUNDING if wanted else 0
        return tuple(tag for quality, tag in wanted if quality >= least)

    def _system(self, agent: str) -> str | None:
        said = self.headers.get("sec-ch-ua-platform", "").strip('"').lower()
        if said in SYSTEMS:
            return said
        if any(name in agent for name in ("iPhone", "iPad", "iPod")):
            return "ios"
        if "Android" in agent:
            return "android"
        if "Windows" in agent:
            return "windows"
        if "Macintosh" in agent:
            return "macos"
        return "linux" if "Linux" in agent else None

    def _device(self, agent: str) -> str:
        if self.told_device is not None:
            return self.told_device
        told_by_agent = device_of(agent)
        return (
            "mobile" if told_by_agent == "desktop" and self.headers.get("sec-ch-ua-mobile") == "?1" else told_by_agent
        )


def device_of(agent: str) -> str:
    """Return which of ``DEVICES`` a user agent says that it is. A Tablet PC is a desktop of 2010."""
    if "iPad" in agent or ("Tablet" in agent and "Tablet PC" not in agent):
        return "tablet"
    if "Mobi" in agent:
        return "mobile"
    return "tablet" if "Android" in agent else "desktop"


def _rated(part: str) -> tuple[float, str]:
    """Return the quality and the tag of a part of Accept-Language: ``pt-br;q=0.8`` is 0.8 and ``pt-br``."""
    tag, _, parameter = part.partition(";")
    name, _, text = parameter.partition("=")
    try:
        quality = float(text) if name.strip().lower() == "q" else 1.0
    except ValueError:
        quality = 0.0
    return (quality if 0 <= quality <= 1 else 0.0), tag.strip().lower()
