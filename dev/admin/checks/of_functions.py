"""Checks of the deployment: versions, gradual traffic, the stack's policy, the account's quota, and alarms."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from dev.admin.checks.check import Answer, Check, NotHereError, NotRunError
from dev.admin.checks.stage import FRONT, GATEWAY, Stage
from dev.deploy import stack

_ENOUGH = 50  # containers: 500 requests a second
_SERVICES_ALIAS = "live"
JUDGES = {GATEWAY: 3, FRONT: 4}
"""The number of alarms that judge new code, by what is in front: a deployment group has as many."""


def aliases(stage: Stage) -> Answer:
    """List the alias of each function."""
    lambdas = stage.client("lambda")
    named = stack.resources(stage.cloud, stage.stack_name, "AWS::Lambda::Function").values()
    wrong, seen = [], []
    for name in sorted(named):
        found = {each["Name"]: each for each in lambdas.list_aliases(FunctionName=name)["Aliases"]}
        live = found.get(_SERVICES_ALIAS, {})
        version, shares = live.get("FunctionVersion", "none"), live.get("RoutingConfig", {})
        seen.append(f"{name.removeprefix(stage.stack_name + '-')} {version}")
        if not version.isdecimal() or shares.get("AdditionalVersionWeights"):
            wrong.append(name)
    return Answer(bool(seen) and not wrong, f"{', '.join(seen)}; without a version of its own: {wrong or 'none'}")


def gradual(stage: Stage) -> Answer:
    """Look for the deployment groups of CodeDeploy, and compare how many alarms each has."""
    if stage.parameters.get("Gradual") == "off" and not stage.is_local:
        raise NotHereError("Gradual is off.")
    deploy, seen, numbers = stage.client("codedeploy"), [], []
    application = stage.resource("AWS::CodeDeploy::Application")
    if application is None:
        seen_of_aws = f"{len(deploy.list_applications()['applications'])} applications in the account"
        return Answer(is_expected=False, seen=f"no application in the stack; {seen_of_aws}")
    groups = deploy.list_deployment_groups(applicationName=application)["deploymentGroups"]
    for group in groups:
        info = deploy.get_deployment_group(applicationName=application, deploymentGroupName=group)
        judging = info["deploymentGroupInfo"].get("alarmConfiguration", {})
        numbers.append(len(judging.get("alarms", [])) if judging.get("enabled", True) else 0)
        seen.append(f"{info['deploymentGroupInfo'].get('deploymentConfigName')}, {numbers[-1]} alarms")
    expected = [JUDGES[stage.front]] * 2  # of the redirect and the API
    return Answer(numbers == expected, f"{'; '.join(seen) or 'no groups'}; expected: {expected[0]} alarms each")


def stack_policy(stage: Stage) -> Answer:
    """Read the policy of the stack, which a second deployment sets."""
    cloudformation = stage.cloud.cloudformation
    body = cloudformation.get_stack_policy(StackName=stage.stack_name).get("StackPolicyBody")
    if body is None:
        raise NotRunError("There is none yet: the second deployment sets it.")
    denied = [each["Action"] for each in json.loads(body)["Statement"] if each["Effect"] == "Deny"]
    return Answer(denied == [["Update:Replace", "Update:Delete"]], f"denies {denied}")


def quota(stage: Stage) -> Answer:
    """Read how many containers the account may run."""
    limit = stage.client("lambda").get_account_settings()["AccountLimit"]
    unreserved = limit["UnreservedConcurrentExecutions"]
    seen = f"{limit['ConcurrentExecutions']} at once, {unreserved} not reserved: {unreserved * 10} requests a second"
    return Answer(unreserved >= _ENOUGH, seen)


def alarms(stage: Stage) -> Answer:
    """Read the state of all alarms of the stack."""
    pages = stage.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stage.stack_name}-")
    states = [(each["AlarmName"], each["StateValue"]) for page in pages for each in page["MetricAlarms"]]
    firing = [
        name.removeprefix(f"{stage.stack_name}-").rpartition("-")[0] for name, state in states if state == "ALARM"
    ]
    unknown = sum(state == "INSUFFICIENT_DATA" for _, state in states)
    return Answer(
        bool(states) and not firing, f"{len(states)} alarms, {unknown} without data, firing: {firing or 'none'}"
    )


def metrics(stage: Stage) -> Answer:
    """Look for a metric that is made of the log lines."""
    found = stage.client("cloudwatch").list_metrics(
        Namespace="UrlShortener", Dimensions=[{"Name": "Service", "Value": stage.stack_name}]
    )["Metrics"]
    names = sorted({each["MetricName"] for each in found})
    if not names:
        raise NotRunError("There are none yet: again some minutes after the first visit, an hour at the most.")
    return Answer("RedirectLatency" in names, ", ".join(names))


def versions_of(stage: Stage) -> list[tuple[str, str]]:
    """Return what the report says about the code of the stage."""
    try:
        parameters = stage.parameters
        live = stage.client("lambda").get_function_configuration(FunctionName=stage.function("redirect"))
    except (ClientError, stack.StackFailed) as refused:
        return [("code", stage.scrubbed(f"unknown: {refused}"))]
    key = parameters.get("ArtifactKey", "unknown")
    machine = f"{live.get('Runtime')}, {live.get('Architectures', ['?'])[0]}, {live.get('MemorySize')} MB"
    return [("code", key.removeprefix("code/").removesuffix(".zip")[:16]), ("redirect", machine)]


CHECKS = (
    Check(
        "aliases",
        "Does each function have the alias `live`, at one version?",
        'aws lambda list-aliases --function-name "$STACK-redirect"',
        "A number for each function, and no weights.",
        "Deploy again. Weights remain while CodeDeploy moves traffic: five minutes.",
        aliases,
        ("front 14", "front 15"),
        requests=0,
        here="proves",
    ),
    Check(
        "codedeploy",
        "Has CodeDeploy a deployment group for the redirect and one for the API, with alarms?",
        "aws deploy list-applications\naws deploy list-deployment-groups --application-name <that>\n"
        "aws deploy get-deployment-group --application-name <that> --deployment-group-name <each>"
        " --query deploymentGroupInfo.alarmConfiguration",
        f"Two groups, {JUDGES[GATEWAY]} alarms each; {JUDGES[FRONT]} where the stack has a distribution.",
        '`TrafficRole` in `.chalice/resources.yaml`, or `"Gradual": "off"` until it is.',
        gradual,
        ("front 16",),
        requests=0,
    ),
    Check(
        "stack-policy",
        "Does CloudFormation itself refuse to lose tables, queues and names?",
        "aws cloudformation get-stack-policy --stack-name $STACK",
        "A policy that denies `Update:Replace` and `Update:Delete`; none after the first deployment.",
        "`_set_policy` in `dev/deploy/stack.py`; the credentials may lack `cloudformation:SetStackPolicy`.",
        stack_policy,
        ("front 19",),
        requests=0,
    ),
    Check(
        "lambda-quota",
        "How many containers may this account run at once? New accounts often have 10.",
        "aws lambda get-account-settings --query AccountLimit",
        f"At least {_ENOUGH} that are not reserved, which is 500 requests a second.",
        "Ask for more, which costs nothing: `make deploy` prints the command. Deploy again afterwards.",
        quota,
        ("front 20",),
        requests=0,
    ),
    Check(
        "alarms",
        "Which alarms fire?",
        "aws cloudwatch describe-alarms --alarm-name-prefix $STACK- --state-value ALARM"
        " --query 'MetricAlarms[].AlarmName'",
        "None.",
        "docs/operate.md has what to do on each.",
        alarms,
        requests=0,
    ),
    Check(
        "metrics",
        "Does CloudWatch make metrics of the log lines?",
        "aws cloudwatch list-metrics --namespace UrlShortener --query 'Metrics[].MetricName'",
        "`RedirectLatency` among them, some minutes after the first visit.",
        "None after an hour: `LogFormat: Text` in `.chalice/resources.yaml`; Lambda's own lines come back with it.",
        metrics,
        requests=0,
    ),
)
