"""`make import` and `make export` wait as long as there may be progress."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.admin import transfers

Answer = tuple[int, str | None, bytes]


@pytest.fixture
def responses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The responses of the service, one after the other, without waiting."""
    waiting: list[Any] = []

    def response(*_: Any) -> Answer:
        each = waiting.pop(0)
        if isinstance(each, Exception):
            raise each
        return each  # type: ignore[no-any-return]  # whatever a test put there

    monkeypatch.setattr(transfers, "ask", response)
    monkeypatch.setattr("time.sleep", lambda _: None)
    yield waiting
    assert waiting == []


def job(state: str, read: int, detail: str | None = None) -> Answer:
    """Return an import as the API shows it."""
    problem = {"code": "empty", "detail": detail} if detail else None
    return 200, None, json.dumps({"state": state, "read": read, "total": 3, "problem": problem}).encode()


def watched() -> Any:
    """Watch it."""
    return transfers._wait_for("https://sho.rt", "/imports/x", "sk_x", lambda it: (it["read"], it["total"]))  # noqa: SLF001  # what both commands share


def test_temporary_failures_are_waited_for(responses: list[Any]) -> None:
    """Too many requests, a table that does not respond, a page of a proxy, a cut connection."""
    responses += [
        *((429, None, b"{}"), (503, None, b"{}"), (504, None, b"<html>"), ConnectionResetError()),
        *(job("waiting", 0), (503, None, b"{}"), job("running", 1), job("done", 3)),
    ]

    assert watched()["read"] == 3


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (job("failed", 0, "It has no rows."), "It failed: It has no rows."),
        ((404, None, b'{"detail": "No."}'), "404: No."),
    ],
)
def test_permanent_failures_are_reported(responses: list[Any], last: Answer, words: str) -> None:
    """In one sentence."""
    responses += [job("running", 1), last]

    with pytest.raises(transfers.TransferFailed, match=words):
        watched()


def test_the_wait_is_limited(responses: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour without progress, and the message says where to look."""
    clock = iter([0.0, 0.0, 1700.0, 1801.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    responses += [job("running", 1), job("running", 1), job("running", 1)]

    with pytest.raises(transfers.TransferFailed, match=r"30 minutes\. Look again later: GET /imports/x"):
        watched()


def test_an_unreachable_service_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one in ADDRESS, which need not be on this machine."""
    monkeypatch.setenv("ADDRESS", "https://127.0.0.1:1")
    monkeypatch.setenv("KEY", "sk_x")

    with pytest.raises(transfers.TransferFailed, match=r"Nothing answers at https://127\.0\.0\.1:1\."):
        transfers.export_file("local", "links.csv", "", "")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("", "", ""), {"onTaken": None, "dryRun": False}),
        (("mend", "yes", ""), {"onTaken": "mend", "dryRun": True}),
        (("", "", "team.example"), {"onTaken": None, "dryRun": False, "domain": "team.example"}),
    ],
)
def test_an_import_is_asked_for_as_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, str, str], body: dict[str, Any]
) -> None:
    """By TAKEN=, TRY= and DOMAIN=; the service's own defaults count where nothing is said."""
    file = tmp_path / "links.csv"
    file.write_text("url\n")
    sent = asked_for(monkeypatch)

    with pytest.raises(transfers.TransferFailed, match="No"):
        transfers.import_file("local", str(file), "", *arguments)

    assert sent == [("POST", "/v1/imports", body)]


@pytest.mark.parametrize(("domain", "more"), [("", {}), ("team.example", {"domain": "team.example"})])
def test_an_export_is_asked_for_as_said(monkeypatch: pytest.MonkeyPatch, domain: str, more: dict[str, str]) -> None:
    """By the name of the file, DAYS= and DOMAIN=."""
    sent = asked_for(monkeypatch)

    with pytest.raises(transfers.TransferFailed, match="No"):
        transfers.export_file("local", "links.ndjson", "", "yes", domain)

    assert sent == [("POST", "/v1/exports", {"format": "ndjson", "days": True, **more})]


def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of the requests that a service gets, which refuses them."""
    sent: list[Any] = []

    def refuse(_: str, method: str, path: str, body: Any, __: str) -> Answer:
        sent.append((method, path, body))
        return 403, None, b'{"detail": "No."}'

    monkeypatch.setenv("ADDRESS", "https://sho.rt")
    monkeypatch.setenv("KEY", "sk_x")
    monkeypatch.setattr(transfers, "ask", refuse)
    return sent
