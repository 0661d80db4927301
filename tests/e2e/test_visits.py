"""Many visits through the deployed stack, 10,000 in the long run: gateway, redirect, queue, count function, table.

No visit is lost, but on a busy machine two kinds are late: a click that the queue does not accept within half a second
is logged, and counted by `make replay`; a failed or interrupted batch is redelivered after its visibility timeout. The
test covers both, and allows for the delay.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from dev.admin import replay
from dev.deploy import commands, package, stack
from dev.http_client import ask
from dev.local import demo
from tests.e2e.conftest import aws_in, make_key
from tests.sizes import grows, usual_or_long

LINKS, VISITS, CLIENTS = usual_or_long(30, 500), usual_or_long(300, 10_000), 8
REDELIVERED_AFTER = 65  # seconds until a failed batch is; the function's timeout is 60, and on AWS it is 400
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

_connections: dict[int, http.client.HTTPConnection] = {}
"""One for each client thread."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the stack on a local AWS of this module's own."""
    if os.environ.get("E2E_URL"):
        pytest.skip("NOT TESTED: many visits. They would cost money on a real stack.")
    with aws_in(tmp_path_factory.mktemp("aws")) as port:
        yield commands.deploy_locally(package.build("local", for_this_machine=True, fresh=False), port)
        for connection in _connections.values():
            connection.close()


class Spilled:
    """Clicks that the redirect could not queue in time: they are in its log, and count once they are replayed."""

    def __init__(self) -> None:
        self._cloud = stack.Cloud("us-east-1")
        self._queue = (stack.outputs(self._cloud, commands.LOCAL) or {})["ClicksQueueUrl"]
        self._replayed: set[str] = set()
        self._cloud.client("sqs").set_queue_attributes(
            QueueUrl=self._queue, Attributes={"VisibilityTimeout": str(REDELIVERED_AFTER)}
        )

    def replay(self) -> None:
        """Replay the logged clicks that have not been replayed yet."""
        pages = self._cloud.client("logs").get_paginator("filter_log_events")
        events = pages.paginate(logGroupName=f"/aws/lambda/{commands.LOCAL}-redirect")
        lines = [event["message"] for page in events for event in page["events"]]
        clicks = [click for click in replay.spilled_clicks(lines) if click["id"] not in self._replayed]
        assert replay.replay(clicks, self._cloud.client("sqs"), self._queue) == len(clicks)
        self._replayed |= {click["id"] for click in clicks}


@pytest.fixture(scope="module")
def key(address: str) -> str:
    """An API key, created as by `make key`."""
    return make_key(urlsplit(address).port or 0, "ann", "create,read")


def visit(address: str, code: str) -> int:
    """Follow a link on this thread's own connection, as a browser would."""
    parts = urlsplit(address)
    connection = _connections.setdefault(threading.get_ident(), http.client.HTTPConnection(parts.netloc, timeout=30))
    connection.request("GET", f"{parts.path}/{code}", headers={"User-Agent": FIREFOX, "Accept": "text/html"})
    response = connection.getresponse()
    response.read()
    return response.status


def counted(address: str, code: str, key: str) -> int:
    """Return the total of visits that a link reports."""
    visits: int = json.loads(ask(address, "GET", f"/links/{code}", key=key)[2])["visits"]["total"]
    return visits


@grows
def test_every_link_has_the_exact_number_of_visits(address: str, key: str) -> None:
    """With many links, and visits distributed very unevenly."""
    spilled = Spilled()
    codes = [f"link-{number}" for number in range(LINKS)]
    chance = random.Random(1)  # noqa: S311  # the same visits each time
    visits = Counter(chance.choices(codes, [1 / (rank + 1) for rank in range(LINKS)], k=VISITS))
    plan = list(visits.elements())
    chance.shuffle(plan)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for status, _, _ in clients.map(
            lambda code: ask(address, "POST", "/links", {"url": f"https://example.com/{code}", "alias": code}, key),
            codes,
        ):
            assert status == 201
        assert Counter(clients.map(lambda code: visit(address, code), plan)) == {302: VISITS}
        expected, totals = {code: visits[code] for code in codes}, dict.fromkeys(codes, 0)
        deadline = time.monotonic() + demo.COUNT_SECONDS
        while totals != expected and time.monotonic() < deadline:
            time.sleep(0.5)
            spilled.replay()
            before = totals.copy()
            late = [code for code in codes if totals[code] != expected[code]]
            totals.update(zip(late, clients.map(lambda code: counted(address, code, key), late), strict=True))
            if totals != before:
                deadline = time.monotonic() + demo.COUNT_SECONDS

    assert totals == expected
    most = max(visits, key=lambda code: visits[code])
    report = json.loads(ask(address, "GET", f"/links/{most}/stats", key=key)[2])
    everything = json.loads(ask(address, "GET", "/stats", key=key)[2])
    assert (report["total"]["humans"], report["browsers"][0]["name"]) == (visits[most], "Firefox")
    assert everything["total"]["visits"] == VISITS
    most_visited = {"name": most, "domain": urlsplit(address).netloc, "visits": visits[most], "moved": False}
    assert everything["links"][0] == most_visited
