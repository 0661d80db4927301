"""Counting clicks at scale, before and after: what waits, for how long, and what is lost (bench/scale_model.py).

Nothing is measured here and no machine matters: the results are those of a model, and the same each time. They go to
bench/results/scale.md, .json and .svg.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench import scale_chart, scale_model
from bench.scale_model import CALLS_AT_ONCE, FRESH_UNITS, FUNCTIONS, REQUESTS_A_CALL, WARM_UNITS, Choices, Load, State

RESULTS = Path(__file__).parent / "results"
LOADS = (
    Load("a", "10,000 a second over a million links", 10_000, 1_000_000, 10_000, FRESH_UNITS),
    Load("b", "5,000 a second of one owner, 20,000 links", 5_000, 20_000, 1, FRESH_UNITS),
    Load("c", "50,000 a second of one link", 50_000, 1, 1, FRESH_UNITS),
    Load("d", "50,000 a second of one link", 50_000, 1, 1, WARM_UNITS),
)
WARM = tuple(replace(load, name=f"{load.name}, warm", units=WARM_UNITS) for load in LOADS[:2])
MORE_FUNCTIONS = (FUNCTIONS, 40, 400)
QUOTAS = (10, CALLS_AT_ONCE, 6_000)
LONGER = {"as above": Choices(), "rows wait ten seconds for each other": Choices(window=10)}
CHOICES = {
    "as above": Choices(),
    "a refused message draws its slot anew": Choices(redraws_slots=True),
    "refused rows open slots too": Choices(opens_when_refused=True),
    "the consumer slows down while most are refused": Choices(holds_back=True),
}
_COARSE, _EVEN = (10, 30), (10, 10)  # seconds: steps where only the end of it is told
_MILLION = 1_000_000


@dataclass
class Outcome:
    """What became of a load's clicks. Seconds are since the first of them; ``curve`` is (second, queue, stream)."""

    arrived: float = 0
    counted: float = 0
    lost: float = 0
    dead: float = 0
    most_in_queue: float = 0
    most_in_stream: float = 0
    done_after: float = 0
    sent_back: float = 0
    units_a_click: float = 0
    slots: int = 1
    partitions: int = 0
    curve: list[tuple[float, float, float]] = field(default_factory=list)


def outcome(states: Iterator[State]) -> Outcome:
    """Let a model run to its end."""
    found, last, shown = Outcome(), State(0, 0, 0, 0, 0, 0, 0), 0.0
    for last in states:
        found.most_in_queue = max(found.most_in_queue, last.queue)
        found.most_in_stream = max(found.most_in_stream, last.stream)
        if last.second >= shown:
            found.curve.append((last.second, round(last.queue), round(last.stream)))
            shown = last.second * 1.05
    found.curve.append((last.second, round(last.queue), round(last.stream)))
    found.arrived, found.counted, found.lost, found.dead = last.arrived, last.counted, last.lost, last.dead
    found.done_after, found.sent_back = last.second, last.sent_back
    found.units_a_click = last.units / last.counted
    found.slots, found.partitions = last.slots, last.partitions
    return found


def main() -> None:
    """Print and store the tables, the numbers and the chart."""
    runs = {load: (outcome(scale_model.before(load)), outcome(scale_model.after(load))) for load in LOADS}
    chart = scale_chart.draw([(load, old.curve, new.curve, old.lost) for load, (old, new) in runs.items()])
    for load in WARM:
        both = (scale_model.before(load, steps=_COARSE), scale_model.after(load, steps=_COARSE))
        runs[load] = (outcome(both[0]), outcome(both[1]))
    lines = [*_both(runs), "", *_more_functions(), "", *_quotas(), "", *_choices()]
    print("\n".join(lines))
    about = "Not measured: computed second by second from the constants of bench/scale_model.py."
    page = ["# Counting clicks at scale, a model", "", about, "", "![what waits, over time](scale.svg)", "", *lines, ""]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scale.md").write_text("\n".join(page))
    (RESULTS / "scale.svg").write_text(chart)
    (RESULTS / "scale.json").write_text(_document(runs))


def _document(runs: dict[Load, tuple[Outcome, Outcome]]) -> str:
    constants = {name.lower(): value for name, value in vars(scale_model).items() if name.isupper() and name[0] != "_"}
    found: dict[str, dict[str, Any]] = {
        load.name: {"load": asdict(load), "before": asdict(before), "after": asdict(after)}
        for load, (before, after) in runs.items()
    }
    rounded = json.loads(json.dumps({"constants": constants, "loads": found}), parse_float=lambda x: round(float(x), 5))
    return re.sub(r"\s+(?=[\d\[\]])", " ", json.dumps(rounded, indent=1)) + "\n"  # a curve is one line


