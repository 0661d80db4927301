"""Links under races and faults: no deletion is undone, nothing exists twice, and every response is true."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from chalicelib.aws import clients
from chalicelib.aws.dynamodb import history_store, link_store, rate_counters
from chalicelib.core.access.caller import Caller, Who
from chalicelib.core.http.idempotency import IdempotentRequest
from chalicelib.core.limits import Window
from chalicelib.core.links.link_patch import Change
from chalicelib.core.links.new_link import NewLink
from chalicelib.errors import AliasTaken, LinkUnknown, ShortenerError, StoreUnavailable, VersionChanged
from chalicelib.usecases import create_links, update_link
from chalicelib.usecases.create_link import shorten
from tests.callers import named
from tests.exactly_once.conftest import Network
from tests.faulty_proxy import Faults
from tests.sizes import SEEDS, each_seed, grows

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN = Caller(principal="key#ann", who=Who(name="laptop"), workspace="ann", scopes=("create", "read", "manage"))


def lossy(seed: int) -> Faults:
    """Return a network that loses 5 % of requests and 15 % of replies, and rejects a tenth of transactions."""
    return Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1)


def outcome_of(call: Callable[..., Any], *given: Any) -> Any:
    """Return the result of a call, or the type of the error it raises."""
    try:
        return call(*given)
    except ShortenerError as error:
        return type(error)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run all calls concurrently."""
    with ThreadPoolExecutor(len(calls)) as rivals:
        return list(rivals.map(outcome_of, calls))


def titled(title: str) -> Change:
    """Return a change of the title."""
    return Change({"title": title})


def links_in_table() -> list[dict[str, Any]]:
    """Return every item of the table of links."""
    items: list[Any] = clients.reads.scan(TableName="url-shortener")["Items"]
    return items


@each_seed
def test_deletion_is_final(network: Network, seed: int) -> None:
    """With edits, a switch and a deletion at the same time, thirty rounds: a deleted link stays deleted."""
    with network(Faults(seed)):
        for number in range(30):
            code = f"race-{number}"
            shorten(NewLink(url="https://example.com/", alias=code), ANN, NOW)
            at_once(
                partial(update_link.change, named(code), titled("a"), ANN, None, NOW),
                partial(update_link.remove, named(code), ANN, None, NOW),
                partial(update_link.change, named(code), Change({"enabled": False}), ANN, None, NOW),
                partial(update_link.change, named(code), titled("b"), ANN, None, NOW),
            )

            assert link_store.find_now(code) is None
            assert link_store.is_code_used(code)
            assert outcome_of(update_link.change, named(code), titled("c"), ANN, None, NOW) is LinkUnknown


def test_concurrent_changes_of_different_fields_all_succeed(network: Network) -> None:
    """Without If-Match a change is merged into the current version."""
    with network(Faults(1)):
        for number in range(20):
            code = f"merge-{number}"
            shorten(NewLink(url="https://example.com/", alias=code), ANN, NOW)
            changes = [titled("t"), Change({"note": "n"}), Change({"enabled": False}), Change({"tags": ("x",)})]
            at_once(*(partial(update_link.change, named(code), each, ANN, None, NOW) for each in changes))

            link = link_store.find_now(code)
            assert link is not None
            assert (link.title, link.note, link.enabled, link.tags, link.version) == ("t", "n", False, ("x",), 5)
            assert len(history_store.history_for(code)) == 4


def test_one_of_two_changes_of_the_same_version_gets_412(network: Network) -> None:
    """The link is as the one that succeeded made it."""
    with network(Faults(1)):
        for number in range(30):
            code = f"seen-{number}"
            etag = shorten(NewLink(url="https://example.com/", alias=code), ANN, NOW).etag
            outcomes = at_once(
                partial(update_link.change, named(code), titled("a"), ANN, etag, NOW),
                partial(update_link.change, named(code), titled("b"), ANN, etag, NOW),
            )

            assert outcomes.count(VersionChanged) == 1
            assert link_store.find_now(code) in outcomes


