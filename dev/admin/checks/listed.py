"""All checks, in the order in which they run: metrics come last, as they take minutes."""

from __future__ import annotations

from dev.admin.checks import of_fronts, of_functions, of_load, of_streams

_LAST = ("final-call", "iterator-age", "conflicts", "metrics", "alarms")
_EVERY = (*of_functions.CHECKS, *of_fronts.CHECKS, *of_streams.CHECKS, *of_load.CHECKS)
_BY_NAME = {check.name: check for check in _EVERY}

CHECKS = (*(check for check in _EVERY if check.name not in _LAST), *(_BY_NAME[name] for name in _LAST))
