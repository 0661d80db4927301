"""The table of guards fits the service as it is: `make mutants` can take each away."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dev.mutants.mutant import Mutant
from dev.mutants.tables import MUTANTS
from tests.paths import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_guard_stands_where_the_table_says(mutant: Mutant) -> None:
    """Once; what is left without it is Python, and the test that should notice is there."""
    assert mutant.why_outdated(ROOT) is None
    ast.parse(mutant.mutated(ROOT))
    file, *names = mutant.tests.partition("[")[0].split("::")
    text = (ROOT / file).read_text()
    assert all(re.search(rf"^ *(def|class) {name}\b", text, re.MULTILINE) for name in names)


def test_no_mutant_uses_an_undefined_name(tmp_path: Path) -> None:
    """It would fail with a NameError, whatever the guard does, and count as killed."""
    for number, mutant in enumerate(MUTANTS):
        if mutant.file.endswith(".py"):
            (tmp_path / f"mutant_{number}.py").write_text(mutant.mutated(ROOT))

    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select",
            "F821",
            "--output-format",
            "concise",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    undefined = re.findall(r"mutant_(\d+)\.py:\S+ (.*)", ran.stdout)
    assert {MUTANTS[int(number)].name: told for number, told in undefined} == {}
    assert ran.returncode == 0, ran.stderr


def test_each_guard_has_a_name_of_its_own() -> None:
    """It is chosen by that name on the command line."""
    assert [name for name, number in Counter(mutant.name for mutant in MUTANTS).items() if number > 1] == []


@pytest.mark.parametrize(
    ("old", "why"),
    [
        ("no such line", "in chalicelib/core/links/link.py its old text stands 0 times, not once."),
        ("self", "in chalicelib/core/links/link.py its old text stands"),
        ("raise LinkOff(self.code)", "its old and its new text are the same."),
    ],
)
def test_a_table_that_is_out_of_date_says_so(old: str, why: str) -> None:
    """In one sentence."""
    mutant = Mutant(
        "x", "chalicelib/core/links/link.py", old, "raise LinkOff(self.code)", "tests/core/links/test_link.py"
    )

    assert (mutant.why_outdated(ROOT) or "").startswith(why)
