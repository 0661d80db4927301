"""`make import` and `make export` wait for as long as anything may still come of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dev import transfers

Answer = tuple[int, str | None, bytes]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the service answers, one after the other, and nobody waits in between."""
    waiting: list[Any] = []

    def answer(*_: Any) -> Answer:
        each = waiting.pop(0)
        if isinstance(each, Exception):
            raise each
        return each  # type: ignore[no-any-return]  # whatever a test put there

    monkeypatch.setattr(transfers, "ask", answer)
    monkeypatch.setattr("time.sleep", lambda _: None)
    yield waiting
    assert waiting == []


def order(state: str, read: int, detail: str | None = None) -> Answer:
    """Return an import as the API shows it."""
    problem = {"code": "empty", "detail": detail} if detail else None
    return 200, None, json.dumps({"state": state, "read": read, "total": 3, "problem": problem}).encode()


def watched() -> Any:
    """Watch it."""
    return transfers._watched("https://sho.rt", "/imports/x", "sk_x", lambda it: (it["read"], it["total"]))  # noqa: SLF001  # what both commands share


def test_what_passes_is_waited_for(answers: list[Any]) -> None:
    """Too many requests, a table that does not answer, a page of somebody else's, a cut connection."""
    answers += [
        *((429, None, b"{}"), (503, None, b"{}"), (504, None, b"<html>"), ConnectionResetError()),
        *(order("waiting", 0), (503, None, b"{}"), order("running", 1), order("done", 3)),
    ]

    assert watched()["read"] == 3


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (order("failed", 0, "It has no rows."), "It failed: It has no rows."),
        ((404, None, b'{"detail": "No."}'), "404: No."),
    ],
)
def test_what_does_not_pass_is_said(answers: list[Any], last: Answer, words: str) -> None:
    """In a sentence."""
    answers += [order("running", 1), last]

    with pytest.raises(transfers.TransferFailed, match=words):
        watched()


def test_nobody_waits_for_ever(answers: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour without a sign of life, and it says where to look."""
    clock = iter([0.0, 0.0, 1700.0, 1801.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    answers += [order("running", 1), order("running", 1), order("running", 1)]

    with pytest.raises(transfers.TransferFailed, match=r"30 minutes\. Look again later: GET /imports/x"):
        watched()
