"""The tools in dev/: the local AWS and deployment."""

from __future__ import annotations

from dev.mutants.mutant import Mutant

_KEPT = "tests/dev/local/test_kept_aws.py"
_LOCK = "tests/dev/deploy/test_lock.py"
_DOMAINS = "tests/dev/deploy/test_domain_changes.py"
_CHANGES = "tests/dev/deploy/test_change_sets.py"
_VALIDATE = "tests/dev/deploy/test_validate.py"
_VERSIONS = "tests/dev/deploy/test_versions.py"

MUTANTS = (
    # The state of the local AWS.
    Mutant(
        "local AWS: changes are saved while it runs",
        "dev/local/kept_aws.py",
        "await asyncio.to_thread(self._journal.write, entries, prune)",
        "pass",
        f"{_KEPT}::test_a_kill_loses_nothing_older_than_two_seconds",
    ),
    Mutant(
        "local AWS: a recreated table is a new one",
        "dev/local/kept_aws.py",
        """f"{table['TableArn']} {table.get('TableId', '')}\"""",
        """f"{table['TableArn']}\"""",
        f"{_KEPT}::test_a_kill_loses_nothing_older_than_two_seconds",
    ),
    Mutant(
        "local AWS: messages in flight can be received after a restart",
        "dev/local/kept_aws.py",
        'min(message["visible_at"], now)',
        'message["visible_at"]',
        f"{_KEPT}::test_a_kill_loses_nothing_older_than_two_seconds",
    ),
    Mutant(
        "local AWS: an unreadable file stops the start",
        "dev/local/kept_aws.py",
        "if snapshot is None and file.exists():",
        "if snapshot is None and not file:",
        f"{_KEPT}::test_a_damaged_file_is_neither_ignored_nor_overwritten",
    ),
    Mutant(
        "journal: a later snapshot replaces all entries",
        "dev/local/journal.py",
        "if known != (digest,):",
        "if known is None:",
        "tests/dev/local/test_journal.py::test_a_later_snapshot_replaces_all_entries",
    ),
    # Finding the local AWS, and showing keys.
    Mutant(
        "local AWS: a lock file alone is not trusted",
        "dev/local/local_aws.py",
        "    return None  # it has ended: another one responds there",
        "    return int(port)",
        "tests/dev/deploy/test_stages.py::test_a_lock_file_alone_is_not_trusted",
    ),
    Mutant(
        "local AWS: profile and region of the shell are ignored",
        "dev/local/local_aws.py",
        "        del os.environ[name]",
        "        pass",
        "tests/dev/deploy/test_stages.py::test_aws_settings_of_the_shell_are_ignored",
    ),
    Mutant(
        "make run: keys are not written to logs",
        "dev/local/run.py",
        "keys.create_first() if sys.stdout.isatty() else None",
        "keys.create_first()",
        "tests/dev/admin/test_keys.py::test_a_log_gets_no_key",
    ),
    Mutant(
        "make run: the first key is created once",
        "dev/admin/keys.py",
        "if key_store.all_keys():",
        "if not key_store:",
        "tests/dev/admin/test_keys.py::test_the_first_start_shows_a_key",
    ),
    # The account's quota.
    Mutant(
        "release: a replacement is refused",
        "dev/deploy/change_sets.py",
        'if resource["Replacement"] == "True" else ""',
        'if resource["Replacement"] == "Never" else ""',
        f"{_CHANGES}::test_removal_and_replacement_are_losses",
    ),
    Mutant(
        "release: another key of a table is refused",
        "dev/deploy/change_sets.py",
        '("TableName", "KeySchema", "LocalSecondaryIndexes")], types',
        '("TableName", "KeySchema", "LocalSecondaryIndexes")], []',
        f"{_CHANGES}::test_another_name_or_key_is_a_loss",
    ),
    Mutant(
        "release: only what is named may go",
        "dev/deploy/change_sets.py",
        "if name not in may_go:",
        "if not may_go:",
        f"{_CHANGES}::test_named_override_lets_only_that_go",
    ),
    # Where the hosts of a stack lead.
    Mutant(
        "domains: a host keeps its space",
        "dev/deploy/domain_changes.py",
        "if becomes.space == was.space:",
        "if True:",
        f"{_DOMAINS}::test_a_host_does_not_move_away_from_its_links",
    ),
    Mutant(
        "domains: the host of BaseUrl is one of the default's",
        "dev/deploy/domain_changes.py",
        "if elsewhere in becomes:",
        "if not becomes:",
        f"{_DOMAINS}::test_the_host_of_base_url_does_not_move_either",
    ),
    Mutant(
        "domains: a space stays as it treats case",
        "dev/deploy/domain_changes.py",
        "return any(each.any_case for each in hosts.values() if each.space == space)",
        "return not hosts",
        f"{_DOMAINS}::test_a_space_with_links_stays_as_it_treats_case",
    ),
    Mutant(
        "domains: a host with links is not removed",
        "dev/deploy/domain_changes.py",
        'return "" if was.is_retired else',
        'return "" if was.host else',
        f"{_DOMAINS}::test_a_host_with_links_is_retired_and_not_removed",
    ),
    Mutant(
        "domains: only what is named may lose links",
        "dev/deploy/domain_changes.py",
        "if how and Host(host).logical_id not in may_go and has_links(domain.space):",
        "if how and not may_go and has_links(domain.space):",
        f"{_DOMAINS}::test_a_host_does_not_move_away_from_its_links",
    ),
    Mutant(
        "domains: links of spaces are none of the default's",
        "dev/deploy/domain_changes.py",
        "attribute_exists(originalUrl) AND NOT begins_with(code, :of_a_space)",
        "attribute_exists(originalUrl) AND code <> :of_a_space",
        f"{_DOMAINS}::test_links_are_looked_for_in_their_space",
    ),
    Mutant(
        "domains: code in use tells hosts apart",
        "dev/deploy/release.py",
        "wrong += self._wrong_codes(bucket, _WITH_DOMAINS, running, back if is_asked else _NO_CODE)",
        "wrong += self._wrong_codes(bucket, _WITH_DOMAINS, _NO_CODE, back if is_asked else _NO_CODE)",
        f"{_DOMAINS}::test_code_that_ignores_hosts_gets_no_domains_of_their_own",
    ),
    Mutant(
        "domains: there is a way back",
        "dev/deploy/release.py",
        "elif self._is_wanted(back) and not self._reads(bucket, back, needed.reads):",
        "elif not back:",
        f"{_DOMAINS}::test_domains_of_their_own_wait_for_a_way_back",
    ),
    Mutant(
        "domains: rollback brings back what tells hosts apart",
        "dev/deploy/release.py",
        "if (listed := domain_changes.setting(before.template)) and not self._reads(bucket, back, stack.SPACES):",
        "if (listed := domain_changes.setting(before.template)) and not back:",
        f"{_DOMAINS}::test_domains_of_their_own_wait_for_a_way_back",
    ),
    Mutant(
        "domains: a note says what code reads",
        "dev/deploy/stack.py",
        'return found["Metadata"].items() >= what.items()',
        'return bool(found["Metadata"]) or True',
        f"{_DOMAINS}::test_what_code_reads_is_noted_beside_it",
    ),
    Mutant(
        "domains: the local server looks at the host",
        "dev/local/chalice_local.py",
        'without_port(event["headers"].get("host", ""))',
        '""',
        "tests/dev/local/test_local_domains.py::test_the_host_is_where_api_gateway_has_it",
    ),
    Mutant(
        "quotas: deploy.json comes first",
        "dev/deploy/quotas.py",
        "parameters = {**_limits(quota), **parameters}",
        "parameters = {**parameters, **_limits(quota)}",
        "tests/dev/deploy/test_quotas.py::test_deploy_json_comes_first",
    ),
    Mutant(
        "quotas: the throttle is never above its default",
        "dev/deploy/quotas.py",
        "min(_REQUESTS_PER_SECOND, quota.requests_per_second)",
        "quota.requests_per_second",
        "tests/dev/deploy/test_quotas.py::test_the_throttle_follows_the_quota",
    ),
    # Packages.
    Mutant(
        "audit: unchecked packages are looked up in older advisories",
        "dev/deploy/audit.py",
        "        findings += advisories.about(unchecked)\n",
        "",
        "tests/dev/deploy/test_audit.py::test_unchecked_packages_are_looked_up_in_older_advisories",
    ),
    Mutant(
        "audit: unreadable version ranges are reported",
        "dev/deploy/audit.py",
        "    except InvalidSpecifier:\n        return True\n",
        "    except InvalidSpecifier:\n        return False\n",
        "tests/dev/deploy/test_audit.py::test_an_unreadable_range_is_reported",
    ),
    Mutant(
        "licences: only those of the list",
        "dev/deploy/sbom.py",
        'if not {each.strip() for each in named} - {""} <= set(_LICENSES["allowed"]):',
        "if license_ == UNKNOWN:",
        "tests/dev/deploy/test_package.py::test_only_licences_of_the_list_may_ship",
    ),
    Mutant(
        "dependencies: only with hashes",
        "dev/deploy/dependencies.py",
        'command, "--require-hashes", "--no-deps"',
        'command, "--no-deps"',
        f"{_LOCK}::test_packages_without_a_locked_hash_are_refused",
    ),
    Mutant(
        "dependencies: an outdated lock stops the build",
        "dev/deploy/dependencies.py",
        "    if wrong := list(lock.disagreements(packages, lock.required())):\n",
        "    if (wrong := list(lock.disagreements(packages, lock.required()))) and False:\n",
        f"{_LOCK}::test_an_outdated_lock_stops_the_build",
    ),
    Mutant(
        "dependencies: the runtime of Chalice is the locked one",
        "dev/deploy/dependencies.py",
        "if not locked.exists() or path.read_bytes() != locked.read_bytes():",
        "if not locked.exists():",
        f"{_LOCK}::test_another_runtime_of_chalice_is_refused",
    ),
    # Versions of the functions.
    Mutant(
        "versions: other code has another name",
        "dev/deploy/versions.py",
        "_digest(code_digest, values.filled(",
        "_digest(values.filled(",
        f"{_VERSIONS}::test_the_name_follows_from_the_code_too",
    ),
    Mutant(
        "versions: each function is named after its own zip",
        "dev/deploy/versions.py",
        'digests[properties["Code"]["S3Key"]["Ref"]]',
        'digests["ArtifactKey"]',
        f"{_VERSIONS}::test_a_change_of_one_zip_makes_versions_of_its_functions",
    ),
    Mutant(
        "release: both zips make up the code before",
        "dev/deploy/release.py",
        "if ran == code or _is_held(before):",
        "if ran.shared == code.shared or _is_held(before):",
        "tests/dev/deploy/test_release.py::test_the_code_before_is_what_served_last_and_is_another",
    ),
    Mutant(
        "versions: a condition counts by what it decides",
        "dev/deploy/versions.py",
        'then if self._holds({"Condition": condition}) else otherwise',
        "then",
        f"{_VERSIONS}::test_a_condition_counts_by_what_it_decides",
    ),
    Mutant(
        "versions: one in use is not superfluous",
        "dev/deploy/versions.py",
        " if each not in in_use]",
        "]",
        f"{_VERSIONS}::test_old_versions_are_superfluous_unless_they_are_in_use",
    ),
    # Validators of the template.
    Mutant(
        "validate: a decision is about one resource",
        "dev/deploy/validate.py",
        "for each in sorted(found) if each not in decided]",
        "for each in sorted(found) if (each.tool, each.rule) not in {(one.tool, one.rule) for one in decided}]",
        f"{_VALIDATE}::test_findings_and_decisions_must_agree",
    ),
    Mutant(
        "validate: a decision goes with its finding",
        "dev/deploy/validate.py",
        "for each in sorted(decided) if each not in found]",
        "for each in ()]",
        f"{_VALIDATE}::test_findings_and_decisions_must_agree",
    ),
    Mutant(
        "validate: a tool that finds nothing planted is not believed",
        "dev/deploy/validate.py",
        "for each in sorted(PLANTED) if each not in found]",
        "for each in ()]",
        f"{_VALIDATE}::test_a_tool_that_overlooks_the_planted_faults_is_noticed",
    ),
)
