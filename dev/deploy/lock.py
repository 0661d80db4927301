"""``make lock``: writes the hashes of all dependencies in the package for Lambda to requirements.lock.

They are not in requirements.txt: one hash there would make pip require hashes of every package installed with it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from dev.paths import ROOT

LOCK = ROOT / "requirements.lock"
FROM_SOURCE = "shortid"  # published only as source
BUILDER = "setuptools"  # builds its wheel, and does not ship
_NEWEST_GLIBC = {"3.11": 26, "3.12": 34, "3.13": 34, "3.14": 34}  # of Lambda's runtimes: the 34 of 2.34
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}  # Lambda's names, and those in the names of wheels
_PIN = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
_ENTRY = re.compile(r"^([\w.-]+)==([\w.]+)((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)
_HEADER = f"""\
# What ships to Lambda beside our own code, and {BUILDER}, which builds {FROM_SOURCE}: no other bytes go into a package.
# For Python {", ".join(_NEWEST_GLIBC)} on {" and ".join(_MACHINES)}. Written by: make lock
"""


class LockFailed(Exception):
    """No file could be found for a package; the message says why, for a person."""


@dataclass(frozen=True)
class Target:
    """A Python version and an architecture of Lambda, which wheels are built for."""

    python: str
    architecture: str

    @property
    def options(self) -> list[str]:
        """Return the options that make pip choose wheels for this target, not for this machine."""
        machine, digits = _MACHINES[self.architecture], self.python.replace(".", "")
        # pip takes a platform literally: 2_26 does not include 2_24.
        glibcs = range(_NEWEST_GLIBC[self.python], 4, -1)
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in glibcs] + [f"manylinux2014_{machine}"]
        named = [option for each in platforms for option in ("--platform", each)]
        abis = ["--abi", f"cp{digits}", "--abi", "abi3", "--abi", "none"]
        return [*named, "--python-version", self.python, "--implementation", "cp", *abis]


TARGETS = tuple(Target(python, machine) for python in _NEWEST_GLIBC for machine in _MACHINES)


@dataclass(frozen=True)
class Locked:
    """A version of a package, and the SHA-256 of each file that may be used for it."""

    version: str
    hashes: set[str] = field(default_factory=set)


def pins(text: str) -> dict[str, str]:
    """Return the version of each package that lines of the form ``name==version`` name."""
    return dict(_PIN.findall(text))


def read(text: str) -> dict[str, Locked]:
    """Return the packages of a lock file by name."""
    return {
        name: Locked(version, set(re.findall(r"sha256:([0-9a-f]{64})", hashes)))
        for name, version, hashes in _ENTRY.findall(text)
    }


def required() -> dict[str, str]:
    """Return the packages that the lock must have: what ships, including Chalice's runtime, and the builder."""
    for_development = pins((ROOT / "requirements-dev.txt").read_text())
    others = {name: for_development[name] for name in ("chalice", BUILDER)}
    return pins((ROOT / "requirements.txt").read_text()) | others


def disagreements(locked: dict[str, Locked], pinned: dict[str, str]) -> Iterator[str]:
    """Yield a sentence for each package whose version in ``pinned`` and in the lock differs."""
    for name in sorted(locked.keys() | pinned.keys()):
        there, asked = locked.get(name), pinned.get(name, "nothing")
        if there is None:
            yield f"requirements.lock does not have {name}=={asked}: run make lock."
        elif there.version != asked:
            yield f"requirements.lock has {name}=={there.version}, the requirements say {asked}: run make lock."


def written(packages: dict[str, Locked]) -> str:
    """Return the text of a lock file."""
    entries = (
        " \\\n".join([f"{name}=={each.version}", *(f"    --hash=sha256:{digest}" for digest in sorted(each.hashes))])
        for name, each in sorted(packages.items())
    )
    return _HEADER + "\n".join(entries) + "\n"


def resolved() -> dict[str, Locked]:
    """Return the packages that the lock must have, with the hashes of the files that pip uses for any target.

    Raises:
        LockFailed
    """
    packages = {name: Locked(version) for name, version in required().items()}
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as pool:
        folders = [Path(scratch) / f"{each.python}-{each.architecture}" for each in TARGETS]
        source = Path(scratch) / "source"
        list(pool.map(_download_wheels, folders, TARGETS))
        _download_source(source)
        for file in (file for folder in [*folders, source] for file in folder.iterdir()):
            packages[_package_name(file)].hashes.add(hashlib.sha256(file.read_bytes()).hexdigest())
    return packages


def _package_name(file: Path) -> str:
    return re.split(r"-\d", file.name, maxsplit=1)[0].replace("_", "-").lower()


def _download_wheels(folder: Path, target: Target) -> None:
    asked = [f"{name}=={version}" for name, version in required().items() if name != FROM_SOURCE]
    _pip("download", "--only-binary=:all:", *target.options, "--dest", str(folder), *asked)


def _download_source(folder: Path) -> None:
    # No isolation: pip would fetch something to build with, only to read the package's name.
    asked = f"{FROM_SOURCE}=={required()[FROM_SOURCE]}"
    _pip("download", "--no-binary=:all:", "--no-build-isolation", "--use-pep517", "--dest", str(folder), asked)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments, "--no-deps", "--quiet", "--disable-pip-version-check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise LockFailed("\n".join(line for line in ran.stderr.splitlines() if line.startswith("ERROR")) or ran.stderr)


def main() -> None:
    """Write requirements.lock anew."""
    print(f"Asking for {len(required())} packages for {len(TARGETS)} targets ...", flush=True)
    try:
        packages = resolved()
    except LockFailed as failed:
        sys.exit(f"The lock is as it was: {failed}")
    LOCK.write_text(written(packages))
    print(f"{LOCK.name} has {sum(len(each.hashes) for each in packages.values())} hashes of {len(packages)} packages.")


if __name__ == "__main__":
    main()
