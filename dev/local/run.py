"""``make run``: the local AWS, its tables, and the API on HTTP, until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from watchfiles import watch

from chalicelib.core.domains import Domains
from dev.admin import keys
from dev.deploy import commands, package, stack
from dev.local import local_aws
from dev.paths import ROOT

_WATCHED = ("app.py", "chalicelib", ".chalice")
_START_SECONDS = 30


def main() -> None:
    """Run until a signal; if it cannot start, exit with one sentence."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: a shell's `&` has it ignored
        signal.signal(number, signal.default_int_handler)
    state_dir = local_aws.state_dir_in(os.environ)
    try:
        port, aws_port = _free_port("PORT", 8000), _free_port("AWS_PORT", local_aws.DEFAULT_PORT)
        if port == aws_port:
            sys.exit(f"PORT and AWS_PORT are both {port}; choose another: make run PORT={port % 65535 + 1}")
        print("Starting the local AWS ...", flush=True)
        with local_aws.running(aws_port, state_dir) as aws:
            local_aws.use(aws_port)
            os.environ.update({"BASE_URL": f"http://127.0.0.1:{port}", "PYTHONUNBUFFERED": "1"})
            print("Deploying the stack to it ...", flush=True)
            os.environ.update(commands.beside())
            _serve(port, aws, state_dir)
    except (local_aws.LocalAwsFailed, package.PackageRefused, stack.StackFailed, keys.KeyNotMade) as failed:
        sys.exit(str(failed))
    except (BotoCoreError, ClientError) as failed:
        sys.exit(f"The local AWS does not answer as it should: {failed}")
    except KeyboardInterrupt:
        print("\nStopped; the links are kept.", flush=True)


def _serve(port: int, aws: subprocess.Popen[bytes], state_dir: Path) -> None:
    of_domains = _settings_of_domains()
    server, deploying, has_ended = _start_server(port, of_domains), None, False
    try:
        if not _answers(server, port):
            sys.exit("The server did not start; its own words are above.")
        _greet(port, _key_lines(), _further_addresses(port, of_domains))
        for changes in watch(*(ROOT / name for name in _WATCHED), rust_timeout=500, yield_on_timeout=True):
            if aws.poll() is not None:
                sys.exit(_lost(aws.returncode, state_dir))
            if server.poll() is not None and not has_ended:
                print("The server has ended; its own words are above. The next save starts it again.", flush=True)
                has_ended = True
            if changes:
                has_ended = False
                print("Saved: starting the server again.", flush=True)
                local_aws.stop(server, seconds=5)
                try:
                    of_domains = _settings_of_domains()
                except package.PackageRefused as refused:
                    print(f"The domains stay as they were: {refused}", flush=True)
                server = _start_server(port, of_domains)
                if deploying is not None:
                    local_aws.stop(deploying, seconds=5)
                deploying = local_aws.start([sys.executable, "-m", "dev.deploy", "beside"], os.environ)
    finally:
        local_aws.stop(server, seconds=5)


def _settings_of_domains() -> dict[str, str]:
    """Return the settings that the stack's functions get of the stage's domains, for the server.

    Raises:
        PackageRefused
    """
    hosts = package.hosts("local")
    found = {"DOMAINS": hosts.setting, "OWN_HOSTS": ",".join(hosts.default)}
    return {name: value for name, value in found.items() if value}


def _further_addresses(port: int, of_domains: Mapping[str, str]) -> list[str]:
    """Return where short URLs of further domains begin."""
    known = Domains.from_text(of_domains.get("DOMAINS", ""), f"http://127.0.0.1:{port}")
    default = filter(None, of_domains.get("OWN_HOSTS", "").split(","))
    return [*(f"http://{host}:{port}" for host in default), *(each.url for each in known.active()[1:])]


def _start_server(port: int, of_domains: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Chalice's own reloader would check every file of .venv once a second; this watches the sources only.
    arguments = ["local", "--stage", "local", "--host", "127.0.0.1", "--port", str(port), "--no-autoreload"]
    environ = {**os.environ, **of_domains}
    return local_aws.start([sys.executable, "-m", "dev.local.chalice_local", *arguments], environ)


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False


def _key_lines() -> str:
    """Return the lines about API keys. The first key is created here, only if a terminal shows it, once."""
    where = f" STATE_DIR={shlex.quote(os.environ['STATE_DIR'])}" if os.environ.get("STATE_DIR") else ""
    key = keys.create_first() if sys.stdout.isatty() else None
    if key is None:
        return f"`make key NAME={keys.FIRST}{where}` makes an API key, which lists and changes links in any browser."
    return (
        f"The first API key, of {keys.FIRST!r}, is shown this once: give it to the page, or send it as X-Api-Key.\n"
        f"It may do everything in its workspace. `make key WORKSPACE={keys.FIRST} NAME=phone{where}` makes another.\n"
        f"  {key}"
    )


def _greet(port: int, key_lines: str, further: Sequence[str]) -> None:
    json = """-H 'Content-Type: application/json' -d '{"url": "https://en.wikipedia.org/wiki/URL_shortening"}'"""
    links_at = "".join(f"Short URLs may begin with {address} as well\n" for address in further)
    width = min(shutil.get_terminal_size().columns, 100)
    print(
        f"{'-' * width}\n"
        f"The URL shortener is at http://127.0.0.1:{port}  (Ctrl-C stops it; links are kept)\n"
        f"{links_at}"
        f"Where a process of it is killed, what was acknowledged two seconds before is kept as well.\n\n"
        f"{key_lines}\n\n"
        f"Shorten something:\n"
        f"  curl http://127.0.0.1:{port}/v1/links {json}\n"
        f"{'-' * width}",
        flush=True,
    )


def _lost(status: int, state_dir: Path) -> str:
    """Return the message for a local AWS that has ended by itself."""
    how = f"was ended by signal {-status}" if status < 0 else "has ended by itself"
    why = "" if status == -signal.SIGKILL else f" {local_aws.last_words(state_dir)}"
    return f"The local AWS {how}. What it acknowledged two seconds before is kept: make run starts it again.{why}"


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
