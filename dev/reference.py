"""``make reference VERSION=5.35.0``: brings Swagger UI, which shows the API at /docs, into chalicelib/web/reference.

It is vendored, for a page of the service loads nothing from other servers. File names hold the version, so that
browsers may keep them for ever; README.md beside them has their SHA-256 sums, which a test compares.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from dev.paths import ROOT

FOLDER = ROOT / "chalicelib" / "web" / "reference"
NOTES = "README.md"
PACKAGE, LICENSE = "swagger-ui-dist", "Apache-2.0"
_FILES = {  # of the package: as they are called here
    "swagger-ui-bundle.js": "swagger-ui-bundle-{version}.js",
    "swagger-ui.css": "swagger-ui-{version}.css",
    "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",  # of what is bundled in it
    "LICENSE": "LICENSE",
    "NOTICE": "NOTICE",
}
_NOTES = """\
# Swagger UI {version}

Files of the npm package {package}, unchanged; licence {license}. `make reference VERSION=...` replaces them.

    {sums}
"""


class ReferenceRefused(Exception):
    """The package is not what was asked for; the message says why, for a person."""


def put(package: Path, version: str, folder: Path) -> None:
    """Put the files of an unpacked package into ``folder``, in place of those that are there.

    Raises:
        ReferenceRefused: nothing has changed then.
    """
    told = json.loads((package / "package.json").read_text("utf-8"))
    found = tuple(told.get(name) for name in ("name", "version", "license"))
    if found != (PACKAGE, version, LICENSE):
        raise ReferenceRefused(f"The package is {found}, not {(PACKAGE, version, LICENSE)}.")
    if missing := [name for name in _FILES if not (package / name).is_file()]:
        raise ReferenceRefused(f"The package lacks {', '.join(missing)}.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, ours in _FILES.items():
        shutil.copyfile(package / name, folder / ours.format(version=version))
    lines = [f"{digest}  {name}" for name, digest in sums(folder).items()]
    notes = _NOTES.format(version=version, package=PACKAGE, license=LICENSE, sums="\n    ".join(lines))
    (folder / NOTES).write_text(notes, "utf-8")


def sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 sum of each vendored file, by its name."""
    files = sorted(path for path in folder.iterdir() if path.name != NOTES)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def noted(folder: Path) -> dict[str, str]:
    """Return the sums that the notes have, by file."""
    found = re.findall(r"^    ([0-9a-f]{64})  (\S+)$", (folder / NOTES).read_text("utf-8"), re.MULTILINE)
    return {name: digest for digest, name in found}


def main() -> None:
    """Fetch the version of the first argument by npm, which compares it with the registry's digest."""
    version = sys.argv[1] if len(sys.argv) > 1 else ""
    npm = shutil.which("npm")
    if not re.fullmatch(r"\d+\.\d+\.\d+", version) or npm is None:
        sys.exit("It needs npm and a version: make reference VERSION=5.35.0")
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", f"{PACKAGE}@{version}", "--silent"]
        ran = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if ran.returncode:
            sys.exit(f"npm could not bring {PACKAGE} {version}: {ran.stderr.strip()[-300:]}")
        with tarfile.open(Path(scratch) / ran.stdout.split()[-1]) as packed:
            packed.extractall(scratch, filter="data")
        try:
            put(Path(scratch) / "package", version, FOLDER)
        except ReferenceRefused as refused:
            sys.exit(str(refused))
    print((FOLDER / NOTES).read_text("utf-8"))


if __name__ == "__main__":
    main()
