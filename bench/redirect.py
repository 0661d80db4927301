"""The cost of a redirect compared with a baseline handler: CPU per call, in one run, over one canned DynamoDB.

Four handlers are called as Lambda calls them, `handler(event, context)`, each in its own process:

    bare      a Chalice route that returns a constant 302
    memory    our redirect's function, the link in the cache of the container
    table     our redirect's function, the link read from the table
    baseline  a handler with a boto3 resource at module scope, a Table for each request, and GetItem

The DynamoDB is a loopback server with one canned response, so that the figures are the function's own cost. Rounds
alternate between the handlers, and the median round counts: other load on the machine affects all of them alike.
Read the ratios, not the microseconds.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from bench import canned

HANDLERS = ("bare", "memory", "table", "baseline")
ROUNDS = 25
CALLS = {"bare": 2000, "memory": 2000, "table": 150, "baseline": 150}
AGREED = {"memory": ("bare", 1.8), "table": ("baseline", 0.2)}  # at most so many times the other


def main() -> None:
    """Measure all four and print the table; exit 1 where a figure is worse than agreed."""
    if len(sys.argv) > 1:
        _serve_rounds(sys.argv[1])
        return
    dynamodb = canned.dynamodb({"Item": canned.LINK})
    workers = {name: _worker(name, dynamodb.server_port) for name in HANDLERS}
    micros: dict[str, list[float]] = {name: [] for name in HANDLERS}
    for done in range(ROUNDS):
        for name, worker in workers.items():
            micros[name].append(_round(worker))
        print(f"\r  round {done + 1} of {ROUNDS}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for worker in workers.values():
        worker.terminate()
        worker.wait()
    dynamodb.shutdown()
    sys.exit(0 if _report({name: statistics.median(values) for name, values in micros.items()}) else 1)


def _report(micros: dict[str, float]) -> bool:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; CPU per call, median\n")
    print("| handler | CPU us | times `bare` | times `baseline` |")
    print("|---|---:|---:|---:|")
    for name, value in micros.items():
        print(f"| {name} | {value:.0f} | {value / micros['bare']:.2f} | {value / micros['baseline']:.2f} |")
    good = True
    for name, (other, most) in AGREED.items():
        ratio = micros[name] / micros[other]
        good = good and ratio <= most
        print(f"\n{name} is {ratio:.2f} times {other}; agreed: at most {most}{'' if ratio <= most else '  <-- MISSED'}")
    return good


def _worker(name: str, dynamodb_port: int) -> subprocess.Popen[str]:
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{dynamodb_port}",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CLIENT": "http",
        "BASE_URL": "https://sho.rt",
        "SERVICE": "shortener-bench",  # metrics are part of what a redirect costs
        "LINK_CACHE_SECONDS": "3600" if name == "memory" else "0",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(Path(__file__)), name]
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _round(worker: subprocess.Popen[str]) -> float:
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("The worker has no pipes.")
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


def _serve_rounds(name: str) -> None:
    handler = {"bare": _bare, "memory": _ours, "table": _ours, "baseline": _baseline}[name]()
    results = sys.stdout
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # log lines go nowhere, for as long as the process lives
    event = json.dumps(canned.EVENT)
    response = handler(json.loads(event), None)
    if response["statusCode"] != 302:  # noqa: PLR2004  # the expected redirect
        raise RuntimeError(f"{name} returned {response}")
    events = [json.loads(event) for _ in range(CALLS[name])]
    for _ in sys.stdin:
        started = time.process_time()
        for each in events:
            handler(each, None)
        results.write(f"{(time.process_time() - started) / len(events) * 1e6}\n")
        results.flush()


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def _bare() -> Handler:
    from bench.handlers.bare_chalice import app

    return app


def _baseline() -> Handler:
    from bench.handlers.baseline import app

    return app


def _ours() -> Handler:
    from chalicelib.redirect_lambda import app

    return app


if __name__ == "__main__":
    main()
