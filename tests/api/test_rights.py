"""The keys of the access table that the API touches are those that its role allows, and all of those."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from chalice.test import TestHTTPClient as Http

from chalicelib.api.versions import V1
from chalicelib.aws import clients
from chalicelib.core.limits import Window
from chalicelib.settings import settings
from chalicelib.usecases import limit_calls, manage_keys
from tests.api.test_access import BODIES, CALLS, MATRIX, NAMES, QUERIES, keys
from tests.callers import Keyed
from tests.paths import ROOT

__all__ = ["keys"]  # the fixture of the matrix


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The keys of every item of the table that is read or written."""
    found: set[str] = set()

    def note(params: dict[str, Any], **_: Any) -> None:
        found.update(ids_in(params))

    monkeypatch.setattr(manage_keys, "_INDEX_LAGS", 0)
    all_of_them = (clients.reads, clients.writes, clients.best_effort)
    for client in all_of_them:
        client.meta.events.register("provide-client-params.dynamodb.*", note, "note")
    yield found
    for client in all_of_them:
        client.meta.events.unregister("provide-client-params.dynamodb.*", note, "note")


def ids_in(request: Any) -> Iterator[str]:
    """Yield the ids of items of the access table in a request, whatever operation it is of."""
    if isinstance(request, list):
        for each in request:
            yield from ids_in(each)
    elif isinstance(request, dict):
        if request.get("TableName") == settings.access_table and "IndexName" not in request:
            item = request.get("Key") or request["Item"]
            yield item["id"]["S"]
        for key in request.get("RequestItems", {}).get(settings.access_table, {}).get("Keys", ()):
            yield key["id"]["S"]
        for each in request.values():
            yield from ids_in(each)


def test_role_allows_what_is_touched_and_no_more(
    http: Http, keys: dict[str, str], touched: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every call of the matrix, and by what only some requests need."""
    monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 10_000))
    ann, spare = Keyed(http, keys["admin of the workspace"]), keys["spare"].split("_")[1]
    for route, method in MATRIX:
        if route in {path for path, _ in CALLS}:
            continue  # the same call is there under /v1
        call = (route.removeprefix(V1), method)
        path = route.format(**NAMES, key_id=spare) + QUERIES.get(call, "")
        Keyed(http, keys["installation"])(method, path, BODIES.get(call))
    http.get("/sale")
    Keyed(http, None)("POST", "/present/report", b"reason=spam", Content_Type="application/x-www-form-urlencoded")
    ann("POST", f"{V1}/links", {"url": "https://example.com/", "externalId": "x-1", "findExisting": True})
    ann("POST", f"{V1}/links", {"url": "https://example.com/"}, Idempotency_Key="once")
    ann("POST", f"{V1}/links", {"url": "https://example.com/2", "findExisting": True})
    code = ann.make()["code"]
    ann("POST", f"{V1}/offers", {"code": code, "to": "bob"})
    ann.get(f"{V1}/imports/{'1' * 32}")
    statements = json.loads((ROOT / ".chalice" / "policy-api.json").read_text())["Statement"]
    (allowed,) = [
        each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for each in statements
        if "Condition" in each
    ]

    assert [key for key in touched if not any(fnmatchcase(key, pattern) for pattern in allowed)] == []
    assert [pattern for pattern in allowed if not any(fnmatchcase(key, pattern) for key in touched)] == []
