"""Deed: pick a free code, store the link."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws import link_cache, link_table
from chalicelib.core import codes
from chalicelib.core.link import Link
from chalicelib.core.new_link import NewLink
from chalicelib.errors import AliasTaken, CodeTaken, NoFreeCode, UrlClaimed
from chalicelib.settings import settings

DRAWS = 8  # bench/codes.py: of a million codes drawn within an hour seven were taken; eight in a row never


@dataclass(frozen=True, slots=True)
class Shortened:
    """A link, and whether it was made just now or was there already."""

    link: Link
    is_new: bool


def shorten(wanted: NewLink, request_id: str, now: datetime) -> Shortened:
    """Make the link that is wanted, or find it.

    Two calls with one ``request_id`` and one alias make one link; so the id must be unique to the request.

    Raises:
        AliasTaken, NoFreeCode
        StoreUnavailable: the link may or may not have been stored.
    """
    if wanted.alias is not None:
        made = _under_alias(wanted, wanted.alias, request_id, now)
    elif wanted.find_existing:
        made = _found(wanted, now) or _drawn_once(wanted, request_id, now)
    else:
        made = _drawn(wanted, request_id, now)
    link_cache.learn(made.link, now)
    return made


def _under_alias(wanted: NewLink, alias: str, request_id: str, now: datetime) -> Shortened:
    link = wanted.named(alias, now)
    try:
        link_table.add(link, request_id)
    except CodeTaken:
        holder = link_table.find_now(alias) if wanted.find_existing else None
        if holder is not None and wanted.is_met_by(holder, now):
            return Shortened(holder, is_new=False)
        raise AliasTaken(alias, link.short_url(settings.base_url)) from None
    return Shortened(link, is_new=True)


def _drawn(wanted: NewLink, request_id: str, now: datetime) -> Shortened:
    for _ in range(DRAWS):
        link = wanted.named(_draw(wanted), now)
        try:
            link_table.add(link, request_id)
        except CodeTaken:
            continue
        return Shortened(link, is_new=True)
    raise NoFreeCode(DRAWS)


def _found(wanted: NewLink, now: datetime) -> Shortened | None:
    for link in link_table.find_by_url(wanted.url):
        if wanted.is_met_by(link, now):
            return Shortened(link, is_new=False)
    return None


def _drawn_once(wanted: NewLink, request_id: str, now: datetime) -> Shortened:
    """Draw a code; of several calls that want the same at the same time one makes it and all return it."""
    claim = _claim(wanted)
    for _ in range(DRAWS):
        link = wanted.named(_draw(wanted), now)
        try:
            link_table.add_only(link, request_id, claim, now)
        except CodeTaken:
            continue
        except UrlClaimed as claimed:
            theirs = link_table.find_now(claimed.link_code)
            if theirs is not None and wanted.is_met_by(theirs, now):
                return Shortened(theirs, is_new=False)
            return _drawn(wanted, request_id, now)
        return Shortened(link, is_new=True)
    raise NoFreeCode(DRAWS)


def _draw(wanted: NewLink) -> str:
    return codes.draw(unguessable=wanted.unguessable or settings.code_style == "random")


def _claim(wanted: NewLink) -> str:
    """Return one name for all wishes that the same link would meet."""
    tags = None if wanted.tags is None else sorted(wanted.tags)
    wish = (wanted.url, str(wanted.expires_at), wanted.permanent, wanted.unguessable, wanted.title, wanted.note, tags)
    return hashlib.sha256(json.dumps(wish).encode()).hexdigest()
