"""The lock: it has the packages of the requirements, and nothing else gets into a package."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from dev.deploy import dependencies, lock
from dev.deploy.lock import Locked, Target
from tests.paths import ROOT
from tests.sizes import only_long

LOCKED = lock.read(lock.LOCK.read_text())
TARGET = lock.TARGETS[0]
A, B = "a" * 64, "b" * 64


def test_the_lock_matches_the_requirements() -> None:
    """After a change of a version, run `make lock`; development has the same versions."""
    constraints = lock.pins((ROOT / "constraints.txt").read_text())

    assert list(lock.disagreements(LOCKED, lock.required())) == []
    assert {name: constraints.get(name, each.version) for name, each in LOCKED.items()} == {
        name: each.version for name, each in LOCKED.items()
    }


def test_the_lock_is_written_as_it_is_read() -> None:
    """No line of it is ignored, neither here nor by pip."""
    assert lock.written(LOCKED) == lock.LOCK.read_text()


@pytest.mark.parametrize("name", ["ada-url", "cffi"])
def test_compiled_packages_have_a_hash_for_each_target(name: str) -> None:
    """For every Python and both architectures of Lambda."""
    assert len(LOCKED[name].hashes) == len(lock.TARGETS) == 8


@pytest.mark.parametrize(
    ("locked", "pinned", "told"),
    [
        ({"one": Locked("1")}, {"one": "1"}, []),
        ({"one": Locked("1")}, {"one": "2"}, ["has one==1, the requirements say 2"]),
        ({"one": Locked("1")}, {}, ["has one==1, the requirements say nothing"]),
        ({}, {"one": "1", "two": "2"}, ["does not have one==1", "does not have two==2"]),
    ],
)
def test_differences_from_the_lock_are_reported(
    locked: dict[str, Locked], pinned: dict[str, str], told: list[str]
) -> None:
    """One sentence for each package, with the remedy."""
    assert list(lock.disagreements(locked, pinned)) == [f"requirements.lock {each}: run make lock." for each in told]


def test_an_outdated_lock_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a package could ship other versions than those in requirements.txt."""
    monkeypatch.setattr(lock, "required", lambda: {"shortid": "9.9"})

    with pytest.raises(dependencies.DependenciesRefused, match=r"the requirements say 9\.9: run make lock"):
        dependencies.locked()


@only_long
def test_the_package_index_still_has_the_locked_files() -> None:
    """`make lock` would write the same again."""
    assert lock.written(lock.resolved()) == lock.LOCK.read_text()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages, which is all that pip can reach, with one package in it."""
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as zipped:
        zipped.writestr("demo.py", "NAME = 'demo'\n")
        zipped.writestr("demo-1.0.data/purelib/more.py", "")
        zipped.writestr("demo-1.0.data/scripts/demo", "#!python\n")
        zipped.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        zipped.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        zipped.writestr("demo-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return wheel


def test_locked_packages_are_unpacked(index: Path, tmp_path: Path) -> None:
    """Modules without programs; and the hash of the file that was used, of all allowed ones."""
    sha256 = hashlib.sha256(index.read_bytes()).hexdigest()
    folder = tmp_path / "dependencies"

    dependencies.fetch(folder, {"demo": Locked("1.0", {sha256, A})}, TARGET)

    assert {path.name for path in (folder / "code").iterdir()} == {"demo.py", "more.py", "demo-1.0.dist-info"}
    assert (folder / dependencies.HASHES).read_text() == f'{{\n "demo": "{sha256}"\n}}'


def test_another_file_of_the_same_version_is_refused(index: Path, tmp_path: Path) -> None:
    """The message names the package and the hash that was found."""
    found = hashlib.sha256(index.read_bytes()).hexdigest()

    with pytest.raises(dependencies.DependenciesRefused) as refused:
        dependencies.fetch(tmp_path / "dependencies", {"demo": Locked("1.0", {A, B})}, TARGET)

    assert "demo==1.0 is not what requirements.lock says" in str(refused.value)
    assert found in str(refused.value)
    assert not (tmp_path / "dependencies").exists()


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("packages", "target", "told"),
    [
        ({"demo": Locked("1.0")}, TARGET, "Hashes are required"),
        ({"missing": Locked("1.0", {A})}, TARGET, "No matching distribution found for missing==1.0"),
        ({"demo": Locked("1.0", {A})}, Target("3.99", "arm64"), "no wheels for Python 3.99"),
    ],
)
def test_packages_without_a_locked_hash_are_refused(
    packages: dict[str, Locked], target: Target, told: str, tmp_path: Path
) -> None:
    """Nothing is installed without a hash, and nothing else instead."""
    with pytest.raises(dependencies.DependenciesRefused, match=told):
        dependencies.fetch(tmp_path / "dependencies", packages, target)


def test_another_runtime_of_chalice_is_refused(tmp_path: Path) -> None:
    """`chalice package` ships the runtime of the installed Chalice, which no hash covers."""
    packaged, locked = tmp_path / "packaged", tmp_path / "locked"
    for code, text in ((packaged, "import os\n"), (locked, "")):
        (code / "chalice").mkdir(parents=True)
        (code / "chalice" / "app.py").write_text(text)
        (code / "chalice" / "__init__.py").write_text("")
    (packaged / "chalice" / "more.py").write_text("")

    told = list(dependencies.foreign_runtime(packaged, locked))

    assert [each.split()[0] for each in told] == ["chalice/app.py", "chalice/more.py"]
    assert list(dependencies.foreign_runtime(locked, locked)) == []
