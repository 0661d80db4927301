"""The dependencies in a package: downloaded as requirements.lock says, and refused if a hash differs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from dev.deploy import lock
from dev.deploy.lock import BUILDER, FROM_SOURCE, Locked, Target

RUNTIME = ("chalice/__init__.py", "chalice/app.py")  # all of Chalice that `chalice package` ships
HASHES = "hashes.json"
"""The file in a folder of dependencies with the SHA-256 of the file that each package was unpacked from."""
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
_MISMATCH = re.compile(r"^ *(\S+==\S+)[^\n]* from [^\n]*:\n +Expected.*?^ +Got +(\w+)", re.MULTILINE | re.DOTALL)


class DependenciesRefused(Exception):
    """The downloaded dependencies must not ship; the message says why, for a person."""


def digest() -> str:
    """Return a short digest of exactly these dependencies, as this Python would build them."""
    return hashlib.sha256(f"{sys.version} {lock.LOCK.read_text()}".encode()).hexdigest()[:16]


def locked() -> dict[str, Locked]:
    """Return the packages of the lock.

    Raises:
        DependenciesRefused: requirements.txt names others.
    """
    packages = lock.read(lock.LOCK.read_text())
    if wrong := list(lock.disagreements(packages, lock.required())):
        raise DependenciesRefused("\n".join(wrong))
    return packages


def fetch(folder: Path, packages: Mapping[str, Locked], target: Target) -> None:
    """Fill ``folder`` with ``code``, which is all of ``packages`` except the builder, and ``hashes.json``.

    Raises:
        DependenciesRefused
    """
    if target not in lock.TARGETS:
        raise DependenciesRefused(
            f"requirements.lock has no wheels for Python {target.python}: see dev/deploy/lock.py."
        )
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch) / "files"
        _download(files, packages, target.options)
        downloaded = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in files.glob("*.whl")}
        _build(files, packages)
        for wheel in sorted(files.glob("*.whl")):
            if not wheel.name.startswith(f"{BUILDER}-"):
                _unpack(wheel, folder / "code")
    (folder / HASHES).write_text(json.dumps(dict(_hashes(packages, downloaded)), indent=1))


def foreign_runtime(code: Path, locked_code: Path) -> Iterator[str]:
    """Yield a sentence for each file of Chalice's runtime in ``code`` that differs from the locked package."""
    for path in sorted((code / "chalice").rglob("*.py")):
        name = path.relative_to(code).as_posix()
        locked = locked_code / name
        if not locked.exists() or path.read_bytes() != locked.read_bytes():
            yield f"{name} is not what requirements.lock has: install Chalice anew."


def _download(files: Path, packages: Mapping[str, Locked], options: list[str]) -> None:
    """Download every wheel, and only wheels: to inspect source, pip would run it."""
    wheels = {name: package for name, package in packages.items() if name != FROM_SOURCE}
    _pip(wheels, "download", "--only-binary=:all:", *options, "--dest", str(files))


def _build(files: Path, packages: Mapping[str, Locked]) -> None:
    """Download the package that is published as source, and build its wheel with the locked builder."""
    if FROM_SOURCE not in packages:
        return
    builder = files.with_name("builder")
    for wheel in files.glob(f"{BUILDER}-*.whl"):
        _unpack(wheel, builder)
    options = ("--no-binary=:all:", "--no-build-isolation", "--use-pep517", "--wheel-dir", str(files))
    _pip({FROM_SOURCE: packages[FROM_SOURCE]}, "wheel", *options, path=builder)


def _pip(packages: Mapping[str, Locked], command: str, *options: str, path: Path | None = None) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(lock.written(dict(packages)))
        file.flush()
        asked = [*_PIP, command, "--require-hashes", "--no-deps", *options, "--requirement", file.name]
        environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
        ran = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise DependenciesRefused(_reason(ran.stderr))


def _reason(output: str) -> str:
    """Return why pip failed, from what it printed."""
    if mismatch := _MISMATCH.search(output):
        return (
            f"What the package index has as {mismatch[1]} is not what requirements.lock says: its SHA-256 is"
            f" {mismatch[2]}. If that is no attack, but another file of the same version, run make lock."
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR")]
    return "The dependencies could not be downloaded: " + "\n".join(errors or output.splitlines()[-4:])


def _unpack(wheel: Path, folder: Path) -> None:
    """Unpack modules and metadata, without programs and manuals; of Chalice only the runtime."""
    with zipfile.ZipFile(wheel) as zipped, tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        zipped.extractall(scratch)
        for data in Path(scratch).glob("*.data"):
            for library in (data / "purelib", data / "platlib"):
                if library.exists():
                    shutil.copytree(library, scratch, dirs_exist_ok=True)
            shutil.rmtree(data)
        if wheel.name.startswith("chalice-"):
            _remove_all_but_runtime(Path(scratch))
        shutil.copytree(scratch, folder, dirs_exist_ok=True)


def _remove_all_but_runtime(chalice: Path) -> None:
    for path in [path for path in chalice.rglob("*") if path.is_file()]:
        is_metadata = path.relative_to(chalice).parts[0].endswith(".dist-info")
        if not is_metadata and path.relative_to(chalice).as_posix() not in RUNTIME:
            path.unlink()
    for folder in sorted((path for path in chalice.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _hashes(packages: Mapping[str, Locked], downloaded: set[str]) -> Iterator[tuple[str, str]]:
    for name, package in packages.items():
        if name != BUILDER:
            # A package built here has no downloaded wheel, and only one source file in the lock.
            (sha256,) = package.hashes & downloaded or package.hashes
            yield name, sha256
