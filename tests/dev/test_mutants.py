"""The table of guards fits the service as it is: `make mutants` can take each away."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from dev.mutants import MUTANTS, Mutant, mutated, why_outdated
from tests.paths import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_guard_stands_where_the_table_says(mutant: Mutant) -> None:
    """Once; what is left without it is Python, and the test that should notice is there."""
    assert why_outdated(mutant, ROOT) is None
    ast.parse(mutated(mutant, ROOT))
    file, *names = mutant.tests.partition("[")[0].split("::")
    text = (ROOT / file).read_text()
    assert all(re.search(rf"^ *(def|class) {name}\b", text, re.MULTILINE) for name in names)


def test_each_guard_has_a_name_of_its_own() -> None:
    """Somebody will ask for it by that name."""
    assert [name for name, number in Counter(mutant.name for mutant in MUTANTS).items() if number > 1] == []


@pytest.mark.parametrize(
    ("old", "why"),
    [
        ("no such line", "in chalicelib/core/link.py its old text stands 0 times, not once."),
        ("self", "in chalicelib/core/link.py its old text stands"),
        ("raise LinkOff(self.code)", "its old and its new text are the same."),
    ],
)
def test_a_table_that_is_out_of_date_says_so(old: str, why: str) -> None:
    """In one sentence."""
    mutant = Mutant("x", "chalicelib/core/link.py", old, "raise LinkOff(self.code)", "tests/core/test_link.py")

    assert (why_outdated(mutant, ROOT) or "").startswith(why)
