"""Deploys a stack, from the package to the outputs: the same code for AWS and for the AWS on this machine.

Upload under the digest of the content, create one change set, execute it, follow the events. If a call fails, the
reason is one sentence; if the stack fails, it is CloudFormation's.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from dev.deploy import adopted_tables, change_sets, versions
from dev.local import local_aws

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

    from dev.deploy.package import Package

Template = dict[str, Any]
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_UNDER_WAY = "_IN_PROGRESS"
_NEVER_CREATED = {"REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_COMPLETE"}
Say = Callable[[str], None]
SPACES = {"reads": "spaces"}
FRONT = {"front": "known"}
"""Written beside each package: what its code can read that code of earlier versions would read wrong, or not at all."""
AS_IT_IS = "(as it is)"
"""In the place of a parameter's value that CloudFormation shows nobody: it keeps the one it has."""


class StackFailed(Exception):
    """The stack could not be deployed or deleted; the message says why, for a person."""


def name_of(stage: str) -> str:
    """Return the name of a stage's stack."""
    return f"shortener-{stage}"


@dataclass(frozen=True)
class Cloud:
    """The AWS that the environment names: its credentials, and AWS_ENDPOINT_URL if it is on this machine."""

    region: str

    def client(self, service: str) -> Any:
        """Return a client of ``service``."""
        return boto3.client(service, region_name=self.region)

    @property
    def cloudformation(self) -> CloudFormationClient:
        """Return a client of CloudFormation."""
        client: CloudFormationClient = self.client("cloudformation")
        return client

    @property
    def s3(self) -> S3Client:
        """Return a client of S3."""
        client: S3Client = self.client("s3")
        return client

    @property
    def account(self) -> str:
        """Return the account number; this call also checks the credentials."""
        number: str = self.client("sts").get_caller_identity()["Account"]
        return number

    @property
    def poll_seconds(self) -> float:
        """Return the seconds between two polls."""
        return 0.1 if local_aws.is_here(self.s3.meta.endpoint_url) else 2.0


@dataclass(frozen=True)
class Revision:
    """What a stack is, or is to be: its template, and the values of its parameters."""

    template: Template
    parameters: Mapping[str, str]


def deploy(
    cloud: Cloud, name: str, package: Package, parameters: Mapping[str, str], say: Say = print
) -> dict[str, str]:
    """Create or update the stack ``name`` in one step and return its outputs. Nothing to change is success.

    For stages that people use: `release.deploy`.

    Raises:
        StackFailed
    """
    values = {**parameters, **uploaded(cloud, package, say)}
    template = versions.named(package.content, parameters, package.digests)
    return change(cloud, name, Revision(template, values), say=say)


def uploaded(cloud: Cloud, package: Package, say: Say = print) -> dict[str, str]:
    """Upload both zips of a package, and return the parameters that name them.

    Raises:
        StackFailed
    """
    bucket = artifacts(cloud)
    with translating_errors():
        keys = {
            name: _upload(cloud, bucket, package.zips[name], digest, say) for name, digest in package.digests.items()
        }
        _keep_versions(cloud, bucket)
        return {"ArtifactBucket": bucket, **keys}


def change(
    cloud: Cloud,
    name: str,
    target: Revision,
    *,
    before: Revision | None = None,
    may_go: Collection[str] = (),
    say: Say = print,
) -> dict[str, str]:
    """Create the stack ``name`` as ``target``, or change it to that; return its outputs.

    If it is given as it was ``before``, nothing that keeps data or a name may be replaced or removed, but ``may_go``:
    logical ids.

    Raises:
        StackFailed: also for a change that is refused; nothing has changed then.
    """
    bucket = artifacts(cloud)
    with translating_errors():
        url = _upload_template(cloud, bucket, target.template)

        def check(changes: Sequence[Any]) -> None:
            if before is None:
                return
            lost = list(change_sets.losses(changes, before.template, target.template, may_go))
            if lost:
                raise StackFailed("\n".join([f"{name} is not changed, for this would be lost:", *lost]))

        if before is not None:
            _set_policy(cloud, name, may_go)
        return _applied(cloud, name, url, target.parameters, say, check)


