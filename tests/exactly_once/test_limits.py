"""Links with a maximum of visits, under races and faults: never one visitor too many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib import change_link
from chalicelib.aws import clients, link_table
from chalicelib.core.caller import Caller
from chalicelib.core.change import Change
from chalicelib.core.new_link import NewLink
from chalicelib.core.visitor import Visitor
from chalicelib.errors import LinkOff, LinkUsedUp, ShortenerError, StoreUnavailable
from chalicelib.follow import follow
from chalicelib.shorten import shorten
from tests.counting.conftest import Network
from tests.faulty_proxy import Faults

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = Caller(principal="key#ann", name="laptop", owner="ann", scopes=("create", "read", "manage"))
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
SEEDS = (1, 2, 3, 4, 5)


def visit(code: str, number: int = 0) -> Any:
    """Return what becomes of a visitor: ``led on``, or the error that says why not.

    Each has a clock of their own, or one failure would give the table a rest from all that follow.
    """
    try:
        follow(code, Visitor(headers=BROWSER, query={}), NOW + timedelta(minutes=number))
    except ShortenerError as error:
        return type(error)
    return "led on"


def visitors_at_once(code: str, number: int) -> list[Any]:
    """Let ``number`` visitors come at the same time."""
    with ThreadPoolExecutor(number) as crowd:
        return list(crowd.map(partial(visit, code), range(number)))


def spent(code: str) -> int:
    """Return how many visits the table has counted."""
    item = clients.reads.get_item(TableName="url-shortener", Key={"code": {"S": code}}, ConsistentRead=True)["Item"]
    return int(item.get("spent", {"N": "0"})["N"])


def test_a_crowd_gets_exactly_the_maximum(network: Network) -> None:
    """Of 300 visitors at once a hundred are led on, and the rest are told that it is used up."""
    with network(Faults(1)):
        shorten(NewLink(url="https://example.com/", alias="hundred", max_visits=100), ANN, NOW)

        outcomes = visitors_at_once("hundred", 300)

        assert (outcomes.count("led on"), outcomes.count(LinkUsedUp)) == (100, 200)
        assert spent("hundred") == 100


@pytest.mark.parametrize("seed", SEEDS)
def test_no_lost_reply_lets_one_more_through(network: Network, seed: int) -> None:
    """With 15 % of replies and 5 % of requests lost: a hundred at the most, and no more than are counted."""
    with network(Faults(seed)):
        shorten(NewLink(url="https://example.com/", alias="hundred", max_visits=100), ANN, NOW)
    with network(Faults(seed, request_lost=0.05, reply_lost=0.15), fresh=False) as faults:
        outcomes = visitors_at_once("hundred", 300)
    with network(Faults(seed), fresh=False):
        counted = spent("hundred")

    assert set(outcomes) <= {"led on", LinkUsedUp, StoreUnavailable}
    assert outcomes.count("led on") <= counted <= 100
    assert faults.happened["reply lost"] > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lost_reply_does_not_eat_a_link_for_one(network: Network, seed: int) -> None:
    """Who comes alone is led on though the first reply is lost: the second try knows the first. Thirty links."""
    with network(Faults(seed)):
        for number in range(30):
            shorten(NewLink(url="https://example.com/", alias=f"once-{number}", max_visits=1), ANN, NOW)
    with network(Faults(seed, reply_lost=0.3), fresh=False) as faults:
        first = [visit(f"once-{number}", number) for number in range(30)]
    with network(Faults(seed), fresh=False):
        second = [visit(f"once-{number}", number) for number in range(30) if first[number] == "led on"]

    assert faults.happened["reply lost"] > 5
    assert set(first) <= {"led on", StoreUnavailable}
    assert first.count("led on") > 20  # two lost replies in a row are two halves of a second, and a 503
    assert set(second) == {LinkUsedUp}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lost_reply_does_not_count_twice(network: Network, seed: int) -> None:
    """Who was led on has spent one visit of three, however often it was tried. Thirty links."""
    with network(Faults(seed)):
        for number in range(30):
            shorten(NewLink(url="https://example.com/", alias=f"three-{number}", max_visits=3), ANN, NOW)
    with network(Faults(seed, reply_lost=0.3), fresh=False):
        outcomes = [visit(f"three-{number}", number) for number in range(30)]
    with network(Faults(seed), fresh=False):
        counted = [spent(f"three-{number}") for number in range(30) if outcomes[number] == "led on"]

    assert len(counted) > 20
    assert set(counted) == {1}


def test_an_edit_meanwhile_counts_from_its_acknowledgement(network: Network) -> None:
    """A crowd comes while the link is switched off: whoever comes after the answer is not led on."""
    with network(Faults(1)):
        shorten(NewLink(url="https://example.com/", alias="busy", max_visits=1000), ANN, NOW)
        with ThreadPoolExecutor(40) as crowd:
            before = [crowd.submit(visit, "busy") for _ in range(40)]
            change_link.change("busy", Change({"enabled": False}), ANN, None, NOW)
            after = visitors_at_once("busy", 20)

        outcomes = [each.result() for each in before]
        assert set(after) == {LinkOff}
        assert outcomes.count("led on") == spent("busy")
        assert link_table.find_now("busy") is not None
