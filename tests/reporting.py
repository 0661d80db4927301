"""The report of a run: a line for each finished file, a failed test's expectation, and what was skipped.

A plugin of pytest, loaded by conftest.py. `--by-file` is how the Makefile runs it.
"""

from __future__ import annotations

import inspect
import os
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable

import pytest
from _pytest._code.code import ExceptionRepr  # part of a failed test's report

_TITLE = "Expected"
_WHERE_IT_RUNS = (
    "E2E_URL",
    "local AWS",
)  # reasons for skips that depend on the address under test, not on missing programs


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--by-file``."""
    parser.addoption("--by-file", action="store_true", help="a line for each file that is done, instead of dots")


def pytest_configure(config: pytest.Config) -> None:
    """Report each file, but not in the processes that run a part of the tests."""
    if config.getoption("by_file") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ByFile(config), "by-file")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail skipped tests where REQUIRE_ALL is set, and print what a failed test expected."""
    report = yield
    skipped = call.excinfo.value if call.excinfo is not None else None
    if os.environ.get("REQUIRE_ALL") and isinstance(skipped, pytest.skip.Exception):
        reason = str(skipped.msg)
        if reason.startswith("NOT TESTED") and not any(place in reason for place in _WHERE_IT_RUNS):
            report.outcome, report.longrepr = "failed", reason
    elif report.failed and (expected := expectation_of(item)):
        representation = report.longrepr
        if isinstance(representation, ExceptionRepr):
            representation.addsection(_TITLE, expected)
            if representation.reprcrash is not None:  # the line of the summary
                representation.reprcrash.message = f"expected: {expected} Instead: {representation.reprcrash.message}"
    return report


def expectation_of(item: pytest.Item) -> str:
    """Return the docstring of a test, which states what it expects."""
    function = getattr(item, "function", None)
    whole = (inspect.getdoc(function) if function is not None else None) or ""
    return " ".join(whole.split())


class ByFile:
    """Prints a line when the last test of a file has ended, with the progress and the file's outcome."""

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager
        self._began = time.monotonic()
        self._left: Counter[str] = Counter()
        self._outcomes: dict[str, Counter[str]] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._done = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Count the tests of each file; every process has collected the same."""
        self._expect(ids)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count the tests of each file where all run in this process."""
        self._expect(item.nodeid for item in session.items)

    def _expect(self, ids: Iterable[str]) -> None:
        if not self._left:
            self._left.update(_file_of(each) for each in ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Print no dots."""
        if report.passed and report.when != "call":
            return None
        category = "error" if report.failed and report.when != "call" else report.outcome
        return category, "", category.upper()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count outcomes, and print a file's line once it is done."""
        file = _file_of(report.nodeid)
        if report.when == "call" or not report.passed:
            self._outcomes.setdefault(file, Counter())[report.outcome] += 1
        self._seconds[file] += report.duration
        if report.failed:
            self._say(f"RED {report.nodeid}: {_expected_by(report)}")
        if report.when == "teardown":
            self._left[file] -= 1
            if not self._left[file]:
                self._done += 1
                counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(self._outcomes[file].items()))
                place = f"{self._done}/{len(self._left)}"
                self._say(f"{place:>6}  {file}  {counts}, {self._seconds[file]:.1f} s")

    def _say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        reporter: pytest.TerminalReporter | None = self._plugins.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"[{minutes}:{seconds:02}] {text}")


def _expected_by(report: pytest.TestReport) -> str:
    representation = report.longrepr
    if not isinstance(representation, ExceptionRepr):
        return str(representation)
    return next((text for title, text, _ in representation.sections if title == _TITLE), "")


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]
