"""``make validate``: checkov, cfn-lint's serverless rules and parliament over the packaged template.

They find what can be argued about. What was decided otherwise is in decided.toml, by rule and resource: a finding that
is not there fails, and so does a decision about something that is not found any more. A template with planted faults is
checked beside those of the stages, so that a tool that has stopped to look is not taken for a clean bill.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.deploy import package, policies
from dev.deploy.front import CLOUDFRONT, Front
from dev.paths import ROOT

_BIN = ROOT / ".venv-validate" / "bin"
_DECIDED = Path(__file__).with_name("decided.toml")
_BUILT: Mapping[str, tuple[str, Front | None]] = {
    "prod": ("prod", None),
    "prod behind CloudFront": ("prod", Front(CLOUDFRONT, (CLOUDFRONT,))),
    "local": ("local", None),
}
"""The templates that are looked at: stages, at their own front or another."""
_SECONDS = 300  # checkov, the slowest, takes half a minute
_PLANTED: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {
        "PlantedQueue": {"Type": "AWS::SQS::Queue"},
        "PlantedRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                        }
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "wide",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"},
                                {
                                    "Effect": "Allow",
                                    "Action": "sqs:SendEverything",
                                    "Resource": {"Fn::GetAtt": ["PlantedQueue", "Arn"]},
                                },
                            ],
                        },
                    }
                ],
            },
        },
    },
}


class CannotValidate(Exception):
    """Nothing can be said about the template; the message says why, for a person."""


@dataclass(frozen=True, order=True)
class Finding:
    """What a tool says about a resource."""

    tool: str
    rule: str
    resource: str
    message: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return the finding as a line for a person."""
        return f"{self.tool} {self.rule} {self.resource}{self.message and ': '}{self.message}"


PLANTED = frozenset(
    {
        Finding("checkov", "CKV_AWS_27", "PlantedQueue"),
        Finding("cfn-lint", "ES6000", "PlantedQueue"),
        Finding("cfn-lint", "W3037", "PlantedRole"),
        Finding("parliament", "RESOURCE_STAR", "PlantedRole"),
        Finding("parliament", "UNKNOWN_ACTION", "PlantedRole"),
    }
)
"""What must be found of the planted template."""


def decisions(text: str) -> dict[Finding, str]:
    """Return the reason for each finding that was decided otherwise.

    Raises:
        CannotValidate: if a row gives no reason, or two speak of the same.
    """
    reasons: dict[Finding, str] = {}
    for row in tomllib.loads(text)["decided"]:
        if not row["reason"].strip():
            raise CannotValidate(f"decided.toml gives no reason for {row['tool']} {row['rule']}.")
        for resource in row["resources"]:
            finding = Finding(row["tool"], row["rule"], resource)
            if finding in reasons:
                raise CannotValidate(f"decided.toml has {finding} twice: keep one of them.")
            reasons[finding] = row["reason"]
    return reasons


def objections(found: Collection[Finding], decided: Collection[Finding]) -> list[str]:
    """Return a line for each finding that nobody decided about, and for each decision about nothing."""
    new = [f"  new: {each}" for each in sorted(found) if each not in decided]
    return new + [f"  decided, but not found any more: {each}" for each in sorted(decided) if each not in found]


def missed(found: Collection[Finding]) -> list[str]:
    """Return a line for each planted fault that is not among ``found``."""
    return [f"  planted, and not found: {each}" for each in sorted(PLANTED) if each not in found]


def of_checkov(output: str) -> Iterator[tuple[str, Finding]]:
    """Yield each finding of checkov with the stem of the template it is about."""
    report = json.loads(output)
    if report["summary"]["parsing_errors"]:
        raise CannotValidate("checkov could not read the template.")
    for each in report["results"]["failed_checks"]:
        resource = each["resource"].rpartition(".")[2]
        yield Path(each["file_path"]).stem, Finding("checkov", each["check_id"], resource, each["check_name"])


def of_cfn_lint(output: str) -> Iterator[tuple[str, Finding]]:
    """Yield the same of cfn-lint."""
    for each in json.loads(output or "[]"):
        path = each["Location"].get("Path") or []
        resource = str(path[1] if path[:1] == ["Resources"] and path[1:] else "/".join(map(str, path)) or "template")
        yield Path(each["Filename"]).stem, Finding("cfn-lint", each["Rule"]["Id"], resource, each["Message"])