def deployed(cloud: Cloud, name: str) -> Revision | None:
    """Return the stack ``name`` as it is, or None if there is none whose creation succeeded.

    Raises:
        StackFailed
    """
    with translating_errors():
        stack = _described(cloud, name)
        if stack is None or stack["StackStatus"] in _NEVER_CREATED:
            return None
        body: Any = cloud.cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
        parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
        hidden = {name for name, each in template.get("Parameters", {}).items() if each.get("NoEcho")}
        return Revision(template, {**parameters, **dict.fromkeys(hidden, AS_IT_IS)})


def parameters_of(cloud: Cloud, name: str) -> Mapping[str, str]:
    """Return the parameters of the stack ``name``, or none if there is no such stack.

    Raises:
        StackFailed
    """
    found = deployed(cloud, name)
    return {} if found is None else found.parameters


def is_at_rest(cloud: Cloud, name: str) -> bool:
    """Tell whether the stack ``name`` can be changed: its last change has ended, or has been undone."""
    with translating_errors():
        stack = _described(cloud, name)
        return stack is not None and stack["StackStatus"] in _DONE | {"UPDATE_ROLLBACK_COMPLETE"}


def has_object(cloud: Cloud, bucket: str, key: str) -> bool:
    """Tell whether a bucket of this account has an object.

    Raises:
        StackFailed
    """
    with translating_errors():
        try:
            cloud.s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=cloud.account)
        except ClientError as missing:
            if missing.response["ResponseMetadata"]["HTTPStatusCode"] == 404:  # noqa: PLR2004  # no object
                return False
            raise
        return True


def reads(cloud: Cloud, bucket: str, key: str, what: Mapping[str, str]) -> bool:
    """Tell whether the code that was uploaded as ``key`` can read ``what``; False: or it is gone.

    Raises:
        StackFailed
    """
    with translating_errors():
        if not has_object(cloud, bucket, key):
            return False
        found = cloud.s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=cloud.account)
        return found["Metadata"].items() >= what.items()


def resources(cloud: Cloud, name: str, kind: str) -> dict[str, str]:
    """Return the physical ids of the resources of type ``kind`` of the stack ``name``, by their logical ids.

    Raises:
        StackFailed
    """
    with translating_errors():
        return _of_type(cloud, name, kind)


def outputs(cloud: Cloud, name: str) -> dict[str, str] | None:
    """Return the outputs of the stack ``name``, or None if there is none."""
    stack = _described(cloud, name)
    return None if stack is None else {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def complete_tables(cloud: Cloud, package: Package, say: Say = print) -> None:
    """Change tables that existed before the stack to match the template.

    Raises:
        StackFailed
    """
    with translating_errors():
        for expected in package.tables.values():
            adopted_tables.complete(cloud.client("dynamodb"), expected, cloud.poll_seconds, say)


def tables(cloud: Cloud, name: str) -> set[str]:
    """Return the names of the tables that the stack ``name`` would delete with it."""
    if _described(cloud, name) is None:
        return set()
    return set(_of_type(cloud, name, "AWS::DynamoDB::Table").values())


def destroy(cloud: Cloud, name: str, say: Say = print) -> None:
    """Delete the stack ``name``; refuses while a table of it is protected.

    Raises:
        StackFailed
    """
    with translating_errors():
        if _described(cloud, name) is None:
            raise StackFailed(f"There is no stack {name} in {cloud.region}.")
        protected = [table for table in sorted(tables(cloud, name)) if _is_protected(cloud, table)]
        if protected:
            raise StackFailed(
                f"Deletion protection is on for {', '.join(protected)}. Switch it off first, table by table:"
                f" aws dynamodb update-table --no-deletion-protection-enabled --table-name {protected[0]}"
            )
        for bucket in sorted(_of_type(cloud, name, "AWS::S3::Bucket").values()):
            say(f"Emptying {bucket} ...")
            _empty(cloud, bucket)
        _delete(cloud, name, say)


def artifacts(cloud: Cloud) -> str:
    """Return the bucket for packages of this account and region; it is created if missing, with public access blocked.

    Raises:
        StackFailed: also if the bucket of that name belongs to another account, which could replace packages.
    """
    name, s3 = f"shortener-artifacts-{cloud.account}-{cloud.region}", cloud.s3
    with translating_errors():
        try:
            s3.head_bucket(Bucket=name, ExpectedBucketOwner=cloud.account)
        except ClientError as refused:
            status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 403:  # noqa: PLR2004  # the bucket of another account
                raise StackFailed(f"The bucket {name} is not this account's, or you may not use it.") from refused
            if status != 404:  # noqa: PLR2004  # no bucket
                raise
            _make_bucket(cloud, name)
    return name


def _of_type(cloud: Cloud, name: str, kind: str) -> dict[str, str]:
    """Return the physical ids of the resources of type ``kind`` that the stack would delete with it, by logical ids."""
    pages = cloud.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == kind
        and resource.get("PhysicalResourceId")  # a resource that was never created has none
        and resource["ResourceStatus"] not in {"DELETE_COMPLETE", "DELETE_SKIPPED"}
    }


