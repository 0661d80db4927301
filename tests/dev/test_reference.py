"""Swagger UI in chalicelib/web/reference: as it was published, and how another version gets there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dev import reference

VERSION = "1.2.3"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package, unpacked, of the names that the real one has."""
    folder = tmp_path / "package"
    folder.mkdir()
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE"):
        (folder / name).write_text(name)
    (folder / "package.json").write_text(
        json.dumps({"name": "swagger-ui-dist", "version": VERSION, "license": "Apache-2.0"})
    )
    return folder


def test_vendored_files_are_as_they_were_published() -> None:
    """Nobody edits them, removes a licence, or leaves a version behind."""
    assert reference.sums(reference.FOLDER) == reference.noted(reference.FOLDER)
    assert len(reference.noted(reference.FOLDER)) == 5


def test_another_version_replaces_all_files(package: Path, tmp_path: Path) -> None:
    """Its files have the version in their names, where browsers keep them, and its sums are noted."""
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / "swagger-ui-1.0.0.css").write_text("old")

    reference.put(package, VERSION, folder)

    assert {path.name for path in folder.iterdir()} == {
        *("swagger-ui-bundle-1.2.3.js", "swagger-ui-1.2.3.css", "swagger-ui-bundle.js.LICENSE.txt"),
        *("LICENSE", "NOTICE", "README.md"),
    }
    assert reference.noted(folder) == reference.sums(folder)


@pytest.mark.parametrize("other", [{"name": "swagger-ui"}, {"version": "1.2.4"}, {"license": "GPL-3.0-only"}], ids=str)
def test_another_package_is_refused(package: Path, tmp_path: Path, other: dict[str, Any]) -> None:
    """It has another name, version or licence than the one that was asked for; what is there stays."""
    told = package / "package.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | other))

    with pytest.raises(reference.ReferenceRefused, match=next(iter(other.values()))):
        reference.put(package, VERSION, tmp_path / "reference")

    assert not (tmp_path / "reference").exists()


@pytest.mark.parametrize("missing", ["LICENSE", "NOTICE", "swagger-ui.css"])
def test_a_package_without_its_licence_or_a_file_is_refused(package: Path, tmp_path: Path, missing: str) -> None:
    """The licence asks to be passed on with the files."""
    (package / missing).unlink()

    with pytest.raises(reference.ReferenceRefused, match=missing):
        reference.put(package, VERSION, tmp_path / "reference")
