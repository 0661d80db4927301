"""``make demo``: shorten the URLs of a file on a running `make run`, follow every link, and say how each one fared."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dev.client import ask

SAMPLE = Path(__file__).parent / "sample-urls.txt"
CLIENTS = 8

Thing = TypeVar("Thing")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """What became of one line: ``short_url`` and ``url``, or the ``reason`` it was refused for."""

    line: str
    status: int
    short_url: str = ""
    url: str = ""
    reason: str = ""


def main() -> None:
    """Shorten, follow, print a table; exit 1 where a link does not lead where it should, or an answer is no answer."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    base_url = f"http://127.0.0.1:{os.environ.get('PORT') or 8000}"
    try:
        lines = urls_in(file)
        outcomes = in_parallel("shortened", lambda line: shorten(base_url, line), lines)
        made = [outcome for outcome in outcomes if outcome.status in {200, 201}]
        astray = [o for o, ok in zip(made, in_parallel("followed", leads_right, made), strict=True) if not ok]
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
    sys.exit(1 if astray or strange else 0)


def urls_in(file: Path) -> list[str]:
    """Return the lines of ``file`` that are not empty."""
    return [line for line in file.read_text("utf-8").split("\n") if line]


def shorten(base_url: str, line: str) -> Outcome:
    """Ask the service to shorten ``line``."""
    status, _, body = ask(base_url, "POST", "/links", {"url": line})
    answer = json.loads(body)
    if status in {200, 201}:
        return Outcome(line, status, short_url=answer["shortUrl"], url=answer["url"])
    reasons = [f"{error['field']}: {error['code']}" for error in answer.get("errors", [])]
    return Outcome(line, status, reason=", ".join(reasons) or answer.get("code", "no reason"))


def leads_right(made: Outcome) -> bool:
    """Tell whether the short URL redirects to exactly the canonical URL."""
    base_url, _, code = made.short_url.rpartition("/")
    status, location, _ = ask(base_url, "GET", f"/{code}")
    return (status, location) == (302, made.url)


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
