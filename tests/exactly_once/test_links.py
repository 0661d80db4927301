"""Links under races and faults: nothing comes back, nothing exists twice, nobody is told a falsehood."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from chalicelib import change_link, shorten_many
from chalicelib.aws import clients, history_table, link_table, rates
from chalicelib.core.answer import Once
from chalicelib.core.caller import Caller
from chalicelib.core.change import Change
from chalicelib.core.limits import Window
from chalicelib.core.new_link import NewLink
from chalicelib.errors import AliasTaken, LinkUnknown, ShortenerError, StoreUnavailable, VersionChanged
from chalicelib.shorten import shorten
from tests.counting.conftest import Network
from tests.faulty_proxy import Faults

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = Caller(principal="key#ann", name="laptop", owner="ann", scopes=("create", "read", "manage"))
SEEDS = (1, 2, 3, 4, 5)


def lossy(seed: int) -> Faults:
    """Return a network that loses 5 % of requests and 15 % of replies, and turns a tenth of transactions away."""
    return Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1)


def outcome_of(deed: Callable[..., Any], *given: Any) -> Any:
    """Return what a deed returns, or the error it raises."""
    try:
        return deed(*given)
    except ShortenerError as error:
        return type(error)


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """Do all of it at the same time."""
    with ThreadPoolExecutor(len(deeds)) as rivals:
        return list(rivals.map(outcome_of, deeds))


def titled(title: str) -> Change:
    """Return a change of the title."""
    return Change({"title": title})


def links_in_table() -> list[dict[str, Any]]:
    """Return every item of the table of links."""
    items: list[Any] = clients.reads.scan(TableName="url-shortener")["Items"]
    return items


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_comes_back_from_being_removed(network: Network, seed: int) -> None:
    """Edits, a switch and a removal at the same time, thirty rounds: once it is gone it stays gone, for all."""
    with network(Faults(seed)):
        for number in range(30):
            code = f"race-{number}"
            shorten(NewLink(url="https://example.com/", alias=code), ANN, NOW)
            at_once(
                partial(change_link.change, code, titled("a"), ANN, None, NOW),
                partial(change_link.remove, code, ANN, None, NOW),
                partial(change_link.change, code, Change({"enabled": False}), ANN, None, NOW),
                partial(change_link.change, code, titled("b"), ANN, None, NOW),
            )

            assert link_table.find_now(code) is None
            assert link_table.is_given_out(code)
            assert outcome_of(change_link.change, code, titled("c"), ANN, None, NOW) is LinkUnknown


def test_who_change_different_things_both_get_their_way(network: Network) -> None:
    """Without If-Match a change is merged into whatever the link has become."""
    with network(Faults(1)):
        for number in range(20):
            code = f"merge-{number}"
            shorten(NewLink(url="https://example.com/", alias=code), ANN, NOW)
            changes = [titled("t"), Change({"note": "n"}), Change({"enabled": False}), Change({"tags": ("x",)})]
            at_once(*(partial(change_link.change, code, each, ANN, None, NOW) for each in changes))

            link = link_table.find_now(code)
            assert link is not None
            assert (link.title, link.note, link.enabled, link.tags, link.version) == ("t", "n", False, ("x",), 5)
            assert len(history_table.of(code)) == 4


def test_of_two_who_saw_the_same_version_one_is_told(network: Network) -> None:
    """412 for the other, every time; the link is what the one who got through made it."""
    with network(Faults(1)):
        for number in range(30):
            code = f"seen-{number}"
            etag = shorten(NewLink(url="https://example.com/", alias=code), ANN, NOW).etag
            outcomes = at_once(
                partial(change_link.change, code, titled("a"), ANN, etag, NOW),
                partial(change_link.change, code, titled("b"), ANN, etag, NOW),
            )

            assert outcomes.count(VersionChanged) == 1
            assert link_table.find_now(code) in outcomes


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_told_taken_about_their_own_link(network: Network, seed: int) -> None:
    """With replies lost after they were applied: each alias is made, or it may or may not have been; never taken."""
    with network(lossy(seed)) as faults:
        outcomes = {
            code: outcome_of(
                partial(shorten, NewLink(url="https://example.com/", alias=code, external_id=ext), ANN, NOW)
            )
            for code, ext in ((f"own-{n}", f"ext-{n}" if n % 2 else None) for n in range(80))
        }

    assert faults.happened["reply lost"] > 0
    assert AliasTaken not in outcomes.values()
    with network(Faults(seed), fresh=False):
        there = {item["code"]["S"] for item in links_in_table()}
    assert there >= {code for code, outcome in outcomes.items() if outcome is not StoreUnavailable}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_request_with_a_key_of_its_own_makes_one_link(network: Network, seed: int) -> None:
    """Tried until it is answered, by two at once, through the same losses: one link each, and one answer."""
    with network(lossy(seed)):
        answers: dict[int, set[str]] = {}
        for number in range(25):
            once = Once.of("key#ann", f"request-{number}", b"body")
            wanted = NewLink(url=f"https://example.com/{number}", find_existing=number % 2 == 0)

            def patiently(once: Once = once, wanted: NewLink = wanted) -> str:
                while True:
                    answer = outcome_of(shorten, wanted, ANN, NOW, once)
                    if answer is not StoreUnavailable:
                        return str(answer.document["code"])

            answers[number] = set(at_once(patiently, patiently))

    with network(Faults(seed), fresh=False):
        links = Counter(item["originalUrl"]["S"] for item in links_in_table())
    assert links == {f"https://example.com/{number}": 1 for number in range(25)}
    assert all(len(codes) == 1 for codes in answers.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_two_bulk_calls_with_one_key_make_each_link_once(network: Network, seed: int) -> None:
    """At the same time, through the same losses, until every row is answered: the same links for both."""
    rows: list[Any] = [{"n": number} for number in range(40)]

    def read(row: dict[str, Any]) -> NewLink:
        number = row["n"]
        return NewLink(url=f"https://example.com/{number}", alias=f"row-{number}" if number % 3 == 0 else None)

    def patiently() -> list[Any]:
        while True:
            once = Once.of("key#ann", "bulk", b"body")
            made = outcome_of(shorten_many.shorten_many, rows, read, ANN, NOW, once, lambda: True)
            if made is not StoreUnavailable and all("link" in each for each in made.rows):
                return [each["link"]["code"] for each in made.rows]

    with network(lossy(seed)):
        first, second = at_once(patiently, patiently)

    assert first == second
    with network(Faults(seed), fresh=False):
        links = Counter(item["originalUrl"]["S"] for item in links_in_table())
    assert links == {f"https://example.com/{number}": 1 for number in range(40)}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_whose_reply_was_lost_happened_once(network: Network, seed: int) -> None:
    """Every change that was confirmed is one version and one entry of the history; an externalId is where it moved."""
    with network(Faults(seed)):
        shorten(NewLink(url="https://example.com/", alias="sale"), ANN, NOW)
    with network(lossy(seed), fresh=False):
        wanted = [Change({"title": f"{n}", "external_id": f"ext-{n}"}) for n in range(30)]
        confirmed = [
            each
            for each in wanted
            if outcome_of(change_link.change, "sale", each, ANN, None, NOW) is not StoreUnavailable
        ]

    with network(Faults(seed), fresh=False):
        link = link_table.find_now("sale")
        assert link is not None
        titles = [each["changes"]["title"]["to"] for each in history_table.of("sale")]
        claims = [item["id"]["S"] for item in clients.reads.scan(TableName="url-shortener-access")["Items"]]
    assert len(titles) == len(set(titles)) == link.version - 1
    assert {each.values["title"] for each in confirmed} <= set(titles)
    assert claims == [f"ext#ann#{link.external_id}"]


def test_sixteen_strangers_make_no_more_than_they_may(network: Network) -> None:
    """One conditional update decides and counts: with replies lost it may be fewer, never more."""
    window, who = Window("anonymous-hour", 3600, 10), uuid.uuid4().hex
    for seed in SEEDS:
        with network(lossy(seed)), ThreadPoolExecutor(16) as strangers:
            counts = list(strangers.map(lambda _: outcome_of(rates.spend, who, window, 1, NOW), range(40)))
        let_in = [count for count in counts if isinstance(count, int)]
        assert len(let_in) == len(set(let_in)) <= 10
