"""How long a package takes to start, and to respond to its first request, under Lambda's own runtime client.

`awslambdaric` is what starts a Python function inside Lambda. Here it is fed by a small server that speaks the Runtime
API, with the unpacked package as a folder that is not written to, as on Lambda. Init is from the start of the process
to its first request for work; the first answer is a redirect of a code that the table does not have. Starts of the
packages alternate, so that whatever else the machine does falls on all of them; what differs is told pair by pair, by
CPU: what waits for its turn on a busy machine does not count.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench import canned
from dev.deploy import package

STARTS = 31
_SURE = 22  # of 31 pairs: chance alone decides so many one way, or more, in three of a hundred tries
_HEADERS = {  # where one is missing, the native client crashes
    "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:000000000000:function:bench",
    "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
    "Lambda-Runtime-Client-Context": "{}",
    "Lambda-Runtime-Cognito-Identity": "{}",
    "Content-Type": "application/json",
}


@dataclass
class Measured:
    """Seconds since the process was started."""

    ready: float = 0.0
    asked: float = 0.0
    answered: float = 0.0
    cpu: float = 0.0
    """CPU of the process from its start to its end: milliseconds."""
    answer: dict[str, Any] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def init(self) -> float:
        """Return the milliseconds until the first request for work."""
        return self.ready * 1000

    @property
    def first_answer(self) -> float:
        """Return the milliseconds of the first response."""
        return (self.answered - self.asked) * 1000


def report(packages: Mapping[str, Path], handler: str = "app.app") -> None:
    """Print init and first response of each package, and what the first package saves against each other one."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: _unpacked(code, Path(scratch) / name) for name, code in packages.items()}
        starts: dict[str, list[Measured]] = {name: [] for name in folders}
        for _ in range(STARTS):
            for name, folder in folders.items():
                starts[name].append(start(folder, handler))
    print(f"\n  cold start of {handler}, Python {sys.version.split()[0]}, {STARTS} starts: median (least to most), ms")
    print("  | package | init | first answer | CPU of both |")
    print("  |---|---:|---:|---:|")
    for name, measured in starts.items():
        columns = ([m.init for m in measured], [m.first_answer for m in measured], [m.cpu for m in measured])
        print(f"  | {name} | {' | '.join(map(_spread, columns))} |")
    best, *others = starts
    for other in others:
        print(f"  {best} against {other}: {verdict(starts[best], starts[other])}")


def verdict(one: Sequence[Measured], other: Sequence[Measured]) -> str:
    """Return a sentence about the CPU that ``one`` saves against ``other`` up to its response, if it exceeds noise."""
    savings = [theirs.cpu - ours.cpu for ours, theirs in zip(one, other, strict=True)]
    less = sum(saving > 0 for saving in savings)
    words = (
        f"saves {statistics.median(savings):.0f} ms of CPU in the median pair, some in {less} of {len(savings)} pairs"
    )
    return words if max(less, len(savings) - less) >= _SURE else f"{words}: noise"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def start(folder: Path, handler: str) -> Measured:
    """Start the function in ``folder`` once, let it respond to one redirect, and end it."""
    measured = Measured()
    runtime = _runtime_api(measured)
    dynamodb = canned.dynamodb({})
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{dynamodb.server_port}",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "BASE_URL": "https://sho.rt",
        "AWS_CLIENT": "http",  # which the template calls by-hand in this version
        "LAMBDA_TASK_ROOT": str(folder),
    }
    cpu_before = _cpu_of_children()
    measured.started = time.monotonic()  # type: ignore[attr-defined]  # read by the server alone
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", handler],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    finished = measured.done.wait(30)
    process.terminate()
    words = process.communicate()[0].decode()
    measured.cpu = (_cpu_of_children() - cpu_before) * 1000
    for server in (runtime, dynamodb):
        server.shutdown()
        server.server_close()
    if not finished or measured.answer.get("statusCode") != 302:  # noqa: PLR2004  # an unknown code leads home
        raise RuntimeError(f"The function did not start: {measured.answer}\n{words}")
    return measured


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _unpacked(code: Path, folder: Path) -> Path:
    """Unpack a package, without files compiled for another machine: this one has its own in site-packages."""
    with zipfile.ZipFile(code) as zipped:
        zipped.extractall(folder)
    return folder


def _runtime_api(measured: Measured) -> ThreadingHTTPServer:
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 64 * 1024  # head and body in one piece, or every call shows 44 ms that are not the app's
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            now = time.monotonic() - measured.started  # type: ignore[attr-defined]  # set before the process starts
            if measured.ready:
                measured.done.wait()
                return
            measured.ready = now
            body = json.dumps(canned.EVENT).encode()
            self.send_response(200)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 10) * 1000)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            measured.asked = time.monotonic() - measured.started  # type: ignore[attr-defined]  # as above

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            measured.answered = time.monotonic() - measured.started  # type: ignore[attr-defined]  # as above
            measured.answer = json.loads(body)
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.wfile.flush()
            measured.done.set()

        def log_message(self, *args: object) -> None:
            pass

    server = canned.QuietServer(("127.0.0.1", 0), RuntimeApi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Measure the package of a stage that was built already, or the zips that are named."""
    named = sys.argv[1:] or ["prod"]
    if all(name.endswith(".zip") for name in named):
        report({Path(name).stem: Path(name) for name in named})
        return
    built = package.location(named[0], for_this_machine=named[0] == "local")
    report({"compiled": built.code, "uncompiled": built.uncompiled})


if __name__ == "__main__":
    main()
