"""``make run``: the local AWS, its tables, and the doors on HTTP, until Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from watchfiles import watch

from dev import deploy, local_aws, package, stack

ROOT = Path(__file__).parent.parent
_WATCHED = ("app.py", "chalicelib", ".chalice")
_START_SECONDS = 30


def main() -> None:
    """Run until a signal says stop; say in one sentence why it cannot."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: a shell's `&` has it ignored
        signal.signal(number, signal.default_int_handler)
    state_dir = Path(os.environ.get("STATE_DIR") or ROOT / ".local").resolve()
    try:
        port, aws_port = _free_port("PORT", 8000), _free_port("AWS_PORT", 4566)
        if port == aws_port:
            sys.exit(f"PORT and AWS_PORT are both {port}; choose another: make run PORT={port % 65535 + 1}")
        print("Starting the local AWS ...", flush=True)
        with local_aws.running(aws_port, state_dir) as aws:
            os.environ.update(local_aws.environment(aws_port))
            os.environ.update({"BASE_URL": f"http://127.0.0.1:{port}", "PYTHONUNBUFFERED": "1"})
            print("Deploying the stack to it ...", flush=True)
            os.environ.update(deploy.beside())
            _serve(port, aws)
    except (local_aws.LocalAwsFailed, package.PackageRefused, stack.StackFailed) as failed:
        sys.exit(str(failed))
    except KeyboardInterrupt:
        print("\nStopped; the links are kept.", flush=True)


def _serve(port: int, aws: subprocess.Popen[bytes]) -> None:
    server, deploying, has_ended = _start_server(port), None, False
    try:
        if not _answers(server, port):
            sys.exit("The server did not start; its own words are above.")
        _greet(port)
        for changes in watch(*(ROOT / name for name in _WATCHED), rust_timeout=500, yield_on_timeout=True):
            if aws.poll() is not None:
                sys.exit("MiniStack stopped on its own; ministack.log says why.")
            if server.poll() is not None and not has_ended:
                print("The server has ended; its own words are above. The next save starts it again.", flush=True)
                has_ended = True
            if changes:
                has_ended = False
                print("Saved: starting the server again.", flush=True)
                local_aws.stop(server, seconds=5)
                server = _start_server(port)
                if deploying is not None:
                    local_aws.stop(deploying, seconds=5)
                deploying = local_aws.start([sys.executable, "-m", "dev.deploy", "beside"], os.environ)
    finally:
        local_aws.stop(server, seconds=5)


def _start_server(port: int) -> subprocess.Popen[bytes]:
    # Chalice's own reloader would look at every file of .venv once a second; we watch the sources only.
    arguments = ["local", "--stage", "local", "--host", "127.0.0.1", "--port", str(port), "--no-autoreload"]
    return local_aws.start([sys.executable, "-m", "dev.chalice_local", *arguments], os.environ)


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False


def _greet(port: int) -> None:
    json = """-H 'Content-Type: application/json' -d '{"url": "https://en.wikipedia.org/wiki/URL_shortening"}'"""
    width = min(shutil.get_terminal_size().columns, 100)
    print(
        f"{'-' * width}\n"
        f"The URL shortener is at http://127.0.0.1:{port}  (Ctrl-C stops it; links are kept)\n\n"
        f"Shorten something:\n"
        f"  curl http://127.0.0.1:{port}/links {json}\n"
        f"{'-' * width}",
        flush=True,
    )


def _free_port(name: str, default: int) -> int:
    port = local_aws.port_from(os.environ, name, default)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            sys.exit(f"Port {port} needs more rights than you have; choose another: make run {name}=8080")
        except OSError:
            sys.exit(f"Port {port} is taken; choose another: make run {name}={port % 65535 + 1}")
    return port


if __name__ == "__main__":
    main()
