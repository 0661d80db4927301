"""What is run before a commit and before a change lands: the project's own tools, and nothing beside them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.paths import ROOT

WORKS, CANNOT_MAKE_ENVIRONMENTS = "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 1\n"


def test_the_hooks_need_no_network() -> None:
    """They call what is in .venv, and pre-commit fetches nothing for them."""
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for repo in repos for hook in repo["hooks"]]

    assert [repo["repo"] for repo in repos] == ["local"]
    assert {hook["language"] for hook in hooks} == {"system"}
    for hook in hooks:
        folder, _, program = hook["entry"].split()[0].rpartition("/")
        assert folder == ".venv/bin"
        assert (Path(sys.executable).parent / program).exists()


def test_the_workflow_calls_what_a_developer_can_call() -> None:
    """It has no steps of its own beside the checkout and the Pythons."""
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"].values()

    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


@pytest.mark.parametrize(
    ("of_pyenv", "of_the_system", "chosen"),
    [
        (WORKS, WORKS, "pyenv/versions/3.11.7/bin/python3.11"),
        (CANNOT_MAKE_ENVIRONMENTS, WORKS, "python3.11"),
        (None, WORKS, "python3.11"),
        (CANNOT_MAKE_ENVIRONMENTS, CANNOT_MAKE_ENVIRONMENTS, ""),
    ],
)
def test_ci_finds_a_python_by_its_version(
    tmp_path: Path, of_pyenv: str | None, of_the_system: str, chosen: str
) -> None:
    """Whatever .python-version makes of python3; one that cannot make environments is passed over."""
    for text, place in ((of_pyenv, "pyenv/versions/3.11.7/bin"), (of_the_system, "bin")):
        if text is not None:
            (tmp_path / place).mkdir(parents=True)
            (tmp_path / place / "python3.11").write_text(text)
            (tmp_path / place / "python3.11").chmod(0o755)
    function = re.search(r"^python_of\(\) \{.*?^\}", (ROOT / ".ci" / "run").read_text(), re.MULTILINE | re.DOTALL)
    assert function is not None

    ran = subprocess.run(
        ["/bin/bash", "-c", f"{function[0]}\npython_of 3.11"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path / "bin"), "PYENV_ROOT": "pyenv"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.stdout.strip(), ran.returncode) == (chosen, 0 if chosen else 1)
