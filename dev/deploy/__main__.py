"""``make up``, ``down``, ``deploy``, ``destroy``: the package becomes a stack, on this machine or on AWS."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dev import adopt, keys, local_aws, package, smoke, stack, stages

ROOT = Path(__file__).parent.parent
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
    """Do what the first argument says; every failure is one sentence."""
    doing, *arguments = sys.argv[1:]
    deeds: dict[str, Callable[..., object]] = {
        "up": up,
        "down": down,
        "beside": beside,
        "deploy": deploy,
        "destroy": destroy,
    }
    try:
        deeds[doing](*arguments)
    except (
        package.PackageRefused,
        stack.StackFailed,
        local_aws.LocalAwsFailed,
        smoke.SmokeFailed,
        keys.KeyNotMade,
    ) as failed:
        sys.exit(str(failed))


def up() -> None:
    """Deploy to the AWS on this machine, started if it is not there, and print where the API is."""
    port = local_aws.port_from(os.environ, "AWS_PORT", 4566)
    state_dir = Path(os.environ.get("STATE_DIR") or ROOT / ".local").resolve()
    if not local_aws.answers(port):
        print(f"Starting the local AWS on port {port} ...", flush=True)
        local_aws.start_detached(port, state_dir)
    os.environ.update(local_aws.environment(port))
    print("Packaging ...", flush=True)
    address = deploy_locally(package.build("local", for_this_machine=True, fresh=False), port)
    print(
        f"\nThe API is at {address}\n\nShorten something:\n  curl {address}/links"
        """ -H 'Content-Type: application/json' -d '{"url": "https://en.wikipedia.org/wiki/URL_shortening"}'"""
        "\n\n`make down` stops it; the links are kept."
    )


def down() -> None:
    """Stop the AWS that ``up`` started, so that it keeps its state."""
    state_dir = Path(os.environ.get("STATE_DIR") or ROOT / ".local").resolve()
    if not local_aws.stop_detached(state_dir):
        sys.exit("Nothing runs here that `make up` started.")
    print("Stopped; the links are kept.")


def beside() -> dict[str, str]:
    """Deploy the stack beside a local server, so that what HTTP does not reach is done by the real functions.

    Expects the environment to name the local AWS and the server's BASE_URL. Tables and queue are the server's as well:
    returns what it must find in its environment.
    """
    port = local_aws.port_in(os.environ)
    deploy_locally(package.build("local", for_this_machine=True, fresh=False), port, os.environ["BASE_URL"])
    made = stack.outputs(stack.Cloud("us-east-1"), LOCAL) or {}
    return {name: made[output] for name, output in _SHARED.items()}


def deploy_locally(built: package.Package, port: int, base_url: str = "") -> str:
    """Deploy ``built`` to the AWS at ``port``; short URLs begin with ``base_url``, or with the API's own address there.

    Tables from before there was a stack are taken over. Returns the API's address. Expects the environment to name
    that AWS.
    """
    cloud = stack.Cloud("us-east-1")
    with adopt.items(cloud.client("dynamodb"), set(built.tables), stack.tables(cloud, LOCAL)):
        return _deployed_locally(cloud, built, port, base_url)


def _deployed_locally(cloud: stack.Cloud, built: package.Package, port: int, base_url: str) -> str:
    made = stack.outputs(cloud, LOCAL) or stack.deploy(cloud, LOCAL, built, {}, say=_nothing)
    while True:
        address = local_aws.api_address(port, made["RestAPIId"])
        again = stack.deploy(cloud, LOCAL, built, {"BaseUrl": base_url or address}, say=_nothing)
        if again["RestAPIId"] == made["RestAPIId"]:
            return address
        made = again  # unlike AWS, it makes another API where the routes have changed


def deploy(stage: str) -> None:
    """Deploy a stage, show how far it is, print the outputs, and see that what was deployed works."""
    cloud = _checked(stage)
    stack.artifacts(cloud)  # before a minute goes into a package that could not be put anywhere
    built = package.build(stage, for_this_machine=local_aws.is_local(os.environ))
    made = stack.deploy(cloud, stack.name_of(stage), built, package.parameters(stage))
    stack.complete_tables(cloud, built)
    print()
    for name, value in sorted(made.items()):
        print(f"  {name:16} {value}")
    address = stages.address(made)
    print(f"\nTrying it at {address} ...", flush=True)
    with keys.for_a_while(cloud, made, "make-deploy", ("create",), timedelta(minutes=5)) as key:
        smoke.test(address, made["BaseUrl"], key)
    print(f"It works. Short URLs begin with {made['BaseUrl']}/")


def destroy(stage: str) -> None:
    """Delete a stage's stack; refuses while its tables are protected."""
    stack.destroy(_checked(stage), stack.name_of(stage))
    print(f"{stack.name_of(stage)} is gone.")


def _checked(stage: str) -> stack.Cloud:
    """Return where to deploy to, once everything that is needed is there."""
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
    """Return the region, once there are credentials to go there with."""
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # the one name boto3 does not know by itself
        credentials = session.get_credentials()
    except BotoCoreError as missing:
        sys.exit(f"The AWS credentials cannot be read: {missing}")
    if session.region_name is None:
        sys.exit("Which region? Set AWS_REGION, eu-west-1 for example.")
    if credentials is None:
        sys.exit("There are no AWS credentials. Run `aws configure`, or set AWS_PROFILE to a profile that has them.")
    region: str = session.region_name
    return region


def _nothing(_: str) -> None:
    """Say nothing."""


if __name__ == "__main__":
    main()
