"""Imports and exports through the whole stack, deployed on this machine: rows and links a second, and memory.

50,000 rows are imported and imported again; 10,000 links are exported, imported into an empty stack, and exported
again. Exits 1 where a report does not add up, a second import makes a link, the bytes differ, 10,000 links take five
minutes or the function takes over 256 MB. Files that are named, URLs or exports, are imported beside.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from dev.deploy import commands, package
from dev.local import local_aws
from dev.local.ports import own_port

ROWS, LINKS = 50_000, 10_000
MOST_SECONDS, MOST_MB = 300, 256
BASE_URL = "https://sho.rt"  # of both stacks, so that their exports can be the same
_FUNCTION = b"AWS_LAMBDA_FUNCTION_NAME=shortener-local-"


class Peaks:
    """The most memory that any process of a function has had, in MB, by function name; sampled all the time."""

    def __init__(self) -> None:
        self.by_function: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):  # it has ended meanwhile
                    self._look_at(process)

    def _look_at(self, process: Path) -> None:
        _, found, rest = (process / "environ").read_bytes().partition(_FUNCTION)
        peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
        if found and peak:
            name = rest.partition(b"\0")[0].decode()
            self.by_function[name] = max(self.by_function[name], int(peak[1]) // 1024)


@dataclass(frozen=True)
class Stack:
    """A stack on its own AWS."""

    port: int

    def run(self, *arguments: str) -> tuple[str, float]:
        """Run `make import` or `make export`; return its output, and the seconds it took."""
        started = time.perf_counter()
        env = os.environ | {"AWS_PORT": str(self.port)}
        command = [sys.executable, "-m", "dev.admin.transfers", *arguments]
        ran = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
        return ran.stdout, time.perf_counter() - started

    def imports(self, file: Path, owner: str) -> tuple[dict[str, int], float]:
        """Import a file; return the number of rows by outcome, and the seconds it took."""
        said, seconds = self.run("import", "local", str(file), owner, "rename")
        counts = {
            name: int(number.replace(",", ""))
            for name, number in re.findall(r"^  (\w+) +([\d,]+)$", said, re.MULTILINE)
        }
        rows = int(re.findall(r"^([\d,]+) rows", said, re.MULTILINE)[0].replace(",", ""))
        with Path(f"{file}.report.csv").open(newline="") as report:
            told = Counter(row["outcome"] for row in csv.DictReader(report) if row["outcome"] != "summary")
        if sum(counts.values()) != rows or told != Counter({name: count for name, count in counts.items() if count}):
            sys.exit(f"{file.name}: the report does not add up: {rows} rows, {counts}, {told}")
        return counts, seconds

    def exports(self, file: Path, owner: str) -> tuple[bytes, float]:
        """Export the links of an owner; return the file, and the seconds it took."""
        _, seconds = self.run("export", "local", str(file), owner, "")
        return file.read_bytes(), seconds


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """Deploy a stack for the length of a ``with``."""
    port = own_port()
    folder.mkdir()
    local_aws.start_detached(port, folder)
    try:
        os.environ.update(local_aws.environment(port))
        built = package.build("local", for_this_machine=True, fresh=False)
        commands.deploy_locally(built, port, BASE_URL)
        yield Stack(port)
    finally:
        local_aws.stop_detached(folder)


def rows_to(file: Path, number: int) -> None:
    """Write a file as Shlink would: codes, titles, tags, dates, totals."""
    with file.open("w", newline="") as target:
        writer = csv.writer(target, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(["createdAt", "domain", "shortCode", "shortUrl", "longUrl", "title", "tags", "visits"])
        for n in range(number):
            moment = f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:00+00:00"
            url, code = f"https://www.example.org/{n % 97}/{n}?utm_source=x&n={n}", f"s{n:06}"
            row = [moment, "s.example.org", code, f"https://s.example.org/{code}", url, f'No. {n}, "quoted"', "a|b", n]
            writer.writerow(row)


def main() -> None:
    """Measure, print, and exit 1 if a figure is worse than agreed."""
    missed = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        peaks = Peaks()
        with stack(folder / "first") as first:
            rows_to(folder / "many.csv", ROWS)
            size = (folder / "many.csv").stat().st_size / 1e6
            counts, seconds = first.imports(folder / "many.csv", "many")
            print(f"{ROWS:,} rows, {size:.1f} MB: {counts}, {seconds:.0f} s, {ROWS / seconds:.0f} rows a second")
            missed += [] if counts["created"] == ROWS else ["not every row became a link"]
            counts, seconds = first.imports(folder / "many.csv", "many")
            print(f"the same again: {counts}, {seconds:.0f} s, {ROWS / seconds:.0f} rows a second")
            missed += [] if counts["existing"] == ROWS else ["the second import made links"]
            for name in sys.argv[1:]:
                own = folder / Path(name).name
                own.write_bytes(Path(name).read_bytes())
                before, _ = first.imports(own, "own")
                after, _ = first.imports(own, "own")
                print(f"{own.name}: {before}, and again: {after}")
                missed += [] if after["created"] + after["renamed"] == 0 else [f"{own.name} made links twice"]
            importing = peaks.by_function["files"]
            rows_to(folder / "some.csv", LINKS)
            (folder / "some.csv").write_text((folder / "some.csv").read_text().replace('"s0', '"t0'))
            first.imports(folder / "some.csv", "some")
            exported, taken_out = first.exports(folder / "first.csv", "some")
        with stack(folder / "second") as second:
            counts, brought_in = second.imports(folder / "first.csv", "some")
            again, _ = second.exports(folder / "second.csv", "some")
        peaks.stop()
    print(
        f"{LINKS:,} links: exported in {taken_out:.1f} s, imported into an empty stack in {brought_in:.0f} s: {counts}"
    )
    print(f"the export of those: {'the same bytes' if again == exported else 'OTHER BYTES'}, {len(again):,}")
    print(f"peak memory: {importing} MB after importing, {peaks.by_function['files']} MB after exporting as well")
    missed += [] if again == exported else ["the exports differ"]
    missed += [] if taken_out + brought_in < MOST_SECONDS else [f"{LINKS:,} links take over {MOST_SECONDS} s"]
    missed += [] if 0 < peaks.by_function["files"] <= MOST_MB else [f"it takes over {MOST_MB} MB"]
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
