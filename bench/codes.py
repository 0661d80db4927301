"""How often `shortid` generates a taken code, and how easily its codes are guessed: measured on a virtual clock.

A container is one generator with an alphabet of its own shuffling and, as on Lambda, a small process id. The containers
draw in turns, at a steady pace, and each lives for two hours. What the table would refuse is counted.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path
from unittest import mock

from shortid import ShortId

sys.path.insert(0, str(Path(__file__).parent.parent))
from chalicelib.core.links import codes

LAMBDA_PID = 8  # the runtime's process id in a container; a laptop's is larger, and its codes longer by some characters
CONTAINER_LIFE = 2 * 3600  # seconds
SCENES = (  # title, links, containers at a time, seconds from first to last
    ("100,000 links in a year, one container at a time", 100_000, 1, 365 * 86400),
    ("100,000 links in a day, 8 containers at a time", 100_000, 8, 86400),
    ("100,000 links in an hour, 8 containers at a time", 100_000, 8, 3600),
    ("1,000,000 links in an hour, 8 containers at a time", 1_000_000, 8, 3600),
    ("1,000 links in ten seconds, 8 containers just started", 1_000, 8, 10),
)


def main() -> None:
    """Print one row for each scene."""
    random.seed(20261124)  # the shuffling; what os.urandom adds stays random
    print("| links drawn by shortid | taken already | lengths | guesses for one hit |")
    print("|---|---:|---|---:|")
    with mock.patch("os.getpid", return_value=LAMBDA_PID):
        for title, links, containers, seconds in SCENES:
            print(f"  measuring: {title}", file=sys.stderr)
            drawn, taken = _draw(links, containers, seconds)
            lengths = Counter(map(len, drawn))
            shown = ", ".join(f"{size}: {count / len(drawn):.0%}" for size, count in sorted(lengths.items()))
            guesses = min(64**size // count for size, count in lengths.items())
            print(f"| {title} | {taken} in {links:,} | {shown} | {guesses:,} |")
    print("\nGuesses: random strings of the length that suits the guesser best, 64^length / codes of that length.")


def _draw(links: int, containers: int, seconds: float) -> tuple[set[str], int]:
    drawn: set[str] = set()
    taken = 0
    started = [0.0] * containers
    generators = [_Container(0.0) for _ in range(containers)]
    for number in range(links):
        now, place = number * seconds / links, number % containers
        if now - started[place] > CONTAINER_LIFE:
            started[place], generators[place] = now, _Container(now)
        code = generators[place].draw(now)
        while code in drawn:
            taken += 1
            code = generators[place].draw(now)
        drawn.add(code)
    return drawn, taken


class _Container(ShortId):  # type: ignore[misc]  # shortid ships no types
    """A generator that was started at ``now``, seconds on the virtual clock."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self._now = now
        self.reduce_time = int(now * 1000) - self.reduce_delay

    def draw(self, now: float) -> str:
        self._now = now
        while True:
            code: str = self.generate()
            if code[0].isalnum() and code[-1].isalnum() and not codes.is_reserved(code):
                return code

    def _get_time(self) -> int:
        return int(self._now * 1000)


if __name__ == "__main__":
    main()
