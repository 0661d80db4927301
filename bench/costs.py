"""The cost of a million redirects, by the size of the table and by the hit rate of a container's cache.

The size of the table is measured on dynalite, which keeps its items in order as DynamoDB does, in turns over tables of
a thousand to a million links: the time and the read units of one GetItem. The hit rate is simulated: the real
cache of a container, links requested by Zipf's law, visitors at random. Prices are those of docs/operate.md.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench import lists, results_page
from bench.canned import LINK
from chalicelib.core.ttl_cache import TtlCache

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PATIENCE = 300  # seconds for filling a table; one that would take longer is left out, and that is said
ROUNDS, CALLS = 40, 20
_AT_ONCE = 25  # items in a batch

MEMORY_SIZE, MEMORY_LASTS = 10_000, 60  # LINK_CACHE_SIZE and LINK_CACHE_SECONDS, as they are set
RATES = (0.1, 1, 10, 50)  # redirects a second that one container answers
VISITS = 100_000  # simulated of each rate and number of links, after as many that warm the memory up
ZIPF = 1.0  # the second link is asked for half as often as the first, the third a third as often

# docs/operate.md, "What it costs": dollars a million redirects when every link is read from the table.
FROM_TABLE = {"each click alone": 7.61, "among hundreds": 5.74}
# The same behind CloudFront, "By front": what is asked of it and its function, instead of API Gateway.
BEHIND_CLOUDFRONT = {"each click alone": 5.21, "among hundreds": 3.34}
GATEWAY, CLOUDFRONT, EDGE_FUNCTION = 3.50, 1.00, 0.10  # dollars a million requests
ALARM = 0.10  # dollars a month; behind CloudFront a stage has more of them
READ_UNIT, READ_UNITS = 0.125, 0.5  # dollars a million; eventually consistent, up to 4 KB
GB_SECOND, MS_OF_A_READ = 0.0000133334, 5  # the function waits for the table so long, at 1 GB (assumed)
STORAGE = (
    1.1e-6 * 0.25 + 0.4e-6 * 0.20
)  # dollars a month and link: table and indexes; point-in-time recovery of the table
SAVED = READ_UNITS * READ_UNIT + MS_OF_A_READ / 1000 * GB_SECOND * 1e6  # dollars a million redirects from memory


def main() -> None:
    """Print and store both tables."""
    lines = [*_by_table_size(), "", *_by_memory()]
    print("\n".join(lines))
    about = f"{', '.join(results_page.machine().values())}."
    results_page.keep("costs", ["# What a million redirects cost", "", about, "", *lines, ""])


def _by_table_size() -> Iterator[str]:
    with lists._store() as port:  # noqa: SLF001  # the same store as for lists
        table = _Tables(port)
        sizes = [size for size in SIZES if table.filled(size)]
        took: dict[int, list[float]] = {size: [] for size in sizes}
        units: dict[int, float] = {}
        chance = random.Random(6)
        for _, size in itertools.product(range(ROUNDS), sizes):
            codes = [chance.randrange(size) for _ in range(CALLS)]
            started = time.perf_counter()
            for code in codes:
                units[size] = table.get(size, code)
            took[size].append((time.perf_counter() - started) * 1e6 / CALLS)
    yield "| links in the table | GetItem on dynalite, us | read units | $ a million reads | storage, $ a month |"
    yield "|---:|---:|---:|---:|---:|"
    for size in sizes:
        middle, least, most = statistics.median(took[size]), min(took[size]), max(took[size])
        shown = f"{middle:.0f} ({least:.0f} to {most:.0f})"
        yield f"| {size:,} | {shown} | {units[size]:.1f} | {units[size] * READ_UNIT:.4f} | {size * STORAGE:.4f} |"
    for size in set(SIZES) - set(sizes):
        yield f"\nNot measured: {size:,} links, which would take over {PATIENCE} seconds to fill in."


class _Tables:
    """Tables of links in a dynalite, called without boto3, which would cost ten times what is measured."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._seconds_a_link = 0.0

    def filled(self, size: int) -> bool:
        """Create and fill a table of ``size`` links; False if that would take too long."""
        if size * self._seconds_a_link > PATIENCE:
            return False
        keys = {"KeySchema": [{"AttributeName": "code", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
        types = [{"AttributeName": "code", "AttributeType": "S"}]
        self._ask("CreateTable", {"TableName": f"links-{size}", "AttributeDefinitions": types, **keys})
        while self._ask("DescribeTable", {"TableName": f"links-{size}"})["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(0.05)
        started = time.monotonic()
        for first in range(0, size, _AT_ONCE):
            puts = [
                {"PutRequest": {"Item": {**LINK, "code": {"S": f"{number:07}"}}}}
                for number in range(first, min(first + _AT_ONCE, size))
            ]
            self._ask("BatchWriteItem", {"RequestItems": {f"links-{size}": puts}})
            if first % 5000 == 0:
                print(f"\r  {first:,} of {size:,} links", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        self._seconds_a_link = (time.monotonic() - started) / size
        return True

    def get(self, size: int, number: int) -> float:
        """Read one link; return the read units it took."""
        key = {"TableName": f"links-{size}", "Key": {"code": {"S": f"{number:07}"}}}
        answer = self._ask("GetItem", {**key, "ReturnConsumedCapacity": "TOTAL"})
        if "Item" not in answer:
            raise RuntimeError(f"The table has no link {number}.")
        return float(answer["ConsumedCapacity"]["CapacityUnits"])

    def _ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "X-Amz-Date": "20261124T080000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=b/20261124/eu-west-1/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=0",  # dynalite asks for one, and does not check it
        }
        self._connection.request("POST", "/", json.dumps(request), headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status != http.client.OK:
            raise RuntimeError(f"{operation}: {answer}")
        return answer


def _by_memory() -> Iterator[str]:
    dollars = [f"$ a million, {name}" for name in FROM_TABLE]
    yield f"| links | redirects a second and container | found in memory | {' | '.join(dollars)} |"
    yield f"|---:|---:|---:|{'---:|' * len(dollars)}"
    for links, rate in itertools.product(SIZES, RATES):
        print(f"\r  simulating {links:,} links, {rate} a second      ", end="", file=sys.stderr, flush=True)
        share = hit_rate(links, rate)
        left = " | ".join(f"{cost - share * SAVED:.2f}" for cost in FROM_TABLE.values())
        yield f"| {links:,} | {rate} | {share:.1%} | {left} |"
    print(file=sys.stderr)
    costs = " or ".join(f"{cost:.2f} ({name})" for name, cost in FROM_TABLE.items())
    yield (
        f"\nZipf's law, exponent {ZIPF}; one container, {MEMORY_SIZE:,} links for {MEMORY_LASTS} seconds. A million"
        f" cost {costs} - {SAVED:.3f} x the share found in memory: {READ_UNITS} read units of {READ_UNIT} a million,"
        f" and {MS_OF_A_READ} ms of 1 GB (assumed)."
    )


def hit_rate(links: int, rate: float) -> float:
    """Return the hit rate of a container's cache at ``rate`` redirects a second, at random times."""
    chance = random.Random(links)
    weights = list(itertools.accumulate(1 / place**ZIPF for place in range(1, links + 1)))
    codes = [f"{number:07}" for number in chance.choices(range(links), cum_weights=weights, k=2 * VISITS)]
    memory: TtlCache[None] = TtlCache(MEMORY_SIZE)
    now, hits = datetime(2026, 11, 24, tzinfo=UTC), 0
    for visit, code in enumerate(codes):
        now += timedelta(seconds=chance.expovariate(rate))
        if memory.get(code, now, MEMORY_LASTS) is not None:
            hits += visit >= VISITS
        else:
            memory.put(code, None, now)
    return hits / VISITS


if __name__ == "__main__":
    main()
