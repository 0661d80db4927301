"""Counting visits exactly once."""

from __future__ import annotations

from dev.mutants.mutant import Mutant

_CLICKS = "tests/api/test_clicks.py"
_DYING = "tests/aws/clients/test_dying_connections.py"
_EXACT = "tests/exactly_once/test_exact.py"
_GUARDS = "tests/api/test_guards.py"

MUTANTS = (
    # Counting.
    Mutant(
        "click: an existing row means already counted",
        "chalicelib/aws/dynamodb/click_store.py",
        '"attribute_not_exists(entry)"',
        '"attribute_not_exists(entry) OR attribute_exists(entry)"',
        f"{_CLICKS}::test_redelivered_batch_counts_once",
    ),
    Mutant(
        "click: not counted without partial batch responses",
        "chalicelib/workers.py",
        "if not settings.partial_batch:",
        "if False:",
        f"{_CLICKS}::test_without_partial_failures_nothing_is_counted",
    ),
    Mutant(
        "connection: an ended TLS connection costs no attempt",
        "chalicelib/aws/clients/http_client.py",
        "ConnectionAbortedError, ssl.SSLError)",
        "ConnectionAbortedError)",
        f"{_DYING}::test_errors_of_an_ended_connection",
    ),
    Mutant(
        "connection: idle ones are not trusted",
        "chalicelib/aws/clients/http_client.py",
        "if self._connection is not None and not 0 <= time.time() - self._used_at < _TRUSTED_SECONDS:",
        "if False:",
        f"{_DYING}::test_connection_that_was_idle_is_not_used",
    ),
    Mutant(
        "connection: three attempts after the response",
        "chalicelib/aws/clients/http_client.py",
        "attempts = max(attempts, timeouts.AFTER_RESPONSE_ATTEMPTS)",
        "pass",
        f"{_DYING}::test_no_click_is_spilled_after_the_response[silence]",
    ),
    Mutant(
        "connection: one deadline for all that is sent after the response",
        "chalicelib/aws/clients/timeouts.py",
        "return min(most, left)",
        "return most",
        f"{_DYING}::test_all_that_is_sent_after_the_response_ends_in_time",
    ),
    Mutant(
        "connection: the salt leaves time for the queue",
        "chalicelib/usecases/track_visit.py",
        "until - _SECONDS_FOR_QUEUE",
        "until",
        f"{_DYING}::test_salt_leaves_time_for_the_queue",
    ),
    Mutant(
        "TLS: certificates are verified",
        "chalicelib/aws/clients/tls.py",
        "ssl.create_default_context(cafile=self._ca_bundle or AMAZON_ROOTS)",
        "ssl._create_unverified_context()",
        "tests/aws/clients/test_tls.py::test_unknown_authority_or_name_is_never_spoken_to",
    ),
    Mutant(
        "click: failed ones are redelivered",
        "chalicelib/workers.py",
        "for each in recorded.failed]",
        "for each in recorded.failed[:0]]",
        f"{_CLICKS}::test_click_that_cannot_be_written_is_redelivered",
    ),
    Mutant(
        "click: too old",
        "chalicelib/core/visits/click.py",
        "if self.at < now - timedelta(days=retention_days - 3):",
        "if False:",
        f"{_EXACT}::test_click_outside_the_retention_is_quarantined[too old]",
    ),
    Mutant(
        "click: from the future",
        "chalicelib/core/visits/click.py",
        "if self.at > now + _MAX_CLOCK_SKEW else None",
        "if self.at.year == 1 else None",
        f"{_EXACT}::test_click_outside_the_retention_is_quarantined[future]",
    ),
    Mutant(
        "click: unknown codes are limited each day",
        "chalicelib/usecases/record_clicks.py",
        '["visits"] >= limits.UNKNOWN_CLICKS_A_DAY',
        '["visits"] < 0',
        f"{_EXACT}::test_unknown_codes_do_not_fill_the_table",
    ),
    Mutant(
        "click: messages of newer versions are redelivered",
        "chalicelib/usecases/record_clicks.py",
        "    except ClickFromAnotherVersion:\n        recorded.failed.append(message.id)\n",
        "    except ClickFromAnotherVersion:\n",
        f"{_EXACT}::test_message_of_a_newer_version_is_redelivered",
    ),
    Mutant(
        "click: HEAD requests are not counted",
        "chalicelib/api/redirect.py",
        'if visit.visitor.method != "HEAD":',
        "if visit.visitor.method:",
        f"{_CLICKS}::test_head_is_not_a_click",
    ),
    Mutant(
        "click: invalid codes are not counted",
        "chalicelib/api/redirect.py",
        "if codes.is_code(code):",
        "if code:",
        f"{_CLICKS}::test_unknown_code_counts_for_no_link",
    ),
    Mutant(
        "click: request ids of clients are not used",
        "chalicelib/api/redirect.py",
        "str(api_id) if click.is_id(api_id) else",
        "str(api_id) if api_id else",
        f"{_CLICKS}::test_unusable_request_id_is_replaced",
    ),
    Mutant(
        "click: CloudFront headers are ignored without CloudFront",
        "chalicelib/core/visits/visitor.py",
        'self.headers.get("cloudfront-viewer-country", "") if self.trust_cloudfront else ""',
        'self.headers.get("cloudfront-viewer-country", "")',
        "tests/core/visits/test_click.py::test_cloudfront_headers_are_ignored_without_cloudfront",
    ),
    Mutant(
        "DNT",
        "chalicelib/core/visits/click.py",
        'headers.get("dnt") == "1" or ',
        "",
        "tests/core/visits/test_click.py::test_do_not_track_keeps_only_the_count",
    ),
    Mutant(
        "DNT: Sec-GPC counts as well",
        "chalicelib/core/visits/click.py",
        ' or headers.get("sec-gpc") == "1"',
        "",
        f"{_CLICKS}::test_do_not_track_keeps_only_the_count",
    ),
    Mutant(
        "DNT: no visitor",
        "chalicelib/usecases/track_visit.py",
        "if clicks.is_private(visit.visitor.headers):",
        "if not visit.code:",
        f"{_CLICKS}::test_do_not_track_keeps_only_the_count",
    ),
    Mutant(
        "DNT: no referrer",
        "chalicelib/core/visits/click.py",
        "referrer=None if private else",
        "referrer=",
        f"{_CLICKS}::test_do_not_track_keeps_only_the_count",
    ),
    Mutant(
        "closing a day: only if it is unchanged",
        "chalicelib/aws/dynamodb/click_store.py",
        '"Item": item, **_unchanged_since(seen)}}]',
        '"Item": item}}]',
        f"{_GUARDS}::TestNight::test_click_during_closing_is_not_lost",
    ),
    Mutant(
        "closing a day: only if no click was added",
        "chalicelib/aws/dynamodb/click_store.py",
        '{"visits": seen.counts.get("visits"), "visitors": seen.visitors}',
        '{"visitors": seen.visitors}',
        f"{_GUARDS}::TestNight::test_click_during_closing_is_not_lost",
    ),
    Mutant(
        "closing a day: only if no other run has closed it",
        "chalicelib/aws/dynamodb/click_store.py",
        '{"visits": seen.counts.get("visits"), "visitors": seen.visitors}',
        '{"visits": seen.counts.get("visits")}',
        f"{_GUARDS}::TestNight::test_concurrent_closings_add_visitors_once",
    ),
    Mutant(
        "closing a day: only past days",
        "chalicelib/usecases/close_days.py",
        "range(settings.click_retention_days - 3, 0, -1)",
        "range(settings.click_retention_days - 3, -1, -1)",
        f"{_EXACT}::TestNight::test_closing_adds_visitors_and_finds_no_drift[1]",
    ),
    Mutant(
        "closing a day: not if rows may have expired",
        "chalicelib/usecases/close_days.py",
        "range(settings.click_retention_days - 3, 0, -1)",
        "range(settings.click_retention_days + 30, 0, -1)",
        f"{_EXACT}::TestNight::test_days_with_expired_rows_are_not_recounted",
    ),
    Mutant(
        "closing a day: not from erased rows",
        "chalicelib/usecases/close_days.py",
        "    if seen.rows_erased:\n",
        "    if seen.rows_erased is None:\n",
        "tests/dev/admin/test_erase.py::test_counts_stay_right_whenever_it_runs[True]",
    ),
    Mutant(
        "closing a day: not if rows are erased concurrently",
        "chalicelib/aws/dynamodb/click_store.py",
        """    conditions.append(f"attribute_{'' if seen.rows_erased else 'not_'}exists(rowsErased)")\n""",
        "",
        "tests/dev/admin/test_erase.py::test_a_concurrent_close_does_not_count_erased_rows",
    ),
    Mutant(
        "closing a day: days left open raise an alarm",
        "chalicelib/workers.py",
        "if night.left_open:",
        "if night.left_open < 0:",
        f"{_GUARDS}::TestNight::test_run_that_leaves_days_open_fails",
    ),
    Mutant(
        "cells are not formulas",
        "chalicelib/core/csv_rows.py",
        "isinstance(cell, str) and _FORMULA.match(cell)",
        "cell is None",
        f"{_CLICKS}::test_visits_and_series_are_available_as_tables",
    ),
)