def _both(runs: dict[Load, tuple[Outcome, Outcome]]) -> Iterator[str]:
    yield (
        f"Clicks come for an hour. Before: {FUNCTIONS} functions count (`ClicksConcurrency`). A fresh table takes"
        f" {FRESH_UNITS:,} write units a second and grows to {scale_model.TABLE_QUOTA:,}, the account's usual"
        f" quota; a warm one takes {WARM_UNITS:,}, which needs a larger quota.\n"
    )
    yield (
        "| | clicks | table | design | most in the queue | most in the stream | all is counted after | lost"
        " | dead letters | sent back | units a click | waits for a person |"
    )
    yield "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|"
    for load in sorted(runs, key=lambda load: load.name):
        for name, each in zip(("before", "after"), runs[load], strict=True):
            yield (
                f"| {load.name[0]} | {_words(load)} | {name}"
                f" | {_amount(each.most_in_queue)} | {_amount(each.most_in_stream)} | {_time(each.done_after)}"
                f" | {_amount(each.lost)} | {_amount(each.dead)} | {_amount(each.sent_back)}"
                f" | {each.units_a_click:.1f} | {_for_a_person(each)} |"
            )


def _words(load: Load) -> str:
    return f"{load.title} | {'warm' if load.units > FRESH_UNITS else 'fresh'}"


def _for_a_person(found: Outcome) -> str:
    if found.dead >= 1:
        return "yes: the dead letters"
    return "yes: what is about to expire" if found.lost >= 1 else "no"


def _more_functions() -> Iterator[str]:
    yield "Before, with more functions, on a warm table:\n"
    yield "| clicks | functions | counted a second | all is counted after | lost | dead letters |"
    yield "|---|---:|---:|---:|---:|---:|"
    for load in (*WARM, LOADS[3]):
        for functions in MORE_FUNCTIONS:
            each = outcome(scale_model.before(load, functions, steps=_COARSE))
            yield (
                f"| {load.title} | {functions} | {each.counted / each.done_after:,.0f}"
                f" | {_time(each.done_after)} | {_amount(each.lost)} | {_amount(each.dead)} |"
            )


def quota_shares(quota: int) -> tuple[int, int, int]:
    """Return the containers of redirects, of counting calls and of the queue's consumer, where all are in use."""
    stream, queue = min(200, max(2, quota // 5)), min(scale_model.QUEUE_CALLS, max(2, quota // 10))
    return quota - stream - queue, stream, queue


def _quotas() -> Iterator[str]:
    yield (
        "After, by what the account may run at once. Redirects come first to the limit: Lambda takes"
        f" {REQUESTS_A_CALL} requests a second for each container, and a visitor who is not answered is no click. The"
        " tables above suppose that all are answered.\n"
    )
    yield (
        "| clicks | table | containers | visits answered a second | turned away | most waiting"
        " | all is counted after | lost |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for load in LOADS:
        for quota in QUOTAS:
            redirects, stream, queue = quota_shares(quota)
            answered = min(load.rate, redirects * REQUESTS_A_CALL)
            choices = Choices(stream_calls=stream, queue_calls=queue)
            each = outcome(scale_model.after(replace(load, rate=answered), choices, _COARSE))
            most = max(queue + stream for _, queue, stream in each.curve)
            yield (
                f"| {_words(load)} | {quota:,} | {answered:,.0f} | {1 - answered / load.rate:.0%}"
                f" | {_amount(most)} | {_time(each.done_after)} | {_amount(each.lost)} |"
            )


def _choices() -> Iterator[str]:
    yield "After, and what would change it:\n"
    yield (
        "| clicks | table | choice | most in the queue | most in the stream | all is counted after | sent back"
        " | units a click |"
    )
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    for load, tried in ((LOADS[0], CHOICES), (LOADS[2], CHOICES), (LOADS[3], CHOICES), (WARM[0], LONGER)):
        for name, choices in tried.items():
            each = outcome(scale_model.after(load, choices, _EVEN))
            yield (
                f"| {_words(load)} | {name} | {_amount(each.most_in_queue)} | {_amount(each.most_in_stream)}"
                f" | {_time(each.done_after)} | {_amount(each.sent_back)} | {each.units_a_click:.1f} |"
            )


def _amount(clicks: float) -> str:
    if clicks >= _MILLION:
        return f"{clicks / _MILLION:,.1f} million"
    return f"{clicks:,.0f}"


def _time(seconds: float) -> str:
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:.1f} days"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02} min"


if __name__ == "__main__":
    main()
