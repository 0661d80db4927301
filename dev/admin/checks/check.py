"""A check: a question, the command that answers it, what to expect, and what to change if the answer is another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from dev.admin.checks.stage import Stage
from dev.deploy.stack import StackFailed

MISHAPS = (OSError, HTTPException, ValueError, LookupError, TypeError, BotoCoreError, ClientError, StackFailed)
"""What a request or an answer of another shape than expected may raise."""


class Verdict(StrEnum):
    """The result of a check."""

    AS_EXPECTED = "as expected"
    OTHERWISE = "otherwise"
    ONLY_AWS = "only AWS can tell"
    NOT_HERE = "not in this stack"
    NOT_RUN = "could not be run"


class NotHereError(Exception):
    """The stack does not have what the check is about; the message says what."""


class NotRunError(Exception):
    """The check cannot be run now; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was seen, and whether that is what was expected."""

    is_expected: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and what it rests on."""

    verdict: Verdict
    seen: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to find out about a stage."""

    name: str
    question: str
    command: str
    """The same by the AWS CLI or curl. The variables are those that `make verify` prints first."""
    expected: str
    otherwise: str
    """What to change if it is not as expected."""
    ask: Callable[[Stage], Answer]
    facts: tuple[str, ...] = ()
    """The facts about AWS that it settles or rests on: the name of a list and a number."""
    requests: int = 1
    """How many requests to the service it makes, at the most."""
    here: Literal["proves", "must hold", "nothing"] = "nothing"
    """What an answer of the local AWS says: as much as one of AWS, at least that nothing is broken, or nothing."""

    def run(self, stage: Stage) -> Finding:
        """Ask the stage; every failure is a finding as well."""
        try:
            answer = self.ask(stage)
        except NotHereError as missing:
            return Finding(Verdict.NOT_HERE, stage.scrubbed(str(missing)))
        except (NotRunError, ClientError) as refused:
            seen = stage.scrubbed(str(refused))
            return Finding(Verdict.ONLY_AWS if stage.is_local else Verdict.NOT_RUN, seen)
        except MISHAPS as mishap:
            return Finding(Verdict.NOT_RUN, stage.scrubbed(f"{type(mishap).__name__}: {mishap}"))
        return Finding(self._verdict(answer, is_local=stage.is_local), stage.scrubbed(answer.seen))

    def _verdict(self, answer: Answer, *, is_local: bool) -> Verdict:
        if is_local and (self.here == "nothing" or (self.here == "must hold" and answer.is_expected)):
            return Verdict.ONLY_AWS
        return Verdict.AS_EXPECTED if answer.is_expected else Verdict.OTHERWISE


@dataclass(frozen=True, slots=True)
class NotAsked:
    """What is known of AWS from reports or recordings alone, and no check provokes."""

    fact: str
    """As in ``Check.facts``."""
    what: str
    why: str
    """Why no check asks it, and why nothing is lost if it is otherwise."""


def page_of(checks: Sequence[Check], not_asked: Sequence[NotAsked]) -> str:
    """Return the checks, and what none of them asks, as a section of docs/first-hour.md."""
    parts = []
    for check in checks:
        command = "\n".join(f"    {line}" for line in check.command.splitlines())
        parts.append(
            f"### {check.name}\n\n{check.question}\n\n{command}\n\n"
            f"*Expected:* {check.expected}\n\n*Otherwise:* {check.otherwise}\n"
        )
    parts.append("## What no check asks\n")
    parts += [f"{line}\n" for line in _lines_of(not_asked)]
    return "\n".join(parts)


def _lines_of(not_asked: Sequence[NotAsked]) -> list[str]:
    return [f"- {each.what} *Not asked:* {each.why}" for each in not_asked]


def report_of(
    about: Sequence[tuple[str, str]],
    found: Sequence[tuple[Check, Finding]],
    not_asked: Sequence[NotAsked] = (),
) -> str:
    """Return the report, in Markdown, as it can be put into an issue."""
    counts = {verdict: sum(finding.verdict is verdict for _, finding in found) for verdict in Verdict}
    lines = ["# What AWS does", "", "| of | is |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in about]
    lines += [f"| {verdict} | {count} |" for verdict, count in counts.items() if count]
    lines += ["", "| check | verdict | seen |", "|---|---|---|"]
    lines += [f"| {check.name} | {finding.verdict} | {_cell(finding.seen)} |" for check, finding in found]
    for check, finding in found:
        if finding.verdict in {Verdict.OTHERWISE, Verdict.NOT_RUN}:
            command = [f"    {line}" for line in check.command.splitlines()]
            lines += ["", f"## {check.name}: {finding.verdict}", "", check.question, "", *command]
            lines += ["", f"- Expected: {check.expected}", f"- Seen: {finding.seen}", f"- Change: {check.otherwise}"]
    if not_asked:
        lines += ["", "## What no check asks", "", *_lines_of(not_asked)]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
