"""Checks of a package: no wide permissions, no wheels of this machine, no errors of cfn-lint."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# Where AWS allows nothing but * as a resource, with the reason.
_ONLY_STAR = {
    "xray:PutTraceSegments": "X-Ray has no resource types",
    "xray:PutTelemetryRecords": "X-Ray has no resource types",
}

_FILES = re.compile(r"\$\{Files\.Arn\}/(imports|reports|exports)/\*")  # all files of one kind: ids are random


def transformed(sam: dict[str, Any]) -> dict[str, Any]:
    """Return the SAM template as the CloudFormation template that AWS would derive from it, parameters left open."""
    # SAM inserts the values of parameters that it knows: defaults, and the region it runs in. So it gets parameters
    # without defaults, and pseudo parameters that resolve to themselves.
    parameters: dict[str, Any] = sam.get("Parameters", {})
    without_defaults = {
        name: {key: value for key, value in spec.items() if key != "Default"} for name, spec in parameters.items()
    }
    themselves = {name: f"${{{name}}}" for name in ("AWS::Region", "AWS::Partition")}
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    template: dict[str, Any] = translator.translate(
        {**sam, "Parameters": without_defaults}, parameter_values=themselves, get_managed_policy_map=dict
    )
    template.pop("Transform", None)
    return {**template, "Parameters": parameters}


def wide_permissions(template: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for every permission with an unnecessary wildcard, or open to everyone."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for managed in properties.get("ManagedPolicyArns", []):
            yield f"{name}: the managed policy {managed} is wider than it must be."
        if resource["Type"] == "AWS::Lambda::Permission" and _is_wide(properties["Principal"]):
            yield f"{name}: everyone may call the function."
        for statement in _statements_in(properties):
            if statement["Effect"] == "Allow":
                yield from (f"{name}: {wide}" for wide in _wide_parts_of(statement))


def _wide_parts_of(statement: dict[str, Any]) -> Iterator[str]:
    actions = _listed(statement.get("Action", "*"))
    if _is_wide(actions):
        yield f"the action {actions} is wider than it must be."
    if "NotPrincipal" in statement or _is_wide(statement.get("Principal", "")):
        yield f"everyone may do {actions}."
    belongs_to_resource = "Principal" in statement or "NotPrincipal" in statement
    resource = statement.get("Resource", "" if belongs_to_resource else "*")
    if _is_wide([each for each in _listed(resource) if not _is_a_kind_of_file(each)]) and not all(
        action in _ONLY_STAR for action in actions
    ):
        yield f"the resource of {actions} is wider than it must be: {resource}."


def _is_a_kind_of_file(resource: Any) -> bool:
    return isinstance(resource, dict) and _FILES.fullmatch(str(resource.get("Fn::Sub", ""))) is not None


def _is_wide(named: Any) -> bool:
    return any(wildcard in json.dumps(named) for wildcard in "*?")


def _statements_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the statements of every policy in ``value``, at any depth: of roles, of queues, of trust."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _statements_in(part)


def deleting_failures(template: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for every queue whose failed messages would be deleted with the rest of their batch."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] != "AWS::Lambda::EventSourceMapping" or _is_of_a_stream(properties):
            continue
        if "ReportBatchItemFailures" not in properties.get("FunctionResponseTypes", []):
            yield f"{name}: without ReportBatchItemFailures a message that failed is deleted with its neighbours."
        called = template["Resources"][properties["FunctionName"]["Ref"]]
        if called["Type"] == "AWS::Lambda::Alias":
            called = template["Resources"][called["Properties"]["FunctionName"]["Ref"]]
        if called["Properties"]["Environment"]["Variables"].get("PARTIAL_BATCH") != "on":
            yield f"{name}: its function is not told that the queue takes a list of failures (PARTIAL_BATCH)."


def _is_of_a_stream(mapping: dict[str, Any]) -> bool:
    """Tell if a mapping reads a table's stream, whose records nobody deletes: they come again until they are done."""
    return "StreamArn" in json.dumps(mapping["EventSourceArn"])


def foreign_wheels(code: Path) -> Iterator[str]:
    """Yield a sentence for every package in a zip that was compiled on this machine and for it."""
    with zipfile.ZipFile(code) as zipped:
        for entry in zipped.namelist():
            if entry.endswith(".dist-info/WHEEL"):
                tags = re.findall(r"^Tag: (.*)$", zipped.read(entry).decode(), re.MULTILINE)
                if any(re.search(r"-linux_", tag) for tag in tags):
                    yield f"{entry} was built here ({', '.join(tags)}): Lambda may not be able to load it."


def lint(template: Path) -> Iterator[str]:
    """Yield the errors of cfn-lint."""
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--format", "parseable", "--non-zero-exit-code", "error"]
    ran = subprocess.run([*command, str(template)], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        yield from (ran.stdout or ran.stderr).strip().splitlines()


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
