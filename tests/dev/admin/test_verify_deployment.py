"""`make verify`: what is concluded about versions, alarms, quota and cold starts."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from unittest.mock import MagicMock

import pytest

from dev.admin.checks import (
    listed,
    of_functions,
    of_load,
)
from dev.admin.checks.check import NotRunError, Verdict
from dev.deploy import stack
from tests.dev.admin.asked_stage import BEHIND, REFUSED, Asked

REPORT = "REPORT RequestId: 1\tDuration: {} ms\tBilled Duration: 400 ms\tMemory Size: 512 MB\tInit Duration: {} ms\t"


@pytest.mark.parametrize(("state", "is_expected"), [("OK", True), ("INSUFFICIENT_DATA", True), ("ALARM", False)])
def test_alarms_that_fire_are_named(*, state: str, is_expected: bool) -> None:
    """By their logical ids."""
    stage = Asked()
    pages = [{"MetricAlarms": [{"AlarmName": "shortener-dev-RowsErrorsAlarm-1ABC", "StateValue": state}]}]
    stage.cloud.client("cloudwatch").get_paginator.return_value.paginate.return_value = pages

    answer = of_functions.alarms(stage)

    assert answer.is_expected is is_expected
    assert ("RowsErrorsAlarm" in answer.seen) is not is_expected


@pytest.mark.parametrize(("unreserved", "is_expected"), [(10, False), (50, True), (1000, True)])
def test_small_quota_is_otherwise(*, unreserved: int, is_expected: bool) -> None:
    """Fifty containers are what the default throttle needs."""
    stage = Asked()
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": unreserved}
    stage.cloud.client("lambda").get_account_settings.return_value = {"AccountLimit": limit}

    assert of_functions.quota(stage).is_expected is is_expected


def test_stack_policy_is_read() -> None:
    """One that denies what the deployment sets; none yet is no finding."""
    stage = Asked()
    policy = stage.cloud.cloudformation.get_stack_policy
    policy.return_value = {}
    with pytest.raises(NotRunError):
        of_functions.stack_policy(stage)

    for actions, is_expected in ((["Update:Replace", "Update:Delete"], True), (["Update:Delete"], False)):
        policy.return_value = {"StackPolicyBody": json.dumps({"Statement": [{"Effect": "Deny", "Action": actions}]})}
        assert of_functions.stack_policy(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("alias", "is_expected"),
    [
        ({"Name": "live", "FunctionVersion": "3"}, True),
        ({"Name": "live", "FunctionVersion": "$LATEST"}, False),
        ({"Name": "live", "FunctionVersion": "3", "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}}}, False),
        ({"Name": "other", "FunctionVersion": "3"}, False),
    ],
)
def test_aliases_are_at_one_version(
    *, monkeypatch: pytest.MonkeyPatch, alias: dict[str, Any], is_expected: bool
) -> None:
    """Of every function of the stack."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"RedirectHandler": "shortener-dev-redirect"})
    stage = Asked()
    stage.cloud.client("lambda").list_aliases.return_value = {"Aliases": [alias]}

    assert of_functions.aliases(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("outputs", "numbers", "is_expected"),
    [
        ({}, [3, 3], True),
        ({}, [4, 4], False),
        ({}, [3], False),
        ({}, [], False),
        ({}, [3, 3, 3], False),
        (BEHIND, [4, 4], True),
        (BEHIND, [4, 3], False),
        (BEHIND, [3, 3], False),
    ],
)
def test_alarms_of_each_deployment_group_are_counted(
    *, monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str], numbers: list[int], is_expected: bool
) -> None:
    """Three judge new code, four where the stack has a distribution; those that are turned off judge nothing."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Application": "a"})
    stage = Asked(outputs=outputs)
    deploy = stage.cloud.client("codedeploy")
    deploy.list_deployment_groups.return_value = {"deploymentGroups": [str(place) for place in range(len(numbers))]}

    def answer(*, is_on: bool) -> bool:
        deploy.get_deployment_group.side_effect = [
            {"deploymentGroupInfo": {"alarmConfiguration": {"enabled": is_on, "alarms": [{}] * number}}}
            for number in numbers
        ]
        return of_functions.gradual(stage).is_expected

    assert answer(is_on=True) is is_expected
    assert answer(is_on=False) is False


def with_starts(*lines: str, status: int = 302) -> tuple[Asked, MagicMock]:
    """Return a stage whose temporary function logs ``lines``, one for each call, and its client of Lambda."""
    stage = Asked(may_add=True)
    stage.with_parameters(ArtifactBucket="ArtifactBucket", ArtifactKey="ArtifactKey")
    lambdas = stage.cloud.client("lambda")
    names = ("Runtime", "Role", "Handler", "Timeout", "Architectures")
    lambdas.get_function_configuration.return_value = dict.fromkeys(names, "same") | {
        "Environment": {"Variables": {"A": "1"}}
    }
    lambdas.invoke.side_effect = [
        {
            "Payload": io.BytesIO(json.dumps({"statusCode": status}).encode()),
            "LogResult": base64.b64encode(line.encode()).decode(),
        }
        for line in lines
    ]
    return stage, lambdas


@pytest.mark.parametrize(("took", "init", "is_expected"), [("40.25", "170.5", True), ("900", "700", False)])
def test_cold_starts_are_measured_in_a_copy(*, took: str, init: str, is_expected: bool) -> None:
    """The copy has the code, role and settings of the redirect, is invoked by name, and is deleted."""
    stage, lambdas = with_starts(*[REPORT.format(took, init)] * 5)

    answer = of_load.cold_start_at(512)(stage)

    assert answer.is_expected is is_expected
    assert f"{float(init):.0f} + {float(took):.0f}" in answer.seen
    created = lambdas.create_function.call_args.kwargs
    assert (created["FunctionName"], created["Role"], created["Code"]["S3Key"]) == (
        "shortener-dev-verify-512",
        "same",
        "ArtifactKey",
    )
    assert {each.kwargs["FunctionName"] for each in lambdas.invoke.call_args_list} == {"shortener-dev-verify-512"}
    lambdas.delete_function.assert_called_once_with(FunctionName="shortener-dev-verify-512")


def test_copy_is_deleted_whatever_happens() -> None:
    """Also if it cannot be invoked, and if Ctrl-C ends it."""
    for failure in (REFUSED, KeyboardInterrupt()):
        stage, lambdas = with_starts()
        lambdas.invoke.side_effect = failure
        with pytest.raises(type(failure)):
            of_load.cold_start_at(512)(stage)
        lambdas.delete_function.assert_called_once()


def test_nothing_is_added_without_being_told_to() -> None:
    """Without VERIFY_COLD=yes no function is created."""
    stage = Asked()

    for name in ("cold-start-512", "cold-start-1024", "url-throttled", "filter-refused"):
        found = next(each for each in listed.CHECKS if each.name == name).run(stage)
        assert (found.verdict, "VERIFY_COLD=yes" in found.seen) == (Verdict.NOT_RUN, True)
    assert not stage.cloud.client("lambda").create_function.called
    assert not stage.cloud.client("lambda").create_event_source_mapping.called
