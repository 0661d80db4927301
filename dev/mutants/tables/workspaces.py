"""What a workspace may do, and what it must not see of another."""

from __future__ import annotations

from dev.mutants.mutant import Mutant

_TESTS = "tests/api/test_workspaces.py"
_KEYS = f"{_TESTS}::TestKeysOfAWorkspace"
_SETTINGS = f"{_TESTS}::TestSettings"
_OFFERS = f"{_TESTS}::TestOffers"
_ADOPTION = f"{_TESTS}::TestAdoption"
_LOG = f"{_TESTS}::TestAuditLog"
_CELL = "tests/api/test_access.py::test_caller_gets_the_expected_status"
_MANAGE_KEYS = "chalicelib/usecases/manage_keys.py"
_MOVE = "chalicelib/usecases/move_link.py"
_WORKSPACES = "chalicelib/usecases/workspaces.py"

MUTANTS = (
    # Roles.
    Mutant(
        "role: a viewer only reads",
        "chalicelib/core/access/roles.py",
        '"viewer": ("read",)',
        '"viewer": ("read", "manage")',
        "tests/core/test_roles.py::test_each_role_has_these_scopes",
    ),
    Mutant(
        "role: no admin of a workspace is one of the installation",
        "chalicelib/core/access/roles.py",
        '"manage", "keys", "settings"),',
        '"manage", "keys", "settings", INSTALLATION),',
        f"{_KEYS}::test_no_role_reaches_beyond_its_workspace",
    ),
    Mutant(
        "scope in another workspace",
        "chalicelib/core/access/caller.py",
        "            self.require(INSTALLATION)\n",
        "            pass\n",
        f"{_KEYS}::test_no_key_is_made_for_another_workspace",
    ),
    # Keys.
    Mutant(
        "key: made for the own workspace",
        _MANAGE_KEYS,
        "    caller.require_workspace(new_key.owner)\n",
        "",
        f"{_KEYS}::test_no_key_is_made_for_another_workspace",
    ),
    Mutant(
        "key: no scope that its maker lacks",
        _MANAGE_KEYS,
        "        caller.require(scope)\n",
        "        pass\n",
        f"{_KEYS}::test_no_key_gives_what_it_has_not",
    ),
    Mutant(
        "key: a workspace has a maximum of them",
        _MANAGE_KEYS,
        "            raise TooManyKeys(most)\n",
        "            pass\n",
        f"{_KEYS}::test_workspace_has_a_maximum_of_keys",
    ),
    Mutant(
        "key: those that ended do not count",
        _MANAGE_KEYS,
        "sum(not key.has_ended(now) for key",
        "sum(1 for key",
        f"{_KEYS}::test_workspace_has_a_maximum_of_keys",
    ),
    Mutant(
        "key: a list is of the own workspace",
        _MANAGE_KEYS,
        "key_store.all_keys(owner if caller.is_admin else caller.workspace)",
        "key_store.all_keys(owner)",
        f"{_KEYS}::test_list_has_the_keys_of_the_workspace",
    ),
    Mutant(
        "key: one of another workspace is not revoked",
        _MANAGE_KEYS,
        "if key is None or not (caller.is_admin or key.owner == caller.workspace):",
        "if key is None:",
        f"{_KEYS}::test_foreign_and_missing_keys_look_the_same",
    ),
    Mutant(
        "key: one of the installation is not revoked by a workspace",
        _MANAGE_KEYS,
        "        caller.require(roles.INSTALLATION)\n",
        "        pass\n",
        f"{_KEYS}::test_key_of_the_installation_is_not_the_workspaces",
    ),
    Mutant(
        "key: only those of one person end together",
        _MANAGE_KEYS,
        "if key.person == person and key.id",
        "if key.id",
        f"{_KEYS}::test_keys_of_someone_who_leaves_end",
    ),
    Mutant(
        "key: one made a moment ago ends too",
        _MANAGE_KEYS,
        "if was_empty and not left:",
        "if not left:",
        f"{_KEYS}::test_key_made_a_moment_ago_ends_too",
    ),
    Mutant(
        "key: without a person none are ended",
        "chalicelib/api/keys.py",
        'if not query.get("person"):',
        "if not query:",
        f"{_KEYS}::test_keys_of_no_one_are_not_ended",
    ),
    Mutant(
        "key: ending those of a person takes the scope",
        "chalicelib/api/keys.py",
        'auth.caller_of(request, "keys", moment, ("person", "owner"))',
        'auth.caller_of(request, None, moment, ("person", "owner"))',
        f"{_CELL}[/v1/keys-DELETE-viewer]",
    ),
    # Settings.
    Mutant(
        "workspace: limits are the installation's",
        _WORKSPACES,
        "    if changes.raises_limits:\n        caller.require(INSTALLATION)\n",
        "",
        f"{_SETTINGS}::test_no_workspace_raises_its_own_limits",
    ),
    Mutant(
        "workspace: another's is not changed",
        _WORKSPACES,
        "    caller.require_workspace(workspace_id)\n    if changes",
        "    if changes",
        f"{_CELL}[/v1/workspaces/{{workspace}}-PATCH-admin of another workspace]",
    ),
    Mutant(
        "workspace: another's is not shown",
        _WORKSPACES,
        "    caller.require_workspace(workspace_id)\n    return",
        "    return",
        f"{_CELL}[/v1/workspaces/{{workspace}}-GET-admin of another workspace]",
    ),
    Mutant(
        "workspace: changing it takes the scope",
        "chalicelib/api/workspaces.py",
        'auth.caller_of(request, "settings", moment)',
        "auth.caller_of(request, None, moment)",
        f"{_CELL}[/v1/workspaces/{{workspace}}-PATCH-editor]",
    ),
    Mutant(
        "workspace: the list is the installation's",
        "chalicelib/api/workspaces.py",
        'auth.caller_of(request, "admin", clock.now())',
        'auth.caller_of(request, "settings", clock.now())',
        f"{_CELL}[/v1/workspaces-GET-admin of the workspace]",
    ),
    Mutant(
        "workspace: a default gives way to what excludes it",
        "chalicelib/core/access/workspace.py",
        "and has.isdisjoint(DEFAULTS[name].excluded_by)",
        "",
        f"{_SETTINGS}::test_new_links_have_the_defaults",
    ),
    Mutant(
        "workspace: a concurrent change is not overwritten",
        "chalicelib/aws/dynamodb/workspace_store.py",
        '"version = :seen" if before.version else',
        '"version >= :seen" if before.version else',
        f"{_SETTINGS}::test_changes_at_the_same_time_are_all_kept",
    ),
    # Offers and adoption.
    Mutant(
        "offer: only of a link that one manages",
        _MOVE,
        "    link = find_link.find(new_offer.link, caller)\n",
        "    link = link_store.find_now(new_offer.link) or find_link.find(new_offer.link, caller)\n",
        f"{_CELL}[/v1/offers-POST-admin of another workspace]",
    ),
    Mutant(
        "offer: offering takes the scope to manage",
        "chalicelib/api/offers.py",
        'caller = auth.caller_of(request, "manage", moment)\n    made',
        'caller = auth.caller_of(request, "read", moment)\n    made',
        f"{_CELL}[/v1/offers-POST-viewer]",
    ),
    Mutant(
        "offer: accepting takes the scope to manage",
        "chalicelib/api/offers.py",
        'move_link.accept(code, auth.caller_of(request, "manage", moment), moment)',
        'move_link.accept(code, auth.caller_of(request, "read", moment), moment)',
        f"{_CELL}[/v1/offers/{{code}}/accept-POST-viewer]",
    ),
    Mutant(
        "offer: ending one takes the scope to manage",
        "chalicelib/api/offers.py",
        'move_link.end_offer(code, auth.caller_of(request, "manage", moment), moment)',
        'move_link.end_offer(code, auth.caller_of(request, "read", moment), moment)',
        f"{_CELL}[/v1/offers/{{code}}-DELETE-viewer]",
    ),
    Mutant(
        "offer: accepted by the workspace it was made to",
        _MOVE,
        "if found is None or not (caller.is_admin or caller.workspace == found.to):",
        "if found is None:",
        f"{_OFFERS}::test_only_the_workspace_it_was_offered_to_accepts",
    ),
    Mutant(
        "offer: ended by one of the two sides",
        _MOVE,
        "if found is None or not (caller.is_admin or caller.workspace in {found.of, found.to}):",
        "if found is None:",
        f"{_OFFERS}::test_only_the_workspace_it_was_offered_to_accepts",
    ),
    Mutant(
        "offer: void once the link is another's",
        _MOVE,
        "if link is None or link.owner != found.of:",
        "if link is None:",
        f"{_OFFERS}::test_offer_of_the_owner_before_is_void",
    ),
    Mutant(
        "offer: it ends in the same transaction",
        _MOVE,
        "alongside = [offer_store.removal(found), *sent, *received]",
        "alongside = [*sent, *received]",
        f"{_OFFERS}::test_offer_that_is_withdrawn_meanwhile_is_not_accepted",
    ),
    Mutant(
        "offer: it expires",
        "chalicelib/aws/dynamodb/offer_store.py",
        "return None if offer is None or offer.expires_at <= now else offer",
        "return offer",
        f"{_OFFERS}::test_offer_expires",
    ),
    Mutant(
        "offer: a list leaves out expired ones",
        "chalicelib/aws/dynamodb/offer_store.py",
        "[offer for offer in found if offer.expires_at > now]",
        "list(found)",
        f"{_OFFERS}::test_offer_expires",
    ),
    Mutant(
        "offer: a list is of one workspace",
        "chalicelib/aws/dynamodb/offer_store.py",
        '"#from = :workspace OR #to = :workspace"',
        '"#from = :workspace OR #to = :workspace OR attribute_exists(id)"',
        f"{_OFFERS}::test_only_the_workspace_it_was_offered_to_accepts",
    ),
    Mutant(
        "move: the externalId is released",
        _MOVE,
        "        actions += [claim.release() for claim in find_link.held_claims(link, now)]\n",
        "",
        f"{_OFFERS}::test_accepted_link_moves",
    ),
    Mutant(
        "move: the externalId is claimed",
        _MOVE,
        "find_link.claiming(after, find_link.claims_for(after, now), write)",
        "find_link.claiming(after, [], write)",
        f"{_OFFERS}::test_external_id_that_is_taken_stops_it",
    ),
    Mutant(
        "move: it is marked in the workspace before",
        _MOVE,
        "is_moved=True",
        "is_moved=False",
        f"{_OFFERS}::test_statistics_show_a_link_that_moved_without_its_code",
    ),
    Mutant(
        "move: the mark goes when it comes back",
        _MOVE,
        "if moved_store.moved_of(self.to, [link.code]):",
        "if not self.to:",
        f"{_OFFERS}::test_link_that_came_back_is_at_home",
    ),
    Mutant(
        "move: the cache of this container shows the new owner",
        _MOVE,
        "        link_cache.put(after, now)\n",
        "",
        f"{_OFFERS}::test_visits_count_for_the_owner_that_the_cache_shows",
    ),
    Mutant(
        "move: a link that has moved is not lost",
        "chalicelib/usecases/create_link.py",
        'return link.owner != document["owner"] and link.moved_at is None',
        'return link.owner != document["owner"]',
        f"{_OFFERS}::test_replayed_creation_makes_no_second_link",
    ),
    Mutant(
        "adoption: the manage key ends",
        _MOVE,
        "owner=self.to, manage_digest=None, moved_at=now",
        "owner=self.to, moved_at=now",
        f"{_ADOPTION}::test_it_ends_the_manage_key",
    ),
    Mutant(
        "adoption: by the key to that link",
        _MOVE,
        "        link = find_link.find(code, holder)\n",
        "        link = link or find_link.find(code, holder)\n",
        f"{_ADOPTION}::test_key_to_another_link_opens_nothing",
    ),
    Mutant(
        "adoption: it takes the scope to manage",
        "chalicelib/api/offers.py",
        'caller = auth.caller_of(request, "manage", moment)\n    text',
        'caller = auth.caller_of(request, "read", moment)\n    text',
        f"{_CELL}[/v1/links/{{code}}/adopt-POST-viewer]",
    ),
    # The log.
    Mutant(
        "log: the installation's is not a workspace's",
        "chalicelib/api/audit_log.py",
        '        caller.require("admin")\n',
        "        pass\n",
        f"{_LOG}::test_logs_of_others_are_for_the_installation",
    ),
    Mutant(
        "log: reading it takes the scope",
        "chalicelib/api/audit_log.py",
        'auth.caller_of(request, "settings", clock.now()',
        'auth.caller_of(request, "read", clock.now()',
        f"{_CELL}[/v1/audit-log-GET-viewer]",
    ),
    Mutant(
        "log: a cursor is of one log",
        "chalicelib/usecases/read_audit_log.py",
        'else f"log of {workspace}"',
        'else "log"',
        f"{_LOG}::test_pages_are_the_whole",
    ),
    Mutant(
        "log: a repeated revocation is not in it",
        "chalicelib/aws/dynamodb/key_store.py",
        " AND attribute_not_exists(revokedAt)",
        "",
        f"{_LOG}::test_repeated_revocation_is_one_entry",
    ),
)
