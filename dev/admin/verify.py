"""``make verify STAGE=dev``: ask AWS what only AWS can tell, and print a report for an issue.

Safe for a stage that people use: it follows links of its own, which expire within minutes and are deleted at the end.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore
from botocore.exceptions import BotoCoreError, ClientError

from dev.admin import keys
from dev.admin.checks import listed, of_functions
from dev.admin.checks.check import Check, Finding, Verdict, report_of
from dev.admin.checks.stage import FRONT, GATEWAY, URL, Stage
from dev.deploy import stack, stages
from dev.local import local_aws
from dev.paths import ROOT

_SCOPES = ("create", "read", "manage")
_OWNER = "make-verify"
_VALID = timedelta(minutes=30)
DOLLARS_A_REQUEST = 20e-6  # us-east-1, 2026-11-28: API Gateway, Lambda, and the write units of a click that comes alone
_MOST_MINUTES = 30


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    checks: Sequence[Check]
    file: str = ""
    minutes: float = 0
    may_add: bool = False

    @classmethod
    def from_arguments(cls, file: str, minutes: str, cold: str, only: str) -> Options:
        """Return the options; exit with one sentence if one of them means nothing."""
        if minutes and not (re.fullmatch(r"\d{1,2}(\.\d+)?", minutes) and float(minutes) <= _MOST_MINUTES):
            sys.exit(
                f"MINUTES is {minutes!r}; it must be a number up to {_MOST_MINUTES}: make verify MINUTES=6 STAGE=dev"
            )
        names = [name.strip() for name in only.split(",") if name.strip()]
        known = {check.name: check for check in listed.CHECKS}
        if unknown := [name for name in names if name not in known]:
            sys.exit(f"There is no check {unknown[0]!r}. ONLY takes these, with commas between: {', '.join(known)}")
        if file and not Path(file).resolve().parent.is_dir():
            sys.exit(f"REPORT is {file!r}, whose folder does not exist.")
        checks = [check for check in listed.CHECKS if not names or check.name in names]
        return cls(checks, file, float(minutes or 0), cold == "yes")


def main() -> None:
    """Check a stage; exit with 1 if anything is otherwise than expected."""
    name, *rest = (*sys.argv[1:], *[""] * 5)[:5]
    options = Options.from_arguments(*rest)
    cloud, outputs = stages.find(name or "local")
    try:
        with _opened(name or "local", cloud, outputs, options) as stage:
            _introduce(stage, options)
            found = run(stage, options.checks)
            report = report_of(_about(stage), found, listed.NOT_ASKED)
    except (BotoCoreError, ClientError) as failure:
        sys.exit(f"AWS does not answer as it should: {failure}")
    except keys.KeyNotMade as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The key and the links of the checks are deleted.")
    print(f"\n{report}")
    if options.file:
        Path(options.file).write_text(report, "utf-8")
        print(f"The report is in {options.file}.")
    sys.exit(exit_code(found))


def exit_code(found: Sequence[tuple[Check, Finding]]) -> int:
    """Return 1 if anything is otherwise than expected, else 0."""
    return int(any(finding.verdict is Verdict.OTHERWISE for _, finding in found))


def run(stage: Stage, checks: Sequence[Check]) -> list[tuple[Check, Finding]]:
    """Run checks one after the other, with a line for each before it and after it."""
    found = []
    for number, check in enumerate(checks, 1):
        stage.say(f"{number:2}/{len(checks)} {check.name}: {check.question}")
        for line in check.command.splitlines():
            stage.say(f"    $ {line}")
        began = time.monotonic()
        finding = check.run(stage)
        stage.say(f"    {finding.verdict}: {finding.seen} ({time.monotonic() - began:.1f} s)")
        found.append((check, finding))
    return found


@contextmanager
def _opened(name: str, cloud: stack.Cloud, outputs: dict[str, str], options: Options) -> Iterator[Stage]:
    """Return a stage with a key of its own; key and links are deleted afterwards."""
    valid = _VALID + timedelta(minutes=4 * options.minutes)  # four checks wait so much longer
    is_local = local_aws.is_local(os.environ)
    with keys.temporary_key(cloud, outputs, _OWNER, _SCOPES, valid) as key:
        stage = Stage(name, cloud, outputs, key, is_local, options.minutes, options.may_add, say=_say)
        try:
            yield stage
        finally:
            if left := stage.remove_links():
                print(f"Not deleted, but they expire within the hour: {', '.join(left)}")


def _introduce(stage: Stage, options: Options) -> None:
    """Say what is about to happen, what it costs at the most, and the variables of the commands."""
    requests = sum(check.requests for check in options.checks)
    cents = requests * DOLLARS_A_REQUEST * 100
    print(
        f"{len(options.checks)} checks of {stage.stack_name} in {stage.cloud.region}, whose front is {stage.front}:"
        f" {requests} requests at the most, {cents:.1f} cents. It creates a key and links, and deletes them."
    )
    if options.may_add:
        print("VERIFY_COLD=yes: it creates temporary functions and a mapping that is disabled, and deletes them.")
    print("\nTo repeat a command, set these first; CODE and LOCKED are links of yours, one of them with a password.")
    print("OTHER is a host of the stage that is retired or has links of its own:\n")
    print(f"    STACK={stage.stack_name} REGION={stage.cloud.region} CLICKS={stage.outputs['ClicksTable']}")
    for variable, origin in (("API", GATEWAY), ("URL", URL), ("FRONT", FRONT)):
        if address := stage.address(origin):
            print(f"    {variable}={address}")
    print(f"    KEY=$(make -s key NAME=verify EXPIRES=1d STAGE={stage.name})\n", flush=True)


def _about(stage: Stage) -> list[tuple[str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    tools = f"Python {platform.python_version()}, botocore {botocore.__version__}"
    return [
        ("stage", f"{stage.name}{' (the local AWS)' if stage.is_local else ''}"),
        ("region", stage.cloud.region),
        ("front", stage.front),
        ("date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("version", str(project["version"])),
        *of_functions.versions_of(stage),
        ("checked with", tools),
    ]


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    main()
