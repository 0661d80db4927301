"""Many at once: nothing is handed out twice, and nobody gets a 500."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from dev import local_aws
from dev.client import ask
from tests.e2e.conftest import Running
from tests.paths import ROOT

_CONTAINER = """
import datetime, sys
from chalicelib.core.caller import Caller
from chalicelib.core.new_link import NewLink
from chalicelib.shorten import shorten
caller = Caller(principal="key#ann", name="ann", owner="ann", scopes=("create",))
sys.stdin.readline()
for number in range(125):
    now = datetime.datetime.now(datetime.UTC)
    print(shorten(NewLink(url=f"https://example.com/{number}"), caller, now).document["code"])
"""


def test_of_sixteen_who_want_one_alias_one_gets_it(running: Running) -> None:
    """200 rounds: one 201, fifteen 409, no 500; and the alias leads where its winner said."""
    rounds = []
    with ThreadPoolExecutor(16) as writers:
        for number in range(200):
            wishes = [{"alias": f"race-{number}", "url": f"https://example.com/{number}/{w}"} for w in range(16)]
            answers = list(writers.map(lambda wish: ask(running.base_url, "POST", "/links", wish), wishes))
            rounds.append((number, answers))

    for number, answers in rounds:
        assert Counter(status for status, _, _ in answers) == {201: 1, 409: 15}
        winner = next(json.loads(body) for status, _, body in answers if status == 201)
        assert ask(running.base_url, "GET", f"/race-{number}")[1] == winner["url"]


def test_of_sixteen_who_want_to_find_one_link_all_find_it(running: Running) -> None:
    """20 rounds of `findExisting`: one link is made, and all sixteen are given it."""
    with ThreadPoolExecutor(16) as writers:
        for number in range(20):
            wish = {"url": f"https://example.com/existing/{number}", "findExisting": True}
            answers = list(writers.map(lambda _: ask(running.base_url, "POST", "/links", wish), range(16)))  # noqa: B023  # done within the round

            assert Counter(status for status, _, _ in answers) == {201: 1, 200: 15}
            assert len({json.loads(body)["code"] for _, _, body in answers}) == 1


def test_eight_containers_never_hand_out_one_code_twice(running: Running) -> None:
    """1,000 creations by eight generators that know nothing of each other: 1,000 codes, and each leads somewhere."""
    env = local_aws.environment(running.aws_port) | {"BASE_URL": running.base_url, "PYTHONPATH": str(ROOT)}
    containers = [
        subprocess.Popen(
            [sys.executable, "-c", _CONTAINER], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]

    with ThreadPoolExecutor(8) as together:
        printed = list(together.map(lambda container: container.communicate("go\n")[0].split(), containers))

    codes = [code for part in printed for code in part]
    assert [container.returncode for container in containers] == [0] * 8
    assert len(codes) == len(set(codes)) == 1000
    for part in printed:
        for number, code in enumerate(part):
            assert ask(running.base_url, "GET", f"/{code}")[1] == f"https://example.com/{number}"