@each_seed
def test_own_alias_is_never_reported_as_taken(network: Network, seed: int) -> None:
    """With lost replies: each alias is created, or the outcome is unknown."""
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


@each_seed
def test_idempotent_request_creates_one_link(network: Network, seed: int) -> None:
    """Retried until it succeeds, by two clients at once, with lost messages: one link and one response."""
    with network(lossy(seed)):
        answers: dict[int, set[str]] = {}
        for number in range(25):
            once = IdempotentRequest.from_key("key#ann", f"request-{number}", b"body")
            new_link = NewLink(url=f"https://example.com/{number}", find_existing=number % 2 == 0)

            def until_it_succeeds(once: IdempotentRequest = once, new_link: NewLink = new_link) -> str:
                while True:
                    answer = outcome_of(shorten, new_link, ANN, NOW, once)
                    if answer is not StoreUnavailable:
                        return str(answer.document["code"])

            answers[number] = set(at_once(until_it_succeeds, until_it_succeeds))

    with network(Faults(seed), fresh=False):
        links = Counter(item["originalUrl"]["S"] for item in links_in_table())
    assert links == {f"https://example.com/{number}": 1 for number in range(25)}
    assert all(len(codes) == 1 for codes in answers.values())


@each_seed
def test_concurrent_bulk_calls_with_one_key_create_each_link_once(network: Network, seed: int) -> None:
    """With lost messages, repeated until every row succeeds: both get the same links."""
    rows: list[Any] = [{"n": number} for number in range(40)]

    def read(row: dict[str, Any]) -> NewLink:
        number = row["n"]
        return NewLink(url=f"https://example.com/{number}", alias=f"row-{number}" if number % 3 == 0 else None)

    def until_it_succeeds() -> list[Any]:
        while True:
            once = IdempotentRequest.from_key("key#ann", "bulk", b"body")
            made = outcome_of(create_links.shorten_many, rows, read, ANN, NOW, once, lambda: True)
            if made is not StoreUnavailable and all("link" in each for each in made.rows):
                return [each["link"]["code"] for each in made.rows]

    with network(lossy(seed)):
        first, second = at_once(until_it_succeeds, until_it_succeeds)

    assert first == second
    with network(Faults(seed), fresh=False):
        links = Counter(item["originalUrl"]["S"] for item in links_in_table())
    assert links == {f"https://example.com/{number}": 1 for number in range(40)}


@each_seed
def test_change_with_a_lost_reply_is_applied_once(network: Network, seed: int) -> None:
    """Every confirmed change is one version and one history entry; the externalId is the latest one."""
    with network(Faults(seed)):
        shorten(NewLink(url="https://example.com/", alias="sale"), ANN, NOW)
    with network(lossy(seed), fresh=False):
        changes = [Change({"title": f"{n}", "external_id": f"ext-{n}"}) for n in range(30)]
        confirmed = [
            each
            for each in changes
            if outcome_of(update_link.change, named("sale"), each, ANN, None, NOW) is not StoreUnavailable
        ]

    with network(Faults(seed), fresh=False):
        link = link_store.find_now("sale")
        assert link is not None
        titles = [each["changes"]["title"]["to"] for each in history_store.history_for("sale")]
        claims = [item["id"]["S"] for item in clients.reads.scan(TableName="url-shortener-access")["Items"]]
    assert len(titles) == len(set(titles)) == link.version - 1
    assert {each.values["title"] for each in confirmed} <= set(titles)
    assert claims == [f"ext#ann#{link.external_id}"]


@grows
def test_concurrent_callers_without_a_key_stay_within_the_limit(network: Network) -> None:
    """One conditional update checks and counts: lost replies may make it fewer, never more."""
    window, caller = Window("anonymous-hour", 3600, 10), uuid.uuid4().hex
    for seed in SEEDS:
        with network(lossy(seed)), ThreadPoolExecutor(16) as callers:
            counts = list(callers.map(lambda _: outcome_of(rate_counters.spend, caller, window, 1, NOW), range(40)))
        allowed = [count for count in counts if isinstance(count, int)]
        assert len(allowed) == len(set(allowed)) <= 10