def _empty(cloud: Cloud, bucket: str) -> None:
    """Delete all objects of a bucket: CloudFormation deletes only empty buckets."""
    for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        there = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects: Any = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in there]
        if objects:
            cloud.s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def _make_bucket(cloud: Cloud, name: str) -> None:
    place: Any = {"LocationConstraint": cloud.region}
    extra: Any = {} if cloud.region == "us-east-1" else {"CreateBucketConfiguration": place}
    cloud.s3.create_bucket(Bucket=name, **extra)
    closed: Any = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    cloud.s3.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=closed, ExpectedBucketOwner=cloud.account
    )


def _keep_versions(cloud: Cloud, name: str) -> None:
    """Keep what is overwritten or deleted for 30 days: packages are small, and `make rollback` needs the one before."""
    owner: Any = {"Bucket": name, "ExpectedBucketOwner": cloud.account}
    cloud.s3.put_bucket_versioning(**owner, VersioningConfiguration={"Status": "Enabled"})
    everything: Any = {"Filter": {"Prefix": ""}, "Status": "Enabled"}
    rules: Any = [
        {"ID": "replaced", **everything, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
        {"ID": "leftovers", **everything, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
    ]
    cloud.s3.put_bucket_lifecycle_configuration(**owner, LifecycleConfiguration={"Rules": rules})


def _upload(cloud: Cloud, bucket: str, zipped: Path, digest: str, say: Say) -> str:
    key = f"code/{digest}.zip"
    say(f"Uploading {zipped.stat().st_size / 1e6:.1f} MB to {bucket} ...")
    extra: Any = {"ExpectedBucketOwner": cloud.account, "Metadata": SPACES | FRONT}
    cloud.s3.upload_file(str(zipped), bucket, key, ExtraArgs=extra)
    return key


def _upload_template(cloud: Cloud, bucket: str, template: Mapping[str, Any]) -> str:
    """Upload a template under the digest of its content, and return its address."""
    content = json.dumps(template, indent=1, sort_keys=True).encode()
    key = f"template/{hashlib.sha256(content).hexdigest()[:16]}.json"
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=content, ExpectedBucketOwner=cloud.account)
    return f"{cloud.s3.meta.endpoint_url}/{bucket}/{key}"


def _set_policy(cloud: Cloud, name: str, may_go: Collection[str]) -> None:
    """Let CloudFormation itself refuse what `change_sets` may overlook: the loss of what keeps data or a name."""
    named = [f"LogicalResourceId/{each}" for each in sorted(may_go)]
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["Update:Replace", "Update:Delete"],
            **({"NotResource": named} if named else {"Resource": "*"}),
            "Condition": {"StringEquals": {"ResourceType": sorted(change_sets.KEEPING)}},
        },
    ]
    cloud.cloudformation.set_stack_policy(StackName=name, StackPolicyBody=json.dumps({"Statement": statements}))


