"""``make up``, ``down``, ``deploy``, ``rollback``, ``destroy``: deploy the package, on this machine or on AWS."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from http.client import HTTPException
from itertools import product
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dev.admin import keys
from dev.deploy import front, package, quotas, release, smoke, stack, stages
from dev.deploy.domains import Host
from dev.local import adopt_tables, local_aws

_OF_TESTS = (OSError, HTTPException, ValueError, LookupError, TypeError)
_ONLY_LOCAL = {"LocalStream": "yes"}  # the local AWS does not name the one shard that it has
LOCAL = stack.name_of("local")
_SHARED = {
    "LINKS_TABLE": "LinksTable",
    "ACCESS_TABLE": "AccessTable",
    "CLICKS_TABLE": "ClicksTable",
    "CLICKS_QUEUE_URL": "ClicksQueueUrl",
    "FILES_BUCKET": "FilesBucket",
    "FILES_QUEUE_URL": "FilesQueueUrl",
}


def main() -> None:
    """Run the command of the first argument; every failure is one sentence."""
    command, *arguments = sys.argv[1:]
    commands: dict[str, Callable[..., object]] = {
        "up": up,
        "down": down,
        "beside": beside,
        "deploy": deploy,
        "rollback": rollback,
        "secret": change_secret,
        "destroy": destroy,
    }
    try:
        commands[command](*arguments)
    except (
        package.PackageRefused,
        stack.StackFailed,
        local_aws.LocalAwsFailed,
        smoke.SmokeFailed,
        release.Undone,
        keys.KeyNotMade,
    ) as failed:
        sys.exit(str(failed))


def up() -> None:
    """Deploy to the AWS on this machine, which is started if needed, and print the address of the API."""
    port = local_aws.port_from(os.environ, "AWS_PORT", local_aws.DEFAULT_PORT)
    state_dir = local_aws.state_dir_in(os.environ)
    if not local_aws.answers(port):
        print(f"Starting the local AWS on port {port} ...", flush=True)
        local_aws.start_detached(port, state_dir)
    local_aws.use(port)
    print("Packaging ...", flush=True)
    address = deploy_locally(package.build("local", for_this_machine=True, fresh=False), port)
    print(
        f"\nThe API is at {address}\n\nShorten something:\n  curl {address}/v1/links"
        """ -H 'Content-Type: application/json' -d '{"url": "https://en.wikipedia.org/wiki/URL_shortening"}'"""
        "\n\n`make down` stops it; the links are kept."
    )


def down() -> None:
    """Stop the AWS that ``up`` started; it keeps its state."""
    state_dir = local_aws.state_dir_in(os.environ)
    if not local_aws.stop_detached(state_dir):
        sys.exit("Nothing runs here that `make up` started.")
    print("Stopped; the links are kept.")


def beside() -> dict[str, str]:
    """Deploy the stack beside a local server, so that the real functions process queues and schedules.

    Expects the environment to name the local AWS and the server's BASE_URL. The server shares tables and queues:
    return the environment variables that it needs.
    """
    port = local_aws.port_in(os.environ)
    deploy_locally(package.build("local", for_this_machine=True, fresh=False), port, os.environ["BASE_URL"])
    made = stack.outputs(stack.Cloud("us-east-1"), LOCAL) or {}
    return {name: made[output] for name, output in _SHARED.items()}


def deploy_locally(built: package.Package, port: int, base_url: str = "") -> str:
    """Deploy ``built`` to the AWS at ``port``; short URLs begin with ``base_url``, or with the address of the API.

    Tables from before the stack are adopted. Return the address of the API. Expects the environment to name that AWS.
    """
    cloud = stack.Cloud("us-east-1")
    with adopt_tables.items(cloud.client("dynamodb"), set(built.tables), stack.tables(cloud, LOCAL)):
        return _deployed_locally(cloud, built, port, base_url)


def _deployed_locally(cloud: stack.Cloud, built: package.Package, port: int, base_url: str) -> str:
    made = stack.outputs(cloud, LOCAL) or stack.deploy(cloud, LOCAL, built, _ONLY_LOCAL, say=_silent)
    while True:
        address = local_aws.api_address(port, made["RestAPIId"])
        again = stack.deploy(cloud, LOCAL, built, {"BaseUrl": base_url or address, **_ONLY_LOCAL}, say=_silent)
        if again["RestAPIId"] == made["RestAPIId"]:
            return address
        made = again  # unlike AWS, it creates another API if the routes have changed


def deploy(stage: str, may_go: str = "") -> None:
    """Release the sources to a stage with progress, and print the outputs.

    ``may_go`` are, with commas between, the logical ids of what may be replaced or removed although it keeps data, and
    hosts that may lead elsewhere although they have links.
    """
    print(package.remark(stage), end="", flush=True)
    cloud = _checked(stage)
    stack.artifacts(cloud)  # before spending a minute on a package that could not be uploaded
    here = local_aws.is_local(os.environ)
    built = package.build(stage, for_this_machine=here, fresh=not here)
    parameters = quotas.fitted(cloud, package.parameters(stage))
    if front.has_distribution(built.content):
        print("That is for the API alone: what limits redirects behind CloudFront is in docs/front.md, Limits.")
    parameters |= {"Gradual": "off", **_ONLY_LOCAL} if here else {}  # the local AWS has no CodeDeploy
    tests = _tests(cloud, before_test=lambda: stack.complete_tables(cloud, built))
    names = [_logical_id(name.strip()) for name in may_go.split(",") if name.strip()]
    made = release.Release(cloud, stack.name_of(stage), tests, names).deploy(built, parameters)
    _print_outputs(made)
    for code in codes_reserved_now(cloud, made["LinksTable"]):
        print(
            f"The link /{code} has a code that is kept free for the service by now. It works; choose another in time."
        )


def _logical_id(name: str) -> str:
    return Host(name).logical_id if "." in name else name


def rollback(stage: str) -> None:
    """Release the code before to a stage: its tables, queues, files, names and settings stay as they are."""
    cloud = _checked(stage)
    _print_outputs(release.Release(cloud, stack.name_of(stage), _tests(cloud)).rollback())


def change_secret(stage: str) -> None:
    """Let the distribution of a stage prove itself with another secret."""
    cloud = _checked(stage)
    _print_outputs(release.Release(cloud, stack.name_of(stage), _tests(cloud)).change_secret())


def _tests(cloud: stack.Cloud, before_test: Callable[[], None] = lambda: None) -> release.Tests:
    """Return the smoke tests of a release, each with a key of its own for as long as it takes."""

    def temporary_key(made: Mapping[str, str]) -> AbstractContextManager[str]:
        return keys.temporary_key(cloud, made, "make-deploy", ("create",), timedelta(minutes=5))

    def by_invocation(made: Mapping[str, str], versions: Mapping[str, str]) -> None:
        with (
            _any_failure_told(),
            keys.temporary_key(cloud, made, "make-deploy", ("create",), timedelta(minutes=5)) as key,
        ):
            smoke.test_versions(cloud.client("lambda"), versions, made, key)

    def at_address(made: Mapping[str, str]) -> None:
        with _any_failure_told():
            before_test()
        address = stages.address(made)
        print(f"Trying it at {address} ...", flush=True)
        with (
            _any_failure_told(),
            keys.temporary_key(cloud, made, "make-deploy", ("create",), timedelta(minutes=5)) as key,
        ):
            smoke.test(address, made["BaseUrl"], key)
            if "FrontUrl" in made and not local_aws.is_local(os.environ):  # whose distributions apply no policies
                print(f"Trying it at {made['FrontUrl']} ...", flush=True)
                smoke.test(made["FrontUrl"], made["BaseUrl"], key)

    return release.Tests(by_invocation, at_address)


@contextmanager
def _any_failure_told() -> Iterator[None]:
    """Take whatever a test meets for its failure: no answer, one that is not JSON, no key."""
    try:
        yield
    except (*_OF_TESTS, BotoCoreError, ClientError, keys.KeyNotMade, stack.StackFailed) as failure:
        raise smoke.SmokeFailed(f"The test met {type(failure).__name__}: {failure}") from failure


def _print_outputs(made: Mapping[str, str]) -> None:
    print()
    for name, value in sorted(made.items()):
        print(f"  {name:16} {value}")
    print(f"\nIt works. Short URLs begin with {made['BaseUrl']}/")


def codes_reserved_now(cloud: stack.Cloud, table: str) -> list[str]:
    """Return the codes of links that were created before their code was reserved, in alphabetical order.

    Codes are case-sensitive and reserved words are not, so all spellings of a word are read: 4,000 keys, which is 40
    calls and a fraction of a cent, and does not grow with the number of links.
    """
    from chalicelib.core.links import codes  # imports shortid, which only creating links needs

    cases = [product(*({letter, letter.upper()} for letter in word)) for word in codes.RESERVED]
    words = ["".join(letters) for spellings in cases for letters in spellings]
    found: list[str] = []
    for first in range(0, len(words), 100):
        keys: Any = [{"code": {"S": word}} for word in words[first : first + 100]]
        while keys:
            request = {table: {"Keys": keys, "ProjectionExpression": "code, originalUrl"}}
            page = cloud.client("dynamodb").batch_get_item(RequestItems=request)
            found += [item["code"]["S"] for item in page["Responses"].get(table, []) if "originalUrl" in item]
            keys = page["UnprocessedKeys"].get(table, {}).get("Keys")
    return sorted(found)


def destroy(stage: str) -> None:
    """Delete a stage's stack; refuses while its tables are protected."""
    stack.destroy(_checked(stage), stack.name_of(stage))
    print(f"{stack.name_of(stage)} is gone.")


def _checked(stage: str) -> stack.Cloud:
    """Return the AWS to deploy to, once stage, region and credentials are checked."""
    if stage not in {"dev", "prod"}:
        sys.exit("Which stage? make deploy STAGE=dev, or STAGE=prod.")
    cloud = stack.Cloud(_region())
    try:
        account = cloud.account
    except (BotoCoreError, ClientError) as refused:
        sys.exit(f"AWS does not accept the credentials: {refused}")
    print(f"Stage {stage}, account {account}, region {cloud.region}.", flush=True)
    return cloud


def _region() -> str:
    """Return the region, once there are credentials for it."""
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 does not read it itself
        credentials = session.get_credentials()
    except BotoCoreError as missing:
        sys.exit(f"The AWS credentials cannot be read: {missing}")
    if session.region_name is None:
        sys.exit("Which region? Set AWS_REGION, eu-west-1 for example.")
    if credentials is None:
        sys.exit("There are no AWS credentials. Run `aws configure`, or set AWS_PROFILE to a profile that has them.")
    region: str = session.region_name
    return region


def _silent(_: str) -> None:
    """Print nothing."""