def of_parliament(output: str) -> Iterator[tuple[str, Finding]]:
    """Yield the same of parliament, which prints a line of JSON for each."""
    for line in output.splitlines():
        each = json.loads(line)
        policy = Path(each["location"]["filepath"])
        message = f"{each['title']} {each['detail'] or each['description']}"[:200]
        yield policy.parent.name, Finding("parliament", each["issue"], policy.stem.partition(".")[0], message)


def write_policies(template: Path, folder: Path) -> int:
    """Write each policy of ``template`` to a file in ``folder``, named by its resource; return how many."""
    folder.mkdir(parents=True)
    count = 0
    for name, document in policies.documents(json.loads(template.read_text())):
        text = json.dumps(policies.as_identity_policy(document), indent=1)
        (folder / f"{name}.{count}.json").write_text(text)
        count += 1
    return count


def _findings(folder: Path) -> tuple[dict[str, set[Finding]], int]:
    """Return what the tools find in each template of ``folder``, by its stem, and how many policies there are."""
    templates = sorted(folder.glob("*.json"))
    count = sum(write_policies(each, folder / "policies" / each.stem) for each in templates)
    files = [part for each in templates for part in ("-f", str(each))]
    checkov = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "-o", "json"]
    lint = ["-a", "cfn_lint_serverless.rules", "--format", "json", "-t", *map(str, templates)]
    found: dict[str, set[Finding]] = {each.stem: set() for each in templates}
    tools: tuple[tuple[str, list[str], Callable[[str], Iterator[tuple[str, Finding]]]], ...] = (
        ("checkov", [*files, *checkov], of_checkov),
        ("cfn-lint", lint, of_cfn_lint),
        ("parliament", ["--directory", str(folder / "policies"), "--json"], of_parliament),
    )
    for tool, arguments, read in tools:
        print(f"  {tool} ...", flush=True)
        for stem, finding in _read(tool, _output(tool, arguments), read):
            found[stem].add(finding)
    return found, count


def _output(tool: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [str(_BIN / tool), *arguments]
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise CannotValidate(
            f"{tool} is not in {_BIN.parent.name}: remove that folder, and run `make validate`, which installs it."
        ) from None
    except subprocess.TimeoutExpired:
        raise CannotValidate(f"{tool} was stopped after {_SECONDS} seconds.") from None


def _read(
    tool: str,
    ran: subprocess.CompletedProcess[str],
    read: Callable[[str], Iterator[tuple[str, Finding]]],
) -> list[tuple[str, Finding]]:
    try:
        return list(read(ran.stdout))
    except (ValueError, KeyError, TypeError) as error:
        words = (ran.stderr or ran.stdout).strip().splitlines()
        raise CannotValidate(f"{tool} failed: {words[-1] if words else error!r}") from error


def _judge(found: Mapping[str, set[Finding]], policies_read: int) -> None:
    """Print what is wrong and one line of totals; exit with 1 if something is."""
    if blind := missed(found["planted"]):
        sys.exit("\n".join(["The tools do not see what they should, so their silence means nothing:", *blind]))
    decided = decisions(_DECIDED.read_text())
    ours = {each for stem, findings in found.items() if stem != "planted" for each in findings}
    wrong = objections(ours, decided)
    totals = f"{len(ours)} findings and {policies_read} policies of {', '.join(_BUILT)}; {len(decided)} are decided"
    if wrong:
        wrong.append(f"{totals}, {len(wrong)} differ: mend the template, or decide in dev/deploy/decided.toml.")
        sys.exit("\n".join(wrong))
    print(f"{totals}, none is new.")


def main() -> None:
    """Build the templates, run the tools and compare."""
    print("Building the packages of prod, at both fronts, and of local, if they have changed ...", flush=True)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for name, (stage, behind) in _BUILT.items():
                built = package.build(stage, for_this_machine=True, fresh=False, behind=behind)
                (Path(scratch) / f"{name}.json").write_text(built.template.read_text())
            (Path(scratch) / "planted.json").write_text(json.dumps(_PLANTED, indent=1))
            found, policies_read = _findings(Path(scratch))
        _judge(found, policies_read)
    except (package.PackageRefused, CannotValidate, policies.CannotResolve) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
