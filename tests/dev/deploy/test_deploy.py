"""Stacks: what is in the way is one sentence, nobody else's bucket is used, nothing that is gone is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from dev import deploy, package, stack


class Scripted(stack.Cloud):
    """A cloud whose clients were made before, to answer from a script."""

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
    small.template.write_text('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}')
    return small


def test_a_bucket_of_somebody_else_is_not_used(scripts: dict[str, Stubber]) -> None:
    """Its name can be guessed: whoever makes it first would be handed our packages."""
    for _ in range(2):
        scripts["sts"].add_response("get_caller_identity", {"Account": "123456789012"})
    wanted = {"Bucket": "shortener-artifacts-123456789012-eu-west-1", "ExpectedBucketOwner": "123456789012"}
    scripts["s3"].add_client_error("head_bucket", http_status_code=403, expected_params=wanted)

    with pytest.raises(stack.StackFailed, match="is not this account's, or you may not use it"):
        stack.artifacts(Scripted("eu-west-1"))


def test_the_bucket_is_made_once_and_shut(moto: stack.Cloud) -> None:
    """The public gets nothing of it, and the next deployment finds it."""
    name = stack.artifacts(moto)

    assert stack.artifacts(moto) == name
    shut = moto.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert all(shut.values())


def test_an_upload_that_fails_is_one_sentence(
    moto: stack.Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """boto3 has an exception of its own for it, which no other call raises."""
    monkeypatch.setattr(stack, "artifacts", lambda _: "never-made")

    with pytest.raises(stack.StackFailed, match="Failed to upload"):
        stack.deploy(moto, "shortener-dev", small_package(tmp_path), {}, say=lambda _: None)


def test_an_upload_goes_to_this_account_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Between the look at the bucket and the upload it may have become another's."""
    sent: list[Any] = []
    with mock_aws():
        cloud = stack.Cloud("eu-west-1")
        client = cloud.s3
        client.meta.events.register("provide-client-params.s3.PutObject", lambda params, **_: sent.append(params))
        monkeypatch.setattr(stack.Cloud, "s3", client)
        stack.deploy(cloud, "shortener-dev", small_package(tmp_path), {}, say=lambda _: None)

    assert [each["ExpectedBucketOwner"] for each in sent] == ["123456789012"] * 2


def test_the_bucket_is_seen_to_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of building is not spent on a package that cannot be put anywhere."""

    def refuse(_: stack.Cloud) -> str:
        raise stack.StackFailed("no bucket")

    monkeypatch.setattr(deploy, "_checked", lambda _: stack.Cloud("eu-west-1"))
    monkeypatch.setattr(stack, "artifacts", refuse)
    monkeypatch.setattr(package, "build", lambda *_, **__: pytest.fail("It was built."))

    with pytest.raises(stack.StackFailed, match="no bucket"):
        deploy.deploy("prod")


def test_what_a_failed_creation_left_behind_can_go(scripts: dict[str, Stubber]) -> None:
    """Its tables are deleted, or kept, or were never made: none of them is asked whether it is protected."""
    there = {"StackName": "shortener-dev", "StackStatus": "ROLLBACK_COMPLETE", "CreationTime": "2026-11-24T00:00:00Z"}
    table = {"ResourceType": "AWS::DynamoDB::Table", "Timestamp": "2026-11-24T00:00:00Z"}
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
        cloudformation.add_response("describe_stack_resources", {"StackResources": resources})
    scripts["dynamodb"].add_client_error(
        "describe_table", "ResourceNotFoundException", expected_params={"TableName": "c"}
    )
    cloudformation.add_response("describe_stack_events", {"StackEvents": []})
    cloudformation.add_response("delete_stack", {})
    cloudformation.add_client_error("describe_stacks", "ValidationError", "Stack does not exist")

    stack.destroy(Scripted("eu-west-1"), "shortener-dev", say=lambda _: None)
