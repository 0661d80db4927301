"""The cost of a redirect as a Lambda function: ours, the baseline, and handlers with popular frameworks.

Every function runs under Lambda's own runtime client against a Runtime and Extensions API, and a DynamoDB and an SQS
that speak TLS (bench/lambda_machine.py), all on loopback, and is frozen after each response as on Lambda. Starts
alternate over the functions, and so do rounds of warm calls, so that other load on the machine affects all of them.
RUNS says how many runs there are (15), of three starts each. BEFORE names the code.zip of an older version, to be
measured beside this one. Exit code 1 if a figure is worse than agreed.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench import canned, results_page
from bench.contestants import Contestant, prepare
from bench.figures import Figures, Verdict
from bench.lambda_machine import Function

RUNS = int(os.environ.get("RUNS") or 15)
STARTS = 3  # in each run; the functions of the last are called
ROUNDS, CALLS = 8, 40  # of warm calls in each run
_WARMING_UP = 60  # calls, before any is measured: Python specialises what it has run often
_REDIRECT = 302
_SAMPLES = 2000


AGREED = (  # what is agreed; of which figure; of whom; compared with whom; at most so many times
    ("redirect function's init beside the baseline", "init_ms", "memory", "baseline", 0.40),
    ("redirect function's init beside a bare Chalice route's", "init_ms", "memory", "chalice", 2.5),
    ("redirect function's peak memory beside the baseline", "peak_mb", "memory", "baseline", 0.55),
    ("redirect function's cold start to its first response beside the baseline", "cold_ms", "memory", "baseline", 0.35),
    ("warm redirect, link in memory, beside a bare Chalice route", "warm_p50", "memory", "chalice", 1.30),
    ("warm redirect, link from the table, beside the baseline", "warm_p50", "table", "baseline", 0.40),
    ("API function's init beside the baseline", "init_ms", "api", "baseline", 1.10),
)


def main() -> None:
    """Measure, print, write the results, compare with what is agreed."""
    with tempfile.TemporaryDirectory() as scratch:
        contestants = prepare(Path(scratch))
        figures = {each.name: Figures() for each in contestants}
        for run in range(RUNS):
            print(f"\r  run {run + 1} of {RUNS}", end="", file=sys.stderr, flush=True)
            # In random order: a function that runs after a large one finds the CPU caches empty.
            _run(random.Random(run).sample(contestants, len(contestants)), figures)  # no secret
        print(file=sys.stderr)
    verdicts = [*ratios(figures), *since_before(figures), *deliveries(figures)]
    results_page.write(contestants, figures, verdicts, ROUNDS * CALLS)
    sys.exit(0 if all(verdict.kept for verdict in verdicts) else 1)


def _run(contestants: Sequence[Contestant], figures: Mapping[str, Figures]) -> None:
    for _ in range(STARTS - 1):
        with ExitStack() as ends:
            _start(contestants, figures, ends)
    with ExitStack() as ends:
        functions = _start(contestants, figures, ends)
        for each in contestants:
            for _ in range(_WARMING_UP):
                _call(each, functions[each.name])
        took: dict[str, list[float]] = {name: [] for name in functions}
        cpu: dict[str, list[float]] = {name: [] for name in functions}
        for _ in range(ROUNDS):
            for each in contestants:
                function = functions[each.name]
                before = function.cpu
                took[each.name] += [_call(each, function) / 1000 for _ in range(CALLS)]
                cpu[each.name].append((function.cpu - before) / CALLS)
        for name, function in functions.items():
            _note(figures[name], function, took[name], cpu[name])


def _start(contestants: Sequence[Contestant], figures: Mapping[str, Figures], ends: ExitStack) -> dict[str, Function]:
    functions: dict[str, Function] = {}
    for each in contestants:
        functions[each.name] = function = each.start()
        ends.callback(function.end)
        figures[each.name].init_ms.append(function.init)
        figures[each.name].init_cpu_ms.append(function.cpu / 1000)
        first = _call(each, function) / 1e6
        figures[each.name].first_ms.append(first)
        figures[each.name].cold_ms.append(function.init + first)
    return functions


def _note(figures: Figures, function: Function, took: list[float], cpu: list[float]) -> None:
    figures.warm_p50.append(statistics.median(took))
    figures.warm_p99.append(statistics.quantiles(took, n=100)[98])
    figures.warm_cpu.append(statistics.median(cpu))
    figures.peak_mb.append(function.peak)
    figures.clicks += function.clicks
    figures.lost += function.lost
    figures.late += len(function.late)
    figures.extensions = function.extensions


def _call(contestant: Contestant, function: Function) -> int:
    request_id = str(uuid.uuid4())
    context = {**canned.EVENT["requestContext"], "requestId": request_id}
    several = {name: [value] for name, value in canned.EVENT["headers"].items()}
    event = json.dumps({**canned.EVENT, "multiValueHeaders": several, "requestContext": context}).encode()
    took, response = function.invoke(event, request_id)
    if response.get("statusCode") != _REDIRECT or canned.LINK["originalUrl"]["S"] not in json.dumps(response):
        raise RuntimeError(f"{contestant.name} returned {response}")
    return took


def ratios(figures: Mapping[str, Figures]) -> list[Verdict]:
    """Return the verdicts on the agreed ratios of medians between two functions."""
    verdicts = []
    for what, figure, one, other, most in AGREED:
        if one not in figures:
            verdicts.append(Verdict(f"{what}: not measured", kept=False))
            continue
        ratio = _ratio(figures, figure, one, other)
        words = f"{what}: {ratio:.2f} times; agreed: at most {most:.2f}"
        if figure == "init_ms":
            words += f" (by CPU: {_ratio(figures, 'init_cpu_ms', one, other):.2f})"
        verdicts.append(Verdict(words, kept=ratio <= most))
    return verdicts


def since_before(figures: Mapping[str, Figures]) -> list[Verdict]:
    """Compare our functions with those of the package that BEFORE names; people decide about the result.

    The interval holds 95 % of the ratios of medians of samples that are drawn from the measurements.
    """
    return [
        Verdict(f"`{name}` beside `{name}_before`, {figure}: {ratio:.2f} times ({low:.2f} to {high:.2f})", kept=True)
        for name in ("memory", "table", "api")
        if f"{name}_before" in figures
        for figure in ("init_ms", "warm_p50")
        for ratio in [_ratio(figures, figure, name, f"{name}_before")]
        for low, high in [_interval(getattr(figures[name], figure), getattr(figures[f"{name}_before"], figure))]
    ]


def _interval(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    draw = random.Random(1)

    def median_of(sample: Sequence[float]) -> float:
        return statistics.median(draw.choices(sample, k=len(sample)))

    ratios_drawn = sorted(median_of(ours) / median_of(theirs) for _ in range(_SAMPLES))
    return ratios_drawn[_SAMPLES // 40], ratios_drawn[-_SAMPLES // 40]


def _ratio(figures: Mapping[str, Figures], figure: str, one: str, other: str) -> float:
    ours: list[float] = getattr(figures[one], figure)
    theirs: list[float] = getattr(figures[other], figure)
    return statistics.median(ours) / statistics.median(theirs)


def deliveries(figures: Mapping[str, Figures]) -> list[Verdict]:
    """Return the verdicts on clicks: all must be in the queue before the function can be frozen."""
    return [
        Verdict(
            f"clicks of `{name}`: {each.clicks:,} in the queue, {each.lost} lost; {each.late} not yet sent when the "
            "extension asked for its next event, or when the function was frozen",
            kept=each.clicks > 0 and not each.lost and not each.late,
        )
        for name, each in figures.items()
        if name in {"memory", "table"}
    ]


if __name__ == "__main__":
    main()
