"""``make mutants``."""

from __future__ import annotations

from dev.mutants import runner

runner.main()
