"""Links with a maximum of visits, under races and faults: never one visitor too many."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import link_store, rate_counters
from chalicelib.core.access.caller import Caller, Who
from chalicelib.core.limits import WRONG_PASSWORDS
from chalicelib.core.links.link_patch import Change
from chalicelib.core.links.new_link import NewLink
from chalicelib.core.visits.visitor import Visitor
from chalicelib.errors import LinkOff, LinkUsedUp, ShortenerError, StoreUnavailable
from chalicelib.usecases import update_link
from chalicelib.usecases.create_link import shorten
from chalicelib.usecases.follow_link import follow
from tests.callers import named
from tests.exactly_once.conftest import Network
from tests.faulty_proxy import Faults
from tests.sizes import each_seed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = Caller(principal="key#ann", who=Who(name="laptop"), workspace="ann", scopes=("create", "read", "manage"))
BROWSER = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
}


def visit(code: str, number: int = 0) -> Any:
    """Return the outcome of a visit: ``redirected``, or the type of the error.

    Each visitor has a clock of their own, or one failure would open the circuit breaker for those that follow.
    """
    try:
        follow(code, Visitor(headers=BROWSER, query={}), NOW + timedelta(minutes=number))
    except ShortenerError as error:
        return type(error)
    return "redirected"


def visitors_at_once(code: str, number: int) -> list[Any]:
    """Return the outcomes of ``number`` concurrent visits."""
    with ThreadPoolExecutor(number) as crowd:
        return list(crowd.map(partial(visit, code), range(number)))


def spent(code: str) -> int:
    """Return how many visits the table has counted."""
    item = clients.reads.get_item(TableName="url-shortener", Key={"code": {"S": code}}, ConsistentRead=True)["Item"]
    return int(item.get("spent", {"N": "0"})["N"])


def test_concurrent_visitors_get_exactly_the_maximum(network: Network) -> None:
    """Of 300 concurrent visitors a hundred are redirected; the others learn that the link is used up."""
    with network(Faults(1)):
        shorten(NewLink(url="https://example.com/", alias="hundred", max_visits=100), ANN, NOW)

        outcomes = visitors_at_once("hundred", 300)

        assert Counter(outcomes) == {"redirected": 100, LinkUsedUp: 200}
        assert spent("hundred") == 100


@each_seed
def test_lost_replies_allow_no_extra_visit(network: Network, seed: int) -> None:
    """With 15 % of replies and 5 % of requests lost: at most a hundred, and no more than are counted."""
    with network(Faults(seed)):
        shorten(NewLink(url="https://example.com/", alias="hundred", max_visits=100), ANN, NOW)
    with network(Faults(seed, request_lost=0.05, reply_lost=0.15), fresh=False) as faults:
        outcomes = visitors_at_once("hundred", 300)
    with network(Faults(seed), fresh=False):
        counted = spent("hundred")

    assert set(outcomes) <= {"redirected", LinkUsedUp, StoreUnavailable}
    assert outcomes.count("redirected") <= counted <= 100
    assert faults.happened["reply lost"] > 10


@each_seed
def test_lost_reply_does_not_use_up_a_single_visit_link(network: Network, seed: int) -> None:
    """A single visitor is redirected though the first reply is lost: the retry recognises it. Thirty links."""
    with network(Faults(seed)):
        for number in range(30):
            shorten(NewLink(url="https://example.com/", alias=f"once-{number}", max_visits=1, confirm=False), ANN, NOW)
    with network(Faults(seed, reply_lost=0.3), fresh=False) as faults:
        first = [visit(f"once-{number}", number) for number in range(30)]
    with network(Faults(seed), fresh=False):
        second = [visit(f"once-{number}", number) for number in range(30) if first[number] == "redirected"]

    assert faults.happened["reply lost"] > 5
    assert set(first) <= {"redirected", StoreUnavailable}
    assert first.count("redirected") > 15  # most: two lost replies in a row take a second, and give 503
    assert set(second) == {LinkUsedUp}


@each_seed
def test_lost_reply_does_not_count_twice(network: Network, seed: int) -> None:
    """A redirected visitor has spent one visit of three, however often it was retried. Thirty links."""
    with network(Faults(seed)):
        for number in range(30):
            shorten(NewLink(url="https://example.com/", alias=f"three-{number}", max_visits=3), ANN, NOW)
    with network(Faults(seed, reply_lost=0.3), fresh=False):
        outcomes = [visit(f"three-{number}", number) for number in range(30)]
    with network(Faults(seed), fresh=False):
        counted = [spent(f"three-{number}") for number in range(30) if outcomes[number] == "redirected"]

    assert len(counted) > 15  # most, as above
    assert set(counted) == {1}


@each_seed
def test_lost_reply_costs_no_visit_between_others(network: Network, seed: int) -> None:
    """However many visits are counted before the retry of one whose reply was lost, each costs one."""
    with network(Faults(seed)):
        shorten(NewLink(url="https://example.com/", alias="crowd", max_visits=100), ANN, NOW)
    with network(Faults(seed, reply_lost=0.15), fresh=False) as faults:
        outcomes = visitors_at_once("crowd", 60)
    with network(Faults(seed), fresh=False):
        counted = spent("crowd")

    assert set(outcomes) <= {"redirected", StoreUnavailable}
    assert faults.happened["reply lost"] > 3
    assert outcomes.count("redirected") > 40  # two lost replies in a row take a second, and give 503
    assert counted <= len(outcomes)
    assert counted >= outcomes.count("redirected")


@each_seed
def test_lost_replies_allow_no_extra_wrong_password(network: Network, seed: int) -> None:
    """A success frees its place once, however often it is reported; a failure keeps it."""
    most = WRONG_PASSWORDS.most
    with network(Faults(seed, request_lost=0.05, reply_lost=0.3)) as faults, ThreadPoolExecutor(8) as crowd:

        def begins(attempt: str) -> int | StoreUnavailable | None:
            try:
                return rate_counters.begin("link", WRONG_PASSWORDS, attempt, NOW)
            except StoreUnavailable as unknown:
                return unknown

        first = [*crowd.map(begins, map(str, range(2 * most)))]
        begun = [str(number) for number, outcome in enumerate(first) if outcome is None]
        for attempt in begun[:4]:
            with suppress(StoreUnavailable):
                rate_counters.end("link", WRONG_PASSWORDS, attempt, NOW, failed=attempt != begun[0])
    with network(Faults(seed), fresh=False):
        for attempt in begun[:4]:
            rate_counters.end("link", WRONG_PASSWORDS, attempt, NOW, failed=attempt != begun[0])
        then = [rate_counters.begin("link", WRONG_PASSWORDS, f"then {number}", NOW) for number in range(2)]

    assert faults.happened["reply lost"] > 5
    assert 4 < len(begun) <= most
    assert then == [None, 3]


def test_change_takes_effect_once_acknowledged(network: Network) -> None:
    """Visitors who come after a link was disabled are not redirected, whatever the load."""
    with network(Faults(1)):
        shorten(NewLink(url="https://example.com/", alias="busy", max_visits=1000), ANN, NOW)
        with ThreadPoolExecutor(40) as crowd:
            before = [crowd.submit(visit, "busy") for _ in range(40)]
            update_link.change(named("busy"), Change({"enabled": False}), ANN, None, NOW)
            after = visitors_at_once("busy", 20)

        outcomes = [each.result() for each in before]
        assert set(after) == {LinkOff}
        assert outcomes.count("redirected") == spent("busy")
        assert link_store.find_now("busy") is not None
