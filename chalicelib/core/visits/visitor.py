"""A visitor: headers, query, device, language, country. Lightweight: the redirect imports it.

These values choose the target of a link with rules, so when in doubt they follow what the browser claims. Statistics
use ``user_agents`` later, whose tables take longer to load than a redirect takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Query = Mapping[str, Sequence[str]]
RequestedAs = Literal["navigation", "page", "other"]
"""How a link was requested: by a browser that navigates, as a page by any client, or in another way."""

DEVICES = ("mobile", "tablet", "desktop")
SYSTEMS = ("ios", "android", "windows", "macos", "linux")
_NEARLY_AS_GOOD = 0.9  # of the best quality: browsers send "pt-PT, pt;q=0.9" for a user of one language
_ROUNDING = 0.0005  # qualities have three digits, and 0.9 times a quality is not exact as a float
_MOST_LANGUAGES = 32
MAX_AGENT = 512
_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")  # the last two: older versions of Safari and Firefox
COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One request for a link: ``headers`` by lower-case name, ``query`` with all values of each parameter, decoded."""

    headers: Mapping[str, str]
    query: Query
    trust_cloudfront: bool = False
    """CloudFront set its headers; without it, clients could forge them."""
    method: str = "GET"
    path: tuple[str, ...] = ()
    """The path segments after the code, percent-encoded or not, as API Gateway and the function URL differ in that."""
    password: str | None = field(default=None, repr=False)
    address: str = field(default="", repr=False)
    """The IP address, which never leaves this process."""
    visit_id: str = ""
    """The id of this visit, wherever it is counted."""
    is_of_front: bool = False
    """They came through this stack's distribution, which may ask for one visit several times, always by its id."""
    asked_at: datetime | None = None
    """When the distribution was asked, by its clock; None: that is not known."""
    forms_have_path: bool = False
    """Pages send forms to a path of their own, not to the address of the page."""

    @property
    def certain_id(self) -> str | None:
        """Return the id of the visit where no client can choose it, or repeat one; else None."""
        return self.visit_id if self.is_of_front else None

    @property
    def accept(self) -> str | None:
        """Return the Accept header."""
        return self.headers.get("accept")

    @property
    def agent(self) -> str:
        """Return the user agent."""
        return self.headers.get("user-agent", "")

    @property
    def is_prefetch(self) -> bool:
        """Tell whether a browser fetches the link ahead of a possible click, or to draw a preview of it."""
        purposes = " ".join(self.headers.get(name, "") for name in _PURPOSES).lower()
        return "prefetch" in purposes or self.headers.get("x-purpose") == "preview"

    @property
    def requested_as(self) -> RequestedAs:
        """Return how the link was requested, judging by its headers alone.

        Browsers have sent ``Sec-Fetch-Mode`` over HTTPS since Chrome 80, Firefox 90 and Safari 16.4, and all of them
        accept HTML when they navigate. Libraries accept anything, and a page's scripts and images use another mode.
        """
        accept = self.headers.get("accept", "").lower()
        if "text/html" not in accept and "application/xhtml+xml" not in accept:
            return "other"
        mode = self.headers.get("sec-fetch-mode")
        if mode is None:
            return "page"
        return "navigation" if mode == "navigate" else "other"

    @property
    def submits_form(self) -> bool:
        """Tell whether they submit a form of this service; a cross-site form does not count."""
        return self.method == "POST" and not is_cross_site(self.headers)

    @property
    def country(self) -> str | None:
        """Return the country as ISO 3166-1, two capitals; None if unknown."""
        country = self.headers.get("cloudfront-viewer-country", "") if self.trust_cloudfront else ""
        return country if COUNTRY.fullmatch(country) else None

    @property
    def cloudfront_device(self) -> str | None:
        """Return which of ``DEVICES`` CloudFront reports. It reports a tablet as mobile, too."""
        reported = {name for name in DEVICES if self.headers.get(f"cloudfront-is-{name}-viewer") == "true"}
        by_rank = (name for name in ("tablet", "mobile", "desktop") if self.trust_cloudfront and name in reported)
        return next(by_rank, None)

    @property
    def kinds(self) -> frozenset[str]:
        """Return the device, one of ``DEVICES``, and the system, one of ``SYSTEMS``, if known."""
        agent = self.agent[:MAX_AGENT]
        system = self._system(agent)
        return frozenset({self._device(agent), *([system] if system else [])})

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the preferred languages, lower case, the best first: those nearly as good as the first."""
        rated = [_rated(part) for part in self.headers.get("accept-language", "").split(",")[:_MOST_LANGUAGES]]
        preferred = sorted(
            (each for each in rated if each[0] > 0 and each[1] not in {"", "*"}), key=lambda each: -each[0]
        )
        least = preferred[0][0] * _NEARLY_AS_GOOD - _ROUNDING if preferred else 0
        return tuple(tag for quality, tag in preferred if quality >= least)

    def _system(self, agent: str) -> str | None:
        platform = self.headers.get("sec-ch-ua-platform", "").strip('"').lower()
        if platform in SYSTEMS:
            return platform
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
        if self.cloudfront_device is not None:
            return self.cloudfront_device
        device = device_from_agent(agent)
        return "mobile" if device == "desktop" and self.headers.get("sec-ch-ua-mobile") == "?1" else device


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Tell whether a form was sent from another site; ``headers`` have lower-case names.

    Browsers send ``Sec-Fetch-Site``. Requests without it are allowed: programs, and browsers from before 2023.
    """
    return headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}


def device_from_agent(agent: str) -> str:
    """Return which of ``DEVICES`` a user agent names. A Tablet PC is a desktop of 2010."""
    if "iPad" in agent or ("Tablet" in agent and "Tablet PC" not in agent):
        return "tablet"
    if "Mobi" in agent:
        return "mobile"
    return "tablet" if "Android" in agent else "desktop"


def _rated(part: str) -> tuple[float, str]:
    """Return the quality and the tag of one entry of Accept-Language: ``pt-br;q=0.8`` gives 0.8 and ``pt-br``."""
    tag, _, parameter = part.partition(";")
    name, _, text = parameter.partition("=")
    try:
        quality = float(text) if name.strip().lower() == "q" else 1.0
    except ValueError:
        quality = 0.0
    return (quality if 0 <= quality <= 1 else 0.0), tag.strip().lower()
