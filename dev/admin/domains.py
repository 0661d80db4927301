"""``make domain``: what a domain is set to, for those who operate the service. It needs write access to the tables."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.domains import Domain, Domains
from dev.deploy import stack, stages

_OF_THE_SERVICE = ("BASE_URL", "OWN_HOSTS", "DOMAINS", "TARGET_HOSTS")
_TABLES = {"LINKS_TABLE": "LinksTable", "ACCESS_TABLE": "AccessTable", "CLICKS_TABLE": "ClicksTable"}
_TEXTS = {"UNKNOWN_URL": "unknownUrl", "BARE_URL": "bareUrl", "ENDED_URL": "endedUrl"}
_COLUMN = 24
_FILES = {"ASSETLINKS": "assetlinks", "APPLE": "appleAppSiteAssociation"}


def main() -> None:
    """Change or show the domain of HOST, in the stage of the arguments; every failure is one sentence."""
    stage, host, *given = sys.argv[1:]
    values = dict(each.split("=", 1) for each in given)
    cloud, outputs = stages.find(stage or "local")
    # Before the service is imported: it reads the environment once, at import, and creates its clients.
    os.environ.update({name: outputs[output] for name, output in _TABLES.items()})
    os.environ.update(AWS_DEFAULT_REGION=cloud.region, **settings_of(cloud, stage or "local"))
    from chalicelib.core.access import caller as callers
    from chalicelib.core.access.domain_change import DomainChange
    from chalicelib.errors import DomainInvalid, StoreUnavailable
    from chalicelib.settings import settings
    from chalicelib.usecases import domains, policies

    domain = settings.domains.named(host)
    if domain is None:
        known = ", ".join(each for found in _each_space() for each in domains.hosts_of(found))
        sys.exit(f"Which domain? make domain HOST=..., one of: {known}")
    operator = callers.operator("make domain")
    try:
        if values:
            change = DomainChange.from_json(_body(values), domain, policies.targets())
            domains.change(domain, change, operator, datetime.now(UTC))
            print("Changed; containers that remember it as it was follow within a minute.", file=sys.stderr)
        _print(domains.see(domain, operator))
    except DomainInvalid as refused:
        sys.exit("\n".join(f"{error.field}: {error.message}" for error in refused.errors))
    except StoreUnavailable as failure:
        sys.exit(f"A table does not answer: {failure.__cause__}")


def named(cloud: stack.Cloud, stage: str, host: str) -> Domain:
    """Return the domain of ``host`` in the service of ``stage``; without one, exit with one sentence."""
    found = settings_of(cloud, stage)
    others = filter(None, found.get("OWN_HOSTS", "").split(","))
    domain = Domains.from_text(found.get("DOMAINS", ""), found["BASE_URL"], others).called(host)
    if domain is None:
        sys.exit(f"No links are at {host}.")
    return domain


def settings_of(cloud: stack.Cloud, stage: str) -> dict[str, str]:
    """Return the settings of hosts that the service of ``stage`` has, whatever the working copy says."""
    function = f"{stack.name_of(stage)}-api"
    try:
        found = cloud.client("lambda").get_function_configuration(FunctionName=function, Qualifier="live")
    except (BotoCoreError, ClientError) as failure:
        sys.exit(f"The settings of {function} cannot be read: {failure}")
    variables: Mapping[str, str] = found["Environment"]["Variables"]
    return {name: variables[name] for name in _OF_THE_SERVICE if name in variables}


def _each_space() -> list[str]:
    from chalicelib.settings import settings

    return list(dict.fromkeys(domain.space for domain in settings.domains.active()))


def _body(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the values as the API takes them; an empty one clears."""
    body: dict[str, Any] = {field: values[name].strip() or None for name, field in _TEXTS.items() if name in values}
    if "WORKSPACES" in values:
        body["workspaces"] = [each.strip() for each in values["WORKSPACES"].split(",") if each.strip()]
    if "ROBOTS" in values:
        body["robots"] = _text_of(values["ROBOTS"])
    for name, field in _FILES.items():
        if name in values:
            text = _text_of(values[name])
            try:
                body[field] = None if text is None else json.loads(text)
            except ValueError as invalid:
                sys.exit(f"{values[name]} is no JSON: {invalid}")
    return body


def _text_of(file: str) -> str | None:
    if not file.strip():
        return None
    try:
        return Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        sys.exit(f"{file} cannot be read: {failure}")


def _print(shown: Mapping[str, Any]) -> None:
    for name, value in shown.items():
        print(f"{name:{_COLUMN}} {_spelled(value)}")


def _spelled(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value) or "none"
    if isinstance(value, str):
        return value.strip().replace("\n", f"\n{'':{_COLUMN}} ")
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