def _applied(
    cloud: Cloud,
    name: str,
    template_url: str,
    parameters: Mapping[str, str],
    say: Say,
    check: Callable[[Sequence[Any]], None],
) -> dict[str, str]:
    cloudformation = cloud.cloudformation
    stack = _described(cloud, name)
    if stack is not None and stack["StackStatus"] == "ROLLBACK_COMPLETE":
        say(f"Removing what a failed creation of {name} left behind ...")
        _delete(cloud, name, say)
        stack = None
    is_new = stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    change = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=f"deploy-{time.time_ns()}",
        ChangeSetType="CREATE" if is_new else "UPDATE",
        TemplateURL=template_url,
        Parameters=[
            {"ParameterKey": key, **({"UsePreviousValue": True} if value == AS_IT_IS else {"ParameterValue": value})}
            for key, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_IAM"],
        ImportExistingResources=True,  # tables from before the stack, or that outlived it
    )["Id"]
    if not _is_ready(cloud, change):
        say(f"{name} is up to date.")
        cloudformation.delete_change_set(ChangeSetName=change)
        return outputs(cloud, name) or {}
    try:
        check(_changes(cloud, change))
    except StackFailed:
        cloudformation.delete_change_set(ChangeSetName=change)
        raise
    say(f"{'Creating' if is_new else 'Updating'} {name} ...")
    seen = {event["EventId"] for event in _events(cloud, name)}
    cloudformation.execute_change_set(ChangeSetName=change)
    return _finished(cloud, name, seen, say)


def _changes(cloud: Cloud, change: str) -> list[Any]:
    """Return all changes of a change set, whatever its number of pages."""
    pages = cloud.cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change)
    return [each for page in pages for each in page.get("Changes", [])]


def _is_ready(cloud: Cloud, change: str) -> bool:
    """Wait for the change set; return False if it would change nothing."""
    while True:
        described = cloud.cloudformation.describe_change_set(ChangeSetName=change)
        if described["Status"] == "CREATE_COMPLETE":
            return True
        reason = described.get("StatusReason", "")
        if described["Status"] == "FAILED":
            if "didn't contain changes" in reason or "No updates" in reason:
                return False
            raise StackFailed(f"CloudFormation refuses the change: {reason}")
        time.sleep(cloud.poll_seconds)


def _finished(cloud: Cloud, name: str, seen: set[str], say: Say) -> dict[str, str]:
    while True:
        failed = _report(cloud, name, seen, say)
        stack = _described(cloud, name)
        status = "DELETED" if stack is None else stack["StackStatus"]
        if not status.endswith(_UNDER_WAY):
            break
        time.sleep(cloud.poll_seconds)
    failed += _report(cloud, name, seen, say)
    if status not in _DONE:
        raise StackFailed(f"{name} is {status}: {'; '.join(failed) or 'its events say why'}")
    return outputs(cloud, name) or {}


def _delete(cloud: Cloud, name: str, say: Say) -> None:
    seen = {event["EventId"] for event in _events(cloud, name)}
    cloud.cloudformation.delete_stack(StackName=name)
    while (stack := _described(cloud, name)) is not None and stack["StackStatus"] != "DELETE_COMPLETE":
        _report(cloud, name, seen, say)
        if stack["StackStatus"] == "DELETE_FAILED":
            raise StackFailed(f"{name} could not be deleted: {stack.get('StackStatusReason', 'see its events')}")
        time.sleep(cloud.poll_seconds)


def _report(cloud: Cloud, name: str, seen: set[str], say: Say) -> list[str]:
    """Print the events since the last poll; return the reasons of failures."""
    failed = []
    for event in reversed([event for event in _events(cloud, name) if event["EventId"] not in seen]):
        seen.add(event["EventId"])
        status, reason = event.get("ResourceStatus", ""), event.get("ResourceStatusReason", "")
        if not status.endswith(_UNDER_WAY):
            say(f"  {status:24} {event.get('LogicalResourceId', '')}  {reason}".rstrip())
        if status.endswith("_FAILED"):
            failed.append(f"{event.get('LogicalResourceId', '')}: {reason}")
    return failed


def _events(cloud: Cloud, name: str) -> list[Any]:
    try:
        events: list[Any] = cloud.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    except ClientError as missing:
        if _does_not_exist(missing):
            return []
        raise
    return events


def _described(cloud: Cloud, name: str) -> Any:
    try:
        return cloud.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as missing:
        if _does_not_exist(missing):
            return None
        raise


def _does_not_exist(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error)


def _is_protected(cloud: Cloud, table: str) -> bool:
    dynamodb = cloud.client("dynamodb")
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return False
    return bool(described.get("DeletionProtectionEnabled"))


@contextmanager
def translating_errors() -> Iterator[None]:
    """Raise ``StackFailed`` with the words of what AWS, or the way to it, answers."""
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as failure:
        raise StackFailed(str(failure)) from failure
