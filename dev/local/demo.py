"""``make demo``: shorten the URLs of a file on a running `make run`, follow every link, see every click counted."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dev.client import ask

SAMPLE = Path(__file__).parent / "sample-urls.txt"
CLIENTS = 8
COUNT_SECONDS = 60

Thing = TypeVar("Thing")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """What became of one line: ``short_url`` and ``url``, or the ``reason`` it was refused for."""

    line: str
    status: int
    short_url: str = ""
    url: str = ""
    key: str = ""
    """The key to this one link, which who has no other is given."""
    reason: str = ""


def main() -> None:
    """Shorten, follow, count, print a table; exit 1 where a link leads astray or a click is missing."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    base_url = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}"
    try:
        lines = urls_in(file)
        outcomes = in_parallel("shortened", lambda line: shorten(base_url, line), lines)
        made = [outcome for outcome in outcomes if outcome.status in {200, 201}]
        astray = [o for o, ok in zip(made, in_parallel("followed", leads_right, made), strict=True) if not ok]
        counted = wait_for_clicks(made)
    except FileNotFoundError:
        sys.exit(f"There is no file {file}.")
    except ConnectionRefusedError:
        sys.exit(f"Nothing answers at {base_url}. Start it in another terminal: make run")
    _print_table(outcomes)
    for outcome in astray:
        print(f"LEADS ASTRAY: {outcome.short_url} should lead to {outcome.url}")
    strange = [outcome for outcome in outcomes if outcome.status not in {200, 201, 422}]
    for outcome in strange:
        print(f"UNEXPECTED {outcome.status}: {outcome.line!r}")
    print(f"\n{len(lines)} lines, {len(made)} links, {len(made) - len(astray)} of them redirect to exactly their URL.")
    print(f"Each was visited once, and {counted} of them have counted exactly one visit.")
    sys.exit(1 if astray or strange or counted < len(made) else 0)


def urls_in(file: Path) -> list[str]:
    """Return the lines of ``file`` that are not empty."""
    return [line for line in file.read_text("utf-8").split("\n") if line]


def shorten(base_url: str, line: str) -> Outcome:
    """Ask the service to shorten ``line``."""
    status, _, body = ask(base_url, "POST", "/links", {"url": line})
    answer = json.loads(body)
    if status in {200, 201}:
        return Outcome(line, status, short_url=answer["shortUrl"], url=answer["url"], key=answer["manageKey"])
    reasons = [f"{error['field']}: {error['code']}" for error in answer.get("errors", [])]
    return Outcome(line, status, reason=", ".join(reasons) or answer.get("code", "no reason"))


def leads_right(made: Outcome) -> bool:
    """Tell whether the short URL redirects to exactly the canonical URL."""
    base_url, _, code = made.short_url.rpartition("/")
    status, location, _ = ask(base_url, "GET", f"/{code}")
    return (status, location) == (302, made.url)


def wait_for_clicks(made: Sequence[Outcome]) -> int:
    """Return how many of the links, each visited once, count one visit; waits for the queue, a minute at the most."""
    give_up = time.monotonic() + COUNT_SECONDS
    waiting, counted = list(made), 0
    while waiting:
        exact = in_parallel("counted", counts_one_visit, waiting)
        counted += sum(exact)
        waiting = [outcome for outcome, ok in zip(waiting, exact, strict=True) if not ok]
        if time.monotonic() > give_up:
            break
        time.sleep(0.5)
    return counted


def counts_one_visit(made: Outcome) -> bool:
    """Tell whether the link has been visited once, as far as it knows."""
    base_url, _, code = made.short_url.rpartition("/")
    visits: int = json.loads(ask(base_url, "GET", f"/links/{code}", key=made.key)[2])["visits"]["total"]
    return visits == 1


def in_parallel(done: str, work: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """Return ``work`` of all ``things`` in order, done by a few clients at once; shows how far it is."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(_with_progress(done, clients.map(work, things), len(things)))


def _with_progress(done: str, results: Iterable[Result], total: int) -> Iterable[Result]:
    for number, result in enumerate(results, 1):
        if sys.stderr.isatty() and (number % 10 == 0 or number == total):
            print(f"\r  {done} {number} of {total}", end="\n" if number == total else "", file=sys.stderr, flush=True)
        yield result


def _print_table(outcomes: list[Outcome]) -> None:
    rows = Counter(f"{outcome.status} {outcome.reason or 'a link'}" for outcome in outcomes)
    examples = {f"{o.status} {o.reason or 'a link'}": o.line for o in reversed(outcomes)}
    width = max(map(len, rows), default=0)
    print(f"{'answer':{width}}  lines  for example")
    for row, count in rows.most_common():
        print(f"{row:{width}}  {count:5}  {examples[row][:60]}")


if __name__ == "__main__":
    main()
