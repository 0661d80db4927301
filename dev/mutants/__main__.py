"""``make mutants``: take away each guard of the service in turn, in a copy, and see that a test notices.

A guard that can go without any test failing is no guard: nobody would see it leave. What survives needs a test.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).parent.parent
_COPIED = (
    *("chalicelib", "app.py", "tests", "dev", "bench", "docs", ".chalice"),
    *("README.md", "Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "constraints.txt"),
)
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
_AT_ONCE = 2
_LONGEST = 120  # seconds that one run of tests may take; an endless loop is no failing test
_ALL_LONGEST = 900  # seconds for all of them together, before anything is taken away
_CLEANING_UP = 20  # seconds that tests have to stop what they started
_A_TEST_FAILED = 1  # pytest's status; 2 to 5 are its own failures: nothing collected, no such test, interrupted

_ACCESS = "tests/doors/test_access.py"
_CLICKS = "tests/doors/test_clicks.py"
_CREATE = "tests/doors/test_create.py"
_EXACT = "tests/counting/test_exact.py"
_FOLLOW = "tests/doors/test_follow.py"
_GUARDS = "tests/doors/test_guards.py"
_MANAGE = "tests/doors/test_manage.py"
_BELONGS = f"{_GUARDS}::TestKeys::test_what_belongs_to_a_link_is_its_owners"
_SCOPES = f"{_GUARDS}::TestKeys::test_a_scope_opens_its_own_doors"
_NONE = "0" * 32  # the id of no import and no export
_MOVES = "tests/doors/test_transfers.py"
_POWERS = "tests/doors/test_powers.py"
_SEEN = f"{_GUARDS}::TestWrites::test_what_is_not_as_it_was_seen_stays_as_it_is"
_STRANGERS = f"{_ACCESS}::TestAnonymous"
_TABLE = "tests/aws/test_link_table.py"
_WISH = "tests/core/test_new_link.py"


class Mutant(NamedTuple):
    """A guard, and the service without it. A condition gives way to one that holds, so that all else still works."""

    name: str
    file: str
    old: str
    """Stands in ``file`` exactly once."""
    new: str
    tests: str
    """What must notice: a test, or several, as pytest is asked for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant. It is ``killed`` if a test failed; ``unclear`` where none did, and none could pass."""

    verdict: Literal["killed", "survived", "unclear"]
    seconds: float
    told: str
    """The end of what pytest said."""


MUTANTS = (
    # Whose a link is.
    Mutant(
        "owner condition of a write",
        "chalicelib/aws/link_table.py",
        '"#owner = :whose" if seen.owner else',
        '"(#owner = :whose OR attribute_exists(code))" if seen.owner else',
        f"{_SEEN}[given away]",
    ),
    Mutant(
        "owner condition of a write to a link of nobody's",
        "chalicelib/aws/link_table.py",
        'if seen.owner else "attribute_not_exists(#owner)")',
        'if seen.owner else "(attribute_not_exists(#owner) OR attribute_exists(code))")',
        f"{_SEEN}[taken]",
    ),
    Mutant(
        "version condition of a write",
        "chalicelib/aws/link_table.py",
        '"#version = :seen" if seen.version else',
        '"(#version = :seen OR attribute_exists(code))" if seen.version else',
        f"{_SEEN}[changed]",
    ),
    Mutant(
        "version condition of a write to an older table",
        "chalicelib/aws/link_table.py",
        'if seen.version else "attribute_not_exists(#version)")',
        'if seen.version else "(attribute_not_exists(#version) OR attribute_exists(code))")',
        f"{_SEEN}[changed, of an older table]",
    ),
    Mutant(
        "tombstone: what is gone is not written to",
        "chalicelib/aws/link_table.py",
        '["attribute_exists(originalUrl)"]',
        '["(attribute_exists(originalUrl) OR attribute_not_exists(originalUrl))"]',
        f"{_SEEN}[gone, of an older table]",
    ),
    Mutant(
        "tombstone: a code is never given out again",
        "chalicelib/aws/link_table.py",
        'transactions.write([{"Put": put}, *alongside])',
        'transactions.write([{"Delete": {"TableName": settings.links_table, "Key": {"code": tombstone["code"]}, '
        "**_if_as(link)}}, *alongside])",
        f"{_MANAGE}::TestSeenByVisitors::test_removed",
    ),
    Mutant(
        "owner check on read",
        "chalicelib/find_link.py",
        "if link is None or not caller.manages(link):",
        "if link is None:",
        f"{_ACCESS}::TestOwners::test_foreign_and_missing_are_the_same_bytes",
    ),
    Mutant(
        "owner check on read: the owner",
        "chalicelib/core/caller.py",
        "and link.owner == self.owner)",
        ")",
        f"{_ACCESS}::TestOwners::test_foreign_and_missing_are_the_same_bytes",
    ),
    Mutant(
        "owner check on read: nobody is no owner",
        "chalicelib/core/caller.py",
        "(self.owner is not None and link.owner == self.owner)",
        "link.owner == self.owner",
        f"{_GUARDS}::TestKeys::test_nobodys_links_are_not_nobodys_to_manage",
    ),
    Mutant(
        "owner check on read: only admins have all links",
        "chalicelib/core/caller.py",
        "return self.is_admin or (self.owner",
        "return bool(self.scopes) or (self.owner",
        f"{_ACCESS}::TestOwners::test_a_link_of_an_older_table_is_an_admins",
    ),
    Mutant(
        "manageKey: only for its link",
        "chalicelib/core/caller.py",
        "and hmac.compare_digest(link.manage_digest, self.manage_digest)",
        "",
        f"{_STRANGERS}::test_the_answer_has_the_key_to_the_link",
    ),
    Mutant(
        "manageKey: not for links that have none",
        "chalicelib/core/caller.py",
        "return link.manage_digest is not None and hmac.compare_digest(link.manage_digest, self.manage_digest)",
        "return hmac.compare_digest(link.manage_digest or self.manage_digest, self.manage_digest)",
        f"{_GUARDS}::TestStrangers::test_the_key_to_a_link_opens_no_link_of_an_owner",
    ),
    Mutant(
        "manageKey: only once, not where a link is found",
        "chalicelib/shorten.py",
        "if manage_key is None or made.status != 201:",
        "if manage_key is None:",
        f"{_CREATE}::TestFindExisting::test_the_same_wish_finds_the_same_link",
    ),
    Mutant(
        "externalId is its owner's",
        "chalicelib/find_link.py",
        'return f"ext#{owner}#{external_id}"',
        'return f"ext#{external_id}"',
        f"{_MANAGE}::TestExternalId::test_no_two_links_of_an_owner_have_the_same",
    ),
    Mutant(
        "statistics of a link are its owner's",
        "app.py",
        "report.of_link(find_link.find(code, caller).code, period)",
        "report.of_link(code, period)",
        f"{_BELONGS}[stats]",
    ),
    Mutant(
        "visits of a link are its owner's",
        "app.py",
        "report.visits(find_link.find(code, caller).code, wanted)",
        "report.visits(code, wanted)",
        f"{_BELONGS}[visits]",
    ),
    Mutant(
        "history of a link is its owner's",
        "chalicelib/change_link.py",
        "    link = find_link.find(name, caller)\n    found =",
        '    link = link_table.find_now(name) or Link(code=name, url="")\n    found =',
        f"{_BELONGS}[history]",
    ),
    Mutant(
        "what can be no code is not asked for",
        "chalicelib/find_link.py",
        "if code is not None and codes.is_code(code) else None",
        "if code is not None else None",
        f"{_GUARDS}::TestKeys::test_what_can_be_no_name_costs_no_read[code]",
    ),
    Mutant(
        "what can be no externalId is not asked for",
        "chalicelib/find_link.py",
        "if caller.owner is None or not fields.is_external_id(external_id):",
        "if caller.owner is None:",
        f"{_GUARDS}::TestKeys::test_what_can_be_no_name_costs_no_read[externalId]",
    ),
    Mutant(
        "what can be no key is not asked for",
        "chalicelib/issue_key.py",
        "if not is_id(key_id) or not key_table",
        "if not key_table",
        f"{_GUARDS}::TestKeys::test_what_can_be_no_name_costs_no_read[key]",
    ),
    # Scopes.
    Mutant(
        "scope: any would do",
        "chalicelib/core/caller.py",
        "if scope not in self.scopes and not self.is_admin:",
        "if not self.scopes:",
        f"{_SCOPES}[GET-/keys-manage]",
    ),
    Mutant(
        "scope: a key is needed",
        "chalicelib/core/caller.py",
        "        if not self.scopes:\n            raise KeyMissing\n",
        "        if not self.scopes:\n            return\n",
        f"{_GUARDS}::TestKeys::test_whatever_is_not_for_strangers_asks_for_a_key",
    ),
    Mutant(
        "scope: asked for at the doors of no one link",
        "chalicelib/gate.py",
        "    caller.require(scope)\n",
        "",
        f"{_SCOPES}[POST-/keys-manage]",
    ),
    Mutant(
        "scope: asked for at the doors of a link",
        "chalicelib/gate.py",
        "    caller.require_for_a_link(scope)\n",
        "",
        f"{_SCOPES}[PATCH-/links/sale-read]",
    ),
    Mutant(
        "scope: asked for who has no manageKey",
        "chalicelib/core/caller.py",
        "        if self.manage_digest is None:\n            self.require(scope)\n",
        "        if not self.scopes and self.manage_digest is None:\n            self.require(scope)\n",
        f"{_SCOPES}[DELETE-/links/sale-read]",
    ),
    Mutant(
        "scope: who manages is no admin",
        "chalicelib/core/caller.py",
        'return "admin" in self.scopes',
        'return "manage" in self.scopes',
        f"{_ACCESS}::TestOwners::test_foreign_and_missing_are_the_same_bytes",
    ),
    Mutant(
        "scope of making links",
        "chalicelib/authorize.py",
        'caller.require("create")',
        'caller.require("read")',
        f"{_SCOPES}[POST-/links-read]",
    ),
    Mutant(
        "scope of making links, at the door",
        "chalicelib/gate.py",
        "    authorize.may_create(caller)\n",
        "",
        f"{_SCOPES}[POST-/links/bulk-read]",
    ),
    Mutant(
        "scope of listing links",
        "app.py",
        'gate.caller_of(app.request, "read", now()), query_of',
        'gate.caller_of(app.request, "create", now()), query_of',
        f"{_SCOPES}[GET-/links-create]",
    ),
    Mutant(
        "scope of showing a link",
        "app.py",
        'find_link.find(code, gate.caller_for_a_link(app.request, "read", now()))',
        'find_link.find(code, gate.caller_for_a_link(app.request, "create", now()))',
        f"{_SCOPES}[GET-/links/sale-create]",
    ),
    Mutant(
        "scope of changing a link",
        "app.py",
        'caller = gate.caller_for_a_link(app.request, "manage", moment)\n    wanted',
        'caller = gate.caller_for_a_link(app.request, "read", moment)\n    wanted',
        f"{_SCOPES}[PATCH-/links/sale-read]",
    ),
    Mutant(
        "scope of removing a link",
        "app.py",
        'caller = gate.caller_for_a_link(app.request, "manage", moment)\n    change_link.remove',
        'caller = gate.caller_for_a_link(app.request, "read", moment)\n    change_link.remove',
        f"{_SCOPES}[DELETE-/links/sale-read]",
    ),
    Mutant(
        "scope of a link's history",
        "app.py",
        'caller = gate.caller_for_a_link(app.request, "read", now())\n    return',
        'caller = gate.caller_for_a_link(app.request, "create", now())\n    return',
        f"{_SCOPES}[GET-/links/sale/history-create]",
    ),
    Mutant(
        "scope of a link's statistics",
        "app.py",
        'gate.caller_for_a_link(app.request, "read", moment),',
        'gate.caller_for_a_link(app.request, "create", moment),',
        f"{_SCOPES}[GET-/links/sale/stats-create]",
    ),
    Mutant(
        "scope of a link's visits",
        "app.py",
        'caller = gate.caller_for_a_link(app.request, "read", now())\n    wanted',
        'caller = gate.caller_for_a_link(app.request, "create", now())\n    wanted',
        f"{_SCOPES}[GET-/links/sale/visits-create]",
    ),
    Mutant(
        "scope of all statistics",
        "app.py",
        'gate.caller_of(app.request, "read", moment), query_of',
        'gate.caller_of(app.request, "create", moment), query_of',
        f"{_SCOPES}[GET-/stats-create]",
    ),
    Mutant(
        "admins alone make keys",
        "app.py",
        'gate.caller_of(app.request, "admin", moment)\n    key, text',
        'gate.caller_of(app.request, "manage", moment)\n    key, text',
        f"{_SCOPES}[POST-/keys-manage]",
    ),
    Mutant(
        "admins alone list keys",
        "app.py",
        'gate.caller_of(app.request, "admin", now())\n    return as_json({"data": [key',
        'gate.caller_of(app.request, "manage", now())\n    return as_json({"data": [key',
        f"{_SCOPES}[GET-/keys-manage]",
    ),
    Mutant(
        "admins alone revoke keys",
        "app.py",
        'gate.caller_of(app.request, "admin", moment)\n    issue_key.revoke',
        'gate.caller_of(app.request, "manage", moment)\n    issue_key.revoke',
        f"{_SCOPES}[DELETE-/keys/nobody-manage]",
    ),
    Mutant(
        "admins alone ask for an owner=",
        "app.py",
        '    if owner != own:\n        caller.require("admin")\n',
        '    if owner != own:\n        caller.require("read")\n',
        f"{_ACCESS}::TestOwners::test_lists_and_statistics_of_others_are_an_admins",
    ),
    Mutant(
        "owner= is a name",
        "app.py",
        "if not is_owner(owner):",
        "if not own and not owner:",
        f"{_MANAGE}::TestOddRequests::test_an_owners_page_of_nobody",
    ),
    Mutant(
        "admins alone see unknown codes",
        "app.py",
        "if caller.is_admin else {})",
        "if caller.scopes else {})",
        f"{_ACCESS}::TestOwners::test_lists_and_statistics_of_others_are_an_admins",
    ),
    # Keys.
    Mutant(
        "key: its secret is compared",
        "chalicelib/core/key.py",
        "return hmac.compare_digest(digest_of(secret), self.digest) and not over",
        "return not over",
        f"{_GUARDS}::TestKeys::test_an_id_alone_opens_nothing",
    ),
    Mutant(
        "key: revoked",
        "chalicelib/core/key.py",
        "over = self.revoked_at is not None or (",
        "over = (",
        f"{_ACCESS}::TestKeys::test_a_revoked_key_is_dead_here_at_once",
    ),
    Mutant(
        "key: expired",
        "chalicelib/core/key.py",
        "self.revoked_at is not None or (self.expires_at is not None and now >= self.expires_at)",
        "self.revoked_at is not None",
        f"{_GUARDS}::TestKeys::test_at_its_end_a_key_is_over",
    ),
    Mutant(
        "key: expired at its very end",
        "chalicelib/core/key.py",
        "now >= self.expires_at",
        "now > self.expires_at",
        f"{_GUARDS}::TestKeys::test_at_its_end_a_key_is_over",
    ),
    Mutant(
        "key: an unknown id is refused, and is not nobody's",
        "chalicelib/authorize.py",
        "    if found is None or not found.is_good(secret, now):\n",
        '    if found is None:\n        return Caller(principal="", name="anonymous")\n'
        "    if not found.is_good(secret, now):\n",
        f"{_GUARDS}::TestStrangers::test_who_has_a_wrong_key_is_no_stranger",
    ),
    Mutant(
        "key: forgotten half a minute later",
        "chalicelib/authorize.py",
        "if remembered is not None and remembered.age(now) < _KEY_REMEMBERED:",
        "if remembered is not None:",
        f"{_ACCESS}::TestKeys::test_a_key_revoked_elsewhere_is_dead_within_a_minute",
    ),
    Mutant(
        "key: forgotten where it is revoked",
        "chalicelib/issue_key.py",
        "    authorize.forget(key_id)\n",
        "",
        f"{_ACCESS}::TestKeys::test_a_revoked_key_is_dead_here_at_once",
    ),
    Mutant(
        "key: revoked since the first time",
        "chalicelib/aws/key_table.py",
        "SET revokedAt = if_not_exists(revokedAt, :now)",
        "SET revokedAt = :now",
        f"{_GUARDS}::TestKeys::test_revoked_again_it_is_revoked_since_the_first_time",
    ),
    Mutant(
        "key: one that is not there is not revoked",
        "chalicelib/aws/key_table.py",
        '"attribute_exists(id)"',
        '"attribute_exists(id) OR attribute_not_exists(id)"',
        f"{_GUARDS}::test_a_key_that_is_not_there_is_not_made_by_revoking_it",
    ),
    Mutant(
        "key: its owner is a name",
        "chalicelib/core/key.py",
        "elif not _OWNER.fullmatch(wanted.owner):",
        "elif not wanted.owner:",
        f"{_ACCESS}::TestKeys::test_a_key_that_cannot_be",
    ),
    Mutant(
        "key: its text is shown once",
        "app.py",
        '{"data": [key.as_json() for key in',
        '{"data": [key.as_json() | {"digest": key.digest} for key in',
        f"{_ACCESS}::TestKeys::test_a_key_is_shown_once",
    ),
    # What a link leads to, and until when.
    Mutant(
        "expiry of a link",
        "chalicelib/core/link.py",
        "if self.expires_at is not None and now >= self.expires_at:",
        "if False:",
        f"{_FOLLOW}::TestExpired::test_a_program_gets_a_problem",
    ),
    Mutant(
        "expiry of a link at its very end",
        "chalicelib/core/link.py",
        "now >= self.expires_at",
        "now > self.expires_at",
        "tests/core/test_link.py::test_from_its_end_on_it_does_not",
    ),
    Mutant(
        "expiry of a link: no cache outlives it",
        "chalicelib/core/destination.py",
        "min(CACHED_AT_MOST, CACHED_AT_MOST if left is None else left)",
        "CACHED_AT_MOST",
        f"{_FOLLOW}::TestPermanent::test_no_cache_outlives_the_link",
    ),
    Mutant(
        "enabled: a link that is off leads nowhere",
        "chalicelib/core/link.py",
        "        if not self.enabled:\n            raise LinkOff(self.code)\n",
        "",
        f"{_MANAGE}::TestSeenByVisitors::test_switched_off_and_on",
    ),
    Mutant(
        "reserved words are no alias",
        "chalicelib/core/fields.py",
        "elif codes.is_reserved(alias):",
        'elif alias == "":',
        f"{_WISH}::test_what_is_wrong_is_said_by_field_and_code",
    ),
    Mutant(
        "a link does not lead here",
        "chalicelib/core/target_url.py",
        "if bare in policy.own_hosts:",
        'if bare == "":',
        f"{_MANAGE}::TestChange::test_what_cannot_be_is_refused",
    ),
    Mutant(
        "a stored target writes no header",
        "chalicelib/core/destination.py",
        "target = target_url.servable(url)",
        "target = url",
        f"{_FOLLOW}::test_nothing_stored_can_write_a_header",
    ),
    Mutant(
        "no header can start another",
        "chalicelib/doorway.py",
        'if text.isascii() and text.isprintable() and " " not in',
        'if text.isascii() and " " not in',
        "tests/doors/test_errors.py::test_no_header_can_start_another",
    ),
    # How often.
    Mutant(
        "rate limit: the condition",
        "chalicelib/aws/rates.py",
        '"attribute_not_exists(spent) OR spent <= :left"',
        '"attribute_not_exists(spent) OR spent <= :left OR attribute_exists(id)"',
        f"{_STRANGERS}::test_three_an_hour_and_not_one_more",
    ),
    Mutant(
        "rate limit: too often is refused",
        "chalicelib/authorize.py",
        "        if counted is None:\n            raise",
        "        if counted is None:\n            return {}\n        if counted < 0:\n            raise",
        f"{_ACCESS}::test_a_key_may_call_so_often_a_minute",
    ),
    Mutant(
        "rate limit: by the day as well",
        "chalicelib/authorize.py",
        "for window in _anonymous if",
        "for window in _anonymous[:1] if",
        f"{_GUARDS}::TestStrangers::test_five_a_day_and_not_one_more",
    ),
    Mutant(
        "rate limit: each key has its own",
        "chalicelib/aws/rates.py",
        'f"rate#{who}#{window.name}#{start}"',
        'f"rate#{window.name}#{start}"',
        f"{_ACCESS}::test_a_key_may_call_so_often_a_minute",
    ),
    Mutant(
        "rate limit: at the doors of no one link",
        "chalicelib/gate.py",
        "    caller.require(scope)\n    say(authorize.spend(caller, 1, now))\n",
        "    caller.require(scope)\n",
        f"{_GUARDS}::TestKeys::test_every_door_counts[GET-/stats]",
    ),
    Mutant(
        "rate limit: at the doors of a link",
        "chalicelib/gate.py",
        "caller.require_for_a_link(scope)\n    say(authorize.spend(caller, 1, now))",
        "caller.require_for_a_link(scope)",
        f"{_GUARDS}::TestKeys::test_every_door_counts[PATCH-/links/sale]",
    ),
    Mutant(
        "rate limit: where links are made",
        "chalicelib/gate.py",
        "    say(authorize.spend(caller, links(), now))\n",
        "",
        f"{_GUARDS}::TestKeys::test_every_door_counts[POST-/links]",
    ),
    Mutant(
        "rate limit: a stranger's bulk costs each link, at the door",
        "app.py",
        "gate.creator_of(app.request, moment, count)",
        "gate.creator_of(app.request, moment)",
        f"{_MANAGE}::test_bulk_counts_each_link_of_a_stranger",
    ),
    Mutant(
        "rate limit: a stranger's bulk costs each link",
        "chalicelib/authorize.py",
        "cost if caller.is_anonymous else 1",
        "1",
        f"{_MANAGE}::test_bulk_counts_each_link_of_a_stranger",
    ),
    Mutant(
        "rate limit: a stranger's first bulk is none too big",
        "chalicelib/aws/rates.py",
        "if cost > window.most:",
        "if cost < 0:",
        f"{_GUARDS}::TestStrangers::test_more_at_once_than_in_an_hour_is_too_much",
    ),
    Mutant(
        "rate limit: uncounted no stranger may",
        "chalicelib/authorize.py",
        "            if caller.is_anonymous:\n                raise\n            return {}",
        "            return {}",
        f"{_STRANGERS}::test_while_nobody_can_count_nobody_may",
    ),
    Mutant(
        "rate limit: uncounted a key goes on",
        "chalicelib/authorize.py",
        "            if caller.is_anonymous:\n                raise\n            return {}",
        "            raise",
        f"{_GUARDS}::TestKeys::test_while_nobody_can_count_a_key_goes_on",
    ),
    Mutant(
        "rate limit: by what API Gateway saw, not by what a client says",
        "chalicelib/doorway.py",
        'return request.context.get("identity", {}).get("sourceIp") or ""',
        'return str(request.headers.get("x-forwarded-for") or request.context.get("identity", {}).get("sourceIp"))',
        f"{_STRANGERS}::test_three_an_hour_and_not_one_more",
    ),
    Mutant(
        "rate limit: an IPv6 network is one",
        "chalicelib/core/click.py",
        'f"{network_of(address)} {agent',
        'f"{address} {agent',
        f"{_STRANGERS}::test_an_ipv6_network_is_one_stranger",
    ),
    Mutant(
        "rate limit: no address is kept",
        "chalicelib/authorize.py",
        "f\"network#{click.visitor_of(address, '', salts.secret('networks'))}\"",
        'f"network#{address}"',
        f"{_STRANGERS}::test_no_address_is_kept",
    ),
    # Anonymous rules.
    Mutant(
        "anonymous: only where links may be made without a key",
        "chalicelib/authorize.py",
        "if not (caller.is_anonymous and settings.open_create):",
        "if not caller.is_anonymous:",
        f"{_STRANGERS}::test_where_it_is_closed_a_key_is_asked_for",
    ),
    Mutant(
        "anonymous: the rules hold",
        "app.py",
        "return None if caller.owner else change_link.anonymous_rules()",
        "return None",
        f"{_STRANGERS}::test_what_a_stranger_may_not",
    ),
    Mutant(
        "anonymous: the rules hold for many at once",
        "app.py",
        "NewLink.from_json(row, _targets(), moment, _rules_for(caller))",
        "NewLink.from_json(row, _targets(), moment)",
        f"{_GUARDS}::TestStrangers::test_many_at_once_are_no_way_around_the_rules",
    ),
    Mutant(
        "anonymous: no short alias",
        "chalicelib/core/new_link.py",
        "if wanted.alias is not None and len(wanted.alias) < self.shortest_alias:",
        "if False:",
        f"{_STRANGERS}::test_what_a_stranger_may_not",
    ),
    Mutant(
        "anonymous: no externalId",
        "chalicelib/core/new_link.py",
        "if wanted.external_id is not None:",
        "if False:",
        f"{_STRANGERS}::test_what_a_stranger_may_not",
    ),
    Mutant(
        "anonymous: not permanent",
        "chalicelib/core/new_link.py",
        "if wanted.permanent:",
        "if False:",
        f"{_STRANGERS}::test_what_a_stranger_may_not",
    ),
    Mutant(
        "anonymous: no late end",
        "chalicelib/core/new_link.py",
        "if wanted.expires_at is not None and wanted.expires_at > last:",
        "if False:",
        f"{_STRANGERS}::test_what_a_stranger_may_not",
    ),
    Mutant(
        "anonymous: an end in any case",
        "chalicelib/core/new_link.py",
        "expires_at=last.replace(microsecond=0)",
        "expires_at=None",
        f"{_STRANGERS}::test_it_ends_in_ninety_days_unless_sooner",
    ),
    Mutant(
        "anonymous change: the rules hold",
        "chalicelib/change_link.py",
        "allowed = anonymous_rules() if caller.manage_digest is not None else AnonymousRules()",
        "allowed = AnonymousRules()",
        f"{_STRANGERS}::test_nor_by_changing_it",
    ),
    Mutant(
        "anonymous change: no externalId",
        "chalicelib/core/new_link.py",
        'wrong = [_NO_EXTERNAL_ID] if changed.get("external_id") is not None else []',
        "wrong: list[FieldError] = []",
        f"{_STRANGERS}::test_nor_by_changing_it",
    ),
    Mutant(
        "anonymous change: not permanent",
        "chalicelib/core/new_link.py",
        'if changed.get("permanent"):',
        "if False:",
        f"{_STRANGERS}::test_nor_by_changing_it",
    ),
    Mutant(
        "anonymous change: no late end",
        "chalicelib/core/new_link.py",
        "return end is not None and end <= last",
        "return end is not None",
        f"{_STRANGERS}::test_nor_by_changing_it",
    ),
    Mutant(
        "anonymous change: an end in any case",
        "chalicelib/core/new_link.py",
        "return end is not None and end <= last",
        "return end is None or end <= last",
        f"{_STRANGERS}::test_nor_by_changing_it",
    ),
    # Made once, and found rather than made.
    Mutant(
        "a code that is taken is not overwritten",
        "chalicelib/aws/link_table.py",
        '"attribute_not_exists(code)"',
        '"attribute_not_exists(code) OR attribute_exists(code)"',
        f"{_TABLE}::test_a_taken_code_is_never_overwritten",
    ),
    Mutant(
        "a code that is taken by somebody else is no success",
        "chalicelib/aws/link_table.py",
        'return bool(reason.get("Item", {}).get(name) == {"S": text})',
        'return bool(reason.get("Item", {}).get(name))',
        f"{_TABLE}::test_a_taken_code_is_never_overwritten",
    ),
    Mutant(
        "a code that is taken by this very request is success",
        "chalicelib/aws/link_table.py",
        'if not reasons or _holds(reasons[0], "requestId", request_id):',
        "if not reasons:",
        f"{_TABLE}::test_the_same_request_may_arrive_twice",
    ),
    Mutant(
        "a change that was made is success",
        "chalicelib/aws/link_table.py",
        'if not reasons or _holds(reasons[0], "changeId", change_id):',
        "if not reasons:",
        f"{_GUARDS}::TestWrites::test_a_change_that_was_made_is_made",
    ),
    Mutant(
        "If-Match",
        "chalicelib/change_link.py",
        'if if_match not in {None, "*", link.etag}:',
        "if False:",
        f"{_MANAGE}::TestChange::test_who_saw_an_older_version_is_told",
    ),
    Mutant(
        "a dry run is never a wet one",
        "app.py",
        'if query.get(name, "false") not in {"true", "false"}:',
        "if not name:",
        f"{_MANAGE}::TestOddRequests::test_a_dry_run_is_never_a_wet_one",
    ),
    Mutant(
        "externalId is claimed when a link is made",
        "chalicelib/shorten.py",
        "*find_link.claim_of(link, self.now), *more",
        "*more",
        f"{_MANAGE}::TestExternalId::test_no_two_links_of_an_owner_have_the_same",
    ),
    Mutant(
        "externalId is claimed when a link is changed",
        "chalicelib/change_link.py",
        "new if moved else ())",
        "())",
        f"{_MANAGE}::TestExternalId::test_it_can_be_moved_and_given_up",
    ),
    Mutant(
        "externalId is given up when a link is changed",
        "chalicelib/change_link.py",
        "        alongside += [claim.give_up() for claim in old if moved]\n",
        "",
        f"{_MANAGE}::TestExternalId::test_it_can_be_moved_and_given_up",
    ),
    Mutant(
        "externalId is given up when a link is removed",
        "chalicelib/change_link.py",
        ", *(claim.give_up() for claim in claims)]",
        "]",
        f"{_MANAGE}::TestExternalId::test_it_can_be_moved_and_given_up",
    ),
    Mutant(
        "a claim: somebody else's holds",
        "chalicelib/aws/claims.py",
        '"attribute_not_exists(id) OR expiresAt < :now"',
        '"attribute_not_exists(id) OR expiresAt < :now OR attribute_exists(id)"',
        f"{_TABLE}::test_of_two_claims_on_one_wish_one_holds",
    ),
    Mutant(
        "a claim: it ends, though the sweeper is late",
        "chalicelib/aws/claims.py",
        '"attribute_not_exists(id) OR expiresAt < :now"',
        '"attribute_not_exists(id) OR (attribute_not_exists(id) AND expiresAt < :now)"',
        f"{_TABLE}::test_a_claim_is_over_after_a_minute",
    ),
    Mutant(
        "a claim: what is over is not read",
        "chalicelib/aws/claims.py",
        "return None if item is None or is_over else",
        "return None if item is None else",
        f"{_MANAGE}::TestIdempotency::test_a_day_later_it_is_another_request",
    ),
    Mutant(
        "findExisting: nobody else's link",
        "chalicelib/core/new_link.py",
        "same_deed = link.owner == owner and deed_of",
        "same_deed = deed_of",
        f"{_WISH}::test_a_link_meets_a_wish_if_it_does_and_says_the_same",
    ),
    Mutant(
        "findExisting: the index is asked for the owner's own",
        "chalicelib/aws/link_table.py",
        'FilterExpression="#owner = :owner" if owner else',
        'FilterExpression="(#owner = :owner OR attribute_exists(code))" if owner else',
        f"{_GUARDS}::TestFindExisting::test_links_of_others_stand_in_nobodys_way",
    ),
    Mutant(
        "findExisting: what a stranger noted is not for the next",
        "chalicelib/core/new_link.py",
        "(wish is None and (owner is not None or not there))",
        "wish is None",
        f"{_WISH}::test_a_link_of_nobodys_tells_a_stranger_nothing_new",
    ),
    Mutant(
        "findExisting: no link that is off",
        "chalicelib/core/new_link.py",
        "*(wanted.url, wanted.permanent, wanted.enabled, wanted.starts_at",
        "*(wanted.url, wanted.permanent, wanted.starts_at",
        f"{_GUARDS}::TestFindExisting::test_what_is_off_is_not_found",
    ),
    Mutant(
        "findExisting: no link that is over",
        "chalicelib/core/new_link.py",
        "            and not expired\n",
        "",
        f"{_WISH}::test_an_expired_link_meets_no_wish",
    ),
    Mutant(
        "findExisting: no link that ends sooner",
        "chalicelib/core/new_link.py",
        "            and same_end\n",
        "",
        f"{_WISH}::test_a_link_meets_a_wish_if_it_does_and_says_the_same",
    ),
    Mutant(
        "findExisting: no other externalId",
        "chalicelib/core/new_link.py",
        "(self.external_id, link.external_id),",
        "",
        f"{_GUARDS}::TestFindExisting::test_under_another_external_id_an_alias_is_taken",
    ),
    Mutant(
        "findExisting: none that can be guessed for one that must not",
        "chalicelib/core/new_link.py",
        "            and guessable_enough\n",
        "",
        f"{_WISH}::test_a_link_meets_a_wish_if_it_does_and_says_the_same",
    ),
    Mutant(
        "Idempotency-Key: another request is refused",
        "chalicelib/shorten.py",
        'if claimed["digest"]["S"] != once.digest:',
        "if False:",
        f"{_MANAGE}::TestIdempotency::test_another_body_is_refused",
    ),
    Mutant(
        "Idempotency-Key: another query is another request",
        "chalicelib/gate.py",
        'f"{request.path} {query} ".encode() + raw_body_of(request)',
        "raw_body_of(request)",
        f"{_GUARDS}::test_an_idempotency_key_is_for_one_address",
    ),
    Mutant(
        "Idempotency-Key: each caller has their own",
        "chalicelib/core/answer.py",
        'f"{principal} {key}".encode()',
        "key.encode()",
        f"{_MANAGE}::TestIdempotency::test_keys_of_others_are_others",
    ),
    Mutant(
        "Idempotency-Key: each network has its own",
        "chalicelib/gate.py",
        'and (authorize.are_counted() or "idempotency-key" in request.headers):',
        "and authorize.are_counted():",
        f"{_GUARDS}::TestStrangers::test_an_idempotency_key_is_its_networks",
    ),
    Mutant(
        "Idempotency-Key: what is none is refused",
        "chalicelib/gate.py",
        "if not answer.is_key(text):",
        "if False:",
        f"{_MANAGE}::TestIdempotency::test_what_is_no_key",
    ),
    Mutant(
        "Idempotency-Key: each row of many has its own",
        "chalicelib/core/answer.py",
        'return Once(f"{self.id}#{number}", self.digest)',
        "return self",
        f"{_MANAGE}::TestIdempotency::test_many_at_once",
    ),
    Mutant(
        "cursor: signed",
        "chalicelib/core/cursor.py",
        "if not hmac.compare_digest(signature, _signature(text, whose, secret)):",
        "if not signature:",
        f"{_MANAGE}::TestList::test_a_cursor_is_nobody_elses",
    ),
    Mutant(
        "cursor: nobody else's",
        "chalicelib/core/cursor.py",
        'whose.encode() + b"\\0" + text',
        "text",
        f"{_MANAGE}::TestList::test_a_cursor_is_nobody_elses",
    ),
    Mutant(
        "cursor of visits: an entry of clicks",
        "chalicelib/report.py",
        "if not _ENTRY.fullmatch(entry):",
        "if not entry:",
        f"{_CLICKS}::test_a_query_that_cannot_be_is_refused",
    ),
    # Counting.
    Mutant(
        "click: its row is the mark that it has been counted",
        "chalicelib/aws/click_table.py",
        '"attribute_not_exists(entry)"',
        '"attribute_not_exists(entry) OR attribute_exists(entry)"',
        f"{_CLICKS}::test_a_batch_that_comes_again_counts_once",
    ),
    Mutant(
        "click: none without partial batches",
        "app.py",
        "if not settings.partial_batch:",
        "if False:",
        f"{_CLICKS}::test_without_partial_failures_nothing_is_counted",
    ),
    Mutant(
        "click: what could not be written comes again",
        "app.py",
        "for each in recorded.failed]",
        "for each in recorded.failed[:0]]",
        f"{_CLICKS}::test_what_cannot_be_written_is_delivered_again",
    ),
    Mutant(
        "click: too old",
        "chalicelib/record_clicks.py",
        "if click.at < now - timedelta(days=settings.click_retention_days - 3):",
        "if False:",
        f"{_EXACT}::test_a_click_out_of_its_time_is_set_aside[too old]",
    ),
    Mutant(
        "click: from the future",
        "chalicelib/record_clicks.py",
        "if click.at > now + _AHEAD_AT_MOST else None",
        "if click.at.year == 1 else None",
        f"{_EXACT}::test_a_click_out_of_its_time_is_set_aside[future]",
    ),
    Mutant(
        "click: a day has its fill of unknown codes",
        "chalicelib/record_clicks.py",
        '["visits"] < UNKNOWN_A_DAY',
        '["visits"] >= 0',
        f"{_EXACT}::test_unknown_codes_do_not_fill_the_table",
    ),
    Mutant(
        "click: what a newer version wrote comes again",
        "chalicelib/record_clicks.py",
        "    except ClickFromAnotherVersion:\n        recorded.failed.append(message.id)\n",
        "    except ClickFromAnotherVersion:\n",
        f"{_EXACT}::test_a_message_of_a_newer_version_comes_again",
    ),
    Mutant(
        "click: a HEAD is none",
        "chalicelib/redirect_door.py",
        'if visit.visitor.method != "HEAD":',
        "if visit.visitor.method:",
        f"{_CLICKS}::test_a_head_is_no_click",
    ),
    Mutant(
        "click: what could be no code counts as nothing",
        "chalicelib/redirect_door.py",
        "if codes.is_code(code):",
        "if code:",
        f"{_CLICKS}::test_a_guess_counts_for_no_link",
    ),
    Mutant(
        "click: a client's request id names none",
        "chalicelib/redirect_door.py",
        "str(api_id) if click.is_id(api_id) else",
        "str(api_id) if api_id else",
        f"{_CLICKS}::test_a_request_id_that_a_client_chose_names_no_click",
    ),
    Mutant(
        "click: CloudFront's headers are anybody's where it is not in front",
        "chalicelib/core/visitor.py",
        'self.headers.get("cloudfront-viewer-country", "") if self.trust_cloudfront else ""',
        'self.headers.get("cloudfront-viewer-country", "")',
        "tests/core/test_click.py::test_without_cloudfront_its_headers_are_anybodys",
    ),
    Mutant(
        "DNT",
        "chalicelib/core/click.py",
        'headers.get("dnt") == "1" or ',
        "",
        "tests/core/test_click.py::test_who_asks_not_to_be_tracked_is_counted_and_no_more",
    ),
    Mutant(
        "DNT: Sec-GPC says the same",
        "chalicelib/core/click.py",
        ' or headers.get("sec-gpc") == "1"',
        "",
        f"{_CLICKS}::test_who_asks_not_to_be_tracked_is_only_counted",
    ),
    Mutant(
        "DNT: no visitor",
        "chalicelib/track.py",
        "if clicks.is_private(visit.visitor.headers):",
        "if not visit.code:",
        f"{_CLICKS}::test_who_asks_not_to_be_tracked_is_only_counted",
    ),
    Mutant(
        "DNT: no referrer",
        "chalicelib/core/click.py",
        "referrer=None if private else",
        "referrer=",
        f"{_CLICKS}::test_who_asks_not_to_be_tracked_is_only_counted",
    ),
    Mutant(
        "closing a day: if it is as it was seen",
        "chalicelib/aws/click_table.py",
        '"Item": item, **_if_as(seen)}}]',
        '"Item": item}}]',
        f"{_GUARDS}::TestNight::test_a_click_that_comes_meanwhile_is_not_lost",
    ),
    Mutant(
        "closing a day: if no click came",
        "chalicelib/aws/click_table.py",
        '{"visits": seen.counts.get("visits"), "visitors": seen.visitors}',
        '{"visitors": seen.visitors}',
        f"{_GUARDS}::TestNight::test_a_click_that_comes_meanwhile_is_not_lost",
    ),
    Mutant(
        "closing a day: if nobody else has closed it",
        "chalicelib/aws/click_table.py",
        '{"visits": seen.counts.get("visits"), "visitors": seen.visitors}',
        '{"visits": seen.counts.get("visits")}',
        f"{_GUARDS}::TestNight::test_two_nights_at_once_add_its_visitors_once",
    ),
    Mutant(
        "closing a day: not before it is over",
        "chalicelib/close_days.py",
        "range(settings.click_retention_days - 3, 0, -1)",
        "range(settings.click_retention_days - 3, -1, -1)",
        f"{_EXACT}::TestNight::test_a_night_adds_the_visitors_and_finds_no_drift[1]",
    ),
    Mutant(
        "closing a day: not when its rows may be gone",
        "chalicelib/close_days.py",
        "range(settings.click_retention_days - 3, 0, -1)",
        "range(settings.click_retention_days + 30, 0, -1)",
        f"{_EXACT}::TestNight::test_days_whose_rows_may_be_gone_are_left_alone",
    ),
    Mutant(
        "closing a day: what stays open is an alarm",
        "app.py",
        "if night.left_open:",
        "if night.left_open < 0:",
        f"{_GUARDS}::TestNight::test_a_night_that_leaves_days_open_fails",
    ),
    Mutant(
        "a cell is no formula",
        "chalicelib/core/csv_rows.py",
        "isinstance(cell, str) and _LIKE_A_FORMULA.match(cell)",
        "cell is None",
        f"{_CLICKS}::test_visits_and_series_can_be_had_as_tables",
    ),
    # What a link can do.
    Mutant(
        "from: not before its time",
        "chalicelib/core/link.py",
        "if self.starts_at is not None and now < self.starts_at:",
        "if False:",
        f"{_POWERS}::TestFromAndUntil::test_before_its_time_a_link_says_when",
    ),
    Mutant(
        "maximum: a link that is used up",
        "chalicelib/core/link.py",
        "if self.max_visits is not None and self.visits_spent >= self.max_visits:",
        "if False:",
        f"{_POWERS}::TestMaximum::test_it_leads_on_as_often_as_it_says",
    ),
    Mutant(
        "maximum: the table decides",
        "chalicelib/aws/link_table.py",
        "(attribute_not_exists(spent) OR spent < maxVisits)",
        "attribute_exists(maxVisits)",
        "tests/counting/test_limits.py::test_a_crowd_gets_exactly_the_maximum",
    ),
    Mutant(
        "maximum: a second try is known",
        "chalicelib/aws/link_table.py",
        'if item.get("lastVisit") == {"S": visit_id}:',
        "if not visit_id:",
        "tests/counting/test_limits.py::test_a_lost_reply_does_not_eat_a_link_for_one[1]",
    ),
    Mutant(
        "maximum: a second try counts once",
        "chalicelib/aws/link_table.py",
        "OR lastVisit <> :visit)",
        "OR attribute_exists(lastVisit))",
        "tests/counting/test_limits.py::test_a_lost_reply_does_not_count_twice[1]",
    ),
    Mutant(
        "maximum: of the version that was judged",
        "chalicelib/aws/link_table.py",
        '"version = :seen AND (attribute_not_exists(spent)',
        '"version >= :seen AND (attribute_not_exists(spent)',
        f"{_POWERS}::TestMaximum::test_what_was_switched_off_meanwhile_is_off",
    ),
    Mutant(
        "maximum: never remembered",
        "chalicelib/core/link.py",
        "return self.max_visits is None and self.password_digest is None",
        "return self.password_digest is None",
        f"{_POWERS}::TestMaximum::test_it_is_never_remembered",
    ),
    Mutant(
        "maximum: programs spend none",
        "chalicelib/admit.py",
        'return visitor.method == "HEAD" or visitor.is_prefetch or bots',
        'return visitor.method == "HEAD" or bots',
        f"{_POWERS}::TestMaximum::test_programs_neither_spend_a_visit_nor_learn_the_target",
    ),
    Mutant(
        "maximum: a HEAD spends none",
        "chalicelib/admit.py",
        'visitor.method == "HEAD" or ',
        "",
        f"{_POWERS}::TestMaximum::test_programs_neither_spend_a_visit_nor_learn_the_target",
    ),
    Mutant(
        "maximum: bots spend none",
        "chalicelib/admit.py",
        ' or bots.is_bot(visitor.headers.get("user-agent", ""))',
        "",
        f"{_POWERS}::TestMaximum::test_programs_neither_spend_a_visit_nor_learn_the_target",
    ),
    Mutant(
        "confirm: the button first",
        "chalicelib/admit.py",
        "(link.confirm or (link.max_visits",
        '(link.code == "" or (link.max_visits',
        f"{_POWERS}::TestMaximum::test_a_link_that_asks_first_waits_for_the_button",
    ),
    Mutant(
        "password: asked for",
        "chalicelib/admit.py",
        "if link.password_digest is not None:",
        'if link.password_digest == "":',
        f"{_POWERS}::TestPassword::test_nothing_tells_the_target_before",
    ),
    Mutant(
        "password: the right one",
        "chalicelib/admit.py",
        "if not password.fits(visitor.password, digest):",
        "if not digest:",
        f"{_POWERS}::TestPassword::test_no_other_word_does",
    ),
    Mutant(
        "password: five tries",
        "chalicelib/admit.py",
        'PASSWORD_TRIES = Window("minute", 60, 5)',
        'PASSWORD_TRIES = Window("minute", 60, 500)',
        f"{_POWERS}::TestPassword::test_five_wrong_words_a_minute_and_another_visitor_still_gets_in",
    ),
    Mutant(
        "password: tries of each visitor",
        "chalicelib/admit.py",
        'f"password#{link.code}#{network}"',
        'f"password#{link.code}"',
        f"{_POWERS}::TestPassword::test_five_wrong_words_a_minute_and_another_visitor_still_gets_in",
    ),
    Mutant(
        "password: the preview keeps it",
        "chalicelib/preview.py",
        "if not self.link.is_remembered:",
        "if not self.link:",
        f"{_POWERS}::TestPassword::test_nothing_tells_the_target_before",
    ),
    Mutant(
        "path: only where it is taken",
        "chalicelib/core/destination.py",
        "forwarding.with_path(url, visitor.path) if link.forward_path else None",
        "forwarding.with_path(url, visitor.path)",
        f"{_POWERS}::TestForwarding::test_no_path_leads_elsewhere",
    ),
    Mutant(
        "path: not upwards",
        "chalicelib/core/forwarding.py",
        "if any(segment in _STEPS for segment in plain):",
        "if not plain:",
        f"{_POWERS}::TestForwarding::test_no_path_leads_elsewhere",
    ),
    Mutant(
        "query: only where that is wanted",
        "chalicelib/core/destination.py",
        "forwarding.with_query(url, visitor.query) if link.forward_query else url",
        "forwarding.with_query(url, visitor.query)",
        f"{_POWERS}::TestForwarding::test_a_path_goes_along_without_a_query",
    ),
    Mutant(
        "blocked: a link that was stopped",
        "chalicelib/core/link.py",
        "if self.blocked is not None:",
        'if self.blocked == "":',
        f"{_POWERS}::TestAbuse::test_an_administrator_blocks_a_link",
    ),
    Mutant(
        "blocked: by administrators alone",
        "chalicelib/change_link.py",
        '        caller.require("admin")\n',
        "        pass\n",
        f"{_POWERS}::TestAbuse::test_an_administrator_blocks_a_link",
    ),
    Mutant(
        "blocked hosts: no new link",
        "chalicelib/shorten.py",
        "    block.refuse(wanted.targets)\n",
        "",
        f"{_POWERS}::TestAbuse::test_no_link_is_made_to_a_blocked_host",
    ),
    Mutant(
        "blocked hosts: no change",
        "chalicelib/change_link.py",
        "    block.refuse(wanted.targets)\n",
        "",
        f"{_POWERS}::TestAbuse::test_no_link_is_made_to_a_blocked_host",
    ),
    Mutant(
        "blocked hosts: the names below",
        "chalicelib/core/hosts.py",
        "return [host] if is_address else [",
        "return [host] if host else [",
        f"{_POWERS}::TestAbuse::test_no_link_is_made_to_a_blocked_host",
    ),
    Mutant(
        "blocked hosts: what was blocked by hand stays",
        "chalicelib/block.py",
        "if link.blocked is not None and link.blocked_host is None:",
        "if False:",
        f"{_POWERS}::TestAbuse::test_what_was_blocked_by_hand_stays_so",
    ),
    Mutant(
        "reports: so many from a network",
        "chalicelib/complain.py",
        '_PER_NETWORK = Window("hour", 3600, 10)',
        '_PER_NETWORK = Window("hour", 3600, 50)',
        f"{_POWERS}::TestAbuse::test_reports_are_limited",
    ),
    Mutant(
        "reports: for administrators",
        "app.py",
        'gate.caller_of(app.request, "admin", now())\n    return as_json({"data": report_table',
        'gate.caller_of(app.request, "read", now())\n    return as_json({"data": report_table',
        f"{_SCOPES}[GET-/reports-read]",
    ),
    Mutant(
        "rules: their targets pass the policy",
        "chalicelib/core/wanted_rules.py",
        "return target_url.canonical(value, self._policy)",
        "return value",
        f"{_POWERS}::TestRules::test_every_mistake_is_said_by_its_place",
    ),
    Mutant(
        "permanent: not what browsers would not ask again",
        "chalicelib/core/conflicts.py",
        "if wanted.permanent and asking:",
        "if not asked:",
        f"{_POWERS}::TestRules::test_what_contradicts_itself_is_refused_also_as_a_change",
    ),
    Mutant(
        "QR: colours that cameras tell apart",
        "chalicelib/core/qr.py",
        "if are_colours and contrast(",
        "if not query and contrast(",
        f"{_POWERS}::TestQr::test_what_cannot_be_drawn_is_refused",
    ),
    # Imports and exports.
    Mutant(
        "scope of starting an import",
        "app.py",
        'gate.caller_of(app.request, "create", moment)\n    return as_json(transfers.ask_for_import',
        'gate.caller_of(app.request, "read", moment)\n    return as_json(transfers.ask_for_import',
        f"{_SCOPES}[POST-/imports-read]",
    ),
    Mutant(
        "scope of showing an import",
        "app.py",
        'gate.caller_of(app.request, "create", moment)\n    return as_json(transfers.see_import',
        'gate.caller_of(app.request, "read", moment)\n    return as_json(transfers.see_import',
        f"{_SCOPES}[GET-/imports/{_NONE}-read]",
    ),
    Mutant(
        "scope of starting an export",
        "app.py",
        'gate.caller_of(app.request, "manage", moment)\n    return as_json(transfers.ask_for_export',
        'gate.caller_of(app.request, "read", moment)\n    return as_json(transfers.ask_for_export',
        f"{_SCOPES}[POST-/exports-read]",
    ),
    Mutant(
        "scope of showing an export",
        "app.py",
        'gate.caller_of(app.request, "manage", moment)\n    return as_json(transfers.see_export',
        'gate.caller_of(app.request, "read", moment)\n    return as_json(transfers.see_export',
        f"{_SCOPES}[GET-/exports/{_NONE}-read]",
    ),
    Mutant(
        "import: nobody without a key",
        "app.py",
        'gate.caller_of(app.request, "create", moment)\n    return as_json(transfers.ask_for_import',
        "gate.creator_of(app.request, moment)\n    return as_json(transfers.ask_for_import",
        f"{_MOVES}::TestAsking::test_who_has_no_key_moves_no_links[POST-/imports]",
    ),
    Mutant(
        "import: its owner's",
        "chalicelib/transfers.py",
        "if order is None or not (caller.is_admin or (order.owner is not None and order.owner == caller.owner)):",
        "if order is None:",
        f"{_MOVES}::TestWhose::test_foreign_and_missing_are_the_same_bytes[/imports]",
    ),
    Mutant(
        "export: its owner's",
        "chalicelib/transfers.py",
        "if order is None or not (caller.is_admin or order.asked_by == order.owner == caller.owner):",
        "if order is None:",
        f"{_MOVES}::TestWhose::test_foreign_and_missing_are_the_same_bytes[/exports]",
    ),
    Mutant(
        "export: of others' links, to no lesser key of an admin's",
        "chalicelib/transfers.py",
        "order.asked_by == order.owner == caller.owner",
        "order.asked_by == caller.owner",
        f"{_MOVES}::TestWhose::test_an_export_of_others_is_for_admins[*]",
    ),
    Mutant(
        "export: asked for by an admin, not to whose links they are",
        "chalicelib/transfers.py",
        "order.asked_by == order.owner == caller.owner",
        "order.owner == caller.owner",
        f"{_MOVES}::TestWhose::test_an_export_of_others_is_for_admins[ann]",
    ),
    Mutant(
        "export: admins alone ask for others' links",
        "chalicelib/transfers.py",
        '        caller.require("admin")\n    transfer_table',
        '        caller.require("read")\n    transfer_table',
        f"{_MOVES}::TestAsking::test_links_of_others_are_an_admins_to_export",
    ),
    Mutant(
        "export: of the owner's links",
        "chalicelib/export_links.py",
        "link_table.all_links() if order.owner == EVERYONE else link_table.links_of(order.owner)",
        "link_table.all_links()",
        f"{_MOVES}::TestExports::test_when_it_is_over_there_is_a_file",
    ),
    Mutant(
        "export: what is over is not written again",
        "chalicelib/export_links.py",
        "    if order is None or order.ended:\n",
        "    if order is None:\n",
        f"{_MOVES}::TestExports::test_done_again_it_is_as_it_was",
    ),
    Mutant(
        "export: no cell is a formula",
        "chalicelib/core/exported.py",
        "return csv_rows.line([_cell(name, value) for name, value in exported.items()])",
        'return ",".join(str(_cell(name, value)) for name, value in exported.items()) + "\\r\\n"',
        f"{_MOVES}::TestExports::test_no_cell_is_a_formula",
    ),
    Mutant(
        "import: of an export the marks before formulas are taken off",
        "chalicelib/core/formats.py",
        "csv_rows.plain(cell) if self.has_marks else cell",
        "cell",
        f"{_MOVES}::TestExports::test_no_cell_is_a_formula",
    ),
    Mutant(
        "what can be no import is not asked for",
        "chalicelib/transfers.py",
        "transfer_table.find_import(import_id, now) if is_id(import_id) else None",
        "transfer_table.find_import(import_id, now)",
        f"{_GUARDS}::TestKeys::test_what_can_be_no_name_costs_no_read[import]",
    ),
    Mutant(
        "what can be no export is not asked for",
        "chalicelib/transfers.py",
        "transfer_table.find_export(export_id, now) if is_id(export_id) else None",
        "transfer_table.find_export(export_id, now)",
        f"{_GUARDS}::TestKeys::test_what_can_be_no_name_costs_no_read[export]",
    ),
    Mutant(
        "imports and exports: not without a bucket",
        "chalicelib/transfers.py",
        "if not settings.files_bucket:",
        "if settings.files_bucket is None:",
        f"{_MOVES}::TestAsking::test_without_a_bucket_nothing_is_moved",
    ),
    Mutant(
        "imports and exports: not after their time",
        "chalicelib/aws/transfer_table.py",
        'if item is None or int(item["expiresAt"]["N"]) < int(now.timestamp()):  # TTL deletes late',
        "if item is None:",
        f"{_MOVES}::test_after_its_time_it_is_gone",
    ),
    Mutant(
        "imports and exports: how they ended first",
        "chalicelib/aws/transfer_table.py",
        '_update(item_id, changes, "attribute_exists(id) AND attribute_not_exists(ended)")',
        '_update(item_id, changes, "attribute_exists(id)")',
        f"{_MOVES}::TestImports::test_how_it_ended_is_how_it_ended",
    ),
    Mutant(
        "upload: how large a file may be",
        "chalicelib/aws/file_links.py",
        '[{"bucket": settings.files_bucket}, ["content-length-range", 1, most]]',
        '[{"bucket": settings.files_bucket}]',
        f"{_MOVES}::TestAsking::test_a_form_says_where_the_file_goes",
    ),
    Mutant(
        "upload: into which bucket",
        "chalicelib/aws/file_links.py",
        '[{"bucket": settings.files_bucket}, ["content-length-range", 1, most]]',
        '[["content-length-range", 1, most]]',
        f"{_MOVES}::TestAsking::test_a_form_says_where_the_file_goes",
    ),
    Mutant(
        "upload: no other field than what was signed",
        "chalicelib/aws/presigned.py",
        "[*({name: value} for name, value in sent.items()), *conditions]",
        "[*conditions]",
        f"{_MOVES}::TestAsking::test_a_form_says_where_the_file_goes",
    ),
    Mutant(
        "import: no file that is too large",
        "chalicelib/import_links.py",
        "if file.size > upload.MAX_BYTES:",
        "if file.size < 0:",
        f"{_MOVES}::TestImports::test_what_is_too_large_fails_unread",
    ),
    Mutant(
        "import: the version that came first",
        "chalicelib/aws/transfer_table.py",
        '"attribute_exists(id) AND (attribute_not_exists(fileVersion) OR fileVersion = :fileVersion)"',
        '"attribute_exists(id)"',
        f"{_MOVES}::TestImports::test_a_second_file_is_none_of_it",
    ),
    Mutant(
        "import: from where it is, and by one",
        "chalicelib/aws/transfer_table.py",
        'condition += "rowsDone = :seen" if before.rows else "(attribute_not_exists(rowsDone) OR rowsDone = :seen)"',
        'condition += "(attribute_exists(id) OR rowsDone = :seen)"',
        f"{_MOVES}::TestImports::test_of_two_at_the_same_rows_one_is_overtaken",
    ),
    Mutant(
        "import: a row that was done is known by its id",
        "chalicelib/import_links.py",
        "self.file.row_id(settings.files_bucket, number)",
        "str(time.monotonic())",
        f"{_MOVES}::TestImports::test_who_goes_on_finds_rows_that_were_done",
    ),
    Mutant(
        "import: a row without a code gets the same each time",
        "chalicelib/import_links.py",
        'f"{draw} {wish}".encode()',
        'f"{draw} {wish} {time.monotonic()}".encode()',
        f"{_MOVES}::TestImports::test_done_again_it_is_as_it_was",
    ),
    Mutant(
        "import: why a link is blocked only admins say",
        "chalicelib/import_links.py",
        "wanted if self.order.is_trusted else wanted.untrusted()",
        "wanted",
        f"{_MOVES}::TestImports::test_why_a_link_is_blocked_only_admins_say",
    ),
    Mutant(
        "import: a link without its password is not the same",
        "chalicelib/import_links.py",
        "link.password_digest is None,\n    )",
        "holder.password_digest is None,\n    )",
        f"{_MOVES}::TestImports::test_an_open_link_is_not_the_one_with_a_password",
    ),
    Mutant(
        "import: what is somebody else's was not there already",
        "chalicelib/import_links.py",
        "(holder.owner, holder.url, holder.password_digest is None) == (\n        link.owner,",
        "(link.owner, holder.url, holder.password_digest is None) == (\n        link.owner,",
        f"{_MOVES}::TestImports::test_a_code_that_is_taken",
    ),
    Mutant(
        "blocked hosts: no imported link",
        "chalicelib/import_links.py",
        "            block.refuse_among(self.blocked, wanted.wanted.targets)\n",
        "",
        f"{_MOVES}::TestImports::test_no_link_leads_to_a_blocked_host",
    ),
)


def main() -> None:
    """Try the mutants whose names contain the argument, or all; exit with 1 unless every one is killed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the copies go, too
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [mutant for mutant in MUTANTS if part in mutant.name]
    if not chosen:
        sys.exit(f"No mutant has {part!r} in its name.")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        whole = Path(folder) / "whole"
        _copy(ROOT, whole)
        if outdated := [f"{mutant.name}: {why}" for mutant in chosen if (why := why_outdated(mutant, whole))]:
            sys.exit("\n".join(["The table of dev/mutants.py is out of date.", *outdated]))
        _check_whole(whole, chosen)
        outcomes = _try_all(whole, chosen)
    survivors = [mutant.name for mutant, outcome in zip(chosen, outcomes, strict=True) if outcome.verdict != "killed"]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} guards are missed by a test when they are gone.")
    if survivors:
        sys.exit("Nobody misses: " + "; ".join(survivors))


