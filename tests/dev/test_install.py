"""The installer."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from dev import install


def test_interrupted_installation_exits_with_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C shows a sentence instead of a traceback, and nothing counts as installed."""

    def stop() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "create_venv", stop)

    with pytest.raises(SystemExit, match=r"^\nStopped [^\n]+\.$"):
        install.main()

    assert not (tmp_path / ".installed").exists()


def test_folder_that_is_not_an_environment_is_not_emptied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If VENV names one by mistake, it is refused and its files stay."""
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr(install, "VENV", tmp_path)

    with pytest.raises(SystemExit, match="something else than a virtual environment"):
        install.create_venv()

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
