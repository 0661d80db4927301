"""`make soak`: it ends, and what it finds can be seen again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dev import soak


def test_a_difference_is_told_with_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The test knows the seed that is told; and where there is no difference, it says how often it looked."""
    good, bad = tmp_path / "test_good.py", tmp_path / "test_bad.py"
    good.write_text("import os\ndef test_it(): assert os.environ['SOAK'].isdecimal()\n")
    bad.write_text("import os\ndef test_it(): raise ValueError('seed is ' + os.environ['SOAK'])\n")

    assert soak.soak(0, str(good)) == 1
    with pytest.raises(SystemExit) as different:
        soak.soak(10, str(bad))

    told = re.search(r"The same again: SOAK=(\d+) python\S* -m pytest .*test_bad.py", str(different.value))
    assert told is not None
    assert f"seed is {told[1]}" in str(different.value)
    assert f"seed {told[1]}: DIFFERENT" in capsys.readouterr().out
