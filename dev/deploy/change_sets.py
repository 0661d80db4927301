"""What a change set would lose: resources that keep data or a name, replaced or removed.

CloudFormation says of a change whether it replaces a resource: ``True``, ``False``, or ``Conditional``, which it also
says of harmless changes of tables. So the properties are looked at that a resource of that type has its identity from.
The templates are compared as well, for what a change set does not say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

Template = Mapping[str, Any]
Properties = Mapping[str, Any]


def _table(properties: Properties) -> Any:
    keys = {each["AttributeName"] for each in properties.get("KeySchema", [])}
    types = [each for each in properties.get("AttributeDefinitions", []) if each["AttributeName"] in keys]
    types.sort(key=lambda each: str(each["AttributeName"]))
    return [properties.get(name) for name in ("TableName", "KeySchema", "LocalSecondaryIndexes")], types


def _properties(*names: str) -> Callable[[Properties], Any]:
    return lambda properties: [properties.get(name) for name in names]


KEEPING: Mapping[str, Callable[[Properties], Any]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::SQS::Queue": _properties("QueueName", "FifoQueue"),
    "AWS::S3::Bucket": _properties("BucketName"),
    "AWS::ApiGateway::RestApi": _properties(),
    "AWS::ApiGateway::DomainName": _properties("DomainName"),
    "AWS::Lambda::Url": _properties("TargetFunctionArn", "Qualifier"),
    "AWS::CloudFront::Distribution": _properties(),
}
"""The types of what must not get lost, and what each has its identity from: another value makes another resource."""

_KEPT = {
    "AWS::DynamoDB::Table": "its items",
    "AWS::SQS::Queue": "its messages",
    "AWS::S3::Bucket": "its files",
    "AWS::ApiGateway::RestApi": "its address, which short URLs may begin with",
    "AWS::ApiGateway::DomainName": "its name and target, which DNS leads to",
    "AWS::Lambda::Url": "its address",
    "AWS::CloudFront::Distribution": "its address, which DNS leads to",
}


def losses(changes: Sequence[Any], before: Template, after: Template, may_go: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each resource that would be lost, and is not among ``may_go``, logical ids.

    ``changes`` are those of a change set, as CloudFormation describes them; ``before`` and ``after`` the templates.
    """
    found: dict[str, str] = {}
    for change in changes:
        resource = change.get("ResourceChange", {})
        if resource.get("ResourceType") in KEEPING and (how := _how_lost(resource, before, after)):
            found[resource["LogicalResourceId"]] = how
    for name, resource in before["Resources"].items():
        if resource["Type"] in KEEPING and name not in found and (how := _how_different(name, before, after)):
            found[name] = how
    for name, how in found.items():
        if name not in may_go:
            kind = before["Resources"][name]["Type"]
            yield (
                f"  {name} ({kind}) would be {how}, and {_KEPT[kind]} would be lost. Leave it as it is, and add another"
                f" beside it if need be; if it may really go: MAY_REPLACE={name}"
            )


def _how_lost(resource: Mapping[str, Any], before: Template, after: Template) -> str:
    """Return how the change of a resource loses it, or nothing."""
    if resource["LogicalResourceId"] not in before["Resources"]:
        return ""
    if resource.get("Action") == "Remove":
        return "removed"
    if resource.get("Action") != "Modify" or resource.get("Replacement", "False") == "False":
        return ""
    different = _how_different(resource["LogicalResourceId"], before, after)
    return different or (f"replaced{_because(resource)}" if resource["Replacement"] == "True" else "")


def _because(resource: Mapping[str, Any]) -> str:
    targets = [detail.get("Target", {}) for detail in resource.get("Details", [])]
    names = {each["Name"] for each in targets if each.get("RequiresRecreation") == "Always" and each.get("Name")}
    return f" (another {', '.join(sorted(names))})" if names else ""


def _how_different(name: str, before: Template, after: Template) -> str:
    """Return how a resource would be lost, by the templates alone, or nothing."""
    was, will_be = before["Resources"][name], after["Resources"].get(name)
    if will_be is None:
        return "removed"
    if was["Type"] != will_be["Type"]:
        return "replaced"
    identity = KEEPING[was["Type"]]
    one, other = (identity(each.get("Properties", {})) for each in (was, will_be))
    return (
        "" if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) else "replaced (another name or key)"
    )
