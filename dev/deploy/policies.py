"""The policies of a template, with sample values in place of CloudFormation's functions, so that they can be judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_ACCOUNT, _REGION = "123456789012", "us-east-1"
_PSEUDO = {
    "AWS::AccountId": _ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": _REGION,
    "AWS::StackName": "sample",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING = object()
# What follows "arn:aws:" for a resource of a type.
_ARNS = {
    "AWS::CloudWatch::Alarm": f"cloudwatch:{_REGION}:{_ACCOUNT}:alarm:{{}}",
    "AWS::DynamoDB::Table": f"dynamodb:{_REGION}:{_ACCOUNT}:table/{{}}",
    "AWS::Events::Rule": f"events:{_REGION}:{_ACCOUNT}:rule/{{}}",
    "AWS::IAM::Role": f"iam::{_ACCOUNT}:role/{{}}",
    "AWS::Lambda::Function": f"lambda:{_REGION}:{_ACCOUNT}:function:{{}}",
    "AWS::Logs::LogGroup": f"logs:{_REGION}:{_ACCOUNT}:log-group:{{}}:*",
    "AWS::S3::Bucket": "s3:::{}",
    "AWS::SNS::Topic": f"sns:{_REGION}:{_ACCOUNT}:{{}}",
    "AWS::SQS::Queue": f"sqs:{_REGION}:{_ACCOUNT}:{{}}",
}


class CannotResolve(Exception):
    """A function of CloudFormation that has no sample value yet."""


def documents(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each policy of ``template`` with its resource: as it is if all conditions hold, and if none does.

    Raises:
        CannotResolve
    """
    seen = set()
    for name, resource in template["Resources"].items():
        for holds in (True, False):
            for found in _policies_in(resource):
                document = _Samples(template, conditions=holds).resolved(found)
                text = json.dumps([name, document], sort_keys=True)
                if text not in seen:
                    seen.add(text)
                    yield name, document


def as_identity_policy(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document`` without principals: parliament knows only policies that are attached to a role."""
    statements = document["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    return document | {"Statement": [_without_principal(each) for each in listed]}


def _without_principal(statement: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in statement.items() if key not in {"Principal", "NotPrincipal"}}
    if kept != statement and not {"Resource", "NotResource"} & set(kept):  # the policy of a role's trust
        kept["Resource"] = f"arn:aws:iam::{_ACCOUNT}:role/sample"
    if not kept.get("Sid", "left out"):
        del kept["Sid"]
    return kept


def _policies_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "Statement" in value:
            yield value
        else:
            for each in value.values():
                yield from _policies_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _policies_in(each)


class _Samples:
    """Sample values for the functions of one template."""

    def __init__(self, template: dict[str, Any], *, conditions: bool) -> None:
        self._template = template
        self._conditions = conditions

    def resolved(self, value: Any) -> Any:
        """Return ``value`` with each function replaced."""
        if isinstance(value, list):
            each_resolved = [self.resolved(each) for each in value]
            return [each for each in each_resolved if each is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        pairs = {key: self.resolved(each) for key, each in value.items()}
        return {key: each for key, each in pairs.items() if each is not _NOTHING}

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                return self._attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
            case "Fn::If":
                return self.resolved(argument[1 if self._conditions else 2])
            case "Fn::Join":
                return argument[0].join(map(str, self.resolved(argument[1])))
            case "Fn::Sub":
                text, own = (argument, {}) if isinstance(argument, str) else argument
                return self._substituted(text, self.resolved(own))
        raise CannotResolve(f"There is no sample value for {name} yet: add it to dev/deploy/policies.py.")

    def _substituted(self, text: str, own: dict[str, Any]) -> str:
        def sample(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):  # a literal ${...}
                return f"${{{name[1:]}}}"
            if name in own:
                return str(own[name])
            return str(self._function("Fn::GetAtt" if "." in name else "Ref", name))

        return re.sub(r"\$\{([^}]+)\}", sample, text)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in _PSEUDO:
            return _PSEUDO[name]
        parameter = self._template.get("Parameters", {}).get(name)
        if parameter is not None:
            return parameter.get("Default", "sample")
        if name in self._template["Resources"]:
            return name.lower()
        raise CannotResolve(f"The template has no parameter and no resource {name}.")

    def _attribute(self, name: str, attribute: str) -> str:
        kind = self._template["Resources"].get(name, {}).get("Type", "no resource")
        if (kind, attribute) == ("AWS::DynamoDB::Table", "StreamArn"):
            # A real one has colons, which parliament takes for parts of the ARN.
            return f"{self._attribute(name, 'Arn')}/stream/sample"
        if attribute != "Arn" or kind not in _ARNS:
            raise CannotResolve(
                f"There is no sample value for {name}.{attribute} ({kind}) yet: add it to dev/deploy/policies.py."
            )
        return f"arn:aws:{_ARNS[kind].format(name.lower())}"
