"""Deed: pick a free code, store the link."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib import block, find_link
from chalicelib.aws import claims, click_table, link_cache, link_table
from chalicelib.aws.claims import Claim
from chalicelib.core import answer as answers
from chalicelib.core import codes, key, stats
from chalicelib.core.answer import Answer, Once
from chalicelib.core.caller import Caller
from chalicelib.core.link import Link
from chalicelib.core.new_link import MadeBy, NewLink, wish_of
from chalicelib.errors import (
    AliasTaken,
    CodeTaken,
    IdempotencyMismatch,
    NoFreeCode,
    RequestAnswered,
    StoreUnavailable,
    UrlClaimed,
)
from chalicelib.settings import settings

DRAWS = 8  # bench/codes.py: of a million codes drawn within an hour seven were taken; eight in a row never
_CLAIM_LASTS = timedelta(minutes=1)  # as long as the index may lag behind the table, many times over


@dataclass(frozen=True, slots=True)
class _Making:
    """One request for a link: what is wanted, by whom, and what keeps it from being done twice."""

    wanted: NewLink
    by: MadeBy
    once: Once | None
    request_id: str
    now: datetime

    def store(self, code: str, *more: Claim) -> Answer:
        """Store the link under ``code``, with its claims and the answer to this request."""
        link = self.wanted.named(code, self.now, self.by)
        answer = _answer(link, 201, stats.totals({}))
        all_claims = [*self._remembering(answer), *find_link.claim_of(link, self.now), *more]
        link_table.add(link, self.request_id, all_claims)
        link_cache.learn(link, self.now)
        return answer

    def found(self, link: Link) -> Answer:
        """Answer with a link that is there already, and remember that."""
        answer = _answer(link, 200, visits_of(link))
        for claim in self._remembering(answer):
            claims.add(claim)
        return answer

    def _remembering(self, answer: Answer) -> list[Claim]:
        if self.once is None:
            return []
        remembered = {"digest": {"S": self.once.digest}, "answer": {"S": answer.to_json()}}
        return [
            Claim(
                self.once.id,
                self.now,
                lambda _: RequestAnswered(),
                remembered,
                self.now + answers.LASTS,
                comes_first=True,
            )
        ]


def shorten(wanted: NewLink, caller: Caller, now: datetime, once: Once | None = None) -> Answer:
    """Make the link that is wanted, or find it.

    However often it runs with the same ``once``, within a day and also at the same time, it makes one link, and gives
    the first answer. Whoever made it without a key gets the key to it in that answer, and in no other.

    Raises:
        AliasTaken, ExternalIdTaken, NoFreeCode
        LinkInvalid: a host is blocked.
        IdempotencyMismatch: ``once`` was used for something else.
        StoreUnavailable: the link may or may not have been stored.
    """
    if once is not None and (before := answered(once, now)) is not None:
        return before
    block.refuse(wanted.targets)
    manage_key = None if caller.owner else key.draw_manage_key()
    by = MadeBy(caller.owner, caller.name, key.digest_of(manage_key) if manage_key else None)
    # Minted here, for a client may choose the id that API Gateway gives a request.
    making = _Making(wanted, by, once, uuid.uuid4().hex, now)
    try:
        made = _way_of(wanted)(making)
    except RequestAnswered:
        before = answered(once, now) if once is not None else None
        if before is None:
            raise StoreUnavailable from None
        return before
    if manage_key is None or made.status != 201:  # noqa: PLR2004  # created
        return made
    return Answer(made.status, made.document | {"manageKey": manage_key}, made.etag)


def answered(once: Once, now: datetime) -> Answer | None:
    """Return the answer that was given to the same request before, if there is one.

    Raises:
        IdempotencyMismatch, StoreUnavailable
    """
    claimed = claims.find(once.id, now)
    if claimed is None:
        return None
    if claimed["digest"]["S"] != once.digest:
        raise IdempotencyMismatch
    return Answer.replayed(claimed["answer"]["S"])


def visits_of(link: Link) -> dict[str, int]:
    """Return how often a link was visited, by kind.

    Raises:
        StoreUnavailable
    """
    return stats.totals(click_table.totals_of([link.code]).get(link.code, {}))


def _answer(link: Link, status: int, visits: dict[str, int]) -> Answer:
    return Answer(status, link.as_json(settings.base_url, visits), link.etag)


def _way_of(wanted: NewLink) -> Callable[[_Making], Answer]:
    if wanted.alias is not None:
        return _under_alias
    # Whoever asks for a password, or counts visits, wants a link of their own.
    own = wanted.password is not None or wanted.max_visits is not None
    return _found_or_drawn if wanted.find_existing and not own else _drawn


def _under_alias(making: _Making) -> Answer:
    alias = making.wanted.alias or ""
    try:
        return making.store(alias)
    except CodeTaken:
        holder = link_table.find_now(alias) if making.wanted.find_existing else None
        if holder is not None and making.wanted.is_met_by(holder, making.by.owner, making.now):
            return making.found(holder)
        raise AliasTaken(alias, f"{settings.base_url}/{alias}") from None


def _drawn(making: _Making) -> Answer:
    for _ in range(DRAWS):
        try:
            return making.store(_draw(making.wanted))
        except CodeTaken:
            continue
    raise NoFreeCode(DRAWS)


def _found_or_drawn(making: _Making) -> Answer:
    existing = _found(making)
    if existing is not None:
        return making.found(existing)
    for _ in range(DRAWS):
        code = _draw(making.wanted)
        try:
            return making.store(code, _claim_on_url(making, code))
        except CodeTaken:
            continue
        except UrlClaimed as rival:
            holder = link_table.find_now(rival.link_code)
            if holder is not None and making.wanted.is_met_by(holder, making.by.owner, making.now):
                return making.found(holder)
            return _drawn(making)
    raise NoFreeCode(DRAWS)


def _found(making: _Making) -> Link | None:
    wanted, owner = making.wanted, making.by.owner
    if owner is not None and wanted.external_id is not None:
        code = find_link.code_of_external(owner, wanted.external_id)
        link = None if code is None else link_table.find_now(code)
        return link if link is not None and wanted.is_met_by(link, owner, making.now) else None
    candidates = link_table.find_by_url(wanted.url, owner)
    return next((link for link in candidates if wanted.is_met_by(link, owner, making.now)), None)


def _claim_on_url(making: _Making, code: str) -> Claim:
    claim_id, ends = f"url#{_claim(making.wanted, making.by.owner)}", making.now + _CLAIM_LASTS
    return Claim(claim_id, making.now, lambda item: UrlClaimed(item["code"]["S"]), {"code": {"S": code}}, ends)


def _draw(wanted: NewLink) -> str:
    return codes.draw(unguessable=wanted.unguessable or settings.code_style == "random")


def _claim(wanted: NewLink, owner: str | None) -> str:
    """Return one name for all wishes of ``owner`` that the same link would meet."""
    return hashlib.sha256(repr(wish_of(wanted, owner)).encode()).hexdigest()
