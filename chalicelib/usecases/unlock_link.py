"""Unlock a link for a visitor: check its password, require confirmation, count the visit."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib import logs
from chalicelib.aws.dynamodb import link_store, rate_counters, salt_store
from chalicelib.core import limits
from chalicelib.core.links import password, unlock_cookie
from chalicelib.core.links.link import Link
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import ConfirmationNeeded, PasswordNeeded, PasswordWrong, StoreUnavailable, TooManyRequests
from chalicelib.usecases import identify_visitor


@dataclass(frozen=True, slots=True)
class UnlockResult:
    """The visitor may follow the link; or the link has changed, and must be checked again."""

    proof: str | None = None
    """The value of the unlock cookie, if the password was given."""
    changed: Link | None = None
    """The current link, if it has changed or is used up; the visitor must not follow it then."""


def unlock(link: Link, visitor: Visitor, now: datetime) -> UnlockResult:
    """Check that ``visitor`` may follow the link at ``now`` (aware, UTC), and count the visit if it has a maximum.

    Raises:
        PasswordNeeded, PasswordWrong, TooManyRequests, ConfirmationNeeded, LinkUnknown
        StoreUnavailable: attempts cannot be counted, or it is unknown whether the visit was counted.
    """
    proof = None
    if link.password_digest is not None:
        proof = _check_password(link, link.password_digest, visitor, now)
    elif not visitor.submits_form and (link.asks_first or (link.max_visits is not None and not _is_person(visitor))):
        raise ConfirmationNeeded
    return UnlockResult(proof, None if link.max_visits is None else link_store.spend_visit(link, visitor.certain_id))


def _check_password(link: Link, digest: str, visitor: Visitor, now: datetime) -> str | None:
    """Check the submitted password, and return an unlock cookie; None if there is no secret to sign it.

    Each attempt is registered before the password is checked, and removed if it is correct: however many come at once,
    no more are checked than may fail. Browsers that have unlocked the link before are counted separately, so that they
    need not wait while others guess.
    """
    if not visitor.submits_form or visitor.password is None:
        raise PasswordNeeded
    secret = _secret()
    browser = secret and unlock_cookie.browser_in(visitor.headers.get("cookie", ""), link.id, digest, secret, now)
    subject = f"{unlock_cookie.NAME}#{browser}" if browser else identify_visitor.network_of_today(visitor.address, now)
    if rate_counters.spend(f"password#{link.id}#{subject}", limits.PASSWORD_TRIES, 1, now, timeout="read") is None:
        raise TooManyRequests(limits.PASSWORD_TRIES.seconds_left(now))
    guesses, attempt = f"password#{link.id}#{subject}" if browser else f"password#{link.id}", secrets.token_hex(8)
    failed = rate_counters.begin(guesses, limits.WRONG_PASSWORDS, attempt, now)
    if failed is not None and failed < limits.WRONG_PASSWORDS.most:
        raise TooManyRequests(limits.SECONDS_OF_A_TRY)
    if failed is not None:
        _tell_owner(link, now)
        raise TooManyRequests(limits.WRONG_PASSWORDS.seconds_left(now))
    is_correct = password.matches(visitor.password, digest)
    with suppress(StoreUnavailable):
        rate_counters.end(guesses, limits.WRONG_PASSWORDS, attempt, now, failed=not is_correct)
    if not is_correct:
        raise PasswordWrong
    return unlock_cookie.new(link.id, digest, secret, now) if secret else None


def _secret() -> bytes | None:
    """Return the secret that signs unlock cookies, or None if it is unavailable: then cookies are ignored."""
    try:
        return salt_store.secret(unlock_cookie.NAME)
    except StoreUnavailable:
        return None


def _tell_owner(link: Link, now: datetime) -> None:
    """Record in the link, once in each window, that its password is being guessed, for its owner to see."""
    started = datetime.fromtimestamp(limits.WRONG_PASSWORDS.start(now), UTC)
    if link.guessed_at is not None and link.guessed_at >= started:
        return
    logs.note(guessed=1)
    with suppress(StoreUnavailable):
        link_store.note_guesses(link.id, now)


def _is_person(visitor: Visitor) -> bool:
    """Tell whether the visitor is a person. HEAD requests, prefetches and programs must not use up visits."""
    from chalicelib.core.visits import navigation  # 25 milliseconds of patterns

    if visitor.method == "HEAD" or visitor.is_prefetch:
        return False
    return navigation.is_person(visitor.requested_as, visitor.headers.get("user-agent", ""))
