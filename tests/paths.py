"""Paths of the project."""

from __future__ import annotations

from dev.paths import ROOT

__all__ = ["ROOT", "SHARED"]
SHARED = ROOT.parent / "shared"
