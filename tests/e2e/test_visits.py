"""Ten thousand visits through the deployed stack: API Gateway, redirect, queue, count function, table."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from dev import deploy, local_aws, package
from dev.client import ask
from tests.e2e.conftest import free_port
from tests.paths import ROOT

LINKS, VISITS, CLIENTS = 500, 10_000, 8
DRAIN_SECONDS = 120
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

_connections: dict[int, http.client.HTTPConnection] = {}
"""One for each thread of visitors."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The stack on a local AWS of this module's own."""
    if os.environ.get("E2E_URL"):
        pytest.skip("NOT TESTED: ten thousand visits. Nobody's bill is run up from here.")
    port, state_dir = free_port(), tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_aws.environment(port).items():
            patch.setenv(name, value)
        local_aws.start_detached(port, state_dir)
        yield deploy.deploy_locally(package.build("local", for_this_machine=True, fresh=False), port)
        for connection in _connections.values():
            connection.close()
        local_aws.stop_detached(state_dir)


@pytest.fixture(scope="module")
def key(address: str) -> str:
    """A key to the links of this test, as `make key` makes it."""
    port = str(urlsplit(address).port)
    command = [sys.executable, "-m", "dev.keys", "make", "local", "ann", "create,read", "", ""]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"AWS_PORT": port}, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def visit(address: str, code: str) -> int:
    """Follow a link on this thread's own connection, as a browser would."""
    parts = urlsplit(address)
    connection = _connections.setdefault(threading.get_ident(), http.client.HTTPConnection(parts.netloc, timeout=30))
    connection.request("GET", f"{parts.path}/{code}", headers={"User-Agent": FIREFOX})
    response = connection.getresponse()
    response.read()
    return response.status


def counted(address: str, code: str, key: str) -> int:
    """Return how often a link says that it was visited."""
    visits: int = json.loads(ask(address, "GET", f"/links/{code}", key=key)[2])["visits"]["total"]
    return visits


def test_every_link_counts_what_it_was_visited(address: str, key: str) -> None:
    """500 links, 10,000 visits, some links far more than others: once the queue is empty every total is exact."""
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
        give_up = time.monotonic() + DRAIN_SECONDS
        late = codes
        while late and time.monotonic() < give_up:
            time.sleep(0.5)
            late = [
                code
                for code, total in zip(late, clients.map(lambda code: counted(address, code, key), late), strict=True)
                if total != visits[code]
            ]

    assert late == []
    most = max(visits, key=lambda code: visits[code])
    report = json.loads(ask(address, "GET", f"/links/{most}/stats", key=key)[2])
    everything = json.loads(ask(address, "GET", "/stats", key=key)[2])
    assert report["series"][-1]["at"] == datetime.now(UTC).date().isoformat()
    assert (report["total"]["humans"], report["browsers"][0]["name"]) == (visits[most], "Firefox")
    assert everything["total"]["visits"] == VISITS
    assert everything["links"][0] == {"name": most, "visits": visits[most]}
