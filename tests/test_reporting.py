"""The report of failed and skipped tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

TESTS = '''
import pytest

@pytest.mark.parametrize("reason", {reasons})
def test_skips(reason):
    pytest.skip(reason)

def test_red():
    """Two and two are five."""
    assert 2 + 2 == 5

@pytest.fixture
def broken():
    raise KeyError("x")

def test_never_begun(broken):
    """Whatever it needs is there.

    In two paragraphs.
    """
'''
NEEDED = "NOT TESTED: real URLs. The file is not there."
ELSEWHERE = (
    "NOT TESTED: a restart. E2E_URL names another machine.",
    "NOT TESTED: gateway responses. The local AWS has none.",
    "It is Sunday.",
)


_ALONE = {"REQUIRE_ALL": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "COLUMNS": "80"}


def run(folder: Path, *options: str, **environ: str) -> str:
    """Run the tests above with this plugin alone, and return the output."""
    (folder / "test_it.py").write_text(TESTS.format(reasons=[NEEDED, *ELSEWHERE]))
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "tests.reporting", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, "--color=no", "-c", os.devnull, "--rootdir", str(folder), *options, str(folder)],
        cwd=ROOT,
        env=os.environ | _ALONE | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout


@pytest.mark.parametrize(("require_all", "failed", "skipped"), [("1", 2, 3), ("", 1, 4)])
def test_skipped_test_fails_if_all_are_required(tmp_path: Path, require_all: str, failed: int, skipped: int) -> None:
    """With REQUIRE_ALL a skipped test fails, unless a deployed address cannot show it."""
    said = run(tmp_path, "-rsf", REQUIRE_ALL=require_all)

    assert f"{failed} failed, {skipped} skipped, 1 error" in said
    assert NEEDED in said
    assert all(re.search(rf"SKIPPED .*{reason}", said) for reason in ELSEWHERE)


def test_failed_test_prints_what_it_expected(tmp_path: Path) -> None:
    """Its docstring is printed below the traceback, and in the list of failures."""
    said = run(tmp_path, COLUMNS="200")

    assert re.search(r"-+ Expected -+\nTwo and two are five\.", said)
    assert "test_red - expected: Two and two are five. Instead: assert (2 + 2) == 5" in said
    assert "expected: Whatever it needs is there. In two paragraphs. Instead: KeyError: 'x'" in said


@pytest.mark.parametrize("processes", ["0", "2"])
def test_each_finished_file_is_printed(tmp_path: Path, processes: str) -> None:
    """Each file's outcome is printed with the progress, and failures at once, with what was expected."""
    said = run(tmp_path, "--by-file", "-n", processes, COLUMNS="200", REQUIRE_ALL="1")

    assert re.search(r"^\[\d+:\d\d\]    1/1  .*test_it\.py  3 failed, 3 skipped, \d+\.\d s$", said, re.MULTILINE)
    assert f": {NEEDED}" in said
    assert "test_red - expected: Two and two are five. Instead: assert (2 + 2) == 5" in said
    assert re.search(r"^\[\d+:\d\d\] RED .*::test_red: Two and two are five\.$", said, re.MULTILINE)
