"""All limits: rates, and sizes of requests and responses.

Rates are counted in windows of time that begin at full minutes, hours or days (UTC). Each line has what is limited,
the windows, and what it is counted by; windows that depend on settings are in ``usecases.limit_calls``:

creating links without a key    ANONYMOUS_PER_HOUR, ANONYMOUS_PER_DAY    by network
every call with an API key      KEY_PER_MINUTE                           by key
unknown API and manage keys     UNKNOWN_KEYS                             by network
abuse reports                   REPORTS_OF_NETWORK, REPORTS_ABOUT_LINK   by network, by link
password attempts               PASSWORD_TRIES                           by link and network
wrong passwords                 WRONG_PASSWORDS, SECONDS_OF_A_TRY        by link; by browser if it unlocked it before
clicks on unknown codes         UNKNOWN_CLICKS_A_DAY                     in all: further ones are answered, not counted

A network is an IPv4 address or an IPv6 /64; it is stored as a keyed hash, for two days at most.

Sizes:

JSON bodies                     BODY_BYTES, BULK_BYTES, BODY_DEPTH; links of a bulk call: BULK_LINKS
forms of visitors               FORM_BYTES
imported files                  FILE_BYTES, FILE_ROWS; of one row FILE_LINE, FILE_CELL, FILE_OBJECT_BYTES
lists                           PAGE_ENTRIES, LINKS_SCANNED, RESPONSE_BYTES
files for apps of a domain       DOMAIN_FILE_BYTES
statistics                      DAYS, DAYS_BY_HOUR
reported errors                 errors.MOST_ERRORS, in the lowest module

The limits of single fields of a link are in ``links.link_fields``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Window(NamedTuple):  # not a dataclass, which takes longer to create: the redirect imports it
    """A period of ``seconds`` in which something is allowed ``most`` times."""

    name: str
    seconds: int
    most: int

    def start(self, now: datetime) -> int:
        """Return the start of the window at ``now``, in seconds since 1970."""
        return int(now.timestamp()) // self.seconds * self.seconds

    def seconds_left(self, now: datetime) -> int:
        """Return the whole seconds until the next window begins, at least 1."""
        return self.start(now) + self.seconds - int(now.timestamp())


UNKNOWN_KEYS = Window("unknown-key-minute", 60, 60)
REPORTS_OF_NETWORK = Window("hour", 3600, 10)
REPORTS_ABOUT_LINK = Window("hour", 3600, 60)  # further ones add nothing, and cost a write each
PASSWORD_TRIES = Window("minute", 60, 5)
# Any hour touches two windows: 30 guesses at most, which is nothing for eight letters or digits.
WRONG_PASSWORDS = Window("hour", 3600, 15)
SECONDS_OF_A_TRY = 1  # until pending attempts, as many as may fail, are checked: 40 ms each, with a margin


UNKNOWN_CLICKS_A_DAY = 10_000  # counted clicks on unknown codes: guessing codes must not fill the table

BODY_BYTES = 64 * 1024  # the largest possible link, in UTF-8
BULK_BYTES = 1024 * 1024  # a hundred links to the longest URLs; the response is below Lambda's 6 MB
BULK_LINKS = 100
BODY_DEPTH = 20  # requests need 5 at most; Python's parser exhausts its stack at about 1,000
FORM_BYTES = 16 * 1024

FILE_BYTES = 10 * 1024 * 1024
FILE_ROWS = 50_000
FILE_CELL = 512 * 1024  # characters; the days of a link in an export are 100 each
FILE_OBJECT_BYTES = 512 * 1024  # for the same reason
FILE_LINE = 1024 * 1024  # characters; longer lines are truncated, and refused as rows

DOMAIN_FILE_BYTES = 48 * 1024  # of a file for apps, within a body
PAGE_ENTRIES = 100
LINKS_SCANNED = 1000  # in one call with a filter; the page may be short, and not the last
RESPONSE_BYTES = 4_000_000  # Lambda fails on responses of 6 MB, and the client gets nothing
DAYS = 1100  # three years, to compare years; a busy day has 25 KB
DAYS_BY_HOUR = 31


def headers(spent: Mapping[Window, int], now: datetime) -> dict[str, str]:
    """Return the headers with what is left of each limit (draft-ietf-httpapi-ratelimit-headers)."""
    if not spent:
        return {}
    policy = ", ".join(f'"{each.name}";q={each.most};w={each.seconds}' for each in spent)
    left = ", ".join(
        f'"{each.name}";r={max(0, each.most - count)};t={each.seconds_left(now)}' for each, count in spent.items()
    )
    return {"RateLimit-Policy": policy, "RateLimit": left}
