"""The model of counting at scale: no click goes missing in it, and it finds what is known of the version before."""

from __future__ import annotations

import functools
import itertools
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from bench import scale, scale_chart, scale_model
from bench.scale import Outcome
from bench.scale_model import Choices, Fifo, Load, Popularity

STEPS = (10, 30)
BY_NAME = {load.name: load for load in (*scale.LOADS, *scale.WARM)}


@functools.cache
def found(name: str) -> tuple[Outcome, Outcome]:
    """Return what became of a load before and after. Each state is checked: every click is somewhere, none twice."""
    load = BY_NAME[name]
    both = []
    for model in (scale_model.before(load, steps=STEPS), scale_model.after(load, steps=STEPS)):
        states, checked = itertools.tee(model)
        earlier = 0.0
        outcome = scale.outcome(states)
        for state in checked:
            places = (state.counted, state.queue, state.stream, state.lost, state.dead)
            assert min(places) >= -1e-3, state
            assert sum(places) == pytest.approx(state.arrived, rel=1e-9), state
            assert state.counted >= earlier
            earlier = state.counted
        both.append(outcome)
    return both[0], both[1]


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "a, warm"])
def test_every_click_is_somewhere_and_none_is_lost_after(name: str) -> None:
    """At each step a click is counted, waiting, lost or dead; after, all are counted within hours of the last."""
    before, after = found(name)

    assert before.arrived == after.arrived == BY_NAME[name].rate * 3_600
    assert after.counted == pytest.approx(after.arrived, abs=1)
    assert after.lost == after.dead == 0
    assert after.done_after < min(before.done_after, 5 * 3_600)


@pytest.mark.parametrize("name", ["c", "d"])
def test_known_figures_of_one_link_before(name: str) -> None:
    """178 million wait at the end of the hour, and 23 million expire after four days, on any table."""
    before, _ = found(name)

    assert before.most_in_queue == pytest.approx(178e6, rel=0.15)
    assert before.lost == pytest.approx(23e6, rel=0.15)
    assert before.dead == pytest.approx(0, abs=0.5)
    assert before.done_after == pytest.approx(4 * 86_400, rel=0.02)


def test_known_speeds_before() -> None:
    """Four functions count 1,400 clicks a second of many links; one owner's day stops at 500 to 1,000."""
    many, owner = (
        scale.outcome(scale_model.before(replace(load, units=100_000), steps=STEPS)) for load in scale.LOADS[:2]
    )

    assert many.counted / many.done_after == pytest.approx(1_400, rel=0.01)
    assert 500 <= owner.counted / owner.done_after <= 1_000


def test_more_functions_before_do_not_help_one_link() -> None:
    """They wait for each other until their time is up, and what they gave up too often waits for a person."""
    crowd = scale.outcome(scale_model.before(BY_NAME["c"], 400, STEPS))

    assert crowd.counted < 0.85 * crowd.arrived
    assert crowd.dead > 20e6


def test_what_is_never_read_expires() -> None:
    """A consumer that can receive too little loses clicks in the model, too: nothing is kept by its accounting."""
    load = replace(BY_NAME["c"], rate=1_000_000, seconds=3_600)
    states = scale_model.after(load, Choices(queue_calls=1), (60, 60))

    last = list(itertools.islice(states, 60))[-1]

    assert last.lost > 0
    assert last.counted + last.waiting + last.lost == pytest.approx(last.arrived, rel=1e-9)


def test_slots_and_partitions_grow_only_where_needed() -> None:
    """One link at 100 a second has one slot; at 50,000 it has all, and a fresh table has split."""
    calm = scale.outcome(scale_model.after(Load("calm", "", 100, 1, 1, 4_000, 600), steps=STEPS))

    assert (calm.slots, calm.partitions, calm.most_in_queue) == (1, 4, 0)
    assert found("c")[1].slots == scale_model.MOST_SLOTS
    assert found("c")[1].partitions > 4


def test_fifo_takes_and_expires_the_oldest() -> None:
    """The rest of a cohort keeps its age."""
    queue = Fifo()
    for second in range(4):
        queue.add(second, 10)

    assert queue.take(15) == 15
    assert queue.expire(2) == 5
    assert queue.size == 20
    assert queue.take(30) == 20
    assert queue.size == 0


def test_popularity_is_zipf() -> None:
    """The first of a million is asked for once in 14 times; few clicks are all distinct, very many meet all links."""
    links = Popularity(1_000_000)

    assert links.shares(2) == pytest.approx([1 / 14.39, 1 / 28.79], rel=0.01)
    assert links.distinct(1) == pytest.approx(1, rel=0.05)
    assert links.distinct(1e10) == pytest.approx(1_000_000, rel=0.01)


def test_quota_is_shared_out() -> None:
    """The shares are the quota, and even ten containers leave some for counting."""
    assert [sum(scale.quota_shares(quota)) for quota in scale.QUOTAS] == list(scale.QUOTAS)
    assert min(scale.quota_shares(10)) >= 2


def test_chart_has_a_panel_for_each_load() -> None:
    """It is well-formed, and says what expires."""
    before, after = found("c")
    svg = scale_chart.draw([(BY_NAME["c"], before.curve, after.curve, before.lost)] * 3)

    groups = ET.fromstring(svg).findall("{http://www.w3.org/2000/svg}g")  # noqa: S314  # our own text
    assert len(groups) == 3
    assert svg.count("23 million expire") == 3
