"""Which changes of a stack lose data or a name, by the change set and by the templates."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dev.deploy import change_sets

TABLE = {
    "TableName": "links",
    "KeySchema": [{"AttributeName": "code", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "code", "AttributeType": "S"},
        {"AttributeName": "owner", "AttributeType": "S"},
    ],
}
BEFORE: dict[str, Any] = {
    "Resources": {
        "Links": {"Type": "AWS::DynamoDB::Table", "Properties": TABLE},
        "Clicks": {"Type": "AWS::SQS::Queue"},
        "Files": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "files"}},
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": {}}},
        "Domain": {"Type": "AWS::ApiGateway::DomainName", "Properties": {"DomainName": "sho.rt"}},
        "Url": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": "f", "AuthType": "NONE"}},
        "Front": {"Type": "AWS::CloudFront::Distribution"},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "f"}},
    }
}
KEEPING = ["Links", "Clicks", "Files", "Api", "Domain", "Url", "Front"]


def change(name: str, action: str, replacement: str | None = None, **recreated: str) -> dict[str, Any]:
    """Return a change as CloudFormation describes it; ``recreated``: what it says of each property."""
    kind = BEFORE["Resources"].get(name, {"Type": "AWS::DynamoDB::Table"})["Type"]
    details = [
        {"Target": {"Attribute": "Properties", "Name": each, "RequiresRecreation": recreation}}
        for each, recreation in recreated.items()
    ]
    resource = {"Action": action, "LogicalResourceId": name, "ResourceType": kind, "Details": details}
    return {"Type": "Resource", "ResourceChange": resource | ({"Replacement": replacement} if replacement else {})}


def lost(*changes: dict[str, Any], after: dict[str, Any] = BEFORE, may_go: tuple[str, ...] = ()) -> list[str]:
    """Return the sentences."""
    return list(change_sets.losses(changes, BEFORE, after, may_go))


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize(("action", "replacement"), [("Remove", None), ("Modify", "True")])
def test_removal_and_replacement_are_losses(name: str, action: str, replacement: str | None) -> None:
    """Of everything that keeps data or a name; the sentence says which, and what to do."""
    (sentence,) = lost(change(name, action, replacement))

    assert sentence.startswith(f"  {name} (AWS::")
    assert sentence.endswith(f"MAY_REPLACE={name}")
    assert ("removed" if action == "Remove" else "replaced") in sentence


@pytest.mark.parametrize("changed", ["Function", "New"])
@pytest.mark.parametrize(("action", "replacement"), [("Remove", None), ("Modify", "True"), ("Add", None)])
def test_what_keeps_nothing_may_go(changed: str, action: str, replacement: str | None) -> None:
    """A function, and what the stack does not have yet."""
    assert lost(change(changed, action, replacement)) == []


@pytest.mark.parametrize("replacement", [None, "False", "Conditional"])
def test_harmless_change_of_a_table(replacement: str | None) -> None:
    """CloudFormation says Conditional of another index: its key is an attribute more."""
    after = copy.deepcopy(BEFORE)
    properties = after["Resources"]["Links"]["Properties"]
    properties["AttributeDefinitions"].insert(0, {"AttributeName": "createdAt", "AttributeType": "S"})
    properties["GlobalSecondaryIndexes"] = [{"IndexName": "byAge"}]

    changed = change("Links", "Modify", replacement, AttributeDefinitions="Conditionally")
    assert lost(changed, after=after) == []


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("Links", {"TableName": "other"}),
        ("Links", {"KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}]}),
        ("Links", {"AttributeDefinitions": [{"AttributeName": "code", "AttributeType": "N"}]}),
        ("Links", {"LocalSecondaryIndexes": [{"IndexName": "other"}]}),
        ("Clicks", {"QueueName": "clicks"}),
        ("Clicks", {"FifoQueue": True}),
        ("Files", {"BucketName": "other"}),
        ("Domain", {"DomainName": "other.example"}),
        ("Url", {"TargetFunctionArn": "g"}),
        ("Url", {"Qualifier": "live"}),
    ],
)
@pytest.mark.parametrize("replacement", ["Conditional", "False", "not said"])
def test_another_name_or_key_is_a_loss(name: str, properties: dict[str, Any], replacement: str) -> None:
    """Whatever the change set says of it, if anything."""
    after = copy.deepcopy(BEFORE)
    after["Resources"][name]["Properties"] = after["Resources"][name].get("Properties", {}) | properties

    for changes in ([], [change(name, "Modify", replacement)]):
        (sentence,) = lost(*changes, after=after)
        assert "replaced (another name or key)" in sentence


def test_another_logical_id_is_a_loss() -> None:
    """To CloudFormation it is another resource and the end of the old one."""
    after = copy.deepcopy(BEFORE)
    after["Resources"]["LinksTable"] = after["Resources"].pop("Links")

    (sentence,) = lost(change("Links", "Remove"), change("LinksTable", "Add"), after=after)
    (without,) = lost(after=after)

    assert sentence == without
    assert "Links (AWS::DynamoDB::Table) would be removed, and its items would be lost" in sentence


def test_another_type_is_a_loss() -> None:
    """Under the same logical id."""
    after = copy.deepcopy(BEFORE)
    after["Resources"]["Clicks"] = {"Type": "AWS::SNS::Topic"}

    assert len(lost(after=after)) == 1


def test_named_override_lets_only_that_go() -> None:
    """MAY_REPLACE names logical ids."""
    changes = [change(name, "Remove") for name in ("Links", "Files")]

    (sentence,) = lost(*changes, may_go=("Files",))

    assert sentence.startswith("  Links ")


def test_sentence_names_the_property() -> None:
    """Where CloudFormation says which one makes it another resource."""
    changed = change("Api", "Modify", "True", EndpointConfiguration="Never", ApiKeySourceType="Always")

    (sentence,) = lost(changed)

    assert "replaced (another ApiKeySourceType), and its address" in sentence
