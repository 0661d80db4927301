"""Where a stage is: the AWS it was deployed to, and what its stack says of itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dev import local_aws, stack


def find(stage: str) -> tuple[stack.Cloud, dict[str, str]]:
    """Return the AWS of ``stage``, and the outputs of its stack; says in one sentence why it cannot.

    ``local`` is the AWS on this machine, which `make run` and `make up` start.
    """
    if stage == "local":
        port = local_aws.port_from(os.environ, "AWS_PORT", 4566)
        if not local_aws.answers(port):
            sys.exit(f"No local AWS answers on port {port}. Start it: make run, or make up. For AWS itself: STAGE=prod")
        os.environ.update(local_aws.environment(port))
    region = boto3.Session(region_name=os.environ.get("AWS_REGION")).region_name
    if region is None:
        sys.exit("Which region? Set AWS_REGION, eu-west-1 for example.")
    cloud = stack.Cloud(region)
    try:
        made = stack.outputs(cloud, stack.name_of(stage))
    except (BotoCoreError, ClientError) as failure:
        sys.exit(f"AWS does not answer as it should: {failure}")
    if made is None:
        sys.exit(f"There is no stack {stack.name_of(stage)} in {region}.")
    return cloud, made


def address(made: Mapping[str, str]) -> str:
    """Return where the API of a stage answers, whatever name its short URLs have; ``made`` are outputs of its stack."""
    if local_aws.is_local(os.environ):
        return local_aws.api_address(local_aws.port_in(os.environ), made["RestAPIId"])
    return made["EndpointURL"].rstrip("/")
