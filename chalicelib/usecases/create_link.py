"""Create a link under a free code, or find an existing one that satisfies the request."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import claim_store, click_store, link_store
from chalicelib.aws.dynamodb.claim_store import Claim
from chalicelib.aws.dynamodb.errors import CodeTaken, RequestAnswered, UrlClaimed
from chalicelib.core import times
from chalicelib.core.access import api_key
from chalicelib.core.access.caller import Caller
from chalicelib.core.http import idempotency
from chalicelib.core.http.idempotency import IdempotentRequest, StoredResponse
from chalicelib.core.links import codes, find_existing
from chalicelib.core.links.link import Link
from chalicelib.core.links.new_link import MadeBy, NewLink
from chalicelib.core.visits import statistics
from chalicelib.errors import AliasTaken, IdempotencyMismatch, NoFreeCode, StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases import block_hosts, domains, find_link

CODE_ATTEMPTS = 8  # bench/codes.py: of a million codes generated within an hour seven collided; never eight in a row
_URL_CLAIM_LASTS = timedelta(minutes=1)  # many times longer than the index lags behind the table


_FASTEST_RESTORE = timedelta(minutes=10)  # restoring a table and changing over to it takes longer


@dataclass(frozen=True, slots=True)
class _Creation:
    """A request being processed: the link to create, its creator, and what makes retries safe."""

    new_link: NewLink
    by: MadeBy
    request: IdempotentRequest | None
    lost_response: str
    """The stored response to the request, if its link is lost; otherwise empty."""
    request_id: str
    now: datetime

    def store(self, code: str, *more: Claim) -> StoredResponse:
        """Store the link under ``code`` together with its claims and the response to this request."""
        link = self.new_link.to_link(code, self.now, self.by)
        response = _response(link, 201, statistics.totals({}))
        all_claims = [*self._response_claims(response), *find_link.claims_for(link, self.now), *more]
        find_link.claiming(link, all_claims, lambda claimed: link_store.add(link, self.request_id, claimed))
        link_cache.put(link, self.now)
        return response

    def reuse(self, link: Link) -> StoredResponse:
        """Return the response with an existing link, and store it."""
        response = _response(link, 200, visits_of(link, self.now))
        for claim in self._response_claims(response):
            claim_store.add(claim)
        return response

    def is_satisfied_by(self, link: Link) -> bool:
        """Tell whether an existing link satisfies the request."""
        return find_existing.is_satisfied_by(self.new_link, link, self.by.owner, self.now)

    def _response_claims(self, response: StoredResponse) -> list[Claim]:
        if self.request is None:
            return []
        ends_at = self.now + idempotency.LASTS
        claim = claim_store.response_claim(self.request.id, self.request.digest, response.to_json(), self.now, ends_at)
        return [replace(claim, lost={"answer": {"S": self.lost_response}}) if self.lost_response else claim]


def shorten(
    new_link: NewLink, caller: Caller, now: datetime, request: IdempotentRequest | None = None
) -> StoredResponse:
    """Create a link, or find an existing one that satisfies the request.

    However often it is called with the same ``request``, within a day and even concurrently, it creates one link, and
    returns the first response. A caller without a key gets the manage key in the first response, and in no other.

    Raises:
        AliasTaken, ExternalIdTaken, NoFreeCode
        DomainRefused: the caller's workspace may not use the domain.
        ScopeMissing: finding a link needs the scope ``read``.
        LinkInvalid: a host is blocked.
        IdempotencyMismatch: the Idempotency-Key was used for another request.
        StoreUnavailable: the link may or may not have been stored.
    """
    check_may_find(new_link, caller)
    stored = None if request is None else _stored_response(request, now)
    if stored is not None and not _is_lost(stored, now):
        return StoredResponse.replayed(stored)
    domains.require_use(new_link.domain, caller, now)
    block_hosts.refuse(new_link.targets)
    manage_key = None if caller.workspace else api_key.generate_manage_key()
    by = MadeBy(caller.workspace, caller.who.name, api_key.digest_of(manage_key) if manage_key else None)
    # A new id, because clients may choose the id that API Gateway gives a request.
    creation = _Creation(new_link, by, request, stored or "", uuid.uuid4().hex, now)
    try:
        response = _strategy_for(new_link)(creation)
    except RequestAnswered:
        stored = None if request is None else _stored_response(request, now)
        if stored is None:
            raise StoreUnavailable from None
        return StoredResponse.replayed(stored)
    if manage_key is None or response.status != 201:  # noqa: PLR2004  # created
        return response
    return StoredResponse(response.status, response.document | {"manageKey": manage_key}, response.etag)


def check_may_find(new_link: NewLink, caller: Caller) -> None:
    """Check that the caller may see an existing link, if the request allows one: its notes and visits need ``read``.

    Links without an owner may be found by every caller that may create them: they have no other content than requested.

    Raises:
        ScopeMissing
    """
    if new_link.find_existing and not caller.is_anonymous:
        caller.require("read")


def _stored_response(request: IdempotentRequest, now: datetime) -> str | None:
    """Return the stored response to ``request`` as it is stored, or None.

    Raises:
        IdempotencyMismatch, StoreUnavailable
    """
    before = claim_store.find_response(request.id, now)
    if before is None:
        return None
    if before.digest != request.digest:
        raise IdempotencyMismatch
    return before.response


def _is_lost(response: str, now: datetime) -> bool:
    """Tell whether the link of a stored response is lost, because its table was restored to an earlier time.

    A deleted link is not lost: its code is still taken. A code that was lost may be another link's by now. Nor is a
    link from a moment ago, which most retries are about: they cost no read.

    Raises:
        StoreUnavailable
    """
    document = json.loads(response)["document"]
    if now - times.parse_time(document["createdAt"]) < _FASTEST_RESTORE:
        return False
    known = settings.domains
    domain = known.called(document.get("domain") or known.default.host)  # the version before stored no domain
    if domain is None:
        return False  # the host is none of this service any more
    link_id = domain.id_of(document["code"])
    link = link_store.find_now(link_id)
    if link is None:
        return not link_store.is_code_used(link_id)
    if times.to_text_or_none(link.created_at) != document["createdAt"]:
        return True
    return link.owner != document["owner"] and link.moved_at is None


def alias_taken(new_link: NewLink) -> AliasTaken:
    """Return the error of an alias that another link has, or has had."""
    known, alias = settings.domains, new_link.alias or ""
    return AliasTaken(alias, f"{known.of_space(new_link.space).url}/{new_link.spelled(alias)}")


def visits_of(link: Link, now: datetime) -> dict[str, int]:
    """Return the visits of a link at ``now`` (aware), in all and by kind.

    Raises:
        StoreUnavailable
    """
    return statistics.totals(click_store.total_of(link.id, now))


def _response(link: Link, status: int, visits: dict[str, int]) -> StoredResponse:
    return StoredResponse(status, link.as_json(settings.domains, visits), link.etag)


def _strategy_for(new_link: NewLink) -> Callable[[_Creation], StoredResponse]:
    if new_link.alias is not None:
        return _create_with_alias
    # A link with a password or a maximum of visits is never shared between requests.
    is_private = new_link.password is not None or new_link.max_visits is not None
    return _find_or_create if new_link.find_existing and not is_private else _create_with_new_code


def _create_with_alias(creation: _Creation) -> StoredResponse:
    alias = creation.new_link.alias or ""
    try:
        return creation.store(alias)
    except CodeTaken:
        holder = link_store.find_now(creation.new_link.id_of(alias)) if creation.new_link.find_existing else None
        if holder is not None and creation.is_satisfied_by(holder):
            return creation.reuse(holder)
        raise alias_taken(creation.new_link) from None


def _create_with_new_code(creation: _Creation) -> StoredResponse:
    for _ in range(CODE_ATTEMPTS):
        try:
            return creation.store(_generate_code(creation.new_link))
        except CodeTaken:
            continue
    raise NoFreeCode(CODE_ATTEMPTS)


def _find_or_create(creation: _Creation) -> StoredResponse:
    existing = _find_existing(creation)
    if existing is not None:
        return creation.reuse(existing)
    for _ in range(CODE_ATTEMPTS):
        code = _generate_code(creation.new_link)
        try:
            return creation.store(code, _url_claim(creation, code))
        except CodeTaken:
            continue
        except UrlClaimed as claimed:
            holder = link_store.find_now(claimed.link_code)
            if holder is not None and creation.is_satisfied_by(holder):
                return creation.reuse(holder)
            return _create_with_new_code(creation)
    raise NoFreeCode(CODE_ATTEMPTS)


def _find_existing(creation: _Creation) -> Link | None:
    new_link, owner = creation.new_link, creation.by.owner
    if owner is not None and new_link.external_id is not None:
        link_id = find_link.id_of_external(owner, new_link.external_id)
        link = None if link_id is None else link_store.find_now(link_id)
        return link if link is not None and creation.is_satisfied_by(link) else None
    candidates = link_store.find_by_url(new_link.url, owner, new_link.space)
    return next((link for link in candidates if creation.is_satisfied_by(link)), None)


def _url_claim(creation: _Creation, code: str) -> Claim:
    digest = find_existing.request_digest(creation.new_link, creation.by.owner)
    return claim_store.url_claim(digest, creation.new_link.id_of(code), creation.now, creation.now + _URL_CLAIM_LASTS)


def _generate_code(new_link: NewLink) -> str:
    is_random = new_link.unguessable or settings.code_style == "random"
    return codes.generate(unguessable=is_random, any_case=new_link.any_case)
