"""The AWS that a stage is deployed to, and the outputs of its stack."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dev.deploy import stack
from dev.local import local_aws


def find(stage: str) -> tuple[stack.Cloud, dict[str, str]]:
    """Return the AWS of ``stage``, and the outputs of its stack; exit with one sentence if there is none.

    ``local`` is the AWS on this machine, which `make run` and `make up` start.
    """
    if stage == "local":
        try:
            port = local_port(os.environ)
        except local_aws.LocalAwsFailed as failed:
            sys.exit(str(failed))
        local_aws.use(port)
    region = boto3.Session(region_name=os.environ.get("AWS_REGION")).region_name
    if region is None:
        sys.exit("Which region? Set AWS_REGION, eu-west-1 for example.")
    cloud = stack.Cloud(region)
    try:
        made = stack.outputs(cloud, stack.name_of(stage))
    except (BotoCoreError, ClientError) as failure:
        sys.exit(f"AWS does not answer as it should: {failure}")
    if made is None and stage == "local":
        sys.exit(f"Nothing is deployed to the local AWS on port {port} yet: make run and make up do that.")
    if made is None:
        sys.exit(f"There is no stack {stack.name_of(stage)} in {region}.")
    return cloud, made


def local_port(environ: Mapping[str, str]) -> int:
    """Return the port of the running local AWS: AWS_PORT, else that of STATE_DIR, else the default one.

    Raises:
        LocalAwsFailed: none responds there; the message names the running one, or how to start one.
    """
    state_dir = local_aws.state_dir_in(environ)
    running = local_aws.port_of(state_dir)
    port = local_aws.port_from(environ, "AWS_PORT", running or local_aws.DEFAULT_PORT)
    if local_aws.answers(port):
        return port
    if running is not None:
        raise local_aws.LocalAwsFailed(
            f"No local AWS answers on port {port}, but the one whose state is in {state_dir} answers on port {running}:"
            f" say AWS_PORT={running}, or leave AWS_PORT out."
        )
    raise local_aws.LocalAwsFailed(
        f"No local AWS runs with its state in {state_dir}, nor answers on port {port}. Start it: make run, or make up."
        " If it was started with another STATE_DIR or AWS_PORT, say the same here. For AWS itself: STAGE=prod"
    )


def address(made: Mapping[str, str]) -> str:
    """Return the address of the API itself, whatever domain short URLs have; ``made`` are the outputs of the stack."""
    if local_aws.is_local(os.environ):
        return local_aws.api_address(local_aws.port_in(os.environ), made["RestAPIId"])
    return made["EndpointURL"].rstrip("/")
