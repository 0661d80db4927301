"""``make demo``: shortens the URLs of a file on a running `make run`, follows the links, checks the counts."""

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

from dev.deploy import stages
from dev.http_client import ask

SAMPLE = Path(__file__).parent / "sample-urls.txt"
CLIENTS = 8
COUNT_SECONDS = 90  # without another counted visit: a stuck batch is cut off after 60, and others wait for it

Thing = TypeVar("Thing")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """The result of one line: ``short_url`` and ``url``, or the ``reason`` of its refusal."""

    line: str
    status: int
    short_url: str = ""
    url: str = ""
    key: str = ""
    """The manage key of the link, which the service returns if the client has no API key."""
    reason: str = ""


def main() -> None:
    """Shorten, follow, count, print a table; exit 1 if a redirect is wrong or a click is missing."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    base_url = address()
    try:
        lines = read_urls(file)
        outcomes = in_parallel("shortened", lambda line: shorten(base_url, line), lines)
        made = [outcome for outcome in outcomes if outcome.status in {200, 201}]
        wrong = [o for o, ok in zip(made, in_parallel("followed", redirects_exactly, made), strict=True) if not ok]
        counted = wait_for_clicks(made)
    except FileNotFoundError:
        sys.exit(f"There is no file {file}.")
    except ConnectionRefusedError:
        sys.exit(f"Nothing answers at {base_url}. Start it in another terminal: make run")
    _print_table(outcomes)
    for outcome in wrong:
        print(f"LEADS ASTRAY: {outcome.short_url} should lead to {outcome.url}")
    strange = [outcome for outcome in outcomes if outcome.status not in {200, 201, 422}]
    for outcome in strange:
        print(f"UNEXPECTED {outcome.status}: {outcome.line!r}")
    print(f"\n{len(lines)} lines, {len(made)} links, {len(made) - len(wrong)} of them redirect to exactly their URL.")
    print(f"Each was visited once, and {counted} of them have counted exactly one visit.")
    sys.exit(1 if wrong or strange or counted < len(made) else 0)


def address() -> str:
    """Return the address of `make run` or `make up`: at PORT if that is set, else the BaseUrl of the stack."""
    if os.environ.get("PORT"):
        return f"http://127.0.0.1:{os.environ['PORT']}"
    return stages.find("local")[1]["BaseUrl"]


def read_urls(file: Path) -> list[str]:
    """Return the lines of ``file`` that are not empty."""
    return [line for line in file.read_text("utf-8").split("\n") if line]


def shorten(base_url: str, line: str) -> Outcome:
    """Ask the service to shorten ``line``."""
    status, _, body = ask(base_url, "POST", "/v1/links", {"url": line})
    document = json.loads(body)
    if status in {200, 201}:
        return Outcome(line, status, short_url=document["shortUrl"], url=document["url"], key=document["manageKey"])
    reasons = [f"{error['field']}: {error['code']}" for error in document.get("errors", [])]
    return Outcome(line, status, reason=", ".join(reasons) or document.get("code", "no reason"))


def redirects_exactly(made: Outcome) -> bool:
    """Tell whether the short URL redirects to exactly the canonical URL."""
    base_url, _, code = made.short_url.rpartition("/")
    status, location, _ = ask(base_url, "GET", f"/{code}")
    return (status, location) == (302, made.url)


def wait_for_clicks(made: Sequence[Outcome]) -> int:
    """Return how many of the links, each visited once, count one visit; wait for the queue while counts rise."""
    deadline = time.monotonic() + COUNT_SECONDS
    remaining, counted = list(made), 0
    while remaining:
        exact = in_parallel("counted", counts_one_visit, remaining)
        counted += sum(exact)
        remaining = [outcome for outcome, ok in zip(remaining, exact, strict=True) if not ok]
        if any(exact):
            deadline = time.monotonic() + COUNT_SECONDS
        elif time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return counted


def counts_one_visit(made: Outcome) -> bool:
    """Tell whether the link has counted exactly one visit."""
    base_url, _, code = made.short_url.rpartition("/")
    visits: int = json.loads(ask(base_url, "GET", f"/v1/links/{code}", key=made.key)[2])["visits"]["total"]
    return visits == 1


def in_parallel(done: str, work: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """Return the results of ``work`` for ``things``, in order, from a few concurrent clients; show the progress."""
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