def why_outdated(mutant: Mutant, root: Path) -> str | None:
    """Return in a sentence why a mutant cannot be made of the project in ``root``, or None."""
    times = (root / mutant.file).read_text("utf-8").count(mutant.old)
    if times != 1:
        return f"in {mutant.file} its old text stands {times} times, not once."
    return "its old and its new text are the same." if mutant.old == mutant.new else None


def mutated(mutant: Mutant, root: Path) -> str:
    """Return the file of ``mutant`` in ``root`` without its guard."""
    return (root / mutant.file).read_text("utf-8").replace(mutant.old, mutant.new)


def _check_whole(whole: Path, chosen: Sequence[Mutant]) -> None:
    """Exit where the tests fail anyway: then their failing would show nothing."""
    print("Before: every test passes while all guards are there ...", flush=True)
    status, told = _tested(whole, sorted({mutant.tests for mutant in chosen}), _ALL_LONGEST)
    if status != 0:
        sys.exit(f"{told}\nThe tests fail as it is; what they would miss cannot be told.")


def _try_all(whole: Path, chosen: Sequence[Mutant]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for number, outcome in enumerate(pool.map(lambda mutant: _tried(whole, mutant), chosen)):
                outcomes.append(outcome)
                place = f"{number + 1:{len(str(len(chosen)))}}/{len(chosen)}"
                print(f"{place}  {outcome.verdict:8} {outcome.seconds:5.1f} s  {chosen[number].name}", flush=True)
                if outcome.verdict == "unclear":
                    print(outcome.told, flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            sys.exit("\nStopped.")
    return outcomes


def _tried(whole: Path, mutant: Mutant) -> Outcome:
    """Take the guard away in a copy of its own, and run the tests that should notice."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=whole.parent) as folder:
        copy = Path(folder) / "project"
        _copy(whole, copy)
        (copy / mutant.file).write_text(mutated(mutant, whole), "utf-8")
        status, told = _tested(copy, [mutant.tests], _LONGEST)
    # What fails while a test is being prepared, a store that does not start for one, is an error and no failure.
    failed = status == _A_TEST_FAILED and re.search(r"^FAILED ", told, re.MULTILINE)
    verdict: Literal["killed", "survived", "unclear"] = "killed" if failed else "survived" if status == 0 else "unclear"
    return Outcome(verdict, time.monotonic() - started, told)


def _tested(project: Path, tests: Sequence[str], longest: int) -> tuple[int, str]:
    """Run ``tests`` in ``project``, ``longest`` seconds at the most; return pytest's status and its last words."""
    python = ROOT / ".venv" / "bin" / "python"
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={project}.tmp"]
    running = subprocess.Popen(
        [python, "-m", "pytest", *options, *tests],
        cwd=project,
        # Compiled files are told apart by size and second: a guard could be gone and still be run.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "REQUIRE_ALL": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = running.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGINT)
        said = _last_words_of(running) + f"\nStopped after {longest} seconds."
        return -1, said[-2000:]
    return running.returncode, said[-2000:]


def _last_words_of(running: subprocess.Popen[str]) -> str:
    try:
        return running.communicate(timeout=_CLEANING_UP)[0]
    except subprocess.TimeoutExpired:
        running.kill()
        return running.communicate()[0]


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    for name in _COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=_NOT_COPIED)
        else:
            shutil.copy(source / name, target)


if __name__ == "__main__":
    main()
