"""Links of several domains, and what each domain may and does."""

from __future__ import annotations

from dev.mutants.mutant import Mutant

_TESTS = "tests/api/test_several_domains.py"
_FOLLOW = f"{_TESTS}::TestFollow"
_NO_LINK = f"{_TESTS}::TestNoLink"
_MANAGE = f"{_TESTS}::TestManage"
_DOMAINS = f"{_TESTS}::TestDomains"
_STATISTICS = f"{_TESTS}::TestStatistics"
_CELL = "tests/api/test_access.py::test_caller_gets_the_expected_status"
_USE = "chalicelib/usecases/domains.py"

MUTANTS = (
    # Who may use which.
    Mutant(
        "domain: links are made where the workspace may",
        "chalicelib/usecases/create_link.py",
        "    domains.require_use(new_link.domain, caller, now)\n",
        "",
        f"{_DOMAINS}::test_who_may_make_links_where",
    ),
    Mutant(
        "domain: a dry run tells where the workspace may make none",
        "chalicelib/usecases/create_links.py",
        "        domains.require_use(new_link.domain, caller, now)\n",
        "",
        f"{_MANAGE}::test_bulk_rows_name_their_domains",
    ),
    Mutant(
        "domain: a link is accepted where the workspace may",
        "chalicelib/usecases/move_link.py",
        "        domains.require_open(settings.domains.of(found.link_id), found.to, now)\n",
        "",
        f"{_MANAGE}::test_link_moves_with_its_domain",
    ),
    Mutant(
        "domain: nobody without a workspace makes links at one",
        "chalicelib/core/access/domain_settings.py",
        "workspace is not None and not",
        "not",
        f"{_DOMAINS}::test_who_may_make_links_where",
    ),
    Mutant(
        "domain: one that may not be used is not there",
        _USE,
        "if domain is None or not is_usable_by(domain, caller, now):",
        "if domain is None:",
        f"{_DOMAINS}::test_who_sees_which",
    ),
    Mutant(
        "domain: only administrators see which workspaces",
        _USE,
        "    if not caller.is_admin:\n        shown",
        "    if not shown:\n        shown",
        f"{_DOMAINS}::test_who_sees_which",
    ),
    Mutant(
        "domain: only administrators change one",
        "chalicelib/api/domains.py",
        'auth.caller_of(request, "admin", moment)',
        'auth.caller_of(request, "read", moment)',
        f"{_CELL}[/v1/domains/{{host}}-PATCH-viewer]",
    ),
    Mutant(
        "domain: the scope to read shows one",
        "chalicelib/api/domains.py",
        'caller = auth.caller_of(request, "read", moment)\n    return',
        "caller = auth.caller_of(request, None, moment)\n    return",
        f"{_CELL}[/v1/domains/{{host}}-GET-create alone]",
    ),
    Mutant(
        "domain: visits of no link are for workspaces that may use it",
        "chalicelib/api/statistics.py",
        "domains.is_usable_by(domain, caller, now) if domain.space",
        "True if domain.space",
        f"{_STATISTICS}::test_what_is_no_link_is_counted_by_domain",
    ),
    # Hosts.
    Mutant(
        "domain: a retired host answers nothing",
        "chalicelib/api/application.py",
        "if requests.domain_of(event).is_retired:",
        "if not event:",
        f"{_FOLLOW}::test_retired_host_answers_404",
    ),
    Mutant(
        "domain: a retired host has nothing from the cache",
        "chalicelib/api/redirect.py",
        "if domain.is_retired or not link_cache",
        "if not link_cache",
        f"{_TESTS}::TestWithoutDomains::test_redirects_own_function_reads_the_host",
    ),
    Mutant(
        "domain: the API is at the default one alone",
        "chalicelib/api/application.py",
        "if requests.domain_of(request.to_original_event()).space:",
        "if request is None:",
        f"{_NO_LINK}::test_api_is_at_the_default_domain_alone",
    ),
    Mutant(
        "domain: no link leads to one of this service",
        "chalicelib/settings.py",
        "own_hosts=own_hosts | {host} | domains.listed.keys(),",
        "own_hosts=own_hosts | {host},",
        "tests/test_settings.py",
    ),
    Mutant(
        "domain: one host of a space may not ignore case alone",
        "chalicelib/core/domains.py",
        "if len({each.any_case for each in listed.values() if each.space == space and not each.is_retired}) > 1:",
        "if not space and len(listed) > 1_000:",
        "tests/core/test_domains.py",
    ),
    # Links.
    Mutant(
        "domain: codes that ignore case are stored in lower case",
        "chalicelib/core/domains.py",
        "return code.lower() if self.any_case and code.isascii() else code",
        "return code",
        f"{_FOLLOW}::test_codes_of_a_domain_may_ignore_case",
    ),
    Mutant(
        "domain: the version of a link is not another's",
        "chalicelib/core/links/link.py",
        'in_space = f".{self.space}" if self.space else ""',
        'in_space = ""',
        f"{_MANAGE}::test_etag_is_of_one_domain",
    ),
    Mutant(
        "domain: an existing link is at the same one",
        "chalicelib/core/links/find_existing.py",
        "        and link.space == request.space\n",
        "",
        "tests/core/links/test_domain_of_existing.py",
    ),
    Mutant(
        "domain: the claim of a URL is a space's",
        "chalicelib/core/links/find_existing.py",
        "*((request.space,) if request.space else ())",
        "*()",
        "tests/core/links/test_domain_of_existing.py",
    ),
    Mutant(
        "domain: lists are of the one that is named",
        "chalicelib/usecases/list_links.py",
        "return is_in and (not self.tag",
        "return (not self.tag",
        f"{_MANAGE}::test_lists_can_be_of_one_domain",
    ),
    Mutant(
        "domain: visits count for the owner's links there",
        "chalicelib/core/visits/counters.py",
        "(owner_subject(owner), owner_subject(owner, space)) if space else (owner_subject(owner),)",
        "(owner_subject(owner),)",
        f"{_STATISTICS}::test_each_domain_has_its_visits",
    ),
    Mutant(
        "domain: a corrected day corrects the owner's there",
        "chalicelib/aws/dynamodb/click_store.py",
        "for subject in counters.owner_subjects(owner, link.subject)",
        "for subject in counters.owner_subjects(owner, '')",
        "tests/api/test_moved_links.py::test_each_owner_has_its_share",
    ),
    Mutant(
        "domain: unknown codes of each have a maximum",
        "chalicelib/usecases/record_clicks.py",
        "counts.get(CounterKey(click.link_id, click.day), Counts())",
        'counts.get(CounterKey("?unknown", click.day), Counts())',
        f"{_STATISTICS}::test_unknown_codes_of_each_domain_have_a_maximum",
    ),
    Mutant(
        "domain: an outage of its settings is waited for once",
        "chalicelib/usecases/domain_settings.py",
        "        _table.trip(now)\n",
        "        pass\n",
        f"{_NO_LINK}::test_outage_of_settings_stops_no_answer",
    ),
)
