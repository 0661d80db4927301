"""Whether a request comes from a person's browser that follows a link; used to spend visits and to count them.

There are two signals. The headers ``Sec-Fetch-Mode`` and ``Accept`` describe the request; only the redirect sees them,
so they travel with the click (``Visitor.requested_as``). The user agent can be examined at any time. No list of
programs is complete, so an agent must look like a browser's first, and is then looked up in such a list.

A program that drives a real browser, or copies everything one sends, cannot be recognised by its headers.
"""

from __future__ import annotations

import functools
import re

from chalicelib.core.visits import bots
from chalicelib.core.visits.browsers import NAMES
from chalicelib.core.visits.visitor import RequestedAs

_MAX_AGENT = 512


@functools.lru_cache(maxsize=4096)
def is_person(requested_as: RequestedAs | None, agent: str) -> bool:
    """Tell whether a request came from a person's browser, given its user agent ``agent``.

    ``requested_as`` is None for clicks of earlier versions, which did not record it: then only known programs are
    excluded. Browsers that say they navigate may have unknown words in their agents, as those in apps do.
    """
    if requested_as is None:
        return not bots.is_bot(agent)
    if requested_as == "other" or not _is_like_a_browser(agent[:_MAX_AGENT], navigates=requested_as == "navigation"):
        return False
    return not bots.is_bot(_APPS.sub("", agent))


# Browsers send "Mozilla/5.0 (system) engine/1 browser/1"; a few old ones start with their own name.
_MOZILLA = re.compile(r"Mozilla/[3-6]\.\d+ \(")
_OLD_BROWSER = re.compile(
    r"(?:Opera/\d|Lynx/\d|E?Links[/ ]|w3m/\d|NetSurf/\d|Dillo/\d|NCSA_Mosaic/|IBrowse/|AmigaVoyager/|UCWEB/|UCBrowser"
    r"|BlackBerry\d|Nokia[A-Z\d]|SonyEricsson|SAMSUNG-|SEC-|LG[-/]|MOT-|mot-|HTC[_-]|ZTE-|Alcatel)"
)
_SYSTEM = re.compile(
    r"(?:Windows|Macintosh|X11|Linux|Android|android|iPhone|iPad|iPod|Mobile;|Tablet;|PlayStation|PLAYSTATION|Nintendo"
    r"|Web0S|SMART-TV|SmartHub|SAMSUNG|Tizen|BB10|BlackBerry|PlayBook|Symbian|Series|Maemo|MeeGo|CrKey|Amiga|PowerPC"
    r"|OS/2|BeOS|Haiku|Wayland|Fuchsia|compatible; MSIE \d+\.\d|compatible; IBrowse)"
)
# Found only in agents of programs: contact addresses, their purpose, and the tools they are made with.
_PROGRAM_MARKS = re.compile(
    r"://|www\.|\w@[\w-]+\.[a-z]|\+\w+\.\w|\)[^(]*\([^)]*\bcompatible\b|\bvia |google-|-google\b|googleweb"
    r"|(?<!cu)bot\b|\bbots?[/-]|robot|crawl|spider|scrap|headless|firephp|phantomjs|selenium|puppeteer|playwright"
    r"|preview|thumbnail|screenshot|snippet|unfurl|embed|monitor|uptime|probe|\bscan|fetch|archiv|validat|checker"
    r"|transcoder|lighthouse|page ?speed|https?[-_ ]?client|\bjava/|python|\bcurl|\bwget|\bphp\b|perl|ruby|go-http"
    r"|okhttp|axios|powershell|\bnode\b|ms-office|\brss\b|feed|newswire|indexer|extractor|accelerator|optimizer"
    r"|sitemap|\bseo",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)*\)?|\[[^\]]*\]?")
_ENGINE_COMMENT = re.compile(r"\(KHTML,? ?like Gecko(?:, Safari[/\d.+]*)?\)", re.IGNORECASE)
_WORD = re.compile(r"([^\s/;,]+)(?:/\S*)?")
# Agents of desktop systems do not name devices: each part is one of these.
_DESKTOP = re.compile(r"\((?:Windows NT|Macintosh|X11)[^()]*\)")
_DESKTOP_PART = re.compile(
    r"(?:Windows NT|Intel Mac OS X|PPC Mac OS X|Macintosh|X11|Linux|CrOS|Ubuntu|Fedora|Debian|FreeBSD|OpenBSD|NetBSD"
    r"|SunOS|DragonFly|Wayland|Win64|WOW64|x64|x86|i[3-6]86|arm|ARM|aarch64|amd64|ppc|rv:|[NIU]$"
    r"|[a-z]{2}(?:[-_]\w{2,4})?$|Trident|Touch|Tablet PC|MSIE|\.NET|SLCC|SV1|MA[A-Z]{2}|NP\d|LCJB|MDDR|MDDC"
    r"|Media Center|InfoPath|MATP|MALNJS|GTB|Xbox|XBOX|AP[A-Z]{2}|GNU/Linux|Silk)"
)
# Versions, languages, builds.
_NAMELESS = re.compile(r"[\d._:x-]+|trill_\d+|musical_ly_\d+|v1_\w+|[a-z]{2}[-_][a-z]{2}")
# Apps that fetch links themselves under the name that their embedded browsers append to their agents.
_APPS = re.compile(r"(?<=[\d)A-Za-z] )(?:Viber\b[/\d.]*|MetaIAB Facebook|Instagram [\d.]+ .*|\[FB.*)$")


def _is_like_a_browser(agent: str, *, navigates: bool) -> bool:
    """Tell whether ``agent`` has the shape of a browser's. Unknown words are allowed only if it ``navigates``."""
    if _PROGRAM_MARKS.search(agent):
        return False
    if _OLD_BROWSER.match(agent):
        return True
    if not _MOZILLA.match(agent):
        return False
    comments = _COMMENT.findall(agent)
    system = comments[0]
    if not _SYSTEM.match(system[1:].lstrip()) or not _has_standard_comments(comments):
        return False
    words = [word.lower() for word in _WORD.findall(_COMMENT.sub(" ", agent))]
    return navigates or all(word in NAMES or _NAMELESS.fullmatch(word) for word in words)


def _has_standard_comments(comments: list[str]) -> bool:
    """Tell whether the comments in parentheses hold only what engines and desktop systems write there."""
    engines = [each for each in comments if "like gecko" in each.lower() and not _DESKTOP.match(each)]
    if not all(_ENGINE_COMMENT.fullmatch(each) for each in engines):
        return False
    if not _DESKTOP.fullmatch(comments[0]) or "MSIE" in comments[0] or "Trident" in comments[0]:
        return True
    return all(_DESKTOP_PART.match(part.strip()) for part in comments[0][1:-1].split(";"))
