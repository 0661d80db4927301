"""This version and the one before, side by side: while one replaces the other, each reads what the other has written.

``stored/20e0104.json`` is what the version before left behind after the calls of ``series``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from chalice.test import TestHTTPClient as Http

from tests import series
from tests.api.test_clicks import count
from tests.callers import Keyed
from tests.paths import ROOT
from tests.series import binary, put_back

Stored = dict[str, Any]


def sample() -> Stored:
    """Return what the version before left behind."""
    stored: Stored = json.loads((ROOT / "tests" / "stored" / "20e0104.json").read_text("utf-8"), object_hook=binary)
    return stored


@pytest.fixture
def before(http: Http, monkeypatch: pytest.MonkeyPatch) -> Stored:  # noqa: ARG001  # the tables must exist first
    """That, in the tables, with the clock set to its time."""
    stored = sample()
    put_back(stored, monkeypatch)
    return stored


@pytest.fixture
def keyed(http: Http, before: Stored) -> dict[str, Keyed]:
    """The API, called with the stored keys."""
    return {owner: Keyed(http, key) for owner, key in before["keys"].items()}


def test_links_are_read(keyed: dict[str, Keyed]) -> None:
    """With all of their fields, in lists, by externalId, with history and visits; each is at the default domain."""
    ann, bob = keyed["ann"], keyed["bob"]
    links = {link["code"]: link for link in ann.get("/v1/links?domain=sho.rt").json_body["data"]}

    assert {"all", "plain", "offered"} < links.keys()
    assert len(links) == 5
    assert {link["domain"] for link in links.values()} == {"sho.rt"}
    given = {**series.EVERYTHING, "code": "all", "expiresAt": "2099-01-01T00:00:00.000Z"}
    given |= {"startsAt": "2026-01-01T00:00:00.000Z", "protected": True}
    assert {name: links["all"].get(name) for name in given.keys() - {"alias", "password"}} == {
        name: value for name, value in given.items() if name not in {"alias", "password"}
    }
    assert ann.get("/v1/links/ext:all:1").json_body["code"] == "all"
    assert bob.get("/v1/links/ext:moved:1").json_body["owner"] == "bob"
    assert [each["action"] for each in ann.get("/v1/links/plain/history").json_body["data"]] == ["changed", "created"]
    assert ann.get("/v1/links/plain").json_body["visits"]["total"] == 3
    assert len(ann.get("/v1/links/plain/visits").json_body["data"]) == 3


def test_what_belongs_to_workspaces_is_read(keyed: dict[str, Keyed], before: Stored) -> None:
    """Keys, settings, logs, offers, statistics, answers to repeated requests."""
    ann, bob = keyed["ann"], keyed["bob"]

    assert [key["name"] for key in ann.get("/v1/keys").json_body["data"]].count("reader") == 1
    assert ann.get("/v1/workspaces/ann").json_body["defaults"] == {"tags": ["default"]}
    assert len(ann.get("/v1/audit-log").json_body["data"]) == 6
    report = ann.get("/v1/stats").json_body
    assert report["total"]["visits"] == 4
    assert {(link["name"], link["domain"], link["moved"]) for link in report["links"]} == {
        *(("plain", "sho.rt", False), (None, None, True)),
    }
    assert [offer["code"] for offer in bob.get("/v1/offers").json_body["data"]] == ["offered"]
    assert bob("POST", "/v1/offers/offered/accept").json_body["owner"] == "bob"
    again = ann("POST", "/v1/links", {"url": "https://example.com/once"}, Idempotency_Key="once")
    assert (again.headers["Idempotency-Replayed"], again.json_body) == ("true", before["once"])


def test_messages_are_read(before: Stored) -> None:
    """A click of an unknown code, from the queue."""
    assert count(before["messages"]["clicks"]) == {"batchItemFailures": []}


def test_default_space_is_written_as_before(http: Http, one_moment: datetime) -> None:  # noqa: ARG001  # stops the clock
    """What has one domain alone leaves the same items, attributes and messages: the version before reads them."""
    series.run(http)
    now, then = series.left(), sample()

    assert sorted(shapes(now["tables"])) == sorted(shapes(then["tables"]))
    for queue, messages in then["messages"].items():
        assert [sorted(each) for each in now["messages"][queue]] == [sorted(each) for each in messages]


def shapes(tables: Stored) -> Iterator[str]:
    """Yield of each item its table, what kind of key it has, and its attributes with their types."""
    for table, items in tables.items():
        for item in items:
            key = [item.get(name, {}).get("S", "").partition("#")[0] for name in ("id", "entry")]
            names = [f"{name}:{next(iter(value))}" for name, value in sorted(item.items()) if name != "kind"]
            yield json.dumps([table, *key, *names])
