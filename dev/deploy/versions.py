"""Versions of the functions: how they are named, and where the aliases stay while new ones are made.

CloudFormation makes a version of a function when its template has a version by a new name. A package does not know the
parameters of its deployment, so its versions get their names when it is deployed.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

ALIAS = "live"  # as in .chalice/resources.yaml
KEPT = 5  # a version is a copy of the code: 5 MB at most, of the 75 GB that an account may keep
_NOTHING = {"Ref": "AWS::NoValue"}

Template = dict[str, Any]


def named(template: Template, parameters: Mapping[str, str], digests: Mapping[str, str]) -> Template:
    """Return the template with each version named after the code and the properties of its function.

    ``digests`` are those of the zips, by the parameter with which a function names its own.

    The name is in the function's description as well: whatever changes the name changes the function, and Lambda makes
    no second version of a function that is as it was.
    """
    result = copy.deepcopy(template)
    values = _Values(result, parameters)
    renamed: dict[str, str] = {}
    for name, version in of_type(result, "AWS::Lambda::Version"):
        function = version["Properties"]["FunctionName"]["Ref"]
        properties = result["Resources"][function]["Properties"]
        code_digest = digests[properties["Code"]["S3Key"]["Ref"]]
        digest = _digest(code_digest, values.filled(_own(properties)))
        properties["Description"] = f"version {digest}"
        renamed[name] = f"{function}Version{digest}"
    text = json.dumps(result)
    for before, after in renamed.items():
        text = text.replace(before, after)
    again: Template = json.loads(text)
    return again


def pinned(template: Template, current: Mapping[str, str]) -> Template:
    """Return the template with the aliases at the versions that they name now: ``current``, by the alias's logical id.

    Without any the stack has no aliases yet. They and the permissions to call them are made; whatever calls a function
    still calls it without its alias.
    """
    result = copy.deepcopy(template)
    if not current:
        return _without_aliases_in_use(result)
    for name, alias in of_type(result, "AWS::Lambda::Alias"):
        if name in current:
            alias["Properties"]["FunctionVersion"] = current[name]
    return result


def superfluous(versions: Iterable[str], in_use: Collection[str], keep: int = KEPT) -> list[str]:
    """Return the versions of a function that may be deleted, oldest first: not the last ``keep``, nor those in use."""
    numbers = sorted((each for each in versions if each.isdigit()), key=int)
    return [each for each in numbers[: max(0, len(numbers) - keep)] if each not in in_use]


def _without_aliases_in_use(template: Template) -> Template:
    functions = {name: alias["Properties"]["FunctionName"] for name, alias in of_type(template, "AWS::Lambda::Alias")}
    for name, permission in list(of_type(template, "AWS::Lambda::Permission")):
        function = functions.get(permission["Properties"]["FunctionName"].get("Ref"))
        if function is not None:
            # Beside that of the alias: the one that the stack has is replaced by it.
            properties = permission["Properties"] | {"FunctionName": function}
            template["Resources"][f"{name}OfFunction"] = permission | {"Properties": properties}
    for _, mapping in of_type(template, "AWS::Lambda::EventSourceMapping"):
        called = mapping["Properties"]["FunctionName"]
        mapping["Properties"]["FunctionName"] = functions.get(called.get("Ref"), called)
    for _, rule in of_type(template, "AWS::Events::Rule"):
        for target in rule["Properties"]["Targets"]:
            if function := functions.get(target["Arn"].get("Ref")):
                target["Arn"] = {"Fn::GetAtt": [function["Ref"], "Arn"]}
    for name, _ in list(of_type(template, "AWS::ApiGateway::RestApi")):
        template = _calling_functions(template, name)
    return template


def _calling_functions(template: Template, api: str) -> Template:
    """Return the template with an API that calls functions themselves, and its deployment by a name of its own.

    API Gateway deploys what it is told only when the deployment has a new name.
    """
    properties = template["Resources"][api]["Properties"]
    properties["Body"] = json.loads(json.dumps(properties["Body"]).replace(f":{ALIAS}/invocations", "/invocations"))
    digest = _digest(properties["Body"])
    deployment = next(
        name
        for name, each in of_type(template, "AWS::ApiGateway::Deployment")
        if each["Properties"]["RestApiId"] == {"Ref": api}
    )
    text = json.dumps(template).replace(deployment, re.sub(r"[0-9a-f]{10}$", digest, deployment))
    result: Template = json.loads(text)
    return result


class _Values:
    """What is known of a template's parameters, and of the conditions that follow from them."""

    def __init__(self, template: Template, given: Mapping[str, str]) -> None:
        parameters = template.get("Parameters", {})
        defaults = {name: str(each["Default"]) for name, each in parameters.items() if "Default" in each}
        self._known = defaults | {name: str(value) for name, value in given.items()}
        self._conditions = template.get("Conditions", {})

    def filled(self, value: Any) -> Any:
        """Return ``value`` with parameters filled in and conditions decided; references to resources stay."""
        match value:
            case {"Ref": str(name)} if name in self._known:
                return self._known[name]
            case {"Fn::If": [str(condition), then, otherwise]}:
                return self.filled(then if self._holds({"Condition": condition}) else otherwise)
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": re.sub(r"\$\{(\w+)\}", lambda at: self._known.get(at[1], at[0]), text)}
            case dict():
                parts = {key: self.filled(part) for key, part in value.items()}
                return {key: part for key, part in parts.items() if part != _NOTHING}
            case list():
                return [part for part in map(self.filled, value) if part != _NOTHING]
        return value

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Condition": str(name)}:
                return self._holds(self._conditions[name])
            case {"Fn::Equals": [one, other]}:
                one, other = self.filled(one), self.filled(other)
                if isinstance(one, str) and isinstance(other, str):
                    return one == other
            case {"Fn::Not": [part]}:
                return not self._holds(part)
            case {"Fn::And": parts}:
                return all(map(self._holds, parts))
            case {"Fn::Or": parts}:
                return any(map(self._holds, parts))
        raise ValueError(f"A condition of a function must follow from parameters alone: {json.dumps(condition)}")


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that tell versions apart; the digest stands for the code; the description is ours."""
    return {name: value for name, value in properties.items() if name not in {"Code", "Description"}}


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:10]


def of_type(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the resources of one type, with their logical ids."""
    return ((name, each) for name, each in template["Resources"].items() if each["Type"] == kind)
