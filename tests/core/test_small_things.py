"""Times, content negotiation, memory, problem documents; the installer and the suite themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import errors
from chalicelib.core import accept, problems, times
from chalicelib.core.memory import Memory
from dev import install
from tests.paths import ROOT

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


class TestTimes:
    """Times as text."""

    @given(st.datetimes(timezones=st.just(UTC)))
    def test_a_moment_survives_to_the_millisecond(self, moment: datetime) -> None:
        """Written and read, it is the same moment, less what is finer."""
        kept = moment.replace(microsecond=moment.microsecond // 1000 * 1000)

        assert times.moment_in(times.to_text(moment)) == kept

    @given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
    def test_text_sorts_as_time_does(self, one: datetime, other: datetime) -> None:
        """The index by URL relies on it."""
        if times.to_text(one) < times.to_text(other):
            assert one < other

    def test_zones_become_utc(self) -> None:
        """Always with Z."""
        assert times.to_text(NOON.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-24T12:00:00.000Z"

    @pytest.mark.parametrize(
        "text", ["", "now", "2026-11-24", "2026-W48-2T12:00Z", "2026-13-01T00:00:00Z", "20261124T120000Z"]
    )
    def test_what_is_no_moment_is_refused(self, text: str) -> None:
        """A date without a zone says less than it seems to."""
        with pytest.raises(ValueError):  # noqa: PT011  # the contract says ValueError, whatever the words
            times.moment_in(text)

    @pytest.mark.parametrize("text", ["", "1", "d", "1y", "-1d", "1.5h", "1 d", "\u0661d", "9999999999s"])
    def test_what_is_no_span_is_refused(self, text: str) -> None:
        """Digits and one unit."""
        with pytest.raises(ValueError):  # noqa: PT011  # as above
            times.span_in(text)


@pytest.mark.parametrize(
    ("wish", "best"),
    [
        (None, "text/html"),
        ("", "text/html"),
        ("*/*", "text/html"),
        (BROWSER, "text/html"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/json, */*", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/*", "application/json"),
        ("text/html;q=0.2, application/json;q=0.9", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("application/json;q=high, text/*;q=0.1", "text/html"),
        ("image/png", None),
        ("*/*;q=0", None),
        (",;,", None),
    ],
)
def test_who_asks_gets_what_they_like_best(wish: str | None, best: str | None) -> None:
    """By quality, then by how exactly it was named, then by our own order."""
    assert accept.best_of(wish, ("text/html", "application/json")) == best


@given(st.text(max_size=100))
def test_no_accept_header_is_too_odd(wish: str) -> None:
    """Clients send anything."""
    assert accept.best_of(wish, ("text/html", "application/json")) in {"text/html", "application/json", None}


class TestMemory:
    """What a container remembers."""

    def test_the_oldest_goes_first(self) -> None:
        """Learning again makes it young again."""
        memory: Memory[str] = Memory(2)
        for key in ("a", "b", "a", "c"):
            memory.learn(key, key.upper(), NOON)

        assert memory.recall("b") is None
        assert [memory.recall(key).thing for key in ("a", "c")] == ["A", "C"]  # type: ignore[union-attr]  # they are there

    @given(st.lists(st.sampled_from("abcdef")), st.integers(0, 4))
    def test_it_never_grows_beyond_its_size(self, keys: list[str], size: int) -> None:
        """Whatever comes in whatever order, the last learnt are there, and no more."""
        memory: Memory[str] = Memory(size)
        for key in keys:
            memory.learn(key, key, NOON)

        newest = list(dict.fromkeys(reversed(keys)))[:size]
        assert {key for key in "abcdef" if memory.recall(key)} == set(newest)

    def test_what_is_forgotten_makes_room(self) -> None:
        """One thing only, and forgetting it twice does no harm."""
        memory: Memory[str] = Memory(2)
        for key in ("a", "b"):
            memory.learn(key, key, NOON)

        memory.forget("b")
        memory.forget("b")
        memory.learn("c", "c", NOON)

        assert [key for key in "abc" if memory.recall(key)] == ["a", "c"]

    @pytest.mark.parametrize(("later", "age"), [(0, 0), (61.5, 61.5), (-1, float("inf"))])
    def test_age_is_counted_from_when_it_was_learnt(self, later: float, age: float) -> None:
        """A clock that was set back makes things too old, not young for ever."""
        memory: Memory[str] = Memory(1)
        memory.learn("a", "A", NOON)

        remembered = memory.recall("a")

        assert remembered is not None
        assert remembered.age(NOON + timedelta(seconds=later)) == age


class TestProblems:
    """Errors as documents."""

    def test_the_tree_in_the_docstring_is_the_tree(self) -> None:
        """errors.py opens with a drawing of itself, statuses included."""
        drawn = dict(re.findall(r"^ +(\w+) +(\d{3})\b", errors.__doc__ or "", re.MULTILINE))

        assert drawn == {each.__name__: str(each.status) for each in errors.public_errors().values()}

    @pytest.mark.parametrize("error", errors.public_errors().values(), ids=lambda error: error.code)
    def test_every_error_explains_itself(self, error: type[errors.ShortenerError]) -> None:
        """A stable code, a title, and what to do about it."""
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
        assert error.title
        assert error.meaning.endswith((".", "'."))
        assert 400 <= error.status < 600
        assert (error.status in {429, 503}) == (error.retry_after is not None)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, "malformed-request"),
            (404, "page-unknown"),
            (405, "method-not-allowed"),
            (415, "media-type-unsupported"),
            (500, "internal-error"),
            (502, "internal-error"),
        ],
    )
    def test_chalices_own_errors_become_ours(self, status: int, code: str) -> None:
        """What it says of a defect stays inside."""
        document = problems.document(problems.of_chalice(status, "its words"), "https://sho.rt")

        assert document["code"] == code
        assert ("its words" in document["detail"]) == (status < 500)

    def test_a_problem_holds_its_evidence(self) -> None:
        """Every bad field; who has the alias."""
        invalid = errors.LinkInvalid([errors.FieldError("url", "missing", "Please give the URL.")])
        taken = errors.AliasTaken("sale", "https://sho.rt/sale")

        assert problems.document(invalid, "https://sho.rt")["errors"] == [
            {"field": "url", "code": "missing", "message": "Please give the URL."}
        ]
        assert problems.document(taken, "https://sho.rt")["shortUrl"] == "https://sho.rt/sale"


def test_stopping_the_installation_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever presses Ctrl-C sees what that means, no traceback; and it does not count as installed."""

    def stop() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "make_venv", stop)

    with pytest.raises(SystemExit, match=r"^\nStopped [^\n]+\.$"):
        install.main()

    assert not (tmp_path / ".installed").exists()


@pytest.mark.parametrize(
    ("reason", "require_all", "outcome"),
    [
        ("NOT TESTED: real URLs.", "1", "1 failed"),
        ("NOT TESTED: real URLs.", "", "1 skipped"),
        ("NOT TESTED: a restart. E2E_URL names another machine.", "1", "1 skipped"),
        ("NOT TESTED: gateway responses. The local AWS has none.", "1", "1 skipped"),
        ("It is Sunday.", "1", "1 skipped"),
    ],
)
def test_what_is_not_tested_does_not_pass(tmp_path: Path, reason: str, require_all: str, outcome: str) -> None:
    """With REQUIRE_ALL a test that misses what it needs has failed; what a deployed address cannot show may be left."""
    (tmp_path / "test_it.py").write_text(f"import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n")

    options = ["-rsf", "-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "REQUIRE_ALL": require_all},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in ran.stdout
    assert reason in ran.stdout
