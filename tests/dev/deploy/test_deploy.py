"""Stacks: every failure is one sentence, no foreign bucket is used, no missing table is queried."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from dev.deploy import commands, package, stack
from dev.local import tables


class Scripted(stack.Cloud):
    """A cloud with given clients, which respond from a script."""

    made: dict[str, Any] = {}  # noqa: RUF012  # set anew by each test that uses it

    def client(self, service: str) -> Any:
        """Return the scripted client."""
        return self.made[service]


@pytest.fixture
def scripts() -> Iterator[dict[str, Stubber]]:
    """A script for each service, empty."""
    clients = {name: boto3.client(name) for name in ("cloudformation", "dynamodb", "s3", "sts")}
    Scripted.made = clients
    stubbers = {name: Stubber(client) for name, client in clients.items()}
    for stubber in stubbers.values():
        stubber.activate()
    yield stubbers
    for stubber in stubbers.values():
        stubber.assert_no_pending_responses()


@pytest.fixture
def moto() -> Iterator[stack.Cloud]:
    """An AWS in this process."""
    with mock_aws():
        yield stack.Cloud("eu-west-1")


def small_package(folder: Path) -> package.Package:
    """Return a package with next to nothing in it."""
    small = package.Package(folder / "code.zip", folder / "template.json")
    small.code.write_bytes(b"code")
    small.api_code.write_bytes(b"code and more")
    small.template.write_text('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}')
    return small


def test_a_foreign_bucket_is_not_used(scripts: dict[str, Stubber]) -> None:
    """Its name can be guessed: the first to create it would receive our packages."""
    for _ in range(2):
        scripts["sts"].add_response("get_caller_identity", {"Account": "123456789012"})
    expected = {"Bucket": "shortener-artifacts-123456789012-eu-west-1", "ExpectedBucketOwner": "123456789012"}
    scripts["s3"].add_client_error("head_bucket", http_status_code=403, expected_params=expected)

    with pytest.raises(stack.StackFailed, match="is not this account's, or you may not use it"):
        stack.artifacts(Scripted("eu-west-1"))


def test_the_bucket_is_created_once_and_private(moto: stack.Cloud) -> None:
    """Public access is blocked, and the next deployment finds it."""
    name = stack.artifacts(moto)

    assert stack.artifacts(moto) == name
    shut = moto.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert all(shut.values())


def test_a_failed_upload_is_one_sentence(moto: stack.Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """boto3 has its own exception for it, which no other call raises."""
    monkeypatch.setattr(stack, "artifacts", lambda _: "never-made")

    with pytest.raises(stack.StackFailed, match="Failed to upload"):
        stack.deploy(moto, "shortener-dev", small_package(tmp_path), {}, say=lambda _: None)


def test_an_upload_goes_to_this_account_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The bucket may have been replaced between the check and the upload."""
    sent: list[Any] = []
    with mock_aws():
        cloud = stack.Cloud("eu-west-1")
        client = cloud.s3
        client.meta.events.register("provide-client-params.s3.PutObject", lambda params, **_: sent.append(params))
        monkeypatch.setattr(stack.Cloud, "s3", client)
        stack.deploy(cloud, "shortener-dev", small_package(tmp_path), {}, say=lambda _: None)

    assert [each["ExpectedBucketOwner"] for each in sent] == ["123456789012"] * 3


def test_the_bucket_is_checked_before_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that cannot be uploaded is not built, which takes a minute."""

    def refuse(_: stack.Cloud) -> str:
        raise stack.StackFailed("no bucket")

    monkeypatch.setattr(commands, "_checked", lambda _: stack.Cloud("eu-west-1"))
    monkeypatch.setattr(stack, "artifacts", refuse)
    monkeypatch.setattr(package, "build", lambda *_, **__: pytest.fail("It was built."))

    with pytest.raises(stack.StackFailed, match="no bucket"):
        commands.deploy("prod")


def test_the_rest_of_a_failed_creation_can_be_deleted(scripts: dict[str, Stubber]) -> None:
    """Its tables were deleted, kept, or never created: none is checked for protection."""
    there = {"StackName": "shortener-dev", "StackStatus": "ROLLBACK_COMPLETE", "CreationTime": "2026-11-24T00:00:00Z"}
    table = {"ResourceType": "AWS::DynamoDB::Table", "LastUpdatedTimestamp": "2026-11-24T00:00:00Z"}
    cloudformation = scripts["cloudformation"]
    for _ in range(2):
        cloudformation.add_response("describe_stacks", {"Stacks": [there]})
    resources = [
        {"LogicalResourceId": "Deleted", "PhysicalResourceId": "a", "ResourceStatus": "DELETE_COMPLETE", **table},
        {"LogicalResourceId": "Kept", "PhysicalResourceId": "b", "ResourceStatus": "DELETE_SKIPPED", **table},
        {"LogicalResourceId": "NeverMade", "ResourceStatus": "CREATE_FAILED", **table},
        {"LogicalResourceId": "Vanished", "PhysicalResourceId": "c", "ResourceStatus": "CREATE_COMPLETE", **table},
    ]
    for _ in range(2):
        cloudformation.add_response("list_stack_resources", {"StackResourceSummaries": resources})
    scripts["dynamodb"].add_client_error(
        "describe_table", "ResourceNotFoundException", expected_params={"TableName": "c"}
    )
    cloudformation.add_response("describe_stack_events", {"StackEvents": []})
    cloudformation.add_response("delete_stack", {})
    cloudformation.add_client_error("describe_stacks", "ValidationError", "Stack does not exist")

    stack.destroy(Scripted("eu-west-1"), "shortener-dev", say=lambda _: None)


@pytest.mark.parametrize(
    ("stage", "environ", "sentence"),
    [
        ("", {}, "Which stage?"),
        ("local", {}, "Which stage?"),
        ("prod", {}, "Which region?"),
        ("prod", {"AWS_REGION": "eu-west-1"}, "There are no AWS credentials."),
        (
            "prod",
            {"AWS_REGION": "eu-west-1", "AWS_PROFILE": "nope"},
            "The AWS credentials cannot be read: The config",
        ),
    ],
)
def test_missing_settings_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, stage: str, environ: dict[str, str], sentence: str
) -> None:
    """Stage, region, credentials: each by name, before anything is built."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nothing = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "HOME": "/nowhere"}
    for name, value in (nothing | environ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["deploy", "deploy", stage])

    with pytest.raises(SystemExit) as refused:
        commands.main()

    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


def test_links_with_reserved_codes_are_reported() -> None:
    """Existing ones; not what is left of a deleted link."""
    with mock_aws():
        tables.create(boto3.client("dynamodb", "eu-west-1"))
        items = {
            "app": "https://example.com/",
            "Docs": "https://example.com/",
            "V2": "https://example.com/",
            "wEll-knOwn": "https://example.com/",
            "mine": "x",
        }
        for code, url in items.items():
            put(code, {"originalUrl": {"S": url}})
        put("tags", {"deletedAt": {"S": "2026-11-24T12:00:00.000Z"}})

        found = commands.codes_reserved_now(stack.Cloud("eu-west-1"), "url-shortener")

    assert found == ["Docs", "V2", "app", "wEll-knOwn"]


def put(code: str, attributes: dict[str, Any]) -> None:
    """Store an item of the table of links."""
    boto3.client("dynamodb", "eu-west-1").put_item(TableName="url-shortener", Item={"code": {"S": code}, **attributes})
