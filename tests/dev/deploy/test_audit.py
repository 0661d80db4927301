"""`make audit`: known vulnerabilities are found, and unchecked packages are never ignored."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from dev.deploy import audit
from dev.deploy.audit import Advisories, AuditFailed, Finding
from tests.paths import ROOT

OLD = Finding("demo", "1.0", ("GHSA-1", "CVE-1"), "2.0")
ABOUT_DEMO = {"id": "GHSA-1", "cve": "CVE-1", "v": "<2.0", "fixed_in": "2.0"}
OF_MAY = Advisories(date(2026, 5, 1), {"demo": [ABOUT_DEMO]})


def test_an_old_version_fails_the_audit(tmp_path: Path) -> None:
    """The command itself, with the advisories that this machine reaches: today's, or those of a day that it names."""
    planted = tmp_path / "planted.txt"
    planted.write_text("requests==2.19.1  # sends passwords on to other hosts\nsegno==1.6.6\n")

    ran = subprocess.run(
        [sys.executable, "-m", "dev.deploy.audit", str(planted)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert "CVE-2018-18074" in ran.stderr
    assert "segno" not in ran.stderr
    assert re.match(r"Checked 2 .* today|NOT CHECKED .* 2 packages. .* of \d{4}-\d\d-\d\d, \d+ days ago", ran.stdout)


@pytest.mark.parametrize(
    ("version", "found"),
    [("1.0", [OLD]), ("1.10", [Finding("demo", "1.10", OLD.ids, "2.0")]), ("2.0", []), ("10.0", [])],
)
def test_a_version_is_in_a_range_or_not(version: str, found: list[Finding]) -> None:
    """Compared as versions, not as texts."""
    assert list(OF_MAY.about({"demo": version})) == found


def test_an_advisory_of_several_ranges_is_reported_once() -> None:
    """A line for each of its ranges would say nothing more."""
    ranges = [ABOUT_DEMO | {"v": each} for each in (">=0.5,<1.1", ">=1.0,<2.0")]

    assert list(Advisories(OF_MAY.day, {"demo": ranges}).about({"demo": "1.0", "other": "1.0"})) == [OLD]


def test_an_unreadable_range_is_reported() -> None:
    """Some have versions of Debian; ignoring them would be unsafe."""
    unreadable = Advisories(OF_MAY.day, {"demo": [ABOUT_DEMO | {"v": "<0.2.0-12.1"}]})

    assert list(unreadable.about({"demo": "1.0"})) == [OLD]


def test_a_skipped_package_is_not_checked() -> None:
    """pip-audit reports it as skipped, and succeeds."""
    report = {
        "dependencies": [
            {"name": "good", "version": "1.0", "vulns": []},
            {"name": "skipped", "skip_reason": "Dependency not found and could not be audited"},
            {
                "name": "demo",
                "version": "1.0",
                "vulns": [{"id": "GHSA-1", "fix_versions": ["2.0"], "aliases": ["CVE-1"], "description": "Bad."}],
            },
        ],
        "fixes": [],
    }

    assert audit.findings_by_package(json.dumps(report)) == {"good": [], "demo": [OLD]}


@pytest.mark.parametrize(
    ("checked", "said", "found"),
    [
        ({"demo": [], "other": []}, ["Checked 2 packages against today's advisories."], []),
        ({"demo": [OLD], "other": []}, ["Checked 2 packages against today's advisories."], [OLD]),
        (
            {"other": []},
            [
                "Checked 1 packages against today's advisories.",
                "NOT CHECKED against today's advisories, which do not answer here: 1 packages.",
                "of 2026-05-01, 31 days ago",
            ],
            [OLD],
        ),
        ({}, ["NOT CHECKED against today's advisories, which do not answer here: 2 packages."], [OLD]),
    ],
)
def test_unchecked_packages_are_looked_up_in_older_advisories(
    checked: dict[str, list[Finding]],
    said: list[str],
    found: list[Finding],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the output says how old they are."""
    monkeypatch.setattr(audit, "ask", lambda _: checked)
    monkeypatch.setattr(audit, "kept", lambda: OF_MAY)

    assert audit.audit({"demo": "1.0", "other": "1.0"}, date(2026, 6, 1)) == found

    printed = capsys.readouterr().out
    assert all(part in printed for part in said)
    assert ("NOT CHECKED" in printed) == (len(checked) < 2)


def test_without_any_advisories_the_audit_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing was checked."""
    monkeypatch.setattr(audit, "ask", lambda _: {})
    monkeypatch.setattr(audit, "_KEPT", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(AuditFailed, match="no older advisories either: ERROR"):
        audit.audit({"demo": "1.0"}, date(2026, 6, 1))
    monkeypatch.setattr(sys, "argv", ["audit"])
    with pytest.raises(SystemExit, match="NOT CHECKED"):
        audit.main()


def test_a_finding_may_be_accepted_by_any_of_its_ids() -> None:
    """With the reason, in pyproject.toml; the others stay."""
    other = Finding("demo", "1.0", ("GHSA-2", "CVE-2"), "")

    assert audit.not_accepted([OLD, other], {"CVE-1": "its function is not called here"}) == [other]
    assert str(other) == "demo 1.0: GHSA-2, CVE-2; fixed in no version yet"


def test_runtime_and_development_packages_are_audited() -> None:
    """By their normalized names."""
    versions = audit.versions_in("ada-url==4.0.0\n# no==1\nPyYAML==6.0.3   # why\n", "types_x==1.0 \\\n  --hash=x\n")

    assert versions == {"ada-url": "4.0.0", "pyyaml": "6.0.3", "types-x": "1.0"}
