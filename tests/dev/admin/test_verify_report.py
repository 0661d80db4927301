"""`make verify`: its verdicts, its report, its command line, and the page that is written from the checks."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from dev import checks_page
from dev.admin import keys, verify
from dev.admin.checks import (
    listed,
)
from dev.admin.checks.check import Answer, Finding, NotHereError, NotRunError, Verdict, report_of
from dev.deploy import stack, stages
from tests.dev.admin.asked_stage import KEY, OUTPUTS, REFUSED, Asked, Cloud, check, raising
from tests.paths import SHARED


@pytest.mark.parametrize(
    ("here", "is_expected", "on_aws", "on_this_machine"),
    [
        ("nothing", True, Verdict.AS_EXPECTED, Verdict.ONLY_AWS),
        ("nothing", False, Verdict.OTHERWISE, Verdict.ONLY_AWS),
        ("must hold", True, Verdict.AS_EXPECTED, Verdict.ONLY_AWS),
        ("must hold", False, Verdict.OTHERWISE, Verdict.OTHERWISE),
        ("proves", True, Verdict.AS_EXPECTED, Verdict.AS_EXPECTED),
        ("proves", False, Verdict.OTHERWISE, Verdict.OTHERWISE),
    ],
)
def test_what_is_seen_makes_the_verdict(
    *,
    here: str,
    is_expected: bool,
    on_aws: Verdict,
    on_this_machine: Verdict,
) -> None:
    """On the local AWS only what it proves counts, and what must hold anywhere."""
    asked = check(lambda _: Answer(is_expected, "this"), here)

    assert asked.run(Asked()) == Finding(on_aws, "this")
    assert asked.run(Asked(is_local=True)) == Finding(on_this_machine, "this")


@pytest.mark.parametrize(
    ("failure", "on_aws", "on_this_machine"),
    [
        (NotHereError("No front."), Verdict.NOT_HERE, Verdict.NOT_HERE),
        (NotRunError("Too early."), Verdict.NOT_RUN, Verdict.ONLY_AWS),
        (REFUSED, Verdict.NOT_RUN, Verdict.ONLY_AWS),
        (EndpointConnectionError(endpoint_url="https://x"), Verdict.NOT_RUN, Verdict.NOT_RUN),
        (TimeoutError("no answer"), Verdict.NOT_RUN, Verdict.NOT_RUN),
        (KeyError("data"), Verdict.NOT_RUN, Verdict.NOT_RUN),
        (stack.StackFailed("123456789012 may not describe it"), Verdict.NOT_RUN, Verdict.NOT_RUN),
    ],
)
def test_failures_are_verdicts(failure: Exception, on_aws: Verdict, on_this_machine: Verdict) -> None:
    """No check ends with a traceback; the reason is told, without the account."""
    found = check(raising(failure)).run(Asked())

    assert found.verdict is on_aws
    assert found.seen
    assert "123456789012" not in found.seen
    assert check(raising(failure)).run(Asked(is_local=True)).verdict is on_this_machine


def test_report_has_no_secrets() -> None:
    """Neither key nor account, wherever they came from; every check is in it, the others with command and change."""
    seen = (
        f"{KEY} AKIAABCDEFGHIJKLMNOP arn:aws:lambda:eu-west-1:123456789012:function a|b\nsk_other_key https://sho.rt/x"
    )
    checks = [
        check(lambda _: Answer(is_expected=True, seen=seen), name="good"),
        check(lambda _: Answer(is_expected=False, seen=seen), name="other"),
        check(raising(REFUSED), name="refused"),
    ]
    found = verify.run(Asked(), checks)

    report = report_of([("stage", "dev")], found)

    assert not re.search(r"123456789012|sk_|AKIA|ann|sho\.rt", report)
    assert "| good | as expected |" in report
    assert "a\\|b" in report
    assert "## good" not in report
    assert "## other: otherwise\n\nIs it so?\n\n    aws it\n\n- Expected: It is." in report
    assert "## refused: could not be run" in report
    assert "| as expected | 1 |" in report


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 0),
        ([Verdict.AS_EXPECTED, Verdict.ONLY_AWS, Verdict.NOT_HERE, Verdict.NOT_RUN], 0),
        ([Verdict.AS_EXPECTED, Verdict.OTHERWISE], 1),
    ],
)
def test_exit_code_tells_what_is_otherwise(verdicts: list[Verdict], code: int) -> None:
    """1 if anything is otherwise, whatever else there is."""
    asked = check(lambda _: Answer(is_expected=True, seen=""))

    assert verify.exit_code([(asked, Finding(verdict, "")) for verdict in verdicts]) == code


def test_links_are_removed() -> None:
    """Each link that was made, and those that could not be deleted are named."""
    stage = Asked()
    codes = [stage.link(), *stage.links(3)]
    deleted = []

    def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        del body
        deleted.append((method, path))
        return (500 if path.endswith(codes[1]) else 204), None

    stage.call = call  # type: ignore[method-assign]  # a stage of this test alone

    assert stage.remove_links() == [codes[1]]
    assert sorted(deleted) == sorted(("DELETE", f"/v1/links/{code}") for code in codes)
    assert all(code.startswith("verify-") for code in codes)


@contextmanager
def _a_key(*_: object) -> Iterator[str]:
    yield KEY


@pytest.mark.parametrize(("is_expected", "code"), [(True, 0), (False, 1)])
def test_command_reports_and_exits(
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    is_expected: bool,
    code: int,
) -> None:
    """It says the cost first, shows each check, prints the report and writes it to REPORT."""
    cloud = Cloud()
    cloud.cloudformation.describe_stacks.side_effect = REFUSED
    monkeypatch.setattr(stages, "find", lambda _: (cloud, OUTPUTS))
    monkeypatch.setattr(keys, "temporary_key", _a_key)
    monkeypatch.setattr(listed, "CHECKS", (check(lambda _: Answer(is_expected, f"{KEY} seen")),))
    file = tmp_path / "report.md"
    monkeypatch.setattr(sys, "argv", ["verify", "dev", str(file), "", "", ""])

    with pytest.raises(SystemExit) as ended:
        verify.main()

    said = capsys.readouterr().out
    assert ended.value.code == code
    assert all(f"- {each.what} *Not asked:* {each.why}" in file.read_text() for each in listed.NOT_ASKED)
    assert "1 checks of shortener-dev in eu-west-1, whose front is gateway: 1 requests at the most, 0.0 cents" in said
    assert " 1/1 a-check: Is it so?" in said
    assert "| stage | dev |" in file.read_text()
    assert KEY not in said
    assert file.read_text() in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "ten", "", ""), "MINUTES is 'ten'"),
        (("", "31", "", ""), "up to 30"),
        (("", "", "", "nothing"), "no check 'nothing'"),
        (("/no/such/folder/report.md", "", "", ""), "whose folder does not exist"),
    ],
)
def test_wrong_options_are_one_sentence(arguments: tuple[str, str, str, str], message: str) -> None:
    """Before anything is asked."""
    with pytest.raises(SystemExit, match=message):
        verify.Options.from_arguments(*arguments)


def test_checks_are_named_once() -> None:
    """By a name that ONLY takes; and each says what to expect and what to change."""
    names = [each.name for each in listed.CHECKS]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
    assert all(each.command and each.expected and each.otherwise for each in listed.CHECKS)


def test_page_has_every_check() -> None:
    """`python -m dev.checks_page` writes them, and what none of them asks."""
    page = checks_page.PAGE.read_text("utf-8")

    assert checks_page.text() in page
    assert all(each.what in page and each.why in page for each in listed.NOT_ASKED)


def test_page_says_what_a_run_costs() -> None:
    """All checks together: requests, and cents."""
    requests = sum(each.requests for each in listed.CHECKS)
    cents = requests * verify.DOLLARS_A_REQUEST * 100

    text = " ".join(checks_page.PAGE.read_text("utf-8").split())
    assert f"makes about {round(requests, -2)} requests, {cents:.1f} cents at the most" in text


@pytest.mark.parametrize(("page", "mark"), [("front", r"\breported\b"), ("streams", r"\*recorded\*")])
def test_each_unsettled_fact_has_a_check(page: str, mark: str) -> None:
    """What is known from reports and recordings alone is asked of AWS, or is listed with the reason why not."""
    file = SHARED / f"{page}.md"
    if not file.exists():
        pytest.skip(f"NOT TESTED: facts that are not settled. {file} is not there.")
    facts = re.findall(r"^(\d+)\. (.*)$", file.read_text("utf-8").partition("\n## Designs")[0], re.MULTILINE)
    unsettled = {f"{page} {number}" for number, text in facts if re.search(mark, text)}

    asked = {fact for each in listed.CHECKS for fact in each.facts}
    not_asked = {each.fact for each in listed.NOT_ASKED if each.fact.startswith(page)}
    assert unsettled
    assert unsettled - asked == not_asked
    assert all(each.what and len(each.why) > 40 for each in listed.NOT_ASKED)
