"""Concurrent requests: no code or alias is given out twice, and no request gets a 500."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from dev.http_client import ask
from dev.local import local_aws
from tests.e2e.conftest import Running
from tests.paths import ROOT
from tests.sizes import grows, usual_or_long

_CONTAINER = """
import datetime, sys
from chalicelib.core.access.caller import Caller, Who
from chalicelib.core.links.new_link import NewLink
from chalicelib.usecases.create_link import shorten
caller = Caller(principal="key#ann", who=Who(name="ann"), workspace="ann", scopes=("create",))
sys.stdin.readline()
for number in range(int(sys.argv[1])):
    now = datetime.datetime.now(datetime.UTC)
    print(shorten(NewLink(url=f"https://example.com/{number}"), caller, now).document["code"])
"""


def made_by(running: Running, body: dict[str, Any]) -> tuple[int, str | None, bytes]:
    """Create a link as a patient client does: on a busy machine the table may time out, which gives 503.

    The Idempotency-Key allows retries; the link is created once.
    """
    once, deadline = uuid.uuid4().hex, time.monotonic() + 60
    while (answer := ask(running.base_url, "POST", "/links", body, once=once))[0] == HTTPStatus.SERVICE_UNAVAILABLE:
        assert time.monotonic() < deadline, answer
    return answer


@grows
def test_one_of_sixteen_requests_for_an_alias_succeeds(running: Running) -> None:
    """Each round gives one 201, fifteen 409, no 500; the alias leads to the target of the successful request."""
    rounds = []
    with ThreadPoolExecutor(16) as writers:
        for number in range(usual_or_long(25, 200)):
            bodies = [{"alias": f"race-{number}", "url": f"https://example.com/{number}/{w}"} for w in range(16)]
            answers = list(writers.map(lambda body: made_by(running, body), bodies))
            rounds.append((number, answers))

    for number, answers in rounds:
        assert Counter(status for status, _, _ in answers) == {201: 1, 409: 15}
        winner = next(json.loads(body) for status, _, body in answers if status == 201)
        assert ask(running.base_url, "GET", f"/race-{number}")[1] == winner["url"]


@grows
def test_sixteen_requests_to_find_existing_get_the_same_link(running: Running) -> None:
    """Rounds of `findExisting`: one link is created, and all sixteen get it."""
    with ThreadPoolExecutor(16) as writers:
        for number in range(usual_or_long(8, 40)):
            body = {"url": f"https://example.com/existing/{number}", "findExisting": True}
            answers = list(writers.map(lambda _: made_by(running, body), range(16)))  # noqa: B023  # done within the round

            assert Counter(status for status, _, _ in answers) == {201: 1, 200: 15}
            assert len({json.loads(body)["code"] for _, _, body in answers}) == 1


@grows
def test_codes_of_eight_containers_are_unique(running: Running) -> None:
    """Eight independent code generators create links; all codes differ, and each leads to its target."""
    each = usual_or_long(20, 125)
    env = local_aws.environment(running.aws_port) | {"BASE_URL": running.base_url, "PYTHONPATH": str(ROOT)}
    containers = [
        subprocess.Popen(
            [sys.executable, "-c", _CONTAINER, str(each)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]

    with ThreadPoolExecutor(8) as together:
        printed = list(together.map(lambda container: container.communicate("go\n")[0].split(), containers))

    codes = [code for part in printed for code in part]
    assert [container.returncode for container in containers] == [0] * 8
    assert len(codes) == len(set(codes)) == 8 * each
    for part in printed:
        for number, code in enumerate(part):
            assert ask(running.base_url, "GET", f"/{code}")[1] == f"https://example.com/{number}"
